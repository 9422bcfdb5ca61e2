#include "cedar/applicable.h"

static bool
is_below(const struct schema_entity *e, struct cedar_str type)
{
    if (str_eq(e->name, type))
        return true;
    for (size_t i = 0; i < e->n_ancestors; i++)
        if (str_eq(e->ancestors[i]->name, type))
            return true;
    return false;
}

bool
applicable_type(const struct scope *scope, const struct schema_entity *e)
{
    if ((scope->kind == SCOPE_IS || scope->kind == SCOPE_IS_IN) && !str_eq(scope->type, e->name))
        return false;
    if (scope->slot || scope->kind == SCOPE_ANY || scope->kind == SCOPE_IS)
        return true;
    return scope->kind == SCOPE_EQUAL ? str_eq(scope->uids[0].type, e->name) : is_below(e, scope->uids[0].type);
}

static bool
is_action_below(const struct schema_action *a, const struct cedar_uid *uid)
{
    if (uid_eq(&a->uid, uid))
        return true;
    for (size_t i = 0; i < a->n_ancestors; i++)
        if (uid_eq(&a->ancestors[i]->uid, uid))
            return true;
    return false;
}

bool
applicable_action(const struct cedar_schema *s, const struct scope *scope, const struct schema_action *a)
{
    bool found = false;
    if (scope->kind == SCOPE_ANY)
        return true;
    if (scope->kind == SCOPE_EQUAL)
        return uid_eq(&scope->uids[0], &a->uid);
    for (size_t i = 0; i < scope->n; i++) {
        if (schema_find_action(s, &scope->uids[i]) == NULL)
            return false; /* as the official engine: with an unknown action in the list, none is left */
        found |= is_action_below(a, &scope->uids[i]);
    }
    return found;
}

static bool
any_type(const struct scope *scope, const struct schema_entity *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (applicable_type(scope, list[i]))
            return true;
    return false;
}

bool
applicable_anywhere(const struct cedar_schema *s, const struct policy *p)
{
    for (size_t i = 0; i < s->n_actions; i++) {
        const struct schema_action *a = &s->actions[i];
        if (applicable_action(s, &p->action, a) && any_type(&p->principal, a->principals, a->n_principals) &&
            any_type(&p->resource, a->resources, a->n_resources))
            return true;
    }
    return false;
}

bool
applicable_with_in(const struct cedar_schema *s, const struct policy *p, enum variable v)
{
    const struct scope *scope = v == VARIABLE_PRINCIPAL ? &p->principal : &p->resource;
    bool below = false;
    if (scope->kind != SCOPE_EQUAL || scope->slot)
        return false;
    for (size_t i = 0; i < s->n_actions; i++) {
        const struct schema_action *a = &s->actions[i];
        const struct schema_entity *const *list = v == VARIABLE_PRINCIPAL ? a->principals : a->resources;
        size_t n = v == VARIABLE_PRINCIPAL ? a->n_principals : a->n_resources;
        if (!applicable_action(s, &p->action, a))
            continue;
        for (size_t k = 0; k < n; k++) {
            if (str_eq(list[k]->name, scope->uids[0].type))
                return false;
            below |= is_below(list[k], scope->uids[0].type);
        }
    }
    return below;
}
