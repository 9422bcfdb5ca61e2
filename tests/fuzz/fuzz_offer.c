/*
 * Two offers of a server, one line each: what differs is found and written down as JSON whatever they hold; an offer does not differ from
 * itself; and what is shown of a stranger's text has nothing in it that a terminal would obey. Links: base, estate.
 */
#include <stdlib.h>

#include "estate/pin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

static const struct json_limits limits = {.bytes = 1 << 16, .depth = 30, .nodes = 4000};

static void
check_text(struct bytes text)
{
    for (size_t i = 0, n; i < text.n; i += n) {
        uint32_t c = bytes_rune(bytes_sub(text, i, text.n), &n);
        REQUIRE(c >= 0x20 && !(c >= 0x7f && c < 0xa0) && !(c >= 0x200b && c <= 0x200f) && !(c >= 0x202a && c <= 0x202e));
        REQUIRE(!(c >= 0x2066 && c <= 0x2069) && !(c >= 0xe0000 && c <= 0xe0fff));
    }
}

/* Paths and excerpts are ours to show; values and words go through the terminal's own filter. */
static void
check_change(const struct json *v)
{
    const struct json *parts = json_get(v, "parts"), *findings = json_get(v, "findings");
    REQUIRE(json_is(parts, JSON_ARRAY) && json_is(findings, JSON_ARRAY));
    for (const struct json *p = parts->child; p; p = p->next)
        check_text(json_text(p, "at"));
    for (const struct json *f = findings->child; f; f = f->next) {
        check_text(json_text(f, "at"));
        check_text(json_text(f, "text"));
    }
}

static void
compare(struct arena *a, const struct json *pin, const struct json *offer, struct suspects *found, bool same)
{
    struct item_changes c;
    if (err_failed(pin_compare(a, pin, offer, &c)))
        return;
    for (size_t i = 0; i < c.n; i++) {
        struct buf b = buf_make(16 << 20);
        struct json *v;
        REQUIRE(!same || c.list[i].what == CHANGE_TWICE);
        change_put(&b, &c.list[i], NULL, "", found);
        REQUIRE(found->n <= SUSPECTS_MAX && found->n <= found->dangers + found->hints);
        if (!b.failed) {
            struct arena own = {.max = (size_t)256 << 20};
            REQUIRE(!err_failed(json_parse(&own, buf_bytes(&b), &(struct json_limits){16 << 20, 64, 2000000}, &v)));
            check_change(v);
            arena_free(&own);
        }
        buf_free(&b);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_make(data, size), first = bytes_split(&rest, '\n');
    struct arena a = {.max = (size_t)256 << 20};
    struct suspects *found = calloc(1, sizeof *found);
    struct json *pin, *offer;
    REQUIRE(found);
    if (!err_failed(json_parse(&a, first, &limits, &pin)) && !err_failed(json_parse(&a, rest, &limits, &offer))) {
        uint8_t digest[32];
        compare(&a, pin, offer, found, false);
        compare(&a, NULL, offer, found, false);
        compare(&a, offer, offer, found, true);
        if (json_get(offer, "server"))
            REQUIRE(json_get(offer, "server")->type != JSON_OBJECT || !err_failed(server_digest(json_get(offer, "server"), true, digest)));
    }
    struct buf shown = buf_make(1 << 20);
    suspect_escape(&shown, bytes_make(data, size));
    check_text(buf_bytes(&shown));
    buf_free(&shown);
    free(found);
    arena_free(&a);
    return 0;
}
