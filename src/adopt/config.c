#include "adopt/config.h"

#include "base/toml.h"

struct reader {
    struct arena *a;
    struct bytes text;
    size_t at, nodes;
    int line;
};

#define WRONG(...) err_make(E_JSON, __VA_ARGS__)

struct config *
config_get(const struct config *map, const char *key)
{
    struct config *m = map && map->type == CONFIG_MAP ? map->child : NULL;
    while (m && !bytes_is(m->key, key))
        m = m->next;
    return m;
}

struct bytes
config_text(const struct config *map, const char *key)
{
    const struct config *m = config_get(map, key);
    return m && m->type == CONFIG_TEXT ? m->text : (struct bytes){NULL, 0};
}

const char *
config_type_name(enum config_type type)
{
    static const char *const names[] = {"null", "true or false", "a number", "a text", "a list", "a map"};
    return names[type];
}

/* ------------------------------------------------------------------------------------------------------------ characters */

static int
peek(const struct reader *r)
{
    return r->at < r->text.n ? r->text.at[r->at] : -1;
}

static int
peek_next(const struct reader *r)
{
    return r->at + 1 < r->text.n ? r->text.at[r->at + 1] : -1;
}

static void
skip_line(struct reader *r)
{
    while (r->at < r->text.n && peek(r) != '\n')
        r->at++;
}

static struct err
skip_block(struct reader *r)
{
    int began = r->line;
    for (r->at += 2; r->at < r->text.n; r->at++) {
        r->line += peek(r) == '\n';
        if (peek(r) == '*' && peek_next(r) == '/') {
            r->at += 2;
            return err_ok();
        }
    }
    return WRONG("the comment that begins in line %d does not end", began);
}

/* Blanks, line ends and comments. */
static struct err
skip(struct reader *r)
{
    for (;;) {
        int c = peek(r);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            r->line += c == '\n';
            r->at++;
        } else if (c == '/' && peek_next(r) == '/') {
            skip_line(r);
        } else if (c == '/' && peek_next(r) == '*') {
            TRY(skip_block(r));
        } else {
            return err_ok();
        }
    }
}

static struct err
unexpected(const struct reader *r, const char *wanted)
{
    int c = peek(r);
    if (c < 0)
        return WRONG("the file ends where %s was expected", wanted);
    if (c > 0x20 && c < 0x7f)
        return WRONG("expected %s, got '%c'", wanted, c);
    return WRONG("expected %s, got the byte 0x%02x", wanted, (unsigned)c);
}

/* ----------------------------------------------------------------------------------------------------------------- texts */

static struct err
read_hex4(struct reader *r, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = peek(r), d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (d < 0)
            return WRONG("\\u needs four hexadecimal digits");
        v = v << 4 | (uint32_t)d;
    }
    *out = v;
    return err_ok();
}

static void
put_rune(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(b, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        buf_putc(b, (uint8_t)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        buf_putc(b, (uint8_t)(0xe0 | c >> 12));
        buf_putc(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    } else {
        buf_putc(b, (uint8_t)(0xf0 | c >> 18));
        buf_putc(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        buf_putc(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_putc(b, (uint8_t)(0x80 | (c & 0x3f)));
}

static struct err
read_unicode(struct reader *r, struct buf *b)
{
    uint32_t c, low;
    TRY(read_hex4(r, &c));
    if (c >= 0xdc00 && c < 0xe000)
        return WRONG("half of a surrogate pair");
    if (c >= 0xd800 && c < 0xdc00) {
        if (peek(r) != '\\' || peek_next(r) != 'u')
            return WRONG("half of a surrogate pair");
        r->at += 2;
        TRY(read_hex4(r, &low));
        if (low < 0xdc00 || low > 0xdfff)
            return WRONG("half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_rune(b, c);
    return err_ok();
}

static struct err
read_escape(struct reader *r, struct buf *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    const char *p = c > 0 ? strchr(from, c) : NULL;
    if (c < 0)
        return WRONG("a text that does not end");
    r->at++;
    if (c == 'u')
        return read_unicode(r, b);
    if (p == NULL)
        return WRONG("a backslash before what needs none");
    buf_putc(b, (uint8_t)to[p - from]);
    return err_ok();
}

static struct err
read_text_into(struct reader *r, struct buf *b)
{
    for (r->at++;;) {
        size_t from = r->at;
        while (r->at < r->text.n && peek(r) != '"' && peek(r) != '\\' && peek(r) >= 0x20)
            r->at++;
        buf_put(b, bytes_sub(r->text, from, r->at - from));
        int c = peek(r);
        if (c < 0 || c == '\n')
            return WRONG("a text that does not end on its line");
        if (c < 0x20)
            return WRONG("a control character in a text; write it as an escape");
        r->at++;
        if (c == '"')
            return err_ok();
        TRY(read_escape(r, b));
    }
}

static struct err
read_text(struct reader *r, struct bytes *out)
{
    struct buf b = buf_make(CONFIG_MAX_BYTES);
    struct err e = read_text_into(r, &b);
    if (!err_failed(e)) {
        *out = b.failed ? (struct bytes){NULL, 0} : arena_copy(r->a, buf_bytes(&b));
        e = out->at ? err_ok() : err_make(E_MEMORY, "no memory for the file");
    }
    bytes_wipe(b.at, b.n);
    buf_free(&b);
    return e;
}

/* ------------------------------------------------------------------------------------------------------------------ tree */

static struct err read_value(struct reader *r, struct config *v, unsigned depth);

static struct err
add(struct reader *r, struct config *to, struct config **out)
{
    if (++r->nodes > CONFIG_MAX_NODES)
        return err_make(E_LIMIT, "more than %u values", CONFIG_MAX_NODES);
    struct config *v = ARENA_NEW(r->a, struct config);
    if (v == NULL)
        return err_make(E_MEMORY, "no memory for the file");
    v->comma = CONFIG_NONE;
    v->line = r->line;
    v->key_at = r->at;
    if (to->last)
        to->last->next = v;
    else
        to->child = v;
    to->last = v;
    to->count++;
    *out = v;
    return err_ok();
}

/* Of a large map only the first members are compared with all others: what is adopted stands in small ones. */
#define TWICE_MAX 300u

static bool
is_twice(const struct config *map, const struct config *v)
{
    size_t n = 0;
    for (const struct config *m = map->child; m != v && n < TWICE_MAX; m = m->next, n++)
        if (bytes_eq(m->key, v->key))
            return true;
    return false;
}

static struct err
read_member(struct reader *r, struct config *map, unsigned depth, struct config **out)
{
    struct config *v;
    if (peek(r) != '"')
        return unexpected(r, "a name in double quotes");
    TRY(add(r, map, &v));
    *out = v;
    TRY(read_text(r, &v->key));
    v->twice = is_twice(map, v);
    TRY(skip(r));
    if (peek(r) != ':')
        return unexpected(r, "':'");
    r->at++;
    TRY(skip(r));
    return read_value(r, v, depth + 1);
}

static struct err
read_item(struct reader *r, struct config *list, unsigned depth, struct config **out)
{
    TRY(add(r, list, out));
    return read_value(r, *out, depth + 1);
}

static struct err
read_inside(struct reader *r, struct config *v, unsigned depth)
{
    bool map = v->type == CONFIG_MAP;
    char close = map ? '}' : ']';
    r->at++;
    for (;;) {
        struct config *one;
        TRY(skip(r));
        if (peek(r) == close)
            break;
        TRY(map ? read_member(r, v, depth, &one) : read_item(r, v, depth, &one));
        TRY(skip(r));
        if (peek(r) == ',')
            one->comma = r->at++;
        else if (peek(r) != close)
            return unexpected(r, map ? "',' or '}'" : "',' or ']'");
    }
    r->at++;
    return err_ok();
}

static bool
is_number(struct bytes w)
{
    size_t i = w.n && w.at[0] == '-', digits = 0;
    for (; i < w.n && w.at[i] >= '0' && w.at[i] <= '9'; i++)
        digits++;
    return digits > 0; /* the rest of its form concerns nobody here */
}

static struct err
read_word(struct reader *r, struct config *v)
{
    size_t from = r->at;
    for (int c = peek(r); c >= 0 && (strchr("+-.", c) || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')); c = peek(r)) {
        if (c == 0)
            break;
        r->at++;
    }
    struct bytes w = bytes_sub(r->text, from, r->at - from);
    v->truth = bytes_is(w, "true");
    if (v->truth || bytes_is(w, "false"))
        v->type = CONFIG_BOOL;
    else if (bytes_is(w, "null"))
        v->type = CONFIG_NULL;
    else if (is_number(w))
        v->type = CONFIG_NUMBER;
    else if (w.n == 0)
        return unexpected(r, "a value");
    else
        return WRONG("a value that is no JSON; texts need double quotes");
    return err_ok();
}

static struct err
read_value(struct reader *r, struct config *v, unsigned depth)
{
    if (depth > CONFIG_MAX_DEPTH)
        return err_make(E_LIMIT, "nested deeper than %u levels", CONFIG_MAX_DEPTH);
    v->at = r->at;
    if (peek(r) == '"') {
        v->type = CONFIG_TEXT;
        TRY(read_text(r, &v->text));
    } else if (peek(r) == '{' || peek(r) == '[') {
        v->type = peek(r) == '{' ? CONFIG_MAP : CONFIG_LIST;
        TRY(read_inside(r, v, depth));
    } else {
        TRY(read_word(r, v));
    }
    v->end = r->at;
    return err_ok();
}

static struct err
read_document(struct reader *r, struct config *root)
{
    if (bytes_starts(r->text, BYTES("\xef\xbb\xbf")))
        r->at = 3;
    TRY(skip(r));
    root->line = r->line;
    root->key_at = r->at;
    TRY(read_value(r, root, 0));
    TRY(skip(r));
    return r->at == r->text.n ? err_ok() : unexpected(r, "the end of the file");
}

struct err
config_json(struct arena *a, struct bytes text, struct config **out, int *line)
{
    struct reader r = {.a = a, .text = text, .line = 1};
    *line = 1;
    if (text.n > CONFIG_MAX_BYTES)
        return err_make(E_LIMIT, "more than %zu MiB", CONFIG_MAX_BYTES >> 20);
    if (!bytes_utf8(text))
        return WRONG("the text is not UTF-8");
    struct config *root = ARENA_NEW(a, struct config);
    if (root == NULL)
        return err_make(E_MEMORY, "no memory for the file");
    root->comma = CONFIG_NONE;
    struct err e = read_document(&r, root);
    *line = r.line;
    *out = err_failed(e) ? NULL : root;
    return e;
}

/* ------------------------------------------------------------------------------------------------------------------ TOML */

static enum config_type
type_of(enum toml_type t)
{
    static const enum config_type types[] = {CONFIG_TEXT, CONFIG_NUMBER, CONFIG_NUMBER, CONFIG_BOOL, CONFIG_LIST, CONFIG_MAP};
    return types[t];
}

/* The tree of TOML is as deep as its own bounds let it (headers and inline values). */
static struct err
convert(struct reader *r, const struct toml *from, struct config *to)
{
    *to = (struct config){.type = type_of(from->type),
                          .truth = from->truth,
                          .text = from->text,
                          .key = from->key,
                          .key_at = from->key_at,
                          .at = from->at,
                          .end = from->end,
                          .comma = CONFIG_NONE,
                          .line = from->line,
                          .next = NULL};
    for (const struct toml *m = from->child; m; m = m->next) {
        struct config *v;
        TRY(add(r, to, &v));
        TRY(convert(r, m, v));
    }
    return err_ok();
}

struct err
config_toml(struct arena *a, struct bytes text, struct config **out, int *line)
{
    struct reader r = {.a = a, .line = 1};
    struct toml *top;
    *out = NULL;
    TRY(toml_parse(a, text, &top, line));
    struct config *root = ARENA_NEW(a, struct config);
    if (root == NULL)
        return err_make(E_MEMORY, "no memory for the file");
    TRY(convert(&r, top, root));
    *out = root;
    return err_ok();
}
