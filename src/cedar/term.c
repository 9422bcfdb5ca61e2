#include "cedar/term.h"

#include <stdlib.h>

/* -------------------------------------------------------------------------------------------------------------- building */

static struct term *
add(struct terms *ts, struct term t)
{
    if (ts->n == ts->cap) {
        size_t cap = ts->cap ? ts->cap * 2 : 64;
        struct term **more = arena_list(ts->a, cap, sizeof *more);
        if (more == NULL)
            return NULL;
        if (ts->n)
            memcpy(more, ts->at, ts->n * sizeof *more);
        ts->at = more;
        ts->cap = cap;
    }
    struct term *to = ARENA_NEW(ts->a, struct term);
    if (to == NULL)
        return NULL;
    *to = t;
    to->height = 1;
    to->knowledge = TERM_NO_KNOWLEDGE;
    for (size_t i = 0; i < t.n; i++)
        if (to->height <= t.kid[i]->height)
            to->height = t.kid[i]->height + 1;
    ts->at[ts->n++] = to;
    return to;
}

/* ${t} with up to three kids; NULL when one of them could not be made. */
static struct term *
add_with(struct terms *ts, struct term t, struct term *a, struct term *b, struct term *c)
{
    struct term *const all[] = {a, b, c};
    t.n = c ? 3 : b ? 2 : 1;
    t.kid = arena_list(ts->a, t.n, sizeof *t.kid);
    if (t.kid == NULL || a == NULL)
        return NULL;
    memcpy(t.kid, all, t.n * sizeof *t.kid);
    return add(ts, t);
}

static struct term *
add_one(struct terms *ts, struct term t, struct term *kid)
{
    return add_with(ts, t, kid, NULL, NULL);
}

static struct term *
add_two(struct terms *ts, struct term t, struct term *a, struct term *b)
{
    return a && b ? add_with(ts, t, a, b, NULL) : NULL;
}

static bool
is_truth(const struct term *t)
{
    return t->op == TERM_LITERAL && t->literal->kind == VALUE_BOOL;
}

/* The official parser joins literals at once: true && false && x is false && x. What is left of ${kid}; the first moves up. */
static size_t
fold_truths(struct terms *ts, enum term_op op, struct span span, struct term **kid, size_t n)
{
    size_t from = 0;
    while (n - from > 1 && is_truth(kid[from]) && is_truth(kid[from + 1])) {
        bool a = kid[from]->literal->truth, b = kid[from + 1]->literal->truth;
        struct term *both = add(ts, (struct term){.op = TERM_LITERAL, .span = span, .literal = value_truth(op == TERM_AND ? a && b : a || b)});
        if (both == NULL)
            return 0;
        kid[++from] = both;
    }
    memmove(kid, kid + from, (n - from) * sizeof(struct term *));
    return n - from;
}

/* (a && b) && c is a && b && c: joining from the left is the same, so a first kid of the same kind is taken apart. */
static struct term *
add_joined(struct terms *ts, struct term t, struct term **kid, size_t n)
{
    size_t before = kid[0]->op == t.op && !kid[0]->of_has ? kid[0]->n - 1 : 0;
    t.kid = arena_list(ts->a, before + n, sizeof *t.kid);
    if (t.kid == NULL)
        return NULL;
    memcpy(t.kid + before, kid, n * sizeof *kid);
    if (before)
        memcpy(t.kid, kid[0]->kid, (before + 1) * sizeof *kid);
    t.n = fold_truths(ts, t.op, t.span, t.kid, before + n);
    return t.n > 1 ? add(ts, t) : t.n == 1 ? t.kid[0] : NULL;
}

static struct term *
add_and(struct terms *ts, struct span span, struct term *a, struct term *b)
{
    struct term *both[] = {a, b};
    return a && b ? add_joined(ts, (struct term){.op = TERM_AND, .span = span}, both, 2) : NULL;
}

/* ----------------------------------------------------------------------------------------------------- from expressions */

static struct term *convert(struct terms *ts, const struct expr *e);

static struct term **
convert_kids(struct terms *ts, const struct expr *e)
{
    struct term **kid = arena_list(ts->a, e->n, sizeof *kid);
    for (size_t i = 0; kid && i < e->n; i++)
        if ((kid[i] = convert(ts, e->kid[i])) == NULL)
            return NULL;
    return kid;
}

static struct term *
convert_has(struct terms *ts, const struct expr *e, struct term *of)
{
    struct term has = {.op = TERM_HAS, .span = {e->start, e->end}}, step = {.op = TERM_ATTRIBUTE, .of_has = true, .span = {e->start, e->end}};
    struct term **kid = arena_list(ts->a, e->names.n, sizeof *kid);
    for (size_t i = 0; kid && i < e->names.n; i++) {
        has.name = e->names.at[i];
        if ((kid[i] = add_one(ts, has, of)) == NULL)
            return NULL;
        step.name = has.name;
        if (i + 1 < e->names.n && (of = add_one(ts, step, of)) == NULL)
            return NULL;
    }
    if (kid == NULL || e->names.n == 1)
        return kid ? kid[0] : NULL;
    return add(ts, (struct term){.op = TERM_AND, .of_has = true, .span = has.span, .kid = kid, .n = e->names.n});
}

static struct term *
convert_is(struct terms *ts, const struct expr *e, struct term **kid)
{
    struct span span = {e->start, e->end};
    struct term *is = add_one(ts, (struct term){.op = TERM_IS, .span = span, .type_span = e->type, .name = e->name}, kid[0]);
    if (e->op == EXPR_IS)
        return is;
    return add_and(ts, span, is, add_two(ts, (struct term){.op = TERM_IN, .span = span}, kid[0], kid[1]));
}

/* A comparison that is the opposite of another one. */
static struct term *
convert_opposite(struct terms *ts, const struct expr *e, struct term **kid)
{
    static const enum term_op opposite[EXPR_COUNT] = {
        [EXPR_UNEQUAL] = TERM_EQUAL, [EXPR_GREATER] = TERM_LESS_EQUAL, [EXPR_GREATER_EQUAL] = TERM_LESS};
    struct term t = {.op = opposite[e->op], .span = {e->start, e->end}};
    return add_one(ts, (struct term){.op = TERM_NOT, .span = t.span}, add_two(ts, t, kid[0], kid[1]));
}

/* Operators that mean the same in both trees. */
static const enum term_op same[EXPR_COUNT] = {
    [EXPR_NOT] = TERM_NOT,
    [EXPR_NEGATE] = TERM_NEGATE,
    [EXPR_IF] = TERM_IF,
    [EXPR_EQUAL] = TERM_EQUAL,
    [EXPR_LESS] = TERM_LESS,
    [EXPR_LESS_EQUAL] = TERM_LESS_EQUAL,
    [EXPR_IN] = TERM_IN,
    [EXPR_ARITHMETIC] = TERM_ARITHMETIC,
    [EXPR_CONTAINS] = TERM_CONTAINS,
    [EXPR_CONTAINS_ALL] = TERM_CONTAINS_ALL,
    [EXPR_CONTAINS_ANY] = TERM_CONTAINS_ANY,
    [EXPR_IS_EMPTY] = TERM_IS_EMPTY,
    [EXPR_GET_TAG] = TERM_GET_TAG,
    [EXPR_HAS_TAG] = TERM_HAS_TAG,
    [EXPR_ATTRIBUTE] = TERM_ATTRIBUTE,
    [EXPR_LIKE] = TERM_LIKE,
    [EXPR_SET] = TERM_SET,
    [EXPR_RECORD] = TERM_RECORD,
    [EXPR_CALL] = TERM_CALL,
};

static struct term *
convert_same(struct terms *ts, const struct expr *e, struct term **kid)
{
    struct term t = {.op = same[e->op], .span = {e->start, e->end}, .kid = kid, .n = e->n};
    switch (e->op) {
    case EXPR_ARITHMETIC:
        t.operators = e->operators;
        break;
    case EXPR_ATTRIBUTE:
        t.name = e->name;
        break;
    case EXPR_LIKE:
    case EXPR_RECORD:
        t.names = e->names;
        break;
    case EXPR_CALL:
        t.function = e->function;
        break;
    default:
        break;
    }
    return add(ts, t);
}

/* Recursion ends: an expression is at most CEDAR_MAX_DEPTH high. */
static struct term *
convert(struct terms *ts, const struct expr *e)
{
    struct span span = {e->start, e->end};
    if (e->op == EXPR_LITERAL)
        return add(ts, (struct term){.op = TERM_LITERAL, .span = span, .type_span = e->type, .literal = e->literal});
    if (e->op == EXPR_VARIABLE)
        return add(ts, (struct term){.op = TERM_VARIABLE, .span = span, .variable = e->variable});
    struct term **kid = convert_kids(ts, e);
    if (kid == NULL)
        return NULL;
    switch (e->op) {
    case EXPR_AND:
    case EXPR_OR:
        return add_joined(ts, (struct term){.op = e->op == EXPR_AND ? TERM_AND : TERM_OR, .span = span}, kid, e->n);
    case EXPR_UNEQUAL:
    case EXPR_GREATER:
    case EXPR_GREATER_EQUAL:
        return convert_opposite(ts, e, kid);
    case EXPR_HAS:
        return convert_has(ts, e, kid[0]);
    case EXPR_IS:
    case EXPR_IS_IN:
        return convert_is(ts, e, kid);
    default:
        return convert_same(ts, e, kid);
    }
}

/* --------------------------------------------------------------------------------------------------------- from policies */

static const struct span nowhere = {0, 0};

static struct term *
add_truth(struct terms *ts)
{
    return add(ts, (struct term){.op = TERM_LITERAL, .literal = &value_true});
}

static struct term *
add_uid(struct terms *ts, struct cedar_uid uid)
{
    const struct cedar_value *v = value_entity(ts->a, uid);
    return v ? add(ts, (struct term){.op = TERM_LITERAL, .literal = v}) : NULL;
}

static struct term *
add_uid_set(struct terms *ts, const struct scope *s)
{
    struct term **kid = arena_list(ts->a, s->n, sizeof *kid);
    for (size_t i = 0; kid && i < s->n; i++)
        if ((kid[i] = add_uid(ts, s->uids[i])) == NULL)
            return NULL;
    return kid ? add(ts, (struct term){.op = TERM_SET, .kid = kid, .n = s->n}) : NULL;
}

/* What stands behind == or in: an action is always "in" a set. */
static struct term *
add_reference(struct terms *ts, const struct scope *s, enum variable v)
{
    if (s->slot)
        return add(ts, (struct term){.op = TERM_SLOT, .variable = v});
    if (v == VARIABLE_ACTION && s->kind == SCOPE_IN)
        return add_uid_set(ts, s);
    return add_uid(ts, s->uids[0]);
}

static struct term *
add_scope(struct terms *ts, const struct scope *s, enum variable v)
{
    if (s->kind == SCOPE_ANY)
        return add_truth(ts);
    struct term *variable = add(ts, (struct term){.op = TERM_VARIABLE, .variable = v});
    struct term *is = NULL;
    if (s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN)
        is = add_one(ts, (struct term){.op = TERM_IS, .name = s->type}, variable);
    if (s->kind == SCOPE_IS)
        return is;
    struct term t = {.op = s->kind == SCOPE_EQUAL ? TERM_EQUAL : TERM_IN};
    struct term *relation = add_two(ts, t, variable, add_reference(ts, s, v));
    return s->kind == SCOPE_IS_IN ? add_and(ts, nowhere, is, relation) : relation;
}

static struct term *
add_condition(struct terms *ts, const struct condition *c)
{
    struct term *t = convert(ts, c->expr);
    return c->unless ? add_one(ts, (struct term){.op = TERM_NOT, .span = {c->start, c->end}}, t) : t;
}

static bool
add_policy(struct terms *ts, const struct policy *p)
{
    size_t n = TERM_SCOPE_PARTS;
    for (const struct condition *c = p->conditions; c; c = c->next)
        n++;
    struct term **all = arena_list(ts->a, n + 1, sizeof *all);
    if (all == NULL)
        return false;
    all[0] = add_scope(ts, &p->principal, VARIABLE_PRINCIPAL);
    all[1] = add_scope(ts, &p->action, VARIABLE_ACTION);
    all[2] = add_scope(ts, &p->resource, VARIABLE_RESOURCE);
    n = TERM_SCOPE_PARTS;
    for (const struct condition *c = p->conditions; c; c = c->next)
        all[n++] = add_condition(ts, c);
    if (p->conditions == NULL)
        all[n++] = add_truth(ts);
    for (size_t i = 0; i < n; i++)
        if (all[i] == NULL)
            return false;
    ts->whole = add(ts, (struct term){.op = TERM_ALL, .span = {p->start, p->end}, .kid = all, .n = n});
    return ts->whole != NULL;
}

/* --------------------------------------------------------------------------------------------------------------- shapes */

static int
order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int
cmp_names(const struct pieces *a, const struct pieces *b)
{
    int c = order(a->n, b->n);
    for (size_t i = 0; c == 0 && i < a->n; i++)
        c = str_cmp(a->at[i], b->at[i]);
    return c;
}

/* What a term is besides its kids; both are of the same kind with as many kids. */
static int
cmp_own(const struct term *a, const struct term *b)
{
    switch (a->op) {
    case TERM_LITERAL:
        return value_cmp(a->literal, b->literal);
    case TERM_VARIABLE:
    case TERM_SLOT:
        return order(a->variable, b->variable);
    case TERM_ARITHMETIC:
        return memcmp(a->operators, b->operators, a->n - 1);
    case TERM_ATTRIBUTE:
    case TERM_HAS:
    case TERM_IS:
        return str_cmp(a->name, b->name);
    case TERM_LIKE:
    case TERM_RECORD:
        return cmp_names(&a->names, &b->names);
    case TERM_CALL:
        return order(a->function, b->function);
    default:
        return 0;
    }
}

/* Lower terms have their shapes already, so kids need no look inside. */
static int
cmp_terms(const void *x, const void *y)
{
    const struct term *a = *(struct term *const *)x, *b = *(struct term *const *)y;
    int c = order(a->height, b->height);
    if (c == 0)
        c = order(a->op, b->op);
    if (c == 0)
        c = order(a->op == TERM_AND && a->of_has, b->op == TERM_AND && b->of_has);
    if (c == 0)
        c = order(a->n, b->n);
    if (c == 0)
        c = cmp_own(a, b);
    for (size_t i = 0; c == 0 && a->height > 1 && i < a->n; i++)
        c = order(a->kid[i]->shape, b->kid[i]->shape);
    return c;
}

static int
cmp_heights(const void *x, const void *y)
{
    return order((*(struct term *const *)x)->height, (*(struct term *const *)y)->height);
}

static void
give_shapes(struct term **list, size_t n)
{
    uint32_t shape = 0;
    qsort(list, n, sizeof *list, cmp_heights);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && list[to]->height == list[from]->height; to++)
            ;
        qsort(list + from, to - from, sizeof *list, cmp_terms);
        for (size_t i = from; i < to; i++) {
            shape += i == from || cmp_terms(&list[i - 1], &list[i]) != 0;
            list[i]->shape = shape;
        }
    }
}

static bool
is_tag(const struct term *t)
{
    return t->op == TERM_GET_TAG || t->op == TERM_HAS_TAG;
}

/* "x has a" for both x.a and x has a; x.hasTag(t) for both x.getTag(t) and x.hasTag(t). */
static int
cmp_knowledge(const void *x, const void *y)
{
    const struct term *a = *(struct term *const *)x, *b = *(struct term *const *)y;
    int c = order(is_tag(a), is_tag(b));
    if (c == 0)
        c = order(a->kid[0]->shape, b->kid[0]->shape);
    if (c)
        return c;
    return is_tag(a) ? order(a->kid[1]->shape, b->kid[1]->shape) : str_cmp(a->name, b->name);
}

static uint32_t
number_knowledge(struct term **list, size_t n)
{
    size_t m = 0;
    uint32_t number = 0;
    for (size_t i = 0; i < n; i++)
        if (is_tag(list[i]) || list[i]->op == TERM_ATTRIBUTE || list[i]->op == TERM_HAS)
            list[m++] = list[i];
    qsort(list, m, sizeof *list, cmp_knowledge);
    for (size_t i = 0; i < m; i++) {
        number += i > 0 && cmp_knowledge(&list[i - 1], &list[i]) != 0;
        list[i]->knowledge = number;
    }
    return m ? number + 1 : 0;
}

bool
terms_make(struct arena *a, const struct policy *p, struct terms *out)
{
    *out = (struct terms){.a = a};
    if (!add_policy(out, p))
        return false;
    out->too_high = out->whole->height > TERM_MAX_HEIGHT;
    struct term **list = arena_list(a, out->n, sizeof *list);
    if (list == NULL)
        return false;
    memcpy(list, out->at, out->n * sizeof *list);
    give_shapes(list, out->n);
    out->n_knowledge = number_knowledge(list, out->n);
    return true;
}
