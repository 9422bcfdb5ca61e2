/* A list that grows while policies are compiled. */
#ifndef CEDAR_GROWING_H
#define CEDAR_GROWING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct growing {
    void *at;
    size_t n, cap;
    bool failed; /* no memory, or more than 2^31 pieces; sticks */
};

/* growing_add(g, n, size): ${n} more pieces at the end, zeroed; NULL when it failed. */
static inline void *
growing_add(struct growing *g, size_t n, size_t size)
{
    if (g->at == NULL || g->cap - g->n < n) {
        size_t cap = (g->cap + n) * 2 + 16;
        void *at = cap < UINT32_MAX / 2 ? realloc(g->at, cap * size) : NULL;
        if (at == NULL) {
            g->failed = true;
            return NULL;
        }
        g->at = at;
        g->cap = cap;
    }
    char *to = (char *)g->at + g->n * size;
    for (size_t i = 0; i < n * size; i++)
        to[i] = 0;
    g->n += n;
    return to;
}

#endif
