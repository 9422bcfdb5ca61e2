#include "base/json.h"

#include "base/sort.h"

#include <stdio.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

const struct json_limits json_limits_default = {.bytes = (size_t)4 << 20, .depth = 64, .nodes = 200000};

#define DEPTH_MAX 256
#define KEYS_SORTED_ABOVE 16

struct reader {
    struct arena *a;
    struct bytes text;
    size_t at;
    size_t nodes, nodes_max, depth_max;
};

static struct err
wrong(const struct reader *r, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < r->at && i < r->text.n; i++) {
        column++;
        if (r->text.at[i] == '\n')
            line++, column = 1;
    }
    return err_make(E_JSON, "line %zu, column %zu: %s", line, column, what);
}

static inline void
skip_space(struct reader *r)
{
    while (r->at < r->text.n) {
        uint8_t c = r->text.at[r->at];
        if (c > ' ' || (c != ' ' && c != '\t' && c != '\n' && c != '\r'))
            return;
        r->at++;
    }
}

static int
peek(const struct reader *r)
{
    return r->at < r->text.n ? r->text.at[r->at] : -1;
}

static inline bool
take(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if (r->text.n - r->at < n || memcmp(r->text.at + r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

static inline bool
take_byte(struct reader *r, uint8_t c)
{
    if (r->at >= r->text.n || r->text.at[r->at] != c)
        return false;
    r->at++;
    return true;
}

static bool
hex4(struct reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(r);
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (c < 0 || d < 0)
            return false;
        *out = *out << 4 | (uint32_t)d;
        r->at++;
    }
    return true;
}

static size_t
put_utf8(uint8_t *to, uint32_t c)
{
    if (c < 0x80)
        return to[0] = (uint8_t)c, 1;
    if (c < 0x800)
        return to[0] = (uint8_t)(0xc0 | c >> 6), to[1] = (uint8_t)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return to[0] = (uint8_t)(0xe0 | c >> 12), to[1] = (uint8_t)(0x80 | (c >> 6 & 63)), to[2] = (uint8_t)(0x80 | (c & 63)), 3;
    to[0] = (uint8_t)(0xf0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    to[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

/* r->at stands behind "\u"; a surrogate must be the first half of a pair (RFC 8259 §7). */
static struct err
read_unicode(struct reader *r, uint8_t *to, size_t *n)
{
    uint32_t c, low;
    if (!hex4(r, &c))
        return wrong(r, "\\u needs four hexadecimal digits");
    if (c >= 0xdc00 && c <= 0xdfff)
        return wrong(r, "the second half of a surrogate pair stands alone");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (!take(r, "\\u") || !hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
            return wrong(r, "the first half of a surrogate pair stands alone");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *n += put_utf8(to + *n, c);
    return err_ok();
}

static struct err
read_escape(struct reader *r, uint8_t *to, size_t *n)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    r->at++;
    if (c == 'u')
        return read_unicode(r, to, n);
    const char *p = c > 0 ? strchr(from, c) : NULL;
    if (p == NULL)
        return wrong(r, "unknown escape in a string");
    to[(*n)++] = (uint8_t)into[p - from];
    return err_ok();
}

/* r->at stands behind the opening quote; ${end} is the closing one. An escape never gets longer when it is undone. */
static struct err
unescape(struct reader *r, size_t end, struct bytes *out)
{
    uint8_t *to = arena_get(r->a, end - r->at + 1);
    size_t n = 0;
    if (to == NULL)
        return err_make(E_MEMORY, "no memory for a string of %zu bytes", end - r->at);
    while (r->at < end) {
        uint8_t c = r->text.at[r->at++];
        if (c != '\\') {
            to[n++] = c;
            continue;
        }
        TRY(read_escape(r, to, &n));
    }
    *out = (struct bytes){to, n};
    return err_ok();
}

/* Bytes that end a plain run: '"', '\\' and control characters. */
static inline bool
stops(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static __attribute__((noinline)) size_t
string_stop_near(struct bytes text, size_t at)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    for (uint64_t eight; text.n - at >= 8; at += 8) {
        memcpy(&eight, text.at + at, 8);
        uint64_t quotes = eight ^ (ones * '"'), slashes = eight ^ (ones * '\\');
        if ((((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes) | ((eight - ones * 0x20) & ~eight)) & highs)
            break;
    }
    while (at < text.n && !stops(text.at[at]))
        at++;
    return at;
}

/* The next byte at or behind ${at} that stops a string, or the end of the text: 16 or eight bytes at a look. */
static inline size_t
string_stop(struct bytes text, size_t at)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
    for (; text.n - at >= 16; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i_u *)(text.at + at));
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)), _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        int mask = _mm_movemask_epi8(hit);
        if (mask)
            return at + (size_t)__builtin_ctz((unsigned)mask);
    }
#endif
    return string_stop_near(text, at);
}

/* r->at stands behind the opening quote; ${end} is where it stops first. */
static __attribute__((noinline)) struct err
read_odd_string(struct reader *r, size_t end, struct bytes *out)
{
    for (;; end++) { /* an escape's second byte may have been the last of the text */
        end = end < r->text.n ? string_stop(r->text, end) : end;
        if (end >= r->text.n) {
            r->at = r->text.n;
            return wrong(r, "the text ends inside a string");
        }
        uint8_t c = r->text.at[end];
        if (c == '"')
            break;
        if (c < 0x20) {
            r->at = end;
            return wrong(r, "a control character in a string must be escaped");
        }
        end++;
    }
    TRY(unescape(r, end, out));
    r->at = end + 1;
    return err_ok();
}

static inline struct err
read_string(struct reader *r, struct bytes *out)
{
    size_t from = ++r->at, end = from < r->text.n ? string_stop(r->text, from) : from;
    if (end >= r->text.n || r->text.at[end] != '"')
        return read_odd_string(r, end, out);
    *out = (struct bytes){r->text.at + from, end - from};
    r->at = end + 1;
    return err_ok();
}

static bool
take_digits(struct reader *r)
{
    size_t from = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    return r->at > from;
}

/* An integer that fits 64 bits is exact; "-0" stays a number with its text, since no integer is it. */
static void
number_value(struct json *v)
{
    struct bytes t = v->text;
    bool minus = t.at[0] == '-';
    uint64_t size;
    v->type = JSON_NUMBER;
    if (!bytes_u64(bytes_sub(t, minus, t.n), &size) || (minus && size == 0))
        return;
    if (size > (uint64_t)INT64_MAX + minus)
        return;
    v->type = JSON_INT;
    v->number = minus ? (int64_t)(0 - size) : (int64_t)size;
}

static struct err
read_number(struct reader *r, struct json *v)
{
    size_t from = r->at;
    if (peek(r) == '-')
        r->at++;
    size_t whole = r->at;
    if (!take_digits(r))
        return wrong(r, "expected a value");
    if (r->text.at[whole] == '0' && r->at > whole + 1)
        return wrong(r, "a number may not start with 0");
    if (peek(r) == '.' && (r->at++, !take_digits(r)))
        return wrong(r, "a fraction needs digits");
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        if (peek(r) == '+' || peek(r) == '-')
            r->at++;
        if (!take_digits(r))
            return wrong(r, "an exponent needs digits");
    }
    v->text = (struct bytes){r->text.at + from, r->at - from};
    number_value(v);
    return err_ok();
}

static struct err
read_scalar(struct reader *r, struct json *v)
{
    int c = peek(r);
    if (c == '"') {
        v->type = JSON_STRING;
        return read_string(r, &v->text);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(r, v);
    if (take(r, "null"))
        return v->type = JSON_NULL, err_ok();
    if (take(r, "true") || take(r, "false")) {
        v->type = JSON_BOOL;
        v->truth = r->text.at[r->at - 2] == 'u';
        return err_ok();
    }
    return wrong(r, c < 0 ? "the text ends where a value was expected" : "expected a value");
}

static int
by_key(const void *a, const void *b)
{
    return bytes_cmp((*(struct json *const *)a)->key, (*(struct json *const *)b)->key);
}

static struct err
duplicate(struct reader *r, struct bytes key)
{
    r->at = (size_t)(key.at >= r->text.at && key.at < r->text.at + r->text.n ? key.at - r->text.at : (ptrdiff_t)r->at);
    char what[128];
    snprintf(what, sizeof what, "the key \"%.*s\" stands twice in one object", BYTES_CUT(key, 60));
    return wrong(r, what);
}

static struct err
refuse_duplicates(struct reader *r, const struct json *object)
{
    if (object->count <= KEYS_SORTED_ABOVE) {
        for (struct json *m = object->child; m; m = m->next)
            for (struct json *o = m->next; o; o = o->next)
                if (bytes_eq(m->key, o->key))
                    return duplicate(r, o->key);
        return err_ok();
    }
    struct json **list = arena_list(r->a, object->count, sizeof(struct json *));
    if (list == NULL)
        return err_make(E_MEMORY, "no memory to compare %zu keys", object->count);
    size_t n = 0;
    for (struct json *m = object->child; m; m = m->next)
        list[n++] = m;
    sort_in_place(list, n, sizeof *list, by_key);
    struct err e = err_ok();
    for (size_t i = 1; i < n && !err_failed(e); i++)
        if (bytes_eq(list[i - 1]->key, list[i]->key))
            e = duplicate(r, list[i]->key);
    return e;
}

/* A place in the tree that is being filled; the stack of them stands in for recursion. */
struct level {
    struct json *at;
    struct json **end;
};

static struct err
new_node(struct reader *r, struct json **out)
{
    if (++r->nodes > r->nodes_max)
        return err_make(E_LIMIT, "more than %zu values in one JSON text", r->nodes_max);
    *out = ARENA_NEW(r->a, struct json);
    return *out ? err_ok() : err_make(E_MEMORY, "no memory for a JSON value");
}

static struct err
read_key(struct reader *r, struct json *v)
{
    if (peek(r) != '"')
        return wrong(r, "expected a key in double quotes");
    TRY(read_string(r, &v->key));
    skip_space(r);
    if (!take_byte(r, ':'))
        return wrong(r, "expected ':' behind the key");
    skip_space(r);
    return err_ok();
}

/* Behind a value: close what ends here. True in ${done} when the whole text is one finished value. */
static struct err
after_value(struct reader *r, struct level *stack, size_t *depth, bool *done)
{
    while (*depth) {
        struct json *holder = stack[*depth - 1].at;
        char close = holder->type == JSON_OBJECT ? '}' : ']';
        skip_space(r);
        if (take_byte(r, ',')) {
            skip_space(r);
            return err_ok();
        }
        if (peek(r) != close)
            return wrong(r, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        r->at++;
        holder->raw.n = (size_t)(r->text.at + r->at - holder->raw.at);
        if (holder->type == JSON_OBJECT)
            TRY(refuse_duplicates(r, holder));
        --*depth;
    }
    *done = true;
    return err_ok();
}

static struct err
open_holder(struct reader *r, struct json *v, struct level *stack, size_t *depth, bool *empty)
{
    v->type = peek(r) == '{' ? JSON_OBJECT : JSON_ARRAY;
    if (*depth >= r->depth_max)
        return err_make(E_LIMIT, "JSON nested deeper than %zu levels", r->depth_max);
    r->at++;
    skip_space(r);
    *empty = peek(r) == (v->type == JSON_OBJECT ? '}' : ']');
    if (*empty) {
        r->at++;
        v->raw.n = (size_t)(r->text.at + r->at - v->raw.at);
        return err_ok();
    }
    stack[(*depth)++] = (struct level){v, &v->child};
    return err_ok();
}

static struct err
read_tree(struct reader *r, struct json **out)
{
    UNINITIALIZED struct level stack[DEPTH_MAX];
    size_t depth = 0;
    bool done = false;
    while (!done) {
        struct json *v;
        TRY(new_node(r, &v));
        if (depth) {
            struct level *top = &stack[depth - 1];
            if (top->at->type == JSON_OBJECT)
                TRY(read_key(r, v));
            *top->end = v;
            top->end = &v->next;
            top->at->count++;
        } else {
            *out = v;
        }
        v->raw.at = r->text.at + r->at;
        if (peek(r) == '{' || peek(r) == '[') {
            bool empty = false;
            TRY(open_holder(r, v, stack, &depth, &empty));
            if (!empty)
                continue;
        } else {
            TRY(read_scalar(r, v));
            v->raw.n = (size_t)(r->text.at + r->at - v->raw.at);
        }
        TRY(after_value(r, stack, &depth, &done));
    }
    return err_ok();
}

struct err
json_parse(struct arena *a, struct bytes text, const struct json_limits *limits, struct json **out)
{
    if (limits == NULL)
        limits = &json_limits_default;
    if (text.at == NULL)
        text = BYTES("");
    *out = NULL;
    if (text.n > limits->bytes)
        return err_make(E_LIMIT, "a JSON text of %zu bytes; at most %zu are accepted", text.n, limits->bytes);
    if (!bytes_utf8(text))
        return err_make(E_JSON, "the text is not valid UTF-8");
    struct reader r = {.a = a, .text = text, .nodes_max = limits->nodes, .depth_max = limits->depth < DEPTH_MAX ? limits->depth : DEPTH_MAX};
    skip_space(&r);
    struct json *v = NULL;
    TRY(read_tree(&r, &v));
    skip_space(&r);
    if (r.at < r.text.n)
        return wrong(&r, "something stands behind the value");
    *out = v;
    return err_ok();
}

struct json *
json_find(const struct json *object, struct bytes key)
{
    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    for (struct json *m = object->child; m; m = m->next)
        if (m->key.n == key.n && (key.n == 0 || (m->key.at[0] == key.at[0] && memcmp(m->key.at, key.at, key.n) == 0)))
            return m;
    return NULL;
}

const char *
json_type_name(enum json_type type)
{
    static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};
    return names[type];
}

static bool
equal_scalar(const struct json *a, const struct json *b)
{
    switch (a->type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return a->truth == b->truth;
    case JSON_INT:
        return a->number == b->number;
    default:
        return bytes_eq(a->text, b->text);
    }
}

/* Depth is bounded by the parser (DEPTH_MAX), so recursion is. */
bool
json_equal(const struct json *a, const struct json *b)
{
    if (a->type != b->type)
        return false;
    if (a->type != JSON_ARRAY && a->type != JSON_OBJECT)
        return equal_scalar(a, b);
    if (a->count != b->count)
        return false;
    struct json *o = b->child;
    for (struct json *m = a->child; m; m = m->next, o = o->next) {
        const struct json *other = a->type == JSON_OBJECT ? json_find(b, m->key) : o;
        if (other == NULL || !json_equal(m, other))
            return false;
    }
    return true;
}

void
json_item(struct buf *b)
{
    if (b->n && b->at[b->n - 1] != '{' && b->at[b->n - 1] != '[')
        buf_putc(b, ',');
}

/* The same as json_key_bytes for a key that needs no escaping. */
void
json_key_literal(struct buf *b, const char *key, size_t n)
{
    if (!buf_fits(b, n + 4)) {
        json_key_bytes(b, bytes_make(key, n));
        return;
    }
    uint8_t *to = b->at + b->n;
    if (b->n && to[-1] != '{' && to[-1] != '[')
        *to++ = ',';
    *to++ = '"';
    memcpy(to, key, n);
    to += n;
    *to++ = '"';
    *to++ = ':';
    b->n = (size_t)(to - b->at);
}

void
json_key_bytes(struct buf *b, struct bytes key)
{
    json_item(b);
    json_put_text(b, key);
    buf_putc(b, ':');
}

static void
put_escaped(struct buf *b, uint8_t c)
{
    static const char from[] = "\"\\\b\f\n\r\t", into[] = "\"\\bfnrt";
    const char *p = c ? strchr(from, c) : NULL;
    if (p)
        buf_putc(b, '\\'), buf_putc(b, (uint8_t)into[p - from]);
    else
        buf_printf(b, "\\u%04x", c);
}

/* Of eight and of 16 bytes: do they all go out as they are? Only plain ASCII does. */
static inline bool
plain_8(const uint8_t *at)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t eight;
    memcpy(&eight, at, 8);
    uint64_t quote = eight ^ (ones * '"'), slash = eight ^ (ones * '\\'), del = eight ^ (ones * 0x7f);
    return (((quote - ones) | (slash - ones) | (del - ones) | (eight - ones * 0x20) | eight) & highs) == 0;
}

static inline bool
plain_16(const uint8_t *at)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), del = _mm_set1_epi8(0x7f), space = _mm_set1_epi8(0x20);
    __m128i v = _mm_loadu_si128((const __m128i_u *)at); /* signed: bytes from 0x80 are less than a space, too */
    __m128i odd = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)),
                               _mm_or_si128(_mm_cmpeq_epi8(v, del), _mm_cmplt_epi8(v, space)));
    return _mm_movemask_epi8(odd) == 0;
#else
    return plain_8(at) && plain_8(at + 8);
#endif
}

/* The last look covers the end, and some bytes for the second time. */
static bool
all_plain(struct bytes s)
{
    size_t i = 0;
    if (s.n < 8) {
        while (i < s.n && !stops(s.at[i]) && s.at[i] < 0x7f)
            i++;
        return i == s.n;
    }
    if (s.n < 16)
        return plain_8(s.at) && plain_8(s.at + s.n - 8);
    for (; s.n - i > 16; i += 16)
        if (!plain_16(s.at + i))
            return false;
    return plain_16(s.at + s.n - 16);
}

static void
put_text_escaped(struct buf *b, struct bytes s)
{
    bool utf8 = bytes_utf8(s);
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.at[i];
        if (!stops(c) && c != 0x7f && (utf8 || c < 0x80))
            continue;
        buf_put(b, bytes_sub(s, from, i - from));
        from = i + 1;
        if (c >= 0x80)
            buf_puts(b, "\xef\xbf\xbd");
        else
            put_escaped(b, c);
    }
    buf_put(b, bytes_sub(s, from, s.n));
}

void
json_put_text(struct buf *b, struct bytes s)
{
    if (s.n < SIZE_MAX - 2 && buf_fits(b, s.n + 2) && all_plain(s)) {
        uint8_t *to = b->at + b->n;
        to[0] = '"';
        if (s.n)
            memcpy(to + 1, s.at, s.n);
        to[1 + s.n] = '"';
        b->n += s.n + 2;
        return;
    }
    buf_putc(b, '"');
    put_text_escaped(b, s);
    buf_putc(b, '"');
}

struct bytes
json_int_text(int64_t v, char room[24])
{
    char *end = room + 24, *at = end;
    uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--at = (char)('0' + size % 10);
    while (size /= 10);
    if (v < 0)
        *--at = '-';
    return bytes_make(at, (size_t)(end - at));
}

void
json_put_int(struct buf *b, int64_t v)
{
    char room[24];
    buf_put(b, json_int_text(v, room));
}

void
json_put_bool(struct buf *b, bool v)
{
    buf_puts(b, v ? "true" : "false");
}

void
json_put(struct buf *b, const struct json *v)
{
    buf_put(b, v->raw);
}
