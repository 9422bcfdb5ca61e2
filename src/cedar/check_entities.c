/* Rules for attributes, tags, types of entities and hierarchies. */
#include "cedar/check.h"

#define USE_LIKE "try using `like` to examine the contents of a string"
#define USE_CONTAINS "try using `contains`, `containsAny`, or `containsAll` to examine the contents of a set"

static const struct advice has_advice = {.set = USE_CONTAINS, .string = USE_LIKE};
static const struct advice like_advice = {.entity = "try using `is` to test for an entity type"};
static const struct advice is_advice = {.always = "Cedar only supports run time type tests for entities"};
static const struct advice in_left_advice = {.always = USE_CONTAINS};
static const struct advice in_right_advice = {.set = USE_CONTAINS, .string = USE_LIKE};

/* -------------------------------------------------------------------------------------------------- attributes and tags */

/* Within "e has a.b" the test of a has said already what is wrong with e.a. */
static struct answer
check_step(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer of = check_term(c, before, t->kid[0]);
    const struct type_attribute *a = of.type ? types_attribute(of.type, t->name) : NULL;
    return a ? if_ok(of.ok, passes(a->type)) : fails(NULL);
}

struct answer
check_attribute(struct checker *c, struct knowledge before, struct term *t)
{
    if (t->of_has)
        return check_step(c, before, t);
    struct answer of = check_expect(c, before, t->kid[0], EXPECT_ENTITY_OR_RECORD, &check_no_advice);
    if (of.type == NULL)
        return fails(NULL);
    const struct type_attribute *a = types_attribute(of.type, t->name);
    if (a == NULL) {
        found_no_attribute(c, t, of.type);
        return fails(NULL);
    }
    if (a->required || knowledge_has(before, t->knowledge))
        return if_ok(of.ok, passes(a->type));
    found_optional(c, t);
    return fails(a->type);
}

struct answer
check_has(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer of = check_expect(c, before, t->kid[0], EXPECT_ENTITY_OR_RECORD, &has_advice);
    if (of.type == NULL)
        return fails(&types_bool);
    const struct type_attribute *a = types_attribute(of.type, t->name);
    if (a == NULL)
        return if_ok(of.ok, passes(&types_false));
    /* An entity need not exist, so even a required attribute of one is not certain. */
    bool certain = (a->required && of.type->kind == TYPE_RECORD) || knowledge_has(before, t->knowledge);
    return if_ok(of.ok, (struct answer){certain ? &types_true : &types_bool, true, knowledge_of(c, t->knowledge)});
}

/* The receiver's type and the tag; NULL when either is wrong. */
static const struct type *
check_tag_operands(struct checker *c, struct knowledge before, struct term *t, bool *ok)
{
    struct answer of = check_expect(c, before, t->kid[0], EXPECT_ENTITY, &check_no_advice);
    struct answer tag = check_expect(c, before, t->kid[1], EXPECT_STRING, &check_no_advice);
    *ok = of.ok && tag.ok;
    return of.type;
}

static const struct type *
tags_of(const struct type *of)
{
    return of->kind == TYPE_ENTITY ? of->entity->tags : NULL;
}

struct answer
check_has_tag(struct checker *c, struct knowledge before, struct term *t)
{
    bool ok;
    const struct type *of = check_tag_operands(c, before, t, &ok);
    if (of == NULL)
        return fails(NULL);
    struct answer a = passes(tags_of(of) == NULL ? &types_false : knowledge_has(before, t->knowledge) ? &types_true : &types_bool);
    a.known = knowledge_of(c, t->knowledge);
    return if_ok(ok, a);
}

struct answer
check_get_tag(struct checker *c, struct knowledge before, struct term *t)
{
    bool ok;
    const struct type *of = check_tag_operands(c, before, t, &ok);
    if (of == NULL)
        return fails(NULL);
    if (!knowledge_has(before, t->knowledge)) {
        found_unsafe_tag(c, t);
        return fails(NULL);
    }
    if (tags_of(of) == NULL) {
        found_no_tags(c, t);
        return fails(NULL);
    }
    return if_ok(ok, passes(tags_of(of)));
}

struct answer
check_like(struct checker *c, struct knowledge before, struct term *t)
{
    return if_ok(check_expect(c, before, t->kid[0], EXPECT_STRING, &like_advice).ok, passes(&types_bool));
}

struct answer
check_is(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer of = check_expect(c, before, t->kid[0], EXPECT_ENTITY, &is_advice);
    if (of.type == NULL)
        return fails(&types_bool);
    return if_ok(of.ok, passes(of.type->kind == TYPE_ENTITY ? truth(str_eq(of.type->entity->name, t->name)) : &types_bool));
}

/* ------------------------------------------------------------------------------------------------------------------- in */

/* Is the action ${uid} among ${of} and its descendants? */
static bool
holds_action(const struct schema_action *of, const struct cedar_uid *uid)
{
    if (uid_eq(&of->uid, uid))
        return true;
    for (size_t i = 0; i < of->n_descendants; i++)
        if (uid_eq(&of->descendants[i]->uid, uid))
            return true;
    return false;
}

/* An action in actions (or other entities, in which it never is): the schema knowledge_has. */
static struct answer
check_action_in(struct checker *c, const struct cedar_uid *action, struct term *const *list, size_t n)
{
    bool in = false;
    for (size_t i = 0; i < n; i++) {
        const struct cedar_uid *uid = check_uid(c, list[i]);
        if (!checker_is_action_type(uid->type))
            continue;
        const struct schema_action *of = schema_find_action(c->types->schema, uid);
        if (of == NULL)
            return fails(&types_bool);
        check_spend(c, of->n_descendants);
        in |= holds_action(of, action);
    }
    return passes(truth(in));
}

static bool
all_literals(const struct checker *c, struct term *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (check_uid(c, list[i]) == NULL)
            return false;
    return true;
}

struct answer
check_in(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = check_expect(c, before, t->kid[0], EXPECT_ENTITY, &in_left_advice);
    struct answer b = check_expect(c, before, t->kid[1], EXPECT_ENTITIES, &in_right_advice);
    if (!a.ok || !b.ok)
        return fails(&types_bool);
    const struct cedar_uid *action = check_uid(c, t->kid[0]);
    if (action && checker_is_action_type(action->type)) {
        struct term *right = t->kid[1];
        if (check_uid(c, right))
            return check_action_in(c, action, &right, 1);
        if (right->op == TERM_SET && all_literals(c, right->kid, right->n))
            return check_action_in(c, action, right->kid, right->n);
    }
    const struct type *of = b.type->kind == TYPE_SET ? b.type->element : b.type;
    if (a.type->kind != TYPE_ENTITY || of->kind != TYPE_ENTITY)
        return passes(&types_bool);
    return passes(checker_may_be_in(c->types, a.type->entity, of->entity) ? &types_bool : &types_false);
}
