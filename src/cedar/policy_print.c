/* Policies as text, with the parentheses and escapes that the official engine prints. */
#include "cedar/lexer.h"
#include "cedar/parser.h"
#include "cedar/policies.h"
#include "cedar/unicode.h"

static void print(struct buf *b, const struct expr *e);

/* ----------------------------------------------------------------------------------------------------------------- names */

bool
name_is_identifier(struct cedar_str s)
{
    bool word = s.n > 0 && !(s.at[0] >= '0' && s.at[0] <= '9');
    for (size_t i = 0; i < s.n && word; i++)
        word = s.at[i] == '_' || (s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z');
    return word && !parser_reserved(s) && !str_is(s, "__cedar");
}

bool
name_is_path(struct cedar_str s)
{
    for (;;) {
        size_t n = bytes_search(str_bytes(s), BYTES("::"));
        if (!name_is_identifier((struct cedar_str){s.at, n}))
            return false;
        if (n == s.n)
            return true;
        s = (struct cedar_str){s.at + n + 2, s.n - n - 2};
    }
}

/* --------------------------------------------------------------------------------------------------------------- strings */

static void
put(struct buf *b, struct cedar_str s)
{
    buf_put(b, str_bytes(s));
}

static void
put_escape(struct buf *b, uint32_t c)
{
    static const char from[] = "\t\r\n'\"\\", into[] = "trn'\"\\";
    const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (c == 0)
        buf_puts(b, "\\0");
    else if (simple)
        buf_printf(b, "\\%c", into[simple - from]);
    else
        buf_printf(b, "\\u{%x}", (unsigned)c);
}

/* In a pattern every character stands for itself, so that each is escaped as if it were the first. */
static void
put_escaped(struct buf *b, struct cedar_str s, bool pattern)
{
    for (bool first = true; s.n > 0; first = pattern) {
        const char *at = s.at;
        uint32_t c = unicode_next(&s);
        if (pattern && c == '*')
            buf_puts(b, "\\*");
        else if (unicode_escaped(c, first))
            put_escape(b, c);
        else
            buf_put(b, bytes_make(at, (size_t)(s.at - at)));
    }
}

void
policy_print_string(struct buf *b, struct cedar_str s)
{
    buf_puts(b, "\"");
    put_escaped(b, s, false);
    buf_puts(b, "\"");
}

static void
put_key(struct buf *b, struct cedar_str key)
{
    if (name_is_identifier(key))
        put(b, key);
    else
        policy_print_string(b, key);
}

static void
put_uid(struct buf *b, const struct cedar_uid *uid)
{
    put(b, uid->type);
    buf_puts(b, "::");
    policy_print_string(b, uid->id);
}

/* ----------------------------------------------------------------------------------------------------------- expressions */

/* Does it stand at the tightest level of the grammar, so that it needs no parentheses as an operand? */
static bool
is_tight(const struct expr *e)
{
    static const bool tight[EXPR_COUNT] = {
        [EXPR_LITERAL] = true,   [EXPR_VARIABLE] = true, [EXPR_SET] = true,          [EXPR_RECORD] = true,
        [EXPR_ATTRIBUTE] = true, [EXPR_CONTAINS] = true, [EXPR_CONTAINS_ALL] = true, [EXPR_CONTAINS_ANY] = true,
        [EXPR_IS_EMPTY] = true,  [EXPR_GET_TAG] = true,  [EXPR_HAS_TAG] = true,      [EXPR_CALL] = true,
    };
    return tight[e->op];
}

static void
print_operand(struct buf *b, const struct expr *e)
{
    if (is_tight(e)) {
        print(b, e);
        return;
    }
    buf_puts(b, "(");
    print(b, e);
    buf_puts(b, ")");
}

static char
joint(const struct expr *e, size_t i)
{
    return e->op == EXPR_AND ? '&' : e->op == EXPR_OR ? '|' : e->operators[i];
}

/* The first operand of a chain needs no parentheses when it is a chain that ends in the same operator. */
static bool
continues(const struct expr *first, const struct expr *chain)
{
    return first->op == chain->op && joint(first, first->n - 2) == joint(chain, 0);
}

/* a + b - c is printed (a + b) - c: each change of the operator closes what stands before it in parentheses. */
static void
print_chain(struct buf *b, const struct expr *e)
{
    for (size_t i = 2; i < e->n; i++)
        if (joint(e, i - 1) != joint(e, i - 2))
            buf_puts(b, "(");
    if (continues(e->kid[0], e))
        print(b, e->kid[0]);
    else
        print_operand(b, e->kid[0]);
    for (size_t i = 1; i < e->n; i++) {
        char c = joint(e, i - 1);
        if (i > 1 && c != joint(e, i - 2))
            buf_puts(b, ")");
        buf_printf(b, c == '&' || c == '|' ? " %c%c " : " %c ", c, c);
        print_operand(b, e->kid[i]);
    }
}

static void
print_list(struct buf *b, const struct expr *e, size_t from)
{
    for (size_t i = from; i < e->n; i++) {
        if (i > from)
            buf_puts(b, ", ");
        print(b, e->kid[i]);
    }
}

static void
print_call(struct buf *b, const struct expr *e)
{
    bool method = ext_is_method(e->function) && e->n > 0;
    if (method) {
        print_operand(b, e->kid[0]);
        buf_puts(b, ".");
    }
    buf_printf(b, "%s(", ext_name(e->function));
    print_list(b, e, method);
    buf_puts(b, ")");
}

static void
print_record(struct buf *b, const struct expr *e)
{
    buf_puts(b, "{");
    for (size_t i = 0; i < e->n; i++) {
        if (i > 0)
            buf_puts(b, ", ");
        if (e->quoted)
            policy_print_string(b, e->names.at[i]);
        else
            put_key(b, e->names.at[i]);
        buf_puts(b, ": ");
        print(b, e->kid[i]);
    }
    buf_puts(b, "}");
}

static void
print_literal(struct buf *b, const struct cedar_value *v)
{
    if (v->kind == VALUE_BOOL)
        buf_puts(b, v->truth ? "true" : "false");
    else if (v->kind == VALUE_LONG)
        buf_printf(b, v->number < 0 ? "(%lld)" : "%lld", (long long)v->number);
    else if (v->kind == VALUE_STRING)
        policy_print_string(b, v->text);
    else
        put_uid(b, &v->uid);
}

static void
print_attribute(struct buf *b, const struct expr *e)
{
    bool plain = name_is_identifier(e->name);
    print_operand(b, e->kid[0]);
    buf_puts(b, plain ? "." : "[");
    put_key(b, e->name);
    buf_puts(b, plain ? "" : "]");
}

static void
print_has(struct buf *b, const struct expr *e)
{
    print_operand(b, e->kid[0]);
    for (size_t i = 0; i < e->names.n; i++) {
        buf_puts(b, i ? "." : " has ");
        put_key(b, e->names.at[i]);
    }
}

static void
print_like(struct buf *b, const struct expr *e)
{
    print_operand(b, e->kid[0]);
    buf_puts(b, " like \"");
    for (size_t i = 0; i < e->names.n; i++) {
        buf_puts(b, i ? "*" : "");
        put_escaped(b, e->names.at[i], true);
    }
    buf_puts(b, "\"");
}

static void
print_is(struct buf *b, const struct expr *e)
{
    print_operand(b, e->kid[0]);
    buf_puts(b, " is ");
    put(b, e->name);
    if (e->op == EXPR_IS_IN) {
        buf_puts(b, " in ");
        print_operand(b, e->kid[1]);
    }
}

static void
print_if(struct buf *b, const struct expr *e)
{
    static const char *const words[] = {"if ", " then ", " else "};
    for (int i = 0; i < 3; i++) {
        buf_puts(b, words[i]);
        print(b, e->kid[i]);
    }
}

/* kid.name() or kid.name(kid) */
static void
print_method(struct buf *b, const struct expr *e, const char *name)
{
    print_operand(b, e->kid[0]);
    buf_printf(b, ".%s(", name);
    print_list(b, e, 1);
    buf_puts(b, ")");
}

static void
print_binary(struct buf *b, const struct expr *e, const char *name)
{
    print_operand(b, e->kid[0]);
    buf_printf(b, " %s ", name);
    print_operand(b, e->kid[1]);
}

static const struct {
    const char *method, *binary;
} words[EXPR_COUNT] = {
    [EXPR_EQUAL] = {NULL, "=="},
    [EXPR_UNEQUAL] = {NULL, "!="},
    [EXPR_LESS] = {NULL, "<"},
    [EXPR_LESS_EQUAL] = {NULL, "<="},
    [EXPR_GREATER] = {NULL, ">"},
    [EXPR_GREATER_EQUAL] = {NULL, ">="},
    [EXPR_IN] = {NULL, "in"},
    [EXPR_CONTAINS] = {"contains", NULL},
    [EXPR_CONTAINS_ALL] = {"containsAll", NULL},
    [EXPR_CONTAINS_ANY] = {"containsAny", NULL},
    [EXPR_IS_EMPTY] = {"isEmpty", NULL},
    [EXPR_GET_TAG] = {"getTag", NULL},
    [EXPR_HAS_TAG] = {"hasTag", NULL},
};

static void
print_named(struct buf *b, const struct expr *e)
{
    static const char *const variables[] = {"principal", "action", "resource", "context"};
    if (e->op == EXPR_VARIABLE)
        buf_puts(b, variables[e->variable]);
    else if (words[e->op].method)
        print_method(b, e, words[e->op].method);
    else
        print_binary(b, e, words[e->op].binary);
}

/* A negation keeps its parentheses, so that it does not become a negative number when it is read again. */
static void
print_prefix(struct buf *b, const struct expr *e)
{
    if (e->op == EXPR_NOT) {
        buf_puts(b, "!");
        print_operand(b, e->kid[0]);
        return;
    }
    buf_puts(b, "-(");
    print(b, e->kid[0]);
    buf_puts(b, ")");
}

static void
print_set(struct buf *b, const struct expr *e)
{
    buf_puts(b, "[");
    print_list(b, e, 0);
    buf_puts(b, "]");
}

static void
print(struct buf *b, const struct expr *e)
{
    switch (e->op) {
    case EXPR_LITERAL:
        print_literal(b, e->literal);
        break;
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_ARITHMETIC:
        print_chain(b, e);
        break;
    case EXPR_NOT:
    case EXPR_NEGATE:
        print_prefix(b, e);
        break;
    case EXPR_IF:
        print_if(b, e);
        break;
    case EXPR_ATTRIBUTE:
        print_attribute(b, e);
        break;
    case EXPR_HAS:
        print_has(b, e);
        break;
    case EXPR_LIKE:
        print_like(b, e);
        break;
    case EXPR_IS:
    case EXPR_IS_IN:
        print_is(b, e);
        break;
    case EXPR_SET:
        print_set(b, e);
        break;
    case EXPR_RECORD:
        print_record(b, e);
        break;
    case EXPR_CALL:
        print_call(b, e);
        break;
    default:
        print_named(b, e);
    }
}

/* -------------------------------------------------------------------------------------------------------------- policies */

void
expr_print(struct buf *b, const struct expr *e)
{
    print(b, e);
}

static void
print_uids(struct buf *b, const struct scope *s)
{
    bool list = s->n != 1 || s->listed;
    buf_puts(b, list ? "[" : "");
    for (size_t i = 0; i < s->n; i++) {
        buf_puts(b, i ? ", " : "");
        put_uid(b, &s->uids[i]);
    }
    buf_puts(b, list ? "]" : "");
}

void
scope_print(struct buf *b, const struct scope *s, const char *variable)
{
    buf_puts(b, variable);
    if (s->kind == SCOPE_IS || s->kind == SCOPE_IS_IN) {
        buf_puts(b, " is ");
        put(b, s->type);
    }
    if (s->kind == SCOPE_ANY || s->kind == SCOPE_IS)
        return;
    buf_puts(b, s->kind == SCOPE_EQUAL ? " == " : " in ");
    if (s->slot)
        buf_printf(b, "?%s", variable);
    else
        print_uids(b, s);
}

void
policy_print(struct buf *b, const struct policy *p)
{
    const struct annotation *list[POLICY_ANNOTATIONS_MAX];
    size_t n = policy_annotations(p, list);
    for (size_t i = 0; i < n; i++) {
        buf_puts(b, "@");
        put(b, list[i]->key);
        if (!list[i]->bare) {
            buf_puts(b, "(");
            policy_print_string(b, list[i]->value);
            buf_puts(b, ")");
        }
        buf_puts(b, "\n");
    }
    buf_puts(b, p->effect == CEDAR_PERMIT ? "permit(" : "forbid(");
    scope_print(b, &p->principal, "principal");
    buf_puts(b, ", ");
    scope_print(b, &p->action, "action");
    buf_puts(b, ", ");
    scope_print(b, &p->resource, "resource");
    buf_puts(b, ")");
    for (const struct condition *c = p->conditions; c; c = c->next) {
        buf_puts(b, c->unless ? " unless { " : " when { ");
        print(b, c->expr);
        buf_puts(b, " }");
    }
    buf_puts(b, ";");
}
