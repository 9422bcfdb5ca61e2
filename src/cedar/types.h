/* Types as the validator compares, joins and prints them (strict validation). */
#ifndef CEDAR_TYPES_H
#define CEDAR_TYPES_H

#include "base/bytes.h"
#include "cedar/schema.h"

extern const struct type types_true, types_false, types_bool, types_long, types_string, types_any_set, types_any_entity, types_entity_set;
/* types_extension(kind): the type of ip, decimal, datetime or duration values. */
const struct type *types_extension(enum value_kind kind);

/*
 * Types of one schema share parts, and a type can be far longer than its schema; so comparing is counted, and when ${left} has come to
 * 0 the answers mean nothing any more.
 */
struct types_work {
    struct arena *a;
    uint64_t left;
    bool memory; /* out of it */
};

/* Why two types do not join. */
enum types_misfit { MISFIT_NONE, MISFIT_OPTIONALITY, MISFIT_WIDTH, MISFIT_ENTITIES, MISFIT_ENTITY_RECORD };

/* types_join(w, a, b, why): the least type that both are of, or NULL. */
const struct type *types_join(struct types_work *w, const struct type *a, const struct type *b, enum types_misfit *why);
/* types_attribute(of, name): of a record or entity type; NULL when it has none of this name. */
const struct type_attribute *types_attribute(const struct type *of, struct cedar_str name);
/* types_cmp(w, a, b): the official engine's order of types; 0: the same. */
int types_cmp(struct types_work *w, const struct type *a, const struct type *b);
/* types_hash(w, t): the same for types that are the same; NULL is a type here. */
uint64_t types_hash(struct types_work *w, const struct type *t);
/* types_text(b, t): as the official engine prints it. Stops when ${b} is full. */
void types_text(struct buf *b, const struct type *t);

#endif
