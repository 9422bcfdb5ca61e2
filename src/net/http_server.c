#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/http_server_inner.h"
#include "net/listen.h"

#define LINGER_MS 5000
#define LINGER_BYTES ((size_t)1 << 20)
#define RETRY_MS 100
#define AHEAD_BYTES 65536 /* of requests that came before their turn; beyond it the kernel keeps them */

struct listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_timer_t retry; /* when there was no memory for a connection that waits */
    struct http_server *server;
    unsigned handles;
    bool unix_socket;
};

struct http_server {
    struct loop *loop;
    struct net_tls *tls;
    struct http_limits limits;
    http_handler *handler;
    void *ctx;
    struct listener *listener;
    struct list conns;
    size_t n;
    struct listen_place *place; /* of a Unix socket that we made; else NULL: an endpoint has no room to waste */
    char address[];
};

/* ---------------------------------------------------------------------------------------------------------- end of a connection */

void
server_close(struct server_conn *sc, bool reset)
{
    if (sc->conn.closed)
        return;
    conn_close(&sc->conn, reset);
    list_remove(&sc->link);
    if (sc->server)
        sc->server->n--;
    sc->server = NULL;
    exchange_end(sc, true);
    if (sc->stream)
        stream_end(sc->stream);
}

void
server_linger(struct server_conn *sc)
{
    sc->lingering = true;
    sc->draining = false;
    buf_free(&sc->in);
    sc->in_at = 0;
    conn_shut(&sc->conn);
    conn_due(&sc->conn, conn_now(&sc->conn) + LINGER_MS);
    server_settle(sc);
}

void
server_refuse(struct server_conn *sc, int status, const char *code, const char *text)
{
    if (sc->draining)
        return server_linger(sc);
    if (sc->x && sc->x->done) { /* it has its answer, which goes out; then the connection ends */
        sc->last = sc->x->complete = true;
        return;
    }
    if (sc->x && sc->x->started)
        return server_close(sc, false);
    struct buf body = buf_make(4096), *b = conn_out(&sc->conn);
    http_put_problem(&body, status, code, text);
    buf_put(b, BYTES("HTTP/1.1 "));
    http_put_number(b, (uint64_t)status, 10);
    buf_printf(b, " %s\r\nDate: %s\r\nContent-Type: application/problem+json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               http_phrase(status), loop_date(sc->conn.loop), body.n);
    buf_put(b, buf_bytes(&body));
    buf_free(&body);
    conn_touch(&sc->conn);
    exchange_end(sc, true);
    if (!sc->conn.closed)
        server_linger(sc);
}

static void
server_ended(struct conn *c, struct err why)
{
    server_close((struct server_conn *)c, why.code != E_CLOSED);
}

static void
server_gone(struct conn *c)
{
    struct server_conn *sc = (struct server_conn *)c;
    http_parser_free(&sc->parser);
    arena_free(&sc->arena);
    buf_free(&sc->body);
    buf_free(&sc->in);
    peer_free(&sc->peer);
    free(sc);
}

/* --------------------------------------------------------------------------------------------------------------------- requests */

static void
begin_exchange(struct server_conn *sc)
{
    struct http_parser *p = &sc->parser;
    struct http_exchange *x = mem_zeroed(sizeof *x);
    if (x == NULL)
        return server_refuse(sc, 503, "memory", "out of memory; try again later");
    x->sc = sc;
    x->expect = p->expect_continue;
    sc->head_due = 0;
    sc->request = (struct http_request){p->method, p->target, p->path, p->query, p->headers, &sc->peer};
    sc->on = (struct http_on){NULL, NULL, NULL, NULL};
    sc->x = x;
    sc->server->handler(x, &sc->request, &sc->on, sc->server->ctx);
}

static void
body_part(struct server_conn *sc, struct bytes part)
{
    struct http_exchange *x = sc->x;
    if (x == NULL || x->done)
        return; /* who has answered already does not want the rest */
    x->expect = false;
    if (sc->on.on_body)
        return sc->on.on_body(x, part);
    buf_put(&sc->body, part);
    if (sc->body.failed)
        server_refuse(sc, 503, "memory", "no memory for the body; try again later");
}

static void
request_complete(struct server_conn *sc)
{
    struct http_exchange *x = sc->x;
    if (x == NULL) {
        sc->draining = false;
        http_parser_next(&sc->parser);
        return;
    }
    x->complete = true;
    if (!x->done && sc->on.on_complete)
        sc->on.on_complete(x, buf_bytes(&sc->body));
}

static void
refuse_bad(struct server_conn *sc)
{
    int status = sc->parser.bad_status;
    server_refuse(sc, status, status == 413 || status == 414 || status == 431 ? "limit" : "http", sc->parser.bad);
}

static bool
may_parse(const struct server_conn *sc)
{
    return !sc->conn.closed && !sc->lingering && sc->stream == NULL && (sc->x == NULL || (!sc->x->complete && !sc->x->paused));
}

static void
parse(struct server_conn *sc, struct bytes *in)
{
    struct bytes part;
    while (may_parse(sc)) {
        switch (http_parse(&sc->parser, in, &part)) {
        case HTTP_MORE:
            return;
        case HTTP_HEAD:
            begin_exchange(sc);
            break;
        case HTTP_BODY:
            body_part(sc, part);
            break;
        case HTTP_END:
            request_complete(sc);
            break;
        case HTTP_BAD:
            return refuse_bad(sc);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------------------ bytes */

void
server_keep(struct server_conn *sc, struct bytes in)
{
    if (in.n == 0 || sc->conn.closed || sc->lingering)
        return;
    buf_put(&sc->in, in);
    if (sc->in.failed)
        conn_fail(&sc->conn, err_make(E_LIMIT, "too much came before its turn"));
}

static uint64_t
deadline(struct server_conn *sc)
{
    uint64_t now = conn_now(&sc->conn);
    if (sc->lingering)
        return sc->conn.due; /* set once, in server_linger */
    if (sc->stream)
        return 0;
    if (sc->draining || (sc->x && !sc->x->complete && !sc->x->paused))
        return now + sc->limits.body_idle_ms;
    if (sc->x)
        return 0;
    if (!http_parser_begun(&sc->parser) && sc->conn.ready)
        return now + sc->limits.keep_alive_ms;
    if (sc->head_due == 0) /* a head has one time in all, however slowly its bytes drip in */
        sc->head_due = now + sc->limits.head_ms;
    return sc->head_due;
}

/* Even while a response is being made, or its body is held up, the socket is read a little ahead: only so its closing is seen at once. */
void
server_settle(struct server_conn *sc)
{
    if (sc->conn.closed)
        return;
    if (sc->x)
        exchange_continue(sc->x);
    conn_read(&sc->conn, sc->in.n - sc->in_at < AHEAD_BYTES && !(sc->stream && stream_paused(sc->stream)));
    conn_due(&sc->conn, deadline(sc));
}

static void
parse_kept(struct server_conn *sc)
{
    struct bytes in = bytes_sub(buf_bytes(&sc->in), sc->in_at, SIZE_MAX);
    parse(sc, &in);
    if (sc->conn.closed || sc->lingering)
        return;
    sc->in_at = sc->in.n - in.n;
    if (in.n == 0)
        sc->in.n = sc->in_at = 0;
    if (in.n == 0 && sc->in.cap > AHEAD_BYTES)
        buf_free(&sc->in);
}

static void
discard(struct server_conn *sc, size_t n)
{
    sc->discarded += n;
    if (sc->discarded > LINGER_BYTES)
        server_close(sc, false);
}

static void
server_bytes(struct conn *c, struct bytes in)
{
    struct server_conn *sc = (struct server_conn *)c;
    if (sc->lingering)
        return discard(sc, in.n);
    if (sc->in.n) {
        buf_drop(&sc->in, sc->in_at);
        sc->in_at = 0;
        server_keep(sc, in);
        if (sc->stream == NULL)
            parse_kept(sc);
    } else if (sc->stream)
        stream_bytes(sc->stream, in);
    else {
        parse(sc, &in);
        server_keep(sc, in);
    }
    server_settle(sc);
}

/* What was put aside has its turn: the exchange before is over, reading goes on, or the stream begins. */
static void
server_again(struct conn *c)
{
    struct server_conn *sc = (struct server_conn *)c;
    if (sc->stream && sc->in.n) {
        struct buf in = sc->in;
        sc->in = buf_make(in.max);
        stream_bytes(sc->stream, bytes_sub(buf_bytes(&in), sc->in_at, SIZE_MAX));
        sc->in_at = 0;
        buf_free(&in);
    } else if (sc->stream == NULL)
        parse_kept(sc);
    server_settle(sc);
}

static void
server_drained(struct conn *c)
{
    struct server_conn *sc = (struct server_conn *)c;
    if (sc->stream)
        stream_drained(sc->stream);
    else if (sc->x)
        exchange_drained(sc);
}

static void
server_due(struct conn *c)
{
    struct server_conn *sc = (struct server_conn *)c;
    bool waiting = sc->x == NULL && !http_parser_begun(&sc->parser);
    if (sc->lingering || sc->draining || waiting)
        return server_close(sc, false);
    server_refuse(sc, 408, "timeout", sc->x ? "the body of the request did not arrive in time" : "the request did not arrive in time");
}

static void
server_ready(struct conn *c)
{
    server_settle((struct server_conn *)c);
}

static const struct conn_face server_face = {
    .ready = server_ready,
    .bytes = server_bytes,
    .drained = server_drained,
    .again = server_again,
    .due = server_due,
    .ended = server_ended,
    .gone = server_gone,
};

/* ------------------------------------------------------------------------------------------------------------------ the listener */

/* One connection too many gets a clear answer if that costs nothing, and is closed. */
static void
turn_away(struct server_conn *sc)
{
    if (sc->conn.ready)
        conn_write(&sc->conn, BYTES("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"));
    conn_flush(&sc->conn);
    server_close(sc, false);
}

static struct server_conn *
make_conn(struct http_server *s)
{
    struct server_conn *sc = calloc(1, sizeof *sc);
    if (sc == NULL)
        return NULL;
    sc->server = s;
    sc->limits = s->limits;
    sc->body = buf_make(s->limits.body_bytes);
    sc->in = buf_make(AHEAD_BYTES + 2 * LOOP_READ_BYTES);
    sc->peer.pidfd = -1;
    http_parser_init(&sc->parser, &sc->limits, false);
    conn_init(&sc->conn, s->loop, &server_face, s->listener->unix_socket, &s->limits);
    list_add(&s->conns, &sc->link);
    s->n++;
    return sc;
}

static void on_connection(uv_stream_t *stream, int status);

static void
on_retry(uv_timer_t *t)
{
    struct listener *l = t->data;
    on_connection(&l->uv.stream, 0);
}

/* Whoever handed a listening socket over shares its flags, and libuv accepts until it would block: it must not be made to. */
static void
keep_nonblocking(uv_stream_t *listener)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)listener, &fd) == 0)
        fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
}

static void
on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;
    struct http_server *s = l->server;
    struct server_conn *sc = status == 0 ? make_conn(s) : NULL;
    if (sc == NULL) { /* until it is accepted, libuv listens no further */
        if (status == 0)
            uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
        return;
    }
    struct tls_session *tls = NULL;
    struct err e = s->tls ? tls_open(s->tls, NULL, &tls) : err_ok();
    struct err accepted = conn_accept(&sc->conn, stream, tls);
    keep_nonblocking(stream);
    if (err_failed(e) || err_failed(accepted))
        return server_close(sc, false);
    if (s->n > s->limits.connections)
        return turn_away(sc);
    peer_read(conn_fd(&sc->conn), sc->conn.unix_socket, &sc->peer);
    conn_read(&sc->conn, true);
    /* The first request has no longer than its head may take, handshake included: an idle newcomer is not yet a kept connection. */
    sc->head_due = conn_now(&sc->conn) + sc->limits.head_ms;
    conn_due(&sc->conn, sc->head_due);
}

static void
listener_gone(uv_handle_t *h)
{
    struct listener *l = h->data;
    if (--l->handles == 0)
        free(l);
}

static void
listener_close(struct listener *l)
{
    l->handles = 2;
    uv_close(&l->uv.handle, listener_gone);
    uv_close((uv_handle_t *)&l->retry, listener_gone);
}

/* The handle takes the descriptor over; on failure it is closed. */
static struct err
start_listening(struct http_server *s, int fd)
{
    struct listener *l = s->listener;
    int failed = l->unix_socket ? uv_pipe_init(&s->loop->uv, &l->uv.pipe, 0) : uv_tcp_init(&s->loop->uv, &l->uv.tcp);
    uv_timer_init(&s->loop->uv, &l->retry);
    l->uv.handle.data = l->retry.data = l;
    if (!failed)
        failed = l->unix_socket ? uv_pipe_open(&l->uv.pipe, fd) : uv_tcp_open(&l->uv.tcp, fd);
    if (failed)
        close(fd);
    else
        failed = uv_listen(&l->uv.stream, 1024, on_connection);
    if (!failed)
        return err_ok();
    listener_close(l);
    return err_make(E_SYSTEM, "listening on %s: %s", s->address, uv_strerror(failed));
}

static struct err
make_server(struct loop *l, int fd, const struct listen_place *place, struct net_tls *tls, const struct http_limits *limits, http_handler *handler,
            void *ctx, struct http_server **out)
{
    size_t n = strlen(place->address) + 1;
    struct http_server *s = calloc(1, sizeof *s + n);
    struct listener *listener = calloc(1, sizeof *listener);
    struct listen_place *kept = place->path[0] ? malloc(sizeof *kept) : NULL;
    if (s == NULL || listener == NULL || (place->path[0] && kept == NULL)) {
        free(kept);
        free(listener);
        free(s);
        close(fd);
        return err_make(E_MEMORY, "no memory for an HTTP server");
    }
    if (kept)
        *kept = *place;
    *s = (struct http_server){.loop = l, .tls = tls, .limits = *limits, .handler = handler, .ctx = ctx, .listener = listener, .place = kept};
    memcpy(s->address, place->address, n);
    *listener = (struct listener){.server = s, .unix_socket = place->unix_socket};
    list_init(&s->conns);
    struct err e = start_listening(s, fd);
    if (err_failed(e)) {
        free(kept);
        free(s);
        return e;
    }
    *out = s;
    return err_ok();
}

struct err
http_listen_fd(struct loop *l, int fd, struct net_tls *tls, const struct http_limits *limits, http_handler *handler, void *ctx,
               struct http_server **out)
{
    struct listen_place place;
    TRY(listen_describe(fd, &place));
    return make_server(l, fd, &place, tls, limits, handler, ctx, out);
}

struct err
http_listen(struct loop *l, const char *where, unsigned mode, struct net_tls *tls, const struct http_limits *limits, http_handler *handler, void *ctx,
            struct http_server **out)
{
    struct listen_place place;
    int fd;
    TRY(listen_open(where, mode, &fd, &place));
    struct err e = make_server(l, fd, &place, tls, limits, handler, ctx, out);
    if (err_failed(e))
        listen_remove(&place);
    return e;
}

const char *
http_server_address(const struct http_server *s)
{
    return s->address;
}

void
http_server_close(struct http_server *s)
{
    if (s == NULL)
        return; /* Behave consistently with free(NULL). */
    s->listener->server = NULL;
    listener_close(s->listener);
    if (s->place)
        listen_remove(s->place);
    free(s->place);
    while (!list_empty(&s->conns))
        server_close(LIST_OWNER(s->conns.next, struct server_conn, link), true);
    free(s);
}
