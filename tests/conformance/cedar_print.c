/*
 * cedar_print SEED: the generated calls of one seed, a line each (cedar_calls.h).
 */
#include "cedar_generate.h"

#include <stdio.h>
#include <stdlib.h>

static void
emit(void *ctx, struct bytes line)
{
    (void)ctx;
    fwrite(line.at, 1, line.n, stdout);
    putchar('\n');
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: cedar_print SEED\n");
        return 2;
    }
    struct choice c = {.state = strtoull(argv[1], NULL, 10)};
    generate_group(&c, emit, NULL);
    return 0;
}
