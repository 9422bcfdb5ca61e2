/* What the rules of the type checker share: typecheck.c (logic), check_values.c, check_entities.c. */
#ifndef CEDAR_CHECK_H
#define CEDAR_CHECK_H

#include "cedar/typecheck.h"

/* What is known to exist when an expression is true: sorted numbers of knowledge (term.h). */
struct knowledge {
    const uint32_t *at;
    size_t n;
};

/* A failed check may have a type all the same, so that looking for errors goes on. */
struct answer {
    const struct type *type; /* NULL: none */
    bool ok;
    struct knowledge known;
};

static inline struct answer
passes(const struct type *type)
{
    return (struct answer){.type = type, .ok = true};
}

static inline struct answer
fails(const struct type *type)
{
    return (struct answer){.type = type};
}

/* ${a}, which follows from checks that went well or did not. */
static inline struct answer
if_ok(bool ok, struct answer a)
{
    return ok ? a : fails(a.type);
}

static inline const struct type *
truth(bool v)
{
    return v ? &types_true : &types_false;
}

/* Is ${what} known? And a list of it alone. */
bool knowledge_has(struct knowledge k, uint32_t what);
struct knowledge knowledge_of(struct checker *c, uint32_t what);

/* What to say when an operand is of the wrong type: a text per kind of type that it has instead; NULL: nothing. */
struct advice {
    const char *set, *string, *entity, *record, *always;
};

extern const struct advice check_no_advice;

/* check_spend(c, steps): take them from what may still be done for the policy; false when nothing is left. */
bool check_spend(struct checker *c, uint64_t steps);
/* Check ${t}, and that it has the expected type. After a failure it has that or none, so that callers need no third case. */
struct answer check_term(struct checker *c, struct knowledge before, struct term *t);
struct answer check_expect(struct checker *c, struct knowledge before, struct term *t, enum expected expected, const struct advice *advice);
struct answer check_expect_type(struct checker *c, struct knowledge before, struct term *t, const struct type *type);
/* check_uid(c, t): the entity that a literal or `action` stands for; NULL: another expression. */
const struct cedar_uid *check_uid(const struct checker *c, const struct term *t);
/* check_join(…): the type that all ${types} join to, or a finding; no finding when one has none. */
struct answer check_join(struct checker *c, const struct term *t, const struct type **types, size_t n, enum joined where);

/* The rules, one for each operator. */
struct answer check_negate(struct checker *c, struct knowledge before, struct term *t);
struct answer check_equal(struct checker *c, struct knowledge before, struct term *t);
struct answer check_less(struct checker *c, struct knowledge before, struct term *t);
struct answer check_arithmetic(struct checker *c, struct knowledge before, struct term *t);
struct answer check_contains(struct checker *c, struct knowledge before, struct term *t);
struct answer check_contains_all(struct checker *c, struct knowledge before, struct term *t);
struct answer check_is_empty(struct checker *c, struct knowledge before, struct term *t);
struct answer check_set(struct checker *c, struct knowledge before, struct term *t);
struct answer check_record(struct checker *c, struct knowledge before, struct term *t);
struct answer check_call(struct checker *c, struct knowledge before, struct term *t);
struct answer check_in(struct checker *c, struct knowledge before, struct term *t);
struct answer check_get_tag(struct checker *c, struct knowledge before, struct term *t);
struct answer check_has_tag(struct checker *c, struct knowledge before, struct term *t);
struct answer check_attribute(struct checker *c, struct knowledge before, struct term *t);
struct answer check_has(struct checker *c, struct knowledge before, struct term *t);
struct answer check_like(struct checker *c, struct knowledge before, struct term *t);
struct answer check_is(struct checker *c, struct knowledge before, struct term *t);

#endif
