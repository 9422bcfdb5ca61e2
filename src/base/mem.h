/*
 * Memory that every call takes and gives back. malloc has quick lists for small sizes only, and calloc does not use them; a block of 4 KiB,
 * the first of an arena and the second size of a growing buffer, has a list here, one for each thread. What is given back may be
 * freed by free() as well: it all comes from malloc.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#define MEM_BLOCK 4224 /* 4 KiB and room for a header */

/* mem_zeroed(n): ${n} zeroed bytes, or NULL. */
void *mem_zeroed(size_t n) __attribute__((malloc));
/* mem_block(): MEM_BLOCK bytes with anything in them, or NULL. */
void *mem_block(void) __attribute__((malloc));
void mem_block_back(void *block);

#endif
