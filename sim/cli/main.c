/* The program `weft`: picks the subcommand. */
#include <stdio.h>

int main(void)
{
    fputs("weft: nothing is built in yet\n", stderr);
    return 2;
}
