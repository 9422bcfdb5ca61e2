/* Values as expressions: a set as [..], ip, decimal, datetime and duration as calls, so that they can stand in a policy. */
#ifndef CEDAR_SPELL_H
#define CEDAR_SPELL_H

#include "cedar/ast.h"

/* spell_value(a, v): as the parser would have it. ${v} must live as long as ${a}. NULL when out of memory. */
const struct expr *spell_value(struct arena *a, const struct cedar_value *v);

/* spell_node(a, op, n): an expression with room for ${n} operands. spell_kid: put one; false when ${kid} is NULL. */
struct expr *spell_node(struct arena *a, enum expr_op op, size_t n);
bool spell_kid(struct expr *e, size_t i, const struct expr *kid);

#endif
