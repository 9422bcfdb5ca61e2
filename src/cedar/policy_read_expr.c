/* Expressions of the JSON form. Recursion is bounded by the depth that the JSON reader lets through. */
#include "cedar/policy_read.h"

#include <stdlib.h>

static struct expr *
node(struct policy_reader *r, enum expr_op op, const struct expr **kid, size_t n)
{
    struct expr *e = ARENA_NEW(r->a, struct expr);
    if (e == NULL)
        return error_memory(r->error), NULL;
    if (n > CEDAR_MAX_ELEMENTS)
        return error_set(r->error, CEDAR_LIMIT, 0, 0, "more than %u elements in one list or chain", CEDAR_MAX_ELEMENTS), NULL;
    if (++r->nodes > CEDAR_MAX_POLICY_NODES)
        return error_set(r->error, CEDAR_LIMIT, 0, 0, "more than %u expressions in one document", CEDAR_MAX_POLICY_NODES), NULL;
    *e = (struct expr){.op = op, .height = 1, .kid = kid, .n = n};
    for (size_t i = 0; i < n; i++)
        if (e->height <= kid[i]->height)
            e->height = kid[i]->height + 1;
    if (e->height <= CEDAR_MAX_DEPTH)
        return e;
    error_set(r->error, CEDAR_LIMIT, 0, 0, "this is nested deeper than %u levels: split the condition", CEDAR_MAX_DEPTH);
    return NULL;
}

static const struct expr **
list_of(struct policy_reader *r, size_t n)
{
    const struct expr **list = arena_list(r->a, n ? n : 1, sizeof *list);
    if (list == NULL)
        error_memory(r->error);
    return list;
}

static struct expr *
with_kids(struct policy_reader *r, enum expr_op op, const struct json *v, const char *const *names, size_t n)
{
    const struct expr **kid = list_of(r, n);
    for (size_t i = 0; kid && i < n; i++)
        if ((kid[i] = reader_expr(r, json_get(v, names[i]))) == NULL)
            return NULL;
    return kid ? node(r, op, kid, n) : NULL;
}

static struct expr *
with_left(struct policy_reader *r, enum expr_op op, const struct json *v)
{
    static const char *const left[] = {"left"};
    return with_kids(r, op, v, left, 1);
}

static struct expr *
literal(struct policy_reader *r, const struct cedar_value *v)
{
    struct expr *e = v ? node(r, EXPR_LITERAL, NULL, 0) : (error_memory(r->error), NULL);
    if (e)
        e->literal = v;
    return e;
}

/* --------------------------------------------------------------------------------------------------- {"Value": a JSON value} */

static struct expr *read_value(struct policy_reader *r, const struct json *v);

static struct expr *
read_items(struct policy_reader *r, enum expr_op op, const struct json *v, struct expr *(*read)(struct policy_reader *, const struct json *))
{
    const struct expr **kid = list_of(r, v->count);
    size_t n = 0;
    for (const struct json *c = v->child; kid && c; c = c->next)
        if ((kid[n++] = read(r, c)) == NULL)
            return NULL;
    return kid ? node(r, op, kid, n) : NULL;
}

static int
by_key(const void *a, const void *b)
{
    const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
    return bytes_cmp(x->key, y->key);
}

/* Members in the order of their keys; the JSON reader has refused duplicates. */
static struct expr *
read_members(struct policy_reader *r, const struct json *v, struct expr *(*read)(struct policy_reader *, const struct json *))
{
    const struct json **list = arena_list(r->a, v->count + 1, sizeof *list);
    const struct expr **kid = list_of(r, v->count);
    struct cedar_str *names = arena_list(r->a, v->count + 1, sizeof *names);
    size_t n = 0;
    if (list == NULL || kid == NULL || names == NULL)
        return error_memory(r->error), NULL;
    for (const struct json *c = v->child; c; c = c->next)
        list[n++] = c;
    qsort(list, n, sizeof *list, by_key);
    for (size_t i = 0; i < n; i++)
        if (!reader_copy(r, list[i]->key, &names[i]) || (kid[i] = read(r, list[i])) == NULL)
            return NULL;
    struct expr *e = node(r, EXPR_RECORD, kid, n);
    if (e)
        e->names = (struct pieces){names, n};
    return e;
}

/* The object in {"__entity": {…}} or {"__extn": {…}}, or NULL. */
static const struct json *
escape(const struct json *v, const char *key)
{
    const struct json *inner = v->count == 1 ? json_get(v, key) : NULL;
    return json_is(inner, JSON_OBJECT) && inner->count >= 2 ? inner : NULL;
}

static bool
find_function(struct policy_reader *r, const struct json *v, struct bytes name, enum ext_function *f)
{
    if (ext_find((struct cedar_str){(const char *)name.at, name.n}, f))
        return true;
    if (bytes_is(name, "unknown"))
        return error_set(r->error, CEDAR_UNSUPPORTED, 0, 0, UNKNOWN_IS_REFUSED);
    return reader_wrong_word(r, v, "extension function `", name, "` does not exist");
}

/* NULL without an error: it is no such escape but a record. */
static struct expr *
read_extension(struct policy_reader *r, const struct json *v, bool *is_escape)
{
    const struct json *fn = json_get(v, "fn"), *arg = json_get(v, "arg"), *args = json_get(v, "args");
    enum ext_function f;
    struct expr *e;
    *is_escape = json_is(fn, JSON_STRING) && (arg || json_is(args, JSON_ARRAY));
    if (!*is_escape || !find_function(r, fn, fn->text, &f))
        return NULL;
    if (arg) {
        const struct expr **kid = list_of(r, 1);
        if (kid == NULL || (kid[0] = read_value(r, arg)) == NULL)
            return NULL;
        e = node(r, EXPR_CALL, kid, 1);
    } else {
        e = read_items(r, EXPR_CALL, args, read_value);
    }
    if (e)
        e->function = f;
    return e;
}

static struct expr *
read_object_value(struct policy_reader *r, const struct json *v)
{
    const struct json *entity = escape(v, "__entity"), *extension = escape(v, "__extn");
    struct cedar_uid uid;
    bool is_escape = false;
    if (v->count == 1 && json_is(json_get(v, "__expr"), JSON_STRING))
        return reader_wrong(r, v, "the `__expr` escape is no longer supported"), NULL;
    if (entity && json_is(json_get(entity, "type"), JSON_STRING) && json_is(json_get(entity, "id"), JSON_STRING))
        return reader_uid(r, entity, &uid) ? literal(r, value_entity(r->a, uid)) : NULL;
    struct expr *e = extension ? read_extension(r, extension, &is_escape) : NULL;
    if (is_escape)
        return e;
    e = read_members(r, v, read_value);
    if (e)
        e->quoted = true;
    return e;
}

static struct expr *
read_value(struct policy_reader *r, const struct json *v)
{
    struct cedar_str s;
    switch (v->type) {
    case JSON_BOOL:
        return literal(r, value_truth(v->truth));
    case JSON_INT:
        return literal(r, value_number(r->a, VALUE_LONG, v->number));
    case JSON_STRING:
        return reader_copy(r, v->text, &s) ? literal(r, value_string(r->a, s)) : NULL;
    case JSON_ARRAY:
        return read_items(r, EXPR_SET, v, read_value);
    case JSON_OBJECT:
        return read_object_value(r, v);
    case JSON_NULL:
        return reader_wrong(r, v, "found a `null`; JSON `null`s are not allowed in Cedar"), NULL;
    default:
        return reader_wrong_word(r, v, "`", v->text, "` is no 64-bit integer; there are no other numbers in Cedar"), NULL;
    }
}

/* --------------------------------------------------------------------------------------------------------- operators by name */

static bool
is_string(struct policy_reader *r, const struct json *v, const char *what)
{
    return json_is(v, JSON_STRING) || reader_wrong(r, v, "expected a string for `%s`", what);
}

static struct expr *read_any(struct policy_reader *r, const struct json *v);

static struct expr *
read_variable(struct policy_reader *r, const struct json *v)
{
    static const char *const names[] = {"principal", "action", "resource", "context"};
    struct bytes name = reader_choice(v);
    if (name.at == NULL)
        return reader_wrong(r, v, "expected a string for `Var`"), NULL;
    for (int i = 0; i < VARIABLE_COUNT; i++) {
        if (!bytes_is(name, names[i]))
            continue;
        struct expr *e = node(r, EXPR_VARIABLE, NULL, 0);
        if (e)
            e->variable = (enum variable)i;
        return e;
    }
    return reader_wrong_word(r, v, "unknown variable `", name, "`, expected one of `principal`, `action`, `resource`, `context`"), NULL;
}

static struct expr *
read_slot(struct policy_reader *r, const struct json *v)
{
    if (json_is(v, JSON_STRING) && (bytes_is(v->text, "?principal") || bytes_is(v->text, "?resource")))
        return reader_wrong_word(r, v, "found template slot ", v->text, " in a condition"), NULL;
    return reader_wrong(r, v, "expected `?principal` or `?resource`"), NULL;
}

static struct expr *
read_set(struct policy_reader *r, const struct json *v)
{
    return json_is(v, JSON_ARRAY) ? read_items(r, EXPR_SET, v, read_any) : (reader_wrong(r, v, "expected an array for `Set`"), NULL);
}

static struct expr *
read_record(struct policy_reader *r, const struct json *v)
{
    return json_is(v, JSON_OBJECT) ? read_members(r, v, read_any) : (reader_wrong(r, v, "expected an object for `Record`"), NULL);
}

static struct expr *
read_attribute(struct policy_reader *r, const struct json *v)
{
    static const char *const fields[] = {"left", "attr"};
    if (!reader_fields(r, v, fields, 2, 2) || !is_string(r, json_get(v, "attr"), "attr"))
        return NULL;
    struct expr *e = with_left(r, EXPR_ATTRIBUTE, v);
    return e && reader_copy(r, json_text(v, "attr"), &e->name) ? e : NULL;
}

static bool
read_path(struct policy_reader *r, const struct json *v, struct pieces *out)
{
    const struct json *first = json_is(v, JSON_ARRAY) ? v->child : v;
    size_t n = json_is(v, JSON_ARRAY) ? v->count : 1;
    if (first == NULL)
        return reader_wrong(r, v, "expected an attribute or a list of attributes for `attr`");
    if (n > CEDAR_MAX_DEPTH)
        return error_set(r->error, CEDAR_LIMIT, 0, 0, "a `has` with more than %u attributes", CEDAR_MAX_DEPTH);
    out->n = 0;
    if ((out->at = arena_list(r->a, n, sizeof *out->at)) == NULL)
        return error_memory(r->error);
    for (; out->n < n; first = first->next)
        if (!is_string(r, first, "attr") || !reader_copy(r, first->text, &out->at[out->n++]))
            return false;
    return true;
}

/* The official reader takes unknown members here, and only here. */
static struct expr *
read_has(struct policy_reader *r, const struct json *v)
{
    if (json_get(v, "left") == NULL || json_get(v, "attr") == NULL)
        return reader_wrong(r, v, "`has` needs `left` and `attr`"), NULL;
    struct expr *e = with_left(r, EXPR_HAS, v);
    return e && read_path(r, json_get(v, "attr"), &e->names) ? e : NULL;
}

static bool
is_wildcard(const struct json *v)
{
    const struct json *in = json_is(v, JSON_OBJECT) && v->count == 1 ? json_get(v, "Wildcard") : NULL;
    return (json_is(v, JSON_STRING) && bytes_is(v->text, "Wildcard")) || json_is(in, JSON_NULL);
}

/* Adjacent literals join. */
static bool
add_literal(struct policy_reader *r, const struct json *v, struct cedar_str *piece)
{
    const struct json *in = json_is(v, JSON_OBJECT) && v->count == 1 ? json_get(v, "Literal") : NULL;
    if (!json_is(in, JSON_STRING))
        return reader_wrong(r, v, "expected \"Wildcard\" or {\"Literal\": \"…\"}");
    char *to = arena_get(r->a, piece->n + in->text.n + 1);
    if (to == NULL)
        return error_memory(r->error);
    if (piece->n)
        memcpy(to, piece->at, piece->n);
    if (in->text.n)
        memcpy(to + piece->n, in->text.at, in->text.n);
    *piece = (struct cedar_str){to, piece->n + in->text.n};
    return true;
}

static bool
read_pattern(struct policy_reader *r, const struct json *v, struct pieces *out)
{
    if (!json_is(v, JSON_ARRAY))
        return reader_wrong(r, v, "expected an array for `pattern`");
    if ((out->at = arena_list(r->a, v->count + 1, sizeof *out->at)) == NULL)
        return error_memory(r->error);
    out->n = 1;
    out->at[0] = (struct cedar_str){"", 0};
    for (const struct json *c = v->child; c; c = c->next) {
        if (is_wildcard(c))
            out->at[out->n++] = (struct cedar_str){"", 0};
        else if (!add_literal(r, c, &out->at[out->n - 1]))
            return false;
    }
    return true;
}

static struct expr *
read_like(struct policy_reader *r, const struct json *v)
{
    static const char *const fields[] = {"left", "pattern"};
    struct expr *e = reader_fields(r, v, fields, 2, 2) ? with_left(r, EXPR_LIKE, v) : NULL;
    return e && read_pattern(r, json_get(v, "pattern"), &e->names) ? e : NULL;
}

static struct expr *
read_is(struct policy_reader *r, const struct json *v)
{
    static const char *const fields[] = {"left", "entity_type", "in"}, *const kids[] = {"left", "in"};
    if (!reader_fields(r, v, fields, 3, 2))
        return NULL;
    const struct json *in = json_get(v, "in");
    bool has_in = in && in->type != JSON_NULL;
    struct expr *e = with_kids(r, has_in ? EXPR_IS_IN : EXPR_IS, v, kids, has_in ? 2 : 1);
    return e && reader_type(r, json_get(v, "entity_type"), &e->name) ? e : NULL;
}

static struct expr *
read_if(struct policy_reader *r, const struct json *v)
{
    static const char *const fields[] = {"if", "then", "else"};
    return reader_fields(r, v, fields, 3, 3) ? with_kids(r, EXPR_IF, v, fields, 3) : NULL;
}

/* ------------------------------------------------------------------------------------------------------------------- chains */

static bool
same_level(char a, char b)
{
    return (a == '*') == (b == '*');
}

/* Does the chain that ${left} is go on with ${op}? As text both would be one chain: a + b - c. */
static bool
goes_on(const struct expr *left, enum expr_op op, char sign)
{
    return left->op == op && (op != EXPR_ARITHMETIC || same_level(left->operators[0], sign));
}

static struct expr *
extend(struct policy_reader *r, const struct expr *left, enum expr_op op, char sign, const struct expr *right)
{
    bool on = goes_on(left, op, sign);
    size_t n = on ? left->n : 1;
    const struct expr **kid = list_of(r, n + 1);
    char *operators = arena_get(r->a, n + 1);
    if (kid == NULL || operators == NULL)
        return error_memory(r->error), NULL;
    memcpy(kid, on ? left->kid : &left, n * sizeof *kid);
    kid[n] = right;
    struct expr *e = node(r, op, kid, n + 1);
    if (e == NULL || op != EXPR_ARITHMETIC)
        return e;
    if (on)
        memcpy(operators, left->operators, n - 1);
    operators[n - 1] = sign;
    e->operators = operators;
    return e;
}

static struct expr *
read_chain(struct policy_reader *r, const struct json *v, enum expr_op op, char sign)
{
    static const char *const fields[] = {"left", "right"};
    if (!reader_fields(r, v, fields, 2, 2))
        return NULL;
    const struct expr *left = reader_expr(r, json_get(v, "left"));
    const struct expr *right = left ? reader_expr(r, json_get(v, "right")) : NULL;
    return right ? extend(r, left, op, sign, right) : NULL;
}

/* -------------------------------------------------------------------------------------------------------------------- names */

enum shape { SHAPE_ONE, SHAPE_TWO, SHAPE_CHAIN };

static const struct {
    const char *name;
    enum expr_op op;
    enum shape shape;
    char sign;
} operators[] = {
    {"!", EXPR_NOT, SHAPE_ONE, 0},
    {"neg", EXPR_NEGATE, SHAPE_ONE, 0},
    {"isEmpty", EXPR_IS_EMPTY, SHAPE_ONE, 0},
    {"==", EXPR_EQUAL, SHAPE_TWO, 0},
    {"!=", EXPR_UNEQUAL, SHAPE_TWO, 0},
    {"in", EXPR_IN, SHAPE_TWO, 0},
    {"<", EXPR_LESS, SHAPE_TWO, 0},
    {"<=", EXPR_LESS_EQUAL, SHAPE_TWO, 0},
    {">", EXPR_GREATER, SHAPE_TWO, 0},
    {">=", EXPR_GREATER_EQUAL, SHAPE_TWO, 0},
    {"contains", EXPR_CONTAINS, SHAPE_TWO, 0},
    {"containsAll", EXPR_CONTAINS_ALL, SHAPE_TWO, 0},
    {"containsAny", EXPR_CONTAINS_ANY, SHAPE_TWO, 0},
    {"getTag", EXPR_GET_TAG, SHAPE_TWO, 0},
    {"hasTag", EXPR_HAS_TAG, SHAPE_TWO, 0},
    {"&&", EXPR_AND, SHAPE_CHAIN, 0},
    {"||", EXPR_OR, SHAPE_CHAIN, 0},
    {"+", EXPR_ARITHMETIC, SHAPE_CHAIN, '+'},
    {"-", EXPR_ARITHMETIC, SHAPE_CHAIN, '-'},
    {"*", EXPR_ARITHMETIC, SHAPE_CHAIN, '*'},
};

static const struct {
    const char *name;
    struct expr *(*read)(struct policy_reader *r, const struct json *v);
} others[] = {
    {"Value", read_value}, {"Var", read_variable}, {"Slot", read_slot}, {"Set", read_set}, {"Record", read_record},
    {".", read_attribute}, {"has", read_has},      {"like", read_like}, {"is", read_is},   {"if-then-else", read_if},
};

static struct expr *
read_operator(struct policy_reader *r, const struct json *v, size_t i)
{
    static const char *const arg[] = {"arg"}, *const sides[] = {"left", "right"};
    bool one = operators[i].shape == SHAPE_ONE;
    if (operators[i].shape == SHAPE_CHAIN)
        return read_chain(r, v, operators[i].op, operators[i].sign);
    if (!reader_fields(r, v, one ? arg : sides, one ? 1 : 2, one ? 1 : 2))
        return NULL;
    return with_kids(r, operators[i].op, v, one ? arg : sides, one ? 1 : 2);
}

static struct expr *
read_call(struct policy_reader *r, const struct json *v)
{
    enum ext_function f;
    if (bytes_is(v->key, "unknown"))
        return error_set(r->error, CEDAR_UNSUPPORTED, 0, 0, UNKNOWN_IS_REFUSED), NULL;
    if (!ext_find((struct cedar_str){(const char *)v->key.at, v->key.n}, &f))
        return reader_wrong_word(r, v, "`", v->key, "` is no operator, function or method"), NULL;
    if (!json_is(v, JSON_ARRAY))
        return reader_wrong_word(r, v, "expected an array of arguments for `", v->key, "`"), NULL;
    struct expr *e = read_items(r, EXPR_CALL, v, read_any);
    if (e)
        e->function = f;
    return e;
}

static struct expr *
read_any(struct policy_reader *r, const struct json *v)
{
    if (!json_is(v, JSON_OBJECT) || v->count != 1)
        return reader_wrong(r, v, "expected an object with one member, the operator of an expression"), NULL;
    v = v->child;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (bytes_is(v->key, operators[i].name))
            return read_operator(r, v, i);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (bytes_is(v->key, others[i].name))
            return others[i].read(r, v);
    return read_call(r, v);
}

const struct expr *
reader_expr(struct policy_reader *r, const struct json *v)
{
    return read_any(r, v);
}
