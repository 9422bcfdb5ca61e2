/*
 * JSON Schema as far as pinned tools use it (arguments_check in estate.h says which part). Inside the estate room.
 */
#ifndef ESTATE_SCHEMA_H
#define ESTATE_SCHEMA_H

#include "estate/load.h"

#define SCHEMA_APPLY_MAX 32u

struct where { /* the way to a value, for messages: a list from the leaf up */
    const struct where *up;
    struct bytes key; /* at == NULL: an item */
    size_t index;
    int depth;
};

struct check {
    const struct json *root;
    struct arena *a;
    struct buf out;
    size_t steps;
    bool filled; /* defaults are in: a required member must really be there */
};

/* The schemas that apply to one value at the same time. */
struct schemas {
    const struct json *list[SCHEMA_APPLY_MAX];
    size_t n;
};

/* schema_valid(c, schema, v, w): does ${v} satisfy ${schema} as JSON Schema means it? E_ARGUMENTS says where not; E_LIMIT. */
struct err schema_valid(struct check *c, const struct json *schema, const struct json *v, const struct where *w) MUST_USE;
/* How many of the ${forms} fit ${v}; ${first} is the first that does, ${why} why the first misfit did not. Fails only at a limit. */
struct err schema_fitting(struct check *c, const struct json *forms, const struct json *v, const struct where *w, size_t *fit,
                          const struct json **first, struct err *why) MUST_USE;
struct err schema_mismatch(const struct where *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* schema_step(c, w): count one step; E_LIMIT when the work or the depth is too much. schema_deeper(w): the same place, one further in. */
struct err schema_step(struct check *c, const struct where *w) MUST_USE;
struct where schema_deeper(const struct where *w);
const struct json *schema_target(const struct json *root, const struct json *ref);
const struct json *schema_default(const struct json *root, const struct json *schema);
const struct json *schema_of_item(const struct json *schema, size_t index);
struct err schema_add(struct schemas *set, const struct json *s) MUST_USE;
const struct json *schema_opens(const struct json *schema);
unsigned schema_type_bit(struct bytes name);
/* schema_nullable(schema): does "nullable" beside a type let null in (OpenAPI 3.0.3)? */
bool schema_nullable(const struct json *schema);

/* What policies may say of the estate (policy_schema.c). */
/* policy_schema(l, out): the Cedar schema of the estate, as decide builds requests from it. False without memory, or with a finding. */
bool policy_schema(struct loader *l, struct cedar_schema **out);
/* argument_member(b, root, holder, property): the attribute of an argument, or nothing when it has no Cedar type (argument_types.c). */
void argument_member(struct buf *b, const struct json *root, const struct json *holder, const struct json *property);
/* argument_attribute(…): an attribute of this type; optional when it may be missing, or null. argument_quoted: as Cedar reads a text. */
void
argument_attribute(struct buf *b, const struct json *root, const struct json *holder, const struct json *property, const char *type, bool nullable);
void argument_quoted(struct buf *b, struct bytes text);
/* argument_hidden(tool, name): why policies cannot look at this argument; NULL: they can. */
const char *argument_hidden(const struct tool *tool, struct bytes name);
/* policy_validate.c: what the schema says about a set of policies, as findings; ${told}: policies that have findings already. */
void policies_validate(struct loader *l, const struct cedar_policies *set, const struct cedar_schema *schema, const bool *told);
/* policies_validate_builtin: the same for the built-in ones; no warnings: that one of them has nothing to do in an estate is no mistake of anybody's. */
void policies_validate_builtin(struct loader *l, const struct cedar_policies *set, const struct cedar_schema *schema);

/* schema_marks_ok(schema, why, room): may a client of 2026-07-28 use a tool with these x-mcp-header annotations? ${why}: which one it may not. */
bool schema_marks_ok(const struct json *schema, char *why, size_t room);

/* schema_argument(schema, name, n): is ${name} a declared top-level argument, or may undeclared ones be given? ${n} may be NULL. */
bool schema_argument(const struct json *schema, struct bytes name, struct nearest *n);
/* schema_argument_fits(schema, name, value): would the argument's own schema take this value? E_ARGUMENTS says why not. */
struct err schema_argument_fits(const struct json *schema, struct bytes name, const struct json *value) MUST_USE;
/* Types that an argument may have, a bit (1 << JSON_…) each; all when the schema does not say. schema_item_types: of its items. */
unsigned schema_argument_types(const struct json *schema, struct bytes name);
unsigned schema_item_types(const struct json *schema, struct bytes name);

#endif
