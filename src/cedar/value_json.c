/*
 * The official JSON form of values without a schema: bool, integer, string, array, object; {"__entity": {"type", "id"}} and
 * {"__extn": {"fn", "arg" or "args"}} when that is the only key of an object. All strings are copied: the text may go away.
 */
#include "cedar/value_json.h"

#include "cedar/ext.h"
#include "cedar/json_show.h"

#include <stdio.h>

static const struct json_limits limits = {.bytes = (size_t)16 << 20, .depth = CEDAR_MAX_DEPTH, .nodes = 2000000};

bool
value_json_text(struct arena *a, struct cedar_str text, struct json **out, struct cedar_error *error)
{
    struct err e = json_parse(a, str_bytes(text), &limits, out);
    unsigned line = 0, column = 0;
    int from = 0;
    if (!err_failed(e))
        return true;
    if (sscanf(e.text, "line %u, column %u: %n", &line, &column, &from) < 2)
        from = 0;
    enum cedar_code code = e.code == E_LIMIT ? CEDAR_LIMIT : e.code == E_MEMORY ? CEDAR_MEMORY : CEDAR_SYNTAX;
    return error_set(error, code, line, column, "%s", e.text + from);
}

bool
value_json_begin(const struct json_place *p, struct cedar_error *error, enum cedar_code code)
{
    error_set(error, code, 0, 0, "%s", p->uid == NULL ? "while parsing context, " : p->tag ? "in tag `" : "in attribute `");
    if (p->uid == NULL)
        return false;
    struct text t = error_text(error);
    text_str(&t, p->name);
    text_add(&t, "` on `");
    text_uid(&t, p->uid);
    text_add(&t, "`, ");
    return false;
}

/* The official text says nothing; the help does. */
bool
value_json_no_integer(const struct json *v, const char *what, struct cedar_error *error)
{
    error_set(error, CEDAR_VALUE, 0, 0, "data did not match any variant of untagged enum %s", what);
    error_help(error, "the number `%.*s` is no 64-bit integer; a decimal is {\"__extn\": {\"fn\": \"decimal\", \"arg\": \"1.5\"}}",
               BYTES_CUT(v->text, 60));
    return false;
}

/* "<place>, <before><word><behind>"; returns false. */
static bool
refuse(const struct json_place *p, struct cedar_error *error, const char *before, struct bytes word, const char *behind)
{
    value_json_begin(p, error, CEDAR_VALUE);
    struct text t = error_text(error);
    text_add(&t, "%s", before);
    text_str(&t, (struct cedar_str){(const char *)word.at, word.n < 100 ? word.n : 100});
    text_add(&t, "%s", behind);
    return false;
}

static bool
copy(const struct json_place *p, struct bytes from, struct cedar_str *to, struct cedar_error *error)
{
    struct bytes b = arena_copy(p->a, from);
    *to = (struct cedar_str){(const char *)b.at, b.n};
    return b.at != NULL || error_memory(error);
}

/* ------------------------------------------------------------------------------------------------------------- entities */

static bool
no_entity(struct bytes type, struct bytes id, struct cedar_error *error)
{
    error_set(error, CEDAR_VALUE, 0, 0, "failed to parse escape `__entity`: {\n  \"type\": ");
    struct text t = error_text(error);
    json_show_string(&t, type);
    text_add(&t, ",\n  \"id\": ");
    json_show_string(&t, id);
    text_add(&t, "\n}, errors: ");
    json_name_why(type, &t);
    return error_help(error, "an __entity escape should have a value like `{ \"type\": \"SomeType\", \"id\": \"SomeId\" }`");
}

static bool
take_uid(const struct json_place *p, struct bytes type, struct bytes id, struct cedar_uid *out, struct cedar_error *error)
{
    if (!json_name_ok(type))
        return no_entity(type, id, error);
    return copy(p, type, &out->type, error) && copy(p, id, &out->id, error);
}

/* {"type": "T", "id": "x"}; other members are passed over. */
static bool
has_type_and_id(const struct json *v)
{
    return json_is(json_get(v, "type"), JSON_STRING) && json_is(json_get(v, "id"), JSON_STRING);
}

/* That, or ["T", "x"]. */
static bool
type_and_id(const struct json *v, struct bytes *type, struct bytes *id)
{
    bool list = json_is(v, JSON_ARRAY) && v->count == 2 && v->child->type == JSON_STRING && v->child->next->type == JSON_STRING;
    if (!list && !has_type_and_id(v))
        return false;
    *type = list ? v->child->text : json_text(v, "type");
    *id = list ? v->child->next->text : json_text(v, "id");
    return true;
}

static bool
no_expr(struct text *t, struct cedar_error *error)
{
    text_add(t, "the `__expr` escape is no longer supported");
    return error_help(error,
                      "to create an entity reference, use `__entity`; to create an extension value, use `__extn`; and for all other values, use "
                      "JSON directly");
}

bool
value_json_no_expr(const struct json_place *p, struct cedar_error *error)
{
    value_json_begin(p, error, CEDAR_VALUE);
    struct text t = error_text(error);
    return no_expr(&t, error);
}

static bool
no_reference(const struct json_place *p, const struct json *v, struct cedar_error *error)
{
    if (p->uid == NULL || p->at != JSON_IN_PARENTS) {
        error_set(error, CEDAR_VALUE, 0, 0, "%s", p->at == JSON_IN_UID ? "in uid field of <unknown entity>, " : "");
        if (p->at != JSON_IN_UID)
            value_json_begin(p, error, CEDAR_VALUE);
    } else {
        error_set(error, CEDAR_VALUE, 0, 0, "in parents field of `");
        struct text t = error_text(error);
        text_uid(&t, p->uid);
        text_add(&t, "`, ");
    }
    struct text t = error_text(error);
    if (json_is(json_get(v, "__expr"), JSON_STRING))
        return no_expr(&t, error);
    text_add(&t, "expected a literal entity reference, but got `");
    json_show(&t, v);
    text_add(&t, "`");
    return error_help(error, "literal entity references can be made with `{ \"type\": \"SomeType\", \"id\": \"SomeId\" }`");
}

bool
value_json_uid(const struct json_place *p, const struct json *v, struct cedar_uid *out, struct cedar_error *error)
{
    struct bytes type, id;
    bool expr = json_is(json_get(v, "__expr"), JSON_STRING);
    if (!expr && (type_and_id(json_get(v, "__entity"), &type, &id) || type_and_id(v, &type, &id)))
        return take_uid(p, type, id, out, error);
    return no_reference(p, v, error);
}

/* ----------------------------------------------------------------------------------------------------------- extensions */

/* "failed to evaluate attribute `x` of `U::"a"`: " */
static void
begin_evaluation(const struct json_place *p, struct cedar_error *error)
{
    error_set(error, CEDAR_VALUE, 0, 0, "%s", p->uid == NULL ? "" : p->tag ? "failed to evaluate tag `" : "failed to evaluate attribute `");
    if (p->uid == NULL)
        return;
    struct text t = error_text(error);
    text_str(&t, p->name);
    text_add(&t, "` of `");
    text_uid(&t, p->uid);
    text_add(&t, "`: ");
}

const struct cedar_value *
value_json_call(const struct json_place *p, enum ext_function f, const struct cedar_value *const *args, size_t n, struct cedar_error *error)
{
    struct fault fault;
    fault_reset(&fault);
    const struct cedar_value *v = ext_call(f, args, n, p->a, &fault);
    if (v)
        return v;
    if (fault.memory)
        return error_memory(error), NULL;
    begin_evaluation(p, error);
    struct text t = error_text(error);
    text_str(&t, str_of(fault.room));
    return NULL;
}

static bool
no_name(struct bytes name, struct cedar_error *error)
{
    error_set(error, CEDAR_VALUE, 0, 0, "failed to parse escape `__extn`: ");
    struct text t = error_text(error);
    text_str(&t, (struct cedar_str){(const char *)name.at, name.n});
    text_add(&t, ", errors: ");
    json_name_why(name, &t);
    return error_help(error, "an __extn escape should have a value like `{ \"fn\": \"SomeFn\", \"arg\": \"SomeArg\" }`");
}

bool
value_json_function(const struct json_place *p, const struct json *v, enum ext_function *f, struct cedar_error *error)
{
    struct bytes name = json_text(v, "fn");
    if (!json_name_ok(name))
        return no_name(name, error);
    if (bytes_is(name, "unknown")) {
        value_json_begin(p, error, CEDAR_UNSUPPORTED);
        struct text t = error_text(error);
        text_add(&t, "unknown values are not supported");
        return false;
    }
    if (!ext_find((struct cedar_str){(const char *)name.at, name.n}, f))
        *f = EXT_COUNT;
    return true;
}

bool
value_json_no_function(const struct json *v, struct cedar_error *error)
{
    struct text t = error_text(error);
    struct bytes name = json_text(v, "fn");
    text_add(&t, "extension function `");
    text_str(&t, (struct cedar_str){(const char *)name.at, name.n});
    text_add(&t, "` does not exist");
    return false;
}

static const struct cedar_value *
read_extension(const struct json_place *p, const struct json *v, struct cedar_error *error)
{
    const struct json *arg = json_get(v, "arg"), *args = json_get(v, "args");
    enum ext_function f;
    if (!value_json_function(p, v, &f, error))
        return NULL;
    size_t n = arg ? 1 : args->count, i = 0;
    const struct cedar_value **list = arena_list(p->a, n, sizeof *list);
    if (list == NULL)
        return error_memory(error), NULL;
    for (const struct json *one = arg ? arg : args->child; i < n; one = one->next, i++)
        if ((list[i] = value_json_read(p, one, error)) == NULL)
            return NULL;
    if (f < EXT_COUNT)
        return value_json_call(p, f, list, n, error);
    begin_evaluation(p, error);
    value_json_no_function(v, error);
    return NULL;
}

/* An object is an escape only when it has the right shape; otherwise it is a record, as in the official engine. */
bool
value_json_is_call(const struct json *v)
{
    return json_is(v, JSON_OBJECT) && json_is(json_get(v, "fn"), JSON_STRING) && (json_get(v, "arg") || json_is(json_get(v, "args"), JSON_ARRAY));
}

/* -------------------------------------------------------------------------------------------------------------- values */

static const struct cedar_value *
no_memory(struct cedar_error *error, const struct cedar_value *v)
{
    if (v == NULL)
        error_memory(error);
    return v;
}

static const struct cedar_value *
read_array(const struct json_place *p, const struct json *v, struct cedar_error *error)
{
    const struct cedar_value **list = arena_list(p->a, v->count, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return no_memory(error, NULL);
    for (const struct json *e = v->child; e; e = e->next)
        if ((list[n++] = value_json_read(p, e, error)) == NULL)
            return NULL;
    return no_memory(error, value_set(p->a, list, n));
}

static const struct cedar_value *
read_record(const struct json_place *p, const struct json *v, struct cedar_error *error)
{
    struct value_field *fields = arena_list(p->a, v->count, sizeof *fields);
    size_t n = 0;
    if (fields == NULL)
        return no_memory(error, NULL);
    for (const struct json *m = v->child; m; m = m->next, n++) {
        fields[n].value = value_json_read(p, m, error);
        if (fields[n].value == NULL || !copy(p, m->key, &fields[n].key, error))
            return NULL;
    }
    return no_memory(error, value_record(p->a, fields, n));
}

static const struct cedar_value *
read_object(const struct json_place *p, const struct json *v, struct cedar_error *error)
{
    const struct json *entity = json_get(v, "__entity"), *extension = json_get(v, "__extn");
    struct cedar_uid uid;
    if (v->count != 1)
        return read_record(p, v, error);
    if (entity && has_type_and_id(entity))
        return take_uid(p, json_text(entity, "type"), json_text(entity, "id"), &uid, error) ? no_memory(error, value_entity(p->a, uid)) : NULL;
    if (extension && value_json_is_call(extension))
        return read_extension(p, extension, error);
    if (json_is(json_get(v, "__expr"), JSON_STRING))
        return value_json_no_expr(p, error), NULL;
    return read_record(p, v, error);
}

const struct cedar_value *
value_json_read(const struct json_place *p, const struct json *v, struct cedar_error *error)
{
    struct cedar_str text;
    switch (v->type) {
    case JSON_BOOL:
        return value_truth(v->truth);
    case JSON_INT:
        return no_memory(error, value_number(p->a, VALUE_LONG, v->number));
    case JSON_STRING:
        return copy(p, v->text, &text, error) ? no_memory(error, value_string(p->a, text)) : NULL;
    case JSON_ARRAY:
        return read_array(p, v, error);
    case JSON_OBJECT:
        return read_object(p, v, error);
    case JSON_NUMBER:
        value_json_no_integer(v, "RawCedarValueJson", error);
        return NULL;
    case JSON_NULL:
        break;
    }
    refuse(p, error, "found a `null`; JSON `null`s are not allowed in Cedar", (struct bytes){NULL, 0}, "");
    return NULL;
}

/* The tree of the JSON text needs no longer life than this call; the value may stay. */
struct cedar_value *
cedar_value_json(struct cedar_scratch *s, struct cedar_str text, struct cedar_error *error)
{
    struct arena tree = {.max = (size_t)512 << 20};
    struct json_place p = {.a = &s->a};
    struct json *v;
    struct cedar_value *own = NULL;
    if (value_json_text(&tree, text, &v, error)) {
        const struct cedar_value *value = value_json_read(&p, v, error);
        own = value ? ARENA_NEW(&s->a, struct cedar_value) : NULL;
        if (own)
            *own = *value;
        else if (value)
            error_memory(error);
    }
    arena_free(&tree);
    return own;
}
