#include "cedar/schema_resolve.h"

#include "cedar/schema_graph.h"

#include <stdlib.h>

/* A common type, ready once all it refers to are. */
struct common {
    const struct source_common *from;
    const struct source_namespace *space;
    const struct type *type;
    unsigned height; /* of types and references below it, 1 for a type without parts */
    size_t waits;    /* for so many references */
};

struct resolver {
    struct cedar_schema *s;
    struct arena *a;
    const struct schema_source *source;
    const struct source_namespace *space; /* the one being resolved */
    struct common *commons;
    size_t n_commons, *first_common; /* of each namespace: its first in ${commons} */
    struct schema_entity **entities; /* in the order of the source */
    size_t *first_entity;
    struct schema_action **actions;
    size_t *first_action;
    struct cedar_error *error;
};

static const struct type no_attributes = {.kind = TYPE_RECORD};
static const struct type type_bool = {.kind = TYPE_BOOL}, type_long = {.kind = TYPE_LONG}, type_string = {.kind = TYPE_STRING};

static void *
get(struct resolver *r, size_t n, size_t size)
{
    void *at = arena_list(r->a, n + 1, size);
    if (at == NULL)
        error_memory(r->error);
    return at;
}

static size_t
space_index(const struct resolver *r, const struct source_namespace *s)
{
    return (size_t)(s - r->source->at);
}

static struct common *
target_common(const struct resolver *r, const struct schema_target *t)
{
    return &r->commons[r->first_common[space_index(r, t->space)] + (size_t)(t->common - t->space->commons)];
}

static const struct schema_entity *
target_entity(const struct resolver *r, const struct schema_target *t)
{
    const struct source_namespace *s = t->space;
    const struct source_entity *e = source_find(s->entities, s->n_entities, sizeof *s->entities, t->base);
    if (e != NULL)
        return r->entities[r->first_entity[space_index(r, s)] + (size_t)(e - s->entities)];
    for (size_t i = 0; i < r->s->n_action_types; i++) {
        struct cedar_str space, base;
        source_name_split(r->s->action_types[i].name, &space, &base);
        if (str_eq(space, s->name))
            return &r->s->action_types[i];
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------------------- types */

/* A type and the height of its tree; NULL on failure. */
static const struct type *resolve_type(struct resolver *r, const struct source_type *t, unsigned *height);

static const struct type *
resolve_name(struct resolver *r, const struct source_type *t, unsigned *height)
{
    static const enum schema_wanted wanted[] = {[SOURCE_ENTITY] = WANTED_ENTITY, [SOURCE_COMMON] = WANTED_COMMON, [SOURCE_NAME] = WANTED_EITHER};
    struct schema_target target;
    *height = 1;
    if (!schema_lookup(r->source, r->space, t->name, wanted[t->kind], &target))
        return error_set(r->error, CEDAR_VALUE, t->line, t->column, "failed to resolve type"), NULL;
    if (target.builtin != NULL)
        return target.builtin;
    if (target.common == NULL)
        return &target_entity(r, &target)->type;
    const struct common *c = target_common(r, &target);
    *height = c->height + 1;
    return c->type;
}

static const struct type *
resolve_extension(struct resolver *r, const struct source_type *t)
{
    const struct type *type = schema_builtin(t->name);
    if (type != NULL && type->kind == TYPE_EXTENSION)
        return type;
    error_set(r->error, CEDAR_VALUE, t->line, t->column, "unknown extension type `");
    struct text more = error_text(r->error);
    text_str(&more, t->name);
    text_add(&more, "`");
    return NULL;
}

static const struct type *
resolve_set(struct resolver *r, const struct source_type *t, unsigned *height)
{
    struct type *type = get(r, 1, sizeof *type);
    const struct type *element = resolve_type(r, t->element, height);
    if (type == NULL || element == NULL)
        return NULL;
    *type = (struct type){.kind = TYPE_SET, .element = element};
    *height += 1;
    return type;
}

static const struct type *
resolve_record(struct resolver *r, const struct source_type *t, unsigned *height)
{
    struct type *type = get(r, 1, sizeof *type);
    struct type_attribute *at = get(r, t->attributes.n, sizeof *at);
    unsigned highest = 0, below;
    if (type == NULL || at == NULL)
        return NULL;
    if (t->open) {
        error_set(r->error, CEDAR_UNSUPPORTED, t->line, t->column,
                  "unsupported feature used in schema: records and entities with `additionalAttributes` are experimental, but the "
                  "experimental `partial-validate` feature is not enabled");
        return NULL;
    }
    for (size_t i = 0; i < t->attributes.n; i++) {
        const struct source_attribute *from = &t->attributes.at[i];
        at[i] = (struct type_attribute){from->name, resolve_type(r, from->type, &below), from->required};
        if (at[i].type == NULL)
            return NULL;
        highest = below > highest ? below : highest;
    }
    *type = (struct type){.kind = TYPE_RECORD, .attributes = {at, t->attributes.n}};
    *height = highest + 1;
    return type;
}

static const struct type *
resolve_kind(struct resolver *r, const struct source_type *t, unsigned *height)
{
    *height = 1;
    switch (t->kind) {
    case SOURCE_BOOL:
        return &type_bool;
    case SOURCE_LONG:
        return &type_long;
    case SOURCE_STRING:
        return &type_string;
    case SOURCE_EXTENSION:
        return resolve_extension(r, t);
    case SOURCE_SET:
        return resolve_set(r, t, height);
    case SOURCE_RECORD:
        return resolve_record(r, t, height);
    case SOURCE_ENTITY:
    case SOURCE_COMMON:
    case SOURCE_NAME:
        break;
    }
    return resolve_name(r, t, height);
}

/* Recursion is bounded by the reader of the source; the height counts references, too, so that whoever walks a type is bounded. */
static const struct type *
resolve_type(struct resolver *r, const struct source_type *t, unsigned *height)
{
    const struct type *type = resolve_kind(r, t, height);
    if (type != NULL && *height > CEDAR_MAX_DEPTH) {
        error_set(r->error, CEDAR_LIMIT, t->line, t->column, "types are nested deeper than %u levels", CEDAR_MAX_DEPTH);
        return NULL;
    }
    return type;
}

/* --------------------------------------------------------------------------------------------------------- common types */

static bool
add_references(struct resolver *r, const struct source_type *t, size_t user, struct source_list *edges)
{
    struct schema_target target;
    if (t->kind == SOURCE_SET)
        return add_references(r, t->element, user, edges);
    if (t->kind == SOURCE_RECORD) {
        for (size_t i = 0; i < t->attributes.n; i++)
            if (!add_references(r, t->attributes.at[i].type, user, edges))
                return false;
        return true;
    }
    if (t->kind != SOURCE_COMMON && t->kind != SOURCE_NAME)
        return true;
    enum schema_wanted wanted = t->kind == SOURCE_COMMON ? WANTED_COMMON : WANTED_EITHER;
    if (!schema_lookup(r->source, r->space, t->name, wanted, &target) || target.common == NULL)
        return true;
    return graph_edge(r->a, edges, (size_t)(target_common(r, &target) - r->commons), user, r->error);
}

static bool
list_commons(struct resolver *r, struct graph *users)
{
    struct source_list edges = {.size = sizeof(struct edge)};
    for (size_t i = 0; i < r->source->n; i++) {
        r->space = &r->source->at[i];
        for (size_t k = 0; k < r->space->n_commons; k++) {
            size_t at = r->first_common[i] + k;
            r->commons[at] = (struct common){.from = &r->space->commons[k], .space = r->space};
            if (!add_references(r, r->space->commons[k].type, at, &edges))
                return false;
        }
    }
    if (!graph_make(r->a, r->n_commons, &edges, users, r->error))
        return false;
    for (size_t k = 0; k < users->from[users->n]; k++)
        r->commons[users->to[k]].waits++;
    return true;
}

static bool
common_cycle(struct resolver *r)
{
    const struct common *c = r->commons;
    while (c->type != NULL)
        c++;
    error_set(r->error, CEDAR_VALUE, c->from->line, c->from->column, "cycle in common type references containing `");
    struct text t = error_text(r->error);
    text_str(&t, c->space->name);
    text_add(&t, "%s", c->space->name.n > 0 ? "::" : "");
    text_str(&t, c->from->name);
    text_add(&t, "`");
    return false;
}

/* One after another, each when all that it refers to are done; what is never ready lies on a cycle or behind one. */
static bool
resolve_commons(struct resolver *r)
{
    struct graph users;
    size_t n = 0, done = 0;
    uint32_t *queue = get(r, r->n_commons, sizeof *queue);
    if (queue == NULL || !list_commons(r, &users))
        return false;
    for (size_t i = 0; i < r->n_commons; i++)
        if (r->commons[i].waits == 0)
            queue[n++] = (uint32_t)i;
    for (size_t i = 0; i < n; i++) /* the queue grows while it is read; first only its order matters: cycles are reported before types */
        for (size_t k = users.from[queue[i]]; k < users.from[queue[i] + 1]; k++)
            if (--r->commons[users.to[k]].waits == 0)
                queue[n++] = users.to[k];
    for (; done < n; done++) {
        struct common *c = &r->commons[queue[done]];
        if (n < r->n_commons) {
            c->type = &type_bool;
            continue;
        }
        r->space = c->space;
        c->type = resolve_type(r, c->from->type, &c->height);
        if (c->type == NULL)
            return false;
    }
    return n == r->n_commons || common_cycle(r);
}

/* ------------------------------------------------------------------------------------------------------------- entities */

static bool
full_name(struct resolver *r, const struct source_namespace *s, struct cedar_str base, struct cedar_str *out)
{
    size_t n = s->name.n + (s->name.n > 0 ? 2 : 0);
    char *at = get(r, n + base.n, 1);
    if (at == NULL)
        return false;
    if (n > 0) {
        memcpy(at, s->name.at, s->name.n);
        memcpy(at + s->name.n, "::", 2);
    }
    memcpy(at + n, base.at, base.n);
    *out = (struct cedar_str){at, n + base.n};
    return true;
}

struct numbered {
    struct cedar_uid uid; /* an entity type: only the type */
    size_t index;
};

static int
numbered_cmp(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    int c = str_cmp(x->uid.type, y->uid.type);
    return c ? c : str_cmp(x->uid.id, y->uid.id);
}

static bool
list_entities(struct resolver *r)
{
    size_t n = r->s->n_entities, at = 0;
    struct numbered *order = get(r, n, sizeof *order);
    if (order == NULL)
        return false;
    for (size_t i = 0; i < r->source->n; i++)
        for (size_t k = 0; k < r->source->at[i].n_entities; k++, at++) {
            order[at].index = at;
            if (!full_name(r, &r->source->at[i], r->source->at[i].entities[k].name, &order[at].uid.type))
                return false;
        }
    qsort(order, n, sizeof *order, numbered_cmp);
    for (size_t i = 0; i < n; i++) {
        struct schema_entity *e = &r->s->entities[i];
        *e = (struct schema_entity){.name = order[i].uid.type, .type = {.kind = TYPE_ENTITY, .entity = e}, .attributes = &no_attributes};
        r->entities[order[i].index] = e;
    }
    return true;
}

static int
entity_cmp(const void *a, const void *b)
{
    const struct schema_entity *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

static bool
list_action_types(struct resolver *r)
{
    struct schema_entity *at = get(r, r->source->n, sizeof *at);
    size_t n = 0;
    if (at == NULL)
        return false;
    for (size_t i = 0; i < r->source->n; i++)
        if (r->source->at[i].n_actions > 0 && !full_name(r, &r->source->at[i], (struct cedar_str){"Action", 6}, &at[n++].name))
            return false;
    qsort(at, n, sizeof *at, entity_cmp);
    for (size_t i = 0; i < n; i++)
        at[i] = (struct schema_entity){.name = at[i].name, .type = {.kind = TYPE_ENTITY, .entity = &at[i]}, .attributes = &no_attributes};
    r->s->action_types = at;
    r->s->n_action_types = n;
    return true;
}

static bool
not_a_record(struct resolver *r, unsigned line, unsigned column, const char *of, const struct cedar_str *type, const struct cedar_uid *action)
{
    error_set(r->error, CEDAR_VALUE, line, column, "%s", of);
    struct text t = error_text(r->error);
    if (type != NULL)
        text_str(&t, *type);
    else
        text_uid(&t, action);
    text_add(&t, " is declared with a type other than `Record`");
    return error_help(r->error, "%s must have type `Record`", type ? "entity type shapes" : "action contexts");
}

static bool
resolve_entity(struct resolver *r, const struct source_entity *from, struct schema_entity *e)
{
    unsigned height;
    e->enumerated = from->enumerated;
    e->ids = from->ids.at;
    e->n_ids = from->ids.n;
    if (from->shape != NULL && (e->attributes = resolve_type(r, from->shape, &height)) == NULL)
        return false;
    if (e->attributes->kind != TYPE_RECORD)
        return not_a_record(r, from->line, from->column, "Shape for entity type ", &e->name, NULL);
    return from->tags == NULL || (e->tags = resolve_type(r, from->tags, &height)) != NULL;
}

static bool
resolve_entities(struct resolver *r)
{
    for (size_t i = 0; i < r->source->n; i++) {
        r->space = &r->source->at[i];
        for (size_t k = 0; k < r->space->n_entities; k++)
            if (!resolve_entity(r, &r->space->entities[k], r->entities[r->first_entity[i] + k]))
                return false;
    }
    return true;
}

static bool
pointers_to_entities(struct resolver *r, const struct graph *g, size_t of, const struct schema_entity ***out, size_t *n)
{
    *n = g->from[of + 1] - g->from[of];
    *out = get(r, *n, sizeof **out);
    for (size_t k = 0; *out != NULL && k < *n; k++)
        (*out)[k] = &r->s->entities[g->to[g->from[of] + k]];
    return *out != NULL;
}

/* Action types are no members of anything and have none. */
static const struct schema_entity *
declared_entity(struct resolver *r, struct cedar_str name, struct source_list *undeclared)
{
    struct schema_target target;
    if (!schema_lookup(r->source, r->space, name, WANTED_ENTITY, &target))
        return NULL;
    const struct schema_entity *e = target_entity(r, &target);
    if (e == NULL || (e >= r->s->entities && e < r->s->entities + r->s->n_entities))
        return e;
    struct cedar_str *new = source_list_add(r->a, undeclared);
    if (new == NULL)
        return NULL;
    *new = e->name;
    return e;
}

static bool
close_entities(struct resolver *r, struct source_list *undeclared)
{
    struct source_list edges = {.size = sizeof(struct edge)};
    struct graph parents, above, below;
    const struct schema_entity *first = r->s->entities;
    for (size_t i = 0; i < r->source->n; i++) {
        r->space = &r->source->at[i];
        for (size_t k = 0; k < r->space->n_entities; k++)
            for (size_t p = 0; p < r->space->entities[k].parents.n; p++) {
                const struct schema_entity *e = declared_entity(r, r->space->entities[k].parents.at[p], undeclared);
                if (e == NULL)
                    return error_memory(r->error);
                if (e >= first && e < first + r->s->n_entities &&
                    !graph_edge(r->a, &edges, (size_t)(r->entities[r->first_entity[i] + k] - first), (size_t)(e - first), r->error))
                    return false;
            }
    }
    if (!graph_make(r->a, r->s->n_entities, &edges, &parents, r->error) || !graph_close(r->a, &parents, &above, r->error) ||
        !graph_reverse(r->a, &above, &below, r->error))
        return false;
    for (size_t i = 0; i < r->s->n_entities; i++) {
        struct schema_entity *e = &r->s->entities[i];
        if (!pointers_to_entities(r, &above, i, &e->ancestors, &e->n_ancestors) ||
            !pointers_to_entities(r, &below, i, &e->descendants, &e->n_descendants))
            return false;
    }
    return true;
}

/* -------------------------------------------------------------------------------------------------------------- actions */

static bool
list_actions(struct resolver *r)
{
    size_t n = r->s->n_actions, at = 0;
    struct numbered *order = get(r, n, sizeof *order);
    struct cedar_str type;
    if (order == NULL)
        return false;
    for (size_t i = 0; i < r->source->n; i++) {
        if (!full_name(r, &r->source->at[i], (struct cedar_str){"Action", 6}, &type))
            return false;
        for (size_t k = 0; k < r->source->at[i].n_actions; k++, at++)
            order[at] = (struct numbered){{type, r->source->at[i].actions[k].name}, at};
    }
    qsort(order, n, sizeof *order, numbered_cmp);
    for (size_t i = 0; i < n; i++) {
        r->s->actions[i] = (struct schema_action){.uid = order[i].uid, .context = &no_attributes};
        r->actions[order[i].index] = &r->s->actions[i];
    }
    return true;
}

static int
pointer_cmp(const void *a, const void *b)
{
    const struct schema_entity *x, *y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return str_cmp(x->name, y->name);
}

static bool
resolve_applies(struct resolver *r, const struct source_names *names, const struct schema_entity ***out, size_t *n, struct source_list *undeclared)
{
    const struct schema_entity **at = get(r, names->n, sizeof *at);
    if (at == NULL)
        return false;
    for (size_t i = 0; i < names->n; i++)
        if ((at[i] = declared_entity(r, names->at[i], undeclared)) == NULL)
            return error_memory(r->error);
    qsort(at, names->n, sizeof *at, pointer_cmp);
    *n = 0;
    for (size_t i = 0; i < names->n; i++)
        if (*n == 0 || at[*n - 1] != at[i])
            at[(*n)++] = at[i];
    *out = at;
    return true;
}

static bool
resolve_action(struct resolver *r, const struct source_action *from, struct schema_action *action)
{
    unsigned height;
    if (from->context != NULL && (action->context = resolve_type(r, from->context, &height)) == NULL)
        return false;
    return action->context->kind == TYPE_RECORD || not_a_record(r, from->line, from->column, "Context for action ", NULL, &action->uid);
}

static bool
resolve_actions(struct resolver *r)
{
    for (size_t i = 0; i < r->source->n; i++) {
        r->space = &r->source->at[i];
        for (size_t k = 0; k < r->space->n_actions; k++)
            if (!resolve_action(r, &r->space->actions[k], r->actions[r->first_action[i] + k]))
                return false;
    }
    return true;
}

static bool
resolve_all_applies(struct resolver *r, struct source_list *undeclared)
{
    for (size_t i = 0; i < r->source->n; i++) {
        r->space = &r->source->at[i];
        for (size_t k = 0; k < r->space->n_actions; k++) {
            struct schema_action *action = r->actions[r->first_action[i] + k];
            const struct source_action *from = &r->space->actions[k];
            if (!resolve_applies(r, &from->principals, &action->principals, &action->n_principals, undeclared) ||
                !resolve_applies(r, &from->resources, &action->resources, &action->n_resources, undeclared))
                return false;
        }
    }
    return true;
}

static bool
pointers_to_actions(struct resolver *r, const struct graph *g, size_t of, const struct schema_action ***out, size_t *n)
{
    *n = g->from[of + 1] - g->from[of];
    *out = get(r, *n, sizeof **out);
    for (size_t k = 0; *out != NULL && k < *n; k++)
        (*out)[k] = &r->s->actions[g->to[g->from[of] + k]];
    return *out != NULL;
}

static bool
action_cycle(struct resolver *r, const struct schema_action *action)
{
    error_set(r->error, CEDAR_VALUE, 0, 0, "cycle in action hierarchy containing `");
    struct text t = error_text(r->error);
    text_uid(&t, &action->uid);
    text_add(&t, "`");
    return false;
}

static bool
action_graph(struct resolver *r, struct graph *parents)
{
    struct source_list edges = {.size = sizeof(struct edge)};
    for (size_t i = 0; i < r->source->n; i++) {
        r->space = &r->source->at[i];
        for (size_t k = 0; k < r->space->n_actions; k++)
            for (size_t p = 0; p < r->space->actions[k].n_parents; p++) {
                const struct source_namespace *s;
                const struct source_action *to = schema_lookup_action(r->source, r->space, &r->space->actions[k].parents[p], &s);
                if (to == NULL)
                    return error_set(r->error, CEDAR_VALUE, 0, 0, "undeclared action");
                const struct schema_action *up = r->actions[r->first_action[space_index(r, s)] + (size_t)(to - s->actions)];
                if (!graph_edge(r->a, &edges, (size_t)(r->actions[r->first_action[i] + k] - r->s->actions), (size_t)(up - r->s->actions), r->error))
                    return false;
            }
    }
    return graph_make(r->a, r->s->n_actions, &edges, parents, r->error);
}

static bool
close_actions(struct resolver *r)
{
    struct graph parents, above, below;
    if (!action_graph(r, &parents) || !graph_close(r->a, &parents, &above, r->error) || !graph_reverse(r->a, &above, &below, r->error))
        return false;
    for (size_t i = 0; i < r->s->n_actions; i++) {
        struct schema_action *action = &r->s->actions[i];
        if (!pointers_to_actions(r, &parents, i, &action->parents, &action->n_parents) ||
            !pointers_to_actions(r, &above, i, &action->ancestors, &action->n_ancestors) ||
            !pointers_to_actions(r, &below, i, &action->descendants, &action->n_descendants))
            return false;
        for (size_t k = 0; k < action->n_ancestors; k++)
            if (action->ancestors[k] == action)
                return action_cycle(r, action);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ all of it */

static int
name_cmp(const void *a, const void *b)
{
    const struct cedar_str *x = a, *y = b;
    return source_name_cmp(*x, *y);
}

static bool
undeclared_entities(struct resolver *r, struct source_list *l)
{
    struct cedar_str *at = l->at;
    size_t n = 0;
    qsort(at, l->n, sizeof *at, name_cmp);
    for (size_t i = 0; i < l->n; i++)
        if (n == 0 || !str_eq(at[n - 1], at[i]))
            at[n++] = at[i];
    error_set(r->error, CEDAR_VALUE, 0, 0, "undeclared entity type%s: ", n > 1 ? "s" : "");
    struct text t = error_text(r->error);
    for (size_t i = 0; i < n; i++) {
        text_add(&t, "%s", i == 0 ? "" : i + 1 < n ? ", " : i == 1 ? " and " : ", and ");
        text_str(&t, at[i]);
    }
    return error_help(r->error, "any entity types appearing anywhere in a schema need to be declared in `entityTypes`");
}

static bool
count(struct resolver *r)
{
    size_t n = r->source->n;
    r->first_common = get(r, n, sizeof(size_t));
    r->first_entity = get(r, n, sizeof(size_t));
    r->first_action = get(r, n, sizeof(size_t));
    if (r->first_common == NULL || r->first_entity == NULL || r->first_action == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        r->first_common[i] = r->n_commons;
        r->first_entity[i] = r->s->n_entities;
        r->first_action[i] = r->s->n_actions;
        r->n_commons += r->source->at[i].n_commons;
        r->s->n_entities += r->source->at[i].n_entities;
        r->s->n_actions += r->source->at[i].n_actions;
    }
    r->commons = get(r, r->n_commons, sizeof *r->commons);
    r->entities = get(r, r->s->n_entities, sizeof(struct schema_entity *));
    r->actions = get(r, r->s->n_actions, sizeof(struct schema_action *));
    r->s->entities = get(r, r->s->n_entities, sizeof *r->s->entities);
    r->s->actions = get(r, r->s->n_actions, sizeof *r->s->actions);
    return r->commons && r->entities && r->actions && r->s->entities && r->s->actions;
}

bool
schema_resolve(struct cedar_schema *s, const struct schema_source *source, struct cedar_error *error)
{
    struct resolver r = {.s = s, .a = &s->a, .source = source, .error = error};
    struct source_list undeclared = {.size = sizeof(struct cedar_str)};
    if (!schema_check(&s->a, source, error) || !count(&r) || !list_entities(&r) || !list_action_types(&r) || !list_actions(&r))
        return false;
    if (!resolve_commons(&r) || !resolve_entities(&r) || !resolve_actions(&r) || !close_entities(&r, &undeclared) || !close_actions(&r) ||
        !resolve_all_applies(&r, &undeclared))
        return false;
    return undeclared.n == 0 || undeclared_entities(&r, &undeclared);
}
