/*
 * A schema, a request and header lines as any bytes (separated by zero bytes): the headers that are made for a request are accepted as saying
 * what it says, and no other value of theirs is. An id of a stream reads back as it was written. Links: base, gate (headers.c, replay.c).
 */
#include <stdlib.h>

#include "gate/mcp/headers.h"
#include "gate/mcp/mcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                                                \
    do {                                                                                                                                             \
        if (!(what))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)
#define LIST_MAX 64

static struct http_header
line(const char *name, struct bytes value)
{
    return (struct http_header){bytes_str(name), value};
}

/* Every field value that is made can stand in a header. */
static void
check_values(const struct http_header *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < list[i].value.n; j++)
            REQUIRE(list[i].value.at[j] >= 0x20 && list[i].value.at[j] < 0x7f);
}

static void
check_own(struct arena *a, const struct rpc *m, const struct tool *tool)
{
    struct http_header list[LIST_MAX];
    const struct json *version = rpc_meta(m, META_VERSION);
    struct bytes name = headers_name(m);
    size_t n = 0;
    if (!json_is(version, JSON_STRING))
        return;
    if (name.at)
        list[n++] = line("Mcp-Name", headers_value(a, name));
    bool called = bytes_is(m->method, "tools/call");
    if (called && err_failed(headers_params(tool, rpc_param(m, "arguments"), a, list, LIST_MAX - 2, &n)))
        return;
    check_values(list, n);
    list[n++] = line("Mcp-Method", m->method);
    list[n++] = line("MCP-Protocol-Version", version->text);
    struct http_headers h = {list, n};
    for (size_t i = 0; i < n; i++) /* two arguments under one name: the server's schema is wrong, and nothing fits */
        if (http_header_count(&h, (const char *)arena_str(a, list[i].name)) > 1)
            return;
    REQUIRE(!err_failed(headers_check(m, &h, called ? tool : NULL)));
    for (size_t i = 0; i < n; i++) {
        struct bytes was = list[i].value;
        list[i].value = BYTES("surely something else");
        REQUIRE(bytes_is(was, "surely something else") || err_failed(headers_check(m, &h, called ? tool : NULL)));
        list[i].value = was;
    }
}

static void
check_given(struct bytes rest, const struct rpc *m, const struct tool *tool)
{
    struct http_header list[LIST_MAX];
    size_t n = 0;
    while (rest.n && n < LIST_MAX) {
        struct bytes whole = bytes_split(&rest, '\n');
        list[n].name = bytes_split(&whole, ':');
        list[n++].value = whole;
    }
    struct http_headers h = {list, n};
    struct err e = headers_check(m, &h, tool);
    REQUIRE(!err_failed(e) || (e.code == E_PROTOCOL && e.text[0]));
}

static void
check_event(struct bytes id)
{
    unsigned stream;
    uint64_t after;
    char text[REPLAY_ID_MAX];
    if (!replay_read(id, &stream, &after))
        return;
    snprintf(text, sizeof text, "%u-%llu", stream, (unsigned long long)after);
    REQUIRE(replay_read(bytes_str(text), &stream, &after));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct bytes rest = bytes_make(data, size), pin = bytes_split(&rest, 0), text = bytes_split(&rest, 0);
    struct json *json;
    struct rpc m;
    check_event(bytes_sub(rest, 0, 64));
    if (!err_failed(json_parse(&a, pin, NULL, &json)) && !err_failed(rpc_read(&a, text, &m)) && m.kind == RPC_REQUEST) {
        struct tool tool = {.name = "t", .pin = json, .schema = json_get(json, "inputSchema")};
        check_own(&a, &m, &tool);
        check_given(rest, &m, &tool);
    }
    arena_free(&a);
    return 0;
}
