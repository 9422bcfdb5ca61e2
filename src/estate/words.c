/* Two texts, word by word. */
#include <stdlib.h>

#include "base/json.h"
#include "estate/pin.h"

#define WORDS_MAX 1500u /* of what is left when both ends are taken off; past it, the middle counts as replaced */

struct words {
    struct bytes *list;
    size_t n;
};

static bool
blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* A word and the blanks behind it are one; so the parts put together give the text again. */
static struct words
split(struct bytes text)
{
    struct words w = {calloc(text.n + 1, sizeof *w.list), 0};
    size_t i = 0;
    while (w.list && i < text.n) {
        size_t from = i;
        while (i < text.n && !blank(text.at[i]))
            i++;
        while (i < text.n && blank(text.at[i]))
            i++;
        w.list[w.n++] = bytes_sub(text, from, i - from);
    }
    return w;
}

struct writing {
    struct buf *b;
    char sign; /* of the part that is being collected */
    struct buf part;
};

static void
flush(struct writing *w)
{
    if (w->part.n) {
        char sign[2] = {w->sign, 0};
        json_item(w->b);
        json_open(w->b, '[');
        json_item(w->b);
        json_put_text(w->b, bytes_str(sign));
        json_item(w->b);
        json_put_text(w->b, buf_bytes(&w->part));
        json_close(w->b, ']');
    }
    w->part.n = 0;
}

static void
put(struct writing *w, char sign, struct bytes word)
{
    if (w->sign != sign)
        flush(w);
    w->sign = sign;
    buf_put(&w->part, word);
}

static void
put_all(struct writing *w, char sign, const struct words *from, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++)
        put(w, sign, from->list[i]);
}

/* lengths[i][k]: of the longest common subsequence of a[i…] and b[k…]. */
static uint16_t *
lengths_of(const struct bytes *a, size_t n, const struct bytes *b, size_t m)
{
    uint16_t *t = n <= WORDS_MAX && m <= WORDS_MAX ? calloc((n + 1) * (m + 1), sizeof *t) : NULL;
    for (size_t i = n; t && i-- > 0;)
        for (size_t k = m; k-- > 0;) {
            uint16_t down = t[(i + 1) * (m + 1) + k], right = t[i * (m + 1) + k + 1];
            t[i * (m + 1) + k] = bytes_eq(a[i], b[k]) ? (uint16_t)(t[(i + 1) * (m + 1) + k + 1] + 1) : down > right ? down : right;
        }
    return t;
}

static void
put_middle(struct writing *w, const struct words *a, const struct words *b, size_t head, size_t tail)
{
    size_t n = a->n - head - tail, m = b->n - head - tail, i = 0, k = 0;
    uint16_t *t = lengths_of(a->list + head, n, b->list + head, m);
    while (t && i < n && k < m) {
        if (bytes_eq(a->list[head + i], b->list[head + k]))
            put(w, '=', a->list[head + i]), i++, k++;
        else if (t[(i + 1) * (m + 1) + k] >= t[i * (m + 1) + k + 1])
            put(w, '-', a->list[head + i++]);
        else
            put(w, '+', b->list[head + k++]);
    }
    put_all(w, '-', a, head + i, head + n);
    put_all(w, '+', b, head + k, head + m);
    free(t);
}

void
words_put(struct buf *b, struct bytes was, struct bytes now)
{
    struct words old = split(was), new = split(now);
    struct writing w = {.b = b, .sign = '=', .part = buf_make(was.n + now.n + 1)};
    size_t head = 0, tail = 0;
    json_open(b, '[');
    if (old.list && new.list) {
        while (head < old.n && head < new.n &&bytes_eq(old.list[head], new.list[head]))
            head++;
        while (tail < old.n - head && tail < new.n - head &&bytes_eq(old.list[old.n - 1 - tail], new.list[new.n - 1 - tail]))
            tail++;
        put_all(&w, '=', &old, 0, head);
        put_middle(&w, &old, &new, head, tail);
        put_all(&w, '=', &old, old.n - tail, old.n);
        flush(&w);
    } else {
        b->failed = true;
    }
    json_close(b, ']');
    b->failed |= w.part.failed;
    buf_free(&w.part);
    free(old.list);
    free(new.list);
}

static int
by_word(const void *left, const void *right)
{
    return bytes_cmp(*(const struct bytes *)left, *(const struct bytes *)right);
}

unsigned
words_alike(struct bytes a, struct bytes b)
{
    struct words x = split(a), y = split(b);
    size_t i = 0, k = 0, both = 0, most = x.n > y.n ? x.n : y.n;
    if (x.list && y.list && most) {
        qsort(x.list, x.n, sizeof *x.list, by_word);
        qsort(y.list, y.n, sizeof *y.list, by_word);
        while (i < x.n && k < y.n) {
            int d = bytes_cmp(x.list[i], y.list[k]);
            both += d == 0;
            i += d <= 0;
            k += d >= 0;
        }
    }
    free(x.list);
    free(y.list);
    return most ? (unsigned)(both * 100 / most) : 0;
}
