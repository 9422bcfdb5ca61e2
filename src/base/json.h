/*
 * JSON, strict (RFC 8259 and more): what decides must read exactly like what executes (law 8). Refused: duplicate keys (compared
 * after unescaping), bad UTF-8, lone surrogates, a BOM, anything behind the value, numbers with leading zeros, nesting past the bound.
 * Integers without fraction or exponent that fit are exact 64-bit values; every other number keeps its text and is never rounded.
 *
 * The tree is zero-copy: strings without escapes and every ${raw} point into the text that was parsed, which must outlive the tree.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/err.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    bool truth;         /* JSON_BOOL */
    int64_t number;     /* JSON_INT */
    struct bytes text;  /* JSON_STRING: unescaped, may hold zeros; JSON_NUMBER: as written */
    struct bytes key;   /* member of an object: its name, unescaped */
    struct bytes raw;   /* the value exactly as it stood in the text */
    size_t count;       /* children of an array or object */
    struct json *child; /* first child, in order of the text */
    struct json *next;  /* next sibling */
};

struct json_limits {
    size_t bytes; /* of the whole text */
    size_t depth; /* of nesting; at most 256 */
    size_t nodes; /* values in all */
};

/* 4 MiB, 64 levels, 200,000 values: fit for one message of a protocol. */
extern const struct json_limits json_limits_default;

/*
 * json_parse(a, text, limits, out): parse all of ${text} into memory of ${a}. ${limits} NULL means the default. Errors: E_JSON with
 * line, column and what is wrong; E_LIMIT naming the bound; E_MEMORY.
 */
struct err json_parse(struct arena *a, struct bytes text, const struct json_limits *limits, struct json **out) MUST_USE;

/* json_find(object, key), json_get(object, "key"): the member, or NULL; NULL also when ${object} is NULL or no object. */
struct json *json_find(const struct json *object, struct bytes key);
static inline struct json *
json_get(const struct json *object, const char *key)
{
    return json_find(object, bytes_str(key));
}
static inline bool
json_is(const struct json *value, enum json_type type)
{
    return value && value->type == type;
}
/* json_text(object, "key"): the string member, or at == NULL when it is absent or no string. */
static inline struct bytes
json_text(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, key);
    return json_is(v, JSON_STRING) ? v->text : (struct bytes){NULL, 0};
}
const char *json_type_name(enum json_type type);
/* json_equal(a, b): same value: members in any order, integers exact; other numbers only when written alike. */
bool json_equal(const struct json *a, const struct json *b);

/*
 * Writing: into a buf, which remembers a failure. Members are written one after another; json_key and json_item put the comma.
 *     json_open(&b, '{'); json_key(&b, "id"); json_put_text(&b, id); json_close(&b, '}');
 */
static inline void
json_open(struct buf *b, char bracket)
{
    buf_putc(b, (uint8_t)bracket);
}
static inline void
json_close(struct buf *b, char bracket)
{
    buf_putc(b, (uint8_t)bracket);
}
void json_item(struct buf *b);
void json_key_bytes(struct buf *b, struct bytes key);
void json_key_literal(struct buf *b, const char *key, size_t n);
/* json_key(b, key): of a literal the compiler knows the length, and that nothing in it has to be escaped. */
static inline void
json_key(struct buf *b, const char *key)
{
    if (__builtin_constant_p(__builtin_strlen(key)) && !__builtin_strchr(key, '"') && !__builtin_strchr(key, '\\'))
        json_key_literal(b, key, __builtin_strlen(key));
    else
        json_key_bytes(b, bytes_str(key));
}
/* json_put_text(b, s): as a JSON string; bytes that are not UTF-8 become U+FFFD. */
void json_put_text(struct buf *b, struct bytes s);
void json_put_int(struct buf *b, int64_t v);
/* json_int_text(v, room): its digits, at the end of ${room}. */
struct bytes json_int_text(int64_t v, char room[24]);
void json_put_bool(struct buf *b, bool v);
/* json_put(b, v): the value as it stood in its text. */
void json_put(struct buf *b, const struct json *v);
/* Shorthands for one member. */
static inline void
json_member_text(struct buf *b, const char *key, struct bytes s)
{
    json_key(b, key);
    json_put_text(b, s);
}
static inline void
json_member_str(struct buf *b, const char *key, const char *s)
{
    json_member_text(b, key, bytes_str(s));
}
static inline void
json_member_int(struct buf *b, const char *key, int64_t v)
{
    json_key(b, key);
    json_put_int(b, v);
}
static inline void
json_member_bool(struct buf *b, const char *key, bool v)
{
    json_key(b, key);
    json_put_bool(b, v);
}
static inline void
json_member_raw(struct buf *b, const char *key, struct bytes raw)
{
    json_key(b, key);
    buf_put(b, raw);
}

#endif
