/* The official entity JSON without schema: [{"uid", "attrs", "parents", "tags"?}]; other keys are ignored, as the official engine does. */
#include "cedar/entities.h"
#include "cedar/value_json.h"

struct reader {
    struct cedar_entities_builder *b;
    struct arena *a;
    struct cedar_error *error;
};

static bool
missing(struct reader *r, const char *key)
{
    return error_set(r->error, CEDAR_VALUE, 0, 0, "error during entity deserialization: missing field `%s`", key);
}

static bool
not_a(struct reader *r, const struct cedar_uid *uid, const char *what)
{
    error_set(r->error, CEDAR_VALUE, 0, 0, "error during entity deserialization: `");
    struct text t = error_text(r->error);
    text_uid(&t, uid);
    text_add(&t, "`: %s", what);
    return false;
}

/* Attributes or tags; a missing object of tags is empty. */
static bool
read_fields(struct reader *r, const struct cedar_uid *uid, const struct json *v, bool tag, const struct cedar_value **out)
{
    *out = &value_empty_record;
    if (v == NULL)
        return true;
    if (!json_is(v, JSON_OBJECT))
        return not_a(r, uid, tag ? "`tags` must be an object" : "`attrs` must be an object");
    struct value_field *fields = arena_list(r->a, v->count, sizeof *fields);
    size_t n = 0;
    if (fields == NULL)
        return error_memory(r->error);
    for (const struct json *m = v->child; m; m = m->next, n++) {
        struct bytes key = arena_copy(r->a, m->key);
        if (key.at == NULL)
            return error_memory(r->error);
        struct json_place p = {r->a, uid, {(const char *)key.at, key.n}, tag};
        fields[n] = (struct value_field){p.name, value_json_read(&p, m, r->error)};
        if (fields[n].value == NULL)
            return false;
    }
    *out = value_record(r->a, fields, n);
    return *out != NULL || error_memory(r->error);
}

static bool
read_parents(struct reader *r, const struct cedar_uid *uid, const struct json *v, const struct cedar_uid **out)
{
    struct json_place p = {r->a, uid, str_of("parents"), false};
    if (!json_is(v, JSON_ARRAY))
        return not_a(r, uid, "`parents` must be an array");
    struct cedar_uid *list = arena_list(r->a, v->count, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return error_memory(r->error);
    for (const struct json *e = v->child; e; e = e->next)
        if (!value_json_uid(&p, e, &list[n++], r->error))
            return false;
    *out = list;
    return true;
}

static bool
read_entity(struct reader *r, const struct json *v)
{
    static const char *const required[] = {"uid", "attrs", "parents"};
    struct json_place p = {r->a, NULL, str_of("uid"), false};
    const struct cedar_value *attributes, *tags;
    const struct cedar_uid *parents = NULL;
    struct cedar_uid *uid = ARENA_NEW(r->a, struct cedar_uid);
    if (uid == NULL)
        return error_memory(r->error);
    if (!json_is(v, JSON_OBJECT))
        return error_set(r->error, CEDAR_VALUE, 0, 0, "error during entity deserialization: every entity must be an object");
    for (size_t i = 0; i < 3; i++)
        if (json_get(v, required[i]) == NULL)
            return missing(r, required[i]);
    if (!value_json_uid(&p, json_get(v, "uid"), uid, r->error) || !read_fields(r, uid, json_get(v, "attrs"), false, &attributes) ||
        !read_fields(r, uid, json_get(v, "tags"), true, &tags) || !read_parents(r, uid, json_get(v, "parents"), &parents))
        return false;
    return entities_take(r->b, *uid, attributes, parents, json_get(v, "parents")->count, tags) || error_memory(r->error);
}

static bool
read_all(struct reader *r, struct cedar_str text)
{
    struct arena tree = {.max = (size_t)512 << 20};
    struct json *list;
    bool ok = value_json_text(&tree, text, &list, r->error);
    if (ok && !json_is(list, JSON_ARRAY))
        ok = error_set(r->error, CEDAR_VALUE, 0, 0, "entities must be a JSON array of {\"uid\", \"attrs\", \"parents\"}");
    for (const struct json *v = ok ? list->child : NULL; ok && v; v = v->next)
        ok = read_entity(r, v);
    arena_free(&tree);
    return ok;
}

bool
cedar_entities_json(struct cedar_str text, struct cedar_entities **out, struct cedar_error *error)
{
    struct reader r = {.b = cedar_entities_new(), .error = error};
    *out = NULL;
    if (r.b == NULL)
        return error_memory(error);
    r.a = entities_arena(r.b);
    if (read_all(&r, text))
        return cedar_entities_finish(r.b, out, error);
    entities_drop(r.b);
    return false;
}
