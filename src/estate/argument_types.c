/*
 * From the JSON Schema of an argument to its Cedar type, and the same way for a value. An argument that may be null is an optional
 * attribute of what it is otherwise, and a null is not in the request: what a policy sees of it is a text, a number … or nothing.
 */
#include "estate/schema.h"

#define TYPE_DEPTH 16u
#define TYPES_MAX 1024u /* that one argument may consist of, each $ref followed: a schema that holds itself twice would grow without end */
#define TEXT_MAX (CEDAR_MAX_SCHEMA_BYTES)
#define HOPS_MAX 8 /* from $ref to $ref, from choice to choice */

static const char endless[] = "it nests too deep, or without end", undeclared[] = "its type is not declared",
                  several[] = "it may be of several types";

/* ------------------------------------------------------------------------------------------------------------ what a schema says */

static const struct json *
choices_of(const struct json *schema)
{
    const struct json *any = json_get(schema, "anyOf"), *list = any ? any : json_get(schema, "oneOf");
    return json_get(schema, "type") == NULL && json_is(list, JSON_ARRAY) ? list : NULL;
}

/* What stands for the type where none is said: a $ref, or, as some generators write a $ref with a default, the one schema of allOf. */
static const struct json *
follow(const struct json *root, const struct json *schema)
{
    for (int hops = 0; hops < HOPS_MAX; hops++) {
        const struct json *ref = json_get(schema, "$ref"), *all = json_get(schema, "allOf");
        bool one = json_is(all, JSON_ARRAY) && all->count == 1;
        if ((ref == NULL && !one) || json_get(schema, "type"))
            return schema;
        schema = ref ? schema_target(root, ref) : all->child;
    }
    return NULL;
}

/* Without "type" the values that are allowed may tell it: those of enum, or the one of const. */
static const struct json *
next_value(const struct json *schema, const struct json *before)
{
    const struct json *list = json_get(schema, "enum");
    if (before)
        return json_is(list, JSON_ARRAY) ? before->next : NULL;
    return json_is(list, JSON_ARRAY) ? list->child : json_get(schema, "const");
}

static bool
only_null(const struct json *root, const struct json *schema)
{
    schema = follow(root, schema);
    const struct json *type = json_get(schema, "type"), *v = type ? NULL : next_value(schema, NULL);
    if (type)
        return json_is(type, JSON_STRING) && bytes_is(type->text, "null");
    bool null = v != NULL;
    for (; v; v = next_value(schema, v))
        null = null && v->type == JSON_NULL;
    return null;
}

const struct json *
arguments_object(const struct json *schema)
{
    return follow(schema, schema);
}

const struct json *
argument_schema_of(const struct json *root, const struct json *schema)
{
    for (int hops = 0; hops < HOPS_MAX; hops++) {
        schema = follow(root, schema);
        const struct json *choices = choices_of(schema), *one = choices ? choices->child : NULL;
        while (one && one->next && only_null(root, one))
            one = one->next;
        if (one == NULL)
            return schema;
        schema = one; /* of several ones put_choices found that they are alike, or the argument is hidden */
    }
    return NULL;
}

enum argument_number
argument_number(const struct json *schema)
{
    const struct json *type = json_get(schema, "type");
    enum argument_number says = NUMBER_ANY;
    if (json_is(type, JSON_STRING))
        return bytes_is(type->text, "number") ? NUMBER_DECIMAL : bytes_is(type->text, "integer") ? NUMBER_LONG : NUMBER_ANY;
    for (const struct json *t = json_is(type, JSON_ARRAY) ? type->child : NULL; t; t = t->next)
        if (bytes_is(t->text, "number"))
            says = NUMBER_DECIMAL;
        else if (bytes_is(t->text, "integer") && says == NUMBER_ANY)
            says = NUMBER_LONG;
    for (const struct json *v = type ? NULL : next_value(schema, NULL); v; v = next_value(schema, v))
        if (v->type == JSON_NUMBER)
            says = NUMBER_DECIMAL;
        else if (v->type == JSON_INT && says == NUMBER_ANY)
            says = NUMBER_LONG;
    return says;
}

/* ------------------------------------------------------------------------------------------------------------------------ texts */

void
argument_quoted(struct buf *b, struct bytes text)
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

static bool
required(const struct json *root, const struct json *holder, const struct json *property)
{
    const struct json *list = json_get(holder, "required");
    for (const struct json *name = json_is(list, JSON_ARRAY) ? list->child : NULL; name; name = name->next)
        if (bytes_eq(name->text, property->key))
            return true;
    return schema_default(root, property) != NULL; /* filled in before anything is decided */
}

void
argument_attribute(struct buf *b, const struct json *root, const struct json *holder, const struct json *property, const char *type, bool nullable)
{
    argument_quoted(b, property->key);
    buf_puts(b, !nullable && required(root, holder, property) ? ": " : "?: ");
    buf_puts(b, type);
    buf_puts(b, ", ");
}

/* ------------------------------------------------------------------------------------------------------------------------ types */

/* The type of one argument as it is written: how many types it may still consist of, and whether the last one read may be null, too. */
struct writer {
    const struct json *root;
    unsigned left;
    bool nullable;
};

/* Why a value has no Cedar type: NULL when it has one, which then is in ${b}. */
static const char *put_type(struct buf *b, struct writer *w, const struct json *schema, unsigned depth);

static bool
is_null(const struct buf *type)
{
    return type->n == 4 && memcmp(type->at, "Null", 4) == 0;
}

/* The member ${p} when it has a type; otherwise it is not there for policies. */
static void
put_member(struct buf *b, struct writer *w, const struct json *holder, const struct json *p, unsigned depth)
{
    struct buf type = buf_make(TEXT_MAX);
    if (put_type(&type, w, p, depth) == NULL)
        argument_attribute(b, w->root, holder, p, buf_text(&type), w->nullable || is_null(&type));
    b->failed = b->failed || type.failed;
    buf_free(&type);
}

static const char *
put_record(struct buf *b, struct writer *w, const struct json *schema, unsigned depth)
{
    const struct json *properties = json_get(schema, "properties");
    buf_puts(b, "{ ");
    for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p && w->left; p = p->next)
        put_member(b, w, schema, p, depth + 1);
    buf_puts(b, "}");
    return w->left ? NULL : endless;
}

static const char *
put_list(struct buf *b, struct writer *w, const struct json *schema, unsigned depth)
{
    struct buf type = buf_make(TEXT_MAX);
    const struct json *items = json_get(schema, "items");
    const char *why = json_get(schema, "prefixItems") || !json_is(items, JSON_OBJECT) ? "the types of the list's items differ or are not declared"
                                                                                      : put_type(&type, w, items, depth + 1);
    if (why == NULL && w->nullable)
        why = "items of the list may be null"; /* a set without them would be another list */
    if (why == NULL)
        buf_printf(b, "Set<%s>", buf_text(&type));
    b->failed = b->failed || type.failed;
    buf_free(&type);
    return why;
}

/* The one type of all values that are allowed, if that is so. An integer among decimals is one of them. */
static const char *
put_values(struct buf *b, const struct json *schema, bool *nullable)
{
    static const char *const names[] = {[JSON_BOOL] = "Bool", [JSON_INT] = "Long", [JSON_NUMBER] = "decimal", [JSON_STRING] = "String"};
    bool decimal = argument_number(schema) == NUMBER_DECIMAL;
    const char *name = NULL;
    for (const struct json *v = next_value(schema, NULL); v; v = next_value(schema, v)) {
        if (v->type == JSON_NULL) {
            *nullable = true;
            continue;
        }
        const char *one = v->type == JSON_ARRAY || v->type == JSON_OBJECT ? "" : v->type == JSON_INT && decimal ? "decimal" : names[v->type];
        if (*one == 0 || (name && strcmp(name, one) != 0))
            return "the values that it may have are of several types";
        name = one;
    }
    buf_puts(b, name ? name : "Null");
    return NULL;
}

/* The one type of all choices but null. */
static const char *
put_choices(struct buf *b, struct writer *w, const struct json *choices, unsigned depth)
{
    struct buf first = buf_make(TEXT_MAX), other = buf_make(TEXT_MAX);
    const char *why = NULL;
    bool nullable = false;
    for (const struct json *one = choices->child; one && why == NULL; one = one->next) {
        struct buf *to = first.n ? &other : &first;
        other.n = 0;
        why = put_type(to, w, one, depth + 1);
        nullable = nullable || w->nullable || (why == NULL && is_null(to));
        if (why == NULL && is_null(to))
            to->n = 0;
        else if (why == NULL && to == &other && !bytes_eq(buf_bytes(&first), buf_bytes(&other)))
            why = "it may be of several types (anyOf, oneOf)";
    }
    buf_puts(b, first.n ? buf_text(&first) : "Null");
    b->failed = b->failed || first.failed || other.failed;
    w->nullable = nullable;
    buf_free(&first);
    buf_free(&other);
    return why ? why : choices->child ? NULL : undeclared;
}

static const char *
put_named(struct buf *b, struct writer *w, const struct json *schema, struct bytes type, unsigned depth)
{
    static const struct {
        const char *type, *cedar;
    } simple[] = {{"string", "String"}, {"integer", "Long"}, {"number", "decimal"}, {"boolean", "Bool"}, {"null", "Null"}};
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if (bytes_is(type, simple[i].type))
            return buf_puts(b, simple[i].cedar), NULL;
    if (bytes_is(type, "array"))
        return put_list(b, w, schema, depth);
    if (bytes_is(type, "object"))
        return put_record(b, w, schema, depth);
    return undeclared;
}

/* "type": […]: the one that is not null; an integer is a number, too. */
static struct bytes
one_of_types(const struct json *list, bool *nullable)
{
    struct bytes one = {NULL, 0};
    size_t n = 0;
    bool number = false;
    for (const struct json *t = list->child; t; t = t->next)
        number = number || bytes_is(t->text, "number");
    for (const struct json *t = list->child; t; t = t->next) {
        bool null = bytes_is(t->text, "null");
        *nullable = *nullable || null;
        if (null || (number && bytes_is(t->text, "integer")))
            continue;
        one = t->text;
        n++;
    }
    return n == 1 ? one : n == 0 && *nullable ? BYTES("null") : bytes_make(NULL, 0);
}

static const char *
put_type(struct buf *b, struct writer *w, const struct json *schema, unsigned depth)
{
    bool nullable = false;
    w->nullable = false;
    if (depth > TYPE_DEPTH || w->left == 0 || --w->left == 0)
        return endless;
    schema = follow(w->root, schema);
    if (!json_is(schema, JSON_OBJECT))
        return undeclared;
    const struct json *type = json_get(schema, "type"), *choices = choices_of(schema);
    const char *why;
    if (choices)
        return put_choices(b, w, choices, depth);
    if (type == NULL) {
        why = next_value(schema, NULL) ? put_values(b, schema, &nullable) : undeclared;
    } else if (type->type == JSON_STRING) {
        nullable = schema_nullable(schema);
        why = put_named(b, w, schema, type->text, depth);
    } else {
        struct bytes one = json_is(type, JSON_ARRAY) ? one_of_types(type, &nullable) : bytes_make(NULL, 0);
        why = one.n ? put_named(b, w, schema, one, depth) : several;
    }
    w->nullable = nullable;
    return why;
}

void
argument_member(struct buf *b, const struct json *root, const struct json *holder, const struct json *property)
{
    struct writer w = {root, TYPES_MAX, false};
    put_member(b, &w, holder, property, 1);
}

const char *
argument_hidden(const struct tool *tool, struct bytes name)
{
    struct buf b = buf_make(TEXT_MAX);
    struct writer w = {tool->schema, TYPES_MAX, false};
    const struct json *top = arguments_object(tool->schema), *property = json_find(json_get(top, "properties"), name);
    const char *why = property ? put_type(&b, &w, property, 1) : NULL;
    buf_free(&b);
    return why;
}
