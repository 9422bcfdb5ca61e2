/*
 * The sieve: policies for anyone, any action and any resource (or all of one type), of which a request passes most by. They stand in runs
 * that look at the same thing in the same way, so that a policy costs one comparison. What a run lets through is only likely to apply.
 */
#ifndef CEDAR_SIEVE_H
#define CEDAR_SIEVE_H

#include "cedar/growing.h"
#include "cedar/machine.h"

struct run {
    uint8_t kind; /* enum trial_kind; RUN_ALL: lets all through */
    uint8_t a;    /* held */
    bool want;    /* TRIAL_TRUE */
    uint8_t ordered; /* enum value_kind of the numbers */
    uint32_t from, n; /* in the list of grains */
};
#define RUN_ALL UINT8_MAX

/* A policy in a run, and what it compares with: a number, the beginning of a pattern, or a value by its hash. */
struct grain {
    uint64_t number;
    uint32_t hash; /* TRIAL_LIKE: bytes in ${number}; TRIAL_IN, TRIAL_HAS: bit */
    uint32_t policy;
};

/* sieve_make(runs, grains, trials, policies, n): add what policy i, whose first trial is trials[i], is sieved by. */
void sieve_make(struct growing *runs, struct growing *grains, const struct trial *const *trials, const uint32_t *policies, size_t n);

/* sieve_run(m, r, grains, out): the policies that it lets through, at most r->n, to ${out}; how many. */
size_t sieve_run(const struct machine *m, const struct run *r, const struct grain *grains, uint32_t *out);

#endif
