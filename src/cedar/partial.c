/* The answers to a partial request: every policy, and the decision. */
#include "cedar/partial.h"
#include "cedar/policies.h"

/* ------------------------------------------------------------------------------------------------------------------------------ decisions */

/* A condition that is no bool is an error. */
void
partial_count(struct partial_tally *t, enum cedar_effect effect, unsigned may, bool fail_closed)
{
    may = (may & MAY_BOOL) | (may & ~MAY_BOOL ? MAY_ERROR : 0);
    unsigned counts = MAY_TRUE | (effect == CEDAR_FORBID && fail_closed ? MAY_ERROR : 0);
    bool can = may & counts, must = can && !(may & ~counts);
    if (effect == CEDAR_PERMIT) {
        t->may_permit |= can;
        t->permit |= must;
    } else {
        t->may_forbid |= can;
        t->forbid |= must;
    }
}

enum cedar_partial_decision
partial_decide(const struct partial_tally *t)
{
    if (t->forbid || !t->may_permit)
        return CEDAR_DENIES;
    return t->permit && !t->may_forbid ? CEDAR_ALLOWS : CEDAR_DEPENDS;
}

/* ------------------------------------------------------------------------------------------------------------------------------- residuals */

static bool
mentions_variable(const struct expr *e)
{
    bool found = e->op == EXPR_VARIABLE;
    for (size_t i = 0; i < e->n && !found; i++)
        found = mentions_variable(e->kid[i]);
    return found;
}

/* The error's text: only an expression without variables errs with the same one in every completion. */
static const char *
error_of(struct partial *r, const struct expr *e)
{
    const struct cedar_value *none[VARIABLE_COUNT] = {NULL};
    struct fault f;
    const char *text = "an error, whatever the unknown parts are";
    if (mentions_variable(e) || r->open || r->n_unknown > 0)
        return text;
    fault_reset(&f);
    const struct cedar_value *v = evaluate_expr(r->entities, none, e, r->a, &f);
    if (v && v->kind != VALUE_BOOL)
        v = fault_type(&f, "bool", v);
    if (v == NULL && !f.memory)
        text = arena_str(r->a, bytes_str(f.room));
    r->memory |= f.memory || text == NULL;
    return text;
}

static enum cedar_part
classify(unsigned may)
{
    return may == MAY_TRUE ? CEDAR_SATISFIED : may == MAY_FALSE ? CEDAR_NOT_SATISFIED : may == MAY_ERROR ? CEDAR_ERRS : CEDAR_RESIDUAL;
}

/* In a policy's condition every value that is no bool is an error. */
static struct cedar_residual
residual(struct partial *r, size_t i, struct part *p)
{
    struct cedar_residual x = {.policy = i, .part = classify(p->may)};
    x.may_satisfy = p->may & MAY_TRUE;
    x.may_not = p->may & MAY_FALSE;
    x.may_err = p->may & ~MAY_BOOL;
    x.condition = partial_as_expr(r, p);
    x.error = x.part == CEDAR_ERRS && !r->memory ? error_of(r, x.condition) : NULL;
    return x;
}

static bool
look_at_all(struct partial *r, const struct cedar_policies *policies, bool fail_closed, struct partial_tally *t, struct cedar_partial_answer *out)
{
    struct cedar_residual *list = arena_list(r->a, policies->n, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return policies->n == 0;
    for (size_t i = 0; i < policies->n && !r->memory; i++) {
        struct part p = partial_policy(r, policies->at[i]);
        if (r->memory || p.may == MAY_FALSE)
            continue;
        list[n++] = residual(r, i, &p);
        partial_count(t, policies->at[i]->effect, p.may, fail_closed);
    }
    out->residuals = list;
    out->n = n;
    return !r->memory;
}

/* With a forbid certain only forbids determine; else whatever may be satisfied. */
static bool
may_determine(const struct cedar_policies *policies, const struct cedar_residual *x, const struct partial_tally *t, bool fail_closed)
{
    bool forbid = policies->at[x->policy]->effect == CEDAR_FORBID;
    bool can = x->may_satisfy || (forbid && fail_closed && x->may_err);
    return can && (forbid || !t->forbid);
}

/* With a forbid certain those that are; with none possible the permits that are. */
static bool
must_determine(const struct cedar_policies *policies, const struct cedar_residual *x, const struct partial_tally *t, bool fail_closed)
{
    bool forbid = policies->at[x->policy]->effect == CEDAR_FORBID;
    if (forbid)
        return fail_closed ? !x->may_not : x->part == CEDAR_SATISFIED;
    return x->part == CEDAR_SATISFIED && !t->may_forbid;
}

static bool
list_determining(const struct cedar_policies *policies, const struct partial_tally *t, bool fail_closed, struct arena *a,
                 struct cedar_partial_answer *out)
{
    size_t *may = arena_list(a, out->n, sizeof *may), *must = arena_list(a, out->n, sizeof *must);
    if (out->n > 0 && (may == NULL || must == NULL))
        return false;
    for (size_t i = 0; i < out->n; i++) {
        const struct cedar_residual *x = &out->residuals[i];
        if (may_determine(policies, x, t, fail_closed))
            may[out->n_may_determine++] = x->policy;
        if (must_determine(policies, x, t, fail_closed))
            must[out->n_must_determine++] = x->policy;
    }
    out->may_determine = may;
    out->must_determine = must;
    return true;
}

bool
cedar_partial(const struct cedar_policies *policies, const struct cedar_entities *entities, const struct cedar_partial_request *request,
              const struct cedar_partial_options *options, struct cedar_scratch *scratch, struct cedar_partial_answer *answer,
              struct cedar_error *error)
{
    struct partial r;
    struct partial_tally t = {false, false, false, false};
    bool fail_closed = options && options->fail_closed;
    *answer = (struct cedar_partial_answer){.decision = CEDAR_DENIES};
    if (!partial_start(&r, entities, request, options, &scratch->a, error))
        return false;
    if (!look_at_all(&r, policies, fail_closed, &t, answer) || !list_determining(policies, &t, fail_closed, r.a, answer))
        return *answer = (struct cedar_partial_answer){.decision = CEDAR_DENIES}, error_memory(error);
    answer->decision = partial_decide(&t);
    return true;
}
