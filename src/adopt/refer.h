/* References in configurations: what they mean for this person, on this host. */
#ifndef ADOPT_REFER_H
#define ADOPT_REFER_H

#include "adopt/entry.h"

/*
 * refer(a, s, kinds, folder, v, missing): put what is referred to in place of the references in v->text. ${missing}: the first one that leads nowhere, as it
 * is written, or "". v->reference when something was put in that is not the same for everybody who works here (home, folder).
 */
struct err refer(struct arena *a, const struct surroundings *s, unsigned kinds, struct bytes folder, struct value *v, char missing[80]) MUST_USE;

/* entry_broken(e, fmt, …): it cannot be adopted, and why; the first reason stays. */
void entry_broken(struct entry *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
