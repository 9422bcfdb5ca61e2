/*
 * What the loading of an estate asks of a pinned schema: which arguments there are, of which types, and whether a value would fit.
 */
#include "estate/schema.h"

#define ANY_TYPE 0x7fu

/* Walk the schemas that could apply at the top, whatever the value: $ref, allOf, anyOf, oneOf. */
static void
collect(const struct json *root, const struct json *schema, struct schemas *set, int depth)
{
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    if (!json_is(schema, JSON_OBJECT) || depth > 8 || err_failed(schema_add(set, schema)))
        return;
    const struct json *ref = json_get(schema, "$ref");
    if (ref)
        collect(root, schema_target(root, ref), set, depth + 1);
    for (size_t i = 0; i < 3; i++) {
        const struct json *list = json_get(schema, lists[i]);
        for (const struct json *s = list ? list->child : NULL; s; s = s->next)
            collect(root, s, set, depth + 1);
    }
}

bool
schema_argument(const struct json *schema, struct bytes name, struct nearest *n)
{
    struct schemas set = {.n = 0};
    bool known = false;
    collect(schema, schema, &set, 0);
    for (size_t i = 0; i < set.n; i++) {
        const struct json *properties = json_get(set.list[i], "properties");
        known = known || json_find(properties, name) || schema_opens(set.list[i]);
        for (const struct json *p = properties && n ? properties->child : NULL; p; p = p->next)
            nearest_offer(n, p->key);
    }
    return known;
}

static const struct json *
argument_schema(const struct json *schema, struct bytes name)
{
    struct schemas set = {.n = 0};
    collect(schema, schema, &set, 0);
    for (size_t i = 0; i < set.n; i++) {
        const struct json *s = json_find(json_get(set.list[i], "properties"), name);
        if (s)
            return s;
    }
    return NULL;
}

static unsigned
types_said(const struct json *schema)
{
    const struct json *k = json_get(schema, "type"), *values = json_get(schema, "enum"), *one = json_get(schema, "const");
    unsigned bits = 0;
    if (json_is(k, JSON_STRING))
        return schema_type_bit(k->text) | (schema_nullable(schema) ? 1u << JSON_NULL : 0);
    for (const struct json *t = json_is(k, JSON_ARRAY) ? k->child : NULL; t; t = t->next)
        bits |= schema_type_bit(t->text);
    for (const struct json *v = !bits && json_is(values, JSON_ARRAY) ? values->child : NULL; v; v = v->next)
        bits |= 1u << v->type;
    return !bits && one ? 1u << one->type : bits;
}

static unsigned
types_of(const struct json *root, const struct json *schema)
{
    struct schemas set = {.n = 0};
    unsigned bits = 0;
    collect(root, schema, &set, 0);
    for (size_t i = 0; i < set.n; i++)
        bits |= types_said(set.list[i]);
    return bits ? bits : ANY_TYPE;
}

unsigned
schema_argument_types(const struct json *schema, struct bytes name)
{
    return types_of(schema, argument_schema(schema, name));
}

unsigned
schema_item_types(const struct json *schema, struct bytes name)
{
    struct schemas set = {.n = 0};
    unsigned bits = 0;
    collect(schema, argument_schema(schema, name), &set, 0);
    for (size_t i = 0; i < set.n; i++) {
        const struct json *items = json_get(set.list[i], "items");
        if (json_is(items, JSON_OBJECT))
            bits |= types_of(schema, items);
    }
    return bits ? bits : ANY_TYPE;
}

struct err
schema_argument_fits(const struct json *schema, struct bytes name, const struct json *value)
{
    const struct json *s = argument_schema(schema, name);
    struct check c = {.root = schema};
    struct where top = {.up = NULL}, at = {&top, name, 0, 1};
    return s ? schema_valid(&c, s, value, &at) : err_ok();
}
