#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void *
mem_zeroed(size_t n)
{
    void *at = malloc(n);
    return at ? memset(at, 0, n) : NULL;
}

/* With AddressSanitizer nothing is kept: it is to see every use after the end. */
#ifdef __SANITIZE_ADDRESS__
void *
mem_block(void)
{
    return malloc(MEM_BLOCK);
}

void
mem_block_back(void *block)
{
    free(block);
}
#else
#define SPARE_MAX 16u

static _Thread_local void *spare[SPARE_MAX];
static _Thread_local unsigned n_spare;

void *
mem_block(void)
{
    return n_spare ? spare[--n_spare] : malloc(MEM_BLOCK);
}

void
mem_block_back(void *block)
{
    if (block && n_spare < SPARE_MAX)
        spare[n_spare++] = block;
    else
        free(block);
}
#endif
