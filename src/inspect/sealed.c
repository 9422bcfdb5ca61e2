/*
 * Exact values in a text, in all their usual spellings, upper and lower case alike. Each value becomes several needles; all are searched for
 * at once, jumping by the shortest one's length (Wu and Manber's method with blocks of two bytes).
 */
#include <stdio.h>
#include <stdlib.h>

#include "inspect/rules.h"

#define NEEDLES_MAX 512u
#define VALUES_MAX 32u
#define BLOCKS 65536u

struct needle {
    struct needle *next; /* of the same last block */
    struct secret text;  /* lower case */
    size_t value;
};

struct sealed {
    char names[VALUES_MAX][65];
    size_t added, slot, n, shortest; /* values so far; where the one at hand is kept */
    struct needle needles[NEEDLES_MAX];
    bool built, failed; /* failed: something that must not pass cannot be looked for */
    uint8_t *shift;           /* how far the text may be moved on, by its last block */
    struct needle **by_block; /* those that end their first ${shortest} bytes in it; hashed to BLOCKS */
};

struct sealed *
sealed_make(void)
{
    return calloc(1, sizeof(struct sealed));
}

void
sealed_free(struct sealed *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        secret_free(&s->needles[i].text);
    free(s->shift);
    free(s->by_block);
    free(s);
}

size_t
sealed_count(const struct sealed *s)
{
    return s ? s->added < VALUES_MAX ? s->added : VALUES_MAX : 0;
}

const char *
sealed_value_name(const struct sealed *s, size_t value)
{
    return s->names[value];
}

static uint8_t
low(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool
add_needle(struct sealed *s, struct bytes text)
{
    if (text.n < SEALED_MIN || s->n == NEEDLES_MAX)
        return false;
    struct secret copy = secret_make(text);
    if (copy.at == NULL)
        return false;
    for (size_t i = 0; i < copy.n; i++)
        copy.at[i] = low(copy.at[i]);
    for (size_t i = 0; i < s->n; i++)
        if (bytes_eq(bytes_make(s->needles[i].text.at, s->needles[i].text.n), bytes_make(copy.at, copy.n))) {
            secret_free(&copy);
            return true;
        }
    s->needles[s->n++] = (struct needle){NULL, copy, s->slot};
    return true;
}

/* Base64 of the value wherever it stands in a longer text: 0, 1 or 2 bytes before it; the characters at the ends that others share are left out. */
static bool
add_base64(struct sealed *s, struct bytes value, bool url)
{
    bool ok = true;
    for (size_t before = 0; before < 3; before++) {
        struct buf plain = buf_make(65536), coded = buf_make(131072);
        buf_put(&plain, bytes_make("\0\0", before));
        buf_put(&plain, value);
        if (url)
            buf_base64url(&coded, buf_bytes(&plain));
        else
            buf_base64(&coded, buf_bytes(&plain));
        size_t skip = before == 0 ? 0 : before + 1, end = (before + value.n) / 3 * 4 + ((before + value.n) % 3 ? (before + value.n) % 3 : 0);
        if (end > skip + SEALED_MIN)
            ok = add_needle(s, bytes_make(coded.at + skip, end - skip)) && ok;
        if (plain.at)
            bytes_wipe(plain.at, plain.n);
        if (coded.at)
            bytes_wipe(coded.at, coded.n);
        buf_free(&plain);
        buf_free(&coded);
    }
    return ok;
}

/* Percent-encoded; ${all}: every character that is no letter or digit, else only what RFC 3986 does not leave alone. */
static bool
add_percent(struct sealed *s, struct bytes value, bool all)
{
    struct buf b = buf_make(131072);
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.at[i];
        bool plain = (c >= '0' && c <= '9') || (low(c) >= 'a' && low(c) <= 'z') || (!all && c && strchr("-._~", c));
        if (plain)
            buf_putc(&b, c);
        else
            buf_printf(&b, "%%%02x", c);
    }
    bool ok = !b.failed && add_needle(s, buf_bytes(&b));
    if (b.at)
        bytes_wipe(b.at, b.n);
    buf_free(&b);
    return ok;
}

static bool
add_hex(struct sealed *s, struct bytes value)
{
    struct buf b = buf_make(131072);
    buf_hex(&b, value);
    bool ok = !b.failed && add_needle(s, buf_bytes(&b));
    if (b.at)
        bytes_wipe(b.at, b.n);
    buf_free(&b);
    return ok;
}

/* As it stands in a JSON text that is itself a string. */
static bool
add_json(struct sealed *s, struct bytes value)
{
    struct buf b = buf_make(262144);
    if (!bytes_utf8(value))
        return true;
    json_put_text(&b, value);
    bool ok = !b.failed && add_needle(s, bytes_sub(buf_bytes(&b), 1, b.n - 2));
    if (b.at)
        bytes_wipe(b.at, b.n);
    buf_free(&b);
    return ok;
}

static bool
known(const struct sealed *s, struct bytes value)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct secret *t = &s->needles[i].text;
        size_t k = 0;
        while (t->n == value.n && k < value.n && low(value.at[k]) == t->at[k])
            k++;
        if (t->n == value.n && k == value.n)
            return true;
    }
    return false;
}

static void
drop_value(struct sealed *s, size_t value)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->needles[i].value == value)
            secret_free(&s->needles[i].text);
        else
            s->needles[n++] = s->needles[i];
    s->n = n;
}

bool
sealed_add(struct sealed *s, const char *name, struct bytes value)
{
    value = bytes_sub(value, 0, 32768);
    if (value.n < SEALED_MIN)
        return false;
    if (known(s, value))
        return true;
    s->slot = s->added++ % VALUES_MAX;
    drop_value(s, s->slot); /* the oldest makes room for one that was fetched anew */
    snprintf(s->names[s->slot], sizeof s->names[0], "%s", name);
    s->built = false;
    bool ok = add_needle(s, value) && add_base64(s, value, false) && add_base64(s, value, true) && add_percent(s, value, false) &&
              add_percent(s, value, true) && add_hex(s, value) && add_json(s, value);
    s->failed |= !ok;
    return ok;
}

static size_t
block(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

/* Tables for the first ${shortest} bytes of every needle. Made at the first search: a connection adds all its values before. */
static bool
build(struct sealed *s)
{
    if (s->built)
        return s->shift != NULL;
    s->shortest = 255;
    for (size_t i = 0; i < s->n; i++)
        s->shortest = s->needles[i].text.n < s->shortest ? s->needles[i].text.n : s->shortest;
    if (s->shift == NULL)
        s->shift = malloc(BLOCKS);
    if (s->by_block == NULL)
        s->by_block = malloc(BLOCKS * sizeof *s->by_block);
    if (s->shift == NULL || s->by_block == NULL)
        return false;
    memset(s->shift, (int)(s->shortest - 1), BLOCKS);
    memset(s->by_block, 0, BLOCKS * sizeof *s->by_block);
    for (size_t i = 0; i < s->n; i++) {
        struct needle *x = &s->needles[i];
        for (size_t k = 0; k + 2 <= s->shortest; k++) {
            size_t b = block(x->text.at + k), far = s->shortest - 2 - k;
            if (far < s->shift[b])
                s->shift[b] = (uint8_t)far;
        }
        size_t b = block(x->text.at + s->shortest - 2);
        x->next = s->by_block[b];
        s->by_block[b] = x;
    }
    s->built = true;
    return true;
}

static bool
stands_at(const struct needle *x, struct bytes text, size_t at)
{
    if (x->text.n > text.n - at)
        return false;
    for (size_t i = 0; i < x->text.n; i++)
        if (low(text.at[at + i]) != x->text.at[i])
            return false;
    return true;
}

bool
sealed_search(const struct sealed *sealed, struct bytes text, void (*fn)(size_t from, size_t to, size_t value, void *ctx), void *ctx)
{
    struct sealed *s = (struct sealed *)(uintptr_t)sealed; /* its tables are made at the first search, in the one thread that has it */
    if (s == NULL || (s->n == 0 && !s->failed))
        return true;
    if (s->failed || !build(s))
        return false;
    for (size_t i = s->shortest; i <= text.n;) {
        uint8_t last[2] = {low(text.at[i - 2]), low(text.at[i - 1])};
        size_t far = s->shift[block(last)];
        if (far) {
            i += far;
            continue;
        }
        for (const struct needle *x = s->by_block[block(last)]; x; x = x->next)
            if (stands_at(x, text, i - s->shortest))
                fn(i - s->shortest, i - s->shortest + x->text.n, x->value, ctx);
        i++;
    }
    return true;
}
