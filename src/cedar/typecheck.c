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

static struct answer check(struct checker *c, struct knowledge before, struct term *t);

static struct answer
passes(const struct type *type)
{
    return (struct answer){.type = type, .ok = true};
}

static struct answer
fails(const struct type *type)
{
    return (struct answer){.type = type};
}

/* ${a}, which follows from checks that went well or did not. */
static struct answer
if_ok(bool ok, struct answer a)
{
    return ok ? a : fails(a.type);
}

static const struct type *
truth(bool v)
{
    return v ? &types_true : &types_false;
}

/* ------------------------------------------------------------------------------------------------------------ knowledge */

static bool
spend(struct checker *c, uint64_t steps)
{
    c->work.left = c->work.left > steps ? c->work.left - steps : 0;
    return c->work.left > 0;
}

static bool
knows(struct knowledge k, uint32_t what)
{
    size_t low = 0, high = k.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (k.at[middle] < what)
            low = middle + 1;
        else
            high = middle;
    }
    return low < k.n && k.at[low] == what;
}

static struct knowledge
one_fact(struct checker *c, uint32_t what)
{
    uint32_t *at = ARENA_NEW(c->a, uint32_t);
    if (at == NULL) {
        c->work.memory = true;
        return (struct knowledge){NULL, 0};
    }
    *at = what;
    return (struct knowledge){at, 1};
}

/* Both lists in step: what is in either (${common} false) or in both. */
static struct knowledge
merge(struct checker *c, struct knowledge a, struct knowledge b, bool common)
{
    if (a.n == 0 || b.n == 0)
        return common ? (struct knowledge){NULL, 0} : a.n ? a : b;
    uint32_t *at = spend(c, a.n + b.n) ? arena_list(c->a, a.n + b.n, sizeof *at) : NULL;
    size_t n = 0, i = 0, j = 0;
    if (at == NULL) {
        c->work.memory |= c->work.left > 0;
        return (struct knowledge){NULL, 0};
    }
    while (i < a.n || j < b.n) {
        bool from_a = i < a.n && (j == b.n || a.at[i] <= b.at[j]), from_b = j < b.n && (i == a.n || b.at[j] <= a.at[i]);
        if (!common || (from_a && from_b))
            at[n++] = from_a ? a.at[i] : b.at[j];
        i += from_a;
        j += from_b;
    }
    return (struct knowledge){at, n};
}

static struct knowledge
either(struct checker *c, struct knowledge a, struct knowledge b)
{
    return merge(c, a, b, false);
}

static struct knowledge
both(struct checker *c, struct knowledge a, struct knowledge b)
{
    return merge(c, a, b, true);
}

/* ------------------------------------------------------------------------------------------------------- expected types */

static bool
is_entity(const struct type *t)
{
    return t->kind == TYPE_ENTITY || t->kind == TYPE_ANY_ENTITY || t->kind == TYPE_NEVER;
}

static bool
meets(const struct type *t, enum expected expected, const struct type *type)
{
    switch (expected) {
    case EXPECT_BOOL:
        return t->kind == TYPE_BOOL || t->kind == TYPE_TRUE || t->kind == TYPE_FALSE;
    case EXPECT_LONG:
        return t->kind == TYPE_LONG;
    case EXPECT_STRING:
        return t->kind == TYPE_STRING;
    case EXPECT_SET:
        return t->kind == TYPE_SET;
    case EXPECT_ENTITY:
        return is_entity(t);
    case EXPECT_ENTITY_OR_RECORD:
        return is_entity(t) || t->kind == TYPE_RECORD;
    case EXPECT_ENTITIES:
        return is_entity(t) || (t->kind == TYPE_SET && t->element && is_entity(t->element));
    case EXPECT_TYPE:
        return t->kind == type->kind && (t->kind != TYPE_EXTENSION || t->extension == type->extension);
    default:
        return false;
    }
}

/* What to say when an operand is of the wrong type: a text per kind of type that it has instead; NULL: nothing. */
struct advice {
    const char *set, *string, *entity, *record, *always;
};

#define USE_LIKE "try using `like` to examine the contents of a string"
#define USE_CONTAINS "try using `contains`, `containsAny`, or `containsAll` to examine the contents of a set"
#define USE_IN "try using `in` for entity hierarchy membership"
#define USE_HAS "try using `has` to test for an attribute"

static const struct advice no_advice = {0};
static const struct advice has_advice = {.set = USE_CONTAINS, .string = USE_LIKE};
static const struct advice like_advice = {.entity = "try using `is` to test for an entity type"};
static const struct advice is_advice = {.always = "Cedar only supports run time type tests for entities"};
static const struct advice in_left_advice = {.always = USE_CONTAINS};
static const struct advice in_right_advice = {.set = USE_CONTAINS, .string = USE_LIKE};
static const struct advice contains_advice = {.entity = USE_IN, .record = USE_HAS, .string = USE_LIKE};
static const struct advice contains_all_advice = {.always = "try using `contains` to test if a single element is in a set"};
static const struct advice empty_advice = {.string = "try using `== \"\"` to test if a string is empty"};
static const struct advice add_advice = {
    .set = "Cedar does not support computing the union, intersection, or difference of sets",
    .string = "Cedar does not support string concatenation",
};
static const struct advice other_arithmetic_advice = {
    .set = "Cedar does not support computing the union, intersection, or difference of sets",
};

static const char *
advise(const struct advice *a, const struct type *t)
{
    if (a->always)
        return a->always;
    switch (t->kind) {
    case TYPE_SET:
        return a->set;
    case TYPE_STRING:
        return a->string;
    case TYPE_RECORD:
        return a->record;
    case TYPE_ENTITY:
    case TYPE_ANY_ENTITY:
        return a->entity;
    default:
        return NULL;
    }
}

/* Check ${t} and that it has the expected type. After a failure it has that or none, so that callers need no third case. */
static struct answer
expect_type(struct checker *c, struct knowledge before, struct term *t, const struct type *type, enum expected expected, const struct advice *advice)
{
    struct answer a = check(c, before, t);
    if (a.type == NULL)
        return fails(NULL);
    if (meets(a.type, expected, type))
        return a;
    found_unexpected(c, t, expected, type, a.type, advise(advice, a.type));
    t->type = NULL;
    return fails(NULL);
}

static struct answer
expect(struct checker *c, struct knowledge before, struct term *t, enum expected expected, const struct advice *advice)
{
    return expect_type(c, before, t, NULL, expected, advice);
}

static struct answer
expect_bool(struct checker *c, struct knowledge before, struct term *t)
{
    return expect(c, before, t, EXPECT_BOOL, &no_advice);
}

static bool
is_true(const struct answer *a)
{
    return a->type && a->type->kind == TYPE_TRUE;
}

static bool
is_false(const struct answer *a)
{
    return a->type && a->type->kind == TYPE_FALSE;
}

/* ------------------------------------------------------------------------------------------------------------ and, or, if */

/* Both sides of && were looked at. */
static struct answer
join_and(struct checker *c, const struct answer *left, const struct answer *right)
{
    bool ok = left->ok && right->ok;
    if (left->type == NULL || right->type == NULL)
        return fails(&types_bool);
    if (is_false(right))
        return if_ok(ok, passes(&types_false));
    struct answer a = passes(&types_bool);
    if (is_true(right))
        a.type = left->type;
    else if (is_true(left))
        a.type = right->type;
    a.known = is_true(left) && !is_true(right) ? right->known : either(c, left->known, right->known);
    return if_ok(ok, a);
}

static struct answer
check_and(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer left = expect_bool(c, before, t->kid[0]);
    size_t i = 1;
    for (; i < t->n && !is_false(&left); i++) {
        struct answer right = expect_bool(c, either(c, before, left.known), t->kid[i]);
        left = join_and(c, &left, &right);
    }
    t->visited = i;
    if (i == 1) /* false at once: nothing is known from it */
        left.known = (struct knowledge){NULL, 0};
    return left;
}

/* a && (b && (c && …)), without recursion: forward through the operands, then joined from the end. */
static struct answer
check_all(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer *part = arena_list(c->a, t->n, sizeof *part);
    size_t i = 0;
    if (part == NULL) {
        c->work.memory = true;
        return fails(NULL);
    }
    for (; i < t->n && c->work.left > 0; i++) {
        part[i] = expect_bool(c, before, t->kid[i]);
        if (i + 1 < t->n && is_false(&part[i])) {
            part[i].known = (struct knowledge){NULL, 0};
            i++;
            break;
        }
        before = either(c, before, part[i].known);
    }
    t->visited = i;
    struct answer a = i ? part[i - 1] : fails(NULL);
    while (i > 1) {
        i--;
        a = join_and(c, &part[i - 1], &a);
    }
    return a;
}

static struct answer
join_or(struct checker *c, const struct answer *left, const struct answer *right)
{
    if (left->type == NULL || right->type == NULL)
        return fails(&types_bool);
    struct answer a = passes(&types_bool);
    if (is_true(right))
        a = (struct answer){&types_true, true, right->known};
    else if (is_false(right))
        a = (struct answer){left->type, true, left->known};
    else if (is_false(left))
        a = (struct answer){right->type, true, right->known};
    else
        a.known = both(c, left->known, right->known);
    return if_ok(left->ok && right->ok, a);
}

static struct answer
check_or(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer left = expect_bool(c, before, t->kid[0]);
    size_t i = 1;
    for (; i < t->n && !is_true(&left); i++) {
        struct answer right = expect_bool(c, before, t->kid[i]);
        left = join_or(c, &left, &right);
    }
    t->visited = i;
    return left;
}

static struct answer
check_join(struct checker *c, const struct term *t, const struct type **types, size_t n, enum joined where)
{
    enum types_misfit why = MISFIT_NONE;
    const struct type *join = n ? types[0] : NULL;
    for (size_t i = 0; i < n; i++)
        if (types[i] == NULL)
            return fails(NULL);
    for (size_t i = 1; join && i < n; i++)
        join = types_join(&c->work, join, types[i], &why);
    if (n && join == NULL)
        found_misfits(c, t, types, n, why, where);
    return join ? passes(join) : fails(NULL);
}

static struct answer
check_if(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer test = expect_bool(c, before, t->kid[0]);
    if (is_true(&test)) {
        struct answer a = check(c, either(c, before, test.known), t->kid[1]);
        a.known = a.ok ? either(c, a.known, test.known) : a.known;
        return if_ok(test.ok, a);
    }
    if (is_false(&test))
        return if_ok(test.ok, check(c, before, t->kid[2]));
    struct answer then = check(c, either(c, before, test.known), t->kid[1]);
    struct answer other = check(c, before, t->kid[2]);
    if (then.ok)
        then.known = either(c, then.known, test.known);
    const struct type *types[] = {then.type, other.type};
    struct answer a = check_join(c, t, types, 2, JOINED_IF);
    a.known = both(c, then.known, other.known);
    return if_ok(a.ok && test.ok && then.ok && other.ok, a);
}

static struct answer
check_not(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = expect_bool(c, before, t->kid[0]);
    if (a.type == NULL)
        return fails(&types_bool);
    return if_ok(a.ok, passes(is_true(&a) ? &types_false : is_false(&a) ? &types_true : &types_bool));
}

/* ------------------------------------------------------------------------------------------------- equality and numbers */

/* The entity that a literal or `action` stands for; NULL: another expression. */
static const struct cedar_uid *
literal_uid(const struct checker *c, const struct term *t)
{
    if (t->op == TERM_VARIABLE && t->variable == VARIABLE_ACTION)
        return &c->env->action->uid;
    return t->op == TERM_LITERAL && t->literal->kind == VALUE_ENTITY ? &t->literal->uid : NULL;
}

static bool
is_literal(const struct term *t)
{
    return t->op == TERM_LITERAL || (t->op == TERM_VARIABLE && t->variable == VARIABLE_ACTION);
}

static const struct type *
equality(const struct checker *c, const struct term *t, const struct type *a, const struct type *b)
{
    if (a && b && a->kind == TYPE_ENTITY && b->kind == TYPE_ENTITY && a->entity != b->entity)
        return &types_false;
    if (!is_literal(t->kid[0]) || !is_literal(t->kid[1]))
        return &types_bool;
    const struct cedar_uid *x = literal_uid(c, t->kid[0]), *y = literal_uid(c, t->kid[1]);
    if (x && y)
        return truth(uid_eq(x, y));
    return truth(x == NULL && y == NULL && value_eq(t->kid[0]->literal, t->kid[1]->literal));
}

/* Values that are compared must be of types that join. */
static struct answer
must_join(struct checker *c, const struct term *t, const struct type *result, const struct type *a, const struct type *b, enum joined where)
{
    enum types_misfit why = MISFIT_NONE;
    const struct type *types[] = {a, b};
    if (result != &types_bool || a == NULL || b == NULL || types_join(&c->work, a, b, &why))
        return passes(result);
    found_misfits(c, t, types, 2, why, where);
    return fails(result);
}

static struct answer
check_equal(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = check(c, before, t->kid[0]), b = check(c, before, t->kid[1]);
    return if_ok(a.ok && b.ok, must_join(c, t, equality(c, t, a.type, b.type), a.type, b.type, JOINED_EQUAL));
}

static bool
is_ordered(const struct type *t)
{
    return t->kind == TYPE_LONG || (t->kind == TYPE_EXTENSION && (t->extension == VALUE_DATETIME || t->extension == VALUE_DURATION));
}

/* Operands of < that have types: false and a finding when they cannot be compared. */
static bool
check_order(struct checker *c, const struct term *t, const struct type *a, const struct type *b)
{
    if (is_ordered(a) && types_cmp(&c->work, a, b) == 0)
        return true;
    if (a->kind == TYPE_LONG)
        found_unexpected(c, t->kid[1], EXPECT_LONG, NULL, b, NULL);
    else if (b->kind == TYPE_LONG)
        found_unexpected(c, t->kid[0], EXPECT_LONG, NULL, a, NULL);
    else if (is_ordered(a))
        found_unexpected(c, t->kid[1], EXPECT_TYPE, a, b, NULL);
    else if (is_ordered(b))
        found_unexpected(c, t->kid[0], EXPECT_TYPE, b, a, NULL);
    else {
        found_unexpected(c, t->kid[0], EXPECT_ORDERED, NULL, a, NULL);
        found_unexpected(c, t->kid[1], EXPECT_ORDERED, NULL, b, NULL);
    }
    return false;
}

static struct answer
check_less(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = check(c, before, t->kid[0]), b = check(c, before, t->kid[1]);
    bool ok = a.type && b.type && check_order(c, t, a.type, b.type);
    return if_ok(ok && a.ok && b.ok, passes(&types_bool));
}

static struct answer
check_arithmetic(struct checker *c, struct knowledge before, struct term *t)
{
    bool ok = true;
    for (size_t i = 0; i < t->n; i++) {
        char op = t->operators[i ? i - 1 : 0];
        ok &= expect(c, before, t->kid[i], EXPECT_LONG, op == '+' ? &add_advice : &other_arithmetic_advice).ok;
    }
    return if_ok(ok, passes(&types_long));
}

static struct answer
check_negate(struct checker *c, struct knowledge before, struct term *t)
{
    return if_ok(expect(c, before, t->kid[0], EXPECT_LONG, &no_advice).ok, passes(&types_long));
}

/* ----------------------------------------------------------------------------------------------------------------- sets */

static struct answer
check_contains(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = expect(c, before, t->kid[0], EXPECT_SET, &contains_advice);
    struct answer b = check(c, before, t->kid[1]);
    return if_ok(a.ok && b.ok, must_join(c, t, &types_bool, a.type ? a.type->element : NULL, b.type, JOINED_CONTAINS));
}

static struct answer
check_contains_all(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = expect(c, before, t->kid[0], EXPECT_SET, &contains_advice);
    struct answer b = expect(c, before, t->kid[1], EXPECT_SET, &contains_all_advice);
    return if_ok(a.ok && b.ok, must_join(c, t, &types_bool, a.type, b.type, JOINED_CONTAINS_ALL));
}

static struct answer
check_is_empty(struct checker *c, struct knowledge before, struct term *t)
{
    return if_ok(expect(c, before, t->kid[0], EXPECT_SET, &empty_advice).ok, passes(&types_bool));
}

/* The types of all kids in memory of the environment; *${ok}: none failed. */
static const struct type **
check_kids(struct checker *c, struct knowledge before, struct term *t, bool *ok)
{
    const struct type **types = arena_list(c->a, t->n, sizeof *types);
    *ok = types != NULL;
    c->work.memory |= types == NULL;
    for (size_t i = 0; types && i < t->n; i++) {
        struct answer a = check(c, before, t->kid[i]);
        *ok &= a.ok;
        types[i] = a.type;
    }
    return types;
}

static struct type *
new_type(struct checker *c, enum type_kind kind)
{
    struct type *t = ARENA_NEW(c->a, struct type);
    if (t)
        t->kind = kind;
    else
        c->work.memory = true;
    return t;
}

static struct answer
check_set(struct checker *c, struct knowledge before, struct term *t)
{
    bool ok;
    const struct type **types = check_kids(c, before, t, &ok);
    if (types && t->n == 0)
        found_empty_set(c, t);
    if (types == NULL || t->n == 0)
        return fails(NULL);
    struct answer element = check_join(c, t, types, t->n, JOINED_SET);
    struct type *set = element.type ? new_type(c, TYPE_SET) : NULL;
    if (set == NULL)
        return fails(NULL);
    set->element = element.type;
    return if_ok(ok && element.ok, passes(set));
}

static struct answer
check_record(struct checker *c, struct knowledge before, struct term *t)
{
    bool ok;
    const struct type **types = check_kids(c, before, t, &ok);
    struct type_attribute *at = arena_list(c->a, t->n, sizeof *at);
    struct type *record = new_type(c, TYPE_RECORD);
    c->work.memory |= at == NULL;
    if (types == NULL || at == NULL || record == NULL)
        return fails(NULL);
    for (size_t i = 0; i < t->n; i++) {
        if (types[i] == NULL)
            return fails(NULL);
        at[i] = (struct type_attribute){t->names.at[i], types[i], true};
    }
    record->attributes = (struct type_attributes){at, t->n};
    return if_ok(ok, passes(record));
}

/* -------------------------------------------------------------------------------------------------- attributes and tags */

static const struct type_attribute *
find_attribute(const struct type *of, struct cedar_str name)
{
    const struct type *record = of->kind == TYPE_ENTITY ? of->entity->attributes : of->kind == TYPE_RECORD ? of : NULL;
    return record ? type_attribute(record, name) : NULL;
}

static struct answer
check_attribute(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer of = expect(c, before, t->kid[0], EXPECT_ENTITY_OR_RECORD, &no_advice);
    if (of.type == NULL)
        return fails(NULL);
    const struct type_attribute *a = find_attribute(of.type, t->name);
    if (a == NULL) {
        found_no_attribute(c, t, of.type);
        return fails(NULL);
    }
    if (a->required || knows(before, t->knowledge))
        return if_ok(of.ok, passes(a->type));
    found_optional(c, t);
    return fails(a->type);
}

static struct answer
check_has(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer of = expect(c, before, t->kid[0], EXPECT_ENTITY_OR_RECORD, &has_advice);
    if (of.type == NULL)
        return fails(&types_bool);
    const struct type_attribute *a = find_attribute(of.type, t->name);
    if (a == NULL)
        return if_ok(of.ok, passes(&types_false));
    /* An entity need not exist, so even a required attribute of one is not certain. */
    bool certain = (a->required && of.type->kind == TYPE_RECORD) || knows(before, t->knowledge);
    return if_ok(of.ok, (struct answer){certain ? &types_true : &types_bool, true, one_fact(c, t->knowledge)});
}

/* The receiver's type and the tag; NULL when either is wrong. */
static const struct type *
check_tag_operands(struct checker *c, struct knowledge before, struct term *t, bool *ok)
{
    struct answer of = expect(c, before, t->kid[0], EXPECT_ENTITY, &no_advice);
    struct answer tag = expect(c, before, t->kid[1], EXPECT_STRING, &no_advice);
    *ok = of.ok && tag.ok;
    return of.type;
}

static const struct type *
tags_of(const struct type *of)
{
    return of->kind == TYPE_ENTITY ? of->entity->tags : NULL;
}

static struct answer
check_has_tag(struct checker *c, struct knowledge before, struct term *t)
{
    bool ok;
    const struct type *of = check_tag_operands(c, before, t, &ok);
    if (of == NULL)
        return fails(NULL);
    struct answer a = passes(tags_of(of) == NULL ? &types_false : knows(before, t->knowledge) ? &types_true : &types_bool);
    a.known = one_fact(c, t->knowledge);
    return if_ok(ok, a);
}

static struct answer
check_get_tag(struct checker *c, struct knowledge before, struct term *t)
{
    bool ok;
    const struct type *of = check_tag_operands(c, before, t, &ok);
    if (of == NULL)
        return fails(NULL);
    if (!knows(before, t->knowledge)) {
        found_unsafe_tag(c, t);
        return fails(NULL);
    }
    if (tags_of(of) == NULL) {
        found_no_tags(c, t);
        return fails(NULL);
    }
    return if_ok(ok, passes(tags_of(of)));
}

static struct answer
check_like(struct checker *c, struct knowledge before, struct term *t)
{
    return if_ok(expect(c, before, t->kid[0], EXPECT_STRING, &like_advice).ok, passes(&types_bool));
}

static struct answer
check_is(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer of = expect(c, before, t->kid[0], EXPECT_ENTITY, &is_advice);
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

/* An action in actions (or other entities, in which it never is): the schema knows. */
static struct answer
check_action_in(struct checker *c, const struct cedar_uid *action, struct term *const *list, size_t n)
{
    bool in = false;
    for (size_t i = 0; i < n; i++) {
        const struct cedar_uid *uid = literal_uid(c, list[i]);
        if (!checker_is_action_type(uid->type))
            continue;
        const struct schema_action *of = schema_find_action(c->types->schema, uid);
        if (of == NULL)
            return fails(&types_bool);
        spend(c, of->n_descendants);
        in |= holds_action(of, action);
    }
    return passes(truth(in));
}

static bool
all_literals(const struct checker *c, struct term *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (literal_uid(c, list[i]) == NULL)
            return false;
    return true;
}

static struct answer
check_in(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = expect(c, before, t->kid[0], EXPECT_ENTITY, &in_left_advice);
    struct answer b = expect(c, before, t->kid[1], EXPECT_ENTITIES, &in_right_advice);
    if (!a.ok || !b.ok)
        return fails(&types_bool);
    const struct cedar_uid *action = literal_uid(c, t->kid[0]);
    if (action && checker_is_action_type(action->type)) {
        struct term *right = t->kid[1];
        if (literal_uid(c, right))
            return check_action_in(c, action, &right, 1);
        if (right->op == TERM_SET && all_literals(c, right->kid, right->n))
            return check_action_in(c, action, right->kid, right->n);
    }
    const struct type *of = b.type->kind == TYPE_SET ? b.type->element : b.type;
    if (a.type->kind != TYPE_ENTITY || of->kind != TYPE_ENTITY)
        return passes(&types_bool);
    return passes(checker_may_be_in(c->types, a.type->entity, of->entity) ? &types_bool : &types_false);
}

/* ----------------------------------------------------------------------------------------------------------- extensions */

static const struct type *
type_of_kind(enum value_kind kind)
{
    if (kind == VALUE_BOOL)
        return &types_bool;
    if (kind == VALUE_LONG)
        return &types_long;
    return kind == VALUE_STRING ? &types_string : types_extension(kind);
}

static bool
is_constructor(enum ext_function f)
{
    return f == EXT_IP || f == EXT_DECIMAL || f == EXT_DATETIME || f == EXT_DURATION;
}

#define DECIMAL_RANGE "the value must be in range -922337203685477.5808 to 922337203685477.5807"

static const char *
decimal_help(const struct text *why)
{
    if (strncmp(why->at, "overflow", 8) == 0)
        return DECIMAL_RANGE;
    if (strncmp(why->at, "too many", 8) == 0)
        return "at most 4 digits are supported";
    return "valid decimal strings look like `12.34`: digits are required on both sides of `.`, up to 4 fractional digits are allowed, "
           "and " DECIMAL_RANGE;
}

/* Does the literal of a constructor make a value? False and a finding when not. */
static bool
check_constructor(struct checker *c, const struct term *t)
{
    struct fault fault;
    struct value_ip ip;
    int64_t number;
    struct cedar_str s = t->kid[0]->literal->text;
    fault_reset(&fault);
    switch (t->function) {
    case EXT_IP:
        if (!ext_parse_ip(s, &ip, &fault.text))
            return found_bad_literal(c, t, "IP address: ",
                                     "valid IP strings are IPv4/IPv6 addresses or CIDR ranges like `127.0.0.1`, "
                                     "`127.0.0.1/24`, or `ffee::/64`"),
                   false;
        return true;
    case EXT_DECIMAL:
        return ext_parse_decimal(s, &number, &fault.text) || (found_bad_literal(c, t, "a decimal value: ", decimal_help(&fault.text)), false);
    case EXT_DATETIME:
        return ext_parse_datetime(s, &number, &fault.text) ||
               (found_bad_literal(c, t, "a datetime value: ",
                                  "valid datetime strings start with `YYYY-MM-DD` and may optionally include "
                                  "`THH:MM:SS` plus `Z`, `.SSSZ`, or an offset like `+0700`"),
                false);
    default:
        return ext_parse_duration(s, &number, &fault.text) ||
               (found_bad_literal(c, t, "a duration value: ",
                                  "valid duration strings are concatenated quantity-unit pairs with an optional "
                                  "leading `-`, for example `1d2h3m4s50ms`"),
                false);
    }
}

static bool
only_literals(const struct term *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->kid[i]->op != TERM_LITERAL)
            return false;
    return true;
}

static struct answer
check_call(struct checker *c, struct knowledge before, struct term *t)
{
    const struct type *result = type_of_kind(ext_result(t->function));
    bool ok = true;
    if (t->n != ext_arguments(t->function))
        found_argument_count(c, t, ext_arguments(t->function)), ok = false;
    if (is_constructor(t->function)) {
        if (t->n == 1 && t->kid[0]->op == TERM_LITERAL && t->kid[0]->literal->kind == VALUE_STRING)
            ok &= check_constructor(c, t);
        if (!only_literals(t))
            found_no_literal(c, t), ok = false;
    }
    bool kids_ok = true;
    for (size_t i = 0; i < t->n; i++)
        kids_ok &= ok ? expect_type(c, before, t->kid[i], type_of_kind(ext_argument(t->function, i)), EXPECT_TYPE, &no_advice).ok
                      : check(c, before, t->kid[i]).ok;
    return if_ok(ok && kids_ok, passes(result));
}

/* --------------------------------------------------------------------------------------------------------------- leaves */

static struct answer
type_or_fail(const struct type *t)
{
    return t ? passes(t) : fails(NULL);
}

static struct answer
check_literal(struct checker *c, struct knowledge before, struct term *t)
{
    (void)before;
    switch (t->literal->kind) {
    case VALUE_BOOL:
        return passes(truth(t->literal->truth));
    case VALUE_LONG:
        return passes(&types_long);
    case VALUE_STRING:
        return passes(&types_string);
    default: /* what the schema does not declare, another part of the validator reports */
        return type_or_fail(checker_uid_type(c->types, &t->literal->uid));
    }
}

static struct answer
check_variable(struct checker *c, struct knowledge before, struct term *t)
{
    (void)before;
    switch (t->variable) {
    case VARIABLE_PRINCIPAL:
        return passes(checker_entity_type(c->types, c->env->principal));
    case VARIABLE_RESOURCE:
        return passes(checker_entity_type(c->types, c->env->resource));
    case VARIABLE_ACTION:
        return type_or_fail(checker_uid_type(c->types, &c->env->action->uid));
    default:
        return passes(c->env->action->context);
    }
}

static struct answer
check_slot(struct checker *c, struct knowledge before, struct term *t)
{
    (void)before;
    const struct schema_entity *e = c->env->slots[t->variable];
    return passes(e ? checker_entity_type(c->types, e) : &types_any_entity);
}

/* ---------------------------------------------------------------------------------------------------------------- whole */

/* Recursion ends: terms are at most TERM_MAX_HEIGHT high. */
static struct answer
check(struct checker *c, struct knowledge before, struct term *t)
{
    static struct answer (*const rules[])(struct checker *, struct knowledge, struct term *) = {
        [TERM_LITERAL] = check_literal,
        [TERM_VARIABLE] = check_variable,
        [TERM_SLOT] = check_slot,
        [TERM_AND] = check_and,
        [TERM_ALL] = check_all,
        [TERM_OR] = check_or,
        [TERM_NOT] = check_not,
        [TERM_NEGATE] = check_negate,
        [TERM_IF] = check_if,
        [TERM_EQUAL] = check_equal,
        [TERM_LESS] = check_less,
        [TERM_LESS_EQUAL] = check_less,
        [TERM_IN] = check_in,
        [TERM_ARITHMETIC] = check_arithmetic,
        [TERM_CONTAINS] = check_contains,
        [TERM_CONTAINS_ALL] = check_contains_all,
        [TERM_CONTAINS_ANY] = check_contains_all,
        [TERM_IS_EMPTY] = check_is_empty,
        [TERM_GET_TAG] = check_get_tag,
        [TERM_HAS_TAG] = check_has_tag,
        [TERM_ATTRIBUTE] = check_attribute,
        [TERM_HAS] = check_has,
        [TERM_LIKE] = check_like,
        [TERM_IS] = check_is,
        [TERM_SET] = check_set,
        [TERM_RECORD] = check_record,
        [TERM_CALL] = check_call,
    };
    if (!spend(c, 1) || c->work.memory)
        return fails(NULL);
    struct answer a = rules[t->op](c, before, t);
    t->type = a.type;
    return a;
}

enum check_result
check_policy(struct checker *c, const struct terms *t)
{
    struct answer a = expect_bool(c, (struct knowledge){NULL, 0}, t->whole);
    if (c->work.left == 0 || c->work.memory)
        return CHECK_STOPPED;
    if (is_false(&a))
        return CHECK_NEVER;
    return a.ok ? CHECK_APPLIES : CHECK_FAILS;
}
