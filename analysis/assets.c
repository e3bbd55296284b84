#include "analysis/assets.h"

/* The assembler reads the files; paths are from the root of the tree, where make runs. */
__asm__(".section .rodata\n"
        ".global asset_page, asset_style, asset_script\n"
        "asset_page: .incbin \"analysis/report/page.html\"\n"
        ".byte 0\n"
        "asset_style: .incbin \"analysis/report/style.css\"\n"
        ".byte 0\n"
        "asset_script: .incbin \"analysis/report/charts.js\"\n"
        ".incbin \"analysis/report/page.js\"\n"
        ".incbin \"analysis/report/messages.js\"\n"
        ".incbin \"analysis/report/layers.js\"\n"
        ".byte 0\n"
        ".section .note.GNU-stack,\"\",@progbits\n"
        ".text\n");
