/* Shares: of two parts of a scope, which will fewer requests meet? */
#ifndef CEDAR_SHARE_H
#define CEDAR_SHARE_H

#include "cedar/intern.h"

/*
 * share_of_nodes(nodes, n, a): for each node how likely a request is for it or something below it: the part of all nodes of a type that
 * these are, summed over types. ${n} numbers in memory of ${a}, or NULL: out of memory.
 */
float *share_of_nodes(const struct node *const *nodes, size_t n, struct arena *a);

#endif
