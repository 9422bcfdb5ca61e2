/* The compiled entity store: nodes of all entities, numbered as they stand in the entity set, in one table with all their values. */
#ifndef CEDAR_STORE_H
#define CEDAR_STORE_H

#include "cedar/intern.h"

struct cedar_store {
    int refs;
    struct arena a;
    struct interner table;
    const float *shares; /* of the nodes of its entities, which have the first numbers (share.h) */
    size_t n_shares;
};

/* node_in(low, high): is ${high} an ancestor of ${low}? Not for the same node. */
static inline bool
node_in(const struct node *low, uint32_t high)
{
    const uint32_t *at = low->ancestors;
    uint32_t n = low->n_ancestors;
    if (n <= 8) {
        for (uint32_t i = 0; i < n; i++)
            if (at[i] == high)
                return true;
        return false;
    }
    while (n > 1) { /* the last of those that are not above ${high} */
        uint32_t half = n / 2;
        at += at[half] <= high ? half : 0;
        n -= half;
    }
    return *at == high;
}

#endif
