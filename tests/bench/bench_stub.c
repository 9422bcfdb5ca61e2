/*
 * An MCP server that costs almost nothing, to stand behind a proxy whose cost is measured. Both eras, no sessions.
 *
 *     bench_stub 127.0.0.1:4710     streamable HTTP
 *     bench_stub                    one message a line, on stdin and stdout
 *
 * Tools: "echo" answers with a text of ${bytes} (43 when left out); "stream" with ${parts} progress notifications of ${bytes} each, and
 * then a result; "hold" begins its stream and never ends it; "danger" is never called.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/rpc.h"
#include "net/http.h"

#define PART_MAX ((size_t)16 << 20)

static const char fox[] = "The quick brown fox jumps over the lazy dog";
static const char discovered[] =
    "{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}},\"resultType\":\"complete\",\"ttlMs\":0,"
    "\"cacheScope\":\"private\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"stub\",\"version\":\"1\"}}}";
static const char started[] =
    "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"stub\",\"version\":\"1\"}}";
static const char listed[] =
    "{\"tools\":[{\"name\":\"echo\",\"description\":\"echo\",\"inputSchema\":{\"type\":\"object\",\"properties\":"
    "{\"text\":{\"type\":\"string\"},\"bytes\":{\"type\":\"integer\"}},\"required\":[\"text\"]}},"
    "{\"name\":\"stream\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"parts\":{\"type\":\"integer\"},\"bytes\":{\"type\":\"integer\"}}}},"
    "{\"name\":\"hold\",\"inputSchema\":{\"type\":\"object\",\"properties\":{}}},"
    "{\"name\":\"danger\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"what\":{\"type\":\"string\"}}}}],"
    "\"resultType\":\"complete\",\"ttlMs\":0,\"cacheScope\":\"private\"}";

static bool
names(const struct rpc *m, const char *tool)
{
    return bytes_is(json_text(m->params, "name"), tool);
}

static size_t
argument(const struct rpc *m, const char *name, size_t otherwise)
{
    const struct json *v = json_get(rpc_param(m, "arguments"), name);
    return json_is(v, JSON_INT) && v->number > 0 && (uint64_t)v->number <= PART_MAX ? (size_t)v->number : otherwise;
}

static void
put_words(struct buf *b, size_t n)
{
    for (size_t left = n; left > 0;) {
        size_t one = left < sizeof fox - 1 ? left : sizeof fox - 1;
        buf_put(b, bytes_make(fox, one));
        left -= one;
    }
}

static void
put_called(struct buf *b, const struct rpc *m)
{
    struct buf result = buf_make(PART_MAX + 4096);
    buf_puts(&result, "{\"content\":[{\"type\":\"text\",\"text\":\"");
    put_words(&result, names(m, "echo") ? argument(m, "bytes", sizeof fox - 1) : sizeof fox - 1);
    buf_puts(&result, "\"}],\"resultType\":\"complete\"}");
    rpc_put_result(b, m->id->raw, buf_bytes(&result));
    buf_free(&result);
}

static void
put_answer(struct buf *b, const struct rpc *m)
{
    if (bytes_is(m->method, "tools/call"))
        put_called(b, m);
    else if (bytes_is(m->method, "tools/list"))
        rpc_put_result(b, m->id->raw, bytes_str(listed));
    else if (bytes_is(m->method, "initialize"))
        rpc_put_result(b, m->id->raw, bytes_str(started));
    else if (bytes_is(m->method, "server/discover"))
        rpc_put_result(b, m->id->raw, bytes_str(discovered));
    else
        rpc_put_result(b, m->id->raw, BYTES("{\"resultType\":\"complete\"}"));
}

/* A progress notification of "stream", or its result when all parts have gone. */
static void
put_part(struct buf *b, const struct rpc *m, size_t part, size_t parts, size_t bytes)
{
    struct json *token = rpc_meta(m, "progressToken");
    if (part == parts || token == NULL) {
        put_called(b, m);
        return;
    }
    struct buf params = buf_make(PART_MAX + 4096);
    buf_printf(&params, "{\"progressToken\":%.*s,\"progress\":%zu,\"total\":%zu,\"message\":\"", (int)token->raw.n, (const char *)token->raw.at,
               part + 1, parts);
    put_words(&params, bytes);
    buf_puts(&params, "\"}");
    rpc_put_notification(b, BYTES("notifications/progress"), buf_bytes(&params));
    buf_free(&params);
}

/* ------------------------------------------------------------------------------------------------------------------------- HTTP */

struct streaming {
    struct rpc message;
    size_t part, parts, bytes;
};

static void
stream_on(struct http_exchange *x)
{
    struct streaming *s = http_exchange_data(x);
    bool room = s->parts > 0; /* not "hold" */
    while (room && s->part <= s->parts) {
        struct buf b = buf_make(PART_MAX + 8192);
        buf_puts(&b, "data: ");
        put_part(&b, &s->message, s->part++, s->parts, s->bytes);
        buf_puts(&b, "\n\n");
        room = http_write(x, buf_bytes(&b));
        buf_free(&b);
    }
    if (s->parts > 0 && s->part > s->parts)
        http_end(x);
}

static void
on_complete(struct http_exchange *x, struct bytes body)
{
    struct streaming *s = http_exchange_data(x);
    if (err_failed(rpc_read(http_exchange_arena(x), body, &s->message)) || s->message.id == NULL) {
        http_respond(x, 202, NULL, NULL, 0, (struct bytes){NULL, 0});
        return;
    }
    if (names(&s->message, "hold")) {
        struct buf b = buf_make(8192);
        buf_puts(&b, "data: ");
        put_part(&b, &s->message, 0, 1, 40);
        buf_puts(&b, "\n\n");
        http_start(x, 200, "text/event-stream", NULL, 0);
        http_write(x, buf_bytes(&b));
        buf_free(&b);
        s->part = 1;
        return;
    }
    if (names(&s->message, "stream")) {
        s->parts = argument(&s->message, "parts", 1);
        s->bytes = argument(&s->message, "bytes", 1000);
        http_start(x, 200, "text/event-stream", NULL, 0);
        stream_on(x);
        return;
    }
    struct buf b = buf_make(PART_MAX + 8192);
    put_answer(&b, &s->message);
    http_respond(x, 200, "application/json", NULL, 0, buf_bytes(&b));
    buf_free(&b);
}

static void
take(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    (void)ctx;
    if (!bytes_is(r->method, "POST")) {
        http_respond(x, 405, NULL, NULL, 0, (struct bytes){NULL, 0});
        return;
    }
    http_exchange_set(x, arena_get(http_exchange_arena(x), sizeof(struct streaming)));
    on->on_complete = on_complete;
    on->on_drain = stream_on;
}

/* ------------------------------------------------------------------------------------------------------------------------ lines */

static void
answer_line(struct bytes line)
{
    struct arena a = {.max = PART_MAX};
    struct rpc m;
    if (!err_failed(rpc_read(&a, line, &m)) && m.kind == RPC_REQUEST) {
        bool stream = names(&m, "stream");
        size_t parts = stream ? argument(&m, "parts", 1) : 0, bytes = argument(&m, "bytes", 1000);
        for (size_t i = 0; i <= parts; i++) {
            struct buf b = buf_make(PART_MAX + 8192);
            if (stream)
                put_part(&b, &m, i, parts, bytes);
            else
                put_answer(&b, &m);
            buf_putc(&b, '\n');
            fwrite(b.at, 1, b.n, stdout);
            buf_free(&b);
        }
        fflush(stdout);
    }
    arena_free(&a);
}

static int
serve_lines(void)
{
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;)
        answer_line(bytes_trim(bytes_make(line, (size_t)n)));
    free(line);
    return 0;
}

int
main(int argc, char **argv)
{
    struct loop *l;
    struct http_server *s;
    if (argc == 1)
        return serve_lines();
    if (argc != 2 || err_failed(loop_make(env_real(), &l)) || err_failed(http_listen(l, argv[1], 0, NULL, &http_limits_default, take, NULL, &s)))
        return fprintf(stderr, "usage: bench_stub [HOST:PORT]\n"), 2;
    loop_run(l);
    return 0;
}
