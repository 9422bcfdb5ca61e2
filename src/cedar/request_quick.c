#include "cedar/request_quick.h"

#include "base/err.h"
#include "cedar/ext.h"
#include "cedar/value_json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define DEPTH 16
#define OPEN_MAX 128 /* members and elements of everything that is open at once */

struct quick {
    const uint8_t *at, *end;
    struct arena *a;
    size_t n;
    struct value_field open[OPEN_MAX]; /* of elements only the value */
};

/* ------------------------------------------------------------------------------------------------------------------- tokens */

static inline uint8_t
next(struct quick *q)
{
    while (q->at < q->end && (*q->at == ' ' || *q->at == '\n' || *q->at == '\t' || *q->at == '\r'))
        q->at++;
    return q->at < q->end ? *q->at : 0;
}

static inline bool
take(struct quick *q, uint8_t c)
{
    bool here = next(q) == c;
    q->at += here;
    return here;
}

/* The first byte at or behind ${p} that is a quote, a backslash, a control character or no ASCII; or one before that, near the end. */
#ifdef __SSE2__
static inline const uint8_t *
string_stop(const uint8_t *p, const uint8_t *end)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(' ');
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i low = _mm_cmplt_epi8(v, space); /* with a sign: control characters and what is no ASCII */
        unsigned hits = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)), low));
        if (hits)
            return p + __builtin_ctz(hits);
    }
    return p;
}
#else
static inline const uint8_t *
string_stop(const uint8_t *p, const uint8_t *end)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t eight;
    for (; end - p >= 8; p += 8) {
        memcpy(&eight, p, 8);
        uint64_t quote = eight ^ (ones * '"'), slash = eight ^ (ones * '\\');
        uint64_t hit = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((eight - ones * 0x20) & ~eight) | eight;
        if (hit & highs)
            break;
    }
    return p;
}
#endif

/* With other bytes than ASCII, or near the end of the text. */
static bool
string_on(struct quick *q, const uint8_t *from, const uint8_t *p, struct cedar_str *out)
{
    for (; p < q->end && *p != '"'; p = string_stop(p + 1, q->end))
        if (*p == '\\' || *p < 0x20)
            return false;
    *out = (struct cedar_str){(const char *)from, (size_t)(p - from)};
    q->at = p + 1;
    return p < q->end && bytes_utf8(str_bytes(*out));
}

static inline bool
string(struct quick *q, struct cedar_str *out)
{
    if (next(q) != '"')
        return false;
    const uint8_t *from = q->at + 1, *p = string_stop(from, q->end);
    if (p >= q->end || *p != '"')
        return string_on(q, from, p, out);
    *out = (struct cedar_str){(const char *)from, (size_t)(p - from)};
    q->at = p + 1;
    return true;
}

static bool
key(struct quick *q, struct cedar_str *out)
{
    return string(q, out) && take(q, ':');
}

/* At most 18 digits, which fit; not "-0", which is no integer in JSON of Cedar's. */
static bool
integer(struct quick *q, int64_t *out)
{
    bool minus = *q->at == '-';
    const uint8_t *from = q->at += minus;
    int64_t v = 0;
    for (; q->at < q->end && *q->at >= '0' && *q->at <= '9'; q->at++) {
        if (q->at - from == 18)
            return false;
        v = v * 10 + (*q->at - '0');
    }
    size_t n = (size_t)(q->at - from);
    if (n == 0 || (*from == '0' && (n > 1 || minus)))
        return false;
    *out = minus ? -v : v;
    return true;
}

static bool
word(struct quick *q, const char *text, size_t n)
{
    if ((size_t)(q->end - q->at) < n || memcmp(q->at, text, n) != 0)
        return false;
    q->at += n;
    return true;
}

/* ----------------------------------------------------------------------------------------------------------------- entities */

static inline bool
is_key(struct cedar_str k, const char *text, size_t n)
{
    return k.n == n && memcmp(k.at, text, n) == 0;
}
#define IS_KEY(k, text) is_key(k, text, sizeof(text) - 1)

/* The key of a member that is expected, and its colon; else nothing is taken. */
static inline bool
expect(struct quick *q, const char *quoted, size_t n)
{
    if (next(q) != '"' || (size_t)(q->end - q->at) < n || memcmp(q->at, quoted, n) != 0)
        return false;
    const uint8_t *from = q->at;
    q->at += n;
    if (take(q, ':'))
        return true;
    q->at = from;
    return false;
}
#define EXPECT(q, name) expect(q, "\"" name "\"", sizeof(name) + 1)

/* Behind a brace: "type" and "id", nothing else. */
static bool
type_and_id(struct quick *q, struct cedar_uid *out)
{
    bool typed = EXPECT(q, "type");
    if (!typed && !EXPECT(q, "id"))
        return false;
    if (!string(q, typed ? &out->type : &out->id) || !take(q, ',') || !(typed ? EXPECT(q, "id") : EXPECT(q, "type")))
        return false;
    return string(q, typed ? &out->id : &out->type) && take(q, '}') && json_name_ok(str_bytes(out->type));
}

static bool
entity(struct quick *q, struct cedar_uid *out)
{
    if (!take(q, '{'))
        return false;
    if (!EXPECT(q, "__entity"))
        return type_and_id(q, out);
    return take(q, '{') && type_and_id(q, out) && take(q, '}');
}

/* ------------------------------------------------------------------------------------------------------------------- values */

static const struct cedar_value *value(struct quick *q, unsigned depth);

/* Behind "__extn": {"fn": …, "arg": a string}. */
static const struct cedar_value *
extension(struct quick *q)
{
    struct cedar_str name, text;
    UNINITIALIZED struct fault fault;
    enum ext_function f;
    bool plain = take(q, '{') && EXPECT(q, "fn") && string(q, &name) && take(q, ',') && EXPECT(q, "arg") && string(q, &text) && take(q, '}') &&
                 take(q, '}') && ext_find(name, &f) && ext_arguments(f) == 1;
    const struct cedar_value *arg = plain ? value_string(q->a, text) : NULL;
    if (arg == NULL)
        return NULL;
    fault_reset(&fault);
    return ext_call(f, &arg, 1, q->a, &fault);
}

/* Behind an object's first key that begins with "__": an escape, alone in its object. */
static const struct cedar_value *
escape(struct quick *q, struct cedar_str k)
{
    struct cedar_uid uid;
    if (IS_KEY(k, "__extn"))
        return extension(q);
    if (!IS_KEY(k, "__entity") || !take(q, '{') || !type_and_id(q, &uid) || !take(q, '}'))
        return NULL;
    return value_entity(q->a, uid);
}

/* The last ${n} of what is open, as a record; NULL when a key stands twice. */
static const struct cedar_value *
close_record(struct quick *q, size_t n)
{
    struct value_field *fields = arena_list(q->a, n, sizeof *fields);
    if (fields == NULL)
        return NULL;
    q->n -= n;
    if (n)
        memcpy(fields, q->open + q->n, n * sizeof *fields);
    const struct cedar_value *v = value_record(q->a, fields, n);
    for (size_t i = 1; v && i < n; i++)
        if (str_eq(fields[i - 1].key, fields[i].key))
            return NULL;
    return v;
}

static const struct cedar_value *
record(struct quick *q, unsigned depth)
{
    size_t n = 0;
    for (bool more = !take(q, '}'); more; n++) {
        struct value_field f;
        if (q->n >= OPEN_MAX || !key(q, &f.key))
            return NULL;
        if (n == 0 && f.key.n > 2 && f.key.at[0] == '_' && f.key.at[1] == '_')
            return escape(q, f.key);
        size_t place = q->n++;
        if ((f.value = value(q, depth)) == NULL)
            return NULL;
        q->open[place] = f;
        more = take(q, ',');
        if (!more && !take(q, '}'))
            return NULL;
    }
    return close_record(q, n);
}

static const struct cedar_value *
set(struct quick *q, unsigned depth)
{
    size_t n = 0;
    for (bool more = !take(q, ']'); more; n++) {
        if (q->n >= OPEN_MAX)
            return NULL;
        size_t place = q->n++;
        if ((q->open[place].value = value(q, depth)) == NULL)
            return NULL;
        more = take(q, ',');
        if (!more && !take(q, ']'))
            return NULL;
    }
    const struct cedar_value **list = arena_list(q->a, n, sizeof *list);
    if (list == NULL)
        return NULL;
    q->n -= n;
    for (size_t i = 0; i < n; i++)
        list[i] = q->open[q->n + i].value;
    return value_set(q->a, list, n);
}

/* Recursion: DEPTH. */
static const struct cedar_value *
value(struct quick *q, unsigned depth)
{
    struct cedar_str text;
    int64_t number;
    if (depth == 0)
        return NULL;
    switch (next(q)) {
    case '"':
        return string(q, &text) ? value_string(q->a, text) : NULL;
    case '{':
        q->at++;
        return record(q, depth - 1);
    case '[':
        q->at++;
        return set(q, depth - 1);
    case 't':
        return word(q, "true", 4) ? &value_true : NULL;
    case 'f':
        return word(q, "false", 5) ? &value_false : NULL;
    case '-':
    case '0' ... '9':
        return integer(q, &number) ? value_number(q->a, VALUE_LONG, number) : NULL;
    default:
        return NULL;
    }
}

/* ----------------------------------------------------------------------------------------------------------------- requests */

static bool
part(struct quick *q, struct request_parts *out, unsigned *seen)
{
    unsigned i = EXPECT(q, "principal") ? 0 : EXPECT(q, "action") ? 1 : EXPECT(q, "resource") ? 2 : EXPECT(q, "context") ? 3 : 4;
    if (i == 4 || *seen >> i & 1)
        return false;
    *seen |= 1u << i;
    if (i < 3)
        return entity(q, &out->uid[i]);
    out->context = next(q) == '{' ? value(q, DEPTH) : NULL;
    return out->context && out->context->kind == VALUE_RECORD;
}

bool
request_quick(struct arena *a, struct cedar_str text, struct request_parts *out)
{
    UNINITIALIZED struct quick q;
    unsigned seen = 0;
    q.at = (const uint8_t *)text.at;
    q.end = q.at + text.n;
    q.a = a;
    q.n = 0;
    out->context = NULL;
    if (text.n == 0 || !take(&q, '{'))
        return false;
    do {
        if (!part(&q, out, &seen))
            return false;
    } while (take(&q, ','));
    return take(&q, '}') && next(&q) == 0 && q.at == q.end && (seen & 7) == 7;
}
