/* Policies, templates and sets of the JSON form. */
#include "cedar/policy_read.h"

#include <stdio.h>

static const struct json_limits json_bounds = {
    .bytes = CEDAR_MAX_POLICY_JSON_BYTES, .depth = CEDAR_MAX_JSON_DEPTH, .nodes = CEDAR_MAX_POLICY_JSON_VALUES};

/* ---------------------------------------------------------------------------------------------------------------- helpers */

/* Line and column of ${at}, a place in the text. */
static void
locate(const struct policy_reader *r, const uint8_t *at, struct cedar_error *error)
{
    const uint8_t *from = (const uint8_t *)r->text.at;
    if (at == NULL || at < from || at > from + r->text.n)
        return;
    error->line = error->column = 1;
    for (const uint8_t *p = from; p < at; p++) {
        if (*p == '\n')
            error->line++, error->column = 1;
        else if ((*p & 0xc0) != 0x80)
            error->column++;
    }
}

bool
reader_wrong(struct policy_reader *r, const struct json *v, const char *fmt, ...)
{
    char piece[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(piece, sizeof piece, fmt, ap);
    va_end(ap);
    error_set(r->error, CEDAR_SYNTAX, 0, 0, "%s", piece);
    locate(r, v ? v->raw.at : NULL, r->error);
    return false;
}

bool
reader_wrong_word(struct policy_reader *r, const struct json *v, const char *before, struct bytes word, const char *behind)
{
    reader_wrong(r, v, "%s", before);
    struct text t = error_text(r->error);
    text_str(&t, (struct cedar_str){(const char *)word.at, word.n});
    text_add(&t, "%s", behind);
    return false;
}

static bool
is_known(struct bytes key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_is(key, names[i]))
            return true;
    return false;
}

bool
reader_fields(struct policy_reader *r, const struct json *v, const char *const *names, size_t n, size_t required)
{
    if (!json_is(v, JSON_OBJECT))
        return reader_wrong(r, v, "expected an object");
    for (const struct json *c = v->child; c; c = c->next)
        if (!is_known(c->key, names, n))
            return reader_wrong_word(r, c, "unknown field `", c->key, "`");
    for (size_t i = 0; i < required; i++)
        if (json_get(v, names[i]) == NULL)
            return reader_wrong(r, v, "missing field `%s`", names[i]);
    return true;
}

static bool
spread(struct policy_reader *r, const struct json *v, size_t n, size_t required, const struct json **out)
{
    if (v->count < required || v->count > n)
        return reader_wrong(r, v, "expected an object, or an array of its %zu members", required);
    for (const struct json *c = v->child; c; c = c->next)
        *out++ = c;
    return true;
}

bool
reader_members(struct policy_reader *r, const struct json *v, const char *const *names, size_t n, size_t required, const struct json **out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = json_get(v, names[i]);
    return json_is(v, JSON_ARRAY) ? spread(r, v, n, required, out) : reader_fields(r, v, names, n, required);
}

struct bytes
reader_choice(const struct json *v)
{
    if (json_is(v, JSON_STRING))
        return v->text;
    bool named = json_is(v, JSON_OBJECT) && v->count == 1 && v->child->type == JSON_NULL;
    return named ? v->child->key : (struct bytes){NULL, 0};
}

bool
reader_copy(struct policy_reader *r, struct bytes from, struct cedar_str *to)
{
    struct bytes copy = arena_copy(r->a, from);
    *to = (struct cedar_str){(const char *)copy.at, copy.n};
    return copy.at || error_memory(r->error);
}

bool
reader_type(struct policy_reader *r, const struct json *v, struct cedar_str *type)
{
    if (!json_is(v, JSON_STRING))
        return reader_wrong(r, v, "expected the name of an entity type");
    if (!name_is_path((struct cedar_str){(const char *)v->text.at, v->text.n}))
        return reader_wrong_word(r, v, "invalid entity type: `", v->text, "`");
    return reader_copy(r, v->text, type);
}

bool
reader_uid(struct policy_reader *r, const struct json *v, struct cedar_uid *uid)
{
    const struct json *inner = json_get(v, "__entity");
    const struct json *at = json_is(inner, JSON_OBJECT) || json_is(inner, JSON_ARRAY) ? inner : v;
    const struct json *type = json_get(at, "type"), *id = json_get(at, "id");
    if (json_is(at, JSON_ARRAY) && at->count == 2)
        type = at->child, id = type->next;
    if (!json_is(type, JSON_STRING) || !json_is(id, JSON_STRING))
        return reader_wrong(r, v, "expected a literal entity reference, {\"type\": \"…\", \"id\": \"…\"}");
    return reader_type(r, type, &uid->type) && reader_copy(r, id->text, &uid->id);
}

/* ----------------------------------------------------------------------------------------------------------------- scopes */

static bool
add_uids(struct policy_reader *r, struct scope *s, const struct json *first, size_t n)
{
    if (n > CEDAR_MAX_ELEMENTS)
        return error_set(r->error, CEDAR_LIMIT, 0, 0, "more than %u elements in one list", CEDAR_MAX_ELEMENTS);
    s->uids = arena_list(r->a, n + 1, sizeof *s->uids);
    if (s->uids == NULL)
        return error_memory(r->error);
    for (; s->n < n; first = first->next)
        if (!reader_uid(r, first, &s->uids[s->n++]))
            return false;
    return true;
}

/* {"entity"} or {"slot"}; with an entity a slot does not matter, as in the official reader. */
static bool
read_reference(struct policy_reader *r, const struct json *v, struct scope *s, const char *slot)
{
    const struct json *entity = json_get(v, "entity"), *name = json_get(v, "slot");
    if (entity)
        return add_uids(r, s, entity, 1);
    if (!json_is(name, JSON_STRING))
        return reader_wrong(r, v, "expected `entity` or `slot`");
    if (slot == NULL)
        return reader_wrong(r, name, "slots are not allowed for actions");
    if (!bytes_is(name->text, slot))
        return reader_wrong(r, name, "invalid slot name or slot used in wrong position: only `%s` can stand here", slot);
    s->slot = true;
    return true;
}

static bool
read_is_scope(struct policy_reader *r, const struct json *v, struct scope *s, const char *slot)
{
    static const char *const fields[] = {"op", "entity_type", "in"};
    const struct json *list[3], *in;
    if (!reader_members(r, v, fields, 3, json_is(v, JSON_ARRAY) ? 3 : 2, list) || !reader_type(r, list[1], &s->type))
        return false;
    in = list[2];
    s->kind = in && in->type != JSON_NULL ? SCOPE_IS_IN : SCOPE_IS;
    return s->kind == SCOPE_IS || read_reference(r, in, s, slot);
}

static bool
read_in_scope(struct policy_reader *r, const struct json *v, struct scope *s, const char *slot)
{
    const struct json *list = json_get(v, "entities");
    s->kind = SCOPE_IN;
    if (slot || json_get(v, "entity") || !json_is(list, JSON_ARRAY))
        return read_reference(r, v, s, slot);
    s->listed = list->count == 1;
    return add_uids(r, s, list->child, list->count);
}

/* ${slot} NULL: the action. */
static bool
read_scope(struct policy_reader *r, const struct json *v, struct scope *s, const char *slot)
{
    bool list = json_is(v, JSON_ARRAY) && json_is(v->child, JSON_STRING);
    struct bytes op = list ? v->child->text : json_text(v, "op");
    if (bytes_is(op, "All") || bytes_is(op, "all"))
        return !list || v->count == 1 || reader_wrong(r, v, "nothing can stand behind `All`");
    if (list && (!slot || !bytes_is(op, "is")))
        return reader_wrong(r, v, "expected an object");
    if (bytes_is(op, "==")) {
        s->kind = SCOPE_EQUAL;
        return read_reference(r, v, s, slot);
    }
    if (bytes_is(op, "in"))
        return read_in_scope(r, v, s, slot);
    if (bytes_is(op, "is") && slot)
        return read_is_scope(r, v, s, slot);
    return reader_wrong(r, v, slot ? "`op` must be `All`, `==`, `in` or `is`" : "`op` must be `All`, `==` or `in`");
}

static bool
check_actions(struct policy_reader *r, const struct json *v, const struct scope *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct bytes type = str_bytes(s->uids[i].type);
        if (bytes_is(type, "Action") || bytes_ends(type, BYTES("::Action")))
            continue;
        reader_wrong(r, v, "expected an entity uid with type `Action` but got `");
        struct text t = error_text(r->error);
        text_uid(&t, &s->uids[i]);
        text_add(&t, "`");
        return false;
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------------- policies */

static bool
read_condition(struct policy_reader *r, const struct json *v, struct condition *c)
{
    static const char *const fields[] = {"kind", "body"};
    const struct json *list[2];
    if (!reader_members(r, v, fields, 2, 2, list))
        return false;
    struct bytes kind = reader_choice(list[0]);
    c->unless = bytes_is(kind, "unless");
    if (!c->unless && !bytes_is(kind, "when"))
        return reader_wrong(r, list[0], "`kind` must be `when` or `unless`");
    c->expr = reader_expr(r, list[1]);
    return c->expr != NULL;
}

static bool
read_conditions(struct policy_reader *r, const struct json *v, struct policy *p)
{
    struct condition **end = &p->conditions;
    if (!json_is(v, JSON_ARRAY))
        return reader_wrong(r, v, "expected an array for `conditions`");
    for (const struct json *c = v->child; c; c = c->next, end = &(*end)->next) {
        if ((*end = ARENA_NEW(r->a, struct condition)) == NULL)
            return error_memory(r->error);
        if (!read_condition(r, c, *end))
            return false;
    }
    return true;
}

/* A key may be a reserved word. */
static bool
is_word(struct bytes s)
{
    bool word = s.n > 0 && !(s.at[0] >= '0' && s.at[0] <= '9');
    for (size_t i = 0; i < s.n && word; i++)
        word = s.at[i] == '_' || (s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z');
    return word;
}

static bool
read_annotation(struct policy_reader *r, const struct json *v, struct annotation *n)
{
    n->bare = v->type == JSON_NULL;
    n->value = (struct cedar_str){"", 0};
    if (!is_word(v->key))
        return reader_wrong_word(r, v, "invalid id `", v->key, "`");
    if (!n->bare && v->type != JSON_STRING)
        return reader_wrong(r, v, "an annotation is a string or null");
    return reader_copy(r, v->key, &n->key) && (n->bare || reader_copy(r, v->text, &n->value));
}

static bool
read_annotations(struct policy_reader *r, const struct json *v, struct policy *p)
{
    struct annotation **end = &p->annotations;
    if (v == NULL)
        return true;
    if (!json_is(v, JSON_OBJECT))
        return reader_wrong(r, v, "expected an object for `annotations`");
    if (v->count > POLICY_ANNOTATIONS_MAX)
        return error_set(r->error, CEDAR_LIMIT, 0, 0, "more than %u annotations on one policy", POLICY_ANNOTATIONS_MAX);
    for (const struct json *c = v->child; c; c = c->next, end = &(*end)->next) {
        if ((*end = ARENA_NEW(r->a, struct annotation)) == NULL)
            return error_memory(r->error);
        if (!read_annotation(r, c, *end))
            return false;
    }
    return true;
}

static bool
read_effect(struct policy_reader *r, const struct json *v, struct policy *p)
{
    struct bytes effect = reader_choice(v);
    p->effect = bytes_is(effect, "forbid") ? CEDAR_FORBID : CEDAR_PERMIT;
    return bytes_is(effect, "permit") || bytes_is(effect, "forbid") || reader_wrong(r, v, "`effect` must be `permit` or `forbid`");
}

static bool
read_policy(struct policy_reader *r, const struct json *v, struct policy *p)
{
    static const char *const fields[] = {"effect", "principal", "action", "resource", "conditions", "annotations"};
    const struct json *list[6];
    if (!reader_members(r, v, fields, 6, 5, list))
        return false;
    p->source = (struct cedar_str){(const char *)v->raw.at, v->raw.n};
    if (!read_effect(r, list[0], p) || !read_scope(r, list[1], &p->principal, "?principal") || !read_scope(r, list[2], &p->action, NULL) ||
        !check_actions(r, list[2], &p->action) || !read_scope(r, list[3], &p->resource, "?resource") || !read_conditions(r, list[4], p) ||
        !read_annotations(r, list[5], p))
        return false;
    p->template = p->principal.slot || p->resource.slot;
    return paths_find(p, r->a) || error_memory(r->error);
}

/* ------------------------------------------------------------------------------------------------------------------- sets */

struct loading {
    struct policy_reader r;
    struct policy_file *file;
    struct cedar_policies *set;
};

static bool
add_policy(struct loading *l, const struct json *v, struct cedar_str id)
{
    struct policy *p = ARENA_NEW(l->r.a, struct policy);
    if (p == NULL)
        return error_memory(l->r.error);
    p->file = l->file;
    p->id = id;
    if (!read_policy(&l->r, v, p))
        return false;
    l->set->at[l->set->n++] = p;
    return true;
}

static bool
add_policies(struct loading *l, const struct json *v, bool templates)
{
    struct cedar_str id;
    if (!json_is(v, JSON_OBJECT))
        return reader_wrong(&l->r, v, "expected an object of policies by id");
    for (const struct json *c = v->child; c; c = c->next) {
        if (!reader_copy(&l->r, c->key, &id) || !add_policy(l, c, id))
            return false;
        if (l->set->at[l->set->n - 1]->template != templates)
            return reader_wrong(&l->r, c, templates ? "expected a template, got a static policy" : "expected a static policy, got a template");
    }
    return true;
}

static const struct policy *
find_template(const struct cedar_policies *p, struct bytes id)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->at[i]->template && bytes_eq(str_bytes(p->at[i]->id), id))
            return p->at[i];
    return NULL;
}

static bool
read_values(struct policy_reader *r, const struct json *v, struct cedar_link *link, struct cedar_uid uids[2])
{
    static const char *const slots[] = {"?principal", "?resource"};
    if (!reader_fields(r, v, slots, 2, 0))
        return false;
    const struct json *principal = json_get(v, slots[0]), *resource = json_get(v, slots[1]);
    if ((principal && !reader_uid(r, principal, &uids[0])) || (resource && !reader_uid(r, resource, &uids[1])))
        return false;
    link->principal = principal ? &uids[0] : NULL;
    link->resource = resource ? &uids[1] : NULL;
    return true;
}

static bool
add_link(struct loading *l, const struct json *v)
{
    static const char *const fields[] = {"templateId", "newId", "values"};
    struct cedar_link link = {{NULL, 0}, {NULL, 0}, NULL, NULL};
    struct cedar_uid uids[2];
    const struct json *list[3];
    if (!reader_members(&l->r, v, fields, 3, 3, list))
        return false;
    if (!json_is(list[0], JSON_STRING) || !json_is(list[1], JSON_STRING))
        return reader_wrong(&l->r, v, "`templateId` and `newId` must be strings");
    if (!reader_copy(&l->r, list[0]->text, &link.template_id) || !reader_copy(&l->r, list[1]->text, &link.id) ||
        !read_values(&l->r, list[2], &link, uids))
        return false;
    const struct policy *template = find_template(l->set, str_bytes(link.template_id));
    if (template == NULL)
        return reader_wrong_word(&l->r, v, "failed to find a template with id `", str_bytes(link.template_id), "`");
    struct policy *p = links_make(template, &link, l->r.a, l->r.error);
    if (p == NULL)
        return false;
    l->set->at[l->set->n++] = p;
    return true;
}

static bool
add_links(struct loading *l, const struct json *v)
{
    if (!json_is(v, JSON_ARRAY))
        return reader_wrong(&l->r, v, "expected an array for `templateLinks`");
    for (const struct json *c = v->child; c; c = c->next)
        if (!add_link(l, c))
            return false;
    return true;
}

static bool
read_set(struct loading *l, const struct json *v)
{
    static const char *const fields[] = {"templates", "staticPolicies", "templateLinks"};
    const struct json *list[3];
    if (!reader_members(&l->r, v, fields, 3, 3, list))
        return false;
    const struct json *templates = list[0], *policies = list[1], *links = list[2];
    l->set = policies_new(templates->count + policies->count + links->count, 1);
    if (l->set == NULL)
        return error_memory(l->r.error);
    l->set->files[l->set->n_files++] = policy_file_ref(l->file);
    return add_policies(l, policies, false) && add_policies(l, templates, true) && add_links(l, links) && policies_check_ids(l->set, l->r.error);
}

static bool
read_one(struct loading *l, const struct json *v)
{
    l->set = policies_new(1, 1);
    if (l->set == NULL)
        return error_memory(l->r.error);
    l->set->files[l->set->n_files++] = policy_file_ref(l->file);
    return add_policy(l, v, (struct cedar_str){"policy0", 7});
}

static bool
bad_json(const struct err *e, struct cedar_error *error)
{
    enum cedar_code code = e->code == E_MEMORY ? CEDAR_MEMORY : e->code == E_LIMIT ? CEDAR_LIMIT : CEDAR_SYNTAX;
    return error_set(error, code, 0, 0, "%s", e->text);
}

static bool
load(struct cedar_str text, const char *name, bool (*read)(struct loading *, const struct json *), struct cedar_policies **out,
     struct cedar_error *error)
{
    struct arena tree = {.max = (size_t)1 << 30};
    struct json *v;
    *out = NULL;
    if (text.n > CEDAR_MAX_POLICY_JSON_BYTES)
        return error_set(error, CEDAR_LIMIT, 0, 0, "the policies are %zu bytes of JSON; the most is %u", text.n, CEDAR_MAX_POLICY_JSON_BYTES);
    struct policy_file *f = policy_file_new(text, name, error);
    if (f == NULL)
        return false;
    struct loading l = {.r = {.a = &f->a, .text = f->text, .error = error}, .file = f};
    struct err e = json_parse(&tree, str_bytes(f->text), &json_bounds, &v);
    bool ok = err_failed(e) ? bad_json(&e, error) : read(&l, v);
    if (ok)
        *out = l.set;
    else
        cedar_policies_unref(l.set);
    arena_free(&tree);
    policy_file_unref(f);
    return ok;
}

bool
cedar_policies_json(struct cedar_str text, const char *name, struct cedar_policies **out, struct cedar_error *error)
{
    return load(text, name, read_set, out, error);
}

bool
cedar_policy_json(struct cedar_str text, const char *name, struct cedar_policies **out, struct cedar_error *error)
{
    return load(text, name, read_one, out, error);
}
