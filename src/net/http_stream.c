#include <stdlib.h>

#include "net/http_server_inner.h"

struct net_stream {
    struct server_conn *sc;
    void (*on_bytes)(struct net_stream *s, struct bytes part, void *ctx);
    void (*on_closed)(struct net_stream *s, void *ctx);
    void (*on_drain)(struct net_stream *s, void *ctx);
    void *ctx;
    bool closing, full, paused;
};

/* RFC 9110 §7.8: only what was asked for, only in HTTP/1.1, and not in the middle of a body. */
static bool
may_upgrade(const struct http_exchange *x, const char *protocol)
{
    const struct http_parser *p = &x->sc->parser;
    return p->upgrade && !x->started && !p->chunked && p->left == 0 && http_value_ok(bytes_str(protocol));
}

struct net_stream *
http_upgrade(struct http_exchange *x, const char *protocol, void (*on_bytes)(struct net_stream *s, struct bytes part, void *ctx),
             void (*on_closed)(struct net_stream *s, void *ctx), void *ctx)
{
    struct server_conn *sc = x->sc;
    struct net_stream *s = may_upgrade(x, protocol) ? calloc(1, sizeof *s) : NULL;
    if (s == NULL)
        return NULL;
    *s = (struct net_stream){.sc = sc, .on_bytes = on_bytes, .on_closed = on_closed, .ctx = ctx};
    sc->stream = s;
    buf_printf(conn_out(&sc->conn), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol);
    conn_touch(&sc->conn);
    conn_flush(&sc->conn);
    conn_again(&sc->conn);
    exchange_end(sc, false);
    return s;
}

void
stream_bytes(struct net_stream *s, struct bytes part)
{
    if (!s->closing && part.n)
        s->on_bytes(s, part, s->ctx);
}

void
stream_drained(struct net_stream *s)
{
    if (s->closing) {
        server_close(s->sc, false);
    } else if (s->full) {
        s->full = false;
        if (s->on_drain)
            s->on_drain(s, s->ctx);
    }
}

bool
stream_paused(const struct net_stream *s)
{
    return s->paused && !s->closing;
}

void
stream_end(struct net_stream *s)
{
    s->sc->stream = NULL;
    if (s->on_closed)
        s->on_closed(s, s->ctx);
    free(s);
}

bool
net_stream_write(struct net_stream *s, struct bytes part)
{
    if (s->closing)
        return false;
    conn_write(&s->sc->conn, part);
    s->full = s->full || net_stream_queued(s) > s->sc->limits.write_queue_bytes;
    return !s->full;
}

void
net_stream_on_drain(struct net_stream *s, void (*on_drain)(struct net_stream *s, void *ctx))
{
    s->on_drain = on_drain;
}

void
net_stream_pause(struct net_stream *s, bool paused)
{
    s->paused = paused;
    server_settle(s->sc);
}

void
net_stream_close(struct net_stream *s)
{
    s->closing = true;
    conn_touch(&s->sc->conn); /* the next time all is with the kernel, it closes */
}

size_t
net_stream_queued(const struct net_stream *s)
{
    return conn_queued(&s->sc->conn);
}

const struct net_peer *
net_stream_peer(const struct net_stream *s)
{
    return &s->sc->peer;
}
