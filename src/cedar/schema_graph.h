/* Who is above whom: hierarchies of entity types and actions, and common types that refer to one another. */
#ifndef CEDAR_SCHEMA_GRAPH_H
#define CEDAR_SCHEMA_GRAPH_H

#include "cedar/schema_source.h"

/* Edges over 0 … n-1, those of ${i} at to[from[i]] … to[from[i + 1] - 1], in order. */
struct graph {
    size_t n;
    size_t *from;
    uint32_t *to;
};

struct edge {
    uint32_t from, to;
};

/* All return false with ${error} set when they fail. graph_edge: one more for graph_make; ${edges} is a list of struct edge. */
bool graph_edge(struct arena *a, struct source_list *edges, size_t from, size_t to, struct cedar_error *error);
/* graph_make: from edges in any order; those that stand twice count once. */
bool graph_make(struct arena *a, size_t n, struct source_list *edges, struct graph *out, struct cedar_error *error);
bool graph_reverse(struct arena *a, const struct graph *g, struct graph *out, struct cedar_error *error);
/* graph_close: an edge wherever there was a way. A bound on all of them is an error. */
bool graph_close(struct arena *a, const struct graph *g, struct graph *out, struct cedar_error *error);

#endif
