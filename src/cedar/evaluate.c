/*
 * The evaluator: walks every policy whose scope matches. One function an operator, in the table at the end. Texts of errors are those of
 * the official engine. Recursion is bounded by the height of expressions, which the parser bounds.
 *
 * A policy whose scope does not match is neither satisfied nor in error: scope terms come first in Cedar's && chain and never fail.
 */
#include "cedar/evaluate.h"
#include "cedar/operate.h"
#include "cedar/policies.h"

struct run {
    const struct cedar_entities *entities;
    const struct cedar_value *variables[VARIABLE_COUNT];
    struct arena *a;
    struct fault fault;
};

typedef const struct cedar_value *operation(struct run *r, const struct expr *e);
static operation *const operations[EXPR_COUNT];

static const struct cedar_value *
eval(struct run *r, const struct expr *e)
{
    return operations[e->op](r, e);
}

/* eval, and a type error unless the value is of ${kind}. */
static const struct cedar_value *
eval_as(struct run *r, const struct expr *e, enum value_kind kind)
{
    const struct cedar_value *v = eval(r, e);
    if (v == NULL || v->kind == kind)
        return v;
    return fault_kind(&r->fault, kind, v);
}

static const struct cedar_value *
check(struct run *r, const struct cedar_value *v, enum value_kind kind)
{
    if (v->kind == kind)
        return v;
    return fault_kind(&r->fault, kind, v);
}

static const struct cedar_value *
made(struct run *r, const struct cedar_value *v)
{
    return v ? v : fault_memory(&r->fault);
}

static bool
eval_two(struct run *r, const struct expr *e, const struct cedar_value **a, const struct cedar_value **b)
{
    *a = eval(r, e->kid[0]);
    *b = *a ? eval(r, e->kid[1]) : NULL;
    return *b != NULL;
}

/* ------------------------------------------------------------------------------------------------------------- booleans */

static const struct cedar_value *
op_literal(struct run *r, const struct expr *e)
{
    (void)r;
    return e->literal;
}

static const struct cedar_value *
op_variable(struct run *r, const struct expr *e)
{
    return r->variables[e->variable];
}

static const struct cedar_value *
op_and(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = NULL;
    for (size_t i = 0; i < e->n; i++)
        if ((v = eval_as(r, e->kid[i], VALUE_BOOL)) == NULL || !v->truth)
            return v;
    return v;
}

static const struct cedar_value *
op_or(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = NULL;
    for (size_t i = 0; i < e->n; i++)
        if ((v = eval_as(r, e->kid[i], VALUE_BOOL)) == NULL || v->truth)
            return v;
    return v;
}

static const struct cedar_value *
op_not(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = eval_as(r, e->kid[0], VALUE_BOOL);
    return v ? value_truth(!v->truth) : NULL;
}

static const struct cedar_value *
op_if(struct run *r, const struct expr *e)
{
    const struct cedar_value *guard = eval_as(r, e->kid[0], VALUE_BOOL);
    return guard ? eval(r, e->kid[guard->truth ? 1 : 2]) : NULL;
}

/* ------------------------------------------------------------------------------------------------- comparing, arithmetic */

static const struct cedar_value *
op_equal(struct run *r, const struct expr *e)
{
    const struct cedar_value *a, *b;
    return eval_two(r, e, &a, &b) ? value_truth(value_eq(a, b) == (e->op == EXPR_EQUAL)) : NULL;
}

static const struct cedar_value *
op_compare(struct run *r, const struct expr *e)
{
    const struct cedar_value *a, *b;
    if (!eval_two(r, e, &a, &b))
        return NULL;
    if (a->kind != b->kind || !operate_ordered(a->kind))
        return fault_not_comparable(&r->fault, a, b);
    switch (e->op) {
    case EXPR_LESS:
        return value_truth(a->number < b->number);
    case EXPR_LESS_EQUAL:
        return value_truth(a->number <= b->number);
    case EXPR_GREATER:
        return value_truth(a->number > b->number);
    default:
        return value_truth(a->number >= b->number);
    }
}

static const struct cedar_value *
op_negate(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = eval_as(r, e->kid[0], VALUE_LONG);
    if (v == NULL)
        return NULL;
    if (v->number == INT64_MIN)
        return fault_negate(&r->fault, v->number);
    return made(r, value_number(r->a, VALUE_LONG, -v->number));
}

/* Both operands are evaluated before the first is asked to be a long. */
static const struct cedar_value *
op_arithmetic(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = eval(r, e->kid[0]);
    int64_t sum = 0;
    for (size_t i = 1; v && i < e->n; i++) {
        const struct cedar_value *next = eval(r, e->kid[i]);
        if (next == NULL || (i == 1 && !check(r, v, VALUE_LONG)) || !check(r, next, VALUE_LONG))
            return NULL;
        if (!operate_arithmetic(&r->fault, e->operators[i - 1], i == 1 ? v->number : sum, next->number, &sum))
            return NULL;
    }
    return v ? made(r, value_number(r->a, VALUE_LONG, sum)) : NULL;
}

/* ------------------------------------------------------------------------------------------------------- entities, sets */

static const struct cedar_value *
in_set(struct run *r, const struct cedar_uid *uid, const struct value_set *set)
{
    bool found = false;
    for (size_t i = 0; i < set->n; i++)
        if (!check(r, set->at[i], VALUE_ENTITY))
            return NULL;
    for (size_t i = 0; i < set->n && !found; i++)
        found = entities_in(r->entities, uid, &set->at[i]->uid);
    return value_truth(found);
}

static const struct cedar_value *
is_in(struct run *r, const struct cedar_value *low, const struct cedar_value *high)
{
    if (!check(r, low, VALUE_ENTITY))
        return NULL;
    if (high->kind == VALUE_ENTITY)
        return value_truth(entities_in(r->entities, &low->uid, &high->uid));
    if (high->kind == VALUE_SET)
        return in_set(r, &low->uid, &high->set);
    return fault_not_in(&r->fault, high);
}

static const struct cedar_value *
op_in(struct run *r, const struct expr *e)
{
    const struct cedar_value *a, *b;
    return eval_two(r, e, &a, &b) ? is_in(r, a, b) : NULL;
}

/* is type, and is type in kid: the second operand is evaluated only when the type is right. */
static const struct cedar_value *
op_is(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = eval_as(r, e->kid[0], VALUE_ENTITY);
    if (v == NULL)
        return NULL;
    if (!str_eq(v->uid.type, e->name))
        return &value_false;
    if (e->op == EXPR_IS)
        return &value_true;
    const struct cedar_value *above = eval(r, e->kid[1]);
    return above ? is_in(r, v, above) : NULL;
}

static const struct cedar_value *
op_contains(struct run *r, const struct expr *e)
{
    const struct cedar_value *a, *b;
    if (!eval_two(r, e, &a, &b) || !check(r, a, VALUE_SET))
        return NULL;
    return value_truth(value_set_has(a, b));
}

static const struct cedar_value *
op_contains_many(struct run *r, const struct expr *e)
{
    const struct cedar_value *a, *b;
    if (!eval_two(r, e, &a, &b) || !check(r, a, VALUE_SET) || !check(r, b, VALUE_SET))
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < b->set.n; i++)
        n += value_set_has(a, b->set.at[i]);
    return value_truth(e->op == EXPR_CONTAINS_ALL ? n == b->set.n : n > 0);
}

static const struct cedar_value *
op_is_empty(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = eval_as(r, e->kid[0], VALUE_SET);
    return v ? value_truth(v->set.n == 0) : NULL;
}

/* ----------------------------------------------------------------------------------------------------- attributes, tags */

static const struct cedar_value *
op_tag(struct run *r, const struct expr *e)
{
    const struct cedar_value *a, *b;
    if (!eval_two(r, e, &a, &b) || !check(r, a, VALUE_ENTITY) || !check(r, b, VALUE_STRING))
        return NULL;
    const struct entity *entity = entities_find(r->entities, &a->uid);
    const struct cedar_value *tag = entity ? value_get(entity->tags, b->text) : NULL;
    if (e->op == EXPR_HAS_TAG)
        return value_truth(tag != NULL);
    if (entity == NULL)
        return fault_no_entity(&r->fault, &a->uid);
    return tag ? tag : fault_lacks(&r->fault, &a->uid, "tag", b->text);
}

static const struct cedar_value *
get(struct run *r, const struct cedar_value *v, struct cedar_str name)
{
    const struct cedar_value *found;
    if (v->kind == VALUE_RECORD) {
        found = value_get(v, name);
        return found ? found : fault_lacks(&r->fault, NULL, "attribute", name);
    }
    if (v->kind != VALUE_ENTITY)
        return fault_no_attributes(&r->fault, v);
    const struct entity *entity = entities_find(r->entities, &v->uid);
    if (entity == NULL)
        return fault_no_entity(&r->fault, &v->uid);
    found = value_get(entity->attributes, name);
    return found ? found : fault_lacks(&r->fault, &v->uid, "attribute", name);
}

static const struct cedar_value *
op_attribute(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = eval(r, e->kid[0]);
    return v ? get(r, v, e->name) : NULL;
}

/* The attribute of a record or known entity, NULL when it is not there. */
static const struct cedar_value *
find_attribute(struct run *r, const struct cedar_value *v, struct cedar_str name)
{
    if (v->kind == VALUE_RECORD)
        return value_get(v, name);
    const struct entity *entity = entities_find(r->entities, &v->uid);
    return entity ? value_get(entity->attributes, name) : NULL;
}

/* e has a.b is (e has a && e.a has b): what stands before a name that is missing decides, what is no record or entity is an error. */
static const struct cedar_value *
op_has(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = eval(r, e->kid[0]);
    for (size_t i = 0; v && i < e->names.n; i++) {
        if (v->kind != VALUE_RECORD && v->kind != VALUE_ENTITY)
            return fault_no_attributes(&r->fault, v);
        if ((v = find_attribute(r, v, e->names.at[i])) == NULL)
            return &value_false;
    }
    return v ? &value_true : NULL;
}

/* ------------------------------------------------------------------------------------------------- like, sets, records, calls */

static const struct cedar_value *
op_like(struct run *r, const struct expr *e)
{
    const struct cedar_value *v = eval_as(r, e->kid[0], VALUE_STRING);
    return v ? value_truth(operate_like(str_bytes(v->text), &e->names)) : NULL;
}

static const struct cedar_value **
eval_all(struct run *r, const struct expr *e)
{
    const struct cedar_value **list = arena_list(r->a, e->n, sizeof *list);
    if (list == NULL)
        return fault_memory(&r->fault);
    for (size_t i = 0; i < e->n; i++)
        if ((list[i] = eval(r, e->kid[i])) == NULL)
            return NULL;
    return list;
}

static const struct cedar_value *
op_set(struct run *r, const struct expr *e)
{
    const struct cedar_value **list = eval_all(r, e);
    return list ? made(r, value_set(r->a, list, e->n)) : NULL;
}

static const struct cedar_value *
op_record(struct run *r, const struct expr *e)
{
    const struct cedar_value **list = eval_all(r, e);
    struct value_field *fields = list ? arena_list(r->a, e->n, sizeof *fields) : NULL;
    if (fields == NULL)
        return list ? fault_memory(&r->fault) : NULL;
    for (size_t i = 0; i < e->n; i++)
        fields[i] = (struct value_field){e->names.at[i], list[i]};
    return made(r, value_record(r->a, fields, e->n));
}

static const struct cedar_value *
op_call(struct run *r, const struct expr *e)
{
    const struct cedar_value **list = eval_all(r, e);
    return list ? ext_call(e->function, list, e->n, r->a, &r->fault) : NULL;
}

static operation *const operations[EXPR_COUNT] = {
    [EXPR_LITERAL] = op_literal,
    [EXPR_VARIABLE] = op_variable,
    [EXPR_AND] = op_and,
    [EXPR_OR] = op_or,
    [EXPR_NOT] = op_not,
    [EXPR_NEGATE] = op_negate,
    [EXPR_IF] = op_if,
    [EXPR_EQUAL] = op_equal,
    [EXPR_UNEQUAL] = op_equal,
    [EXPR_LESS] = op_compare,
    [EXPR_LESS_EQUAL] = op_compare,
    [EXPR_GREATER] = op_compare,
    [EXPR_GREATER_EQUAL] = op_compare,
    [EXPR_IN] = op_in,
    [EXPR_ARITHMETIC] = op_arithmetic,
    [EXPR_CONTAINS] = op_contains,
    [EXPR_CONTAINS_ALL] = op_contains_many,
    [EXPR_CONTAINS_ANY] = op_contains_many,
    [EXPR_IS_EMPTY] = op_is_empty,
    [EXPR_GET_TAG] = op_tag,
    [EXPR_HAS_TAG] = op_tag,
    [EXPR_ATTRIBUTE] = op_attribute,
    [EXPR_HAS] = op_has,
    [EXPR_LIKE] = op_like,
    [EXPR_IS] = op_is,
    [EXPR_IS_IN] = op_is,
    [EXPR_SET] = op_set,
    [EXPR_RECORD] = op_record,
    [EXPR_CALL] = op_call,
};

const struct cedar_value *
evaluate_expr(const struct cedar_entities *entities, const struct cedar_value *const variables[VARIABLE_COUNT], const struct expr *e, struct arena *a,
              struct fault *fault)
{
    struct run r;
    r.entities = entities;
    r.a = a;
    memcpy(r.variables, variables, sizeof r.variables);
    fault_reset(&r.fault);
    const struct cedar_value *v = eval(&r, e);
    if (v == NULL) {
        fault_add(fault, "%s", r.fault.room);
        fault->memory = r.fault.memory;
    }
    return v;
}

/* ------------------------------------------------------------------------------------------------------------- policies */

static bool
scope_matches(const struct run *r, const struct scope *s, const struct cedar_uid *uid)
{
    if (s->kind == SCOPE_ANY)
        return true;
    if (s->kind == SCOPE_EQUAL)
        return uid_eq(uid, &s->uids[0]);
    if (s->kind != SCOPE_IN && !str_eq(s->type, uid->type))
        return false;
    bool found = s->kind == SCOPE_IS;
    for (size_t i = 0; i < s->n && !found; i++)
        found = entities_in(r->entities, uid, &s->uids[i]);
    return found;
}

enum outcome { NOT_SATISFIED, SATISFIED, ERRS };

static enum outcome
evaluate(struct run *r, const struct policy *p, const struct cedar_request *q)
{
    if (p->template || !scope_matches(r, &p->principal, &q->principal) || !scope_matches(r, &p->action, &q->action) ||
        !scope_matches(r, &p->resource, &q->resource))
        return NOT_SATISFIED;
    for (const struct condition *c = p->conditions; c; c = c->next) {
        const struct cedar_value *v = eval_as(r, c->expr, VALUE_BOOL);
        if (v == NULL)
            return ERRS;
        if (v->truth == c->unless)
            return NOT_SATISFIED;
    }
    return SATISFIED;
}

/* A list in the scratch that doubles. */
struct growing {
    void *at;
    size_t n, cap;
};

static void *
add(struct arena *a, struct growing *g, size_t size)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 8;
        void *to = arena_list(a, cap, size);
        if (to == NULL)
            return NULL;
        if (g->n)
            memcpy(to, g->at, g->n * size);
        g->at = to;
        g->cap = cap;
    }
    return (char *)g->at + size * g->n++;
}

struct lists {
    struct growing permits, forbids, errors;
};

static bool
add_index(struct arena *a, struct growing *g, size_t i)
{
    size_t *place = add(a, g, sizeof *place);
    if (place)
        *place = i;
    return place != NULL;
}

/* fault_reset is left to the next policy that needs it: most have no error to clear. */
static bool
add_error(struct run *r, struct growing *g, size_t i)
{
    struct cedar_policy_error *place = r->fault.memory ? NULL : add(r->a, g, sizeof *place);
    char *text = place ? arena_str(r->a, bytes_str(r->fault.room)) : NULL;
    if (text == NULL)
        return false;
    *place = (struct cedar_policy_error){i, text};
    fault_reset(&r->fault);
    return true;
}

static bool
start(struct run *r, const struct cedar_request *q)
{
    const struct cedar_uid *uids[] = {&q->principal, &q->action, &q->resource};
    for (int i = 0; i < 3; i++)
        if ((r->variables[i] = value_entity(r->a, *uids[i])) == NULL)
            return false;
    r->variables[VARIABLE_CONTEXT] = q->context ? q->context : &value_empty_record;
    fault_reset(&r->fault);
    return true;
}

bool
cedar_evaluate(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_request *request,
               struct cedar_scratch *scratch, struct cedar_answer *answer)
{
    struct run r;
    struct lists l = {.permits = {NULL, 0, 0}};
    r.entities = entities;
    r.a = &scratch->a;
    bool ok = start(&r, request);
    memset(answer, 0, sizeof *answer);
    for (size_t i = 0; ok && i < policies->n; i++) {
        const struct policy *p = policies->at[i];
        enum outcome o = evaluate(&r, p, request);
        if (o == SATISFIED)
            ok = add_index(r.a, p->effect == CEDAR_PERMIT ? &l.permits : &l.forbids, i);
        else if (o == ERRS)
            ok = add_error(&r, &l.errors, i);
    }
    if (ok)
        *answer = (struct cedar_answer){l.permits.at, l.forbids.at, l.permits.n, l.forbids.n, l.errors.at, l.errors.n};
    return ok;
}
