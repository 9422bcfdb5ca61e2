/*
 * Terms: the conditions of a whole policy set as one graph in which equal expressions are the same term, so that policies share their
 * parts. Operands have lower numbers than what they are part of. Sets, records and extension calls of literals are literals here.
 */
#ifndef CEDAR_GRAPH_H
#define CEDAR_GRAPH_H

#include "cedar/ast.h"
#include "cedar/intern.h"

struct vertex {
    enum expr_op op; /* never EXPR_IS_IN: that is `is && in` */
    uint32_t n;
    const uint32_t *kid;
    union {
        const struct cedar_value *literal; /* interned */
        enum variable variable;
        const char *operators;
        struct cedar_str name; /* interned */
        struct pieces names;   /* interned */
        enum ext_function function;
    };
    uint32_t hash;
    uint32_t uses;   /* terms and policies it is part of */
    uint32_t guards; /* policies that the index may reach by its value */
    uint32_t weight; /* about how much work it is: 1 for an attribute or a comparison */
    uint32_t chunk;  /* its chunk, or NO_VERTEX */
    uint32_t held;   /* its place among what a desk holds (code.h), or NOT_HELD */
};
#define NO_VERTEX UINT32_MAX
#define NOT_HELD UINT32_MAX
/* Policies that test a term before the index groups them by it. */
#define GROUP_MIN 4u
/* The weight from which a term that is used more than once is worth remembering: else it is computed again where it is used. */
#define WEIGHT_SHARED 4u

struct graph {
    struct interner *values; /* everything is interned here, and its arena used */
    struct vertex *at;
    size_t n, cap;
    uint32_t *table; /* 1 + number, open addressing; twice as many as terms at least */
    size_t table_cap;
};

void graph_start(struct graph *t, struct interner *values);
void graph_end(struct graph *t);
/*
 * graph_condition(t, conditions): all of a policy's conditions as one AND of the things that must be true, in order; with none, of no
 * operands. NO_VERTEX: out of memory. Recursion: height of expressions.
 */
uint32_t graph_condition(struct graph *t, const struct condition *conditions);

#endif
