/*
 * An MCP server (2026-07-28, HTTP) whose list of tools takes a while: bench_lists HOST:PORT MS TTL. A list of ten tools takes MS milliseconds and
 * may be kept for TTL. Stands behind federation.py.
 */
#include <stdio.h>

#include "gate/mcp/rpc.h"
#include "net/http.h"

static struct buf listed, discovered;
static uint64_t list_ms;

static void
put_hints(struct buf *b, uint64_t ttl_ms)
{
    json_member_str(b, "resultType", "complete");
    json_member_int(b, "ttlMs", (int64_t)ttl_ms);
    json_member_str(b, "cacheScope", "private");
    json_close(b, '}');
}

static void
make_answers(uint64_t ttl_ms)
{
    listed = buf_make(65536);
    discovered = buf_make(65536);
    buf_puts(&listed, "{\"tools\":[");
    for (int i = 0; i < 10; i++)
        buf_printf(&listed,
                   "%s{\"name\":\"tool%d\",\"description\":\"A tool of the benchmark\",\"inputSchema\":{\"type\":\"object\",\"properties\":"
                   "{\"text\":{\"type\":\"string\",\"description\":\"any text\"}},\"required\":[\"text\"]}}",
                   i ? "," : "", i);
    buf_puts(&listed, "]");
    put_hints(&listed, ttl_ms);
    buf_puts(&discovered, "{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}}");
    put_hints(&discovered, ttl_ms);
}

struct late {
    struct timer *due;
    struct bytes answer;
    struct http_exchange *x;
};

static void
answer_now(void *ctx)
{
    struct late *late = ctx;
    late->due = NULL;
    http_respond(late->x, 200, "application/json", NULL, 0, late->answer);
}

static void
on_ended(struct http_exchange *x, bool aborted)
{
    struct late *late = http_exchange_data(x);
    (void)aborted;
    if (late && late->due)
        loop_cancel(late->due);
}

static void
on_complete(struct http_exchange *x, struct bytes body)
{
    struct rpc m;
    struct arena *a = http_exchange_arena(x);
    struct late *late = ARENA_NEW(a, struct late);
    if (late == NULL || err_failed(rpc_read(a, body, &m)) || m.id == NULL) {
        http_respond(x, 202, NULL, NULL, 0, (struct bytes){NULL, 0});
        return;
    }
    bool lists = bytes_is(m.method, "tools/list");
    struct buf b = buf_make(131072);
    rpc_put_result(&b, m.id->raw, buf_bytes(lists ? &listed : &discovered));
    *late = (struct late){NULL, arena_copy(a, buf_bytes(&b)), x};
    buf_free(&b);
    http_exchange_set(x, late);
    if (lists && list_ms)
        late->due = loop_after(http_exchange_loop(x), list_ms, answer_now, late);
    else
        answer_now(late);
}

static void
take(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    (void)x, (void)r, (void)ctx;
    on->on_complete = on_complete;
    on->on_ended = on_ended;
}

int
main(int argc, char **argv)
{
    struct loop *l;
    struct http_server *s;
    uint64_t ttl_ms;
    if (argc != 4 || !bytes_u64(bytes_str(argv[2]), &list_ms) || !bytes_u64(bytes_str(argv[3]), &ttl_ms))
        return fprintf(stderr, "usage: bench_lists HOST:PORT MS TTL\n"), 2;
    make_answers(ttl_ms);
    if (err_failed(loop_make(env_real(), &l)) || err_failed(http_listen(l, argv[1], 0, NULL, &http_limits_default, take, NULL, &s)))
        return fprintf(stderr, "bench_lists: cannot listen on %s\n", argv[1]), 2;
    loop_run(l);
    return 0;
}
