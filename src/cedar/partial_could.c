/*
 * Could anything be allowed? Where looking at each policy alone leaves it open, the completions are told apart by what an undecided test comes
 * out as (true, false, an error), and each part is looked at by itself: a permit under `has path` and a forbid under `has path` never let anything
 * pass. Tests that are written alike come out alike, and a term that equals a literal is that literal.
 */
#include "cedar/partial.h"
#include "cedar/policies.h"

#define SPLITS_MAX 128u /* behind them what is open counts as possible */

/* One test, and what it comes out as in the completions that are looked at. */
struct assumption {
    const struct expr *test;
    unsigned comes_out; /* MAY_TRUE, MAY_FALSE or MAY_ERROR */
    const struct assumption *next;
};

/* ------------------------------------------------------------------------------------------------------------- the same test */

static bool
same_names(const struct pieces *a, const struct pieces *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = str_eq(a->at[i], b->at[i]);
    return same;
}

static bool
same_own(const struct expr *a, const struct expr *b)
{
    switch (a->op) {
    case EXPR_LITERAL:
        return value_eq(a->literal, b->literal);
    case EXPR_VARIABLE:
        return a->variable == b->variable;
    case EXPR_ATTRIBUTE:
    case EXPR_IS:
    case EXPR_IS_IN:
        return str_eq(a->name, b->name);
    case EXPR_HAS:
    case EXPR_LIKE:
    case EXPR_RECORD:
        return same_names(&a->names, &b->names);
    case EXPR_ARITHMETIC:
        return memcmp(a->operators, b->operators, a->n - 1) == 0;
    case EXPR_CALL:
        return a->function == b->function;
    default:
        return true;
    }
}

static bool same(const struct expr *a, const struct expr *b);

static bool
same_kids(const struct expr *a, const struct expr *b)
{
    bool all = a->n == b->n;
    for (size_t i = 0; all && i < a->n; i++)
        all = same(a->kid[i], b->kid[i]);
    return all;
}

/* Recursion is bounded by the height of an expression. */
static bool
same(const struct expr *a, const struct expr *b)
{
    return a == b || (a->op == b->op && a->height == b->height && a->n == b->n && same_own(a, b) && same_kids(a, b));
}

static bool
opposite(const struct expr *a, const struct expr *b)
{
    bool ops = (a->op == EXPR_EQUAL && b->op == EXPR_UNEQUAL) || (a->op == EXPR_UNEQUAL && b->op == EXPR_EQUAL);
    return ops && same_kids(a, b);
}

/* ----------------------------------------------------------------------------------------------------------- what is assumed */

/* Is ${base} what `test.kid has names[0].names[1]…` goes through before its name ${k}? */
static bool
is_way(const struct expr *test, const struct expr *base, size_t k)
{
    for (; k > 0; k--) {
        if (base->op != EXPR_ATTRIBUTE || !str_eq(base->name, test->names.at[k - 1]))
            return false;
        base = base->kid[0];
    }
    return same(test->kid[0], base);
}

bool
partial_assumed_there(const struct partial *r, const struct expr *base, struct cedar_str name)
{
    for (const struct assumption *a = r->assumed; a; a = a->next)
        for (size_t k = 0; a->test->op == EXPR_HAS && a->comes_out == MAY_TRUE && k < a->test->names.n; k++)
            if (str_eq(a->test->names.at[k], name) && is_way(a->test, base, k))
                return true;
    return false;
}

/* The literal that ${e} equals; NULL when nothing says so. */
static const struct cedar_value *
assumed_value(const struct assumption *a, const struct expr *e)
{
    for (; a; a = a->next) {
        bool equal = (a->test->op == EXPR_EQUAL && a->comes_out == MAY_TRUE) || (a->test->op == EXPR_UNEQUAL && a->comes_out == MAY_FALSE);
        for (int side = 0; equal && side < 2; side++)
            if (a->test->kid[side]->op == EXPR_LITERAL && same(a->test->kid[1 - side], e))
                return a->test->kid[side]->literal;
    }
    return NULL;
}

static unsigned
assumed_outcome(const struct assumption *a, const struct expr *e)
{
    for (; a; a = a->next) {
        if (same(a->test, e))
            return a->comes_out;
        if (opposite(a->test, e))
            return a->comes_out == MAY_ERROR ? MAY_ERROR : MAY_BOOL & ~a->comes_out;
    }
    return 0;
}

/* A bool of which two or three outcomes are open, and which no split of a part of it would settle as well. */
static bool
is_test(const struct expr *e, unsigned may)
{
    bool joint = e->op == EXPR_AND || e->op == EXPR_OR || e->op == EXPR_NOT || e->op == EXPR_IF;
    return !joint && (may & ~(MAY_BOOL | MAY_ERROR)) == 0 && (may & (may - 1)) != 0;
}

struct part
partial_assume(struct partial *r, const struct expr *e, struct part p)
{
    if (p.value || p.may == MAY_ERROR)
        return p;
    const struct cedar_value *v = assumed_value(r->assumed, e);
    if (v)
        return partial_value(v);
    if (e->op == EXPR_HAS && e->names.n == 1 && partial_assumed_there(r, e->kid[0], e->names.at[0]))
        return partial_value(&value_true);
    if (!is_test(e, p.may))
        return p;
    unsigned outcome = assumed_outcome(r->assumed, e);
    if (outcome & MAY_BOOL)
        return partial_value(value_truth(outcome == MAY_TRUE));
    if (outcome == MAY_ERROR)
        return partial_rest(p.expr, MAY_ERROR, NULL);
    if (r->test == NULL) {
        r->test = e;
        r->test_may = p.may;
    }
    return p;
}

/* ------------------------------------------------------------------------------------------------------------------ deciding */

struct open_policies {
    const struct policy **at;
    size_t n;
    bool fail_closed;
    unsigned splits;
};

/* Can it count towards the decision, and is that open? */
static void
weigh(const struct policy *p, unsigned may, bool fail_closed, bool *can, bool *open)
{
    struct partial_tally t = {false, false, false, false};
    partial_count(&t, p->effect, may, fail_closed);
    *can = t.may_permit || t.may_forbid;
    *open = *can && !t.permit && !t.forbid;
}

/* The decision, and a test to split by: of a permit while none is certain, else of a forbid. */
static enum cedar_partial_decision
look(struct partial *r, const struct open_policies *o, const struct expr **test, unsigned *may)
{
    struct partial_tally t = {false, false, false, false};
    const struct expr *of[2] = {NULL, NULL};
    unsigned mays[2] = {0, 0};
    for (size_t i = 0; i < o->n && !t.forbid && !r->memory; i++) {
        bool can, open, forbid = o->at[i]->effect == CEDAR_FORBID;
        r->test = NULL;
        struct part rest = partial_policy(r, o->at[i]);
        partial_count(&t, o->at[i]->effect, rest.may, o->fail_closed);
        weigh(o->at[i], rest.may, o->fail_closed, &can, &open);
        if (r->test && open && of[forbid] == NULL) {
            of[forbid] = r->test;
            mays[forbid] = r->test_may;
        }
    }
    int first = t.permit ? 1 : 0, which = of[first] ? first : 1 - first;
    *test = of[which];
    *may = mays[which];
    return partial_decide(&t);
}

static bool
could(struct partial *r, struct open_policies *o)
{
    static const unsigned outcomes[] = {MAY_TRUE, MAY_FALSE, MAY_ERROR};
    const struct expr *test;
    unsigned may;
    enum cedar_partial_decision d = look(r, o, &test, &may);
    if (d != CEDAR_DEPENDS || r->memory)
        return d == CEDAR_ALLOWS;
    if (test == NULL || o->splits == 0)
        return true;
    o->splits--;
    const struct assumption *before = r->assumed;
    bool found = false;
    for (int i = 0; i < 3 && !found; i++) {
        struct assumption one = {test, outcomes[i], before};
        r->assumed = &one;
        found = (may & outcomes[i]) && could(r, o);
    }
    r->assumed = before;
    return found;
}

/* What can count in some completion. False: a forbid is certain, or memory ran out. */
static bool
choose(struct partial *r, const struct cedar_policies *policies, struct open_policies *o)
{
    struct partial_tally t = {false, false, false, false};
    if ((o->at = arena_list(r->a, policies->n, sizeof *o->at)) == NULL)
        return r->memory = policies->n > 0, false;
    for (size_t i = 0; i < policies->n && !t.forbid && !r->memory; i++) {
        bool can, open;
        struct part rest = partial_policy(r, policies->at[i]);
        partial_count(&t, policies->at[i]->effect, rest.may, o->fail_closed);
        weigh(policies->at[i], rest.may, o->fail_closed, &can, &open);
        if (can)
            o->at[o->n++] = policies->at[i];
    }
    return !r->memory && partial_decide(&t) != CEDAR_DENIES;
}

bool
cedar_could_allow(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
                  const struct cedar_partial_options *options, struct cedar_scratch *scratch, struct cedar_error *error)
{
    struct partial r;
    struct open_policies o = {.fail_closed = options && options->fail_closed, .splits = SPLITS_MAX};
    if (!partial_start(&r, entities, request, options, &scratch->a, error))
        return false;
    bool can = choose(&r, policies, &o);
    r.splitting = true;
    can = can && could(&r, &o);
    return r.memory ? error_memory(error) : can;
}
