/*
 * The Cedar schema that policies of this estate are checked by. It says exactly what src/decide builds: whoever changes the request there
 * changes this text too (tests/unit/test_decide.c holds the two together). What the JSON Schema of an argument leaves open has no Cedar type:
 * that argument is left out, so a policy that names it is refused at load, and the rest of the estate is as good as before.
 */
#include "estate/schema.h"

#include <stdio.h>

#define TYPE_DEPTH 16u
#define TYPES_MAX 1024u /* that one argument may consist of, each $ref followed: a schema that holds itself twice would grow without end */
#define TEXT_MAX (CEDAR_MAX_SCHEMA_BYTES)

static const char fixed[] = "entity Null;\n"
                            "entity Agent = { environment: String, kind: String, owner: String, purpose: String };\n"
                            "entity Destination = { environment: String, integrity: String, level: Long, owner: String, sensitivity: String };\n"
                            "type WritTool = { confirmed: Bool, effect: String, leaves: Bool };\n"
                            "type WritTask = { calls: Long, confined: Bool, depth: Long, on_behalf_of: String, purpose: String, purpose_by: String, "
                            "purpose_source: String, template: String };\n"
                            "type WritSeen = { level: Long, sensitivity: String, untrusted: Bool };\n"
                            "action \"CallTool\";\n";

static const char around[] = "tool: WritTool, writ: WritTask, seen: WritSeen, tier: String, proof: String, now: datetime } };\n";

/* ------------------------------------------------------------------------------------------------------------------ arguments */

const struct json *
argument_schema_of(const struct json *root, const struct json *schema)
{
    for (int hops = 0; hops < 8; hops++) {
        const struct json *ref = json_get(schema, "$ref");
        if (ref == NULL || json_get(schema, "type"))
            return schema;
        schema = schema_target(root, ref);
    }
    return NULL;
}

/* A text as Cedar reads it between quotes. */
static void
put_quoted(struct buf *b, struct bytes text)
{
    buf_putc(b, '"');
    for (size_t i = 0; i < text.n; i++)
        if (text.at[i] == '"' || text.at[i] == '\\')
            buf_putc(b, '\\'), buf_putc(b, text.at[i]);
        else if (text.at[i] < 0x20 || text.at[i] == 0x7f)
            buf_printf(b, "\\u{%x}", text.at[i]);
        else
            buf_putc(b, text.at[i]);
    buf_putc(b, '"');
}

static const char endless[] = "it nests too deep, or without end";

/* Why a value has no Cedar type: NULL when it has one, which then is in ${b}. ${left}: how many types it may still consist of. */
static const char *put_type(struct buf *b, const struct json *root, const struct json *schema, unsigned depth, unsigned *left);

static bool
required(const struct json *root, const struct json *holder, const struct json *property)
{
    const struct json *list = json_get(holder, "required");
    for (const struct json *name = json_is(list, JSON_ARRAY) ? list->child : NULL; name; name = name->next)
        if (bytes_eq(name->text, property->key))
            return true;
    return schema_default(root, property) != NULL; /* filled in before anything is decided */
}

static void
put_attribute(struct buf *b, const struct json *root, const struct json *holder, const struct json *property, const char *type)
{
    put_quoted(b, property->key);
    buf_puts(b, required(root, holder, property) ? ": " : "?: ");
    buf_puts(b, type);
    buf_puts(b, ", ");
}

/* The member ${p} when it has a type; otherwise it is not there for policies. */
static void
put_member(struct buf *b, const struct json *root, const struct json *holder, const struct json *p, unsigned depth, unsigned *left)
{
    struct buf type = buf_make(TEXT_MAX);
    if (put_type(&type, root, p, depth, left) == NULL)
        put_attribute(b, root, holder, p, buf_text(&type));
    b->failed = b->failed || type.failed;
    buf_free(&type);
}

static const char *
put_record(struct buf *b, const struct json *root, const struct json *schema, unsigned depth, unsigned *left)
{
    const struct json *properties = json_get(schema, "properties");
    buf_puts(b, "{ ");
    for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p && *left; p = p->next)
        put_member(b, root, schema, p, depth + 1, left);
    buf_puts(b, "}");
    return *left ? NULL : endless;
}

static const char *
put_list(struct buf *b, const struct json *root, const struct json *schema, unsigned depth, unsigned *left)
{
    struct buf type = buf_make(TEXT_MAX);
    const struct json *items = json_get(schema, "items");
    const char *why = json_get(schema, "prefixItems") || !json_is(items, JSON_OBJECT) ? "the types of the list's items differ or are not declared"
                                                                                      : put_type(&type, root, items, depth + 1, left);
    if (why == NULL)
        buf_printf(b, "Set<%s>", buf_text(&type));
    b->failed = b->failed || type.failed;
    buf_free(&type);
    return why;
}

/* Without "type": the one type of all values that are allowed, if that is so. */
static const char *
put_values(struct buf *b, const struct json *values)
{
    static const char *const names[] = {
        [JSON_NULL] = "Null", [JSON_BOOL] = "Bool", [JSON_INT] = "Long", [JSON_NUMBER] = "decimal", [JSON_STRING] = "String"};
    if (!json_is(values, JSON_ARRAY) || values->child == NULL)
        return "its type is not declared";
    for (const struct json *v = values->child; v; v = v->next)
        if (v->type != values->child->type || v->type == JSON_ARRAY || v->type == JSON_OBJECT)
            return "the values that it may have are of several types";
    buf_puts(b, names[values->child->type]);
    return NULL;
}

static const char *
put_type(struct buf *b, const struct json *root, const struct json *schema, unsigned depth, unsigned *left)
{
    static const struct {
        const char *type, *cedar;
    } simple[] = {{"string", "String"}, {"integer", "Long"}, {"number", "decimal"}, {"boolean", "Bool"}, {"null", "Null"}};
    if (depth > TYPE_DEPTH || *left == 0 || --*left == 0)
        return endless;
    schema = argument_schema_of(root, schema);
    if (!json_is(schema, JSON_OBJECT))
        return "its type is not declared";
    const struct json *type = json_get(schema, "type");
    if (type == NULL)
        return json_get(schema, "enum")                                 ? put_values(b, json_get(schema, "enum"))
               : json_get(schema, "anyOf") || json_get(schema, "oneOf") ? "it may be of several types (anyOf, oneOf)"
                                                                        : "its type is not declared";
    if (type->type != JSON_STRING)
        return "it may be of several types";
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if (bytes_is(type->text, simple[i].type))
            return buf_puts(b, simple[i].cedar), NULL;
    if (bytes_is(type->text, "array"))
        return put_list(b, root, schema, depth, left);
    if (bytes_is(type->text, "object"))
        return put_record(b, root, schema, depth, left);
    return "its type is not declared";
}

const char *
argument_hidden(const struct tool *tool, struct bytes name)
{
    struct buf b = buf_make(TEXT_MAX);
    const struct json *top = argument_schema_of(tool->schema, tool->schema), *property = json_find(json_get(top, "properties"), name);
    unsigned left = TYPES_MAX;
    const char *why = property ? put_type(&b, tool->schema, property, 1, &left) : NULL;
    buf_free(&b);
    return why;
}

/* ---------------------------------------------------------------------------------------------------------------------- actions */

/* Where each argument came from: a text for every argument that is there. */
static void
put_origin(struct buf *b, const struct json *root, const struct json *top)
{
    const struct json *properties = json_get(top, "properties");
    buf_puts(b, ", origin: { ");
    for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p; p = p->next)
        put_attribute(b, root, top, p, "String");
    buf_puts(b, "}, ");
}

static void
put_action(struct buf *b, const struct destination *d, struct bytes name)
{
    char id[256];
    snprintf(id, sizeof id, "%s/%.*s", d->id, BYTES_CUT(name, 150)); /* as decide cuts it */
    buf_puts(b, "action ");
    put_quoted(b, bytes_str(id));
    buf_puts(b, " in [");
    put_quoted(b, bytes_str(d->id));
    buf_puts(b, "] appliesTo { principal: [Agent], resource: [Destination], context: { input: ");
}

static void
put_tool(struct buf *b, const struct tool *t)
{
    const struct json *top = argument_schema_of(t->schema, t->schema), *properties = json_get(top, "properties");
    put_action(b, t->destination, bytes_str(t->name));
    buf_puts(b, "{ ");
    for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p; p = p->next) {
        unsigned left = TYPES_MAX;
        put_member(b, t->schema, top, p, 1, &left);
    }
    buf_puts(b, "}");
    put_origin(b, t->schema, top);
    buf_puts(b, around);
}

static void
put_destination(struct buf *b, const struct destination *d)
{
    buf_puts(b, "action ");
    put_quoted(b, bytes_str(d->id));
    buf_puts(b, " in [\"CallTool\"];\n");
    for (size_t i = 0; i < d->n_tools; i++)
        put_tool(b, &d->tools[i]);
    put_action(b, d, BYTES("@resources"));
    buf_printf(b, "{ uri?: String }, origin: { uri?: String }, %s", around);
    put_action(b, d, BYTES("@prompts"));
    buf_printf(b, "{ name?: String }, origin: { name?: String }, %s", around);
}

void
policy_schema_text(const struct estate *e, struct buf *b)
{
    buf_puts(b, fixed);
    for (size_t i = 0; i < e->n_destinations; i++)
        put_destination(b, &e->destinations[i]);
}

/* ----------------------------------------------------------------------------------------------------------------------- loading */

/* One line for each destination, so that nobody finds out only when a policy is refused. */
static void
say_hidden(struct loader *l, const struct destination *d)
{
    char first[200] = "";
    size_t n = 0;
    for (size_t i = 0; i < d->n_tools; i++) {
        const struct tool *t = &d->tools[i];
        const struct json *properties = json_get(argument_schema_of(t->schema, t->schema), "properties");
        for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p; p = p->next) {
            const char *why = argument_hidden(t, p->key);
            if (why && n++ == 0)
                snprintf(first, sizeof first, "%.60s: %.*s: %s", t->name, BYTES_CUT(p->key, 40), why);
        }
    }
    if (n)
        finding_add(l, FINDING_WARNING, d->tools[0].place.file, 1, 0, "policies cannot look at %zu argument%s of this destination (%s)", n,
                    n == 1 ? "" : "s", first);
}

bool
policy_schema(struct loader *l, struct cedar_schema **out)
{
    const struct estate *e = l->estate;
    struct buf b = buf_make(TEXT_MAX);
    struct cedar_error error = {0};
    policy_schema_text(e, &b);
    for (size_t i = 0; i < e->n_destinations; i++)
        say_hidden(l, &e->destinations[i]);
    bool ok = !b.failed && cedar_schema_parse((struct cedar_str){(const char *)b.at, b.n}, "the estate", out, &error);
    if (error.code == CEDAR_MEMORY)
        l->memory = true;
    else if (!ok)
        finding_add(l, FINDING_ERROR, "policies", 0, 0, "the tools cannot be described to policies: %s",
                    b.failed ? "together their schemas are larger than 4 MiB" : error.text);
    buf_free(&b);
    return ok;
}
