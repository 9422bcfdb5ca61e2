/*
 * Bytes: read-only slices passed by value, growing buffers with a declared ceiling, and secrets that are wiped.
 * A slice never owns what it points to; whoever made the memory says how long it lives.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *at;
    size_t n;
};

/* BYTES("literal"): a slice of a string literal, without its final zero. */
#define BYTES(literal) ((struct bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})
/* BYTES_ARG(b): print a slice with printf: printf("%.*s", BYTES_ARG(b)). BYTES_CUT(b, max): at most ${max} bytes of it. */
#define BYTES_CUT(b, max) (int)((b).n > (max) ? (max) : (b).n), (b).n ? (const char *)(b).at : ""
#define BYTES_ARG(b) BYTES_CUT(b, 4096)

static inline struct bytes
bytes_make(const void *at, size_t n)
{
    return (struct bytes){at, n};
}

static inline struct bytes
bytes_str(const char *text)
{
    return text ? (struct bytes){(const uint8_t *)text, strlen(text)} : (struct bytes){NULL, 0};
}

static inline bool
bytes_eq(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

static inline bool
bytes_is(struct bytes a, const char *text)
{
    return bytes_eq(a, bytes_str(text));
}

/* bytes_sub(b, from, n): at most ${n} bytes of ${b} from offset ${from}; empty when ${from} lies past the end. */
static inline struct bytes
bytes_sub(struct bytes b, size_t from, size_t n)
{
    if (from >= b.n)
        return (struct bytes){NULL, 0};
    return (struct bytes){b.at + from, n < b.n - from ? n : b.n - from};
}

/* bytes_text(b, to, room): ${b} as a C string, cut where the room of ${room} bytes ends. Returns its length. */
size_t bytes_text(struct bytes b, char *to, size_t room);
/* bytes_cmp(a, b): order by unsigned bytes, shorter first on a tie; <0, 0 or >0. */
int bytes_cmp(struct bytes a, struct bytes b);
/* bytes_same_secret(a, b): equality in time that depends on the lengths only. */
bool bytes_same_secret(struct bytes a, struct bytes b);
bool bytes_starts(struct bytes b, struct bytes prefix);
bool bytes_ends(struct bytes b, struct bytes suffix);
/* ASCII case-insensitive equality (header names, RFC 9110 §5.1). Most differ in length or in the first letter. */
bool bytes_same_case_all(struct bytes a, struct bytes b);
static inline bool
bytes_same_case(struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    return a.n == 0 || (((a.at[0] ^ b.at[0]) & ~0x20) == 0 && bytes_same_case_all(a, b));
}
/* bytes_find(b, c): offset of the first ${c}, or b.n. */
size_t bytes_find(struct bytes b, uint8_t c);
/* bytes_search(b, needle): offset of the first occurrence, or b.n. An empty needle is at 0. */
size_t bytes_search(struct bytes b, struct bytes needle);
/* bytes_trim(b): without spaces and tabs at both ends. */
struct bytes bytes_trim(struct bytes b);
/* bytes_split(rest, sep): the part of *${rest} before the first ${sep}; *${rest} moves behind it, or becomes empty with at == NULL. */
struct bytes bytes_split(struct bytes *rest, uint8_t sep);
/* bytes_u64(b, out): decimal digits only, no sign, no leading zeros but "0" itself; false on overflow. */
bool bytes_u64(struct bytes b, uint64_t *out);
/* bytes_utf8(b): is it well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF)? */
bool bytes_utf8(struct bytes b);
/* bytes_rune(b, n): the character at the start of ${b}, which is not empty, and its bytes; a byte that begins none counts as U+FFFD. */
uint32_t bytes_rune(struct bytes b, size_t *n);

/*
 * A growing buffer. A put that would pass ${max} or finds no memory changes nothing and sets ${failed}, which sticks: write as
 * much as needed, then look once. buf_free leaves it empty and usable.
 */
struct buf {
    uint8_t *at;
    size_t n, cap, max;
    bool failed;
};

static inline struct buf
buf_make(size_t max)
{
    return (struct buf){NULL, 0, 0, max, false};
}
/* What fits is put in place; the rest is for buf_grow_put. */
void buf_grow_put(struct buf *b, struct bytes s);
static inline bool
buf_fits(const struct buf *b, size_t n)
{
    return !b->failed && n < b->cap - b->n && b->n + n <= b->max;
}
static inline void
buf_put(struct buf *b, struct bytes s)
{
    if (!buf_fits(b, s.n)) {
        buf_grow_put(b, s);
    } else if (s.n) {
        memcpy(b->at + b->n, s.at, s.n);
        b->n += s.n;
    }
}
static inline void
buf_puts(struct buf *b, const char *text)
{
    buf_put(b, bytes_str(text));
}
static inline void
buf_putc(struct buf *b, uint8_t c)
{
    if (buf_fits(b, 1))
        b->at[b->n++] = c;
    else
        buf_grow_put(b, (struct bytes){&c, 1});
}
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_hex(struct buf *b, struct bytes s);
/* buf_base64(b, s): standard alphabet with padding (RFC 4648 §4). buf_base64url: URL alphabet, no padding (§5). */
void buf_base64(struct buf *b, struct bytes s);
void buf_base64url(struct buf *b, struct bytes s);
/* buf_room(b, n): make room for ${n} more bytes and return where they go (then add to b->n), or NULL and failed. */
uint8_t *buf_room(struct buf *b, size_t n);
/* buf_expect(b, n): about ${n} bytes will come: room for them at once, rather than by doubling, unless that would pass the maximum. */
static inline void
buf_expect(struct buf *b, size_t n)
{
    if (!b->failed && b->n <= b->max && n <= b->max - b->n)
        buf_room(b, n);
}
/* buf_drop(b, n): forget the first ${n} bytes. */
void buf_drop(struct buf *b, size_t n);
void buf_free(struct buf *b);
static inline struct bytes
buf_bytes(const struct buf *b)
{
    return (struct bytes){b->at, b->n};
}
/* buf_text(b): the contents as a C string (a zero is kept behind the end), or "" when it failed or is empty. Valid until the next put. */
const char *buf_text(struct buf *b);

/* Decoders: write to ${out} (room for at least s.n bytes) and give the length; false when ${s} is not exactly that form. */
bool bytes_unhex(struct bytes s, uint8_t *out, size_t *n);
bool bytes_unbase64(struct bytes s, uint8_t *out, size_t *n);
bool bytes_unbase64url(struct bytes s, uint8_t *out, size_t *n);

/* A secret: owned memory of its own, wiped when freed, kept out of core dumps. Nothing prints it. */
struct secret {
    uint8_t *at;
    size_t n;
};
/* secret_make(s): a copy of ${s}. at == NULL when out of memory. */
struct secret secret_make(struct bytes s);
void secret_free(struct secret *s);
void bytes_wipe(void *at, size_t n);

#endif
