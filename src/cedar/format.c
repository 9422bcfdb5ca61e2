/*
 * The formatter: a policy's tokens become a document, each with the comments around it, and the document is laid out. The text has been
 * parsed before, so what is read here is known to be right, and nested no deeper than the parser lets through.
 */
#include "cedar/doc.h"
#include "cedar/lexer.h"

#define WIDTH_MAX 10000u
#define INDENT_MAX 100u

struct comment {
    struct cedar_str leading; /* the text from the line break to the token */
    struct cedar_str trailing;
};

struct formatter {
    struct docs d;
    struct token *token;
    struct comment *comment;
    size_t n, at;
    unsigned indent;
};

typedef const struct doc *build(struct formatter *f);

static build expression, sum;

static bool
is(const struct formatter *f, enum token_kind kind)
{
    return f->token[f->at].kind == kind;
}

static bool
is_word(const struct formatter *f, const char *word)
{
    return is(f, TOKEN_NAME) && str_is(f->token[f->at].text, word);
}

static const struct doc *
join(struct formatter *f, const struct doc *a, const struct doc *b)
{
    return doc_append(&f->d, a, b);
}

static const struct doc *
group(struct formatter *f, const struct doc *a)
{
    return doc_group(&f->d, a);
}

static const struct doc *
nest(struct formatter *f, const struct doc *a)
{
    return doc_nest(&f->d, f->indent, a);
}

/* -------------------------------------------------------------------------------------------------------------- comments */

/* Without Unicode white space at both ends. */
static struct cedar_str
trimmed(struct cedar_str s)
{
    while (s.n > 0 && lexer_space(s) > 0) {
        size_t n = lexer_space(s);
        s = (struct cedar_str){s.at + n, s.n - n};
    }
    for (size_t end = s.n; end > 0;) {
        size_t from = end - 1;
        while (from > 0 && ((uint8_t)s.at[from] & 0xc0) == 0x80)
            from--;
        if (lexer_space((struct cedar_str){s.at + from, end - from}) == 0)
            break;
        s.n = end = from;
    }
    return s;
}

/* The next comment of ${rest}, which moves behind it; at == NULL when there is none. */
static struct cedar_str
next_comment(struct cedar_str *rest)
{
    size_t from = bytes_search(str_bytes(*rest), BYTES("//")), n = from;
    if (from == rest->n)
        return (struct cedar_str){NULL, 0};
    while (n < rest->n && rest->at[n] != '\n' && rest->at[n] != '\r')
        n++;
    struct cedar_str found = trimmed((struct cedar_str){rest->at + from, n - from});
    *rest = (struct cedar_str){rest->at + n, rest->n - n};
    return found;
}

/* Comment lines, with new lines between them and around. */
static const struct doc *
leading(struct formatter *f, struct cedar_str text)
{
    const struct doc *all = NULL;
    for (struct cedar_str c = next_comment(&text); c.at; c = next_comment(&text)) {
        const struct doc *line = doc_text(&f->d, c);
        all = join(f, all ? join(f, all, &doc_hardline) : &doc_hardline, line);
    }
    return all ? join(f, all, &doc_hardline) : &doc_nil;
}

static const struct doc *
trailing(struct formatter *f, struct cedar_str text, const struct doc *otherwise)
{
    if (text.n == 0)
        return otherwise;
    return join(f, join(f, &doc_space, doc_text(&f->d, text)), &doc_hardline);
}

/* ${d} with the comments of token ${i}; ${otherwise} follows when no comment ends the line. */
static const struct doc *
commented(struct formatter *f, const struct doc *d, size_t i, const struct doc *otherwise)
{
    struct comment c = f->comment[i];
    f->comment[i] = (struct comment){{NULL, 0}, {NULL, 0}};
    return join(f, join(f, leading(f, c.leading), d), trailing(f, c.trailing, otherwise));
}

/* Numbers lose their leading zeros. */
static struct cedar_str
spelled(const struct token *t)
{
    struct cedar_str s = t->text;
    while (t->kind == TOKEN_NUMBER && s.n > 1 && s.at[0] == '0')
        s = (struct cedar_str){s.at + 1, s.n - 1};
    return s;
}

static const struct doc *
take_then(struct formatter *f, const struct doc *otherwise)
{
    size_t i = f->at++;
    return commented(f, doc_text(&f->d, spelled(&f->token[i])), i, otherwise);
}

static const struct doc *
take(struct formatter *f)
{
    return take_then(f, &doc_nil);
}

/* Only the comments before the token at hand. */
static const struct doc *
take_leading(struct formatter *f)
{
    struct cedar_str text = f->comment[f->at].leading;
    f->comment[f->at].leading = (struct cedar_str){NULL, 0};
    return leading(f, text);
}

/* ----------------------------------------------------------------------------------------------------------- expressions */

/* What ${one} builds, with commas between, up to ${end}; a comma at the end is dropped. */
static const struct doc *
items(struct formatter *f, enum token_kind end, build *one)
{
    const struct doc *d = one(f);
    while (!is(f, end)) {
        size_t comma = f->at++;
        if (is(f, end))
            break;
        d = join(f, join(f, d, commented(f, doc_text(&f->d, str_of(",")), comma, &doc_nil)), &doc_line);
        d = join(f, d, one(f));
    }
    return d;
}

static const struct doc *
bracketed(struct formatter *f, const struct doc *open, const struct doc *inner, unsigned by)
{
    return join(f, join(f, open, doc_nest(&f->d, by, inner)), take(f));
}

static const struct doc *
list(struct formatter *f)
{
    const struct doc *open = take(f);
    return bracketed(f, open, is(f, TOKEN_SQUARE_END) ? &doc_nil : items(f, TOKEN_SQUARE_END, expression), 1);
}

static const struct doc *
member(struct formatter *f)
{
    const struct doc *key = take(f);
    key = join(f, join(f, key, take(f)), &doc_space);
    return join(f, key, expression(f));
}

static const struct doc *
record(struct formatter *f)
{
    const struct doc *open = take(f), *inner = &doc_nil;
    if (!is(f, TOKEN_CURLY_END))
        inner = group(f, join(f, nest(f, join(f, &doc_line, items(f, TOKEN_CURLY_END, member))), &doc_line));
    return bracketed(f, open, inner, 0);
}

static const struct doc *
parentheses(struct formatter *f)
{
    const struct doc *open = take(f), *inner = expression(f);
    return group(f, bracketed(f, open, inner, 1));
}

/* A::B, or A::B::"id" */
static const struct doc *
name(struct formatter *f)
{
    const struct doc *d = take(f);
    while (is(f, TOKEN_PATH)) {
        d = join(f, d, take(f));
        d = join(f, d, take(f));
    }
    return d;
}

static const struct doc *
primary(struct formatter *f)
{
    switch (f->token[f->at].kind) {
    case TOKEN_ROUND:
        return parentheses(f);
    case TOKEN_SQUARE:
        return list(f);
    case TOKEN_CURLY:
        return record(f);
    case TOKEN_NAME:
        return name(f);
    default:
        return take(f);
    }
}

static const struct doc *
call(struct formatter *f)
{
    const struct doc *open = take(f), *inner = &doc_nil;
    if (!is(f, TOKEN_ROUND_END))
        inner = join(f, nest(f, join(f, &doc_line_, items(f, TOKEN_ROUND_END, expression))), &doc_line_);
    return join(f, join(f, open, inner), take(f));
}

static const struct doc *
access(struct formatter *f)
{
    if (is(f, TOKEN_ROUND))
        return call(f);
    bool dot = is(f, TOKEN_DOT);
    const struct doc *open = take(f);
    if (dot)
        return join(f, open, take(f));
    const struct doc *inner = expression(f);
    return join(f, join(f, open, inner), take(f));
}

static const struct doc *
accesses(struct formatter *f)
{
    const struct doc *item = primary(f), *all = NULL;
    while (is(f, TOKEN_DOT) || is(f, TOKEN_ROUND) || is(f, TOKEN_SQUARE)) {
        const struct doc *one = access(f);
        all = all ? join(f, join(f, all, &doc_line_), one) : one;
    }
    return group(f, join(f, item, nest(f, all ? all : &doc_nil)));
}

static const struct doc *
unary(struct formatter *f)
{
    const struct doc *d = &doc_nil;
    while (is(f, TOKEN_NOT) || is(f, TOKEN_MINUS))
        d = join(f, d, take(f));
    return join(f, d, accesses(f));
}

/* Operands with an operator behind each but the last: "a && ⏎ b". */
static const struct doc *
chain(struct formatter *f, build *next, enum token_kind a, enum token_kind b)
{
    const struct doc *d = next(f);
    while (is(f, a) || is(f, b)) {
        d = join(f, join(f, join(f, d, &doc_space), take(f)), &doc_line);
        d = join(f, d, next(f));
    }
    return d;
}

static const struct doc *
product(struct formatter *f)
{
    return group(f, chain(f, unary, TOKEN_TIMES, TOKEN_TIMES));
}

static const struct doc *
sum(struct formatter *f)
{
    return group(f, chain(f, product, TOKEN_PLUS, TOKEN_MINUS));
}

static bool
is_comparison(const struct formatter *f)
{
    return is(f, TOKEN_EQUAL) || is(f, TOKEN_UNEQUAL) || is(f, TOKEN_LESS) || is(f, TOKEN_LESS_EQUAL) || is(f, TOKEN_GREATER) ||
           is(f, TOKEN_GREATER_EQUAL) || is_word(f, "in");
}

/* Behind the left side: has a.b, like "x" */
static const struct doc *
word_relation(struct formatter *f, const struct doc *left)
{
    const struct doc *word = take(f);
    const struct doc *right = sum(f);
    left = join(f, join(f, join(f, left, &doc_line), word), &doc_line);
    return group(f, join(f, left, nest(f, right)));
}

static const struct doc *
is_relation(struct formatter *f, const struct doc *left)
{
    const struct doc *d = join(f, join(f, join(f, left, &doc_space), take(f)), &doc_space);
    d = join(f, d, nest(f, sum(f)));
    if (is_word(f, "in")) {
        d = join(f, join(f, join(f, d, &doc_line), take(f)), &doc_space);
        d = join(f, d, nest(f, sum(f)));
    }
    return group(f, d);
}

static const struct doc *
relation(struct formatter *f)
{
    const struct doc *left = sum(f);
    if (is_word(f, "has") || is_word(f, "like"))
        return word_relation(f, left);
    if (is_word(f, "is"))
        return is_relation(f, left);
    if (!is_comparison(f))
        return left;
    left = join(f, join(f, join(f, left, &doc_space), take(f)), &doc_space);
    return join(f, left, sum(f));
}

/* The new line behind && and || follows the operator's own comment, if it has one, instead of standing beside it. */
static const struct doc *
logic(struct formatter *f, build *next, enum token_kind joint)
{
    const struct doc *d = next(f);
    while (is(f, joint)) {
        d = join(f, join(f, d, &doc_space), take_then(f, &doc_line));
        d = join(f, d, next(f));
    }
    return d;
}

static const struct doc *
conjunction(struct formatter *f)
{
    return logic(f, relation, TOKEN_AND);
}

static const struct doc *
branch(struct formatter *f)
{
    const struct doc *word = take(f);
    const struct doc *inner = join(f, &doc_line, expression(f));
    return join(f, word, nest(f, inner));
}

static const struct doc *
expression(struct formatter *f)
{
    if (!is_word(f, "if"))
        return logic(f, conjunction, TOKEN_OR);
    const struct doc *d = branch(f);
    for (int i = 0; i < 2; i++) {
        d = join(f, d, &doc_line);
        d = join(f, d, branch(f));
    }
    return group(f, d);
}

/* -------------------------------------------------------------------------------------------------------------- policies */

static const struct doc *
annotation(struct formatter *f)
{
    const struct doc *d = take(f);
    d = join(f, d, take(f));
    if (!is(f, TOKEN_ROUND))
        return join(f, d, &doc_hardline);
    d = join(f, d, take(f));
    d = join(f, d, take(f));
    return join(f, d, take_then(f, &doc_hardline));
}

static const struct doc *
is_type(struct formatter *f)
{
    const struct doc *word = group(f, join(f, &doc_line, take(f)));
    const struct doc *type = join(f, &doc_line, sum(f));
    return group(f, nest(f, join(f, word, type)));
}

/* principal is T in E; ${bare} tells whether it is the variable alone. */
static const struct doc *
variable(struct formatter *f, bool *bare)
{
    size_t at = f->at++;
    struct comment c = f->comment[at];
    const struct doc *before = leading(f, c.leading), *d = doc_text(&f->d, f->token[at].text);
    d = join(f, d, trailing(f, c.trailing, &doc_nil));
    *bare = !is_word(f, "is") && !is_comparison(f);
    if (is_word(f, "is"))
        d = join(f, d, is_type(f));
    if (!is_comparison(f))
        return join(f, before, d);
    d = group(f, join(f, join(f, d, &doc_line), take(f)));
    const struct doc *right = join(f, &doc_line, expression(f));
    return join(f, before, group(f, join(f, d, nest(f, right))));
}

/* As the official formatter does, the closing parenthesis takes the comments of a comma before it, and its own are lost. */
static const struct doc *
close_scope(struct formatter *f, const struct doc *otherwise)
{
    size_t at = f->at;
    f->at += is(f, TOKEN_COMMA) ? 2 : 1;
    return commented(f, doc_text(&f->d, str_of(")")), at, otherwise);
}

static const struct doc *
scope(struct formatter *f)
{
    const struct doc *part[3];
    size_t comma[2];
    bool bare[3];
    for (int i = 0; i < 3; i++) {
        part[i] = variable(f, &bare[i]);
        if (i < 2)
            comma[i] = f->at++;
    }
    bool short_form = bare[0] && bare[1] && bare[2];
    const struct doc *d = part[0];
    for (int i = 0; i < 2; i++) {
        d = join(f, d, commented(f, doc_text(&f->d, str_of(",")), comma[i], short_form ? &doc_space : &doc_hardline));
        d = join(f, d, part[i + 1]);
    }
    if (short_form)
        return group(f, nest(f, d));
    return join(f, nest(f, join(f, &doc_hardline, d)), &doc_hardline);
}

static const struct doc *
condition(struct formatter *f)
{
    size_t word = f->at++, brace = f->at++;
    struct comment of_word = f->comment[word], of_brace = f->comment[brace];
    const struct doc *before = take_leading(f);
    const struct doc *inner = join(f, before, group(f, expression(f)));
    const struct doc *end = take(f);
    const struct doc *body = nest(f, join(f, trailing(f, of_brace.trailing, &doc_line), inner));
    body = group(f, join(f, join(f, body, &doc_line), end));
    body = join(f, leading(f, of_brace.leading), join(f, doc_text(&f->d, str_of("{")), body));
    const struct doc *d = join(f, doc_text(&f->d, f->token[word].text), trailing(f, of_word.trailing, &doc_line));
    return join(f, leading(f, of_word.leading), group(f, join(f, d, body)));
}

static const struct doc *
conditions(struct formatter *f)
{
    const struct doc *d = NULL;
    while (is(f, TOKEN_NAME)) {
        const struct doc *one = condition(f);
        d = d ? join(f, join(f, d, &doc_hardline), one) : one;
    }
    return d ? d : &doc_nil;
}

static const struct doc *
policy(struct formatter *f)
{
    const struct doc *d = &doc_nil;
    while (is(f, TOKEN_AT))
        d = join(f, d, annotation(f));
    d = join(f, d, take_leading(f));
    const struct doc *effect = join(f, take(f), &doc_line);
    d = join(f, d, group(f, join(f, effect, take(f))));
    d = join(f, d, scope(f));
    bool more = f->token[f->at + (is(f, TOKEN_COMMA) ? 2 : 1)].kind == TOKEN_NAME;
    d = join(f, d, close_scope(f, more ? &doc_hardline : &doc_nil));
    d = join(f, d, conditions(f));
    return join(f, d, take(f));
}

/* ----------------------------------------------------------------------------------------------------------- empty lines */

static size_t
quiet_length(struct bytes b)
{
    size_t n = 2;
    if (b.at[0] == '/') {
        while (n < b.n && b.at[n] != '\n' && b.at[n] != '\r')
            n++;
        return n;
    }
    for (n = 1; n < b.n && b.at[n] != '"'; n++)
        n += b.at[n] == '\\';
    return n + 1 < b.n ? n + 1 : b.n;
}

static bool
is_quiet(struct bytes b)
{
    return b.at[0] == '"' || (b.n > 1 && b.at[0] == '/' && b.at[1] == '/');
}

/* Drop the empty lines inside ${b}, which holds no comments and strings; its first and last line are parts of lines. */
static void
put_without_empty(struct buf *out, struct bytes b)
{
    if (b.n > 0 && b.at[0] == '\n')
        buf_putc(out, '\n');
    while (b.n > 0) {
        size_t end = bytes_find(b, '\n');
        bool ended = end < b.n;
        struct bytes line = bytes_sub(b, 0, end + ended);
        if (!ended || trimmed((struct cedar_str){(const char *)line.at, line.n}).n > 0)
            buf_put(out, line);
        b = bytes_sub(b, line.n, b.n);
    }
}

static void
drop_empty_lines(struct buf *out, struct bytes b)
{
    while (b.n > 0) {
        size_t n = 0;
        while (n < b.n && !is_quiet(bytes_sub(b, n, b.n)))
            n++;
        put_without_empty(out, bytes_sub(b, 0, n));
        b = bytes_sub(b, n, b.n);
        size_t quiet = b.n > 0 ? quiet_length(b) : 0;
        buf_put(out, bytes_sub(b, 0, quiet));
        b = bytes_sub(b, quiet, b.n);
    }
}

/* ----------------------------------------------------------------------------------------------------------------- texts */

static void
split_comment(const char *from, const char *to, struct cedar_str *before, struct cedar_str *after)
{
    struct cedar_str all = {from, (size_t)(to - from)};
    size_t n = bytes_find(str_bytes(all), '\n');
    *before = trimmed((struct cedar_str){from, n});
    *after = n < all.n ? (struct cedar_str){from + n + 1, all.n - n - 1} : (struct cedar_str){NULL, 0};
}

static bool
grow(struct formatter *f, size_t *cap)
{
    if (f->n < *cap)
        return true;
    size_t more = *cap ? *cap * 2 : 256;
    struct token *t = arena_list(f->d.a, more, sizeof *t);
    struct comment *c = arena_list(f->d.a, more, sizeof *c);
    if (t == NULL || c == NULL)
        return false;
    if (f->n) {
        memcpy(t, f->token, f->n * sizeof *t);
        memcpy(c, f->comment, f->n * sizeof *c);
    }
    f->token = t;
    f->comment = c;
    *cap = more;
    return true;
}

/* All tokens, the end included, with their comments; what stands behind the last one goes to ${last}. */
static bool
read_tokens(struct formatter *f, struct cedar_str text, struct cedar_str *last, struct cedar_error *error)
{
    struct lexer lexer = {text, 0, 1, 1};
    const char *end = text.at;
    size_t cap = 0;
    *last = (struct cedar_str){NULL, 0};
    for (;;) {
        if (!grow(f, &cap))
            return error_memory(error);
        struct token *t = &f->token[f->n];
        if (!lexer_next(&lexer, t, error))
            return false;
        bool at_end = t->kind == TOKEN_END;
        struct cedar_str before = {NULL, 0}, after = {end, (size_t)((at_end ? text.at + text.n : t->text.at) - end)};
        if (f->n > 0)
            split_comment(end, end + after.n, &before, &after), f->comment[f->n - 1].trailing = before;
        if (at_end)
            *last = after;
        else
            f->comment[f->n].leading = after;
        f->n++;
        if (at_end)
            return true;
        end = t->text.at + t->text.n;
    }
}

static bool
put_policy(struct formatter *f, unsigned width, struct buf *out)
{
    struct buf laid = buf_make(out->max), lines = buf_make(out->max);
    bool ok = doc_render(&f->d, policy(f), width, &laid);
    drop_empty_lines(&lines, buf_bytes(&laid));
    struct cedar_str text = trimmed((struct cedar_str){(const char *)lines.at, lines.n});
    buf_puts(out, out->n > 0 ? "\n\n" : "");
    buf_put(out, str_bytes(text));
    ok = ok && !laid.failed && !lines.failed && !out->failed;
    buf_free(&laid);
    buf_free(&lines);
    return ok;
}

static bool
put_all(struct formatter *f, unsigned width, struct cedar_str last, struct buf *out)
{
    bool ok = true;
    while (ok && !is(f, TOKEN_END))
        ok = put_policy(f, width, out);
    buf_puts(out, "\n");
    for (struct cedar_str c = next_comment(&last); c.at; c = next_comment(&last)) {
        buf_put(out, str_bytes(c));
        buf_puts(out, "\n");
    }
    return ok && !out->failed;
}

bool
cedar_format(struct cedar_str text, unsigned width, unsigned indent, struct cedar_output *out, struct cedar_error *error)
{
    struct cedar_policies *p;
    struct arena a = {.max = (size_t)1 << 30};
    struct cedar_str last;
    struct formatter f = {.d = {&a, false}, .indent = indent < INDENT_MAX ? indent : INDENT_MAX};
    struct buf b = buf_make((size_t)64 << 20);
    *out = (struct cedar_output){NULL, 0};
    if (!cedar_policies_parse(text, "", false, &p, error))
        return false;
    cedar_policies_unref(p);
    bool ok = read_tokens(&f, text, &last, error);
    if (ok && !put_all(&f, width < WIDTH_MAX ? width : WIDTH_MAX, last, &b))
        ok = error_memory(error);
    if (ok)
        ok = output_take(&b, out) || error_memory(error);
    buf_free(&b);
    arena_free(&a);
    return ok;
}
