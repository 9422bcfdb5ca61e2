/* Trials (code.h): the tests that most conditions begin with, without running their code. */
#ifndef CEDAR_TRIAL_H
#define CEDAR_TRIAL_H

#include "cedar/machine.h"
#include "cedar/operate.h"

/* TRIAL_NO: the condition is not true, without a fault; TRIAL_YES: what was tried is true; TRIAL_UNSURE: only its code can tell. */
enum { TRIAL_NO, TRIAL_YES, TRIAL_UNSURE };

struct graph;

/*
 * trial_clause(g, p, term, out, room): ${term}, which must be true, as trials of which one must pass: those of an OR, or of an AND that must
 * be false; else one alone. How many, 0 when it is none or there is no room; patterns in them are those of ${g}. Marks in ${p} what they ask for.
 */
size_t trial_clause(const struct graph *g, struct program *p, uint32_t term, struct trial *out, size_t room);

/* trial_hard(m, t, a, b): those that are more than a comparison. */
int trial_hard(const struct machine *m, const struct trial *t, const struct cedar_value *a, const struct cedar_value *b);

static inline bool
trial_ordered(const struct cedar_value *a, const struct cedar_value *b)
{
    return a->kind == b->kind && (a->kind == VALUE_LONG || operate_ordered(a->kind));
}

/* Without a branch: which of them it is cannot be foretold. */
static inline bool
trial_compared(enum trial_kind kind, int64_t a, int64_t b)
{
    enum { LESS = 1, EQUAL = 2, GREATER = 4 };
    const unsigned true_when = (unsigned)LESS | (LESS | EQUAL) << 3 | GREATER << 6 | (GREATER | EQUAL) << 9;
    unsigned is = (unsigned)(a >= b) + (unsigned)(a > b);
    return true_when >> (kind - TRIAL_LESS) * 3u >> is & 1;
}

/* False: ${text} surely does not begin with ${first}. */
static inline bool
trial_begins(struct cedar_str text, struct cedar_str first)
{
    return first.n == 0 || (first.n <= text.n && first.at[0] == text.at[0] && first.at[first.n - 1] == text.at[first.n - 1]);
}

static inline int
trial_one(const struct machine *m, const struct trial *t, const struct cedar_value *a, const struct cedar_value *b)
{
    switch ((enum trial_kind)t->kind) {
    case TRIAL_TRUE:
        return a->kind == VALUE_BOOL ? a->truth : TRIAL_UNSURE;
    case TRIAL_EQUAL:
        return value_same(a, b);
    case TRIAL_LESS:
    case TRIAL_LESS_EQUAL:
    case TRIAL_GREATER:
    case TRIAL_GREATER_EQUAL:
        return trial_ordered(a, b) ? trial_compared((enum trial_kind)t->kind, a->number, b->number) : TRIAL_UNSURE;
    case TRIAL_HAS:
        return m->desk->keys >> t->bit & 1 ? TRIAL_UNSURE : TRIAL_NO;
    case TRIAL_IN:
        return t->bit != NO_BIT && !(m->desk->above[t->a] >> t->bit & 1) ? TRIAL_NO : trial_hard(m, t, a, b);
    case TRIAL_LIKE:
        return a->kind == VALUE_STRING && trial_begins(a->text, t->pattern->at[0]) ? trial_hard(m, t, a, b)
               : a->kind == VALUE_STRING                                           ? TRIAL_NO
                                                                                   : TRIAL_UNSURE;
    default:
        return trial_hard(m, t, a, b);
    }
}

/* trial_all(m, t, n): do all pass, or of those that belong together the first that does? After machine_fill. */
static inline int
trial_all(const struct machine *m, const struct trial *t, size_t n)
{
    const struct cedar_value *const *held = m->desk->held;
    for (const struct trial *end = t + n; t < end;) {
        const struct cedar_value *a = held[t->a], *b = t->literal ? t->literal : held[t->b];
        int is = a && b ? trial_one(m, t, a, b) : TRIAL_UNSURE;
        if (is == t->want)
            t += t->more + 1;
        else if (is == TRIAL_UNSURE || t->more == 0)
            return is == TRIAL_UNSURE ? TRIAL_UNSURE : TRIAL_NO;
        else
            t++;
    }
    return TRIAL_YES;
}

#endif
