/* Partial evaluation, operator by operator. Operands are looked at in the evaluator's order, so that errors are the ones it gives. */
#include "cedar/partial.h"

#define MAY_ORDERED ((unsigned)(MAY_LONG | MAY_DATETIME | MAY_DURATION))

typedef struct part operation(struct partial *r, const struct expr *e);

/* ---------------------------------------------------------------------------------------------------------------------------------- parts */

static unsigned
kind_of(const struct cedar_value *v)
{
    if (v->kind == VALUE_BOOL)
        return v->truth ? MAY_TRUE : MAY_FALSE;
    return 1u << (v->kind + 1);
}

struct part
partial_value(const struct cedar_value *v)
{
    struct part p = {.value = v, .may = kind_of(v)};
    if (v->kind == VALUE_ENTITY)
        p.entity_type = v->uid.type;
    return p;
}

unsigned
partial_kinds(const struct type *type)
{
    switch (type ? type->kind : TYPE_NEVER) {
    case TYPE_NEVER:
        return MAY_ANY;
    case TYPE_TRUE:
        return MAY_TRUE;
    case TYPE_FALSE:
        return MAY_FALSE;
    case TYPE_BOOL:
        return MAY_BOOL;
    case TYPE_LONG:
        return MAY_LONG;
    case TYPE_STRING:
        return MAY_STRING;
    case TYPE_SET:
        return MAY_SET;
    case TYPE_RECORD:
        return MAY_RECORD;
    case TYPE_ENTITY:
    case TYPE_ANY_ENTITY:
        return MAY_ENTITY;
    default:
        return 1u << (type->extension + 1);
    }
}

struct part
partial_rest(const struct expr *e, unsigned may, const struct type *type)
{
    struct part p = {.expr = e, .may = may, .type = type};
    if (type && type->kind == TYPE_ENTITY && type->entity)
        p.entity_type = type->entity->name;
    return p;
}

struct part
partial_failed(struct partial *r)
{
    r->memory = true;
    return (struct part){.value = &value_false, .may = MAY_ERROR};
}

static bool
errs(const struct part *p)
{
    return p->may == MAY_ERROR;
}

/* What it can be where a bool is asked for. */
static unsigned
as_bool(unsigned may)
{
    return (may & MAY_BOOL) | (may & ~MAY_BOOL ? MAY_ERROR : 0);
}

static unsigned
truths(bool can_be_true, bool can_be_false)
{
    return (can_be_true ? MAY_TRUE : 0u) | (can_be_false ? MAY_FALSE : 0u);
}

/* ---------------------------------------------------------------------------------------------------------------------------------- trees */

struct expr *
partial_node(struct partial *r, enum expr_op op, const struct expr *like, const struct expr **kids, size_t n)
{
    struct expr *e = ARENA_NEW(r->a, struct expr);
    if (e == NULL) {
        r->memory = true;
        return NULL;
    }
    if (like)
        *e = *like;
    e->op = op;
    e->kid = kids;
    e->n = n;
    e->height = 1;
    for (size_t i = 0; i < n; i++)
        if (kids[i] && kids[i]->height >= e->height)
            e->height = kids[i]->height + 1;
    return e;
}

const struct expr *
partial_as_expr(struct partial *r, const struct part *p)
{
    if (p->expr)
        return p->expr;
    struct expr *e = partial_node(r, EXPR_LITERAL, NULL, NULL, 0);
    if (e)
        e->literal = p->value;
    return e;
}

/* ${e} again with what is left of its operands. */
static const struct expr *
again(struct partial *r, const struct expr *e, const struct part *kids)
{
    const struct expr **list = arena_list(r->a, e->n, sizeof(const struct expr *));
    if (list == NULL) {
        r->memory = true;
        return e;
    }
    for (size_t i = 0; i < e->n; i++)
        list[i] = partial_as_expr(r, &kids[i]);
    return partial_node(r, e->op, e, list, e->n);
}

/* A part of which the outcomes are known: a bool that can only be one is a value. */
static struct part
settle(struct partial *r, const struct expr *e, const struct part *kids, unsigned may, const struct type *type)
{
    if (may == MAY_TRUE || may == MAY_FALSE)
        return partial_value(value_truth(may == MAY_TRUE));
    return r->memory ? partial_failed(r) : partial_rest(again(r, e, kids), may, type);
}

/* All operands are values and nothing else is unknown: the evaluator's answer. */
static struct part
conclude(struct partial *r, const struct expr *e, const struct part *kids)
{
    const struct cedar_value *none[VARIABLE_COUNT] = {NULL};
    const struct expr *known = again(r, e, kids);
    struct fault f;
    if (r->memory)
        return partial_failed(r);
    fault_reset(&f);
    const struct cedar_value *v = evaluate_expr(r->entities, none, known, r->a, &f);
    if (v)
        return partial_value(v);
    return f.memory ? partial_failed(r) : partial_rest(known, MAY_ERROR, NULL);
}

/* ------------------------------------------------------------------------------------------------------------------------------- booleans */

void
junction_add(struct partial *r, struct junction *j, const struct part *p, unsigned going)
{
    unsigned may = as_bool(p->may);
    if (j->ended || may == going)
        return;
    j->at[j->n++] = partial_as_expr(r, p);
    j->may |= may & ~going;
    j->ended = !(may & going);
}

unsigned
junction_may(const struct junction *j, unsigned going)
{
    return j->may | (j->ended ? 0 : going);
}

/* One operand alone is not asked to be a bool: keep the question where it could be something else. */
static struct part
single(struct partial *r, const struct expr *e, const struct part *p, unsigned may, unsigned going)
{
    if ((p->may & ~(MAY_BOOL | MAY_ERROR)) == 0)
        return *p;
    const struct expr **list = arena_list(r->a, 2, sizeof(const struct expr *));
    struct part neutral = partial_value(value_truth(going == MAY_TRUE));
    if (list == NULL)
        return partial_failed(r);
    list[0] = partial_as_expr(r, &neutral);
    list[1] = p->expr ? p->expr : partial_as_expr(r, p);
    return r->memory ? partial_failed(r) : partial_rest(partial_node(r, e->op, e, list, 2), may, NULL);
}

static struct part
op_junction(struct partial *r, const struct expr *e)
{
    unsigned going = e->op == EXPR_AND ? MAY_TRUE : MAY_FALSE;
    struct junction j = {.at = arena_list(r->a, e->n, sizeof(const struct expr *))};
    struct part last = {.may = 0};
    if (j.at == NULL)
        return partial_failed(r);
    for (size_t i = 0; i < e->n && !j.ended; i++) {
        size_t n = j.n;
        struct part p = partial_expr(r, e->kid[i]);
        junction_add(r, &j, &p, going);
        last = j.n > n ? p : last;
    }
    unsigned may = junction_may(&j, going);
    if (may == MAY_TRUE || may == MAY_FALSE)
        return partial_value(value_truth(may == MAY_TRUE));
    if (r->memory)
        return partial_failed(r);
    return j.n == 1 ? single(r, e, &last, may, going) : partial_rest(partial_node(r, e->op, e, j.at, j.n), may, NULL);
}

static struct part
op_not(struct partial *r, const struct expr *e)
{
    struct part p = partial_expr(r, e->kid[0]);
    if (errs(&p))
        return p;
    unsigned may = as_bool(p.may);
    return settle(r, e, &p, truths(may & MAY_FALSE, may & MAY_TRUE) | (may & MAY_ERROR), NULL);
}

static struct part
either(struct partial *r, const struct expr *e, const struct part *kids, unsigned guard)
{
    const struct part *a = &kids[1], *b = &kids[2];
    unsigned may = (guard & MAY_ERROR) | (guard & MAY_TRUE ? a->may : 0) | (guard & MAY_FALSE ? b->may : 0);
    struct part p = settle(r, e, kids, may, a->type == b->type ? a->type : NULL);
    if (p.value == NULL && guard == MAY_BOOL && a->value && b->value && value_eq(a->value, b->value))
        return *a;
    bool same = str_eq(a->entity_type, b->entity_type);
    if (p.value == NULL)
        p.entity_type = same || !(b->may & MAY_ENTITY) ? a->entity_type : !(a->may & MAY_ENTITY) ? b->entity_type : (struct cedar_str){NULL, 0};
    return p;
}

static struct part
op_if(struct partial *r, const struct expr *e)
{
    struct part kids[3] = {partial_expr(r, e->kid[0]), {.expr = e->kid[1]}, {.expr = e->kid[2]}};
    unsigned guard = as_bool(kids[0].may);
    if (errs(&kids[0]))
        return kids[0];
    if (kids[0].value && guard != MAY_ERROR)
        return partial_expr(r, e->kid[guard == MAY_TRUE ? 1 : 2]);
    for (int i = 1; i < 3; i++)
        if (guard & (i == 1 ? MAY_TRUE : MAY_FALSE))
            kids[i] = partial_expr(r, e->kid[i]);
    return either(r, e, kids, guard);
}

/* ----------------------------------------------------------------------------------------------------- operators that look at all operands */

static bool
same_variable(const struct part *a, const struct part *b)
{
    return a->expr && b->expr && a->expr->op == EXPR_VARIABLE && b->expr->op == EXPR_VARIABLE && a->expr->variable == b->expr->variable;
}

static unsigned
may_equal(const struct expr *e, const struct part *kids)
{
    const struct part *a = &kids[0], *b = &kids[1];
    unsigned common = a->may & b->may & MAY_ANY;
    if (a->entity_type.n && b->entity_type.n && !str_eq(a->entity_type, b->entity_type))
        common &= ~(unsigned)MAY_ENTITY;
    bool equal = common != 0, unequal = !same_variable(a, b);
    return (e->op == EXPR_EQUAL ? truths(equal, unequal) : truths(unequal, equal)) | ((a->may | b->may) & MAY_ERROR);
}

static unsigned
may_compare(const struct part *kids)
{
    unsigned a = kids[0].may, b = kids[1].may, both = a & b & MAY_ORDERED;
    if (both == 0)
        return MAY_ERROR;
    return MAY_BOOL | (a == b && (both & (both - 1)) == 0 && a == both ? 0 : MAY_ERROR);
}

/* MAY_ERROR when ${may} has something beyond ${wanted}; only that when it has nothing of it. */
static unsigned
asked(unsigned may, unsigned wanted, unsigned result)
{
    return may & wanted ? result | (may & ~wanted ? MAY_ERROR : 0) : MAY_ERROR;
}

static bool
can_contain(const struct part *set, const struct part *member)
{
    if (set->value == NULL)
        return true;
    for (size_t i = 0; i < set->value->set.n; i++) {
        const struct cedar_value *v = set->value->set.at[i];
        bool other = v->kind == VALUE_ENTITY && member->entity_type.n && !str_eq(member->entity_type, v->uid.type);
        if ((kind_of(v) & member->may) && !other)
            return true;
    }
    return false;
}

static bool
is_empty(const struct part *p)
{
    return p->value && p->value->kind == VALUE_SET && p->value->set.n == 0;
}

static unsigned
may_contain(const struct expr *e, const struct part *kids)
{
    const struct part *a = &kids[0], *b = &kids[1];
    if (!(a->may & MAY_SET) || (e->op != EXPR_CONTAINS && !(b->may & MAY_SET)))
        return MAY_ERROR;
    unsigned wanted = e->op == EXPR_CONTAINS ? MAY_ANY : MAY_SET;
    unsigned err = (a->may & ~(unsigned)MAY_SET) || (b->may & ~wanted) ? MAY_ERROR : 0;
    if (e->op == EXPR_CONTAINS)
        return err | truths(can_contain(a, b), true);
    if (e->op == EXPR_CONTAINS_ALL)
        return err | truths(true, !is_empty(b));
    return err | truths(!is_empty(a) && !is_empty(b), true);
}

bool
partial_can_be_below(const struct partial *r, struct cedar_str low, struct cedar_str high)
{
    if (low.n == 0 || high.n == 0 || r->schema == NULL || str_eq(low, high))
        return true;
    const struct schema_entity *e = schema_find_entity(r->schema, low);
    if (e == NULL)
        return true;
    for (size_t i = 0; i < e->n_ancestors; i++)
        if (str_eq(e->ancestors[i]->name, high))
            return true;
    return false;
}

/* The known right side of `in`: can any of it be above an entity of type ${low}? MAY_ERROR: a member is no entity. */
static unsigned
may_be_in_value(const struct partial *r, struct cedar_str low, const struct cedar_value *high)
{
    bool can = false;
    if (high->kind == VALUE_ENTITY)
        return truths(partial_can_be_below(r, low, high->uid.type), true);
    for (size_t i = 0; i < high->set.n; i++) {
        if (high->set.at[i]->kind != VALUE_ENTITY)
            return MAY_ERROR;
        can |= partial_can_be_below(r, low, high->set.at[i]->uid.type);
    }
    return truths(can, true);
}

static unsigned
may_in(const struct partial *r, const struct part *a, const struct part *b)
{
    unsigned wanted = MAY_ENTITY | MAY_SET;
    if (!(a->may & MAY_ENTITY) || !(b->may & wanted))
        return MAY_ERROR;
    unsigned err = (a->may & ~(unsigned)MAY_ENTITY) || (b->may & ~wanted) ? MAY_ERROR : 0;
    if (b->value) {
        unsigned may = may_be_in_value(r, a->entity_type, b->value);
        return may == MAY_ERROR ? MAY_ERROR : may | err;
    }
    if (same_variable(a, b))
        return MAY_TRUE | err;
    const struct type *element = b->may & MAY_SET && b->type && b->type->kind == TYPE_SET ? b->type->element : NULL;
    if ((b->may & MAY_SET) && partial_kinds(element) != MAY_ENTITY)
        err = MAY_ERROR;
    struct cedar_str above = b->may & MAY_SET ? (struct cedar_str){NULL, 0} : b->entity_type;
    if (element && element->kind == TYPE_ENTITY && element->entity && !(b->may & MAY_ENTITY))
        above = element->entity->name;
    return truths(partial_can_be_below(r, a->entity_type, above), true) | err;
}

/* What a function asks of each of its operands, what it gives, and whether it can fail even so. */
static const struct call {
    unsigned wanted[2], gives;
    bool fails;
} calls[EXT_COUNT] = {
    [EXT_IP] = {{MAY_STRING}, MAY_IP, true},
    [EXT_DECIMAL] = {{MAY_STRING}, MAY_DECIMAL, true},
    [EXT_DATETIME] = {{MAY_STRING}, MAY_DATETIME, true},
    [EXT_DURATION] = {{MAY_STRING}, MAY_DURATION, true},
    [EXT_IS_IPV4] = {{MAY_IP}, MAY_BOOL, false},
    [EXT_IS_IPV6] = {{MAY_IP}, MAY_BOOL, false},
    [EXT_IS_LOOPBACK] = {{MAY_IP}, MAY_BOOL, false},
    [EXT_IS_MULTICAST] = {{MAY_IP}, MAY_BOOL, false},
    [EXT_IS_IN_RANGE] = {{MAY_IP, MAY_IP}, MAY_BOOL, false},
    [EXT_LESS_THAN] = {{MAY_DECIMAL, MAY_DECIMAL}, MAY_BOOL, false},
    [EXT_LESS_EQUAL] = {{MAY_DECIMAL, MAY_DECIMAL}, MAY_BOOL, false},
    [EXT_GREATER_THAN] = {{MAY_DECIMAL, MAY_DECIMAL}, MAY_BOOL, false},
    [EXT_GREATER_EQUAL] = {{MAY_DECIMAL, MAY_DECIMAL}, MAY_BOOL, false},
    [EXT_OFFSET] = {{MAY_DATETIME, MAY_DURATION}, MAY_DATETIME, true},
    [EXT_DURATION_SINCE] = {{MAY_DATETIME, MAY_DATETIME}, MAY_DURATION, true},
    [EXT_TO_DATE] = {{MAY_DATETIME}, MAY_DATETIME, true},
    [EXT_TO_TIME] = {{MAY_DATETIME}, MAY_DURATION, true},
    [EXT_TO_MILLISECONDS] = {{MAY_DURATION}, MAY_LONG, false},
    [EXT_TO_SECONDS] = {{MAY_DURATION}, MAY_LONG, false},
    [EXT_TO_MINUTES] = {{MAY_DURATION}, MAY_LONG, false},
    [EXT_TO_HOURS] = {{MAY_DURATION}, MAY_LONG, false},
    [EXT_TO_DAYS] = {{MAY_DURATION}, MAY_LONG, false},
};

static unsigned
may_call(const struct expr *e, const struct part *kids)
{
    const struct call *c = &calls[e->function];
    size_t n = c->wanted[1] ? 2 : 1;
    unsigned may = c->gives | (c->fails ? MAY_ERROR : 0);
    if (e->n != n)
        return MAY_ERROR;
    for (size_t i = 0; i < n && may != MAY_ERROR; i++)
        may = asked(kids[i].may, c->wanted[i], may);
    return may;
}

static unsigned
may_all(const struct expr *e, const struct part *kids, unsigned kind)
{
    for (size_t i = 0; i < e->n; i++)
        kind |= kids[i].may & MAY_ERROR;
    return kind;
}

/* What ${e} can come out as, not all of its operands being known. */
static unsigned
outcomes(struct partial *r, const struct expr *e, const struct part *kids)
{
    switch (e->op) {
    case EXPR_EQUAL:
    case EXPR_UNEQUAL:
        return may_equal(e, kids);
    case EXPR_LESS:
    case EXPR_LESS_EQUAL:
    case EXPR_GREATER:
    case EXPR_GREATER_EQUAL:
        return may_compare(kids);
    case EXPR_NEGATE:
        return asked(kids[0].may, MAY_LONG, MAY_LONG | MAY_ERROR);
    case EXPR_IN:
        return may_in(r, &kids[0], &kids[1]);
    case EXPR_CONTAINS:
    case EXPR_CONTAINS_ALL:
    case EXPR_CONTAINS_ANY:
        return may_contain(e, kids);
    case EXPR_IS_EMPTY:
        return asked(kids[0].may, MAY_SET, MAY_BOOL);
    case EXPR_LIKE:
        return asked(kids[0].may, MAY_STRING, MAY_BOOL);
    case EXPR_SET:
        return may_all(e, kids, MAY_SET);
    case EXPR_RECORD:
        return may_all(e, kids, MAY_RECORD);
    default: /* EXPR_CALL */
        return may_call(e, kids);
    }
}

/* A known entity against known ones, of whose ancestors something may be unknown. */
static struct part
in_values(struct partial *r, const struct expr *e, const struct part *kids)
{
    const struct cedar_value *low = kids[0].value, *high = kids[1].value;
    unsigned may = MAY_FALSE;
    if (low->kind != VALUE_ENTITY || (high->kind != VALUE_ENTITY && high->kind != VALUE_SET))
        return conclude(r, e, kids);
    size_t n = high->kind == VALUE_SET ? high->set.n : 1;
    for (size_t i = 0; i < n; i++) {
        const struct cedar_value *above = high->kind == VALUE_SET ? high->set.at[i] : high;
        if (above->kind != VALUE_ENTITY)
            return conclude(r, e, kids);
        unsigned one = partial_in(r, &low->uid, &above->uid);
        may = one == MAY_TRUE || may == MAY_TRUE ? MAY_TRUE : may | one;
    }
    return settle(r, e, kids, may, NULL);
}

static struct part
combine(struct partial *r, const struct expr *e, const struct part *kids, bool known)
{
    if (known && e->op == EXPR_IN)
        return in_values(r, e, kids);
    if (e->op == EXPR_GET_TAG || e->op == EXPR_HAS_TAG)
        return partial_tag(r, e, kids);
    if (known)
        return conclude(r, e, kids);
    return settle(r, e, kids, outcomes(r, e, kids), NULL);
}

/* An operand that is an error in every completion makes the whole one; which error it is depends on those before it. */
static struct part
stopped(struct partial *r, const struct expr *e, struct part *kids, size_t at)
{
    bool first = true;
    for (size_t i = 0; i < at; i++)
        first &= !(kids[i].may & MAY_ERROR);
    if (first)
        return kids[at];
    for (size_t i = at + 1; i < e->n; i++)
        kids[i] = (struct part){.expr = e->kid[i]};
    return settle(r, e, kids, MAY_ERROR, NULL);
}

static struct part
op_strict(struct partial *r, const struct expr *e)
{
    struct part few[2], *kids = e->n <= 2 ? few : arena_list(r->a, e->n, sizeof *kids);
    bool known = true;
    if (kids == NULL)
        return partial_failed(r);
    for (size_t i = 0; i < e->n; i++) {
        kids[i] = partial_expr(r, e->kid[i]);
        if (errs(&kids[i]))
            return stopped(r, e, kids, i);
        known &= kids[i].value != NULL;
    }
    return combine(r, e, kids, known);
}

struct part
partial_tag(struct partial *r, const struct expr *e, const struct part *kids)
{
    const struct part *a = &kids[0], *b = &kids[1];
    bool known = a->value && b->value;
    if (known && (a->value->kind != VALUE_ENTITY || b->value->kind != VALUE_STRING || !partial_entity_unknown(r, &a->value->uid, ENTITY_TAGS)))
        return conclude(r, e, kids);
    if (!(a->may & MAY_ENTITY) || !(b->may & MAY_STRING))
        return settle(r, e, kids, MAY_ERROR, NULL);
    unsigned err = (a->may & ~(unsigned)MAY_ENTITY) || (b->may & ~(unsigned)MAY_STRING) ? MAY_ERROR : 0;
    const struct schema_entity *s = r->schema && a->entity_type.n ? schema_find_entity(r->schema, a->entity_type) : NULL;
    bool none = s && s->tags == NULL;
    if (e->op == EXPR_HAS_TAG)
        return settle(r, e, kids, truths(!none, true) | err, NULL);
    return settle(r, e, kids, none ? MAY_ERROR : partial_kinds(s ? s->tags : NULL) | MAY_ERROR, s ? s->tags : NULL);
}

/* ------------------------------------------------------------------------------------------------------------- operators of their own kind */

static struct part
op_literal(struct partial *r, const struct expr *e)
{
    (void)r;
    return partial_value(e->literal);
}

static struct part
op_variable(struct partial *r, const struct expr *e)
{
    struct part p = r->variables[e->variable];
    p.expr = p.value ? NULL : e;
    return p;
}

/* What is left of a chain: ${acc}, then the operands from the ${from}-th on that were looked at. */
struct chain {
    const struct expr **at;
    size_t n, from;
};

static struct part
chain_part(struct partial *r, const struct expr *e, const struct chain *c, unsigned may)
{
    struct expr *whole = r->memory ? NULL : partial_node(r, EXPR_ARITHMETIC, e, c->at, c->n);
    if (whole == NULL)
        return partial_failed(r);
    whole->operators = e->operators + c->from;
    return partial_rest(whole, may, NULL);
}

/* Two values at the beginning of a chain. */
static struct part
fold(struct partial *r, const struct expr *e, const struct part *acc, const struct part *next, size_t i)
{
    struct expr pair = *e;
    const struct part kids[2] = {*acc, *next};
    pair.n = 2;
    pair.operators = e->operators + i - 1;
    return conclude(r, &pair, kids);
}

static struct part
op_arithmetic(struct partial *r, const struct expr *e)
{
    struct part acc = partial_expr(r, e->kid[0]);
    struct chain c = {.at = arena_list(r->a, e->n, sizeof(const struct expr *))};
    bool can = true;
    if (c.at == NULL)
        return partial_failed(r);
    for (size_t i = 1; i < e->n && can && !errs(&acc); i++) {
        struct part next = partial_expr(r, e->kid[i]);
        if (c.n == 0 && acc.value && next.value) {
            acc = fold(r, e, &acc, &next, i);
            continue;
        }
        if (c.n == 0) {
            c.from = i - 1;
            c.at[c.n++] = partial_as_expr(r, &acc);
        }
        c.at[c.n++] = partial_as_expr(r, &next);
        can = (next.may & MAY_LONG) && (acc.may & MAY_LONG);
    }
    return c.n == 0 ? acc : chain_part(r, e, &c, can ? MAY_LONG | MAY_ERROR : MAY_ERROR);
}

/* p is T in kid, where p may be of that type: MAY_TRUE alone is certain. */
static struct part
is_in(struct partial *r, const struct expr *e, const struct part *p, unsigned is)
{
    struct part kids[2] = {*p, partial_expr(r, e->kid[1])};
    if (is == MAY_TRUE) {
        struct expr in = *e;
        in.op = EXPR_IN;
        if (errs(&kids[1]))
            return kids[1];
        return combine(r, &in, kids, kids[0].value && kids[1].value);
    }
    struct part typed = *p;
    typed.entity_type = e->name;
    unsigned may = errs(&kids[1]) ? MAY_ERROR : may_in(r, &typed, &kids[1]);
    return settle(r, e, kids, may | (is & ~(unsigned)MAY_TRUE), NULL);
}

static struct part
op_is(struct partial *r, const struct expr *e)
{
    struct part p = partial_expr(r, e->kid[0]);
    if (errs(&p))
        return p;
    bool same = p.entity_type.n && str_eq(p.entity_type, e->name);
    unsigned is = asked(p.may, MAY_ENTITY, p.entity_type.n ? truths(same, !same) : MAY_BOOL);
    if (e->op == EXPR_IS_IN && (is & MAY_TRUE))
        return is_in(r, e, &p, is);
    struct part kids[2] = {p, {.expr = e->n > 1 ? e->kid[1] : NULL}};
    return settle(r, e, kids, is, NULL);
}

static operation *const operations[EXPR_COUNT] = {
    [EXPR_LITERAL] = op_literal,
    [EXPR_VARIABLE] = op_variable,
    [EXPR_AND] = op_junction,
    [EXPR_OR] = op_junction,
    [EXPR_NOT] = op_not,
    [EXPR_NEGATE] = op_strict,
    [EXPR_IF] = op_if,
    [EXPR_EQUAL] = op_strict,
    [EXPR_UNEQUAL] = op_strict,
    [EXPR_LESS] = op_strict,
    [EXPR_LESS_EQUAL] = op_strict,
    [EXPR_GREATER] = op_strict,
    [EXPR_GREATER_EQUAL] = op_strict,
    [EXPR_IN] = op_strict,
    [EXPR_ARITHMETIC] = op_arithmetic,
    [EXPR_CONTAINS] = op_strict,
    [EXPR_CONTAINS_ALL] = op_strict,
    [EXPR_CONTAINS_ANY] = op_strict,
    [EXPR_IS_EMPTY] = op_strict,
    [EXPR_GET_TAG] = op_strict,
    [EXPR_HAS_TAG] = op_strict,
    [EXPR_ATTRIBUTE] = partial_attribute,
    [EXPR_HAS] = partial_has,
    [EXPR_LIKE] = op_strict,
    [EXPR_IS] = op_is,
    [EXPR_IS_IN] = op_is,
    [EXPR_SET] = op_strict,
    [EXPR_RECORD] = op_strict,
    [EXPR_CALL] = op_strict,
};

struct part
partial_expr(struct partial *r, const struct expr *e)
{
    if (r->memory)
        return partial_failed(r);
    struct part p = operations[e->op](r, e);
    return r->splitting ? partial_assume(r, e, p) : p;
}
