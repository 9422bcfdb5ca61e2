#include "cedar/check.h"

/* ------------------------------------------------------------------------------------------------------------ knowledge */

bool
check_spend(struct checker *c, uint64_t steps)
{
    c->work.left = c->work.left > steps ? c->work.left - steps : 0;
    return c->work.left > 0;
}

bool
knowledge_has(struct knowledge k, uint32_t what)
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

struct knowledge
knowledge_of(struct checker *c, uint32_t what)
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
    uint32_t *at = check_spend(c, a.n + b.n) ? arena_list(c->a, a.n + b.n, sizeof *at) : NULL;
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


const struct advice check_no_advice = {0};

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
    struct answer a = check_term(c, before, t);
    if (a.type == NULL)
        return fails(NULL);
    if (meets(a.type, expected, type))
        return a;
    found_unexpected(c, t, expected, type, a.type, advise(advice, a.type));
    t->type = NULL;
    return fails(NULL);
}

struct answer
check_expect(struct checker *c, struct knowledge before, struct term *t, enum expected expected, const struct advice *advice)
{
    return expect_type(c, before, t, NULL, expected, advice);
}

struct answer
check_expect_type(struct checker *c, struct knowledge before, struct term *t, const struct type *type)
{
    return expect_type(c, before, t, type, EXPECT_TYPE, &check_no_advice);
}

static struct answer
expect_bool(struct checker *c, struct knowledge before, struct term *t)
{
    return check_expect(c, before, t, EXPECT_BOOL, &check_no_advice);
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

struct answer
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
        struct answer a = check_term(c, either(c, before, test.known), t->kid[1]);
        a.known = a.ok ? either(c, a.known, test.known) : a.known;
        return if_ok(test.ok, a);
    }
    if (is_false(&test))
        return if_ok(test.ok, check_term(c, before, t->kid[2]));
    struct answer then = check_term(c, either(c, before, test.known), t->kid[1]);
    struct answer other = check_term(c, before, t->kid[2]);
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

const struct cedar_uid *
check_uid(const struct checker *c, const struct term *t)
{
    if (t->op == TERM_VARIABLE && t->variable == VARIABLE_ACTION)
        return &c->env->action->uid;
    return t->op == TERM_LITERAL && t->literal->kind == VALUE_ENTITY ? &t->literal->uid : NULL;
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
struct answer
check_term(struct checker *c, struct knowledge before, struct term *t)
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
    if (!check_spend(c, 1) || c->work.memory)
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
