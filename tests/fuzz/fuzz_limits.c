/*
 * Retry-After as a server writes it, and the digest of a call's arguments: what is said alike has one number, in whatever order and however it is
 * written; what counts is within its bounds. Links: base, estate, limits.
 */
#include <stdlib.h>

#include "estate/load.h"
#include "estate/pin.h"
#include "limits/limits.h"
#include "limits/repeats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

static const uint64_t key[2] = {3, 5};

/* Members in reverse order, and integers with a fraction of nothing: the same value. */
static void
put_otherwise(struct buf *b, const struct json *v)
{
    if (v->type != JSON_OBJECT && v->type != JSON_ARRAY) {
        json_put(b, v);
        if (v->type == JSON_INT)
            buf_puts(b, ".000");
        return;
    }
    const struct json **list = malloc((v->count + 1) * sizeof *list);
    size_t n = 0;
    REQUIRE(list);
    for (const struct json *m = v->child; m; m = m->next)
        list[n++] = m;
    json_open(b, v->type == JSON_OBJECT ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        const struct json *m = v->type == JSON_OBJECT ? list[n - 1 - i] : list[i];
        if (i)
            buf_putc(b, ',');
        if (v->type == JSON_OBJECT) {
            json_put_text(b, m->key);
            buf_putc(b, ':');
        }
        put_otherwise(b, m);
    }
    json_close(b, v->type == JSON_OBJECT ? '}' : ']');
    free(list);
}

static void
check_digest(struct bytes text)
{
    struct arena a = {0};
    struct json *v, *again;
    struct buf b = buf_make(1 << 22);
    if (!err_failed(json_parse(&a, text, NULL, &v))) {
        uint64_t digest = limits_digest(key, BYTES("d"), BYTES("t"), v);
        put_otherwise(&b, v);
        if (!b.failed && !err_failed(json_parse(&a, buf_bytes(&b), NULL, &again)))
            REQUIRE(limits_digest(key, BYTES("d"), BYTES("t"), again) == digest);
        REQUIRE(limits_digest(key, BYTES("d"), BYTES("u"), v) != digest);
    }
    buf_free(&b);
    arena_free(&a);
}

static void
check_retry_after(struct bytes text)
{
    uint64_t ms = 0;
    if (retry_after_read(text, 784111740000, &ms))
        REQUIRE(ms <= INT64_MAX && text.n >= 1);
}

/* No key is ever let through more often than it may within its window, whatever comes between and however time goes on. */
static void
check_repeats(const uint8_t *data, size_t size)
{
    struct repeats r = {.max = 8};
    unsigned passed[16] = {0};
    uint64_t now = 1, ends[16] = {0}, wait;
    for (size_t i = 0; i + 1 < size && i < 4096; i += 2) {
        unsigned k = data[i] & 15;
        now += data[i + 1];
        if (repeats_count(&r, k + 1, now, 1000, 3, &wait) == REPEATED_COUNTED) {
            if (now >= ends[k])
                ends[k] = now + 1000, passed[k] = 0;
            REQUIRE(++passed[k] <= 3);
        } else {
            REQUIRE(wait > 0 && wait <= 1000);
        }
    }
    repeats_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_retry_after(bytes_make(data, size));
    check_digest(bytes_make(data, size));
    check_repeats(data, size);
    return 0;
}
