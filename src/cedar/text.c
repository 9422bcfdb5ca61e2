#include "cedar/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Make room for the mark "…" behind the last whole character, and let nothing follow it. */
static void
cut(struct text *t)
{
    size_t n = t->cap - 4;
    while (n > 0 && ((uint8_t)t->at[n] & 0xc0) == 0x80)
        n--;
    memcpy(t->at + n, "…", 4);
    t->n = t->cap;
}

static void
put(struct text *t, const char *at, size_t n)
{
    if (t->n >= t->cap)
        return;
    size_t room = t->cap - 1 - t->n;
    memcpy(t->at + t->n, at, n < room ? n : room);
    if (n > room) {
        cut(t);
        return;
    }
    t->n += n;
    t->at[t->n] = 0;
}

__attribute__((format(printf, 2, 0))) static void
add(struct text *t, const char *fmt, va_list ap)
{
    char piece[1024];
    int n = vsnprintf(piece, sizeof piece, fmt, ap);
    if (n > 0)
        put(t, piece, (size_t)n < sizeof piece ? (size_t)n : sizeof piece - 1);
}

void
text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(t, fmt, ap);
    va_end(ap);
}

void
text_str(struct text *t, struct cedar_str s)
{
    while (s.n > 0) {
        size_t n = bytes_find(str_bytes(s), 0);
        put(t, s.at, n);
        if (n == s.n)
            return;
        put(t, "\\0", 2);
        s.at += n + 1;
        s.n -= n + 1;
    }
}

/*
 * Code points that do not show as themselves: controls, marks that join the character before them, invisible and bidirectional
 * formatting, private use. Cedar escapes more (all unassigned code points, by the Unicode tables of its release).
 */
static const struct {
    uint32_t from, to;
} hidden[] = {
    {0x01, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x300, 0x36f},   {0x483, 0x489},     {0x591, 0x5bd},
    {0x600, 0x605},   {0x610, 0x61a},   {0x61c, 0x61c},   {0x64b, 0x65f},   {0x6d6, 0x6dd},     {0x180b, 0x180f},
    {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20f0}, {0xe000, 0xf8ff},   {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
};

static bool
shows(uint32_t c)
{
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (c >= hidden[i].from && c <= hidden[i].to)
            return false;
    return true;
}

/* The character at s.at, its length in ${n}; a byte that is no UTF-8 counts as one character. */
static uint32_t
decode(struct cedar_str s, size_t *n)
{
    uint8_t c = (uint8_t)s.at[0];
    size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    uint32_t v = len == 1 ? c : c & (0x7fu >> len);
    if (len > s.n)
        len = 1;
    for (size_t i = 1; i < len; i++)
        v = v << 6 | ((uint8_t)s.at[i] & 0x3f);
    *n = len;
    return v;
}

static void
put_escaped(struct text *t, struct cedar_str s)
{
    static const char from[] = "\t\r\n'\"\\", into[] = "trn'\"\\";
    for (size_t n; s.n > 0; s.at += n, s.n -= n) {
        uint32_t c = decode(s, &n);
        const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;
        if (c == 0)
            put(t, "\\0", 2);
        else if (simple)
            text_add(t, "\\%c", into[simple - from]);
        else if (shows(c))
            put(t, s.at, n);
        else
            text_add(t, "\\u{%x}", (unsigned)c);
    }
}

void
text_uid(struct text *t, const struct cedar_uid *uid)
{
    text_str(t, uid->type);
    put(t, "::\"", 3);
    put_escaped(t, uid->id);
    put(t, "\"", 1);
}

void
fault_reset(struct fault *f)
{
    f->text = (struct text){f->room, 0, sizeof f->room};
    f->room[0] = 0;
    f->memory = false;
}

void *
fault_memory(struct fault *f)
{
    f->memory = true;
    return NULL;
}

void *
fault_add(struct fault *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(&f->text, fmt, ap);
    va_end(ap);
    return NULL;
}

bool
error_set(struct cedar_error *e, enum cedar_code code, unsigned line, unsigned column, const char *fmt, ...)
{
    struct text t = {e->text, 0, sizeof e->text};
    va_list ap;
    e->code = code;
    e->line = line;
    e->column = column;
    e->text[0] = 0;
    e->help[0] = 0;
    va_start(ap, fmt);
    add(&t, fmt, ap);
    va_end(ap);
    return false;
}

bool
error_memory(struct cedar_error *e)
{
    return error_set(e, CEDAR_MEMORY, 0, 0, "out of memory");
}

struct text
error_text(struct cedar_error *e)
{
    size_t n = strlen(e->text);
    return (struct text){e->text, n, sizeof e->text};
}

bool
error_help(struct cedar_error *e, const char *fmt, ...)
{
    struct text t = {e->help, 0, sizeof e->help};
    va_list ap;
    va_start(ap, fmt);
    add(&t, fmt, ap);
    va_end(ap);
    return false;
}

/* Levenshtein distance, for words shorter than 32 characters. */
static unsigned
edits(struct cedar_str a, struct cedar_str b)
{
    unsigned row[32];
    if (a.n >= 32 || b.n >= 32)
        return 32;
    for (unsigned j = 0; j <= b.n; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned best = diagonal + (a.at[i - 1] != b.at[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.n];
}

const char *
text_nearest(struct cedar_str word, const char *const *list, size_t n)
{
    const char *best = NULL;
    unsigned least = 3;
    for (size_t i = 0; i < n; i++) {
        unsigned d = edits(word, str_of(list[i]));
        if (d < least)
            least = d, best = list[i];
    }
    return best;
}

/* -------------------------------------------------------------------------------------------------------------- outputs */

bool
output_take(struct buf *b, struct cedar_output *out)
{
    buf_putc(b, 0);
    bool ok = !b->failed;
    *out = ok ? (struct cedar_output){(char *)b->at, b->n - 1} : (struct cedar_output){NULL, 0};
    if (ok)
        *b = buf_make(b->max);
    else
        buf_free(b);
    return ok;
}

void
cedar_output_free(struct cedar_output *o)
{
    free(o->at);
    *o = (struct cedar_output){NULL, 0};
}
