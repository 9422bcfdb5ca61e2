#include "cedar/schema_source.h"

#include <stdlib.h>

void *
source_list_add(struct arena *a, struct source_list *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 4;
        void *more = arena_list(a, cap, l->size);
        if (more == NULL)
            return NULL;
        if (l->n > 0)
            memcpy(more, l->at, l->n * l->size);
        l->at = more;
        l->cap = cap;
    }
    return (char *)l->at + l->n++ * l->size;
}

static struct cedar_str
name_at(const void *at, size_t i, size_t size)
{
    struct cedar_str name;
    memcpy(&name, (const char *)at + i * size, sizeof name);
    return name;
}

struct order {
    struct cedar_str name;
    size_t index;
};

static int
order_cmp(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    int c = str_cmp(x->name, y->name);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

bool
source_list_sort(struct arena *a, struct source_list *l, const void **twice)
{
    struct order *order = arena_list(a, l->n, sizeof *order);
    char *sorted = arena_list(a, l->n, l->size);
    size_t first = l->n;
    *twice = NULL;
    if (l->n == 0)
        return true;
    if (order == NULL || sorted == NULL)
        return false;
    for (size_t i = 0; i < l->n; i++)
        order[i] = (struct order){name_at(l->at, i, l->size), i};
    qsort(order, l->n, sizeof *order, order_cmp);
    for (size_t i = 0; i < l->n; i++) {
        memcpy(sorted + i * l->size, (const char *)l->at + order[i].index * l->size, l->size);
        if (i > 0 && str_eq(order[i].name, order[i - 1].name) && order[i].index < first) {
            first = order[i].index;
            *twice = sorted + i * l->size;
        }
    }
    l->at = sorted;
    return true;
}

const void *
source_find(const void *at, size_t n, size_t size, struct cedar_str name)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = str_cmp(name_at(at, middle, size), name);
        if (c == 0)
            return (const char *)at + middle * size;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------------------------------- names */

void
source_name_split(struct cedar_str full, struct cedar_str *space, struct cedar_str *base)
{
    size_t n = full.n;
    while (n > 0 && full.at[n - 1] != ':')
        n--;
    *base = (struct cedar_str){full.at + n, full.n - n};
    *space = (struct cedar_str){full.at, n >= 2 ? n - 2 : 0};
}

struct cedar_str
source_name_part(struct cedar_str name, size_t *at)
{
    if (*at >= name.n)
        return (struct cedar_str){NULL, 0};
    struct cedar_str rest = {name.at + *at, name.n - *at};
    size_t n = bytes_find(str_bytes(rest), ':');
    *at += n < rest.n ? n + 2 : n;
    return (struct cedar_str){rest.at, n};
}

int
source_name_cmp(struct cedar_str a, struct cedar_str b)
{
    struct cedar_str space[2], base[2];
    source_name_split(a, &space[0], &base[0]);
    source_name_split(b, &space[1], &base[1]);
    int c = str_cmp(base[0], base[1]);
    for (size_t i = 0, j = 0; c == 0;) {
        struct cedar_str x = source_name_part(space[0], &i), y = source_name_part(space[1], &j);
        if (x.at == NULL || y.at == NULL)
            return (x.at != NULL) - (y.at != NULL);
        c = str_cmp(x, y);
    }
    return c;
}

bool
source_reserved(struct cedar_str name)
{
    for (size_t at = 0; at < name.n;)
        if (str_is(source_name_part(name, &at), "__cedar"))
            return true;
    return false;
}
