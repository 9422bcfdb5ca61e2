/*
 * What an expression can come out as, over all requests and entities: kinds of values, true and false apart; none of them: it always
 * ends in an error. Errs on the side of "can": what is left out is certain.
 */
#ifndef CEDAR_OUTCOME_H
#define CEDAR_OUTCOME_H

#include "cedar/typecheck.h"

enum outcome {
    OUTCOME_TRUE = 1 << 0,
    OUTCOME_FALSE = 1 << 1,
    OUTCOME_LONG = 1 << 2,
    OUTCOME_STRING = 1 << 3,
    OUTCOME_ENTITY = 1 << 4,
    OUTCOME_SET = 1 << 5,
    OUTCOME_RECORD = 1 << 6,
    OUTCOME_DATETIME = 1 << 7,
    OUTCOME_DECIMAL = 1 << 8,
    OUTCOME_DURATION = 1 << 9,
    OUTCOME_IP = 1 << 10,
    OUTCOME_ANY = (1 << 11) - 1,
};
#define OUTCOME_BOOL (OUTCOME_TRUE | OUTCOME_FALSE)

struct outcomes {
    const struct checker_types *types; /* NULL: no schema */
    const struct request_types *env;   /* with a schema: the request environment */
    uint64_t left;                     /* steps; once they are spent, everything can come out as anything */
};

/* outcomes_of(o, t): a set of enum outcome; kept in t->outcomes and those of the parts that were looked at. */
unsigned outcomes_of(struct outcomes *o, struct term *t);

#endif
