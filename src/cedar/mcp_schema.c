/*
 * A Cedar schema from an MCP tool set, as the generator of cedar-for-agents makes it: an action for each tool, a record of its arguments,
 * and, in namespaces of the tool, the types that they need. It is built in the JSON form of schemas, whose reader then resolves it.
 */
#include "cedar/mcp_schema.h"

#include "cedar/parser.h"

#include <stdio.h>
#include <stdlib.h>

/* --------------------------------------------------------------------------------------------------------------------- names */

bool
mcp_name_ok(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.n > 0 && !parser_reserved((struct cedar_str){(const char *)name.at, name.n});
}

/* May ${name} name a type that is declared here? */
static bool
check_name(struct mcp *m, const struct mcp_at *at, struct bytes name)
{
    static const char *const taken[] = {"Bool",   "Boolean", "Entity",  "Extension", "Long",     "Record", "Set",
                                        "String", "Action",  "decimal", "datetime",  "duration", "ipaddr"};
    if (bytes_search(name, BYTES("::")) < name.n)
        return mcp_refuse(m, at, "the name '%.*s' holds '::', which would reach into another namespace", BYTES_CUT(name, 80));
    if (!mcp_name_ok(name))
        return mcp_refuse(m, at, "the name '%.*s' cannot name a Cedar type (letters, digits and _ only, no reserved word)", BYTES_CUT(name, 80));
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (bytes_is(name, taken[i]))
            return mcp_refuse(m, at, "a type named '%s' would hide Cedar's own", taken[i]);
    return true;
}

struct bytes
mcp_join(struct mcp_schema *s, struct bytes ns, struct bytes name)
{
    const char *text = arena_printf(&s->m->a, "%.*s::%.*s", BYTES_CUT(ns, ns.n), BYTES_CUT(name, name.n));
    if (text == NULL)
        mcp_memory(s->m);
    return bytes_str(text);
}

struct bytes
mcp_base(struct bytes name, struct bytes *ns)
{
    size_t i = name.n;
    while (i && name.at[i - 1] != ':')
        i--;
    *ns = bytes_sub(name, 0, i >= 2 ? i - 2 : 0);
    return bytes_sub(name, i, name.n);
}

struct bytes
mcp_flat(struct mcp_schema *s, struct bytes name)
{
    size_t n = s->root.n + 2, to = n;
    if (!s->m->options.flat || name.n <= n)
        return name;
    struct bytes copy = arena_copy(&s->m->a, name);
    char *at = arena_str(&s->m->a, name);
    if (copy.at == NULL || at == NULL)
        return mcp_memory(s->m), bytes_make(NULL, 0);
    for (size_t i = n; i < name.n; i++) {
        bool pair = copy.at[i] == ':' && i + 1 < name.n;
        at[to++] = pair ? '_' : (char)copy.at[i];
        i += pair;
    }
    return bytes_make(at, to);
}

/* ------------------------------------------------------------------------------------------------------------------- members */

/* Namespaces as the official engine orders them: by the last name, then by those before it. */
static int
by_namespace(struct bytes a, struct bytes b)
{
    struct bytes above_a, above_b, last_a = mcp_base(a, &above_a), last_b = mcp_base(b, &above_b);
    int d = bytes_cmp(last_a, last_b);
    while (d == 0 && (above_a.n || above_b.n)) {
        struct bytes x = bytes_sub(above_a, 0, bytes_find(above_a, ':')), y = bytes_sub(above_b, 0, bytes_find(above_b, ':'));
        d = bytes_cmp(x, y);
        above_a = bytes_sub(above_a, x.n + 2, above_a.n);
        above_b = bytes_sub(above_b, y.n + 2, above_b.n);
    }
    return d;
}

static int
by_key(const void *left, const void *right)
{
    const struct mcp_member *a = left, *b = right;
    int d = by_namespace(a->ns, b->ns);
    if (d == 0)
        d = (a->kind > b->kind) - (a->kind < b->kind);
    return d ? d : bytes_cmp(a->name, b->name);
}

static int
by_member(const void *left, const void *right)
{
    const struct mcp_member *a = left, *b = right;
    int d = by_key(a, b);
    if (d == 0)
        d = (a->stub == NULL) - (b->stub == NULL);
    return d ? d : a->opaque - b->opaque;
}

bool
mcp_add(struct mcp_schema *s, const struct mcp_member *member)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct mcp_member *more = arena_list(&s->m->a, cap, sizeof *more);
        if (more == NULL)
            return mcp_memory(s->m);
        if (s->n)
            memcpy(more, s->members, s->n * sizeof *more);
        s->members = more;
        s->cap = cap;
    }
    s->members[s->n++] = *member;
    return true;
}

void
mcp_sort(struct mcp_schema *s)
{
    if (s->n)
        qsort(s->members, s->n, sizeof *s->members, by_member);
    s->sorted = s->n;
}

const struct mcp_member *
mcp_find(const struct mcp_schema *s, struct bytes ns, enum mcp_member_kind kind, struct bytes name)
{
    const struct mcp_member wanted = {.ns = ns, .name = name, .kind = kind};
    return s->sorted ? bsearch(&wanted, s->members, s->sorted, sizeof wanted, by_key) : NULL;
}

bool
mcp_declare(struct mcp_schema *s, struct bytes ns, struct bytes name, enum mcp_member_kind kind, struct bytes json, bool opaque)
{
    struct mcp_member member = {.kind = kind, .json = json, .opaque = opaque};
    struct bytes full = mcp_join(s, ns, name);
    if (full.at == NULL || (full = mcp_flat(s, full)).at == NULL)
        return false;
    member.name = mcp_base(full, &member.ns);
    return mcp_add(s, &member);
}

/* --------------------------------------------------------------------------------------------------------------------- types */

static bool put_type(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, struct bytes name, const struct mcp_type *t);

static bool
put_name(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, const char *kind, struct bytes full)
{
    struct bytes ns, name = mcp_flat(s, full), base = mcp_base(name, &ns);
    if (name.at == NULL)
        return false;
    json_member_str(b, "type", kind);
    json_member_text(b, "name", p->home.at && bytes_eq(ns, p->home) ? base : name);
    return true;
}

static bool
put_builtin(struct buf *b, const char *name)
{
    json_member_str(b, "type", "EntityOrCommon");
    json_member_str(b, "name", name);
    return true;
}

static bool
put_opaque(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, const char *name)
{
    struct bytes full = mcp_join(s, s->root, bytes_str(name));
    return full.at && mcp_declare(s, s->root, bytes_str(name), MCP_ENTITY, BYTES("{}"), true) && put_name(s, b, p, "Entity", full);
}

/* One attribute of a record, its definition between braces. */
static bool
put_attribute(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, struct bytes key, struct bytes type_name, const struct mcp_type *t,
              bool required)
{
    json_key_bytes(b, key);
    json_open(b, '{');
    if (!put_type(s, b, p, type_name, t))
        return false;
    if (!required)
        json_member_bool(b, "required", false);
    json_close(b, '}');
    return true;
}

/* A record of properties: "type" and "attributes", without braces. */
static bool
put_record(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, const struct mcp_properties *list)
{
    struct mcp_at above = {p->at, BYTES("properties"), 0};
    json_member_str(b, "type", "Record");
    json_key(b, "attributes");
    json_open(b, '{');
    for (size_t i = 0; i < list->n; i++) {
        const struct mcp_property *one = &list->at[i];
        struct mcp_at at = {&above, one->name, 0};
        struct mcp_place here = {p->ns, p->home, p->defs, &at};
        if (!check_name(s->m, &at, one->name) || !put_attribute(s, b, &here, one->name, one->name, one->type, one->required))
            return false;
    }
    json_close(b, '}');
    return true;
}

struct part { /* of a tuple or a union: typeChoice0, of a type that would be called TypeChoice0 */
    char attribute[32], type[32];
    const struct mcp_type *of;
};

static int
by_attribute(const void *left, const void *right)
{
    return strcmp(((const struct part *)left)->attribute, ((const struct part *)right)->attribute);
}

static bool
put_parts(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, struct bytes name, const struct mcp_type *t)
{
    bool tuple = t->kind == MCP_TUPLE;
    struct part *parts = arena_list(&s->m->a, t->parts.n + 1, sizeof *parts);
    struct mcp_place inner = {mcp_join(s, p->ns, name), p->home, p->defs, p->at};
    if (parts == NULL || inner.ns.at == NULL)
        return mcp_memory(s->m);
    for (size_t i = 0; i < t->parts.n; i++) {
        snprintf(parts[i].attribute, sizeof parts[i].attribute, tuple ? "proj%zu" : "typeChoice%zu", i);
        snprintf(parts[i].type, sizeof parts[i].type, tuple ? "Proj%zu" : "TypeChoice%zu", i);
        parts[i].of = t->parts.at[i].type;
    }
    qsort(parts, t->parts.n, sizeof *parts, by_attribute);
    json_member_str(b, "type", "Record");
    json_key(b, "attributes");
    json_open(b, '{');
    for (size_t i = 0; i < t->parts.n; i++)
        if (!put_attribute(s, b, &inner, bytes_str(parts[i].attribute), bytes_str(parts[i].type), parts[i].of, tuple))
            return false;
    json_close(b, '}');
    return true;
}

static bool
take_json(struct mcp_schema *s, struct buf *b, bool ok, struct bytes *out)
{
    *out = ok && !b->failed ? arena_copy(&s->m->a, buf_bytes(b)) : bytes_make(NULL, 0);
    buf_free(b);
    return ok && (out->at != NULL || mcp_memory(s->m));
}

static bool
put_entity(struct mcp_schema *s, struct buf *b, const struct mcp_type *t, const struct mcp_place *inner)
{
    struct bytes ns, name = mcp_base(inner->ns, &ns);
    if (t->kind == MCP_ENUM) {
        json_key(b, "enum");
        json_put(b, t->variants);
        return true;
    }
    if (t->parts.n) {
        json_key(b, "shape");
        json_open(b, '{');
        if (!put_record(s, b, inner, &t->parts))
            return false;
        json_close(b, '}');
    }
    if (t->further) {
        const char *tag = arena_printf(&s->m->a, "%.*sTag", BYTES_CUT(name, name.n));
        struct mcp_place outer = {inner->ns, {NULL, 0}, inner->defs, inner->at};
        json_key(b, "tags");
        json_open(b, '{');
        if (tag == NULL || !put_type(s, b, &outer, bytes_str(tag), t->further))
            return tag ? false : mcp_memory(s->m);
        json_close(b, '}');
    }
    return true;
}

bool
mcp_entity_json(struct mcp_schema *s, const struct mcp_type *type, const struct mcp_place *inner, struct bytes *out)
{
    struct buf b = buf_make(MCP_MAX_BYTES);
    json_open(&b, '{');
    bool ok = put_entity(s, &b, type, inner);
    json_close(&b, '}');
    return take_json(s, &b, ok, out);
}

static bool
record_json(struct mcp_schema *s, const struct mcp_properties *list, const struct mcp_place *p, struct bytes *out)
{
    struct buf b = buf_make(MCP_MAX_BYTES);
    json_open(&b, '{');
    bool ok = put_record(s, &b, p, list);
    json_close(&b, '}');
    return take_json(s, &b, ok, out);
}

/* An enum or an object: a type of its own, declared here unless it is shared. */
static bool
put_declared(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, struct bytes name, const struct mcp_type *t)
{
    bool record = t->kind == MCP_OBJECT && s->m->options.objects_as_records && t->further == NULL;
    struct bytes json, shared = mcp_shared_name(s, name, t), full = mcp_join(s, p->ns, name);
    if (full.at == NULL)
        return false;
    if (shared.at)
        return put_name(s, b, p, "Entity", shared);
    struct mcp_place inner = {full, p->ns, p->defs, p->at};
    bool ok = check_name(s->m, p->at, name) && (record ? record_json(s, &t->parts, &inner, &json) : mcp_entity_json(s, t, &inner, &json));
    return ok && mcp_declare(s, p->ns, name, record ? MCP_COMMON : MCP_ENTITY, json, false) &&
           put_name(s, b, p, record ? "EntityOrCommon" : "Entity", full);
}

static bool
put_ref(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, struct bytes ref)
{
    for (const struct mcp_defs *d = p->defs; d; d = d->up)
        for (size_t i = 0; i < d->list->n; i++)
            if (bytes_eq(d->list->at[i].name, ref)) {
                struct bytes full = mcp_join(s, d->ns, ref);
                return full.at && put_name(s, b, p, "EntityOrCommon", full);
            }
    return mcp_refuse(s->m, p->at, "$ref: '%.*s' is not defined in $defs", BYTES_CUT(ref, 80));
}

/* The members of a type's JSON form, without braces. As deep as the tools' JSON was. */
static bool
put_type(struct mcp_schema *s, struct buf *b, const struct mcp_place *p, struct bytes name, const struct mcp_type *t)
{
    static const char *const builtin[] = {
        [MCP_BOOL] = "Bool",       [MCP_INTEGER] = "Long",      [MCP_FLOAT] = "decimal",     [MCP_NUMBER] = "decimal", [MCP_STRING] = "String",
        [MCP_DECIMAL] = "decimal", [MCP_DATETIME] = "datetime", [MCP_DURATION] = "duration", [MCP_IP] = "ipaddr"};
    bool opaque = s->m->options.numbers_opaque, ok;
    switch (t->kind) {
    case MCP_UNKNOWN:
        return put_opaque(s, b, p, "Unknown");
    case MCP_NULL:
        return put_opaque(s, b, p, "Null");
    case MCP_FLOAT:
    case MCP_NUMBER:
        return opaque ? put_opaque(s, b, p, t->kind == MCP_FLOAT ? "Float" : "Number") : put_builtin(b, "decimal");
    case MCP_ENUM:
    case MCP_OBJECT:
        return put_declared(s, b, p, name, t);
    case MCP_ARRAY:
        json_member_str(b, "type", "Set");
        json_key(b, "element");
        json_open(b, '{');
        ok = put_type(s, b, p, name, t->parts.at->type);
        json_close(b, '}');
        return ok;
    case MCP_TUPLE:
    case MCP_UNION:
        return put_parts(s, b, p, name, t);
    case MCP_REF:
        return put_ref(s, b, p, t->ref);
    default:
        return put_builtin(b, builtin[t->kind]);
    }
}

/* --------------------------------------------------------------------------------------------------------------------- tools */

/* A definition that became a type of this very name needs no other. */
static bool
declared_already(struct mcp_schema *s, const struct mcp_place *p, const struct mcp_property *def)
{
    struct bytes shared = mcp_shared_name(s, def->name, def->type), ns;
    if (shared.at == NULL)
        return def->type->kind == MCP_ENUM || def->type->kind == MCP_OBJECT;
    mcp_base(shared, &ns);
    return bytes_eq(ns, p->ns);
}

static bool
declare_def(struct mcp_schema *s, const struct mcp_place *p, const struct mcp_property *def)
{
    struct mcp_at above = {p->at, BYTES("$defs"), 0}, at = {&above, def->name, 0};
    struct mcp_place here = {p->ns, {NULL, 0}, p->defs, &at};
    struct buf b = buf_make(MCP_MAX_BYTES);
    struct bytes json;
    json_open(&b, '{');
    bool ok = check_name(s->m, &at, def->name) && put_type(s, &b, &here, def->name, def->type);
    json_close(&b, '}');
    if (!take_json(s, &b, ok, &json))
        return false;
    return declared_already(s, p, def) || mcp_declare(s, p->ns, def->name, MCP_COMMON, json, false);
}

static bool
declare_defs(struct mcp_schema *s, const struct mcp_place *p, const struct mcp_properties *defs)
{
    for (size_t i = 0; i < defs->n; i++)
        if (!declare_def(s, p, &defs->at[i]))
            return false;
    return true;
}

/* inputSchema or outputSchema of a tool: its record, a common type "<tool>Input" of the root namespace. */
static bool
declare_parameters(struct mcp_schema *s, const struct mcp_place *tool, struct bytes name, const char *part, const char *key,
                   const struct mcp_parameters *parameters, struct bytes *type_name)
{
    struct mcp_at at = {NULL, bytes_str(key), 0};
    struct mcp_defs defs = {tool->defs, &parameters->defs, mcp_join(s, tool->ns, bytes_str(part))};
    struct mcp_place p = {defs.ns, {NULL, 0}, &defs, &at};
    struct bytes json;
    const char *text = arena_printf(&s->m->a, "%.*s%s", BYTES_CUT(name, name.n), part);
    if (text == NULL || defs.ns.at == NULL)
        return mcp_memory(s->m);
    *type_name = bytes_str(text);
    return declare_defs(s, &p, &parameters->defs) && record_json(s, &parameters->properties, &p, &json) &&
           mcp_declare(s, s->root, *type_name, MCP_COMMON, json, false);
}

static void
put_context(struct buf *b, struct bytes key, const char *kind, struct bytes name, bool required)
{
    json_key_bytes(b, key);
    json_open(b, '{');
    if (kind) {
        json_member_str(b, "type", kind);
        json_member_text(b, "name", name);
    } else {
        json_member_text(b, "type", name);
    }
    if (!required)
        json_member_bool(b, "required", false);
    json_close(b, '}');
}

static void
put_action(const struct mcp_schema *s, struct buf *b, struct bytes input, struct bytes output)
{
    json_open(b, '{');
    json_key(b, "appliesTo");
    json_open(b, '{');
    json_member_raw(b, "resourceTypes", s->resources);
    json_member_raw(b, "principalTypes", s->principals);
    json_key(b, "context");
    json_open(b, '{');
    json_member_str(b, "type", "Record");
    json_key(b, "attributes");
    json_open(b, '{');
    put_context(b, BYTES("input"), NULL, input, true);
    if (output.at)
        put_context(b, BYTES("output"), NULL, output, false);
    for (size_t i = 0; i < s->n_contexts; i++)
        put_context(b, s->contexts[i].name, "EntityOrCommon", s->contexts[i].description, true);
    json_close(b, '}');
    json_close(b, '}');
    json_close(b, '}');
    if (s->parents.at)
        json_member_raw(b, "memberOf", s->parents);
    json_close(b, '}');
}

static bool
declare_tool(struct mcp_schema *s, const struct mcp_tool *tool, const struct mcp_defs *server)
{
    s->m->tool = tool->name;
    struct mcp_defs defs = {server, &tool->defs, mcp_join(s, s->root, tool->name)};
    struct mcp_place p = {defs.ns, {NULL, 0}, &defs, NULL};
    struct bytes input, output = {NULL, 0}, json;
    struct buf b = buf_make(MCP_MAX_BYTES);
    bool ok = defs.ns.at && check_name(s->m, NULL, tool->name) && declare_defs(s, &p, &tool->defs) &&
              declare_parameters(s, &p, tool->name, "Input", "inputSchema", &tool->input, &input);
    if (s->m->options.outputs)
        ok = ok && declare_parameters(s, &p, tool->name, "Output", "outputSchema", &tool->output, &output);
    if (ok)
        put_action(s, &b, input, output);
    struct mcp_member action = {.ns = s->root, .name = tool->name, .kind = MCP_ACTION};
    if (!take_json(s, &b, ok, &json))
        return false;
    action.json = json;
    return mcp_add(s, &action);
}

bool
mcp_grow(struct mcp_schema *s, const struct mcp_server *server)
{
    struct mcp_defs defs = {NULL, &server->defs, s->root};
    struct mcp_place p = {s->root, {NULL, 0}, &defs, NULL};
    if (!declare_defs(s, &p, &server->defs) || (s->m->options.deduplicate && !mcp_share(s, server)))
        return false;
    for (size_t i = 0; i < server->n_tools; i++)
        if (!declare_tool(s, &server->tools[i], &defs))
            return false;
    s->m->tool = bytes_make(NULL, 0);
    return true;
}
