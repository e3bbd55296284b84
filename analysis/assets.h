/* analysis/assets.h - the report's sources (analysis/report/), built into the program. */
#ifndef ANALYSIS_ASSETS_H
#define ANALYSIS_ASSETS_H

/* Zero-terminated text. */
extern const char asset_page[];   /* page.html, with @NAME@ where the other parts go */
extern const char asset_style[];  /* style.css */
extern const char asset_script[]; /* charts.js, page.js, messages.js */

#endif
