/*
 * Inside of cedar_schema_from_mcp: what the tools' JSON Schemas say, read into types of a few kinds (mcp_tools.c); equal types of several
 * tools (mcp_shared.c); and the schema that grows from both, in the JSON form (mcp_schema.c, mcp_write.c).
 */
#ifndef CEDAR_MCP_SCHEMA_H
#define CEDAR_MCP_SCHEMA_H

#include "base/arena.h"
#include "base/json.h"
#include "cedar/text.h"

/* Documented bounds; see docs/cedar.md. */
#define MCP_MAX_BYTES ((size_t)4 << 20)
#define MCP_MAX_NODES ((size_t)200000)
#define MCP_MAX_MEMORY ((size_t)256 << 20)

enum mcp_kind {
    MCP_UNKNOWN, /* anything */
    MCP_BOOL,
    MCP_INTEGER,
    MCP_FLOAT,
    MCP_NUMBER,
    MCP_STRING,
    MCP_DECIMAL,
    MCP_DATETIME,
    MCP_DURATION,
    MCP_IP,
    MCP_NULL,
    MCP_ENUM,
    MCP_ARRAY,
    MCP_TUPLE,
    MCP_UNION,
    MCP_OBJECT,
    MCP_REF
};

struct mcp_type;

struct mcp_property {
    struct bytes name, description;
    bool required;
    const struct mcp_type *type;
};

struct mcp_properties {
    struct mcp_property *at;
    size_t n;
};

struct mcp_type {
    enum mcp_kind kind;
    const struct json *variants;    /* ENUM: a list of texts, not empty */
    struct mcp_properties parts;    /* OBJECT: by name; TUPLE, UNION: in order; ARRAY: the one of its items */
    const struct mcp_type *further; /* OBJECT: of members that are not declared; NULL: there are none */
    struct bytes ref;               /* REF: the name below $defs */
};

struct mcp_parameters { /* an inputSchema or an outputSchema */
    struct mcp_properties properties, defs;
};

struct mcp_tool {
    struct bytes name;
    struct mcp_parameters input, output;
    struct mcp_properties defs;
};

struct mcp_server {
    struct mcp_tool *tools;
    size_t n_tools;
    struct mcp_properties defs;
};

/* What is being worked on, for memory and for errors. */
struct mcp {
    struct arena a;
    struct cedar_mcp_options options;
    struct cedar_error *error;
    struct bytes tool; /* its name; at == NULL: none yet */
};

/* The way to a place in a schema: a list from the leaf up. */
struct mcp_at {
    const struct mcp_at *up;
    struct bytes key; /* at == NULL: an item */
    size_t index;
};

/* mcp_refuse(m, at, fmt, …): say what is wrong there; ${at} may be NULL. Returns false. */
bool mcp_refuse(struct mcp *m, const struct mcp_at *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool mcp_memory(struct mcp *m);

/* mcp_read(m, text, out): the tools of a tools/list answer, of a list, or one tool. */
bool mcp_read(struct mcp *m, struct bytes text, struct mcp_server *out);

/* mcp_exact.c: without options.lossy, refuse what the mapping could only approximate. All are true with it. */
bool mcp_exact_type(struct mcp *m, const struct mcp_at *at, const struct json *schema, const struct mcp_type *type);
bool mcp_exact_parameters(struct mcp *m, const struct mcp_at *at, const struct json *schema);

/* -------------------------------------------------------------------------------------------------------- the schema that grows */

enum mcp_member_kind { MCP_COMMON, MCP_ENTITY, MCP_ACTION };

struct mcp_member {
    struct bytes ns, name;
    enum mcp_member_kind kind;
    struct bytes json;         /* its definition */
    const struct json *stub;   /* where it comes from the stub */
    bool opaque;               /* Number, Null …: may be declared again and again */
};

struct mcp_shared { /* a type that stands once for several tools */
    struct bytes name, ns;
    const struct mcp_type *type;
};

struct mcp_schema {
    struct mcp *m;
    struct bytes root; /* the stub's namespace */
    struct mcp_member *members;
    size_t n, cap, sorted; /* the first ${sorted} are in order and can be found */
    struct bytes principals, resources, parents; /* JSON lists; parents: at == NULL without any */
    struct mcp_property *contexts;               /* name: the key, description: the type's name */
    size_t n_contexts;
    struct mcp_shared *shared;
    size_t n_shared;
};

bool mcp_add(struct mcp_schema *s, const struct mcp_member *member);
/* mcp_declare(s, …): add a type; with options.flat it stands in the one namespace, under a longer name. */
bool mcp_declare(struct mcp_schema *s, struct bytes ns, struct bytes name, enum mcp_member_kind kind, struct bytes json, bool opaque);
/* mcp_sort(s): by namespace, kind and name. mcp_find(s, …): only after it; NULL when there is none. */
void mcp_sort(struct mcp_schema *s);
const struct mcp_member *mcp_find(const struct mcp_schema *s, struct bytes ns, enum mcp_member_kind kind, struct bytes name);
/* mcp_join(s, ns, name): "ns::name". mcp_flat(s, name): with options.flat, Ns::a::b as Ns::a_b. at == NULL without memory. */
struct bytes mcp_join(struct mcp_schema *s, struct bytes ns, struct bytes name);
struct bytes mcp_flat(struct mcp_schema *s, struct bytes name);
/* mcp_base(name, ns): what stands behind the last "::"; ${ns} gets what stands before, or nothing. */
struct bytes mcp_base(struct bytes name, struct bytes *ns);
/* mcp_name_ok(name): may it name a Cedar type? */
bool mcp_name_ok(struct bytes name);

/* mcp_shared.c: find equal enums and flat objects and give each a place above all that use it. */
bool mcp_share(struct mcp_schema *s, const struct mcp_server *server);
/* mcp_shared_name(s, name, type): the full name of the shared type for ${type} under ${name}; at == NULL when it is not shared. */
struct bytes mcp_shared_name(struct mcp_schema *s, struct bytes name, const struct mcp_type *type);

/* Definitions that a $ref can mean, the nearest first. */
struct mcp_defs {
    const struct mcp_defs *up;
    const struct mcp_properties *list;
    struct bytes ns; /* where their types are declared */
};

/* Where the types of some attributes are declared, and where the record that holds them stands. */
struct mcp_place {
    struct bytes ns, home; /* home.at == NULL: every name is written in full */
    const struct mcp_defs *defs;
    const struct mcp_at *at;
};

/* mcp_entity_json(s, type, inner, out): the JSON definition of an entity type for an enum or an object, whose attributes' types go to ${inner}. */
bool mcp_entity_json(struct mcp_schema *s, const struct mcp_type *type, const struct mcp_place *inner, struct bytes *out);

/* mcp_stub(s, json): take over the stub. mcp_grow(s, server): add the tools. */
bool mcp_stub(struct mcp_schema *s, const struct json *stub);
bool mcp_grow(struct mcp_schema *s, const struct mcp_server *server);
/* mcp_write(s, annotations, out): the whole in the JSON form; refuses a conflict of names. ${annotations} of the namespace may be NULL. */
bool mcp_write(struct mcp_schema *s, const struct json *annotations, struct buf *out);
/* mcp_schema_json(m, tools, stub, out): all of it, from and to the JSON form of schemas; nothing is resolved yet. */
bool mcp_schema_json(struct mcp *m, struct bytes tools, struct bytes stub, struct buf *out);

#endif
