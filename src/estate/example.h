/*
 * Embedded folders: the example estate (examples/init), in which @NAME@ stands for a value that init.c fills in, and the built-in packs (packs/).
 */
#ifndef ESTATE_EXAMPLE_H
#define ESTATE_EXAMPLE_H

#include <stddef.h>

struct example_file {
    const char *path;
    const unsigned char *at;
    size_t n;
};
extern const struct example_file example_files[], builtin_packs[]; /* each ends with a row without path */

#endif
