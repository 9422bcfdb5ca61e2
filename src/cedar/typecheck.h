/*
 * The type checker of strict validation: an expression in one request environment (an action, types for principal and resource, and for
 * the slots of a template). Findings are those of the official engine; where it goes on after an error, so does this.
 */
#ifndef CEDAR_TYPECHECK_H
#define CEDAR_TYPECHECK_H

#include "cedar/findings.h"
#include "cedar/term.h"
#include "cedar/types.h"

struct request_types {
    const struct schema_action *action;
    const struct schema_entity *principal, *resource;
    const struct schema_entity *slots[VARIABLE_COUNT]; /* for VARIABLE_PRINCIPAL and VARIABLE_RESOURCE; NULL: no such slot */
};

/* One for all policies: the types of entities, and of actions, which the schema has no entity types for. */
struct checker_types {
    const struct cedar_schema *schema;
    struct type *entities; /* of schema->entities, in that order */
    struct type *actions;  /* of schema->actions, in that order; those of actions of one type share their ${entity} */
};

/* checker_types_make(a, schema, out): false when out of memory. */
bool checker_types_make(struct arena *a, const struct cedar_schema *schema, struct checker_types *out);

struct checker {
    const struct checker_types *types;
    const struct policy *policy;
    size_t index; /* of the policy, for its findings */
    const struct request_types *env;
    struct finding_list *findings;
    struct arena *a;        /* of one environment */
    struct types_work work; /* what may still be done for this policy; stopped when nothing is left */
};

/* What follows for a whole policy in one environment; NEVER: it is always false, and there may be errors even so. */
enum check_result { CHECK_APPLIES, CHECK_NEVER, CHECK_FAILS, CHECK_STOPPED };

/* check_policy(c, t): type check ${t}, the whole of a policy, in c->env. */
enum check_result check_policy(struct checker *c, const struct terms *t);

/* The type of an entity or action literal; NULL when the schema does not declare it. */
const struct type *checker_uid_type(const struct checker_types *t, const struct cedar_uid *uid);
const struct type *checker_entity_type(const struct checker_types *t, const struct schema_entity *e);
bool checker_is_action_type(struct cedar_str type);
/* checker_may_be_in(t, a, b): can an entity of type ${a} be in one of type ${b}? */
bool checker_may_be_in(const struct checker_types *t, const struct schema_entity *a, const struct schema_entity *b);

/* Findings of the type checker (check_findings.c). */
enum expected {
    EXPECT_BOOL,
    EXPECT_LONG,
    EXPECT_STRING,
    EXPECT_SET,
    EXPECT_ENTITY,
    EXPECT_ENTITY_OR_RECORD,
    EXPECT_ENTITIES,
    EXPECT_ORDERED,
    EXPECT_TYPE
};
enum joined { JOINED_SET, JOINED_IF, JOINED_EQUAL, JOINED_CONTAINS, JOINED_CONTAINS_ALL };

/* ${help} may be NULL. ${type}: for EXPECT_TYPE. */
void found_unexpected(struct checker *c, const struct term *t, enum expected expected, const struct type *type, const struct type *actual,
                      const char *help);
void found_misfits(struct checker *c, const struct term *t, const struct type *const *types, size_t n, enum types_misfit why, enum joined where);
void found_no_attribute(struct checker *c, const struct term *t, const struct type *of);
void found_optional(struct checker *c, const struct term *t);
void found_unsafe_tag(struct checker *c, const struct term *t);
void found_no_tags(struct checker *c, const struct term *t);
void found_empty_set(struct checker *c, const struct term *t);
void found_argument_count(struct checker *c, const struct term *t, size_t expected);
void found_bad_literal(struct checker *c, const struct term *t, const char *before, const char *help);
void found_no_literal(struct checker *c, const struct term *t);

#endif
