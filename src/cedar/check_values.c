/* Rules for equality, numbers, sets, records and extension functions. */
#include "cedar/check.h"

#define USE_LIKE "try using `like` to examine the contents of a string"
#define USE_IN "try using `in` for entity hierarchy membership"
#define USE_HAS "try using `has` to test for an attribute"

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

/* ------------------------------------------------------------------------------------------------- equality and numbers */


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
    const struct cedar_uid *x = check_uid(c, t->kid[0]), *y = check_uid(c, t->kid[1]);
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

struct answer
check_equal(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = check_term(c, before, t->kid[0]), b = check_term(c, before, t->kid[1]);
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

struct answer
check_less(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = check_term(c, before, t->kid[0]), b = check_term(c, before, t->kid[1]);
    bool ok = a.type && b.type && check_order(c, t, a.type, b.type);
    return if_ok(ok && a.ok && b.ok, passes(&types_bool));
}

struct answer
check_arithmetic(struct checker *c, struct knowledge before, struct term *t)
{
    bool ok = true;
    for (size_t i = 0; i < t->n; i++) {
        char op = t->operators[i ? i - 1 : 0];
        ok &= check_expect(c, before, t->kid[i], EXPECT_LONG, op == '+' ? &add_advice : &other_arithmetic_advice).ok;
    }
    return if_ok(ok, passes(&types_long));
}

struct answer
check_negate(struct checker *c, struct knowledge before, struct term *t)
{
    return if_ok(check_expect(c, before, t->kid[0], EXPECT_LONG, &check_no_advice).ok, passes(&types_long));
}

/* ----------------------------------------------------------------------------------------------------------------- sets */

struct answer
check_contains(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = check_expect(c, before, t->kid[0], EXPECT_SET, &contains_advice);
    struct answer b = check_term(c, before, t->kid[1]);
    return if_ok(a.ok && b.ok, must_join(c, t, &types_bool, a.type ? a.type->element : NULL, b.type, JOINED_CONTAINS));
}

struct answer
check_contains_all(struct checker *c, struct knowledge before, struct term *t)
{
    struct answer a = check_expect(c, before, t->kid[0], EXPECT_SET, &contains_advice);
    struct answer b = check_expect(c, before, t->kid[1], EXPECT_SET, &contains_all_advice);
    return if_ok(a.ok && b.ok, must_join(c, t, &types_bool, a.type, b.type, JOINED_CONTAINS_ALL));
}

struct answer
check_is_empty(struct checker *c, struct knowledge before, struct term *t)
{
    return if_ok(check_expect(c, before, t->kid[0], EXPECT_SET, &empty_advice).ok, passes(&types_bool));
}

/* The types of all kids in memory of the environment; *${ok}: none failed. */
static const struct type **
check_kids(struct checker *c, struct knowledge before, struct term *t, bool *ok)
{
    const struct type **types = arena_list(c->a, t->n, sizeof *types);
    *ok = types != NULL;
    c->work.memory |= types == NULL;
    for (size_t i = 0; types && i < t->n; i++) {
        struct answer a = check_term(c, before, t->kid[i]);
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

struct answer
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

struct answer
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

struct answer
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
        kids_ok &= ok ? check_expect_type(c, before, t->kid[i], type_of_kind(ext_argument(t->function, i))).ok : check_term(c, before, t->kid[i]).ok;
    return if_ok(ok && kids_ok, passes(result));
}
