#include "cedar/share.h"

#include <stdlib.h>

/* Types and how many nodes are of each, in a table that is at most half full. */
struct census {
    struct counted {
        const char *type; /* NULL: free */
        uint32_t n;
    } *at;
    size_t n, cap; /* ${cap}: a power of two, or 0 */
};

/* Types are interned: their addresses will do. They are no numbers that somebody chose, so the table cannot be made slow. */
static struct counted *
place(const struct census *c, const char *type)
{
    size_t i = (size_t)((uint64_t)(uintptr_t)type * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (c->cap - 1);
    while (c->at[i].type && c->at[i].type != type)
        i = (i + 1) & (c->cap - 1);
    return &c->at[i];
}

static bool
grow(struct census *c)
{
    struct census more = {.n = c->n, .cap = c->cap ? c->cap * 2 : 64};
    if (c->n * 2 < c->cap)
        return true;
    more.at = calloc(more.cap, sizeof *more.at);
    for (size_t i = 0; more.at && i < c->cap; i++)
        if (c->at[i].type)
            *place(&more, c->at[i].type) = c->at[i];
    if (more.at == NULL)
        return false;
    free(c->at);
    *c = more;
    return true;
}

static bool
take(struct census *c, const char *type)
{
    if (!grow(c))
        return false;
    struct counted *to = place(c, type);
    c->n += to->type == NULL;
    to->type = type;
    to->n++;
    return true;
}

float *
share_of_nodes(const struct node *const *nodes, size_t n, struct arena *a)
{
    float *shares = arena_list(a, n, sizeof *shares);
    struct census c = {NULL, 0, 0};
    bool ok = shares != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = take(&c, nodes[i]->value.uid.type.at);
    for (size_t i = 0; ok && i < n; i++)
        shares[i] = 0;
    for (size_t i = 0; ok && i < n; i++) {
        float one = 1 / (float)place(&c, nodes[i]->value.uid.type.at)->n;
        shares[i] += one;
        for (uint32_t k = 0; k < nodes[i]->n_ancestors; k++)
            shares[nodes[i]->ancestors[k]] += one;
    }
    free(c.at);
    return ok ? shares : NULL;
}
