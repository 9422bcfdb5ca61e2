/* Does data keep to a schema? Values to types, entities to their entity types. Texts are those of the official engine. */
#ifndef CEDAR_CONFORM_H
#define CEDAR_CONFORM_H

#include "cedar/schema.h"

/* conform_type_text(t, type): `{ "x" => (required) long }`, as texts about data give types. */
void conform_type_text(struct text *t, const struct type *type);
/* conform_mismatch(why, type, v): "type mismatch: value was expected to have type …"; returns false. */
bool conform_mismatch(struct text *why, const struct type *type, const struct cedar_value *v);
/* conform_value(type, v, why): with ${why} NULL nothing is said. */
bool conform_value(const struct type *type, const struct cedar_value *v, struct text *why);
/* conform_uid(schema, uid, error): an entity of an enumerated type is one of them, an action is declared. conform_uids: all within ${v}. */
bool conform_uid(const struct cedar_schema *schema, const struct cedar_uid *uid, struct cedar_error *error);
bool conform_uids(const struct cedar_schema *schema, const struct cedar_value *v, struct cedar_error *error);

struct conform_entity {
    const struct schema_entity *type;
    const struct cedar_uid *uid;
    const struct cedar_value *attributes, *tags; /* records */
    const struct cedar_uid *parents;
    size_t n_parents;
};
bool conform_entity(const struct cedar_schema *schema, const struct conform_entity *e, struct cedar_error *error);

/* Messages that readers of JSON and this check share; all return false. */
bool conform_unknown_type(const struct cedar_schema *schema, const struct cedar_uid *uid, struct cedar_error *error);
bool conform_no_attribute(const struct cedar_uid *uid, struct cedar_str name, struct cedar_error *error);
bool conform_no_tag(const struct cedar_uid *uid, struct cedar_str name, struct cedar_error *error);

#endif
