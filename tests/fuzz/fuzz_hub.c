/*
 * What a member of a hub and its client say, as any bytes: names are told apart and read back, a message with its names replaced is still one
 * message, and replacing by the same changes nothing. Links: base, gate (hub_name.c, hub_text.c).
 */
#include <stdlib.h>

#include "gate/mcp/hub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

static void
check_tool(const char *prefix, struct bytes tool)
{
    struct buf name = buf_make(4096);
    struct bytes first, rest;
    char text[256];
    if (tool.n >= sizeof text || bytes_find(tool, 0) != tool.n)
        return;
    memcpy(text, tool.at ? (const char *)tool.at : "", tool.n);
    text[tool.n] = 0;
    struct tool pinned = {.name = text};
    struct destination d = {.tools = &pinned, .n_tools = 1};
    hub_put_tool(&name, prefix, tool);
    REQUIRE(name.n <= HUB_NAME_MAX && hub_split(buf_bytes(&name), &first, &rest) && bytes_is(first, prefix));
    REQUIRE(bytes_eq(hub_tool_of(&d, prefix, rest), tool));
    buf_free(&name);
}

static void
check_names(struct bytes s)
{
    struct buf b = buf_make(1 << 20);
    struct bytes prefix, rest;
    hub_put_uri(&b, "files", s);
    REQUIRE(s.n == 0 || (hub_split_uri(buf_bytes(&b), &prefix, &rest) && bytes_is(prefix, "files") && bytes_eq(rest, s)));
    b.n = 0;
    hub_put_name(&b, "files", s);
    REQUIRE(s.n == 0 || (hub_split(buf_bytes(&b), &prefix, &rest) && bytes_is(prefix, "files") && bytes_eq(rest, s)));
    size_t half = s.n / 2;
    bool matches = hub_template_matches(bytes_sub(s, 0, half), bytes_sub(s, half, s.n));
    REQUIRE(hub_template_matches(bytes_sub(s, 0, half), bytes_sub(s, half, s.n)) == matches);
    buf_free(&b);
}

static void
same(struct buf *b, const struct json *v, enum hub_act act, void *ctx)
{
    (void)act, (void)ctx;
    buf_put(b, v->raw);
}

static void
other(struct buf *b, const struct json *v, enum hub_act act, void *ctx)
{
    (void)v, (void)act;
    *(bool *)ctx = true;
    buf_puts(b, "\"\"");
}

static void
check_text(struct arena *a, struct bytes text, const struct json *root, bool up)
{
    struct buf b = buf_make(4 << 20), again = buf_make(4 << 20);
    struct json *read;
    bool changed = false;
    void (*put)(struct buf *, const struct json *, hub_act_fn *, void *) = up ? hub_text_up : hub_text_down;
    put(&b, root, same, NULL);
    REQUIRE(!b.failed && !err_failed(json_parse(a, buf_bytes(&b), NULL, &read)) && json_equal(root, read));
    put(&again, root, other, &changed);
    REQUIRE(!again.failed && !err_failed(json_parse(a, buf_bytes(&again), NULL, &read)));
    /* what a server sends in an answer is never taken for plain when there is a name in it */
    REQUIRE(!up || !changed || json_get(root, "params") || !hub_text_plain(text));
    buf_free(&b);
    buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct json *root;
    struct bytes s = bytes_make(data, size);
    check_tool("files", s);
    check_tool("a-very-long-nam-abcdefgh", s);
    check_names(s);
    if (size < 65536 && !err_failed(json_parse(&a, s, NULL, &root))) {
        check_text(&a, s, root, true);
        check_text(&a, s, root, false);
    }
    arena_free(&a);
    return 0;
}
