/* What names in a schema mean, and what is wrong with them. */
#include "cedar/schema_resolve.h"

/* Undeclared names of one list that are kept; a text has no room for more. */
#define UNDEFINED_MAX 500u

/* Type::"id" of an action, for messages: the namespace comes first. */
struct action_name {
    struct cedar_str space, id;
};

static const struct {
    const char *name;
    struct type type;
} builtins[] = {
    {"Bool", {.kind = TYPE_BOOL}},
    {"Long", {.kind = TYPE_LONG}},
    {"String", {.kind = TYPE_STRING}},
    {"datetime", {.kind = TYPE_EXTENSION, .extension = VALUE_DATETIME}},
    {"decimal", {.kind = TYPE_EXTENSION, .extension = VALUE_DECIMAL}},
    {"duration", {.kind = TYPE_EXTENSION, .extension = VALUE_DURATION}},
    {"ipaddr", {.kind = TYPE_EXTENSION, .extension = VALUE_IP}},
};

const struct type *
schema_builtin(struct cedar_str name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (str_is(name, builtins[i].name))
            return &builtins[i].type;
    return NULL;
}

static const struct source_namespace *
find_space(const struct schema_source *source, struct cedar_str name)
{
    return source_find(source->at, source->n, sizeof *source->at, name);
}

static const struct source_common *
find_common(const struct source_namespace *s, struct cedar_str base)
{
    return s == NULL ? NULL : source_find(s->commons, s->n_commons, sizeof *s->commons, base);
}

static const struct source_entity *
find_entity(const struct source_namespace *s, struct cedar_str base)
{
    return s == NULL ? NULL : source_find(s->entities, s->n_entities, sizeof *s->entities, base);
}

static const struct source_action *
find_action(const struct source_namespace *s, struct cedar_str id)
{
    return s == NULL ? NULL : source_find(s->actions, s->n_actions, sizeof *s->actions, id);
}

static bool
found_builtin(struct cedar_str base, struct schema_target *out)
{
    *out = (struct schema_target){.builtin = schema_builtin(base)};
    return out->builtin != NULL;
}

static bool
found_in(const struct source_namespace *s, struct cedar_str base, enum schema_wanted wanted, struct schema_target *out)
{
    *out = (struct schema_target){.space = s, .base = base};
    if ((wanted & WANTED_COMMON) && (out->common = find_common(s, base)) != NULL)
        return true;
    return (wanted & WANTED_ENTITY) && (find_entity(s, base) != NULL || (s != NULL && s->n_actions > 0 && str_is(base, "Action")));
}

/* Built-in names may be written without `__cedar` where the empty namespace declares nothing of the name. */
static bool
found_outside(const struct schema_source *source, struct cedar_str base, enum schema_wanted wanted, struct schema_target *out)
{
    const struct source_namespace *s = find_space(source, (struct cedar_str){"", 0});
    if (found_in(s, base, wanted, out))
        return true;
    return (wanted & WANTED_COMMON) && find_entity(s, base) == NULL && found_builtin(base, out);
}

bool
schema_lookup(const struct schema_source *source, const struct source_namespace *from, struct cedar_str name, enum schema_wanted wanted,
              struct schema_target *out)
{
    struct cedar_str space, base;
    source_name_split(name, &space, &base);
    if (space.n > 0 && str_is(space, "__cedar"))
        return (wanted & WANTED_COMMON) && found_builtin(base, out);
    if (space.n > 0)
        return found_in(find_space(source, space), base, wanted, out);
    if (from->name.n > 0 && found_in(from, base, wanted, out))
        return true;
    return found_outside(source, base, wanted, out);
}

const struct source_action *
schema_lookup_action(const struct schema_source *source, const struct source_namespace *from, const struct source_parent *parent,
                     const struct source_namespace **space)
{
    struct cedar_str in = {NULL, 0}, base = {"Action", 6};
    if (parent->type.at != NULL)
        source_name_split(parent->type, &in, &base);
    *space = in.n > 0 ? find_space(source, in) : from;
    if (!str_is(base, "Action"))
        return NULL;
    const struct source_action *found = find_action(*space, parent->id);
    if (found != NULL || in.n > 0)
        return found;
    *space = find_space(source, (struct cedar_str){"", 0});
    return find_action(*space, parent->id);
}

/* ---------------------------------------------------------------------------------------------------------- undeclared */

struct undefined {
    struct cedar_str name; /* as written */
    const struct source_namespace *from;
    enum schema_wanted wanted;
};

struct check {
    struct arena *a;
    const struct schema_source *source;
    const struct source_namespace *from;
    struct source_list types, actions; /* of struct undefined, of struct source_parent */
    bool memory;
};

static bool
check_name(struct check *c, struct cedar_str name, enum schema_wanted wanted)
{
    struct schema_target ignored;
    if (schema_lookup(c->source, c->from, name, wanted, &ignored))
        return true;
    struct undefined *new = source_list_add(c->a, &c->types);
    c->memory |= new == NULL;
    if (new != NULL)
        *new = (struct undefined){name, c->from, wanted};
    return false;
}

/* A list counts as a set: what stands in it twice is said once. */
static bool
is_said(const struct check *c, size_t from, struct cedar_str name)
{
    const struct undefined *u = c->types.at;
    for (size_t i = from; i < c->types.n; i++)
        if (str_eq(u[i].name, name))
            return true;
    return false;
}

static bool
check_names(struct check *c, const struct source_names *names)
{
    size_t from = c->types.n;
    bool ok = true;
    for (size_t i = 0; i < names->n && c->types.n - from < UNDEFINED_MAX; i++)
        if (!is_said(c, from, names->at[i]))
            ok &= check_name(c, names->at[i], WANTED_ENTITY);
    return ok;
}

static bool
check_type(struct check *c, const struct source_type *t)
{
    if (t == NULL)
        return true;
    switch (t->kind) {
    case SOURCE_SET:
        return check_type(c, t->element);
    case SOURCE_RECORD:
        for (size_t i = 0; i < t->attributes.n; i++)
            if (!check_type(c, t->attributes.at[i].type))
                return false; /* one for each record, as the official engine */
        return true;
    case SOURCE_ENTITY:
        return check_name(c, t->name, WANTED_ENTITY);
    case SOURCE_COMMON:
        return check_name(c, t->name, WANTED_COMMON);
    case SOURCE_NAME:
        return check_name(c, t->name, WANTED_EITHER);
    case SOURCE_BOOL:
    case SOURCE_LONG:
    case SOURCE_STRING:
    case SOURCE_EXTENSION:
        break;
    }
    return true;
}

static void
check_action(struct check *c, const struct source_action *action)
{
    const struct source_namespace *space;
    if (!check_type(c, action->context) || !(check_names(c, &action->principals) & check_names(c, &action->resources)))
        return;
    for (size_t i = 0; i < action->n_parents; i++) {
        if (schema_lookup_action(c->source, c->from, &action->parents[i], &space) != NULL)
            continue;
        struct source_parent *new = source_list_add(c->a, &c->actions);
        c->memory |= new == NULL;
        if (new != NULL)
            *new = action->parents[i];
    }
}

static void
check_space(struct check *c)
{
    const struct source_namespace *s = c->from;
    for (size_t i = 0; i < s->n_commons; i++)
        check_type(c, s->commons[i].type);
    for (size_t i = 0; i < s->n_entities; i++)
        if (check_names(c, &s->entities[i].parents)) {
            check_type(c, s->entities[i].shape);
            check_type(c, s->entities[i].tags);
        }
    for (size_t i = 0; i < s->n_actions; i++)
        check_action(c, &s->actions[i]);
}

/* `A::B`, or `NS::B` when the name is without a namespace and ${inside} is asked for. */
static void
text_name(struct text *t, const struct undefined *u, bool inside)
{
    text_add(t, "`");
    if (inside && u->from->name.n > 0) {
        text_str(t, u->from->name);
        text_add(t, "::");
    }
    text_str(t, u->name);
    text_add(t, "`");
}

static bool
types_undefined(const struct source_list *l, struct cedar_error *error)
{
    static const char *const as[] = {"", "as a common type", "as an entity type", "as a common or entity type"};
    const struct undefined *u = l->at;
    error_set(error, CEDAR_VALUE, 0, 0, "failed to resolve type%s: ", l->n > 1 ? "s" : "");
    struct text t = error_text(error);
    for (size_t i = 0; i < l->n && t.n < t.cap; i++) {
        text_add(&t, "%s", i > 0 ? ", " : "");
        text_str(&t, u[i].name);
    }
    struct text help = {error->help, 0, sizeof error->help};
    bool two = u->from->name.n > 0 && bytes_find(str_bytes(u->name), ':') == u->name.n;
    text_add(&help, "%s", two ? "neither " : "");
    if (two) {
        text_name(&help, u, true);
        text_add(&help, " nor ");
    }
    text_name(&help, u, false);
    text_add(&help, two ? " refers to anything that has been declared %s" : " has not been declared %s", as[u->wanted]);
    return false;
}

static bool
actions_undefined(const struct source_list *l, struct cedar_error *error)
{
    const struct source_parent *p = l->at;
    error_set(error, CEDAR_VALUE, 0, 0, "undeclared action%s: ", l->n > 1 ? "s" : "");
    struct text t = error_text(error);
    for (size_t i = 0; i < l->n && t.n < t.cap; i++) {
        text_add(&t, "%s", i == 0 ? "" : i + 1 < l->n ? ", " : i == 1 ? " and " : ", and ");
        text_uid(&t, &(struct cedar_uid){p[i].type.at ? p[i].type : str_of("Action"), p[i].id});
    }
    return error_help(error, "any actions appearing as parents need to be declared as actions");
}

/* --------------------------------------------------------------------------------------------------------------- hiding */

static void
text_full(struct text *t, const struct source_namespace *s, struct cedar_str base)
{
    if (s->name.n > 0) {
        text_str(t, s->name);
        text_add(t, "::");
    }
    text_str(t, base);
}

static bool
hides_type(const struct source_namespace *s, struct cedar_str base, struct cedar_error *error)
{
    error_set(error, CEDAR_VALUE, 0, 0, "definition of `");
    struct text t = error_text(error), help = {error->help, 0, sizeof error->help};
    text_full(&t, s, base);
    text_add(&t, "` illegally shadows the existing definition of `");
    text_str(&t, base);
    text_add(&t, "`");
    text_add(&help, "try renaming one of the definitions, or moving `");
    text_str(&help, base);
    text_add(&help, "` to a different namespace");
    return false;
}

static void
text_action(struct text *t, const struct action_name *n)
{
    if (n->space.n > 0) {
        text_str(t, n->space);
        text_add(t, "::");
    }
    text_uid(t, &(struct cedar_uid){{"Action", 6}, n->id});
}

static bool
hides_action(const struct source_namespace *s, struct cedar_str id, struct cedar_error *error)
{
    struct action_name inside = {s->name, id}, outside = {{NULL, 0}, id};
    error_set(error, CEDAR_VALUE, 0, 0, "definition of `");
    struct text t = error_text(error), help = {error->help, 0, sizeof error->help};
    text_action(&t, &inside);
    text_add(&t, "` illegally shadows the existing definition of `");
    text_action(&t, &outside);
    text_add(&t, "`");
    text_add(&help, "try renaming one of the actions, or moving `");
    text_action(&help, &outside);
    text_add(&help, "` to a different namespace");
    return false;
}

static bool
check_hiding(const struct source_namespace *outside, const struct source_namespace *s, struct cedar_error *error)
{
    for (size_t i = 0; i < s->n_entities; i++)
        if (find_entity(outside, s->entities[i].name) != NULL || find_common(outside, s->entities[i].name) != NULL)
            return hides_type(s, s->entities[i].name, error);
    for (size_t i = 0; i < s->n_commons; i++)
        if (find_entity(outside, s->commons[i].name) != NULL || find_common(outside, s->commons[i].name) != NULL)
            return hides_type(s, s->commons[i].name, error);
    return true;
}

/* RFC 70: nothing in a namespace may have the name of something outside all. */
static bool
check_all_hiding(const struct schema_source *source, struct cedar_error *error)
{
    const struct source_namespace *outside = find_space(source, (struct cedar_str){"", 0});
    if (outside == NULL)
        return true;
    for (size_t i = 0; i < source->n; i++)
        if (&source->at[i] != outside && !check_hiding(outside, &source->at[i], error))
            return false;
    for (size_t i = 0; i < source->n; i++)
        for (size_t k = 0; k < source->at[i].n_actions && &source->at[i] != outside; k++)
            if (find_action(outside, source->at[i].actions[k].name) != NULL)
                return hides_action(&source->at[i], source->at[i].actions[k].name, error);
    return true;
}

/* -------------------------------------------------------------------------------------------------------- the other rules */

/* "action declared with attributes: [a, b]" */
static bool
actions_with_attributes(const struct source_namespace *s, struct cedar_error *error)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_actions; i++)
        n += s->actions[i].attributes;
    if (n == 0)
        return true;
    n = 0;
    error_set(error, CEDAR_VALUE, 0, 0, "unsupported feature used in schema: action declared with attributes: [");
    struct text t = error_text(error);
    for (size_t i = 0; i < s->n_actions; i++) {
        if (!s->actions[i].attributes)
            continue;
        text_add(&t, "%s", n++ > 0 ? ", " : "");
        text_str(&t, s->actions[i].name);
    }
    text_add(&t, "]");
    return false;
}

static bool
check_actions(const struct schema_source *source, struct cedar_error *error)
{
    for (size_t i = 0; i < source->n; i++) {
        if (find_entity(&source->at[i], (struct cedar_str){"Action", 6}) != NULL)
            return error_set(error, CEDAR_VALUE, 0, 0, "entity type `Action` declared in `entityTypes` list");
        if (!actions_with_attributes(&source->at[i], error))
            return false;
    }
    return true;
}

bool
schema_check_names(struct arena *a, const struct schema_source *source, struct cedar_error *error)
{
    struct check c = {.a = a, .source = source, .types.size = sizeof(struct undefined), .actions.size = sizeof(struct source_parent)};
    if (!check_actions(source, error))
        return false;
    for (size_t i = 0; i < source->n; i++) {
        c.from = &source->at[i];
        check_space(&c);
    }
    if (c.memory)
        return error_memory(error);
    if (c.types.n > 0)
        return types_undefined(&c.types, error);
    return c.actions.n == 0 || actions_undefined(&c.actions, error);
}

bool
schema_check(struct arena *a, const struct schema_source *source, struct cedar_error *error)
{
    /* What is wrong with the actions alone is said before what hides what. */
    return check_actions(source, error) && check_all_hiding(source, error) && schema_check_names(a, source, error);
}
