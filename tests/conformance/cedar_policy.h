/*
 * Generated policies: conditions of the right sorts over the variables of a world, scopes, slots, annotations; as text and as JSON.
 */
#ifndef CEDAR_POLICY_H
#define CEDAR_POLICY_H

#include "cedar_world.h"

enum scope_kind { SCOPE_ANY, SCOPE_IS, SCOPE_EQUAL, SCOPE_IN, SCOPE_IS_IN, SCOPES };

struct scope {
    enum scope_kind kind;
    bool slot;
    const char *type, *id; /* of the entity */
    const char *is;        /* the type behind `is` */
    unsigned n;            /* actions: `in` a list of so many; 0: one entity, no list */
    const char *ids[3];
};

struct made_policy {
    bool forbid;
    struct scope principal, action, resource;
    struct tree *conditions[3];
    bool unless[3];
    size_t n_conditions;
    const char *annotation;
};

/* policy_make(w, p, slots): ${slots}: a template, with at least one slot. */
void policy_make(struct world *w, struct made_policy *p, bool slots);
void policy_put(struct buf *b, struct world *w, const struct made_policy *p);
void policy_put_json(struct buf *b, const struct made_policy *p);

#endif
