/* From a schema as declared to a schema in which every name is looked up. */
#ifndef CEDAR_SCHEMA_RESOLVE_H
#define CEDAR_SCHEMA_RESOLVE_H

#include "cedar/schema.h"
#include "cedar/schema_source.h"

/* Where in a schema a name may lead: an entity type, a common type, or a built-in type, which is a common type nobody declared. */
struct schema_target {
    const struct source_namespace *space;
    const struct source_common *common;
    const struct type *builtin;
    struct cedar_str base; /* an entity type: its name in ${space}; "Action" stands for the type of that namespace's actions */
};

enum schema_wanted { WANTED_COMMON = 1, WANTED_ENTITY = 2, WANTED_EITHER = 3 };

/* schema_lookup(source, from, name, wanted, out): what ${name} means inside namespace ${from}. False: nothing. */
bool schema_lookup(const struct schema_source *source, const struct source_namespace *from, struct cedar_str name, enum schema_wanted wanted,
                   struct schema_target *out);
/* schema_lookup_action(source, from, parent): the action that a parent names, its namespace in ${space}; NULL: none. */
const struct source_action *schema_lookup_action(const struct schema_source *source, const struct source_namespace *from,
                                                 const struct source_parent *parent, const struct source_namespace **space);

/* schema_check_names(a, source, error): is everything declared that is referred to? */
bool schema_check_names(struct arena *a, const struct schema_source *source, struct cedar_error *error);
/* schema_check(source, error): definitions that hide others (RFC 70), names nobody declared. */
bool schema_check(struct arena *a, const struct schema_source *source, struct cedar_error *error);

/* schema_resolve(s, source, error): fill in entities and actions of ${s}, all in its arena. */
bool schema_resolve(struct cedar_schema *s, const struct schema_source *source, struct cedar_error *error);

/* schema_builtin(name): Bool, Long, String or an extension type; NULL: none of these. */
const struct type *schema_builtin(struct cedar_str name);

#endif
