/*
 * URIs of resources, as far as grants and policies need them: one spelling for one place (RFC 3986 §6.2.2), and whether a pinned template
 * (RFC 6570) could have given this one. Two programs that read a URI differently would let what is decided and what is read come apart, so
 * what has another spelling is refused, not rewritten: the server gets the bytes that were decided on.
 */
#include "estate/uri.h"

#include <string.h>

#define TOKENS_MAX (NAME_MAX_OTHER + 64u)

static bool
in(uint8_t c, const char *set)
{
    return c && strchr(set, c);
}

static bool
letter(uint8_t c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool
digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool
unreserved(uint8_t c)
{
    return letter(c) || digit(c) || in(c, "-._~");
}

static int
hex(uint8_t c)
{
    return digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
any_hex(uint8_t c)
{
    return digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* ------------------------------------------------------------------------------------------------------------ one spelling */

/* What some reader takes for "/", "." or "\" (NFKC), or shows as nothing. */
static bool
pretends(struct bytes decoded)
{
    static const char *const forms[] = {"\xef\xbc\x8f", "\xef\xbc\x8e", "\xef\xbc\xbc", "\xe2\x81\x84", "\xe2\x88\x95",
                                        "\xe2\x80\xa4", "\xe2\x80\xa5", "\xe2\x80\xa6", "\xef\xb9\xa8", "\xe2\x80\x8b",
                                        "\xe2\x80\x8c", "\xe2\x80\x8d", "\xe2\x81\xa0", "\xef\xbb\xbf", "\xc2\xad"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (bytes_search(decoded, bytes_str(forms[i])) < decoded.n)
            return true;
    return false;
}

static const char *
encoded_fault(struct bytes uri, size_t i)
{
    int high = i + 2 < uri.n ? hex(uri.at[i + 1]) : -1, low = i + 2 < uri.n ? hex(uri.at[i + 2]) : -1;
    if (high < 0 || low < 0)
        return "a percent sign is not followed by two upper-case hex digits";
    uint8_t c = (uint8_t)(high * 16 + low);
    if (unreserved(c))
        return "it encodes a character that needs no encoding";
    if (c < 0x20 || c == 0x7f || c == '\\')
        return "it holds an encoded control character or backslash";
    if (c == '%' && i + 4 < uri.n && any_hex(uri.at[i + 3]) && any_hex(uri.at[i + 4]))
        return "it is encoded twice";
    return NULL;
}

static const char *
characters_fault(struct bytes uri)
{
    for (size_t i = 0; i < uri.n; i++) {
        uint8_t c = uri.at[i];
        const char *fault = c == '%' ? encoded_fault(uri, i) : NULL;
        if (fault)
            return fault;
        if (c >= 0x7f)
            return "it holds characters that are not ASCII; they have to be percent-encoded";
        if (c <= 0x20 || in(c, "\"<>\\^`{|}"))
            return "it holds a character that no URI has";
        if (c == '#')
            return "it has a fragment";
    }
    return uri.at[uri.n - 1] == '?' ? "its query is empty" : NULL;
}

/* The scheme's length without the colon, or 0. */
static size_t
scheme_of(struct bytes uri)
{
    size_t n = 0;
    while (n < uri.n && (letter(uri.at[n]) || (n && (digit(uri.at[n]) || in(uri.at[n], "+-.")))))
        n++;
    return n < uri.n && uri.at[n] == ':' ? n : 0;
}

static bool
has_capital(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == '%')
            i += 2;
        else if (text.at[i] >= 'A' && text.at[i] <= 'Z')
            return true;
    }
    return false;
}

static struct bytes
decode(struct bytes text, uint8_t *room)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        room[n++] = text.at[i] == '%' ? (uint8_t)(hex(text.at[i + 1]) * 16 + hex(text.at[i + 2])) : text.at[i];
        i += text.at[i] == '%' ? 2 : 0;
    }
    return bytes_make(room, n);
}

/* "." and ".." as whole segments, "..;x" among them: some servers cut what follows a semicolon. */
static bool
has_dots(struct bytes path)
{
    while (path.n) {
        struct bytes part = bytes_sub(path, 0, bytes_find(path, '/')), name = bytes_sub(part, 0, bytes_find(part, ';'));
        if (bytes_is(name, ".") || bytes_is(name, ".."))
            return true;
        path = bytes_sub(path, part.n + 1, path.n);
    }
    return false;
}

const char *
uri_fault(struct bytes uri)
{
    uint8_t room[URI_MAX];
    if (uri.n == 0 || uri.n > URI_MAX)
        return "it must have 1 to 4096 bytes";
    const char *fault = characters_fault(uri);
    if (fault)
        return fault;
    size_t scheme = scheme_of(uri);
    struct bytes rest = scheme ? bytes_sub(uri, scheme + 1, uri.n) : uri, authority = {NULL, 0};
    if (has_capital(bytes_sub(uri, 0, scheme)))
        return "its scheme has capital letters";
    if (bytes_starts(rest, BYTES("//"))) {
        rest = bytes_sub(rest, 2, rest.n);
        size_t end = 0;
        while (end < rest.n && rest.at[end] != '/' && rest.at[end] != '?')
            end++;
        authority = bytes_sub(rest, 0, end);
        rest = bytes_sub(rest, end, rest.n);
    }
    if (has_capital(authority))
        return "the name behind its // has capital letters";
    struct bytes decoded = decode(uri, room);
    if (!bytes_utf8(decoded))
        return "what it encodes is not UTF-8";
    if (pretends(decoded))
        return "it holds characters that look like others or like nothing";
    decoded = decode(bytes_sub(rest, 0, bytes_find(rest, '?')), room);
    return has_dots(decoded) || bytes_is(authority, ".") || bytes_is(authority, "..") ? "it has dot segments" : NULL;
}

bool
uri_has_slash_encoded(struct bytes uri)
{
    return bytes_search(uri, BYTES("%2F")) < uri.n;
}

/* --------------------------------------------------------------------------------------------------------------- templates */

enum token_kind { TOKEN_LITERAL, TOKEN_OPENER, TOKEN_VALUE };
struct token {
    enum token_kind kind;
    char byte;         /* of a literal, or that a value begins with: then it and the value behind it may be missing */
    bool open;         /* reserved characters stand as they are: {+x}, {#x} */
    const char *more;  /* characters besides */
};

struct tokens {
    struct token list[TOKENS_MAX];
    size_t n;
    bool failed;
};

static void
push(struct tokens *t, struct token token)
{
    if (t->n == TOKENS_MAX)
        t->failed = true;
    else
        t->list[t->n++] = token;
}

/* RFC 6570 §3.2: what an expression can expand to, as runs of characters. Names and lengths are not looked at. */
static const struct operator
{
    char name, first, next; /* what stands before the first value, and before others; 0: nothing, resp. a comma */
    bool open;
    const char *one, *many; /* characters beside unreserved and encoded ones, without and with * */
}
operators[] = {
    {0, 0, 0, false, ",", ",="},        {'+', 0, 0, true, "", ""},           {'#', '#', 0, true, "", ""},         {'.', '.', '.', false, ",", ",=."},
    {'/', '/', '/', false, ",", ",=/"}, {';', ';', ';', false, ",=", ",=;"}, {'?', '?', '&', false, ",=", ",=&"}, {'&', '&', '&', false, ",=", ",=&"},
};

static const struct
operator* operator_of(struct bytes expression)
{
    for (size_t i = 1; expression.n && i < sizeof operators / sizeof *operators; i++)
        if (expression.at[0] == (uint8_t)operators[i].name)
            return &operators[i];
    return &operators[0];
}

static void
push_expression(struct tokens *t, struct bytes expression)
{
    const struct operator* o = operator_of(expression);
    bool first = true;
    expression = bytes_sub(expression, o->name ? 1 : 0, expression.n);
    while (expression.n) {
        struct bytes one = bytes_split(&expression, ',');
        char opener = first ? o->first : o->next;
        if (opener)
            push(t, (struct token){.kind = TOKEN_OPENER, .byte = opener});
        push(t, (struct token){.kind = TOKEN_VALUE, .open = o->open, .more = bytes_ends(one, BYTES("*")) ? o->many : o->one});
        first = false;
    }
}

static bool
read_template(struct bytes template, struct tokens *t)
{
    *t = (struct tokens){.n = 0};
    while (template.n && !t->failed) {
        if (template.at[0] != '{') {
            push(t, (struct token){.kind = TOKEN_LITERAL, .byte = (char)template.at[0]});
            template = bytes_sub(template, 1, template.n);
            continue;
        }
        size_t end = bytes_find(template, '}');
        if (end == template.n || end == 1)
            return false;
        push_expression(t, bytes_sub(template, 1, end - 1));
        template = bytes_sub(template, end + 1, template.n);
    }
    return !t->failed;
}

/* May ${token} take the character at ${i}? An encoded slash is a slash only to a value that could not hold a plain one. */
static bool
takes(const struct token *token, struct bytes uri, size_t i)
{
    uint8_t c = uri.at[i];
    if (c == '%')
        return !token->open || !bytes_starts(bytes_sub(uri, i, uri.n), BYTES("%2F"));
    return unreserved(c) || in(c, token->more) || (token->open && in(c, ":/?#[]@!$&'()*+,;="));
}

/* What may come next without a character of the URI: values may be empty, and a value with what opens it may be missing. */
static void
follow(const struct tokens *t, bool *at)
{
    for (size_t i = 0; i < t->n; i++) {
        if (!at[i])
            continue;
        if (t->list[i].kind == TOKEN_VALUE)
            at[i + 1] = true;
        else if (t->list[i].kind == TOKEN_OPENER)
            at[i + 2] = true;
    }
}

/* One character further; false when no way goes on. */
static bool
step(const struct tokens *t, const bool *at, bool *to, struct bytes uri, size_t i)
{
    bool any = false;
    memset(to, 0, t->n + 3);
    for (size_t k = 0; k < t->n; k++) {
        const struct token *token = &t->list[k];
        if (!at[k])
            continue;
        if (token->kind == TOKEN_VALUE)
            to[k] |= takes(token, uri, i);
        else
            to[k + 1] |= (uint8_t)token->byte == uri.at[i];
        any |= to[k] || to[k + 1];
    }
    follow(t, to);
    return any;
}

/* ${whole}: the URI must end where the template does; else the template may go on. */
static bool
matches(struct bytes template, struct bytes uri, bool whole, size_t *left)
{
    UNINITIALIZED struct tokens t;
    bool rooms[2][TOKENS_MAX + 3] = {{false}};
    if (!read_template(template, &t))
        return false;
    rooms[0][0] = true;
    follow(&t, rooms[0]);
    for (size_t i = 0; i < uri.n; i++) {
        if (*left < t.n)
            return *left = 0, false;
        *left -= t.n;
        if (!step(&t, rooms[i % 2], rooms[(i + 1) % 2], uri, i))
            return false;
    }
    return !whole || rooms[uri.n % 2][t.n];
}

/* Nearly every template differs in its first letters, which costs nothing to see. */
static bool
begins_alike(struct bytes template, struct bytes uri)
{
    struct bytes head = bytes_sub(template, 0, bytes_find(template, '{'));
    size_t n = head.n < uri.n ? head.n : uri.n;
    return bytes_eq(bytes_sub(head, 0, n), bytes_sub(uri, 0, n));
}

bool
uri_template_fits(struct bytes template, struct bytes uri, size_t *left)
{
    return begins_alike(template, uri) && matches(template, uri, true, left);
}

bool
uri_template_begins(struct bytes template, struct bytes start)
{
    size_t left = URI_WORK;
    return begins_alike(template, start) && matches(template, start, false, &left);
}
