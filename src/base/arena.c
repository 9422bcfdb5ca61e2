#include "base/arena.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_FIRST 4096
#define BLOCK_LARGEST (1u << 20)
#define MAX_DEFAULT ((size_t)64 << 20)

_Static_assert(sizeof(struct arena_block) + BLOCK_FIRST <= MEM_BLOCK, "a first block fits");

static struct arena_block *
block_make(size_t cap)
{
    return cap == BLOCK_FIRST ? mem_block() : malloc(sizeof(struct arena_block) + cap);
}

static void
block_free(struct arena_block *block)
{
    if (block->cap == BLOCK_FIRST)
        mem_block_back(block);
    else
        free(block);
}

static struct arena_block *
block_add(struct arena *a, size_t need)
{
    size_t cap = a->last ? a->last->cap * 2 : BLOCK_FIRST;
    if (cap > BLOCK_LARGEST)
        cap = BLOCK_LARGEST;
    if (cap < need)
        cap = need;
    size_t max = a->max ? a->max : MAX_DEFAULT;
    if (need > max || a->used > max - need)
        return NULL;
    struct arena_block *block = block_make(cap);
    if (block == NULL)
        return NULL;
    block->before = a->last;
    block->n = 0;
    block->cap = cap;
    a->last = block;
    a->used += cap;
    return block;
}

/* As arena_get, with anything in it. */
static void *
get_raw(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - 32)
        return NULL;
    size_t need = (n + 15) & ~(size_t)15;
    struct arena_block *block = a->last;
    if (block == NULL || block->cap - block->n < need)
        block = block_add(a, need);
    if (block == NULL)
        return NULL;
    void *at = block->at + block->n;
    block->n += need;
    return at;
}

void *
arena_get(struct arena *a, size_t n)
{
    void *at = get_raw(a, n);
    return at ? memset(at, 0, n) : NULL;
}

void *
arena_list(struct arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    return arena_get(a, n);
}

struct bytes
arena_copy(struct arena *a, struct bytes b)
{
    uint8_t *at = b.n < SIZE_MAX ? get_raw(a, b.n + 1) : NULL;
    if (at == NULL)
        return (struct bytes){NULL, 0};
    if (b.n)
        memcpy(at, b.at, b.n);
    at[b.n] = 0;
    return (struct bytes){at, b.n};
}

char *
arena_str(struct arena *a, struct bytes b)
{
    return (char *)(uintptr_t)arena_copy(a, b).at;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *at = n < 0 ? NULL : arena_get(a, (size_t)n + 1);
    if (at == NULL)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(at, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return at;
}

void
arena_reset(struct arena *a)
{
    while (a->last && a->last->before) {
        struct arena_block *block = a->last;
        a->last = block->before;
        a->used -= block->cap;
        block_free(block);
    }
    if (a->last)
        a->last->n = 0;
}

void
arena_reuse(struct arena *a, size_t keep)
{
    bool grown = a->last && a->last->before && a->last->cap < keep;
    size_t want = a->used < keep ? a->used : keep;
    arena_reset(a);
    if (!grown || a->last->cap >= want)
        return;
    arena_free(a);
    block_add(a, want);
}

void
arena_free(struct arena *a)
{
    while (a->last) {
        struct arena_block *block = a->last;
        a->last = block->before;
        block_free(block);
    }
    a->used = 0;
}
