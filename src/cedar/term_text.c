#include "cedar/findings.h"
#include "cedar/term.h"

static void put(struct buf *b, const struct term *t);

/* What the checker left of ${t}: && and || that were certain at once are their first operand. */
static const struct term *
seen(const struct term *t)
{
    while ((t->op == TERM_AND || t->op == TERM_OR) && t->visited == 1 && !t->of_has)
        t = t->kid[0];
    return t;
}

static bool
is_plain(const struct term *t)
{
    return t->op == TERM_LITERAL || t->op == TERM_VARIABLE || t->op == TERM_SLOT || t->op == TERM_SET || t->op == TERM_RECORD ||
           t->op == TERM_ATTRIBUTE || t->op == TERM_CALL || (t->op >= TERM_CONTAINS && t->op <= TERM_HAS_TAG);
}

static void
put_operand(struct buf *b, const struct term *t)
{
    bool plain = is_plain(seen(t));
    buf_puts(b, plain ? "" : "(");
    put(b, t);
    buf_puts(b, plain ? "" : ")");
}

static void
put_quoted(struct buf *b, struct cedar_str s)
{
    buf_putc(b, '"');
    finding_escaped(b, s);
    buf_putc(b, '"');
}

static void
put_name(struct buf *b, struct cedar_str s)
{
    if (finding_is_name(s))
        finding_str(b, s);
    else
        put_quoted(b, s);
}

static void
put_literal(struct buf *b, const struct cedar_value *v)
{
    if (v->kind == VALUE_BOOL)
        buf_puts(b, v->truth ? "true" : "false");
    else if (v->kind == VALUE_LONG)
        buf_printf(b, v->number < 0 ? "(%lld)" : "%lld", (long long)v->number);
    else if (v->kind == VALUE_STRING)
        put_quoted(b, v->text);
    else
        finding_uid(b, &v->uid);
}

static void
put_pair(struct buf *b, const struct term *t, const char *operator)
{
    put_operand(b, t->kid[0]);
    buf_puts(b, operator);
    put_operand(b, t->kid[1]);
}

static void
put_has_path(struct buf *b, const struct term *t)
{
    put_operand(b, t->kid[0]->kid[0]);
    for (size_t i = 0; i < t->n && !b->failed; i++) {
        buf_puts(b, i ? "." : " has ");
        put_name(b, t->kid[i]->name);
    }
}

static void
put_chain(struct buf *b, const struct term *t, const char *operator)
{
    for (size_t i = 0; i < t->visited && !b->failed; i++) {
        buf_puts(b, i ? operator : "");
        put_operand(b, t->kid[i]);
    }
}

/* From the left: a + b - c is (a + b) - c; only a run of one operator goes without parentheses. */
static void
put_arithmetic(struct buf *b, const struct term *t)
{
    for (size_t i = 1; i + 1 < t->n; i++)
        if (t->operators[i] != t->operators[i - 1])
            buf_putc(b, '(');
    const struct term *first = t->kid[0];
    if (first->op == TERM_ARITHMETIC && first->operators[first->n - 2] == t->operators[0])
        put(b, first);
    else
        put_operand(b, first);
    for (size_t i = 1; i < t->n && !b->failed; i++) {
        if (i > 1 && t->operators[i - 1] != t->operators[i - 2])
            buf_putc(b, ')');
        buf_printf(b, " %c ", t->operators[i - 1]);
        put_operand(b, t->kid[i]);
    }
}

static void
put_if(struct buf *b, const struct term *t)
{
    const struct type *test = t->kid[0]->type;
    bool never = test && test->kind == TYPE_FALSE, always = test && test->kind == TYPE_TRUE;
    buf_puts(b, "if ");
    put(b, t->kid[0]);
    buf_puts(b, " then ");
    put(b, t->kid[never ? 2 : 1]);
    buf_puts(b, " else ");
    put(b, t->kid[always ? 1 : 2]);
}

static void
put_list(struct buf *b, const struct term *t, size_t from)
{
    for (size_t i = from; i < t->n && !b->failed; i++) {
        buf_puts(b, i > from ? ", " : "");
        put(b, t->kid[i]);
    }
}

static void
put_record(struct buf *b, const struct term *t)
{
    buf_putc(b, '{');
    for (size_t i = 0; i < t->n && !b->failed; i++) {
        buf_puts(b, i ? ", " : "");
        put_name(b, t->names.at[i]);
        buf_puts(b, ": ");
        put(b, t->kid[i]);
    }
    buf_putc(b, '}');
}

static void
put_pattern(struct buf *b, const struct pieces *p)
{
    for (size_t i = 0; i < p->n && !b->failed; i++)
        finding_pattern(b, i > 0, p->at[i]);
}

static void
put_call(struct buf *b, const struct term *t)
{
    bool method = ext_is_method(t->function) && t->n > 0;
    if (method) {
        put_operand(b, t->kid[0]);
        buf_putc(b, '.');
    }
    buf_puts(b, ext_name(t->function));
    buf_putc(b, '(');
    put_list(b, t, method);
    buf_putc(b, ')');
}

static void
put_method(struct buf *b, const struct term *t)
{
    static const char *const names[] = {
        [TERM_CONTAINS] = ".contains(", [TERM_CONTAINS_ALL] = ".containsAll(", [TERM_CONTAINS_ANY] = ".containsAny(",
        [TERM_IS_EMPTY] = ".isEmpty(",  [TERM_GET_TAG] = ".getTag(",           [TERM_HAS_TAG] = ".hasTag(",
    };
    put_operand(b, t->kid[0]);
    buf_puts(b, names[t->op]);
    put_list(b, t, 1);
    buf_putc(b, ')');
}

static void
put_access(struct buf *b, const struct term *t)
{
    put_operand(b, t->kid[0]);
    if (finding_is_name(t->name)) {
        buf_putc(b, '.');
        finding_str(b, t->name);
    } else {
        buf_putc(b, '[');
        put_quoted(b, t->name);
        buf_putc(b, ']');
    }
}

/* Behind the operand of has, like and is. */
static void
put_test(struct buf *b, const struct term *t)
{
    put_operand(b, t->kid[0]);
    buf_puts(b, t->op == TERM_HAS ? " has " : t->op == TERM_IS ? " is " : " like \"");
    if (t->op == TERM_HAS) {
        put_name(b, t->name);
    } else if (t->op == TERM_IS) {
        finding_str(b, t->name);
    } else {
        put_pattern(b, &t->names);
        buf_putc(b, '"');
    }
}

/* Recursion ends: terms are at most TERM_MAX_HEIGHT high. */
static void
put(struct buf *b, const struct term *t)
{
    static const char *const variables[] = {"principal", "action", "resource", "context"};
    t = seen(t);
    if (b->failed)
        return;
    switch (t->op) {
    case TERM_LITERAL:
        put_literal(b, t->literal);
        break;
    case TERM_VARIABLE:
    case TERM_SLOT:
        buf_printf(b, "%s%s", t->op == TERM_SLOT ? "?" : "", variables[t->variable]);
        break;
    case TERM_AND:
    case TERM_ALL:
        if (t->of_has)
            put_has_path(b, t);
        else
            put_chain(b, t, " && ");
        break;
    case TERM_OR:
        put_chain(b, t, " || ");
        break;
    case TERM_NOT:
        buf_putc(b, '!');
        put_operand(b, t->kid[0]);
        break;
    case TERM_NEGATE:
        buf_puts(b, "-(");
        put(b, t->kid[0]);
        buf_putc(b, ')');
        break;
    case TERM_IF:
        put_if(b, t);
        break;
    case TERM_EQUAL:
        put_pair(b, t, " == ");
        break;
    case TERM_LESS:
        put_pair(b, t, " < ");
        break;
    case TERM_LESS_EQUAL:
        put_pair(b, t, " <= ");
        break;
    case TERM_IN:
        put_pair(b, t, " in ");
        break;
    case TERM_ARITHMETIC:
        put_arithmetic(b, t);
        break;
    case TERM_ATTRIBUTE:
        put_access(b, t);
        break;
    case TERM_HAS:
    case TERM_LIKE:
    case TERM_IS:
        put_test(b, t);
        break;
    case TERM_SET:
        buf_putc(b, '[');
        put_list(b, t, 0);
        buf_putc(b, ']');
        break;
    case TERM_RECORD:
        put_record(b, t);
        break;
    case TERM_CALL:
        put_call(b, t);
        break;
    default:
        put_method(b, t);
    }
}

void
term_text(struct buf *b, const struct term *t)
{
    put(b, t);
}
