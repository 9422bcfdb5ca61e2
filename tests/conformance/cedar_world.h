/*
 * A generated application: a schema, entities that mostly conform to it, requests and policies that mostly fit it. `odd` is how often
 * (percent) something is not as the schema has it.
 */
#ifndef CEDAR_WORLD_H
#define CEDAR_WORLD_H

#include "cedar_tree.h"

enum sort_kind { SORT_BOOL, SORT_LONG, SORT_STRING, SORT_ENTITY, SORT_SET, SORT_RECORD, SORT_IP, SORT_DECIMAL, SORT_DATETIME, SORT_DURATION, SORTS };

struct sort;
struct field {
    const char *name;
    const struct sort *sort;
    bool optional;
};
struct sort {
    enum sort_kind kind;
    unsigned entity;           /* ENTITY: which of the world's */
    const struct sort *inner;  /* SET */
    struct field *fields;      /* RECORD */
    size_t n_fields;
    const char *common; /* written by this common type's name, when not NULL */
};

struct world_entity {
    const char *space, *base, *name; /* "A::B", "T", "A::B::T" */
    const struct sort *shape;        /* a RECORD */
    const struct sort *tags;         /* or NULL */
    unsigned above;                  /* bit i: may be in entity type i */
    const char **ids;
    size_t n_ids;
    bool enumerated;
};

struct world_action {
    const char *space, *id, *type; /* "A::B", "read", "A::B::Action" */
    unsigned principals, resources, above; /* bits: entity types; actions of lower number */
    const struct sort *context;
};

#define WORLD_ENTITIES 6
#define WORLD_ACTIONS 5

struct world {
    struct arena *a;
    struct choice *c;
    unsigned odd;
    unsigned loose; /* percent of values and operands of another sort than the schema has; never what no engine would read */
    unsigned simple; /* percent of conditions that are one test of one attribute, as an index looks at them */
    struct world_entity entities[WORLD_ENTITIES];
    struct world_action actions[WORLD_ACTIONS];
    unsigned n_entities, n_actions;
    const struct sort *common; /* one common type, or NULL */
};

/* Who asks what: the sorts of a policy's variables. */
struct world_env {
    unsigned principal, action, resource;
};

void world_make(struct world *w, struct arena *a, struct choice *c, unsigned odd);
struct world_env world_env(struct world *w);
const struct sort *world_sort(struct world *w, unsigned depth);
const char *world_id(struct world *w, unsigned entity);
bool world_is_odd(struct world *w);
bool world_is_loose(struct world *w);

/* Texts of values, some of them not such values. */
const char *world_string(struct world *w);
const char *world_extension_text(struct world *w, enum sort_kind kind);
int64_t world_long(struct world *w);
extern const char *const sort_functions[SORTS]; /* the constructor of an extension sort, or NULL */

void world_put_schema(struct buf *b, struct world *w);
void world_put_schema_json(struct buf *b, struct world *w);
void world_put_entities(struct buf *b, struct world *w, unsigned most);
void world_put_actions(struct buf *b, struct world *w); /* as entities of an open list */
void world_put_value(struct buf *b, struct world *w, const struct sort *s, unsigned depth);
void world_put_uid(struct buf *b, struct world *w, const char *type, const char *id);
/* The members principal, action, resource and context of a call. */
void world_put_request(struct buf *b, struct world *w, const struct world_env *env);

#endif
