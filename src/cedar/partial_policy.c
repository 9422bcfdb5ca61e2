/* What is left of one policy: its scope and its conditions as one chain of &&. */
#include "cedar/partial.h"
#include "cedar/policies.h"

static bool
scope_has(const struct partial *r, const struct scope *s, const struct cedar_uid *uid, unsigned *may)
{
    bool in = s->kind == SCOPE_IN || s->kind == SCOPE_IS_IN;
    *may = MAY_FALSE;
    if ((s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN) && !str_eq(s->type, uid->type))
        return true;
    if (!in)
        return *may = s->kind == SCOPE_IS || uid_eq(uid, &s->uids[0]) ? MAY_TRUE : MAY_FALSE, true;
    for (size_t i = 0; i < s->n && *may != MAY_TRUE; i++) {
        unsigned one = partial_in(r, uid, &s->uids[i]);
        *may = one == MAY_TRUE ? MAY_TRUE : *may | one;
    }
    return *may == MAY_TRUE || *may == MAY_FALSE;
}

/* Quick answers for what is known; false: only the whole expression tells. */
static bool
scope_certain(const struct partial *r, const struct scope *s, const struct part *v, unsigned *may)
{
    if (s->kind == SCOPE_ANY)
        return *may = MAY_TRUE, true;
    if (v->value)
        return scope_has(r, s, &v->value->uid, may);
    if (v->entity_type.n == 0)
        return false;
    *may = MAY_FALSE;
    if (s->kind == SCOPE_IS)
        return *may = str_eq(s->type, v->entity_type) ? MAY_TRUE : MAY_FALSE, true;
    if (s->kind == SCOPE_IS_IN && !str_eq(s->type, v->entity_type))
        return true;
    return s->kind == SCOPE_EQUAL && !str_eq(s->uids[0].type, v->entity_type);
}

static const struct cedar_value *
uids_value(struct partial *r, const struct scope *s, bool set)
{
    const struct cedar_value **list = arena_list(r->a, s->n, sizeof(const struct cedar_value *));
    for (size_t i = 0; list && i < s->n; i++)
        if ((list[i] = value_entity(r->a, s->uids[i])) == NULL)
            return NULL;
    if (list == NULL)
        return NULL;
    return set ? value_set(r->a, list, s->n) : list[0];
}

/* The scope's part as an expression: principal == …, action in […], resource is T in …. */
static const struct expr *
scope_expr(struct partial *r, const struct scope *s, enum variable variable)
{
    static const enum expr_op ops[] = {[SCOPE_EQUAL] = EXPR_EQUAL, [SCOPE_IN] = EXPR_IN, [SCOPE_IS] = EXPR_IS, [SCOPE_IS_IN] = EXPR_IS_IN};
    const struct expr **kids = arena_list(r->a, 2, sizeof(const struct expr *));
    struct expr *v = partial_node(r, EXPR_VARIABLE, NULL, NULL, 0);
    struct part above = {.value = s->kind == SCOPE_IS ? NULL : uids_value(r, s, s->kind == SCOPE_IN && variable == VARIABLE_ACTION)};
    if (kids == NULL || v == NULL || (s->kind != SCOPE_IS && above.value == NULL))
        return r->memory = true, NULL;
    v->variable = variable;
    kids[0] = v;
    kids[1] = above.value ? partial_as_expr(r, &above) : NULL;
    struct expr *e = partial_node(r, ops[s->kind], NULL, kids, s->kind == SCOPE_IS ? 1 : 2);
    if (e)
        e->name = s->type;
    return e;
}

static void
add_scope(struct partial *r, struct junction *j, const struct scope *s, enum variable variable)
{
    unsigned may;
    if (j->ended)
        return;
    if (scope_certain(r, s, &r->variables[variable], &may)) {
        struct part known = partial_value(value_truth(may == MAY_TRUE));
        junction_add(r, j, &known, MAY_TRUE);
        return;
    }
    const struct expr *e = scope_expr(r, s, variable);
    struct part p = e ? partial_expr(r, e) : partial_failed(r);
    junction_add(r, j, &p, MAY_TRUE);
}

static struct part
condition(struct partial *r, const struct condition *c)
{
    if (!c->unless)
        return partial_expr(r, c->expr);
    const struct expr *kid = c->expr;
    struct expr not = *kid;
    not.op = EXPR_NOT;
    not.kid = &kid;
    not.n = 1;
    not.height = kid->height + 1;
    return partial_expr(r, &not);
}

bool
partial_scope_fails(const struct partial *r, const struct policy *p, enum variable v)
{
    const struct scope *s = v == VARIABLE_PRINCIPAL ? &p->principal : v == VARIABLE_ACTION ? &p->action : &p->resource;
    unsigned may;
    return scope_certain(r, s, &r->variables[v], &may) && may == MAY_FALSE;
}

/* Scopes that cannot match end it before any memory is used. */
static bool
cannot_match(const struct partial *r, const struct policy *p)
{
    return p->template || partial_scope_fails(r, p, VARIABLE_ACTION) || partial_scope_fails(r, p, VARIABLE_PRINCIPAL) ||
           partial_scope_fails(r, p, VARIABLE_RESOURCE);
}

bool
cedar_policy_could_match(const struct cedar_policies *policies, size_t i, const struct cedar_entities *entities, const struct cedar_uid *principal,
                         const struct cedar_uid *action, const struct cedar_uid *resource)
{
    const struct cedar_uid *const uids[] = {principal, action, resource};
    struct cedar_value values[3];
    struct partial r = {.entities = entities};
    for (int k = 0; k < 3; k++) {
        values[k] = (struct cedar_value){.kind = VALUE_ENTITY, .depth = 1};
        if (uids[k])
            values[k].uid = *uids[k];
        r.variables[k] = uids[k] ? partial_value(&values[k]) : (struct part){.may = MAY_ENTITY};
    }
    return !cannot_match(&r, policies->at[i]);
}

struct part
partial_policy(struct partial *r, const struct policy *p)
{
    size_t n = 3;
    if (cannot_match(r, p))
        return partial_value(&value_false);
    for (const struct condition *c = p->conditions; c; c = c->next)
        n++;
    struct junction j = {.at = arena_list(r->a, n, sizeof(const struct expr *))};
    if (j.at == NULL)
        return partial_failed(r);
    add_scope(r, &j, &p->principal, VARIABLE_PRINCIPAL);
    add_scope(r, &j, &p->action, VARIABLE_ACTION);
    add_scope(r, &j, &p->resource, VARIABLE_RESOURCE);
    for (const struct condition *c = p->conditions; c && !j.ended; c = c->next) {
        struct part part = condition(r, c);
        junction_add(r, &j, &part, MAY_TRUE);
    }
    unsigned may = junction_may(&j, MAY_TRUE);
    if (r->memory)
        return partial_failed(r);
    if (may == MAY_TRUE || may == MAY_FALSE)
        return partial_value(value_truth(may == MAY_TRUE));
    return partial_rest(j.n == 1 ? j.at[0] : partial_node(r, EXPR_AND, NULL, j.at, j.n), may, NULL);
}
