/*
 * Any JSON as a tool of a server: its digest does not depend on the order of members or on space, and changes with what a person accepted.
 * Links: base, estate.
 */
#include <stdlib.h>

#include "base/json.h"
#include "estate/estate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

/* The members the other way round, with space between them. */
static struct json *
turned(struct arena *a, const struct json *tool, struct buf *b)
{
    struct json *out;
    buf_puts(b, "{ ");
    for (size_t i = tool->count; i > 0; i--) {
        const struct json *m = tool->child;
        for (size_t k = 1; k < i; k++)
            m = m->next;
        json_put_text(b, m->key);
        buf_puts(b, " :\n");
        buf_put(b, m->raw);
        if (i > 1)
            buf_puts(b, " , ");
    }
    buf_puts(b, " }");
    REQUIRE(!b->failed && !err_failed(json_parse(a, buf_bytes(b), NULL, &out)));
    return out;
}

static void
check_description(struct arena *a, const struct json *tool, const uint8_t digest[32])
{
    struct buf b = buf_make(1 << 20);
    struct json *other;
    uint8_t changed[32];
    json_open(&b, '{');
    for (const struct json *m = tool->child; m; m = m->next) {
        if (bytes_is(m->key, "description"))
            continue;
        json_key_bytes(&b, m->key);
        buf_put(&b, m->raw);
    }
    json_member_str(&b, "description", "a description that no input has, 5e1f");
    json_close(&b, '}');
    REQUIRE(!b.failed && !err_failed(json_parse(a, buf_bytes(&b), NULL, &other)));
    REQUIRE(!err_failed(tool_digest(other, changed)) && memcmp(changed, digest, 32) != 0);
    buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_limits limits = {.bytes = 1 << 16, .depth = 30, .nodes = 4000};
    struct arena a = {0};
    struct json *tool;
    uint8_t digest[32], again[32];
    if (!err_failed(json_parse(&a, bytes_make(data, size), &limits, &tool)) && !err_failed(tool_digest(tool, digest))) {
        struct buf b = buf_make(1 << 20);
        REQUIRE(tool->type == JSON_OBJECT);
        REQUIRE(!err_failed(tool_digest(turned(&a, tool, &b), again)) && memcmp(digest, again, 32) == 0);
        check_description(&a, tool, digest);
        buf_free(&b);
    }
    arena_free(&a);
    return 0;
}
