/* What the type checker knows of entities and actions. */
#include "cedar/typecheck.h"

bool
checker_is_action_type(struct cedar_str type)
{
    return str_is(type, "Action") || bytes_ends(str_bytes(type), BYTES("::Action"));
}

/* Actions have types, but no entity types: no attributes, no tags. */
static const struct schema_entity *
action_entity(struct arena *a, const struct cedar_schema *schema, struct cedar_str type)
{
    static const struct type no_attributes = {.kind = TYPE_RECORD};
    const struct schema_entity *known = schema_find_action_type(schema, type);
    struct schema_entity *e = known ? NULL : ARENA_NEW(a, struct schema_entity);
    if (known)
        return known;
    if (e)
        *e = (struct schema_entity){.name = type, .attributes = &no_attributes};
    return e;
}

bool
checker_types_make(struct arena *a, const struct cedar_schema *schema, struct checker_types *out)
{
    *out = (struct checker_types){.schema = schema};
    out->entities = arena_list(a, schema->n_entities, sizeof *out->entities);
    out->actions = arena_list(a, schema->n_actions, sizeof *out->actions);
    if (out->entities == NULL || out->actions == NULL)
        return false;
    for (size_t i = 0; i < schema->n_entities; i++)
        out->entities[i] = (struct type){.kind = TYPE_ENTITY, .entity = &schema->entities[i]};
    for (size_t i = 0; i < schema->n_actions; i++) {
        const struct cedar_str type = schema->actions[i].uid.type;
        bool same = i > 0 && str_eq(type, schema->actions[i - 1].uid.type);
        out->actions[i].kind = TYPE_ENTITY;
        out->actions[i].entity = same ? out->actions[i - 1].entity : action_entity(a, schema, type);
        if (out->actions[i].entity == NULL)
            return false;
    }
    return true;
}

const struct type *
checker_entity_type(const struct checker_types *t, const struct schema_entity *e)
{
    return &t->entities[e - t->schema->entities];
}

const struct type *
checker_uid_type(const struct checker_types *t, const struct cedar_uid *uid)
{
    if (checker_is_action_type(uid->type)) {
        const struct schema_action *action = schema_find_action(t->schema, uid);
        return action ? &t->actions[action - t->schema->actions] : NULL;
    }
    const struct schema_entity *e = schema_find_entity(t->schema, uid->type);
    return e ? checker_entity_type(t, e) : NULL;
}

/* Is an action of type ${a} below one of type ${b}? */
static bool
actions_may_be_in(const struct checker_types *t, struct cedar_str a, struct cedar_str b)
{
    for (size_t i = 0; i < t->schema->n_actions; i++) {
        const struct schema_action *of = &t->schema->actions[i];
        for (size_t k = 0; str_eq(of->uid.type, b) && k < of->n_descendants; k++)
            if (str_eq(of->descendants[k]->uid.type, a))
                return true;
    }
    return false;
}

bool
checker_may_be_in(const struct checker_types *t, const struct schema_entity *a, const struct schema_entity *b)
{
    if (a == b)
        return true;
    for (size_t i = 0; i < a->n_ancestors; i++)
        if (a->ancestors[i] == b)
            return true;
    return checker_is_action_type(a->name) && actions_may_be_in(t, a->name, b->name);
}
