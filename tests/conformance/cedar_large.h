/*
 * A large application: thousands of entities in deep hierarchies, thousands of policies with scopes of all forms, links of templates
 * among them, and requests that reach them. Everything in it can be read; much of it errs when it is evaluated.
 */
#ifndef CEDAR_LARGE_H
#define CEDAR_LARGE_H

#include "cedar_policy.h"

#define LARGE_TEMPLATES 24u
#define LARGE_PARENTS 3u

struct large_uid {
    unsigned type, id; /* w.entities[type].ids[id] */
};

struct large_entity {
    struct large_uid parents[LARGE_PARENTS];
    unsigned n_parents;
    bool missing; /* named, but not in the store */
    bool is_parent;
};

/* Called p0, p1, … by their places. */
struct large_policy {
    struct made_policy made; /* of a link: its template's, with what fills the slots in their places */
    bool is_link, as_text;   /* a policy is given as text or as JSON */
    unsigned template;       /* of a link: t0, t1, … */
};

struct large {
    struct world w;
    struct arena a;
    uint64_t content;         /* what entities hold comes from it */
    unsigned forbids, narrow; /* percent: of forbids, and of open scopes that are narrowed */
    unsigned n_policies, n_ids; /* ids of each type */
    struct large_policy *policies;
    struct made_policy templates[LARGE_TEMPLATES];
    struct large_entity *entities[WORLD_ENTITIES];
    unsigned *below[WORLD_ENTITIES]; /* an entity of the same type right below each, or n_ids */
};

void large_make(struct large *l, struct choice *c, unsigned policies, unsigned entities);
void large_free(struct large *l);

enum large_part { LARGE_ALL, LARGE_STORED, LARGE_LEAVES }; /* leaves: a few that are nobody's parent; stored: the others */
void large_put_entities(struct buf *b, struct large *l, enum large_part part);
/* Policy ${i} by itself: as text with @id, or as JSON. */
void large_put_text(struct buf *b, struct large *l, unsigned i);
void large_put_json(struct buf *b, struct large *l, unsigned i);
/* A link as templateLinks has it. */
void large_put_link(struct buf *b, struct large *l, unsigned i);
/* The members principal, action, resource and context of a request that policy ${i} may say something about. */
void large_put_request(struct buf *b, struct large *l, unsigned i);

#endif
