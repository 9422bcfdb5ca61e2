/* From terms to code. */
#ifndef CEDAR_COMPILE_H
#define CEDAR_COMPILE_H

#include "cedar/code.h"
#include "cedar/graph.h"

/*
 * compile_graph(t, roots, n, p): code for every root, which becomes a chunk, and what they are made of; sets ${chunk} of the terms that
 * became one. Memory of t->values->a. False: out of memory, or a condition needs more than REGISTERS_MAX registers.
 */
bool compile_graph(struct graph *t, const uint32_t *roots, size_t n, struct program *p);

#endif
