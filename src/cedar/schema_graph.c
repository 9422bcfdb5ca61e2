#include "cedar/schema_graph.h"

#include <stdlib.h>

/* Pairs of a type or action and one above it, at any distance. */
#define ABOVE_MAX 4194304u

static int
edge_cmp(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

bool
graph_make(struct arena *a, size_t n, struct source_list *edges, struct graph *out, struct cedar_error *error)
{
    struct edge *e = edges->at;
    size_t m = 0;
    *out = (struct graph){.n = n, .from = arena_list(a, n + 2, sizeof *out->from), .to = arena_list(a, edges->n + 1, sizeof *out->to)};
    if (out->from == NULL || out->to == NULL)
        return error_memory(error);
    if (edges->n > 0)
        qsort(e, edges->n, sizeof *e, edge_cmp);
    for (size_t i = 0; i < edges->n; i++) {
        if (i > 0 && e[i].from == e[i - 1].from && e[i].to == e[i - 1].to)
            continue;
        out->to[m++] = e[i].to;
        out->from[e[i].from + 1] = m;
    }
    for (size_t i = 1; i <= n; i++)
        if (out->from[i] < out->from[i - 1])
            out->from[i] = out->from[i - 1];
    return true;
}

bool
graph_edge(struct arena *a, struct source_list *edges, size_t from, size_t to, struct cedar_error *error)
{
    struct edge *e = source_list_add(a, edges);
    if (e == NULL)
        return error_memory(error);
    *e = (struct edge){(uint32_t)from, (uint32_t)to};
    return true;
}

bool
graph_reverse(struct arena *a, const struct graph *g, struct graph *out, struct cedar_error *error)
{
    struct source_list edges = {.size = sizeof(struct edge)};
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = g->from[i]; k < g->from[i + 1]; k++)
            if (!graph_edge(a, &edges, g->to[k], i, error))
                return false;
    return graph_make(a, g->n, &edges, out, error);
}

bool
graph_close(struct arena *a, const struct graph *g, struct graph *out, struct cedar_error *error)
{
    struct source_list edges = {.size = sizeof(struct edge)};
    uint32_t *seen = arena_list(a, g->n + 1, sizeof *seen), *queue = arena_list(a, g->n + 1, sizeof *queue);
    if (seen == NULL || queue == NULL)
        return error_memory(error);
    for (size_t i = 0; i < g->n; i++) {
        size_t n = 0, done = 0;
        for (size_t from = i;; from = queue[done++]) {
            for (size_t k = g->from[from]; k < g->from[from + 1]; k++) {
                uint32_t to = g->to[k];
                if (seen[to] == i + 1)
                    continue;
                seen[to] = (uint32_t)i + 1;
                queue[n++] = to;
                if (edges.n == ABOVE_MAX)
                    return error_set(error, CEDAR_LIMIT, 0, 0, "the hierarchy has more than %u pairs of a member and a group", ABOVE_MAX);
                if (!graph_edge(a, &edges, i, to, error))
                    return false;
            }
            if (done == n)
                break;
        }
    }
    return graph_make(a, g->n, &edges, out, error);
}
