/*
 * A schema, resolved: every name is the full one, every common type is replaced by what it stands for, hierarchies are closed. What the
 * validator, the readers of entities and contexts, and partial evaluation look things up in. Immutable once made, all of it in the arena
 * of the schema.
 */
#ifndef CEDAR_SCHEMA_H
#define CEDAR_SCHEMA_H

#include "cedar/value.h"

/* TRUE and FALSE are the types of expressions whose value is known before any request; only the validator makes them, and NEVER. */
enum type_kind {
    TYPE_NEVER,
    TYPE_TRUE,
    TYPE_FALSE,
    TYPE_BOOL,
    TYPE_LONG,
    TYPE_STRING,
    TYPE_SET,
    TYPE_RECORD,
    TYPE_ENTITY,
    TYPE_ANY_ENTITY,
    TYPE_EXTENSION
};

struct type;
struct schema_entity;
struct schema_action;

struct type_attribute {
    struct cedar_str name;
    const struct type *type;
    bool required;
};

struct type_attributes {
    const struct type_attribute *at; /* sorted by name */
    size_t n;
};

struct type {
    enum type_kind kind;
    union {
        const struct type *element;         /* SET; NULL: of anything (an empty set literal) */
        struct type_attributes attributes;  /* RECORD */
        const struct schema_entity *entity; /* ENTITY */
        enum value_kind extension;          /* EXTENSION: VALUE_IP, VALUE_DECIMAL, VALUE_DATETIME, VALUE_DURATION */
    };
};

struct schema_entity {
    struct cedar_str name;         /* A::B::T */
    struct type type;              /* this entity type, as a type */
    const struct type *attributes; /* a RECORD */
    const struct type *tags;       /* NULL: no tags */
    bool enumerated;               /* only ${ids} exist; no attributes, no tags */
    const struct cedar_str *ids;
    size_t n_ids;
    /* Types that its entities may be members of, and types whose entities may be members of it: closed, sorted by name, without itself
       unless the schema says that it may hold its own kind. */
    const struct schema_entity **ancestors, **descendants;
    size_t n_ancestors, n_descendants;
};

struct schema_action {
    struct cedar_uid uid; /* {"A::Action", "view"} */
    const struct schema_entity **principals, **resources; /* sorted by name */
    size_t n_principals, n_resources;
    const struct type *context; /* a RECORD */
    const struct schema_action **parents, **ancestors, **descendants; /* ancestors and descendants: closed, sorted by uid, without itself */
    size_t n_parents, n_ancestors, n_descendants;
};

struct schema_source; /* as it was declared, for conversion and for messages */

struct cedar_schema {
    int refs;
    struct arena a;
    struct schema_entity *entities; /* sorted by name */
    size_t n_entities;
    struct schema_action *actions; /* sorted by uid: type, then id */
    size_t n_actions;
    /* The types of the actions, A::Action. They are not declared, not in ${entities} and have no attributes, but attributes may be of them. */
    struct schema_entity *action_types; /* sorted by name */
    size_t n_action_types;
    struct cedar_str file; /* what it was parsed under */
    const struct schema_source *source;
    const struct cedar_schema_warning *warnings; /* by place */
    size_t n_warnings;
};

/* schema_warn(s, source): fill in the warnings, in schema_warnings.c. False: out of memory. */
bool schema_warn(struct cedar_schema *s, const struct schema_source *source);

/* NULL when the schema does not declare it. The type of an action (A::Action) is no declared entity type. */
const struct schema_entity *schema_find_entity(const struct cedar_schema *s, struct cedar_str name);
const struct schema_entity *schema_find_action_type(const struct cedar_schema *s, struct cedar_str name);
const struct schema_action *schema_find_action(const struct cedar_schema *s, const struct cedar_uid *uid);
/* type_attribute(record, name): NULL when the record type has no such attribute. */
const struct type_attribute *type_attribute(const struct type *record, struct cedar_str name);

#endif
