/*
 * A schema as it was declared: names as written, nothing looked up. What both readers (Cedar syntax, JSON) make, what resolution works on
 * and what both writers print. All of it in one arena.
 */
#ifndef CEDAR_SCHEMA_SOURCE_H
#define CEDAR_SCHEMA_SOURCE_H

#include "base/arena.h"
#include "cedar/text.h"

enum source_kind {
    SOURCE_BOOL, /* BOOL, LONG, STRING: the built-in types, whatever else has these names; only JSON can say so */
    SOURCE_LONG,
    SOURCE_STRING,
    SOURCE_SET,       /* element */
    SOURCE_RECORD,    /* attributes */
    SOURCE_ENTITY,    /* name, of an entity type */
    SOURCE_EXTENSION, /* name, of an extension type */
    SOURCE_COMMON,    /* name, of a common type */
    SOURCE_NAME,      /* name, of a common type or else of an entity type */
};

struct source_annotation {
    struct cedar_str key, value; /* value.at == NULL: null in JSON */
};

struct source_annotations {
    struct source_annotation *at; /* sorted by key */
    size_t n;
};

struct source_type;

struct source_attribute {
    struct cedar_str name;
    const struct source_type *type;
    bool required;
    struct source_annotations annotations;
};

struct source_attributes {
    struct source_attribute *at; /* sorted by name, each once */
    size_t n;
};

struct source_type {
    enum source_kind kind;
    unsigned line, column;
    bool open; /* RECORD with additionalAttributes: read, and refused when resolved */
    union {
        struct cedar_str name;
        const struct source_type *element;
        struct source_attributes attributes;
    };
};

struct source_names {
    struct cedar_str *at; /* in the order of the text */
    size_t n;
};

struct source_common {
    struct cedar_str name;
    unsigned line, column;
    struct source_annotations annotations;
    const struct source_type *type;
};

struct source_entity {
    struct cedar_str name;
    unsigned line, column;
    struct source_annotations annotations;
    bool enumerated;
    struct source_names ids;         /* enumerated */
    struct source_names parents;     /* not enumerated */
    const struct source_type *shape; /* NULL: no attributes */
    const struct source_type *tags;  /* NULL: no tags */
};

struct source_parent {
    struct cedar_str type, id; /* type.at == NULL: Action of this or of the empty namespace */
};

struct source_action {
    struct cedar_str name;
    unsigned line, column;
    struct source_annotations annotations;
    bool attributes; /* JSON only: it declares attributes, which no schema may */
    bool applies;    /* has appliesTo; Cedar syntax always has, even if it does not say so */
    bool grouped;    /* has memberOf, maybe empty */
    struct source_parent *parents;
    size_t n_parents;
    struct source_names principals, resources;
    const struct source_type *context; /* NULL: an empty record */
};

struct source_namespace {
    struct cedar_str name; /* "A::B"; empty for declarations outside any */
    unsigned line, column;
    struct source_annotations annotations;
    struct source_common *commons; /* each list sorted by name, each name once */
    struct source_entity *entities;
    struct source_action *actions;
    size_t n_commons, n_entities, n_actions;
};

struct schema_source {
    struct source_namespace *at; /* sorted by name, each once */
    size_t n;
};

/* A list that grows in an arena; ${at} is an array of ${size} bytes each. */
struct source_list {
    void *at;
    size_t n, cap, size;
};
/* source_list_add(a, l): one more, zeroed; NULL when out of memory. */
void *source_list_add(struct arena *a, struct source_list *l);

/*
 * source_list_sort(l): sort by name, which stands first in every member, and look for one that stands twice: ${twice} is the later of the
 * first two in the order of the text, NULL when there is none. A stable sort: equal names stay in the order of the text.
 */
bool source_list_sort(struct arena *a, struct source_list *l, const void **twice);
/* source_find(at, n, size, name): the member of a sorted list, or NULL. */
const void *source_find(const void *at, size_t n, size_t size, struct cedar_str name);

/* source_name_split("A::B::T"): "A::B" (empty when there is no namespace) and "T". */
void source_name_split(struct cedar_str full, struct cedar_str *space, struct cedar_str *base);
/* source_name_part(name, at): the next part of a name from offset *${at}, which moves behind it; at == NULL past the last. */
struct cedar_str source_name_part(struct cedar_str name, size_t *at);
/* source_name_cmp(a, b): the official order of names: last part first, then the namespace part by part. */
int source_name_cmp(struct cedar_str a, struct cedar_str b);
/* source_reserved(name): has a part `__cedar`. */
bool source_reserved(struct cedar_str name);

/* schema_source_parse(a, text, out, error): from Cedar syntax. What is kept of the text is copied to ${a}. */
bool schema_source_parse(struct arena *a, struct cedar_str text, struct schema_source **out, struct cedar_error *error);
/* schema_source_json(a, text, out, error): from JSON. */
bool schema_source_json(struct arena *a, struct cedar_str text, struct schema_source **out, struct cedar_error *error);

/* schema_source_to_json(source, resolved, b): as JSON, names as they are or, with ${resolved}, in full (all of them must be declared). */
void schema_source_to_json(const struct schema_source *source, bool resolved, struct buf *b);
/* schema_source_to_cedar(source, b, error): in Cedar syntax; not every schema that JSON can say can be said there. */
bool schema_source_to_cedar(const struct schema_source *source, struct buf *b, struct cedar_error *error);

#endif
