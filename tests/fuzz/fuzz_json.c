/*
 * Any bytes as JSON: what is accepted is read again the same from its own bytes, holds no key twice, and survives being written. Links: base.
 */
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

static const struct json_limits limits = {.bytes = 1 << 16, .depth = 16, .nodes = 4000};

static void
write_again(struct buf *b, const struct json *v)
{
    bool object = v->type == JSON_OBJECT;
    if (!object && v->type != JSON_ARRAY) {
        if (v->type == JSON_STRING)
            json_put_text(b, v->text);
        else if (v->type == JSON_INT)
            json_put_int(b, v->number);
        else
            json_put(b, v);
        return;
    }
    json_open(b, object ? '{' : '[');
    for (const struct json *m = v->child; m; m = m->next) {
        if (object)
            json_key_bytes(b, m->key);
        else
            json_item(b);
        write_again(b, m);
    }
    json_close(b, object ? '}' : ']');
}

static size_t
check(const struct json *v, struct bytes whole, unsigned depth)
{
    size_t nodes = 1, children = 0;
    REQUIRE(depth <= limits.depth + 1);
    REQUIRE(v->raw.n && v->raw.at >= whole.at && v->raw.at + v->raw.n <= whole.at + whole.n);
    REQUIRE(v->type != JSON_STRING || bytes_utf8(v->text));
    for (const struct json *m = v->child; m; m = m->next, children++) {
        if (v->type == JSON_OBJECT) {
            REQUIRE(bytes_utf8(m->key) && json_find(v, m->key) == m); /* a second one of the name would be found first or never */
            for (const struct json *o = m->next; o; o = o->next)
                REQUIRE(!bytes_eq(o->key, m->key));
        }
        nodes += check(m, whole, depth + 1);
    }
    REQUIRE(children == v->count && (children == 0 || v->type >= JSON_ARRAY));
    return nodes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct json *v = NULL, *again = NULL;
    struct bytes text = bytes_make(data, size);
    struct err e = json_parse(&a, text, &limits, &v);
    if (err_failed(e)) {
        REQUIRE((e.code == E_JSON || e.code == E_LIMIT) && e.text[0]);
    } else {
        struct buf b = buf_make(1 << 20);
        REQUIRE(check(v, text, 0) <= limits.nodes);
        REQUIRE(!err_failed(json_parse(&a, v->raw, &limits, &again)) && json_equal(v, again));
        write_again(&b, v);
        static const struct json_limits wide = {.bytes = 1 << 20, .depth = 16, .nodes = 4000};
        REQUIRE(!b.failed && !err_failed(json_parse(&a, buf_bytes(&b), &wide, &again)) && json_equal(v, again));
        buf_free(&b);
    }
    arena_free(&a);
    return 0;
}
