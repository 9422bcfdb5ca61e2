/* What of a condition can be tried (code.h). */
#include "cedar/trial.h"

#include "cedar/graph.h"

static bool
held(const struct graph *g, uint32_t term, uint8_t *to)
{
    uint32_t at = g->at[term].held;
    *to = (uint8_t)at;
    return at != NOT_HELD;
}

static const struct cedar_value *
literal_of(const struct graph *g, uint32_t term)
{
    return g->at[term].op == EXPR_LITERAL ? g->at[term].literal : NULL;
}

static bool
all_entities(const struct cedar_value *v)
{
    for (size_t i = 0; v->kind == VALUE_SET && i < v->set.n; i++)
        if (v->set.at[i]->kind != VALUE_ENTITY)
            return false;
    return v->kind == VALUE_SET || v->kind == VALUE_ENTITY;
}

/* Something held, and a literal or something else held. */
static bool
pair_of(const struct graph *g, const struct vertex *v, int left, struct trial *out)
{
    out->literal = literal_of(g, v->kid[!left]);
    return held(g, v->kid[left], &out->a) && (out->literal || held(g, v->kid[!left], &out->b));
}

/* What an operation is as a trial, and as one with its operands turned round. */
static const struct turned {
    bool can;
    uint8_t kind, turned;
} trial_kinds[EXPR_COUNT] = {
    [EXPR_EQUAL] = {true, TRIAL_EQUAL, TRIAL_EQUAL},    [EXPR_UNEQUAL] = {true, TRIAL_EQUAL, TRIAL_EQUAL},
    [EXPR_LESS] = {true, TRIAL_LESS, TRIAL_GREATER},    [EXPR_LESS_EQUAL] = {true, TRIAL_LESS_EQUAL, TRIAL_GREATER_EQUAL},
    [EXPR_GREATER] = {true, TRIAL_GREATER, TRIAL_LESS}, [EXPR_GREATER_EQUAL] = {true, TRIAL_GREATER_EQUAL, TRIAL_LESS_EQUAL},
};

static bool
compared(const struct graph *g, const struct vertex *v, struct trial *out)
{
    const struct turned *k = &trial_kinds[v->op];
    out->want ^= v->op == EXPR_UNEQUAL;
    out->kind = k->kind;
    if (pair_of(g, v, 0, out))
        return true;
    out->kind = k->turned;
    return pair_of(g, v, 1, out);
}

static bool
contained(const struct graph *g, const struct vertex *v, struct trial *out)
{
    out->kind = TRIAL_CONTAINS;
    if (pair_of(g, v, 0, out))
        return true;
    out->kind = TRIAL_AMONG;
    return pair_of(g, v, 1, out) && out->literal->kind == VALUE_SET; /* two things held are a pair the other way round */
}

static bool
patterned(const struct graph *g, struct program *p, const struct vertex *v, uint8_t kind, struct trial *out)
{
    out->kind = kind;
    out->pattern = &v->names;
    out->bit = key_bit(v->names.at[0]);
    p->keys |= kind == TRIAL_HAS;
    return held(g, v->kid[0], &out->a) && (kind == TRIAL_LIKE || (out->a == VARIABLE_CONTEXT && v->names.n == 1));
}

static bool
trial_of(const struct graph *g, struct program *p, uint32_t term, bool want, struct trial *out)
{
    const struct vertex *v = &g->at[term];
    *out = (struct trial){.kind = TRIAL_TRUE, .want = want, .bit = NO_BIT};
    if (v->op == EXPR_NOT)
        return trial_of(g, p, v->kid[0], !want, out);
    if (trial_kinds[v->op].can)
        return compared(g, v, out);
    switch (v->op) {
    case EXPR_IN:
        out->kind = TRIAL_IN;
        if (!pair_of(g, v, 0, out) || (out->literal && !all_entities(out->literal)))
            return false;
        if (out->literal && out->literal->kind == VALUE_ENTITY && out->a < VARIABLE_CONTEXT) {
            out->bit = (uint8_t)(value_node(out->literal)->number & 63);
            p->masked |= (uint8_t)(1u << out->a);
        }
        return true;
    case EXPR_CONTAINS:
        return contained(g, v, out);
    case EXPR_CALL:
        out->kind = TRIAL_CALL;
        out->bit = (uint8_t)v->function;
        return v->function >= EXT_IS_IN_RANGE && v->function <= EXT_GREATER_EQUAL && v->n == 2 && pair_of(g, v, 0, out);
    case EXPR_LIKE:
        return patterned(g, p, v, TRIAL_LIKE, out);
    case EXPR_HAS:
        return patterned(g, p, v, TRIAL_HAS, out);
    default:
        return held(g, term, &out->a);
    }
}

size_t
trial_clause(const struct graph *g, struct program *p, uint32_t term, struct trial *out, size_t room)
{
    const struct vertex *v = &g->at[term];
    bool want = true;
    for (; v->op == EXPR_NOT; v = &g->at[term = v->kid[0]])
        want = !want;
    if (v->op != (want ? EXPR_OR : EXPR_AND))
        return room && trial_of(g, p, term, want, out) ? 1 : 0;
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->n > room || !trial_of(g, p, v->kid[i], want, &out[i]))
            return 0;
        out[i].more = (uint8_t)(v->n - 1 - i);
    }
    return v->n;
}
