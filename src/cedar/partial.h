/*
 * Partial evaluation of one expression: what is left of it when not all is known, and what it can come out as. Soundness is the rule: for
 * every completion the rest has the value, or the error, of the original, and that outcome is among those in ${may}.
 */
#ifndef CEDAR_PARTIAL_H
#define CEDAR_PARTIAL_H

#include "cedar/evaluate.h"
#include "cedar/schema.h"

/* Outcomes: true, false, a value of another kind, an error. */
enum may {
    MAY_FALSE = 1 << 0,
    MAY_TRUE = 1 << 1,
    MAY_LONG = 1 << (VALUE_LONG + 1),
    MAY_STRING = 1 << (VALUE_STRING + 1),
    MAY_ENTITY = 1 << (VALUE_ENTITY + 1),
    MAY_SET = 1 << (VALUE_SET + 1),
    MAY_RECORD = 1 << (VALUE_RECORD + 1),
    MAY_DATETIME = 1 << (VALUE_DATETIME + 1),
    MAY_DECIMAL = 1 << (VALUE_DECIMAL + 1),
    MAY_DURATION = 1 << (VALUE_DURATION + 1),
    MAY_IP = 1 << (VALUE_IP + 1),
    MAY_ERROR = 1 << (VALUE_IP + 2),
};
#define MAY_BOOL ((unsigned)(MAY_FALSE | MAY_TRUE))
#define MAY_ANY ((unsigned)(MAY_ERROR - 1))

struct shape;

/* An attribute of which not all is known. */
struct hole {
    struct cedar_str name;
    bool present;            /* it is there in every completion */
    const struct type *type; /* the schema's; NULL: not known */
    struct shape *inside;    /* a record of which something is known; NULL: nothing is */
    struct hole *next;
};

/* A record of which not all is known: ${known} but for the holes. */
struct shape {
    const struct cedar_value *known; /* a record */
    bool open;                       /* it may have more than that */
    struct hole *holes;
};

struct part {
    const struct cedar_value *value; /* the same in every completion; else NULL */
    const struct expr *expr;         /* what is left; NULL when the value is known */
    unsigned may;                    /* of enum may; MAY_ERROR alone: an error in every completion */
    struct cedar_str entity_type;    /* n > 0: the type, if it is an entity */
    const struct type *type;         /* the schema's type, if it has a value; NULL: not known */
    const struct shape *shape;       /* a record of which something is known */
};

struct partial {
    const struct cedar_entities *entities;
    const struct cedar_schema *schema; /* or NULL */
    bool open;
    const struct cedar_unknown_entity **unknown; /* sorted by uid */
    size_t n_unknown;
    struct part variables[VARIABLE_COUNT];
    bool splitting;                   /* partial_could.c is at work */
    const struct assumption *assumed; /* of the completions that are looked at */
    const struct expr *test;          /* the first test that is open, with its outcomes */
    unsigned test_may;
    struct arena *a;
    bool memory; /* ran out of it: nothing that was found counts */
};

/* partial_expr(r, e): looked at from the outside in; recursion is bounded by the height of ${e}. */
struct part partial_expr(struct partial *r, const struct expr *e);

/* Conditions that must all hold, one after another; what is known to hold is left out. */
struct junction {
    const struct expr **at;
    size_t n;
    unsigned may; /* what it can come out as before all are there */
    bool ended;   /* nothing behind matters: it is false or an error by then */
};
/* junction_add: one more part, which must be a bool. ${going} is MAY_TRUE for &&, MAY_FALSE for ||. */
void junction_add(struct partial *r, struct junction *j, const struct part *p, unsigned going);
/* junction_may: what it can come out as when there are no more. */
unsigned junction_may(const struct junction *j, unsigned going);

/* What is not known of a known entity. */
enum entity_part { ENTITY_ATTRIBUTES, ENTITY_ANCESTORS, ENTITY_TAGS };
bool partial_entity_unknown(const struct partial *r, const struct cedar_uid *uid, enum entity_part what);
/* partial_in(r, low, high): is ${low} in ${high}? MAY_TRUE, MAY_FALSE or both. */
unsigned partial_in(const struct partial *r, const struct cedar_uid *low, const struct cedar_uid *high);
/* partial_can_be_below(r, low, high): can an entity of type ${low} be in one of type ${high}? */
bool partial_can_be_below(const struct partial *r, struct cedar_str low, struct cedar_str high);
/* partial_value, partial_rest: the parts that are a value, and ${e} of which outcomes and schema type are known. */
struct part partial_value(const struct cedar_value *v);
struct part partial_rest(const struct expr *e, unsigned may, const struct type *type);
unsigned partial_kinds(const struct type *type); /* NULL: any */
/* partial_node(r, op, like, kids, n): a new expression at the place of ${like}, with its names. NULL and r->memory when out of memory. */
struct expr *partial_node(struct partial *r, enum expr_op op, const struct expr *like, const struct expr **kids, size_t n);
const struct expr *partial_as_expr(struct partial *r, const struct part *p);

/*
 * partial_could.c. partial_assume: ${p}, which is what is left of ${e}, as it is assumed to come out; a test that is open is noted.
 * partial_assumed_there: is it assumed that ${base} has ${name}?
 */
struct part partial_assume(struct partial *r, const struct expr *e, struct part p);
bool partial_assumed_there(const struct partial *r, const struct expr *base, struct cedar_str name);

/* Records and entities, in partial_access.c. */
struct part partial_attribute(struct partial *r, const struct expr *e);
struct part partial_has(struct partial *r, const struct expr *e);
struct part partial_tag(struct partial *r, const struct expr *e, const struct part *kids);
/* partial_failed(r): the part of an evaluation that ran out of memory. */
struct part partial_failed(struct partial *r);

/* partial_start: what ${q} says, in partial_request.c. ${error} and false when it is wrong; its memory is ${a}. */
bool partial_start(struct partial *r, const struct cedar_entities *entities, const struct cedar_partial_request *q,
                   const struct cedar_partial_options *options, struct arena *a, struct cedar_error *error);

/* partial_policy: what is left of the scope and conditions of ${p}; a value or a rest with its outcomes. */
struct part partial_policy(struct partial *r, const struct policy *p);
/* partial_scope_fails: the scope of ${p} for ${v} cannot match; quick, and false where only the whole scope tells. */
bool partial_scope_fails(const struct partial *r, const struct policy *p, enum variable v);

/* What is known of the decision after some policies: partial_count adds one that can come out as ${may}. */
struct partial_tally {
    bool permit, may_permit, forbid, may_forbid;
};
void partial_count(struct partial_tally *t, enum cedar_effect effect, unsigned may, bool fail_closed);
enum cedar_partial_decision partial_decide(const struct partial_tally *t);
/* partial_variable: the principal, action or resource of a request. */
struct part partial_variable(const struct partial *r, const struct cedar_partial_uid *u);

#endif
