#include "cedar/lexer.h"

static const char *const spelling[] = {
#define T(token, text) [token] = text,
    TOKEN_TABLE(T)
#undef T
};

/* Unicode White_Space; the policy grammar takes all of it. */
static bool
is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool
is_word(char c, bool first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (!first && c >= '0' && c <= '9');
}

static size_t
char_length(char c)
{
    uint8_t u = (uint8_t)c;
    return u < 0xc0 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
}

static uint32_t
char_at(const struct lexer *l, size_t *n)
{
    const char *p = l->text.at + l->at;
    *n = char_length(*p);
    uint32_t c = *n == 1 ? (uint8_t)*p : (uint8_t)*p & (0x7fu >> *n);
    for (size_t i = 1; i < *n; i++)
        c = c << 6 | ((uint8_t)p[i] & 0x3f);
    return c;
}

size_t
lexer_space(struct cedar_str s)
{
    struct lexer l = {s, 0, 1, 1};
    size_t n;
    return s.n > 0 && is_space(char_at(&l, &n)) ? n : 0;
}

/* Move over ${n} bytes, keeping line and column. */
static void
advance(struct lexer *l, size_t n)
{
    for (size_t end = l->at + n; l->at < end; l->at++) {
        if (l->text.at[l->at] == '\n')
            l->line++, l->column = 1;
        else if (((uint8_t)l->text.at[l->at] & 0xc0) != 0x80)
            l->column++;
    }
}

static char
look(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.n ? l->text.at[l->at + ahead] : 0;
}

static void
skip_space(struct lexer *l)
{
    size_t n;
    while (l->at < l->text.n) {
        if (look(l, 0) == '/' && look(l, 1) == '/')
            for (n = 2; l->at + n < l->text.n && look(l, n) != '\n' && look(l, n) != '\r';)
                n++;
        else if (!is_space(char_at(l, &n)))
            return;
        advance(l, n);
    }
}

/* The length of the string that begins here, quotes included; 0 when it has no end or a newline stands behind a backslash. */
static size_t
string_length(const struct lexer *l)
{
    for (size_t n = 1; l->at + n < l->text.n; n++) {
        char c = look(l, n);
        if (c == '"')
            return n + 1;
        if (c == '\\' && (l->at + ++n >= l->text.n || look(l, n) == '\n'))
            return 0;
    }
    return 0;
}

static size_t
word_length(const struct lexer *l, size_t from)
{
    size_t n = from;
    while (l->at + n < l->text.n && is_word(look(l, n), n == from))
        n++;
    return n == from ? 0 : n;
}

static size_t
number_length(const struct lexer *l)
{
    size_t n = 0;
    while (look(l, n) >= '0' && look(l, n) <= '9')
        n++;
    return n;
}

/* Signs of the schema grammar; all but "::" are single characters there, "<=" is two of them. */
static bool
in_schema(int kind)
{
    return kind == TOKEN_PATH || kind == TOKEN_LESS || kind == TOKEN_GREATER || kind == TOKEN_ASSIGN || kind == TOKEN_AT ||
           (kind >= TOKEN_COMMA && kind <= TOKEN_QUESTION);
}

static size_t
sign_length(const struct lexer *l, enum token_kind *kind)
{
    for (int k = TOKEN_PATH; k < TOKEN_COUNT; k++) {
        size_t n = strlen(spelling[k]);
        if (l->schema && !in_schema(k))
            continue;
        if (l->text.n - l->at >= n && memcmp(l->text.at + l->at, spelling[k], n) == 0)
            return *kind = (enum token_kind)k, n;
    }
    return 0;
}

static size_t
measure(const struct lexer *l, enum token_kind *kind)
{
    char c = look(l, 0);
    if (is_word(c, true))
        return *kind = TOKEN_NAME, word_length(l, 0);
    if (c >= '0' && c <= '9')
        return *kind = TOKEN_NUMBER, number_length(l);
    if (c == '"')
        return *kind = TOKEN_STRING, string_length(l);
    if (c == '?' && !l->schema)
        return *kind = TOKEN_SLOT, word_length(l, 1);
    return sign_length(l, kind);
}

static bool
refuse(const struct lexer *l, struct cedar_error *error)
{
    const char *hint = look(l, 0) == '"'    ? ": this string is not closed, or a line ends behind a backslash in it"
                       : look(l, 0) == '\'' ? ": strings must use double quotes, not single quotes"
                                            : "";
    return error_set(error, CEDAR_SYNTAX, l->line, l->column, "invalid token%s", hint);
}

bool
lexer_next(struct lexer *l, struct token *out, struct cedar_error *error)
{
    skip_space(l);
    *out = (struct token){TOKEN_END, {l->text.at + l->at, 0}, l->line, l->column};
    if (l->at >= l->text.n)
        return true;
    out->text.n = measure(l, &out->kind);
    if (out->text.n == 0)
        return refuse(l, error);
    advance(l, out->text.n);
    return true;
}

/* -------------------------------------------------------------------------------------------- escapes (those of Rust literals) */

struct escapes {
    const char *at, *end; /* between the quotes */
    bool pattern;
    bool wild; /* the character just read is a wildcard */
};

static int
hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind "\x": two digits, at most 7f. */
static bool
read_hex(struct escapes *e, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < 2; i++) {
        int d = e->at < e->end ? hex(*e->at++) : -1;
        if (d < 0)
            return false;
        *c = *c << 4 | (uint32_t)d;
    }
    return *c <= 0x7f;
}

/* Behind "\u": one to six digits in braces, with underscores between them; a Unicode scalar value. */
static bool
read_unicode(struct escapes *e, uint32_t *c)
{
    int digits = 0;
    *c = 0;
    if (e->at >= e->end || *e->at++ != '{' || e->at >= e->end || *e->at == '_')
        return false;
    while (e->at < e->end && *e->at != '}') {
        char next = *e->at++;
        if (next == '_')
            continue;
        if (hex(next) < 0)
            return false;
        if (++digits <= 6)
            *c = *c << 4 | (uint32_t)hex(next);
    }
    if (e->at >= e->end)
        return false;
    e->at++;
    return digits >= 1 && digits <= 6 && *c <= 0x10ffff && (*c < 0xd800 || *c > 0xdfff);
}

static bool
read_escape(struct escapes *e, uint32_t *c)
{
    static const char from[] = "nrt\\0'\"", into[] = "\n\r\t\\\0'\"";
    char kind = *e->at; /* the lexer let no backslash stand last */
    const char *simple = kind ? strchr(from, kind) : NULL;
    e->at += char_length(kind);
    if (kind == 'x')
        return read_hex(e, c);
    if (kind == 'u')
        return read_unicode(e, c);
    *c = simple ? (uint32_t)into[simple - from] : '*';
    return simple || (kind == '*' && e->pattern);
}

static size_t
put_utf8(char *to, uint32_t c)
{
    if (c < 0x80)
        return to[0] = (char)c, 1;
    if (c < 0x800)
        return to[0] = (char)(0xc0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return to[0] = (char)(0xe0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63)), to[2] = (char)(0x80 | (c & 63)), 3;
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 63));
    to[2] = (char)(0x80 | (c >> 6 & 63));
    to[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* One character to ${to}; a wildcard is any '*' of a pattern but the one written "\*", "\u{2a}" included, as in the official engine. */
static bool
read_char(struct escapes *e, char *to, size_t *n)
{
    const char *from = e->at++;
    uint32_t c = (uint8_t)*from;
    e->wild = false;
    if (*from == '\r')
        return false;
    if (*from != '\\') {
        e->wild = e->pattern && c == '*';
        return *to = *from, *n = 1, true;
    }
    bool star = *e->at == '*';
    if (!read_escape(e, &c))
        return false;
    e->wild = e->pattern && c == '*' && !star;
    *n = put_utf8(to, c);
    return true;
}

static bool
bad_escape(const struct token *t, const char *from, const struct escapes *e, struct cedar_error *error)
{
    error_set(error, CEDAR_SYNTAX, t->line, t->column, "the input `");
    struct text more = error_text(error);
    text_str(&more, (struct cedar_str){from, (size_t)(e->at - from)});
    text_add(&more, "` is not a valid escape");
    return false;
}

static struct escapes
inside(const struct token *t, bool pattern)
{
    return (struct escapes){t->text.at + 1, t->text.at + t->text.n - 1, pattern, false};
}

/* Undoing an escape never makes a text longer. */
bool
lexer_string(const struct token *t, struct arena *a, struct cedar_str *out, struct cedar_error *error)
{
    struct escapes e = inside(t, false);
    char *to = arena_get(a, t->text.n);
    size_t n;
    if (to == NULL)
        return error_memory(error);
    *out = (struct cedar_str){to, 0};
    while (e.at < e.end) {
        const char *from = e.at;
        if (!read_char(&e, to + out->n, &n))
            return bad_escape(t, from, &e, error);
        out->n += n;
    }
    return true;
}

bool
lexer_pattern(const struct token *t, struct arena *a, struct pieces *out, struct cedar_error *error)
{
    struct escapes e = inside(t, true);
    char *to = arena_get(a, t->text.n);
    size_t n, most = 1;
    for (size_t i = 0; i < t->text.n; i++)
        most += t->text.at[i] == '*' || t->text.at[i] == '\\';
    out->at = arena_list(a, most, sizeof *out->at);
    if (to == NULL || out->at == NULL)
        return error_memory(error);
    out->n = 1;
    out->at[0] = (struct cedar_str){to, 0};
    while (e.at < e.end) {
        const char *from = e.at;
        if (!read_char(&e, to, &n))
            return bad_escape(t, from, &e, error);
        if (e.wild) {
            out->at[out->n++] = (struct cedar_str){to, 0};
            continue;
        }
        out->at[out->n - 1].n += n;
        to += n;
    }
    return true;
}
