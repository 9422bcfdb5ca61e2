/* Checking a plan, and putting into words what became of it. Of this room only; runs in the caller. */
#ifndef CONFINE_PLAN_H
#define CONFINE_PLAN_H

#include "confine/inside.h"

/* plan_check(a, plan, w): resolve and compare all paths, in memory of ${a}; fills ${w} but for the namespaces. */
struct err plan_check(struct arena *a, const struct confine_plan *plan, struct walls *w) MUST_USE;
/* level_tell(plan, why, level): text and missing of ${level}, from its bits. ${why}: what stopped namespaces and Landlock, or "". */
void level_tell(const struct confine_plan *plan, const char *no_namespaces, const char *no_landlock, struct confine_level *level);
/* level_suffices(plan, level): E_FORBIDDEN with what is missing and what to do. */
struct err level_suffices(const struct confine_plan *plan, const struct confine_level *level) MUST_USE;

#endif
