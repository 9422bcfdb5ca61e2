/*
 * The official entity JSON: [{"uid", "attrs", "parents", "tags"?}]; other keys are ignored, as the official engine does, and as it does an
 * entity may be an array of these four. With a schema its types say what is expected, everything must keep to it, and its actions are added.
 */
#include "cedar/conform.h"
#include "cedar/entities.h"
#include "cedar/json_show.h"
#include "cedar/schema_source.h"
#include "cedar/value_json.h"

#define READING "error during entity deserialization: "
#define CONFORMING "entity does not conform to the schema: "

struct read_entity {
    struct cedar_uid uid;
    const struct cedar_value *attributes, *tags;
    const struct cedar_uid *parents;
    size_t n_parents;
    const struct schema_entity *type; /* NULL: no schema, or an action */
    bool action;
};

struct reader {
    struct cedar_entities_builder *b;
    struct arena *a;
    const struct cedar_schema *schema;
    struct source_list list;           /* of struct read_entity */
    const struct read_entity **given; /* for each action of the schema: what the JSON says of it */
    struct cedar_error *error;
};

static bool
missing(struct reader *r, const char *key)
{
    return error_set(r->error, CEDAR_VALUE, 0, 0, "missing field `%s`", key);
}

static bool
is_action(const struct cedar_uid *uid)
{
    struct cedar_str space, base;
    source_name_split(uid->type, &space, &base);
    return str_is(base, "Action");
}

/* What the schema expects of an attribute or tag; false when there should be none. */
static bool
expected(const struct read_entity *e, struct cedar_str name, bool tag, const struct type **type, struct cedar_error *error)
{
    *type = NULL;
    if (e->type == NULL)
        return true;
    if (tag) {
        *type = e->type->tags;
        return *type != NULL || conform_no_tag(&e->uid, name, error);
    }
    const struct type_attribute *a = type_attribute(e->type->attributes, name);
    *type = a ? a->type : NULL;
    return a != NULL || conform_no_attribute(&e->uid, name, error);
}

/* Attributes or tags; a missing object of tags is empty. */
static bool
read_fields(struct reader *r, const struct read_entity *e, const struct json *v, bool tag, const struct cedar_value **out)
{
    *out = &value_empty_record;
    if (v == NULL)
        return true;
    if (!json_is(v, JSON_OBJECT))
        return json_wrong_type(r->error, v, "a map");
    struct value_field *fields = arena_list(r->a, v->count, sizeof *fields);
    size_t n = 0;
    if (fields == NULL)
        return error_memory(r->error);
    for (const struct json *m = v->child; m; m = m->next, n++) {
        struct bytes key = arena_copy(r->a, m->key);
        if (key.at == NULL)
            return error_memory(r->error);
        struct json_place p = {r->a, &e->uid, {(const char *)key.at, key.n}, tag, JSON_IN_VALUE};
        const struct type *type;
        if (!expected(e, p.name, tag, &type, r->error))
            return false;
        fields[n] = (struct value_field){p.name, value_json_typed(&p, type, m, r->error)};
        if (fields[n].value == NULL)
            return false;
    }
    *out = value_record(r->a, fields, n);
    return *out != NULL || error_memory(r->error);
}

static bool
parent_is_no_action(struct reader *r, const struct read_entity *e, const struct cedar_uid *parent)
{
    error_set(r->error, CEDAR_VALUE, 0, 0, "action `");
    struct text t = error_text(r->error);
    text_uid(&t, &e->uid);
    text_add(&t, "` has a non-action parent `");
    text_uid(&t, parent);
    text_add(&t, "`");
    return error_help(r->error, "parents of actions need to have type `Action` themselves, perhaps namespaced");
}

static bool
read_parents(struct reader *r, struct read_entity *e, const struct json *v)
{
    struct json_place p = {r->a, &e->uid, str_of("parents"), false, JSON_IN_PARENTS};
    if (!json_is(v, JSON_ARRAY))
        return json_wrong_type(r->error, v, "a sequence");
    struct cedar_uid *list = arena_list(r->a, v->count, sizeof *list);
    if (list == NULL)
        return error_memory(r->error);
    for (const struct json *one = v->child; one; one = one->next) {
        if (!value_json_uid(&p, one, &list[e->n_parents], r->error))
            return false;
        if (e->action && !is_action(&list[e->n_parents]))
            return parent_is_no_action(r, e, &list[e->n_parents]);
        e->n_parents++;
    }
    e->parents = list;
    return true;
}

static bool
find_type(struct reader *r, struct read_entity *e)
{
    e->action = is_action(&e->uid);
    if (r->schema == NULL || e->action)
        return true;
    e->type = schema_find_entity(r->schema, e->uid.type);
    return e->type != NULL || conform_unknown_type(r->schema, &e->uid, r->error);
}

/* The members of an entity, in this order where it is an array of them. */
enum member { UID, ATTRS, PARENTS, TAGS, MEMBERS };

/* In an array the members are looked at one after another, whatever the uid is. */
static bool
has_kinds(struct reader *r, const struct json *m)
{
    for (int i = UID; i < MEMBERS && m; i++, m = m->next)
        if (i != UID && m->type != (i == PARENTS ? JSON_ARRAY : JSON_OBJECT))
            return json_wrong_type(r->error, m, i == PARENTS ? "a sequence" : "a map");
    return true;
}

static bool
find_members(struct reader *r, const struct json *v, const struct json *out[MEMBERS])
{
    static const char *const names[MEMBERS] = {"uid", "attrs", "parents", "tags"};
    const struct json *next = v->child;
    if (v->type != JSON_OBJECT && v->type != JSON_ARRAY)
        return json_wrong_type(r->error, v, "struct EntityJson");
    if (v->type == JSON_ARRAY && !has_kinds(r, next))
        return false;
    if (v->type == JSON_ARRAY && v->count < TAGS)
        return error_set(r->error, CEDAR_VALUE, 0, 0, "invalid length %zu, expected struct EntityJson with 4 elements", v->count);
    if (v->type == JSON_ARRAY && v->count > MEMBERS)
        return error_set(r->error, CEDAR_VALUE, 0, 0, "invalid length %zu, expected fewer elements in array", v->count);
    for (int i = 0; i < MEMBERS; i++) {
        out[i] = v->type == JSON_OBJECT ? json_get(v, names[i]) : next;
        next = next ? next->next : NULL;
        if (out[i] == NULL && i != TAGS)
            return missing(r, names[i]);
    }
    return true;
}

static bool
read_one(struct reader *r, const struct json *v)
{
    struct json_place p = {r->a, NULL, str_of("uid"), false, JSON_IN_UID};
    const struct json *m[MEMBERS];
    struct read_entity e = {0};
    if (!find_members(r, v, m))
        return false;
    if (!value_json_uid(&p, m[UID], &e.uid, r->error) || !find_type(r, &e) || !read_fields(r, &e, m[ATTRS], false, &e.attributes) ||
        !read_fields(r, &e, m[TAGS], true, &e.tags) || !read_parents(r, &e, m[PARENTS]))
        return false;
    struct read_entity *new = source_list_add(r->a, &r->list);
    if (new == NULL)
        return error_memory(r->error);
    *new = e;
    return true;
}

static bool
read_all(struct reader *r, struct cedar_str text)
{
    struct arena tree = {.max = (size_t)512 << 20};
    struct json *list;
    bool ok = value_json_text(&tree, text, &list, r->error);
    if (ok && !json_is(list, JSON_ARRAY))
        ok = json_wrong_type(r->error, list, "a sequence") || error_help(r->error, "entities are a JSON array of {\"uid\", \"attrs\", \"parents\"}");
    for (const struct json *v = ok ? list->child : NULL; ok && v; v = v->next)
        ok = read_one(r, v);
    arena_free(&tree);
    return ok || r->error->code == CEDAR_MEMORY || error_prefix(r->error, READING);
}

/* --------------------------------------------------------------------------------------------------- keeping to a schema */

static bool
conform_all(struct reader *r)
{
    const struct read_entity *e = r->list.at;
    for (size_t i = 0; i < r->list.n; i++) {
        struct conform_entity c = {e[i].type, &e[i].uid, e[i].attributes, e[i].tags, e[i].parents, e[i].n_parents};
        if (!e[i].action && !conform_entity(r->schema, &c, r->error))
            return error_prefix(r->error, CONFORMING);
    }
    return true;
}

/* Note the actions in the JSON; one that the schema does not know is an error. */
static bool
list_given(struct reader *r)
{
    const struct read_entity *e = r->list.at;
    r->given = arena_list(r->a, r->schema->n_actions, sizeof *r->given);
    if (r->given == NULL)
        return error_memory(r->error);
    for (size_t i = 0; i < r->list.n; i++) {
        const struct schema_action *action = e[i].action ? schema_find_action(r->schema, &e[i].uid) : NULL;
        if (action != NULL)
            r->given[action - r->schema->actions] = &e[i];
        else if (e[i].action && !conform_uid(r->schema, &e[i].uid, r->error))
            return error_prefix(r->error, CONFORMING);
    }
    return true;
}

/* Every action above the one given, by what the JSON says: each must be one of the schema's, and all of those must be there. */
struct above {
    const struct schema_action **at;
    size_t n;
};

static bool
add_above(struct reader *r, struct above *all, const struct schema_action *action, const struct read_entity *of)
{
    for (size_t i = 0; i < of->n_parents; i++) {
        const struct schema_action *up = schema_find_action(r->schema, &of->parents[i]);
        size_t k = 0;
        while (k < action->n_ancestors && action->ancestors[k] != up)
            k++;
        if (up == NULL || k == action->n_ancestors)
            return false;
        for (k = 0; k < all->n && all->at[k] != up;)
            k++;
        if (k == all->n)
            all->at[all->n++] = up;
    }
    return true;
}

static bool
same_action(struct reader *r, const struct schema_action *action, const struct read_entity *e)
{
    struct above all = {arena_list(r->a, action->n_ancestors + 1, sizeof *all.at), 0};
    if (all.at == NULL || e->attributes->record.n > 0 || e->tags->record.n > 0 || !add_above(r, &all, action, e))
        return false;
    for (size_t i = 0; i < all.n; i++) {
        const struct read_entity *up = r->given[all.at[i] - r->schema->actions];
        if (up != NULL && !add_above(r, &all, action, up))
            return false;
    }
    return all.n == action->n_ancestors;
}

static bool
conform_action(struct reader *r, const struct read_entity *e)
{
    if (same_action(r, schema_find_action(r->schema, &e->uid), e))
        return true;
    error_set(r->error, CEDAR_VALUE, 0, 0, CONFORMING "definition of action `");
    struct text t = error_text(r->error), help = {r->error->help, 0, sizeof r->error->help};
    text_uid(&t, &e->uid);
    text_add(&t, "` does not match its schema declaration");
    text_add(&help, "to use the schema's definition of `");
    text_uid(&help, &e->uid);
    text_add(&help, "`, simply omit it from the entities input data");
    return false;
}

static bool
take_action(struct reader *r, const struct schema_action *action)
{
    struct cedar_uid *parents = arena_list(r->a, action->n_parents, sizeof *parents);
    for (size_t i = 0; parents && i < action->n_parents; i++)
        parents[i] = action->parents[i]->uid;
    return parents && cedar_entities_add(r->b, action->uid, NULL, parents, action->n_parents, NULL);
}

static bool
take_all(struct reader *r)
{
    const struct read_entity *e = r->list.at;
    for (size_t i = 0; i < r->list.n; i++) {
        if (r->schema && e[i].action)
            continue;
        if (!entities_take(r->b, e[i].uid, e[i].attributes, e[i].parents, e[i].n_parents, e[i].tags))
            return error_memory(r->error);
    }
    for (size_t i = 0; r->schema && i < r->schema->n_actions; i++)
        if (!take_action(r, &r->schema->actions[i]))
            return error_memory(r->error);
    return true;
}

static bool
keeps_to_schema(struct reader *r)
{
    const struct read_entity *e = r->list.at;
    if (!conform_all(r) || !list_given(r))
        return false;
    for (size_t i = 0; i < r->list.n; i++)
        if (e[i].action && !conform_action(r, &e[i]))
            return false;
    return true;
}

static bool
read_entities(struct cedar_str text, const struct cedar_schema *schema, struct cedar_entities **out, struct cedar_error *error)
{
    struct reader r = {.b = cedar_entities_new(), .schema = schema, .list.size = sizeof(struct read_entity), .error = error};
    *out = NULL;
    if (r.b == NULL)
        return error_memory(error);
    r.a = entities_arena(r.b);
    if (read_all(&r, text) && (schema == NULL || keeps_to_schema(&r)) && take_all(&r))
        return cedar_entities_finish(r.b, out, error);
    entities_drop(r.b);
    return false;
}

bool
cedar_entities_json(struct cedar_str text, struct cedar_entities **out, struct cedar_error *error)
{
    return read_entities(text, NULL, out, error);
}

bool
cedar_entities_json_schema(struct cedar_str text, const struct cedar_schema *schema, struct cedar_entities **out, struct cedar_error *error)
{
    return read_entities(text, schema, out, error);
}
