/* Values in JSON where a schema says what is expected. */
#include "cedar/conform.h"
#include "cedar/value_json.h"

static const struct cedar_value *
no_memory(struct cedar_error *error)
{
    error_memory(error);
    return NULL;
}

static const struct cedar_value *
read_entity(const struct json_place *p, const struct json *v, struct cedar_error *error)
{
    struct cedar_uid uid;
    if (!value_json_uid(p, v, &uid, error))
        return NULL;
    const struct cedar_value *entity = value_entity(p->a, uid);
    return entity ? entity : no_memory(error);
}

/* ----------------------------------------------------------------------------------------------------------- extensions */

/* What a function takes: extension values may again stand without an escape. */
static const struct type *
argument_type(enum ext_function f, size_t i)
{
    static const struct type extensions[] = {
        [VALUE_DATETIME] = {.kind = TYPE_EXTENSION, .extension = VALUE_DATETIME},
        [VALUE_DECIMAL] = {.kind = TYPE_EXTENSION, .extension = VALUE_DECIMAL},
        [VALUE_DURATION] = {.kind = TYPE_EXTENSION, .extension = VALUE_DURATION},
        [VALUE_IP] = {.kind = TYPE_EXTENSION, .extension = VALUE_IP},
    };
    enum value_kind kind = ext_argument(f, i);
    return kind >= VALUE_DATETIME ? &extensions[kind] : NULL;
}

static const struct cedar_value *
read_call(const struct json_place *p, const struct json *v, struct cedar_error *error)
{
    const struct json *arg = json_get(v, "arg"), *args = json_get(v, "args");
    const struct cedar_value *list[2]; /* no function takes more */
    enum ext_function f;
    size_t n = arg ? 1 : args->count, i = 0;
    if (!value_json_function(p, v, &f, error))
        return NULL;
    if (f == EXT_COUNT) {
        error_set(error, CEDAR_VALUE, 0, 0, "%s", "");
        value_json_no_function(v, error);
        return NULL;
    }
    if (n != ext_arguments(f) || n > 2) {
        error_set(error, CEDAR_VALUE, 0, 0, "expected %u arguments for function %s but %zu arguments are provided", ext_arguments(f), ext_name(f), n);
        return NULL;
    }
    for (const struct json *one = arg ? arg : args->child; i < n; one = one->next, i++)
        if ((list[i] = value_json_typed(p, argument_type(f, i), one, error)) == NULL)
            return NULL;
    return value_json_call(p, f, list, n, error);
}

static const struct cedar_value *
read_extension(const struct json_place *p, const struct type *type, const struct json *v, struct cedar_error *error)
{
    static const enum ext_function constructors[] = {
        [VALUE_DATETIME] = EXT_DATETIME, [VALUE_DECIMAL] = EXT_DECIMAL, [VALUE_DURATION] = EXT_DURATION, [VALUE_IP] = EXT_IP};
    const struct json *inner = json_get(v, "__extn");
    if (json_is(json_get(v, "__expr"), JSON_STRING))
        return value_json_no_expr(p, error), NULL;
    if (inner && value_json_is_call(inner))
        return read_call(p, inner, error);
    if (value_json_is_call(v))
        return read_call(p, v, error);
    if (v->type == JSON_NUMBER)
        return value_json_no_integer(v, "ExtnValueJson", error), NULL;
    const struct cedar_value *text = value_json_read(p, v, error);
    return text ? value_json_call(p, constructors[type->extension], &text, 1, error) : NULL;
}

/* ----------------------------------------------------------------------------------------------------- sets and records */

static const struct cedar_value *
mismatch(const struct json_place *p, const struct type *type, const struct json *v, struct cedar_error *error)
{
    const struct cedar_value *actual = value_json_read(p, v, error);
    if (actual == NULL)
        return NULL;
    value_json_begin(p, error, CEDAR_VALUE);
    struct text t = error_text(error);
    conform_mismatch(&t, type, actual);
    return NULL;
}

static const struct cedar_value *
read_set(const struct json_place *p, const struct type *type, const struct json *v, struct cedar_error *error)
{
    if (v->type != JSON_ARRAY)
        return mismatch(p, type, v, error);
    const struct cedar_value **list = arena_list(p->a, v->count, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return no_memory(error);
    for (const struct json *e = v->child; e; e = e->next)
        if ((list[n++] = value_json_typed(p, type->element, e, error)) == NULL)
            return NULL;
    const struct cedar_value *set = value_set(p->a, list, n);
    return set ? set : no_memory(error);
}

/* "<place>, <before>`name`<behind>" */
static const struct cedar_value *
wrong_attribute(const struct json_place *p, const char *before, struct cedar_str name, const char *behind, struct cedar_error *error)
{
    value_json_begin(p, error, CEDAR_VALUE);
    struct text t = error_text(error);
    text_add(&t, "%s`", before);
    text_str(&t, name);
    text_add(&t, "`%s", behind);
    return NULL;
}

static const struct json *
unexpected_member(const struct type *type, const struct json *v)
{
    const struct json *m = v->child;
    while (m && type_attribute(type, (struct cedar_str){(const char *)m->key.at, m->key.n}))
        m = m->next;
    return m;
}

/* The names are those of the schema, which may go away before the value: they are copied. */
static const struct cedar_value *
read_record(const struct json_place *p, const struct type *type, const struct json *v, struct cedar_error *error)
{
    if (v->type != JSON_OBJECT)
        return mismatch(p, type, v, error);
    struct value_field *fields = arena_list(p->a, v->count, sizeof *fields);
    size_t n = 0;
    for (size_t i = 0; i < type->attributes.n && fields != NULL; i++) {
        const struct type_attribute *a = &type->attributes.at[i];
        const struct json *m = json_find(v, str_bytes(a->name));
        if (m == NULL && a->required)
            return wrong_attribute(p, "expected the record to have an attribute ", a->name, ", but it does not", error);
        if (m == NULL)
            continue;
        struct bytes key = arena_copy(p->a, str_bytes(a->name));
        fields[n].key = (struct cedar_str){(const char *)key.at, key.n};
        if (key.at == NULL)
            return no_memory(error);
        if ((fields[n++].value = value_json_typed(p, a->type, m, error)) == NULL)
            return NULL;
    }
    const struct json *more = unexpected_member(type, v);
    if (more)
        return wrong_attribute(p, "record attribute ", (struct cedar_str){(const char *)more->key.at, more->key.n},
                               " should not exist according to the schema", error);
    const struct cedar_value *record = fields ? value_record(p->a, fields, n) : NULL;
    return record ? record : no_memory(error);
}

const struct cedar_value *
value_json_typed(const struct json_place *p, const struct type *type, const struct json *v, struct cedar_error *error)
{
    switch (type ? type->kind : TYPE_NEVER) {
    case TYPE_ENTITY:
        return read_entity(p, v, error);
    case TYPE_EXTENSION:
        return read_extension(p, type, v, error);
    case TYPE_SET:
        return read_set(p, type, v, error);
    case TYPE_RECORD:
        return read_record(p, type, v, error);
    default:
        return value_json_read(p, v, error);
    }
}

static const struct cedar_value *
read_context(struct cedar_scratch *s, struct cedar_str text, const struct type *type, struct arena *tree, struct cedar_error *error)
{
    struct json_place p = {.a = &s->a};
    struct json *v;
    return value_json_text(tree, text, &v, error) ? value_json_typed(&p, type, v, error) : NULL;
}

struct cedar_value *
cedar_context_json_schema(struct cedar_scratch *s, struct cedar_str text, const struct cedar_schema *schema, const struct cedar_uid *action,
                          struct cedar_error *error)
{
    const struct schema_action *known = schema_find_action(schema, action);
    struct arena tree = {.max = (size_t)512 << 20};
    if (known == NULL) {
        error_set(error, CEDAR_VALUE, 0, 0, "action `");
        struct text t = error_text(error);
        text_uid(&t, action);
        text_add(&t, "` does not exist in the supplied schema");
        return NULL;
    }
    const struct cedar_value *v = read_context(s, text, known->context, &tree, error);
    struct cedar_value *own = v ? ARENA_NEW(&s->a, struct cedar_value) : NULL;
    arena_free(&tree);
    if (own)
        *own = *v;
    else if (v)
        error_memory(error);
    return own;
}
