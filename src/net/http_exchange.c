#include <stdlib.h>

#include "net/http_server_inner.h"

#define DRAIN_MAX 65536 /* a request's rest up to this is read past, to keep the connection */

struct http_request *
http_exchange_request(struct http_exchange *x)
{
    return &x->sc->request;
}

struct arena *
http_exchange_arena(struct http_exchange *x)
{
    return &x->sc->arena;
}

struct loop *
http_exchange_loop(struct http_exchange *x)
{
    return x->sc->conn.loop;
}

void
http_exchange_set(struct http_exchange *x, void *data)
{
    x->data = data;
}

void *
http_exchange_data(struct http_exchange *x)
{
    return x->data;
}

bool
http_started(const struct http_exchange *x)
{
    return x->started;
}

void
exchange_end(struct server_conn *sc, bool aborted)
{
    struct http_exchange *x = sc->x;
    if (x == NULL)
        return;
    sc->x = NULL;
    if (sc->on.on_ended)
        sc->on.on_ended(x, aborted);
    free(x);
    arena_reset(&sc->arena);
    sc->body.n = 0;
    if (sc->body.cap > DRAIN_MAX)
        buf_free(&sc->body);
}

void
exchange_drained(struct server_conn *sc)
{
    struct http_exchange *x = sc->x;
    if (x->done) {
        sc->draining = !x->complete;
        exchange_end(sc, false);
        if (sc->conn.closed)
            return;
        if (sc->last)
            return server_linger(sc);
        if (!sc->draining)
            http_parser_next(&sc->parser);
        if (sc->in.n)
            conn_again(&sc->conn);
        return server_settle(sc);
    }
    if (x->full) {
        x->full = false;
        if (sc->on.on_drain)
            sc->on.on_drain(x);
    }
}

void
exchange_continue(struct http_exchange *x)
{
    if (!x->expect || x->paused || x->started || x->complete)
        return;
    x->expect = false;
    conn_write(&x->sc->conn, BYTES("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* ---------------------------------------------------------------------------------------------------------------- response heads */

/* Can the connection go on behind this response? Not when we would have to read much of the request for it. */
static bool
is_last(const struct http_exchange *x)
{
    const struct http_parser *p = &x->sc->parser;
    if (p->close || x->sc->last)
        return true;
    return !x->complete && (p->chunked || x->expect || p->left > DRAIN_MAX);
}

/* The status line and all headers but those about the length. */
static void
put_head(struct http_exchange *x, int status, const char *type, const struct http_header *extra, size_t n)
{
    struct server_conn *sc = x->sc;
    struct buf *b = conn_out(&sc->conn);
    sc->last = is_last(x);
    x->started = true;
    x->no_body = bytes_is(sc->request.method, "HEAD") || status == 204 || status == 304;
    buf_put(b, BYTES("HTTP/1.1 "));
    http_put_number(b, (uint64_t)status, 10);
    buf_putc(b, ' ');
    buf_puts(b, http_phrase(status));
    buf_put(b, BYTES("\r\nDate: "));
    buf_puts(b, loop_date(sc->conn.loop));
    buf_put(b, BYTES("\r\n"));
    if (type)
        http_put_header(b, "Content-Type", bytes_str(type));
    http_put_headers(b, extra, n);
    if (sc->last)
        buf_put(b, BYTES("Connection: close\r\n"));
}

static void
put_length(struct buf *b, size_t n)
{
    buf_put(b, BYTES("Content-Length: "));
    http_put_number(b, n, 10);
    buf_put(b, BYTES("\r\n"));
}

static void
write_whole(struct http_exchange *x, int status, const char *type, const struct http_header *extra, size_t n, struct bytes body)
{
    struct buf *b = conn_out(&x->sc->conn);
    put_head(x, status, type, extra, n);
    if (status != 204 && status != 304)
        put_length(b, body.n);
    buf_put(b, BYTES("\r\n"));
    x->done = true;
    conn_touch(&x->sc->conn);
    if (!x->no_body)
        conn_write(&x->sc->conn, body);
}

static void
write_problem(struct http_exchange *x, int status, const char *code, const char *detail)
{
    struct buf b = buf_make(16384);
    http_put_problem(&b, status, code, detail);
    write_whole(x, status, "application/problem+json", NULL, 0, buf_bytes(&b));
    buf_free(&b);
}

/* Who answers twice, or with what is no header, has a bug; the peer must not take the outcome for a whole or a good response. */
static bool
may_start(struct http_exchange *x, int status, const char *type, const struct http_header *extra, size_t n)
{
    if (x->started) {
        if (!x->done)
            conn_fail(&x->sc->conn, err_make(E_STATE, "a second response to one request"));
        return false;
    }
    if (status >= 200 && status <= 599 && http_headers_ok(extra, n) && (type == NULL || http_value_ok(bytes_str(type))))
        return true;
    write_problem(x, 500, "system", "the answer held a header or status that cannot be sent; see the server's log");
    return false;
}

void
http_respond(struct http_exchange *x, int status, const char *type, const struct http_header *extra, size_t n, struct bytes body)
{
    if (may_start(x, status, type, extra, n))
        write_whole(x, status, type, extra, n, body);
}

void
http_problem(struct http_exchange *x, struct err e)
{
    if (may_start(x, 500, NULL, NULL, 0))
        write_problem(x, err_http_status(e.code), err_name(e.code), e.text);
}

void
http_start(struct http_exchange *x, int status, const char *type, const struct http_header *extra, size_t n)
{
    if (!may_start(x, status, type, extra, n))
        return;
    struct server_conn *sc = x->sc;
    struct buf *b = conn_out(&sc->conn);
    x->chunked = !sc->parser.http10;
    put_head(x, status, type, extra, n);
    if (x->chunked && status != 204 && status != 304)
        buf_put(b, BYTES("Transfer-Encoding: chunked\r\n"));
    buf_put(b, BYTES("\r\n"));
    conn_touch(&sc->conn);
}

bool
http_write(struct http_exchange *x, struct bytes part)
{
    struct conn *c = &x->sc->conn;
    if (!x->started || x->done)
        return true;
    if (part.n && !x->no_body) {
        if (x->chunked) {
            http_put_number(conn_out(c), part.n, 16);
            buf_put(conn_out(c), BYTES("\r\n"));
        }
        conn_write(c, part);
        if (x->chunked)
            buf_put(conn_out(c), BYTES("\r\n"));
    }
    x->full = conn_queued(c) > x->sc->limits.write_queue_bytes || x->full;
    return !x->full;
}

void
http_end(struct http_exchange *x)
{
    struct conn *c = &x->sc->conn;
    if (!x->started || x->done)
        return;
    x->done = true;
    if (x->chunked && !x->no_body)
        buf_put(conn_out(c), BYTES("0\r\n\r\n"));
    conn_touch(c);
}

void
http_push(struct http_exchange *x)
{
    conn_flush(&x->sc->conn);
}

void
http_cut(struct http_exchange *x)
{
    server_close(x->sc, true);
}

void
http_pause(struct http_exchange *x, bool paused)
{
    if (x->paused == paused)
        return;
    x->paused = paused;
    conn_again(&x->sc->conn);
}
