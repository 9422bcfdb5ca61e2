/*
 * Texts for people, of bounded size: errors of parsing (struct cedar_error) and of evaluation (struct fault). What does not fit is
 * cut at a character and ends in "…". Zero bytes are shown as "\0", so that a text is always one C string.
 */
#ifndef CEDAR_TEXT_H
#define CEDAR_TEXT_H

#include "base/bytes.h"
#include "writ/cedar.h"

struct text {
    char *at;
    size_t n, cap; /* cap counts the final zero */
};

static inline struct cedar_str
str_of(const char *text)
{
    return (struct cedar_str){text, strlen(text)};
}

static inline struct bytes
str_bytes(struct cedar_str s)
{
    return (struct bytes){(const uint8_t *)s.at, s.n};
}

/* The first and the last 8 (4) bytes of two texts of ${n} bytes. */
static inline bool
str_eq_8(const char *a, const char *b, size_t n)
{
    uint64_t v[4];
    memcpy(&v[0], a, 8), memcpy(&v[1], b, 8), memcpy(&v[2], a + n - 8, 8), memcpy(&v[3], b + n - 8, 8);
    return ((v[0] ^ v[1]) | (v[2] ^ v[3])) == 0;
}

static inline bool
str_eq_4(const char *a, const char *b, size_t n)
{
    uint32_t v[4];
    memcpy(&v[0], a, 4), memcpy(&v[1], b, 4), memcpy(&v[2], a + n - 4, 4), memcpy(&v[3], b + n - 4, 4);
    return ((v[0] ^ v[1]) | (v[2] ^ v[3])) == 0;
}

/* Most names are short: then a call is most of the work. */
static inline bool
str_eq(struct cedar_str a, struct cedar_str b)
{
    if (a.n != b.n)
        return false;
    if (a.n > 16)
        return memcmp(a.at, b.at, a.n) == 0;
    if (a.n >= 8)
        return str_eq_8(a.at, b.at, a.n);
    if (a.n >= 4)
        return str_eq_4(a.at, b.at, a.n);
    return a.n == 0 || (a.at[0] == b.at[0] && a.at[a.n / 2] == b.at[a.n / 2] && a.at[a.n - 1] == b.at[a.n - 1]);
}

static inline bool
str_is(struct cedar_str a, const char *text)
{
    return str_eq(a, str_of(text));
}

/* str_cmp(a, b): order by bytes, which for UTF-8 is the order of code points. */
static inline int
str_cmp(struct cedar_str a, struct cedar_str b)
{
    if (a.n && b.n && a.at[0] != b.at[0])
        return (uint8_t)a.at[0] < (uint8_t)b.at[0] ? -1 : 1;
    return bytes_cmp(str_bytes(a), str_bytes(b));
}

static inline bool
uid_eq(const struct cedar_uid *a, const struct cedar_uid *b)
{
    return str_eq(a->id, b->id) && str_eq(a->type, b->type);
}

/* Add formatted text; for strings from outside use text_str, which also takes zero bytes. */
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_str(struct text *t, struct cedar_str s);
/* text_uid(t, uid): Type::"id", with the id escaped as Cedar prints it. */
void text_uid(struct text *t, const struct cedar_uid *uid);
/* text_quoted(t, s): "s", escaped in that way. */
void text_quoted(struct text *t, struct cedar_str s);

/* Why an evaluation (of a condition, or of a value in JSON) has no value. */
struct fault {
    struct text text;
    bool memory; /* not the policy's fault: nothing is known */
    char room[1024];
};
void fault_reset(struct fault *f);
/* Both return NULL, for `return fault_…(…)`. */
void *fault_memory(struct fault *f);
void *fault_add(struct fault *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* error_set(e, code, line, column, fmt, …): fill ${e} and return false. */
bool
error_set(struct cedar_error *e, enum cedar_code code, unsigned line, unsigned column, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
bool error_memory(struct cedar_error *e);
/* error_text(e): where to go on writing behind what error_set wrote. */
struct text error_text(struct cedar_error *e);

/* error_help(e, fmt, …): say in e->help, after error_set, how to mend it. Returns false. */
bool error_help(struct cedar_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* error_prefix(e, prefix): put it before the text. Returns false. */
bool error_prefix(struct cedar_error *e, const char *prefix);

/* text_nearest(word, list, n): the entry of ${list} at most two edits, and half its letters, away from ${word}, or NULL. For "did you mean". */
const char *text_nearest(struct cedar_str word, const char *const *list, size_t n);

/* output_take(b, out): hand the bytes of a buffer to the caller of the library. False when the buffer failed; it is empty afterwards. */
bool output_take(struct buf *b, struct cedar_output *out);

#endif
