/*
 * Arena: memory that is freed all at once. One per call, per loaded estate, per parsed document. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;

/* ${max} bounds the sum of all blocks; 0 means 64 MiB. Zero-initialised is a valid empty arena. */
struct arena {
    struct arena_block *last;
    size_t used, max;
};

struct arena_block {
    struct arena_block *before;
    size_t n, cap;
    _Alignas(16) uint8_t at[];
};

/* arena_get(a, n): ${n} zeroed bytes aligned for any type, or NULL (out of memory, or past the arena's maximum). */
void *arena_get(struct arena *a, size_t n) __attribute__((malloc));
/* arena_list(a, count, size): an array, or NULL; the product is checked. */
void *arena_list(struct arena *a, size_t count, size_t size);
/* arena_copy(a, b): the bytes again, with a zero behind them (usable as a C string when they hold none); at == NULL on failure. */
struct bytes arena_copy(struct arena *a, struct bytes b);
/* arena_str(a, b): as a C string. NULL on failure. */
char *arena_str(struct arena *a, struct bytes b);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* arena_reset(a): forget all; one block is kept for reuse. */
void arena_reset(struct arena *a);
/* arena_reuse(a, keep): forget all; what is kept for reuse is one block as large as all were together, of at most ${keep} bytes or the first. */
void arena_reuse(struct arena *a, size_t keep);
void arena_free(struct arena *a);

/* arena_small(a, n): arena_get where ${n} is a small constant. */
static inline void *
arena_small(struct arena *a, size_t n)
{
    struct arena_block *block = a->last;
    size_t need = (n + 15) & ~(size_t)15;
    if (block == NULL || block->cap - block->n < need)
        return arena_get(a, n);
    void *at = block->at + block->n;
    block->n += need;
    return memset(at, 0, need);
}

#define ARENA_NEW(a, type) ((type *)arena_small((a), sizeof(type)))

#endif
