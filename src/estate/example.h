/*
 * The example estate (examples/init), embedded. @NAME@ in a file stands for a value that init.c fills in.
 */
#ifndef ESTATE_EXAMPLE_H
#define ESTATE_EXAMPLE_H

#include <stddef.h>

struct example_file {
    const char *path;
    const unsigned char *at;
    size_t n;
};
extern const struct example_file example_files[];

#endif
