/*
 * Arguments of a call against the pinned inputSchema. Two walks: the first refuses what is not declared and writes the object again with
 * the schema's defaults filled in; the second checks the result, so that the bytes forwarded are the bytes checked (law 8).
 */
#include "estate/schema.h"

#define OUT_MAX ((size_t)8 << 20)

/* Add ${schema} and what it brings in for this value: $ref, allOf, and the form of anyOf and oneOf that fits. */
static struct err
flatten(struct check *c, const struct json *schema, const struct json *v, const struct where *w, struct schemas *set)
{
    static const char *const choices[] = {"anyOf", "oneOf"};
    TRY(schema_step(c, w));
    if (schema->type != JSON_OBJECT)
        return err_ok();
    TRY(schema_add(set, schema));
    struct where in = schema_deeper(w);
    const struct json *ref = json_get(schema, "$ref"), *all = json_get(schema, "allOf");
    const struct json *target = ref ? schema_target(c->root, ref) : NULL;
    if (target)
        TRY(flatten(c, target, v, &in, set));
    for (const struct json *s = all ? all->child : NULL; s; s = s->next)
        TRY(flatten(c, s, v, &in, set));
    for (size_t i = 0; i < 2; i++) {
        const struct json *forms = json_get(schema, choices[i]), *first;
        size_t fit;
        struct err why;
        if (forms == NULL)
            continue;
        TRY(schema_fitting(c, forms, v, w, &fit, &first, &why));
        if (first)
            TRY(flatten(c, first, v, &in, set));
        else if (err_failed(why))
            return why;
    }
    return err_ok();
}

/* The schemas of one member; false when none of ${set} declares it or takes undeclared ones. */
static struct err
member_schemas(const struct schemas *set, struct bytes key, struct schemas *out, bool *declared)
{
    *declared = false;
    out->n = 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct json *s = json_find(json_get(set->list[i], "properties"), key);
        if (s == NULL)
            s = schema_opens(set->list[i]);
        if (s == NULL)
            continue;
        *declared = true;
        TRY(schema_add(out, s));
    }
    return err_ok();
}

static struct err
undeclared(const struct schemas *set, const struct json *m, const struct where *w)
{
    char hint[HINT_MAX];
    struct nearest near = nearest_for(m->key);
    for (size_t i = 0; i < set->n; i++) {
        const struct json *properties = json_get(set->list[i], "properties");
        for (const struct json *p = properties ? properties->child : NULL; p; p = p->next)
            nearest_offer(&near, p->key);
    }
    return schema_mismatch(w, "the tool declares no such argument%s", nearest_hint(&near, hint));
}

static struct err rewrite(struct check *c, const struct schemas *from, const struct json *v, const struct where *w);

static bool
free_form(const struct schemas *set, const struct where *w)
{
    for (size_t i = 0; i < set->n; i++)
        if (json_get(set->list[i], "properties") || json_get(set->list[i], "patternProperties") || json_get(set->list[i], "additionalProperties"))
            return false;
    return w->up != NULL; /* an object below the top without any declaration is data; at the top it means no arguments */
}

static struct err
rewrite_members(struct check *c, const struct schemas *set, const struct json *v, const struct where *w)
{
    for (const struct json *m = v->child; m; m = m->next) {
        struct schemas below;
        bool declared;
        struct where at = {w, m->key, 0, w->depth + 1};
        TRY(member_schemas(set, m->key, &below, &declared));
        if (!declared)
            return undeclared(set, m, &at);
        json_key_bytes(&c->out, m->key);
        TRY(rewrite(c, &below, m, &at));
    }
    return err_ok();
}

static bool
given_before(const struct schemas *set, size_t upto, struct bytes key)
{
    for (size_t i = 0; i < upto; i++)
        if (json_find(json_get(set->list[i], "properties"), key))
            return true; /* the first schema that declares it decides about its default */
    return false;
}

static struct err
write_defaults(struct check *c, const struct schemas *set, const struct json *v, const struct where *w)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct json *properties = json_get(set->list[i], "properties");
        for (const struct json *p = properties ? properties->child : NULL; p; p = p->next) {
            const struct json *value = schema_default(c->root, p);
            if (value == NULL || json_find(v, p->key) || given_before(set, i, p->key))
                continue;
            struct where at = {w, p->key, 0, w->depth + 1};
            struct schemas one = {{p}, 1};
            json_key_bytes(&c->out, p->key);
            TRY(rewrite(c, &one, value, &at));
        }
    }
    return err_ok();
}

static struct err
rewrite_items(struct check *c, const struct schemas *set, const struct json *v, const struct where *w)
{
    size_t i = 0;
    for (const struct json *m = v->child; m; m = m->next, i++) {
        struct schemas below = {.n = 0};
        struct where at = {w, {NULL, 0}, i, w->depth + 1};
        for (size_t k = 0; k < set->n; k++) {
            const struct json *s = schema_of_item(set->list[k], i);
            if (s)
                TRY(schema_add(&below, s));
        }
        json_item(&c->out);
        TRY(rewrite(c, &below, m, &at));
    }
    return err_ok();
}

static struct err
rewrite(struct check *c, const struct schemas *from, const struct json *v, const struct where *w)
{
    struct schemas set = {.n = 0};
    TRY(schema_step(c, w));
    if (v->type != JSON_OBJECT && v->type != JSON_ARRAY) {
        json_put(&c->out, v);
        return err_ok();
    }
    for (size_t i = 0; i < from->n; i++)
        TRY(flatten(c, from->list[i], v, w, &set));
    bool object = v->type == JSON_OBJECT;
    if (object && free_form(&set, w)) {
        json_put(&c->out, v);
        return err_ok();
    }
    json_open(&c->out, object ? '{' : '[');
    TRY(object ? rewrite_members(c, &set, v, w) : rewrite_items(c, &set, v, w));
    if (object)
        TRY(write_defaults(c, &set, v, w));
    json_close(&c->out, object ? '}' : ']');
    return err_ok();
}

static struct err
parse_again(struct check *c, struct json **out)
{
    if (c->out.failed)
        return err_make(E_LIMIT, "the arguments with their defaults are larger than %zu bytes", OUT_MAX);
    struct bytes text = arena_copy(c->a, buf_bytes(&c->out));
    if (text.at == NULL)
        return err_make(E_MEMORY, "no memory for the arguments");
    return json_parse(c->a, text, NULL, out);
}

static struct err
check_call(struct check *c, const struct json *args, struct json **out)
{
    struct where top = {.up = NULL};
    struct schemas one = {{c->root}, 1};
    if (args->type != JSON_OBJECT)
        return schema_mismatch(&top, "expected object, got %s", json_type_name(args->type));
    TRY(rewrite(c, &one, args, &top));
    TRY(parse_again(c, out));
    c->filled = true;
    return schema_valid(c, c->root, *out, &top);
}

struct err
arguments_check(const struct json *schema, const struct json *args, struct arena *a, struct json **out)
{
    static const struct json nothing = {.type = JSON_OBJECT, .raw = {(const uint8_t *)"{}", 2}};
    struct check c = {.root = schema ? schema : &nothing, .a = a, .out = buf_make(OUT_MAX)};
    *out = NULL;
    struct err e = check_call(&c, args ? args : &nothing, out);
    if (err_failed(e))
        *out = NULL;
    buf_free(&c.out);
    return e;
}
