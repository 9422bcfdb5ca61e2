#include "cedar/text_checks.h"

#include "cedar/unicode.h"

struct texts {
    struct finding_list *l;
    const struct policy *p;
    size_t index;
    uint64_t *left;
};

static struct buf *
begin(struct texts *x, const char *what)
{
    struct buf *b = &x->l->message;
    findings_next(x->l);
    buf_puts(b, "for policy `");
    finding_escaped(b, x->p->id);
    buf_puts(b, "`, ");
    buf_puts(b, what);
    return b;
}

/* The same text is reported as often as it stands there. */
static void
add(struct texts *x, const struct term *t)
{
    findings_add(x->l, CEDAR_FINDING_WARNING, x->index, t->span, 0, FINDING_EACH);
}

static bool
has_bidi(struct cedar_str s)
{
    while (s.n > 0)
        if (unicode_bidi(unicode_next(&s)))
            return true;
    return false;
}

static bool
is_ascii(struct cedar_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.at[i] >= 0x80)
            return false;
    return true;
}

static void
check_string(struct texts *x, const struct term *t, struct cedar_str s)
{
    if (is_ascii(s))
        return;
    bool bidi = has_bidi(s);
    if (!bidi && unicode_single_script(s))
        return;
    struct buf *b = begin(x, "string `\"");
    finding_str(b, s);
    buf_puts(b, bidi ? "\"` contains BIDI control characters" : "\"` contains mixed scripts");
    add(x, t);
}

/* The first character that has no place in an identifier, as text; n == 0: there is none. */
static struct cedar_str
stranger(struct cedar_str s)
{
    while (s.n > 0) {
        const char *at = s.at;
        uint32_t c = unicode_next(&s);
        if ((c < 0x20 || c > 0x7e) && !unicode_identifier(c))
            return (struct cedar_str){at, (size_t)(s.at - at)};
    }
    return (struct cedar_str){NULL, 0};
}

static void
check_name(struct texts *x, const struct term *t, struct cedar_str s)
{
    bool bidi = has_bidi(s);
    struct cedar_str odd = stranger(s);
    if (!bidi && odd.n == 0 && unicode_single_script(s))
        return;
    struct buf *b = begin(x, "identifier `");
    if (bidi || odd.n == 0) {
        finding_str(b, s);
        buf_puts(b, bidi ? "` contains BIDI control characters" : "` contains mixed scripts");
    } else {
        finding_escaped(b, s);
        buf_puts(b, "` contains the character `");
        finding_escaped(b, odd);
        buf_puts(b, "` which is not a printable ASCII character and falls outside of the General Security Profile for Identifiers");
    }
    add(x, t);
}

static void
check_pattern(struct texts *x, const struct term *t)
{
    struct buf b = buf_make(CEDAR_MAX_POLICY_BYTES * 8);
    for (size_t i = 0; i < t->names.n; i++)
        finding_pattern(&b, i > 0, t->names.at[i]);
    x->l->memory |= b.failed;
    check_string(x, t, (struct cedar_str){(const char *)b.at, b.n});
    buf_free(&b);
}

/* Names of types and functions are ASCII by their grammar. Recursion ends: terms are at most TERM_MAX_HEIGHT high. */
static void
walk(struct texts *x, const struct term *t)
{
    if (*x->left == 0 || --*x->left == 0)
        return;
    if (t->op == TERM_LITERAL && t->literal->kind == VALUE_STRING)
        check_string(x, t, t->literal->text);
    else if (t->op == TERM_LITERAL && t->literal->kind == VALUE_ENTITY)
        check_name(x, t, t->literal->uid.id);
    else if ((t->op == TERM_ATTRIBUTE && !t->of_has) || t->op == TERM_HAS)
        check_name(x, t, t->name);
    else if (t->op == TERM_LIKE)
        check_pattern(x, t);
    for (size_t i = 0; t->op == TERM_RECORD && i < t->names.n; i++)
        check_name(x, t, t->names.at[i]);
    for (size_t i = 0; !(t->op == TERM_ATTRIBUTE && t->of_has) && i < t->n; i++)
        walk(x, t->kid[i]);
}

void
text_checks(struct finding_list *l, const struct policy *p, size_t index, const struct term *t, uint64_t *left)
{
    struct texts x = {l, p, index, left};
    walk(&x, t);
}
