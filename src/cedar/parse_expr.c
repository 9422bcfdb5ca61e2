/* Expressions: one function a line of the grammar (docs/cedar.md), lowest precedence first. */
#include "cedar/parser.h"

#include <stdlib.h>

static struct expr *parse_any(struct parser *p);

struct list {
    const struct expr **at;
    size_t n, cap;
};

static struct expr *
out_of_memory(struct parser *p)
{
    error_memory(p->error);
    return NULL;
}

/* Make room for one more in an array of arena memory that doubles. */
static void *
grown(struct parser *p, void *at, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return at;
    size_t more = *cap ? *cap * 2 : 4;
    void *to = arena_list(p->a, more, size);
    if (to == NULL)
        return out_of_memory(p);
    if (n)
        memcpy(to, at, n * size);
    *cap = more;
    return to;
}

static bool
push(struct parser *p, struct list *l, const struct expr *e)
{
    if (e == NULL || (l->at = grown(p, l->at, l->n, &l->cap, sizeof *l->at)) == NULL)
        return false;
    l->at[l->n++] = e;
    return true;
}

static struct expr *
make(struct parser *p, enum expr_op op, const struct token *at, const struct expr **kid, size_t n)
{
    struct expr *e = ARENA_NEW(p->a, struct expr);
    if (e == NULL)
        return out_of_memory(p);
    if (parser_too_many(p, n, at))
        return NULL;
    if (++p->nodes > CEDAR_MAX_POLICY_NODES)
        return error_set(p->error, CEDAR_LIMIT, at->line, at->column, "more than %u expressions in one text", CEDAR_MAX_POLICY_NODES), NULL;
    *e = (struct expr){.op = op, .height = 1, .line = at->line, .column = at->column, .kid = kid, .n = n};
    for (size_t i = 0; i < n; i++)
        if (e->height <= kid[i]->height)
            e->height = kid[i]->height + 1;
    return e->height <= CEDAR_MAX_DEPTH ? e : (parser_too_deep(p), NULL);
}

/* ${e}, which may be NULL, reaches from ${first} to the end of the token stepped over last. */
static struct expr *
spanned(struct parser *p, struct expr *e, const struct token *first)
{
    if (e) {
        struct span s = parser_span(p, first);
        e->start = s.start;
        e->end = s.end;
    }
    return e;
}

/* With one or two operands; ${b} NULL means one. */
static struct expr *
make_pair(struct parser *p, enum expr_op op, const struct token *at, const struct expr *a, const struct expr *b)
{
    const struct expr **kid = arena_list(p->a, 2, sizeof *kid);
    if (kid == NULL)
        return out_of_memory(p);
    kid[0] = a;
    kid[1] = b;
    return make(p, op, at, kid, b ? 2 : 1);
}

static struct expr *
make_literal(struct parser *p, const struct token *at, const struct cedar_value *v)
{
    struct expr *e = v ? spanned(p, make(p, EXPR_LITERAL, at, NULL, 0), at) : out_of_memory(p);
    if (e)
        e->literal = v;
    return e;
}

/* ------------------------------------------------------------------------------------------------------------- literals */

static struct expr *
too_large(struct parser *p, const struct token *t)
{
    parser_wrong_word(p, t, "integer literal `", t->text, "` is too large; the largest is `9223372036854775807`");
    return NULL;
}

/* Digits; with a minus directly before them the smallest number can be written too. */
static struct expr *
parse_number(struct parser *p, bool minus)
{
    struct token t = p->now;
    uint64_t v = 0;
    for (size_t i = 0; i < t.text.n; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(t.text.at[i] - '0'), &v))
            return too_large(p, &t);
    if (v > (uint64_t)INT64_MAX + minus)
        return too_large(p, &t);
    if (!parser_step(p))
        return NULL;
    return make_literal(p, &t, value_number(p->a, VALUE_LONG, (int64_t)(minus ? 0 - v : v)));
}

static struct expr *
parse_string(struct parser *p)
{
    struct token t = p->now;
    struct cedar_str s;
    if (!lexer_string(&t, p->a, &s, p->error) || !parser_step(p))
        return NULL;
    return make_literal(p, &t, value_string(p->a, s));
}

/* Expressions with commas between and behind them, up to ${end}, which is stepped over. */
static bool
parse_list(struct parser *p, enum token_kind end, struct list *l)
{
    *l = (struct list){NULL, 0, 0};
    while (!parser_is(p, end)) {
        if (!push(p, l, parse_expr(p)))
            return false;
        if (!parser_is(p, end) && !parser_take(p, TOKEN_COMMA))
            return false;
    }
    return parser_step(p);
}

static struct expr *
parse_set(struct parser *p)
{
    struct token t = p->now;
    struct list l;
    if (!parser_step(p) || !parse_list(p, TOKEN_SQUARE_END, &l))
        return NULL;
    return spanned(p, make(p, EXPR_SET, &t, l.at, l.n), &t);
}

/* -------------------------------------------------------------------------------------------------------------- records */

struct member {
    struct cedar_str key;
    const struct expr *value;
    struct token at;
};

static int
by_key(const void *a, const void *b)
{
    return str_cmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static bool
parse_member(struct parser *p, struct member *m)
{
    m->at = p->now;
    if (parser_is(p, TOKEN_STRING)) {
        if (!lexer_string(&p->now, p->a, &m->key, p->error) || !parser_step(p))
            return false;
    } else if (!parser_is(p, TOKEN_NAME)) {
        return parser_wrong_word(p, &p->now, "invalid attribute name: ", p->now.text,
                                 "; attribute names can either be identifiers or string literals");
    } else if (!parser_attribute(p, &m->key)) {
        return false;
    }
    if (!parser_take(p, TOKEN_COLON))
        return false;
    m->value = parse_expr(p);
    return m->value != NULL;
}

/* The official engine evaluates members in the order of their keys, and so do we: it decides which error is reported. */
static struct expr *
make_record(struct parser *p, const struct token *at, struct member *list, size_t n)
{
    const struct expr **kid = arena_list(p->a, n, sizeof *kid);
    struct cedar_str *names = arena_list(p->a, n, sizeof *names);
    if (kid == NULL || names == NULL)
        return out_of_memory(p);
    if (n > 1)
        qsort(list, n, sizeof *list, by_key);
    for (size_t i = 0; i < n; i++) {
        names[i] = list[i].key;
        kid[i] = list[i].value;
        if (i > 0 && str_eq(names[i - 1], names[i])) {
            parser_wrong_word(p, &list[i].at, "duplicate key `", names[i], "` in record literal");
            return NULL;
        }
    }
    struct expr *e = spanned(p, make(p, EXPR_RECORD, at, kid, n), at);
    if (e)
        e->names = (struct pieces){names, n};
    return e;
}

static struct expr *
parse_record(struct parser *p)
{
    struct token t = p->now;
    struct member *list = NULL;
    size_t n = 0, cap = 0;
    if (!parser_step(p))
        return NULL;
    while (!parser_is(p, TOKEN_CURLY_END)) {
        if ((list = grown(p, list, n, &cap, sizeof *list)) == NULL || !parse_member(p, &list[n]))
            return NULL;
        n++;
        if (!parser_is(p, TOKEN_CURLY_END) && !parser_take(p, TOKEN_COMMA))
            return NULL;
    }
    return parser_step(p) ? make_record(p, &t, list, n) : NULL;
}

/* ---------------------------------------------------------------------------------------------- names, functions, methods */

static const struct {
    const char *name;
    enum expr_op op;
    unsigned arguments;
} methods[] = {
    {"contains", EXPR_CONTAINS, 1}, {"containsAll", EXPR_CONTAINS_ALL, 1}, {"containsAny", EXPR_CONTAINS_ANY, 1},
    {"isEmpty", EXPR_IS_EMPTY, 0},  {"getTag", EXPR_GET_TAG, 1},           {"hasTag", EXPR_HAS_TAG, 1},
};
#define METHODS (sizeof methods / sizeof *methods)

static size_t
method_index(struct cedar_str name)
{
    size_t i = 0;
    while (i < METHODS && !str_is(name, methods[i].name))
        i++;
    return i;
}

static struct expr *
unknown(struct parser *p, const struct token *at, struct cedar_str name, bool method)
{
    if (!method && str_is(name, "unknown"))
        return error_set(p->error, CEDAR_UNSUPPORTED, at->line, at->column, UNKNOWN_IS_REFUSED), NULL;
    const char *list[METHODS + EXT_COUNT];
    size_t n = 0;
    for (size_t i = 0; method && i < METHODS; i++)
        list[n++] = methods[i].name;
    for (unsigned i = 0; i < EXT_COUNT; i++)
        if (ext_is_method((enum ext_function)i) == method)
            list[n++] = ext_name((enum ext_function)i);
    parser_wrong_near(p, at, "`", name, method ? "` is not a valid method" : "` is not a valid function", "", list, n);
    return NULL;
}

static struct expr *
make_call(struct parser *p, const struct token *at, enum ext_function f, const struct list *args)
{
    struct expr *e = make(p, EXPR_CALL, at, args->at, args->n);
    if (e)
        e->function = f;
    return e;
}

/* p->now is the "(" behind a name. */
static struct expr *
parse_function(struct parser *p, const struct token *at, struct cedar_str name)
{
    enum ext_function f;
    struct list args;
    bool known = ext_find(name, &f);
    if ((known && ext_is_method(f)) || method_index(name) < METHODS) {
        parser_wrong_word(p, at, "`", name, "` is a method, not a function; use a method-style call `e.method(..)`");
        return NULL;
    }
    if (!known)
        return unknown(p, at, name, false);
    if (!parser_step(p) || !parse_list(p, TOKEN_ROUND_END, &args))
        return NULL;
    return make_call(p, at, f, &args);
}

static struct expr *
wrong_count(struct parser *p, const struct token *at, size_t m, size_t got)
{
    parser_wrong(p, at, "call to `%s` requires exactly %u argument%s, but got %zu argument%s", methods[m].name, methods[m].arguments,
                 methods[m].arguments == 1 ? "" : "s", got, got == 1 ? "" : "s");
    return NULL;
}

/* p->now is the "(" behind ".name". */
static struct expr *
parse_method(struct parser *p, const struct token *at, const struct expr *receiver, struct cedar_str name)
{
    enum ext_function f;
    struct list args;
    size_t m = method_index(name);
    bool known = ext_find(name, &f);
    if (known && !ext_is_method(f)) {
        parser_wrong_word(p, at, "`", name, "` is a function, not a method; use a function-style call");
        return NULL;
    }
    if (!known && m == METHODS)
        return unknown(p, at, name, true);
    if (!parser_step(p) || !parse_list(p, TOKEN_ROUND_END, &args))
        return NULL;
    if (m < METHODS)
        return args.n == methods[m].arguments ? make_pair(p, methods[m].op, at, receiver, args.n ? args.at[0] : NULL) : wrong_count(p, at, m, args.n);
    struct list all = {NULL, 0, 0};
    if (!push(p, &all, receiver))
        return NULL;
    for (size_t i = 0; i < args.n; i++)
        if (!push(p, &all, args.at[i]))
            return NULL;
    return make_call(p, at, f, &all);
}

static struct expr *
name_alone(struct parser *p, const struct token *at, struct cedar_str name)
{
    static const char *const words[] = {"principal", "action", "resource", "context", "true", "false", "if"};
    if (parser_is(p, TOKEN_DOT) || parser_is(p, TOKEN_SQUARE)) {
        parser_wrong_near(p, at, "invalid member access: `", name, "` has no fields or methods", "", words, 4);
        return NULL;
    }
    parser_wrong_near(p, at, "invalid variable: ", name, "",
                      "; the valid Cedar variables are `principal`, `action`, `resource`, and `context`; strings need quotes", words,
                      sizeof words / sizeof *words);
    return NULL;
}

static struct expr *
parse_variable(struct parser *p, const struct token *at, enum variable v)
{
    if (parser_is(p, TOKEN_ROUND)) {
        parser_wrong_word(p, at, "`", at->text, "(...)` is not a valid function call; variables cannot be called as functions");
        return NULL;
    }
    struct expr *e = spanned(p, make(p, EXPR_VARIABLE, at, NULL, 0), at);
    if (e)
        e->variable = v;
    return e;
}

static struct expr *
parse_entity(struct parser *p, const struct token *at, struct cedar_uid uid, struct span type)
{
    struct expr *e = make_literal(p, at, value_entity(p->a, uid));
    if (e)
        e->type = type;
    return e;
}

/* A variable, an entity Type::"id", or a function call. */
static struct expr *
parse_named(struct parser *p)
{
    static const char *const variables[] = {"principal", "action", "resource", "context"};
    struct token t = p->now;
    struct cedar_uid uid;
    struct span type;
    if (!parser_name(p, &uid.type, &type, &uid.id))
        return NULL;
    if (uid.id.at)
        return parse_entity(p, &t, uid, type);
    for (int v = 0; v < VARIABLE_COUNT; v++)
        if (str_is(uid.type, variables[v]))
            return parse_variable(p, &t, (enum variable)v);
    return parser_is(p, TOKEN_ROUND) ? parse_function(p, &t, uid.type) : name_alone(p, &t, uid.type);
}

static struct expr *
parse_parentheses(struct parser *p)
{
    if (!parser_step(p))
        return NULL;
    struct expr *e = parse_any(p);
    return e && parser_take(p, TOKEN_ROUND_END) ? e : NULL;
}

static struct expr *
refuse_slot(struct parser *p)
{
    if (str_is(p->now.text, "?principal") || str_is(p->now.text, "?resource")) {
        parser_wrong_word(p, &p->now, "found template slot ", p->now.text, p->clause[0] == 'w' ? " in a `when` clause" : " in a `unless` clause");
        return NULL;
    }
    parser_wrong_word(p, &p->now, "`", p->now.text, "` is not a valid template slot; it may only be `?principal` or `?resource`");
    return NULL;
}

static struct expr *
parse_truth(struct parser *p)
{
    struct token t = p->now;
    return parser_step(p) ? make_literal(p, &t, value_truth(str_is(t.text, "true"))) : NULL;
}

static struct expr *
parse_primary(struct parser *p)
{
    switch (p->now.kind) {
    case TOKEN_NUMBER:
        return parse_number(p, false);
    case TOKEN_STRING:
        return parse_string(p);
    case TOKEN_SLOT:
        return refuse_slot(p);
    case TOKEN_ROUND:
        return parse_parentheses(p);
    case TOKEN_SQUARE:
        return parse_set(p);
    case TOKEN_CURLY:
        return parse_record(p);
    case TOKEN_NAME:
        break;
    default:
        return parser_unexpected(p), NULL;
    }
    if (parser_is_word(p, "true") || parser_is_word(p, "false"))
        return parse_truth(p);
    return parse_named(p);
}

/* ------------------------------------------------------------------------------------------------------------ operators */

static struct expr *
make_attribute(struct parser *p, const struct token *at, const struct expr *of, struct cedar_str name)
{
    struct expr *e = make_pair(p, EXPR_ATTRIBUTE, at, of, NULL);
    if (e)
        e->name = name;
    return e;
}

static struct expr *
parse_dot(struct parser *p, const struct expr *of)
{
    struct cedar_str name;
    if (!parser_step(p))
        return NULL;
    struct token t = p->now;
    if (!parser_attribute(p, &name))
        return NULL;
    return parser_is(p, TOKEN_ROUND) ? parse_method(p, &t, of, name) : make_attribute(p, &t, of, name);
}

static struct expr *
parse_index(struct parser *p, const struct expr *of)
{
    struct cedar_str name;
    if (!parser_step(p))
        return NULL;
    struct token t = p->now;
    if (!parser_is(p, TOKEN_STRING) || p->ahead.kind != TOKEN_SQUARE_END)
        return parser_wrong(p, &t, "the contents of an index expression must be a string literal"), NULL;
    if (!lexer_string(&t, p->a, &name, p->error) || !parser_step(p) || !parser_step(p))
        return NULL;
    return make_attribute(p, &t, of, name);
}

/* The nodes of one a.b["c"].d(): the accesses, and a function called at the head. */
struct accesses {
    struct expr **at;
    size_t n, cap;
};

static bool
keep(struct parser *p, struct accesses *l, struct expr *e)
{
    if (e == NULL || (l->at = grown(p, l->at, l->n, &l->cap, sizeof(struct expr *))) == NULL)
        return false;
    l->at[l->n++] = e;
    return true;
}

static struct expr *
parse_access(struct parser *p)
{
    struct token first = p->now;
    struct accesses all = {NULL, 0, 0};
    struct expr *e = parse_primary(p);
    if (e && e->op == EXPR_CALL && first.kind == TOKEN_NAME && !keep(p, &all, e))
        return NULL;
    while (e && (parser_is(p, TOKEN_DOT) || parser_is(p, TOKEN_SQUARE))) {
        e = parser_is(p, TOKEN_DOT) ? parse_dot(p, e) : parse_index(p, e);
        if (!keep(p, &all, e))
            return NULL;
    }
    if (e && parser_is(p, TOKEN_ROUND))
        return parser_wrong(p, &p->now, "function calls must be of the form `<name>(arg1, arg2, ...)`"), NULL;
    for (size_t i = 0; e && i < all.n; i++)
        spanned(p, all.at[i], &first);
    return e;
}

/* Does p->now, a number, stand alone? Then a minus before it belongs to it. */
static bool
is_bare_number(const struct parser *p)
{
    return p->now.kind == TOKEN_NUMBER && p->ahead.kind != TOKEN_DOT && p->ahead.kind != TOKEN_SQUARE && p->ahead.kind != TOKEN_ROUND;
}

static struct expr *
parse_unary(struct parser *p)
{
    struct token first = p->now;
    unsigned n = 0;
    if (first.kind != TOKEN_NOT && first.kind != TOKEN_MINUS)
        return parse_access(p);
    for (; parser_is(p, first.kind); n++)
        if (!parser_step(p))
            return NULL;
    if (n > 4)
        return parser_wrong_word(p, &first, "too many occurrences of `", first.text, "`; at most 4 can be chained"), NULL;
    bool number = first.kind == TOKEN_MINUS && is_bare_number(p);
    struct expr *e = number ? parse_number(p, true) : parse_access(p);
    for (n -= number; e && n > 0; n--)
        e = spanned(p, make_pair(p, first.kind == TOKEN_NOT ? EXPR_NOT : EXPR_NEGATE, &first, e, NULL), &first);
    return e;
}

static struct expr *parse_product(struct parser *p);

/* Operands of ${next} joined by + and -, or by * (with / and % refused by name). */
static struct expr *
parse_arithmetic(struct parser *p, struct expr *(*next)(struct parser *), enum token_kind a, enum token_kind b)
{
    struct token t = p->now;
    struct list l = {NULL, 0, 0};
    char *operators = NULL;
    size_t n = 0, cap = 0;
    struct expr *e = next(p);
    if (e == NULL || (!parser_is(p, a) && !parser_is(p, b)))
        return e;
    if (!push(p, &l, e))
        return NULL;
    while (parser_is(p, a) || parser_is(p, b)) {
        if ((operators = grown(p, operators, n, &cap, 1)) == NULL)
            return NULL;
        operators[n++] = p->now.text.at[0];
        if (!parser_step(p) || !push(p, &l, next(p)))
            return NULL;
    }
    struct expr *sum = spanned(p, make(p, EXPR_ARITHMETIC, &t, l.at, l.n), &t);
    if (sum)
        sum->operators = operators;
    return sum;
}

static struct expr *
parse_product(struct parser *p)
{
    struct expr *e = parse_arithmetic(p, parse_unary, TOKEN_TIMES, TOKEN_TIMES);
    if (e && parser_is(p, TOKEN_DIVIDE))
        return parser_wrong(p, &p->now, "division is not supported"), NULL;
    if (e && parser_is(p, TOKEN_REMAINDER))
        return parser_wrong(p, &p->now, "remainder/modulo is not supported"), NULL;
    return e;
}

static struct expr *
parse_sum(struct parser *p)
{
    return parse_arithmetic(p, parse_product, TOKEN_PLUS, TOKEN_MINUS);
}

/* A comparison, or EXPR_COUNT when the token is none. */
static enum expr_op
comparison(const struct parser *p)
{
    switch (p->now.kind) {
    case TOKEN_EQUAL:
        return EXPR_EQUAL;
    case TOKEN_UNEQUAL:
        return EXPR_UNEQUAL;
    case TOKEN_LESS:
        return EXPR_LESS;
    case TOKEN_LESS_EQUAL:
        return EXPR_LESS_EQUAL;
    case TOKEN_GREATER:
        return EXPR_GREATER;
    case TOKEN_GREATER_EQUAL:
        return EXPR_GREATER_EQUAL;
    default:
        return parser_is_word(p, "in") ? EXPR_IN : EXPR_COUNT;
    }
}

static bool
is_relation(const struct parser *p)
{
    return comparison(p) != EXPR_COUNT || parser_is_word(p, "has") || parser_is_word(p, "like") || parser_is_word(p, "is");
}

static struct expr *
parse_comparison(struct parser *p, struct expr *left, enum expr_op op)
{
    struct token t = p->now;
    if (!parser_step(p))
        return NULL;
    struct expr *right = parse_sum(p);
    if (right && comparison(p) != EXPR_COUNT)
        return parser_wrong(p, &p->now, "multiple relational operators (>, ==, in, etc.) must be used with parentheses to make ordering explicit"),
               NULL;
    return right ? make_pair(p, op, &t, left, right) : NULL;
}

/* Behind `has`: a string, or names with dots between them. */
static bool
parse_has_path(struct parser *p, struct pieces *path)
{
    size_t cap = 0;
    *path = (struct pieces){NULL, 0};
    if (parser_is(p, TOKEN_STRING)) {
        path->at = grown(p, NULL, 0, &cap, sizeof *path->at);
        path->n = 1;
        return path->at && lexer_string(&p->now, p->a, path->at, p->error) && parser_step(p);
    }
    if (!parser_is(p, TOKEN_NAME))
        return parser_wrong_word(p, &p->now, "invalid RHS of a `has` operation: ", p->now.text,
                                 "; it is either a sequence of identifiers separated by `.` or a string literal");
    do {
        if (path->n == CEDAR_MAX_DEPTH)
            return parser_too_deep(p);
        if (path->n > 0 && !parser_step(p))
            return false;
        if ((path->at = grown(p, path->at, path->n, &cap, sizeof *path->at)) == NULL || !parser_attribute(p, &path->at[path->n]))
            return false;
        path->n++;
    } while (parser_is(p, TOKEN_DOT));
    return true;
}

static struct expr *
parse_has(struct parser *p, const struct expr *of)
{
    struct pieces path;
    if (!parser_step(p))
        return NULL;
    struct token t = p->now;
    struct expr *e = parse_has_path(p, &path) ? make_pair(p, EXPR_HAS, &t, of, NULL) : NULL;
    if (e)
        e->names = path;
    return e;
}

static struct expr *
parse_like(struct parser *p, const struct expr *of)
{
    struct pieces pieces;
    if (!parser_step(p))
        return NULL;
    struct token t = p->now;
    if (t.kind != TOKEN_STRING)
        return parser_wrong_word(p, &t, "right hand side of a `like` expression must be a pattern literal, but got `", t.text, "`"), NULL;
    if (!lexer_pattern(&t, p->a, &pieces, p->error) || !parser_step(p))
        return NULL;
    struct expr *e = make_pair(p, EXPR_LIKE, &t, of, NULL);
    if (e)
        e->names = pieces;
    return e;
}

static struct expr *
parse_is(struct parser *p, const struct expr *of)
{
    struct cedar_str type;
    if (!parser_step(p))
        return NULL;
    struct token t = p->now;
    if (t.kind != TOKEN_NAME)
        return parser_wrong_word(p, &t, "right hand side of an `is` expression must be an entity type name, but got `", t.text, "`"), NULL;
    struct span type_span;
    if (!parser_name(p, &type, &type_span, NULL))
        return NULL;
    const struct expr *in = NULL;
    bool has_in = parser_is_word(p, "in");
    if (has_in && (!parser_step(p) || (in = parse_sum(p)) == NULL))
        return NULL;
    struct expr *e = make_pair(p, has_in ? EXPR_IS_IN : EXPR_IS, &t, of, in);
    if (e) {
        e->name = type;
        e->type = type_span;
    }
    return e;
}

static struct expr *
parse_relation_behind(struct parser *p, struct expr *left)
{
    if (parser_is_word(p, "has"))
        return parse_has(p, left);
    if (parser_is_word(p, "like"))
        return parse_like(p, left);
    if (parser_is_word(p, "is"))
        return parse_is(p, left);
    return parse_comparison(p, left, comparison(p));
}

static struct expr *
parse_relation(struct parser *p)
{
    struct token first = p->now;
    struct expr *left = parse_sum(p);
    if (left == NULL)
        return NULL;
    if (parser_is(p, TOKEN_ASSIGN))
        return parser_wrong(p, &p->now, "'=' is not a valid operator in Cedar; try using '==' instead"), NULL;
    if (!is_relation(p))
        return left;
    return spanned(p, parse_relation_behind(p, left), &first);
}

static struct expr *
parse_chain(struct parser *p, struct expr *(*next)(struct parser *), enum token_kind joint, enum expr_op op)
{
    struct token t = p->now;
    struct list l = {NULL, 0, 0};
    struct expr *e = next(p);
    if (e == NULL || !parser_is(p, joint))
        return e;
    if (!push(p, &l, e))
        return NULL;
    while (parser_is(p, joint))
        if (!parser_step(p) || !push(p, &l, next(p)))
            return NULL;
    return spanned(p, make(p, op, &t, l.at, l.n), &t);
}

static struct expr *
parse_and(struct parser *p)
{
    return parse_chain(p, parse_relation, TOKEN_AND, EXPR_AND);
}

static struct expr *
parse_if(struct parser *p)
{
    static const char *const words[] = {"if", "then", "else"};
    struct token t = p->now;
    struct list l = {NULL, 0, 0};
    for (int i = 0; i < 3; i++) {
        if (!parser_is_word(p, words[i]))
            return parser_unexpected(p), NULL;
        if (!parser_step(p) || !push(p, &l, parse_expr(p)))
            return NULL;
    }
    return spanned(p, make(p, EXPR_IF, &t, l.at, l.n), &t);
}

static struct expr *
parse_any(struct parser *p)
{
    if (!parser_enter(p))
        return NULL;
    bool is_if = parser_is_word(p, "if") && p->ahead.kind != TOKEN_PATH;
    struct expr *e = is_if ? parse_if(p) : parse_chain(p, parse_and, TOKEN_OR, EXPR_OR);
    parser_leave(p);
    return e;
}

const struct expr *
parse_expr(struct parser *p)
{
    return parse_any(p);
}
