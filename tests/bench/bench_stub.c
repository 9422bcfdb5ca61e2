/*
 * An MCP server (2026-07-28, HTTP) that costs almost nothing, to stand behind a proxy whose cost is measured: bench_stub 127.0.0.1:4710.
 * Two tools, "echo" and "danger"; every answer has the id of its request.
 */
#include <stdio.h>

#include "gate/mcp/rpc.h"
#include "net/http.h"

static const char discovered[] =
    "{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}},\"resultType\":\"complete\",\"ttlMs\":0,"
    "\"cacheScope\":\"private\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"stub\",\"version\":\"1\"}}}";
static const char listed[] =
    "{\"tools\":[{\"name\":\"echo\",\"description\":\"echo\",\"inputSchema\":{\"type\":\"object\",\"properties\":"
    "{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}},{\"name\":\"danger\",\"inputSchema\":{\"type\":\"object\",\"properties\":"
    "{\"what\":{\"type\":\"string\"}}}}],\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\"}";
static const char called[] =
    "{\"content\":[{\"type\":\"text\",\"text\":\"The quick brown fox jumps over the lazy dog\"}],\"resultType\":\"complete\"}";

static void
on_complete(struct http_exchange *x, struct bytes body)
{
    struct rpc m;
    if (err_failed(rpc_read(http_exchange_arena(x), body, &m)) || m.id == NULL) {
        http_respond(x, 202, NULL, NULL, 0, (struct bytes){NULL, 0});
        return;
    }
    const char *result = bytes_is(m.method, "tools/call") ? called : bytes_is(m.method, "tools/list") ? listed : discovered;
    struct buf b = buf_make(4096);
    rpc_put_result(&b, m.id->raw, bytes_str(result));
    http_respond(x, 200, "application/json", NULL, 0, buf_bytes(&b));
    buf_free(&b);
}

static void
take(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    (void)x, (void)r, (void)ctx;
    on->on_complete = on_complete;
}

int
main(int argc, char **argv)
{
    struct loop *l;
    struct http_server *s;
    if (argc != 2 || err_failed(loop_make(env_real(), &l)) || err_failed(http_listen(l, argv[1], 0, NULL, &http_limits_default, take, NULL, &s)))
        return fprintf(stderr, "usage: bench_stub HOST:PORT\n"), 2;
    loop_run(l);
    return 0;
}
