/*
 * Entities: what is known about principals, actions, resources and whatever they refer to. Kept sorted, so that a lookup is a binary
 * search and hostile ids cannot make it slow. Immutable once finished.
 */
#ifndef CEDAR_ENTITIES_H
#define CEDAR_ENTITIES_H

#include "cedar/value.h"

struct entity {
    struct cedar_uid uid;
    bool known; /* false: only named as somebody's parent */
    const struct cedar_value *attributes, *tags; /* records; NULL when not known */
    uint32_t *ancestors; /* indices in the store, sorted; all of them, not only the parents */
    size_t n_ancestors;
};

struct cedar_entities {
    int refs;
    struct arena a;
    struct entity *at;
    size_t n;
};

/* entities_find(e, uid): the entity when it is known, else NULL. */
const struct entity *entities_find(const struct cedar_entities *e, const struct cedar_uid *uid);
/* entities_in(e, uid, above): is ${uid} the same as, or a descendant of, ${above}? An entity that is not known has no ancestors. */
bool entities_in(const struct cedar_entities *e, const struct cedar_uid *uid, const struct cedar_uid *above);

/* What the JSON reader needs of the builder: memory that lives as long as the store, and adding without copying. */
struct arena *entities_arena(struct cedar_entities_builder *b);
bool entities_take(struct cedar_entities_builder *b, struct cedar_uid uid, const struct cedar_value *attributes, const struct cedar_uid *parents,
                   size_t n_parents, const struct cedar_value *tags);
void entities_drop(struct cedar_entities_builder *b);

#endif
