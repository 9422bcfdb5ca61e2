#include "cedar/text.h"

#include "cedar/unicode.h"

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

static void
put_escaped(struct text *t, struct cedar_str s)
{
    static const char from[] = "\t\r\n'\"\\", into[] = "trn'\"\\";
    for (bool first = true; s.n > 0; first = false) {
        const char *at = s.at;
        uint32_t c = unicode_next(&s);
        const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;
        if (c == 0)
            put(t, "\\0", 2);
        else if (simple)
            text_add(t, "\\%c", into[simple - from]);
        else if (unicode_escaped(c, first))
            text_add(t, "\\u{%x}", (unsigned)c);
        else
            put(t, at, (size_t)(s.at - at));
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
text_quoted(struct text *t, struct cedar_str s)
{
    put(t, "\"", 1);
    put_escaped(t, s);
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
error_prefix(struct cedar_error *e, const char *prefix)
{
    char behind[sizeof e->text];
    struct text t = {e->text, 0, sizeof e->text};
    memcpy(behind, e->text, sizeof behind);
    put(&t, prefix, strlen(prefix));
    put(&t, behind, strlen(behind));
    return false;
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
        if (d < least && d * 2 <= word.n)
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
