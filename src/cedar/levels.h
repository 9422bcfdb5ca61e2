/*
 * Level validation (RFC 76): how often a policy goes from one entity to the next, which says what entity data its decision needs.
 */
#ifndef CEDAR_LEVELS_H
#define CEDAR_LEVELS_H

#include "cedar/typecheck.h"

/* levels_check(c, t, most): findings where ${t}, just checked by check_policy(c, …), goes further than ${most} entities. */
void levels_check(struct checker *c, const struct terms *t, unsigned most);

#endif
