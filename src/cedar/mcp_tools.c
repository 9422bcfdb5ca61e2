/* Tools as MCP lists them, and the part of JSON Schema that the official generator knows, read into types. */
#include "cedar/mcp_schema.h"

#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------------------------------------------------------------- errors */

#define PATH_MAX_PARTS 200u /* more than the JSON reader's depth */

static void
put_path(struct text *t, const struct mcp_at *at)
{
    const struct mcp_at *list[PATH_MAX_PARTS];
    size_t n = 0;
    for (; at && n < PATH_MAX_PARTS; at = at->up)
        list[n++] = at;
    for (bool first = true; n--; first = false)
        if (list[n]->key.at == NULL)
            text_add(t, "[%zu]", list[n]->index);
        else
            text_add(t, "%s%.*s", first ? "" : ".", BYTES_CUT(list[n]->key, 80));
    text_add(t, ": ");
}

bool
mcp_refuse(struct mcp *m, const struct mcp_at *at, const char *fmt, ...)
{
    char what[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    error_set(m->error, CEDAR_VALUE, 0, 0, "%s", "");
    struct text t = error_text(m->error);
    if (m->tool.at)
        text_add(&t, "the tool '%.*s': ", BYTES_CUT(m->tool, 128));
    if (at)
        put_path(&t, at);
    text_add(&t, "%s", what);
    return false;
}

bool
mcp_memory(struct mcp *m)
{
    if (m->a.max && m->a.used + 4096 > m->a.max)
        return error_set(m->error, CEDAR_LIMIT, 0, 0, "the schema of these tools takes more than %zu bytes to make", m->a.max);
    return error_memory(m->error);
}

static struct mcp_at
below(const struct mcp_at *up, const char *key)
{
    return (struct mcp_at){up, bytes_str(key), 0};
}

static struct mcp_at
item(const struct mcp_at *up, size_t index)
{
    return (struct mcp_at){up, {NULL, 0}, index};
}

/* -------------------------------------------------------------------------------------------------------------------- types */

static bool read_type(struct mcp *m, const struct mcp_at *at, const struct json *schema, const struct mcp_type **out);

static int
by_name(const void *left, const void *right)
{
    return bytes_cmp(((const struct mcp_property *)left)->name, ((const struct mcp_property *)right)->name);
}

/* Is ${name} one of the texts of ${required}? Linear; what one object requires is short, and json_limits bound it. */
static bool
listed(const struct json *required, struct bytes name)
{
    for (const struct json *r = required ? required->child : NULL; r; r = r->next)
        if (bytes_eq(r->text, name))
            return true;
    return false;
}

/* "required": a list of texts; false stands for none, as some servers write it. */
static bool
check_required(struct mcp *m, const struct mcp_at *up, const struct json *required)
{
    struct mcp_at at = below(up, "required");
    if (required == NULL || (required->type == JSON_BOOL && !required->truth))
        return true;
    if (required->type != JSON_ARRAY)
        return mcp_refuse(m, &at, "expected a list of texts, got %s", json_type_name(required->type));
    if (required->count > 1000)
        return mcp_refuse(m, &at, "more than 1000 names");
    for (const struct json *r = required->child; r; r = r->next)
        if (r->type != JSON_STRING)
            return mcp_refuse(m, &at, "expected a list of texts; one is %s", json_type_name(r->type));
    return true;
}

static bool
read_property(struct mcp *m, const struct mcp_at *at, const struct json *v, struct mcp_property *out)
{
    const struct json *description = json_get(v, "description");
    out->name = v->key;
    if (description && description->type != JSON_STRING)
        return mcp_refuse(m, at, "description: expected a text, got %s", json_type_name(description->type));
    out->description = description ? description->text : bytes_make(NULL, 0);
    return read_type(m, at, v, &out->type);
}

/* With options.nulls_absent: a property that may be null is one of its other type that may be missing. */
static bool
leave_out_null(struct mcp *m, const struct json *schema, struct mcp_property *p)
{
    const struct json *nullable = json_get(schema, "nullable");
    bool null = p->type->kind == MCP_NULL || (json_is(nullable, JSON_BOOL) && nullable->truth);
    struct mcp_type *rest = ARENA_NEW(&m->a, struct mcp_type);
    const struct mcp_properties *choices = &p->type->parts;
    if (rest == NULL || (rest->parts.at = arena_list(&m->a, choices->n + 1, sizeof *rest->parts.at)) == NULL)
        return mcp_memory(m);
    rest->kind = MCP_UNION;
    for (size_t i = 0; p->type->kind == MCP_UNION && i < choices->n; i++)
        if (choices->at[i].type->kind != MCP_NULL)
            rest->parts.at[rest->parts.n++] = choices->at[i];
    if (rest->parts.n && rest->parts.n < choices->n) {
        null = true;
        p->type = rest->parts.n == 1 ? rest->parts.at->type : rest;
    }
    p->required = p->required && !null;
    return true;
}

static bool
read_properties(struct mcp *m, const struct mcp_at *up, const struct json *schema, struct mcp_properties *out)
{
    const struct json *list = json_get(schema, "properties"), *required = json_get(schema, "required");
    struct mcp_at at = below(up, "properties");
    *out = (struct mcp_properties){NULL, 0};
    if (!check_required(m, up, required))
        return false;
    if (list == NULL || (list->type == JSON_BOOL && !list->truth))
        return true;
    if (list->type != JSON_OBJECT)
        return mcp_refuse(m, &at, "expected an object, got %s", json_type_name(list->type));
    if ((out->at = arena_list(&m->a, list->count + 1, sizeof *out->at)) == NULL)
        return mcp_memory(m);
    for (const struct json *v = list->child; v; v = v->next) {
        struct mcp_at here = {&at, v->key, 0};
        struct mcp_property *p = &out->at[out->n++];
        if (!read_property(m, &here, v, p))
            return false;
        p->required = listed(required, v->key);
        if (m->options.nulls_absent && !leave_out_null(m, v, p))
            return false;
    }
    qsort(out->at, out->n, sizeof *out->at, by_name);
    return true;
}

static bool
read_object(struct mcp *m, const struct mcp_at *at, const struct json *schema, struct mcp_type *t)
{
    const struct json *further = json_get(schema, "additionalProperties");
    struct mcp_at here = below(at, "additionalProperties");
    t->kind = MCP_OBJECT;
    if (!read_properties(m, at, schema, &t->parts))
        return false;
    if (further == NULL || further->type == JSON_BOOL || further->type == JSON_NULL)
        return true;
    return read_type(m, &here, further, &t->further);
}

/* The types of a list of schemas, in order. */
static bool
read_list(struct mcp *m, const struct mcp_at *at, const struct json *list, struct mcp_properties *out)
{
    if (!json_is(list, JSON_ARRAY))
        return mcp_refuse(m, at, "expected a list of schemas, got %s", json_type_name(list->type));
    if ((out->at = arena_list(&m->a, list->count + 1, sizeof *out->at)) == NULL)
        return mcp_memory(m);
    for (const struct json *v = list->child; v; v = v->next) {
        struct mcp_at here = item(at, out->n);
        if (!read_type(m, &here, v, &out->at[out->n++].type))
            return false;
    }
    return true;
}

static bool same_parts(const struct mcp_properties *a, const struct mcp_properties *b);

static bool
same_type(const struct mcp_type *a, const struct mcp_type *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->kind != b->kind || !bytes_eq(a->ref, b->ref) || !same_type(a->further, b->further))
        return false;
    return (a->kind != MCP_ENUM || json_equal(a->variants, b->variants)) && same_parts(&a->parts, &b->parts);
}

static bool
same_parts(const struct mcp_properties *a, const struct mcp_properties *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = a->at[i].required == b->at[i].required && bytes_eq(a->at[i].name, b->at[i].name) &&
               bytes_eq(a->at[i].description, b->at[i].description) && same_type(a->at[i].type, b->at[i].type);
    return same;
}

static bool
array_of(struct mcp *m, const struct mcp_type *element, struct mcp_type *t)
{
    t->kind = MCP_ARRAY;
    t->parts = (struct mcp_properties){ARENA_NEW(&m->a, struct mcp_property), 1};
    if (t->parts.at == NULL)
        return mcp_memory(m);
    t->parts.at->type = element;
    return true;
}

/* prefixItems with nothing behind them are a tuple; with others of the same type behind them, a list; else a list of anything. */
static bool
read_prefixed(struct mcp *m, const struct mcp_at *at, const struct json *prefix, const struct json *items, struct mcp_type *t)
{
    static const struct mcp_type unknown = {.kind = MCP_UNKNOWN};
    const struct mcp_type *rest = NULL;
    struct mcp_at here = below(at, "prefixItems"), behind = below(at, "items");
    if (!read_list(m, &here, prefix, &t->parts))
        return false;
    if (items && items->type == JSON_BOOL && !items->truth) {
        t->kind = MCP_TUPLE;
        return true;
    }
    if (json_is(items, JSON_OBJECT) && !read_type(m, &behind, items, &rest))
        return false;
    for (size_t i = 0; rest && i < t->parts.n; i++)
        if (!same_type(t->parts.at[i].type, rest))
            rest = NULL;
    return array_of(m, rest ? rest : &unknown, t);
}

static bool
read_array(struct mcp *m, const struct mcp_at *at, const struct json *schema, struct mcp_type *t)
{
    static const struct mcp_type unknown = {.kind = MCP_UNKNOWN};
    const struct json *prefix = json_get(schema, "prefixItems"), *items = json_get(schema, "items");
    const struct mcp_type *element = &unknown;
    struct mcp_at here = below(at, "items");
    if (json_is(prefix, JSON_ARRAY))
        return read_prefixed(m, at, prefix, items, t);
    if (json_is(items, JSON_OBJECT) && !read_type(m, &here, items, &element))
        return false;
    if (items && items->type != JSON_OBJECT && items->type != JSON_BOOL && items->type != JSON_NULL)
        return mcp_refuse(m, &here, "expected a schema, got %s", json_type_name(items->type));
    return array_of(m, element, t);
}

static bool
read_enum(struct mcp *m, const struct mcp_at *up, const struct json *variants, struct mcp_type *t)
{
    struct mcp_at at = below(up, "enum");
    if (variants->type != JSON_ARRAY || variants->count == 0)
        return mcp_refuse(m, &at, "expected a list of one text or more");
    for (const struct json *v = variants->child; v; v = v->next)
        if (v->type != JSON_STRING)
            return mcp_refuse(m, &at, "expected a list of texts; one is %s", json_type_name(v->type));
    t->kind = MCP_ENUM;
    t->variants = variants;
    return true;
}

static bool
read_string(struct mcp *m, const struct mcp_at *at, const struct json *schema, struct mcp_type *t)
{
    static const struct {
        const char *format;
        enum mcp_kind kind;
    } formats[] = {{"date", MCP_DATETIME}, {"date-time", MCP_DATETIME}, {"duration", MCP_DURATION}, {"ipv4", MCP_IP},
                   {"ipv6", MCP_IP},       {"decimal", MCP_DECIMAL}};
    const struct json *variants = json_get(schema, "enum"), *format = json_get(schema, "format");
    t->kind = MCP_STRING;
    if (variants)
        return read_enum(m, at, variants, t);
    if (format && format->type != JSON_STRING)
        return mcp_refuse(m, at, "format: expected a text, got %s", json_type_name(format->type));
    for (size_t i = 0; format && i < sizeof formats / sizeof *formats; i++)
        if (bytes_is(format->text, formats[i].format))
            t->kind = formats[i].kind;
    return true;
}

static const struct {
    const char *name;
    enum mcp_kind kind;
} simple_types[] = {{"boolean", MCP_BOOL},  {"integer", MCP_INTEGER}, {"float", MCP_FLOAT}, {"number", MCP_NUMBER},
                    {"string", MCP_STRING}, {"null", MCP_NULL},       {"array", MCP_ARRAY}, {"object", MCP_OBJECT}};

/* A type by its name; ${whole}: with the formats and enums of texts, which a list of types does not look at. */
static bool
read_named(struct mcp *m, const struct mcp_at *at, const struct json *schema, struct bytes name, bool whole, struct mcp_type *t)
{
    size_t i = 0, n = sizeof simple_types / sizeof *simple_types;
    while (i < n && !bytes_is(name, simple_types[i].name))
        i++;
    if (i == n)
        return mcp_refuse(m, at, "type: '%.*s' is none of boolean, integer, float, number, string, null, array, object", BYTES_CUT(name, 40));
    t->kind = simple_types[i].kind;
    if (t->kind == MCP_OBJECT)
        return read_object(m, at, schema, t);
    if (t->kind == MCP_ARRAY)
        return read_array(m, at, schema, t);
    return t->kind == MCP_STRING && whole ? read_string(m, at, schema, t) : true;
}

static bool
read_choice(struct mcp *m, const struct mcp_at *at, const struct json *schema, const struct json *name, const struct mcp_type **out)
{
    if (name->type != JSON_STRING)
        return read_type(m, at, name, out);
    struct mcp_type *t = ARENA_NEW(&m->a, struct mcp_type);
    *out = t;
    return t ? read_named(m, at, schema, name->text, false, t) : mcp_memory(m);
}

/* "type": […], of names or of whole schemas. */
static bool
read_types(struct mcp *m, const struct mcp_at *up, const struct json *schema, const struct json *names, struct mcp_type *t)
{
    struct mcp_at at = below(up, "type");
    if (names->type == JSON_BOOL || names->type == JSON_NULL)
        return true;
    if (names->type != JSON_ARRAY)
        return mcp_refuse(m, &at, "expected a text or a list, got %s", json_type_name(names->type));
    t->kind = MCP_UNION;
    if ((t->parts.at = arena_list(&m->a, names->count + 1, sizeof *t->parts.at)) == NULL)
        return mcp_memory(m);
    for (const struct json *v = names->child; v; v = v->next) {
        struct mcp_at here = item(&at, t->parts.n);
        if (!read_choice(m, &here, schema, v, &t->parts.at[t->parts.n++].type))
            return false;
    }
    return true;
}

static bool
read_ref(struct mcp *m, const struct mcp_at *up, const struct json *ref, struct mcp_type *t)
{
    struct mcp_at at = below(up, "$ref");
    if (ref->type != JSON_STRING)
        return mcp_refuse(m, &at, "expected a text, got %s", json_type_name(ref->type));
    if (!bytes_starts(ref->text, BYTES("#/$defs/")))
        return mcp_refuse(m, &at, "'%.*s' does not begin with #/$defs/", BYTES_CUT(ref->text, 80));
    t->kind = MCP_REF;
    t->ref = bytes_sub(ref->text, 8, ref->text.n);
    return true;
}

static bool
read_form(struct mcp *m, const struct mcp_at *at, const struct json *schema, struct mcp_type *t)
{
    const struct json *type = json_get(schema, "type"), *any = json_get(schema, "anyOf"), *ref = json_get(schema, "$ref");
    struct mcp_at here = below(at, any ? "anyOf" : "oneOf");
    if (type)
        return type->type == JSON_STRING ? read_named(m, at, schema, type->text, true, t) : read_types(m, at, schema, type, t);
    if (any == NULL)
        any = json_get(schema, "oneOf");
    if (any) {
        t->kind = MCP_UNION;
        return read_list(m, &here, any, &t->parts);
    }
    return ref ? read_ref(m, at, ref, t) : true;
}

/* The nesting is bounded by the JSON reader's, so the recursion is. */
static bool
read_type(struct mcp *m, const struct mcp_at *at, const struct json *schema, const struct mcp_type **out)
{
    struct mcp_type *t = ARENA_NEW(&m->a, struct mcp_type);
    *out = t;
    if (t == NULL)
        return mcp_memory(m);
    if (!json_is(schema, JSON_OBJECT))
        return mcp_refuse(m, at, "expected a schema, got %s", json_type_name(schema->type));
    return read_form(m, at, schema, t) && mcp_exact_type(m, at, schema, t);
}

/* -------------------------------------------------------------------------------------------------------------------- $defs */

static const struct mcp_property *
def_named(const struct mcp_properties *defs, struct bytes name)
{
    const struct mcp_property wanted = {.name = name};
    return defs->n ? bsearch(&wanted, defs->at, defs->n, sizeof *defs->at, by_name) : NULL;
}

/* A definition that is only another name of itself, over however many steps, says nothing. (One that holds itself is an entity.) */
static bool
check_circles(struct mcp *m, const struct mcp_at *at, const struct mcp_properties *defs)
{
    for (size_t i = 0; i < defs->n; i++) {
        const struct mcp_property *d = &defs->at[i];
        for (size_t steps = 0; d && d->type->kind == MCP_REF; steps++) {
            if (steps == defs->n)
                return mcp_refuse(m, at, "'%.*s' is defined by itself alone", BYTES_CUT(defs->at[i].name, 80));
            d = def_named(defs, d->type->ref);
        }
    }
    return true;
}

static bool
read_defs(struct mcp *m, const struct mcp_at *up, const struct json *defs, struct mcp_properties *out)
{
    struct mcp_at at = below(up, "$defs");
    *out = (struct mcp_properties){NULL, 0};
    if (defs == NULL)
        return true;
    if (defs->type != JSON_OBJECT)
        return mcp_refuse(m, &at, "expected an object, got %s", json_type_name(defs->type));
    if (defs->count > 2000)
        return mcp_refuse(m, &at, "more than 2000 definitions");
    if ((out->at = arena_list(&m->a, defs->count + 1, sizeof *out->at)) == NULL)
        return mcp_memory(m);
    for (const struct json *v = defs->child; v; v = v->next) {
        struct mcp_at here = {&at, v->key, 0};
        struct mcp_property *d = &out->at[out->n++];
        d->name = v->key;
        if (!read_type(m, &here, v, &d->type))
            return false;
    }
    qsort(out->at, out->n, sizeof *out->at, by_name);
    return check_circles(m, &at, out);
}

/* -------------------------------------------------------------------------------------------------------------------- tools */

static bool
read_parameters(struct mcp *m, const char *key, const struct json *schema, struct mcp_parameters *out)
{
    struct mcp_at at = below(NULL, key);
    if (json_get(schema, "json"))
        schema = json_get(schema, "json");
    if (!json_is(schema, JSON_OBJECT))
        return mcp_refuse(m, &at, "expected a schema, got %s", json_type_name(schema->type));
    return read_defs(m, &at, json_get(schema, "$defs"), &out->defs) && read_properties(m, &at, schema, &out->properties) &&
           mcp_exact_parameters(m, &at, schema);
}

static bool
read_tool(struct mcp *m, const struct json *v, struct mcp_tool *out)
{
    const struct json *name = json_get(v, "name"), *old = json_get(v, "parameters"), *input = json_get(v, "inputSchema");
    const struct json *output = json_get(v, "outputSchema"), *description = json_get(v, "description");
    m->tool = bytes_make(NULL, 0);
    if (!json_is(v, JSON_OBJECT))
        return mcp_refuse(m, NULL, "a tool must be an object, not %s", json_type_name(v->type));
    if (!json_is(name, JSON_STRING))
        return mcp_refuse(m, NULL, "a tool has no name");
    m->tool = out->name = name->text;
    if (old == NULL && input == NULL)
        return mcp_refuse(m, NULL, "it has no inputSchema");
    if (description && description->type != JSON_STRING)
        return mcp_refuse(m, NULL, "description: expected a text, got %s", json_type_name(description->type));
    return read_parameters(m, old ? "parameters" : "inputSchema", old ? old : input, &out->input) &&
           (output == NULL || read_parameters(m, "outputSchema", output, &out->output)) && read_defs(m, NULL, json_get(v, "$defs"), &out->defs);
}

static int
by_tool_name(const void *left, const void *right)
{
    return bytes_cmp(((const struct mcp_tool *)left)->name, ((const struct mcp_tool *)right)->name);
}

static bool
read_tools(struct mcp *m, const struct json *first, size_t n, struct mcp_server *out)
{
    if ((out->tools = arena_list(&m->a, n + 1, sizeof *out->tools)) == NULL)
        return mcp_memory(m);
    for (const struct json *v = first; v && out->n_tools < n; v = v->next)
        if (!read_tool(m, v, &out->tools[out->n_tools++]))
            return false;
    qsort(out->tools, n, sizeof *out->tools, by_tool_name);
    m->tool = bytes_make(NULL, 0);
    for (size_t i = 1; i < n; i++)
        if (bytes_eq(out->tools[i - 1].name, out->tools[i].name))
            return mcp_refuse(m, NULL, "the tool '%.*s' stands twice", BYTES_CUT(out->tools[i].name, 128));
    return true;
}

bool
mcp_read(struct mcp *m, struct bytes text, struct mcp_server *out)
{
    const struct json_limits limits = {.bytes = MCP_MAX_BYTES, .depth = CEDAR_MAX_DEPTH, .nodes = MCP_MAX_NODES};
    struct json *top;
    *out = (struct mcp_server){NULL, 0, {NULL, 0}};
    struct err e = json_parse(&m->a, text, &limits, &top);
    if (e.code == E_MEMORY)
        return mcp_memory(m);
    if (err_failed(e))
        return error_set(m->error, e.code == E_LIMIT ? CEDAR_LIMIT : CEDAR_SYNTAX, 0, 0, "the tools: %s", e.text);
    const struct json *holder = json_is(json_get(top, "result"), JSON_OBJECT) ? json_get(top, "result") : top, *list = json_get(holder, "tools");
    if (top->type == JSON_ARRAY)
        return read_tools(m, top->child, top->count, out);
    if (list && list->type != JSON_ARRAY)
        return mcp_refuse(m, NULL, "tools: expected a list, got %s", json_type_name(list->type));
    if (list)
        return read_defs(m, NULL, json_get(holder, "$defs"), &out->defs) && read_tools(m, list->child, list->count, out);
    if (top->type != JSON_OBJECT || holder != top)
        return mcp_refuse(m, NULL, "expected what tools/list answers, a list of tools, or one tool");
    return read_tools(m, top, 1, out);
}
