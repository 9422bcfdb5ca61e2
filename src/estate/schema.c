/*
 * JSON Schema 2020-12 as far as tools use it, and the forms of draft-07 that they still use. Schemas come from destinations, values from
 * agents: both are hostile, so depth and steps are bounded.
 */
#include "estate/schema.h"

#include <stdio.h>

#define DEPTH_MAX 96
#define STEPS_MAX 200000u
#define UNIQUE_MAX 1024u

static void
put_where(struct buf *b, const struct where *w)
{
    if (w == NULL)
        return;
    put_where(b, w->up); /* as deep as the value, which the JSON reader bounds */
    if (w->up == NULL)
        buf_puts(b, "arguments");
    else if (w->key.at)
        buf_printf(b, ".%.*s", BYTES_CUT(w->key, 60));
    else
        buf_printf(b, "[%zu]", w->index);
}

struct err
schema_mismatch(const struct where *w, const char *fmt, ...)
{
    char what[200];
    struct buf path = buf_make(16384);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    put_where(&path, w);
    for (size_t i = 0; i < path.n; i++)
        if (path.at[i] < 0x20 || path.at[i] == 0x7f)
            path.at[i] = '?';
    struct err e = err_make(E_ARGUMENTS, "%.160s: %s", buf_text(&path), what);
    buf_free(&path);
    return e;
}

struct err
schema_step(struct check *c, const struct where *w)
{
    if (w->depth > DEPTH_MAX)
        return err_make(E_LIMIT, "the arguments or their schema go deeper than %d levels", DEPTH_MAX);
    if (++c->steps > STEPS_MAX)
        return err_make(E_LIMIT, "checking the arguments takes more than %u steps", STEPS_MAX);
    return err_ok();
}

struct where
schema_deeper(const struct where *w)
{
    struct where same = *w; /* the same place, one schema further in */
    same.depth++;
    return same;
}

/* A step of a JSON pointer, with ~0, ~1 and %XX undone (RFC 6901 §4, §6). */
static bool
pointer_part(struct bytes part, char out[256])
{
    size_t n = 0;
    for (size_t i = 0; i < part.n && n < 255; i++) {
        uint8_t c = part.at[i], two;
        size_t one = 0;
        if (c == '%') {
            if (!bytes_unhex(bytes_sub(part, i + 1, 2), &two, &one) || one != 1)
                return false;
            c = two, i += 2;
        } else if (c == '~') {
            if (i + 1 >= part.n || (part.at[i + 1] != '0' && part.at[i + 1] != '1'))
                return false;
            c = part.at[++i] == '0' ? '~' : '/';
        }
        out[n++] = (char)c;
    }
    out[n] = 0;
    return n < 255;
}

static const struct json *
child_at(const struct json *v, const char *part)
{
    uint64_t i;
    if (v->type == JSON_OBJECT)
        return json_get(v, part);
    if (v->type != JSON_ARRAY || !bytes_u64(bytes_str(part), &i))
        return NULL;
    const struct json *m = v->child;
    while (m && i--)
        m = m->next;
    return m;
}

/* A local $ref ("#", "#/…"). NULL for every other: nothing is fetched, and a name is not guessed. */
const struct json *
schema_target(const struct json *root, const struct json *ref)
{
    if (ref->type != JSON_STRING || ref->text.n == 0 || ref->text.at[0] != '#')
        return NULL;
    struct bytes rest = bytes_sub(ref->text, 1, ref->text.n);
    const struct json *v = root;
    if (rest.n && bytes_split(&rest, '/').n)
        return NULL; /* an anchor */
    while (v && rest.at) {
        char part[256];
        struct bytes next = bytes_split(&rest, '/');
        v = pointer_part(next, part) ? child_at(v, part) : NULL;
    }
    return v;
}

static bool
is_number(const struct json *v)
{
    return v->type == JSON_INT || v->type == JSON_NUMBER;
}

/* Equality as JSON Schema means it: 1 and 1.0 are the same. Depth is bounded by the JSON reader. */
static bool
same_value(const struct json *a, const struct json *b)
{
    if (is_number(a) && is_number(b))
        return number_compare(a, b) == 0;
    if (a->type != b->type || a->count != b->count)
        return false;
    if (a->type != JSON_ARRAY && a->type != JSON_OBJECT)
        return json_equal(a, b);
    const struct json *o = b->child;
    for (const struct json *m = a->child; m; m = m->next, o = o->next) {
        const struct json *other = a->type == JSON_OBJECT ? json_find(b, m->key) : o;
        if (other == NULL || !same_value(m, other))
            return false;
    }
    return true;
}

/* "integer" asks for an exact one: 1.0 and 1e3 are integers to JSON Schema but texts of their own to the reader, and not guessed. */
static bool
is_type(const struct json *v, struct bytes name)
{
    if (bytes_is(name, "number"))
        return is_number(v);
    return bytes_is(name, json_type_name(v->type));
}

unsigned
schema_type_bit(struct bytes name)
{
    if (bytes_is(name, "number"))
        return 1u << JSON_INT | 1u << JSON_NUMBER;
    for (int t = JSON_NULL; t <= JSON_OBJECT; t++)
        if (bytes_is(name, json_type_name(t)))
            return 1u << t;
    return 0;
}

typedef struct err keyword_fn(struct check *c, const struct json *schema, const struct json *k, const struct json *v, const struct where *w);
#define KEYWORD(name)                                                                                                                                \
    static struct err name(struct check *c, const struct json *schema, const struct json *k, const struct json *v, const struct where *w)
#define UNUSED(c, schema) (void)(c), (void)(schema)

bool
schema_nullable(const struct json *schema)
{
    const struct json *k = json_get(schema, "nullable");
    return json_is(k, JSON_BOOL) && k->truth;
}

KEYWORD(check_type)
{
    char names[120] = "";
    (void)c;
    if (v->type == JSON_NULL && schema_nullable(schema))
        return err_ok();
    if (k->type == JSON_STRING)
        return is_type(v, k->text) ? err_ok() : schema_mismatch(w, "expected %.*s, got %s", BYTES_CUT(k->text, 40), json_type_name(v->type));
    for (const struct json *t = k->type == JSON_ARRAY ? k->child : NULL; t; t = t->next) {
        if (t->type == JSON_STRING && is_type(v, t->text))
            return err_ok();
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%.*s", n ? " or " : "", BYTES_CUT(t->text, 20));
    }
    return schema_mismatch(w, "expected %s, got %s", names[0] ? names : "nothing", json_type_name(v->type));
}

KEYWORD(check_enum)
{
    char list[120] = "";
    UNUSED(c, schema);
    for (const struct json *m = k->child; m; m = m->next) {
        if (same_value(m, v))
            return err_ok();
        size_t n = strlen(list);
        if (n < 80)
            snprintf(list + n, sizeof list - n, "%s%.*s", n ? ", " : "", BYTES_CUT(m->raw, 30));
    }
    return schema_mismatch(w, "expected one of %s%s", list, k->count && strlen(list) >= 80 ? ", …" : "");
}

KEYWORD(check_const)
{
    UNUSED(c, schema);
    return same_value(k, v) ? err_ok() : schema_mismatch(w, "expected %.*s", BYTES_CUT(k->raw, 60));
}

static struct err
check_bound(const struct json *k, const struct json *v, const struct where *w, int sign, bool exclusive)
{
    if (!is_number(v) || !is_number(k))
        return err_ok(); /* "exclusiveMinimum": true of draft-04 says nothing by itself */
    int d = sign * number_compare(v, k);
    if (d > 0 || (d == 0 && !exclusive))
        return err_ok();
    return schema_mismatch(w, "must be %s %s%.*s", sign > 0 ? (exclusive ? "more than" : "at least") : (exclusive ? "less than" : "at most"), "",
                           BYTES_CUT(k->raw, 40));
}

KEYWORD(check_minimum)
{
    UNUSED(c, schema);
    return check_bound(k, v, w, 1, false);
}

KEYWORD(check_maximum)
{
    UNUSED(c, schema);
    return check_bound(k, v, w, -1, false);
}

KEYWORD(check_more_than)
{
    UNUSED(c, schema);
    return check_bound(k, v, w, 1, true);
}

KEYWORD(check_less_than)
{
    UNUSED(c, schema);
    return check_bound(k, v, w, -1, true);
}

static size_t
characters(struct bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += (text.at[i] & 0xc0) != 0x80;
    return n;
}

/* A count bound: ${k} must be a natural number to mean anything. */
static struct err
check_count(const struct json *k, size_t n, const struct where *w, bool least, const char *of)
{
    if (k->type != JSON_INT || k->number < 0)
        return err_ok();
    if (least ? n >= (uint64_t)k->number : n <= (uint64_t)k->number)
        return err_ok();
    return schema_mismatch(w, "must have %s %lld %s, has %zu", least ? "at least" : "at most", (long long)k->number, of, n);
}

KEYWORD(check_min_length)
{
    UNUSED(c, schema);
    return v->type == JSON_STRING ? check_count(k, characters(v->text), w, true, "characters") : err_ok();
}

KEYWORD(check_max_length)
{
    UNUSED(c, schema);
    return v->type == JSON_STRING ? check_count(k, characters(v->text), w, false, "characters") : err_ok();
}

KEYWORD(check_min_items)
{
    UNUSED(c, schema);
    return v->type == JSON_ARRAY ? check_count(k, v->count, w, true, "items") : err_ok();
}

KEYWORD(check_max_items)
{
    UNUSED(c, schema);
    return v->type == JSON_ARRAY ? check_count(k, v->count, w, false, "items") : err_ok();
}

KEYWORD(check_min_properties)
{
    UNUSED(c, schema);
    return v->type == JSON_OBJECT ? check_count(k, v->count, w, true, "members") : err_ok();
}

KEYWORD(check_max_properties)
{
    UNUSED(c, schema);
    return v->type == JSON_OBJECT ? check_count(k, v->count, w, false, "members") : err_ok();
}

KEYWORD(check_unique)
{
    UNUSED(c, schema);
    if (v->type != JSON_ARRAY || k->type != JSON_BOOL || !k->truth)
        return err_ok();
    if (v->count > UNIQUE_MAX)
        return err_make(E_LIMIT, "a list of unique items may have at most %u", UNIQUE_MAX);
    for (const struct json *m = v->child; m; m = m->next)
        for (const struct json *o = m->next; o; o = o->next) {
            if (++c->steps > STEPS_MAX)
                return schema_step(c, w);
            if (same_value(m, o))
                return schema_mismatch(w, "the items must differ from each other");
        }
    return err_ok();
}

/* The schemas of the first items: prefixItems, or "items" as a list (draft-07). */
static const struct json *
prefix_of(const struct json *schema)
{
    const struct json *k = json_get(schema, "prefixItems");
    if (k == NULL && json_is(json_get(schema, "items"), JSON_ARRAY))
        k = json_get(schema, "items");
    return json_is(k, JSON_ARRAY) ? k : NULL;
}

const struct json *
schema_of_item(const struct json *schema, size_t index)
{
    const struct json *prefix = prefix_of(schema), *rest = json_get(schema, "items");
    if (prefix && index < prefix->count) {
        const struct json *m = prefix->child;
        while (index--)
            m = m->next;
        return m;
    }
    return json_is(rest, JSON_ARRAY) ? json_get(schema, "additionalItems") : rest;
}

KEYWORD(check_items)
{
    size_t i = 0;
    if (v->type != JSON_ARRAY || (bytes_is(k->key, "items") && json_get(schema, "prefixItems")))
        return err_ok(); /* prefixItems walks them all */
    for (const struct json *m = v->child; m; m = m->next, i++) {
        const struct json *s = schema_of_item(schema, i);
        struct where at = {w, {NULL, 0}, i, w->depth + 1};
        if (s)
            TRY(schema_valid(c, s, m, &at));
    }
    return err_ok();
}

KEYWORD(check_properties)
{
    (void)schema;
    if (v->type != JSON_OBJECT)
        return err_ok();
    for (const struct json *m = v->child; m; m = m->next) {
        const struct json *s = json_find(k, m->key);
        struct where at = {w, m->key, 0, w->depth + 1};
        if (s)
            TRY(schema_valid(c, s, m, &at));
    }
    return err_ok();
}

KEYWORD(check_additional)
{
    const struct json *declared = json_get(schema, "properties");
    if (v->type != JSON_OBJECT || json_get(schema, "patternProperties"))
        return err_ok(); /* patterns are not read; the first walk refuses what only they declare */
    for (const struct json *m = v->child; m; m = m->next) {
        struct where at = {w, m->key, 0, w->depth + 1};
        if (!json_find(declared, m->key))
            TRY(schema_valid(c, k, m, &at));
    }
    return err_ok();
}

/* The default of a property, which may stand beside its $ref or behind it. */
const struct json *
schema_default(const struct json *root, const struct json *schema)
{
    for (int hops = 0; schema && schema->type == JSON_OBJECT && hops < 8; hops++) {
        const struct json *value = json_get(schema, "default"), *ref = json_get(schema, "$ref");
        if (value)
            return value;
        schema = ref ? schema_target(root, ref) : NULL;
    }
    return NULL;
}

KEYWORD(check_required)
{
    if (v->type != JSON_OBJECT)
        return err_ok();
    for (const struct json *name = k->child; name; name = name->next) {
        if (name->type != JSON_STRING || json_find(v, name->text))
            continue;
        if (!c->filled && schema_default(c->root, json_find(json_get(schema, "properties"), name->text)))
            continue;
        struct where at = {w, name->text, 0, w->depth + 1};
        return schema_mismatch(&at, "missing; the tool requires it");
    }
    return err_ok();
}

KEYWORD(check_ref)
{
    UNUSED(c, schema);
    const struct json *target = schema_target(c->root, k);
    struct where in = schema_deeper(w);
    if (target == NULL)
        return schema_mismatch(w, "the pinned schema refers to '%.*s', which is not inside it", BYTES_CUT(k->text, 80));
    return schema_valid(c, target, v, &in);
}

KEYWORD(check_all)
{
    (void)schema;
    struct where in = schema_deeper(w);
    for (const struct json *s = k->child; s; s = s->next)
        TRY(schema_valid(c, s, v, &in));
    return err_ok();
}

/* How many of the forms fit; ${first} is the first that does, ${why} why the first one did not. Fails only at a limit. */
struct err
schema_fitting(struct check *c, const struct json *forms, const struct json *v, const struct where *w, size_t *fit, const struct json **first,
               struct err *why)
{
    struct where in = schema_deeper(w);
    *fit = 0;
    *first = NULL;
    *why = err_ok();
    for (const struct json *s = forms->child; s; s = s->next) {
        struct err e = schema_valid(c, s, v, &in);
        if (e.code == E_LIMIT)
            return e;
        if (err_failed(e) && !err_failed(*why))
            *why = e;
        if (!err_failed(e) && (*fit)++ == 0)
            *first = s;
    }
    return err_ok();
}

static struct err
check_forms(struct check *c, const struct json *k, const struct json *v, const struct where *w, bool one)
{
    size_t fit;
    const struct json *first;
    struct err why;
    TRY(schema_fitting(c, k, v, w, &fit, &first, &why));
    if (fit == 0)
        return err_failed(why) ? why : schema_mismatch(w, "the pinned schema allows no value here");
    return one && fit > 1 ? schema_mismatch(w, "fits more than one of the forms that the tool tells apart") : err_ok();
}

KEYWORD(check_any)
{
    (void)schema;
    return check_forms(c, k, v, w, false);
}

KEYWORD(check_one)
{
    (void)schema;
    return check_forms(c, k, v, w, true);
}

KEYWORD(check_not)
{
    (void)schema;
    struct where in = schema_deeper(w);
    struct err e = schema_valid(c, k, v, &in);
    if (e.code == E_LIMIT)
        return e;
    return err_failed(e) ? err_ok() : schema_mismatch(w, "has a form that the tool excludes");
}

KEYWORD(refuse_keyword)
{
    (void)c, (void)schema, (void)v;
    return schema_mismatch(w, "the pinned schema uses %.*s, which Writ does not follow", BYTES_CUT(k->key, 30));
}

#define K(name, check) {{(const uint8_t *)(name), sizeof(name) - 1}, check}

/* What is not in this table only narrows (pattern, format, if …) and is left to the server, or says nothing (title …). */
static const struct {
    struct bytes name;
    keyword_fn *check;
} keywords[] = {
    K("type", check_type),
    K("properties", check_properties),
    K("required", check_required),
    K("additionalProperties", check_additional),
    K("items", check_items),
    K("prefixItems", check_items),
    K("enum", check_enum),
    K("const", check_const),
    K("minimum", check_minimum),
    K("maximum", check_maximum),
    K("exclusiveMinimum", check_more_than),
    K("exclusiveMaximum", check_less_than),
    K("minLength", check_min_length),
    K("maxLength", check_max_length),
    K("minItems", check_min_items),
    K("maxItems", check_max_items),
    K("minProperties", check_min_properties),
    K("maxProperties", check_max_properties),
    K("uniqueItems", check_unique),
    K("anyOf", check_any),
    K("oneOf", check_one),
    K("allOf", check_all),
    K("not", check_not),
    K("$ref", check_ref),
    K("$dynamicRef", refuse_keyword),
    K("$recursiveRef", refuse_keyword),
};

struct err
schema_valid(struct check *c, const struct json *schema, const struct json *v, const struct where *w)
{
    TRY(schema_step(c, w));
    if (schema->type == JSON_BOOL)
        return schema->truth ? err_ok() : schema_mismatch(w, "the tool allows nothing here");
    if (schema->type != JSON_OBJECT)
        return schema_mismatch(w, "the pinned schema is malformed here");
    for (const struct json *k = schema->child; k; k = k->next)
        for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
            if (bytes_eq(k->key, keywords[i].name)) {
                TRY(keywords[i].check(c, schema, k, v, w));
                break;
            }
    return err_ok();
}

struct err
schema_add(struct schemas *set, const struct json *s)
{
    if (set->n == SCHEMA_APPLY_MAX)
        return err_make(E_LIMIT, "more than %u schemas apply to one argument", SCHEMA_APPLY_MAX);
    set->list[set->n++] = s;
    return err_ok();
}

/* Does the schema take members that it does not name? */
const struct json *
schema_opens(const struct json *schema)
{
    static const char *const names[] = {"additionalProperties", "unevaluatedProperties"};
    for (size_t i = 0; i < 2; i++) {
        const struct json *k = json_get(schema, names[i]);
        if (k && (k->type == JSON_OBJECT || (k->type == JSON_BOOL && k->truth)))
            return k;
    }
    return NULL;
}
