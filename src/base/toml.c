#include "base/toml.h"

#include <math.h>
#include <stdlib.h>

/* How a table came to be decides who may still add to it (TOML 1.0, "Table"). */
enum { BY_PATH, BY_HEADER, BY_DOTTED, CLOSED };

struct reader {
    struct arena *a;
    struct bytes text;
    size_t at, nodes;
    int line;
    struct toml *root, *here; /* the table that key/value lines go to */
    size_t began;             /* where the line or item at hand begins */
};

struct toml *
toml_get(const struct toml *table, const char *key)
{
    struct toml *m = table && table->type == TOML_TABLE ? table->child : NULL;
    while (m && !bytes_is(m->key, key))
        m = m->next;
    return m;
}

const char *
toml_type_name(enum toml_type type)
{
    static const char *const names[] = {"a text", "an integer", "a number", "true or false", "a list", "a table"};
    return names[type];
}

#define WRONG(r, ...) err_make(E_TOML, __VA_ARGS__)

/* ------------------------------------------------------------------------------------------------------ characters */

static int
peek(const struct reader *r)
{
    return r->at < r->text.n ? r->text.at[r->at] : -1;
}

static bool
looks_at(const struct reader *r, const char *what)
{
    return bytes_starts(bytes_sub(r->text, r->at, r->text.n), bytes_str(what));
}

static void
skip_blanks(struct reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t')
        r->at++;
}

static bool
is_newline(const struct reader *r)
{
    return peek(r) == '\n' || looks_at(r, "\r\n");
}

static void
newline(struct reader *r)
{
    r->at += peek(r) == '\r' ? 2 : 1;
    r->line++;
}

static struct err
skip_comment(struct reader *r)
{
    if (peek(r) != '#')
        return err_ok();
    for (; r->at < r->text.n && !is_newline(r); r->at++)
        if ((peek(r) < 0x20 && peek(r) != '\t') || peek(r) == 0x7f)
            return WRONG(r, "a control character in a comment");
    return err_ok();
}

static struct err
end_of_line(struct reader *r)
{
    skip_blanks(r);
    TRY(skip_comment(r));
    if (r->at == r->text.n)
        return err_ok();
    if (!is_newline(r))
        return WRONG(r, "expected the end of the line");
    newline(r);
    return err_ok();
}

/* Blanks, comments and line breaks, between the items of a list. */
static struct err
skip_all(struct reader *r)
{
    for (;;) {
        skip_blanks(r);
        TRY(skip_comment(r));
        if (!is_newline(r))
            return err_ok();
        newline(r);
    }
}

/* ----------------------------------------------------------------------------------------------------------- texts */

static int
hex_value(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct err
put_unicode(struct reader *r, struct buf *b, int digits)
{
    uint32_t c = 0;
    for (int i = 0; i < digits; i++, r->at++) {
        int v = hex_value(peek(r));
        if (v < 0)
            return WRONG(r, "\\%c needs %d hexadecimal digits", digits == 4 ? 'u' : 'U', digits);
        c = c << 4 | (uint32_t)v;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return WRONG(r, "U+%X is no character", (unsigned)c);
    if (c < 0x80) {
        buf_putc(b, (uint8_t)c);
    } else if (c < 0x800) {
        buf_putc(b, (uint8_t)(0xc0 | c >> 6));
        buf_putc(b, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        if (c >= 0x10000) {
            buf_putc(b, (uint8_t)(0xf0 | c >> 18));
            buf_putc(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        } else {
            buf_putc(b, (uint8_t)(0xe0 | c >> 12));
        }
        buf_putc(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(b, (uint8_t)(0x80 | (c & 0x3f)));
    }
    return err_ok();
}

/* A backslash at the end of a line takes the blanks and line breaks behind it away. */
static bool
line_ending_backslash(struct reader *r)
{
    size_t at = r->at;
    skip_blanks(r);
    bool yes = is_newline(r);
    while (yes && (is_newline(r) || peek(r) == ' ' || peek(r) == '\t'))
        if (is_newline(r))
            newline(r);
        else
            r->at++;
    if (!yes)
        r->at = at;
    return yes;
}

static struct err
put_escape(struct reader *r, struct buf *b, bool multi)
{
    static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
    if (multi && line_ending_backslash(r))
        return err_ok();
    int c = peek(r);
    const char *p = c > 0 ? strchr(from, c) : NULL;
    if (c < 0)
        return WRONG(r, "the text does not end");
    r->at++;
    if (c == 'u' || c == 'U')
        return put_unicode(r, b, c == 'u' ? 4 : 8);
    if (p == NULL)
        return WRONG(r, "'\\%c' is no escape; write '\\\\' for a backslash, or use '…' quotes", c >= 0x20 && c < 0x7f ? c : '?');
    buf_putc(b, (uint8_t)to[p - from]);
    return err_ok();
}

/* Up to two quotes may stand right before the closing three. */
static bool
closes(struct reader *r, char quote, bool multi, struct buf *b)
{
    if (!multi)
        return r->at++, true;
    size_t n = 0;
    while (n < 5 && r->at + n < r->text.n && r->text.at[r->at + n] == (uint8_t)quote)
        n++;
    if (n < 3) {
        buf_put(b, bytes_sub(r->text, r->at, n));
        r->at += n;
        return false;
    }
    buf_put(b, bytes_sub(r->text, r->at, n - 3));
    r->at += n;
    return true;
}

static struct err
read_text_into(struct reader *r, struct buf *b, bool may_span)
{
    char quote = (char)peek(r), three[4] = {quote, quote, quote, 0};
    bool multi = may_span && looks_at(r, three), basic = quote == '"';
    r->at += multi ? 3 : 1;
    if (multi && is_newline(r))
        newline(r);
    for (;;) {
        int c = peek(r);
        if (c < 0 || (!multi && is_newline(r)))
            return WRONG(r, "the text does not end on its line; use three quotes for several lines");
        if (c == quote) {
            if (closes(r, quote, multi, b))
                return b->failed ? err_make(E_MEMORY, "no memory for TOML") : err_ok();
        } else if (c == '\\' && basic) {
            r->at++;
            TRY(put_escape(r, b, multi));
        } else if (is_newline(r)) {
            buf_putc(b, '\n');
            newline(r);
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return WRONG(r, "a control character in a text");
        } else {
            buf_putc(b, (uint8_t)c);
            r->at++;
        }
    }
}

static struct err
read_text(struct reader *r, bool may_span, struct bytes *out)
{
    struct buf b = buf_make(TOML_MAX_BYTES);
    struct err e = read_text_into(r, &b, may_span);
    if (!err_failed(e)) {
        *out = arena_copy(r->a, buf_bytes(&b));
        if (out->at == NULL)
            e = err_make(E_MEMORY, "no memory for TOML");
    }
    buf_free(&b);
    return e;
}

/* --------------------------------------------------------------------------------------------------------- numbers */

static bool
is_word(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '+' || c == '.' || c == ':';
}

/* Digits with single underscores between them, taken out into ${plain}. */
static bool
plain_digits(struct bytes w, char plain[64])
{
    size_t n = 0;
    for (size_t i = 0; i < w.n; i++) {
        bool between = i && i + 1 < w.n && hex_value(w.at[i - 1]) >= 0 && hex_value(w.at[i + 1]) >= 0;
        if (w.at[i] == '_' && !between)
            return false;
        if (w.at[i] == '_')
            continue;
        if (n == 63)
            return false;
        plain[n++] = (char)w.at[i];
    }
    plain[n] = 0;
    return n > 0;
}

static bool
based_integer(struct bytes w, int64_t *out)
{
    char plain[64];
    unsigned base = w.n > 2 && w.at[0] == '0' ? (w.at[1] == 'x' ? 16 : w.at[1] == 'o' ? 8 : w.at[1] == 'b' ? 2 : 0) : 0;
    uint64_t v = 0;
    if (base == 0 || !plain_digits(bytes_sub(w, 2, w.n), plain))
        return false;
    for (const char *p = plain; *p; p++) {
        int d = hex_value(*p);
        if (d < 0 || (unsigned)d >= base || v > (uint64_t)INT64_MAX / base)
            return false;
        v = v * base + (unsigned)d;
    }
    *out = (int64_t)v;
    return v <= INT64_MAX;
}

static bool
decimal_integer(const char *p, int64_t *out)
{
    bool minus = *p == '-';
    uint64_t v;
    p += *p == '-' || *p == '+';
    if (!bytes_u64(bytes_str(p), &v) || v > (uint64_t)INT64_MAX)
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

/* [+-] digits [. digits] [e [+-] digits], no leading zeros. */
static bool
is_float(const char *p)
{
    p += *p == '-' || *p == '+';
    size_t whole = strspn(p, "0123456789");
    if (whole == 0 || (whole > 1 && *p == '0'))
        return false;
    p += whole;
    bool more = false;
    if (*p == '.') {
        size_t n = strspn(++p, "0123456789");
        p += n;
        more = n > 0;
        if (!more)
            return false;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        size_t n = strspn(p, "0123456789");
        p += n;
        more = n > 0;
    }
    return more && *p == 0;
}

static struct err
read_word(struct reader *r, struct toml *v)
{
    size_t from = r->at;
    char plain[64];
    while (r->at < r->text.n && is_word(peek(r)))
        r->at++;
    struct bytes w = bytes_sub(r->text, from, r->at - from);
    v->type = TOML_BOOL;
    v->truth = bytes_is(w, "true");
    if (v->truth || bytes_is(w, "false"))
        return err_ok();
    v->type = TOML_INT;
    if (based_integer(w, &v->number) || (plain_digits(w, plain) && decimal_integer(plain, &v->number))) {
        v->real = (double)v->number;
        return err_ok();
    }
    v->type = TOML_FLOAT;
    if (plain_digits(w, plain) && is_float(plain)) {
        v->real = strtod(plain, NULL);
        if (isfinite(v->real))
            return err_ok();
    }
    if (w.n == 0)
        return WRONG(r, "expected a value");
    return WRONG(r, "'%.*s' is no value (texts need quotes; dates, inf and nan are not taken)", BYTES_CUT(w, 40));
}

/* ------------------------------------------------------------------------------------------------------------ tree */

static struct err
add(struct reader *r, struct toml *to, struct bytes key, struct toml **out)
{
    if (++r->nodes > TOML_MAX_NODES)
        return err_make(E_LIMIT, "more than %u values", TOML_MAX_NODES);
    if (to->type == TOML_TABLE && to->count >= TOML_MAX_MEMBERS)
        return err_make(E_LIMIT, "a table of more than %u keys", TOML_MAX_MEMBERS);
    struct toml *v = ARENA_NEW(r->a, struct toml);
    if (v == NULL)
        return err_make(E_MEMORY, "no memory for TOML");
    v->key = key;
    v->line = r->line;
    if (to->last)
        to->last->next = v;
    else
        to->child = v;
    to->last = v;
    to->count++;
    *out = v;
    return err_ok();
}

static struct toml *
member(const struct toml *table, struct bytes key)
{
    for (struct toml *m = table->child; m; m = m->next)
        if (bytes_eq(m->key, key))
            return m;
    return NULL;
}

static struct err
read_key_part(struct reader *r, struct bytes *out)
{
    int c = peek(r);
    size_t from = r->at;
    if (c == '"' || c == '\'')
        return read_text(r, false, out);
    while (r->at < r->text.n && is_word(c = peek(r)) && c != '.' && c != '+' && c != ':')
        r->at++;
    if (r->at == from)
        return WRONG(r, "expected a key");
    *out = arena_copy(r->a, bytes_sub(r->text, from, r->at - from));
    return out->at ? err_ok() : err_make(E_MEMORY, "no memory for TOML");
}

/* One step of a dotted key or a header: the table ${key} below ${at}, made when it is not there. */
static struct err
step(struct reader *r, struct toml **at, struct bytes key, unsigned char how)
{
    struct toml *next = member(*at, key);
    if (next == NULL) {
        TRY(add(r, *at, key, &next));
        next->type = TOML_TABLE;
        next->how = how;
    } else if (next->type == TOML_LIST && next->how == BY_HEADER && how == BY_PATH && next->last) {
        next = next->last; /* [[list]] and then [list.table]: the newest item */
    } else if (next->type != TOML_TABLE || next->how == CLOSED || (how == BY_DOTTED && next->how != BY_DOTTED)) {
        return WRONG(r, "'%.*s' is defined already (line %d)", BYTES_CUT(key, 60), next->line);
    }
    *at = next;
    return err_ok();
}

/* a.b.c: walks to the table of the last part, which is left in ${key}. */
static struct err
read_path(struct reader *r, struct toml **at, unsigned char how, struct bytes *key)
{
    for (unsigned depth = 0;; depth++) {
        skip_blanks(r);
        TRY(read_key_part(r, key));
        skip_blanks(r);
        if (peek(r) != '.')
            return err_ok();
        if (depth == TOML_MAX_DEPTH)
            return err_make(E_LIMIT, "a key of more than %u parts", TOML_MAX_DEPTH);
        r->at++;
        TRY(step(r, at, *key, how));
    }
}

static struct err read_value(struct reader *r, struct toml *v, unsigned depth);

static struct err
read_list(struct reader *r, struct toml *v, unsigned depth)
{
    v->type = TOML_LIST;
    v->how = CLOSED;
    r->at++;
    for (;;) {
        struct toml *item;
        TRY(skip_all(r));
        if (peek(r) == ']')
            break;
        TRY(add(r, v, (struct bytes){NULL, 0}, &item));
        item->key_at = r->at;
        TRY(read_value(r, item, depth + 1));
        TRY(skip_all(r));
        if (peek(r) == ',')
            r->at++;
        else if (peek(r) != ']')
            return WRONG(r, "expected ',' or ']' in a list");
    }
    r->at++;
    return err_ok();
}

static struct err
read_pair(struct reader *r, struct toml *table, unsigned depth)
{
    struct bytes key;
    struct toml *at = table, *v;
    size_t began = r->at;
    TRY(read_path(r, &at, BY_DOTTED, &key));
    if (peek(r) != '=')
        return WRONG(r, "expected '=' behind the key '%.*s'", BYTES_CUT(key, 60));
    r->at++;
    if ((v = member(at, key)) != NULL)
        return WRONG(r, "'%.*s' is defined already (line %d)", BYTES_CUT(key, 60), v->line);
    TRY(add(r, at, key, &v));
    v->key_at = began;
    skip_blanks(r);
    return read_value(r, v, depth + 1);
}

/* Nothing may be added to an inline table afterwards, nor to what its dotted keys made. */
static void
close_tables(struct toml *v)
{
    v->how = CLOSED;
    for (struct toml *m = v->child; m; m = m->next)
        if (m->type == TOML_TABLE && m->how == BY_DOTTED)
            close_tables(m);
}

static struct err
read_inline(struct reader *r, struct toml *v, unsigned depth)
{
    v->type = TOML_TABLE;
    v->how = BY_DOTTED;
    r->at++;
    skip_blanks(r);
    while (peek(r) != '}') {
        TRY(read_pair(r, v, depth));
        skip_blanks(r);
        if (peek(r) == '}')
            break;
        if (peek(r) != ',')
            return WRONG(r, "expected ',' or '}' in an inline table (it stands on one line)");
        r->at++;
        skip_blanks(r);
        if (peek(r) == '}')
            return WRONG(r, "no ',' before '}'");
    }
    r->at++;
    close_tables(v);
    return err_ok();
}

static struct err
read_any(struct reader *r, struct toml *v, unsigned depth)
{
    switch (peek(r)) {
    case '"':
    case '\'':
        v->type = TOML_TEXT;
        return read_text(r, true, &v->text);
    case '[':
        return read_list(r, v, depth);
    case '{':
        return read_inline(r, v, depth);
    default:
        return read_word(r, v);
    }
}

static struct err
read_value(struct reader *r, struct toml *v, unsigned depth)
{
    if (depth > TOML_MAX_DEPTH)
        return err_make(E_LIMIT, "nested deeper than %u levels", TOML_MAX_DEPTH);
    v->at = r->at;
    TRY(read_any(r, v, depth));
    v->end = r->at;
    return err_ok();
}

static struct err
open_table(struct reader *r, struct toml *at, struct bytes key)
{
    struct toml *t = member(at, key);
    if (t == NULL) {
        TRY(add(r, at, key, &t));
        t->type = TOML_TABLE;
    } else if (t->type != TOML_TABLE || t->how != BY_PATH) {
        return WRONG(r, "[%.*s] is defined already (line %d)", BYTES_CUT(key, 60), t->line);
    }
    t->how = BY_HEADER;
    t->line = r->line;
    t->key_at = t->at = r->began;
    r->here = t;
    return err_ok();
}

static struct err
open_item(struct reader *r, struct toml *at, struct bytes key)
{
    struct toml *list = member(at, key), *item;
    if (list == NULL) {
        TRY(add(r, at, key, &list));
        list->type = TOML_LIST;
        list->how = BY_HEADER;
    } else if (list->type != TOML_LIST || list->how != BY_HEADER) {
        return WRONG(r, "[[%.*s]] is defined already as something else (line %d)", BYTES_CUT(key, 60), list->line);
    }
    TRY(add(r, list, (struct bytes){NULL, 0}, &item));
    item->type = TOML_TABLE;
    item->how = BY_HEADER;
    item->key_at = item->at = r->began;
    r->here = item;
    return err_ok();
}

static struct err
read_header(struct reader *r)
{
    bool item = looks_at(r, "[[");
    struct bytes key;
    struct toml *at = r->root;
    r->at += item ? 2 : 1;
    TRY(read_path(r, &at, BY_PATH, &key));
    if (!looks_at(r, item ? "]]" : "]"))
        return WRONG(r, "expected '%s' behind the name of the table", item ? "]]" : "]");
    r->at += item ? 2 : 1;
    return item ? open_item(r, at, key) : open_table(r, at, key);
}

static struct err
read_document(struct reader *r)
{
    for (;;) {
        TRY(skip_all(r));
        if (r->at == r->text.n)
            return err_ok();
        r->began = r->at;
        TRY(peek(r) == '[' ? read_header(r) : read_pair(r, r->here, 0));
        TRY(end_of_line(r));
        r->here->end = r->at;
    }
}

struct err
toml_parse(struct arena *a, struct bytes text, struct toml **out, int *line)
{
    *line = 1;
    if (text.n > TOML_MAX_BYTES)
        return err_make(E_LIMIT, "more than %zu bytes", TOML_MAX_BYTES);
    if (!bytes_utf8(text))
        return err_make(E_TOML, "the text is not UTF-8");
    struct toml *root = ARENA_NEW(a, struct toml);
    if (root == NULL)
        return err_make(E_MEMORY, "no memory for TOML");
    *root = (struct toml){.type = TOML_TABLE, .how = BY_HEADER, .line = 1};
    struct reader r = {.a = a, .text = text, .line = 1, .root = root, .here = root};
    struct err e = read_document(&r);
    *line = r.line;
    if (!err_failed(e))
        *out = root;
    return e;
}
