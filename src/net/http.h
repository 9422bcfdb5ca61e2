/*
 * HTTP/1.1 (RFC 9112), server and client, over TCP, Unix sockets and TLS 1.3. Strict: what two readers could take differently is
 * refused (both lengths, repeated Content-Length, Transfer-Encoding other than exactly "chunked", bare LF or CR, spaces before ':',
 * obs-fold, control bytes, absolute targets that contradict Host, …). Everything has a limit and a timeout; at the limit the peer gets
 * a clear status and the connection closes. All of it belongs to its loop's thread.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/arena.h"
#include "net/loop.h"

struct http_header {
    struct bytes name, value;
};

struct http_headers {
    struct http_header *list;
    size_t n;
};

/* http_header(h, "name"): the first value, or at == NULL. Names compare without case. */
struct bytes http_header(const struct http_headers *h, const char *name);
/* http_header_count: how often it stands there. */
size_t http_header_count(const struct http_headers *h, const char *name);

struct http_limits {
    size_t head_bytes;        /* request or status line with all headers */
    size_t headers;           /* their number */
    size_t body_bytes;        /* of one message; a streamed response body has no such bound (SIZE_MAX) */
    size_t write_queue_bytes; /* waiting to be taken by the peer, before http_write reports it is full */
    size_t connections;       /* of one server */
    uint64_t head_ms, body_idle_ms, write_idle_ms, keep_alive_ms; /* server: read a head, between body bytes, peer takes no bytes, idle */
    uint64_t connect_ms, answer_ms;                               /* client: until connected; until the head of the response */
};
extern const struct http_limits http_limits_default; /* 32 KiB, 64, 4 MiB, 1 MiB, 1024; 10 s, 20 s, 20 s, 60 s; 10 s, 60 s */

/* Who is at the other end, as the kernel says it (SO_PEERCRED; SO_PEERPIDFD where the kernel has it). */
struct net_peer {
    bool unix_socket;
    int pid, uid, gid; /* -1 unless unix_socket */
    int pidfd;         /* owned by the connection; -1 when there is none */
    char text[64];     /* "unix:pid 12 uid 1000" or "127.0.0.1:4711" */
    uint16_t remote_port, local_port; /* TCP */
    uint32_t remote_v4, local_v4;     /* TCP over IPv4, network order; else 0 */
    bool loopback;
    bool admitted; /* for the handler: false on a new connection, stays as the handler sets it */
};

/* TLS: TLS 1.3 only. Server: certificate chain and key (PEM files). Client: trust store, and optionally a certificate of its own. */
struct net_tls;
struct err net_tls_server(const char *chain_file, const char *key_file, struct net_tls **out) MUST_USE;
struct err net_tls_client(const char *ca_file /* NULL: the system's */, struct net_tls **out) MUST_USE;
struct err net_tls_trust_system(struct net_tls *t) MUST_USE; /* besides what it trusts already */
struct err net_tls_client_certificate(struct net_tls *t, const char *chain_file, const char *key_file) MUST_USE;
void net_tls_free(struct net_tls *t);

/* ------------------------------------------------------------------------------------------------------------------ server */

struct http_server;
struct http_exchange; /* one request and its response; lives until its ended callback returns */

struct http_request {
    struct bytes method, target; /* target as sent, starting with '/' */
    struct bytes path, query;    /* target split at the first '?'; still percent-encoded */
    struct http_headers headers;
    struct net_peer *peer;
};

/*
 * What a handler does with a request. ${on_request} is called when the head is complete; it sets the other callbacks in *${on} as it
 * wants. Without ${on_body} the body is collected up to limits.body_bytes and given once to ${on_complete}; that body, and the request,
 * live as long as the exchange. Parts given to ${on_body} are good until it returns. Once a response is complete (http_respond, http_end),
 * what is left of the request is read past without further calls.
 * ${on_ended} is always called exactly once for every exchange that on_request saw: after the response was handed to the kernel
 * (${aborted} false) or when the peer went away or the connection was cut before (${aborted} true). No other call for the exchange
 * follows, and the pointer dies with it.
 */
struct http_on {
    void (*on_body)(struct http_exchange *x, struct bytes part);
    void (*on_complete)(struct http_exchange *x, struct bytes body);
    void (*on_drain)(struct http_exchange *x); /* the write queue has room again */
    void (*on_ended)(struct http_exchange *x, bool aborted);
};
typedef void http_handler(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx);

/*
 * http_listen(l, where, tls, limits, handler, ctx, out): ${where} is "HOST:PORT" (a numeric address; port 0: any) or "unix:/path"
 * (removed first when nobody listens there, made with mode ${mode}). http_listen_fd: a listening socket made elsewhere, taken over.
 */
struct err http_listen(struct loop *l, const char *where, unsigned mode, struct net_tls *tls, const struct http_limits *limits, http_handler *handler,
                       void *ctx, struct http_server **out) MUST_USE;
struct err http_listen_fd(struct loop *l, int fd, struct net_tls *tls, const struct http_limits *limits, http_handler *handler, void *ctx,
                          struct http_server **out) MUST_USE;
/* http_server_address(s): "127.0.0.1:4711" as bound. */
const char *http_server_address(const struct http_server *s);
/* http_server_close(s): stop accepting and cut every connection; its exchanges end as aborted before this returns. Frees ${s}. */
void http_server_close(struct http_server *s);

struct http_request *http_exchange_request(struct http_exchange *x);
struct arena *http_exchange_arena(struct http_exchange *x); /* freed with the exchange */
struct loop *http_exchange_loop(struct http_exchange *x);
void http_exchange_set(struct http_exchange *x, void *data);
void *http_exchange_data(struct http_exchange *x);

/*
 * http_respond(x, status, type, extra, n, body): a whole response. ${type} NULL: no Content-Type. The bytes are copied. Of ${extra}, what
 * speaks about the connection or the framing (Connection, Content-Length, Transfer-Encoding, Date, …) is left out: the codec sets it; a
 * name or value that could forge other headers makes the response a 500. Responding after http_start cuts the connection, so that the
 * peer does not take a broken answer for a whole one.
 */
void http_respond(struct http_exchange *x, int status, const char *type, const struct http_header *extra, size_t n, struct bytes body);
/* http_problem(x, e): the RFC 9457 problem document of an error: {type,title,status,code,detail}. */
void http_problem(struct http_exchange *x, struct err e);
/* http_put_problem(b, status, code, detail): the JSON of such a document, for a response with headers of its own. */
void http_put_problem(struct buf *b, int status, const char *code, const char *detail);
/* A streamed response: start, any number of writes, end. http_write returns false when the queue is past its limit: stop until on_drain. */
void http_start(struct http_exchange *x, int status, const char *type, const struct http_header *extra, size_t n);
bool http_write(struct http_exchange *x, struct bytes part);
void http_end(struct http_exchange *x);
bool http_started(const struct http_exchange *x);
/* http_push(x): what was written goes out now as far as the kernel takes it, and not at the end of the turn. No callback is made. */
void http_push(struct http_exchange *x);
/* http_cut(x): close the connection at once, whatever was sent; ends the exchange as aborted. For revocations. */
void http_cut(struct http_exchange *x);
/* http_pause(x, paused): stop or go on reading the request body. */
void http_pause(struct http_exchange *x, bool paused);

/*
 * http_upgrade(x, protocol, on_bytes, on_closed, ctx): answer 101 with "Upgrade: ${protocol}" and turn the connection into a plain
 * byte stream; the exchange ends (not aborted) before this returns. Unlike an exchange the stream lives until on_closed. NULL, and the
 * exchange is as before: the request did not ask for an upgrade, has a body, or was answered already.
 */
struct net_stream;
struct net_stream *http_upgrade(struct http_exchange *x, const char *protocol, void (*on_bytes)(struct net_stream *s, struct bytes part, void *ctx),
                                void (*on_closed)(struct net_stream *s, void *ctx), void *ctx);
/*
 * net_stream_write: false when the queue is past its limit (the bytes are queued all the same); then ${on_drain} of net_stream_on_drain follows.
 * net_stream_pause: stop or go on reading. net_stream_close: on_closed follows.
 */
bool net_stream_write(struct net_stream *s, struct bytes part);
void net_stream_on_drain(struct net_stream *s, void (*on_drain)(struct net_stream *s, void *ctx));
void net_stream_pause(struct net_stream *s, bool paused);
void net_stream_close(struct net_stream *s);
size_t net_stream_queued(const struct net_stream *s);
const struct net_peer *net_stream_peer(const struct net_stream *s);

/* ------------------------------------------------------------------------------------------------------------------ client */

struct http_client; /* a pool of kept-alive connections to any origins */
struct http_call;   /* one request under way; dies after on_end or on_error returned */

struct http_call_on {
    void (*on_head)(struct http_call *c, int status, const struct http_headers *headers, void *ctx);
    void (*on_body)(struct http_call *c, struct bytes part, void *ctx);
    void (*on_end)(struct http_call *c, void *ctx);
    void (*on_error)(struct http_call *c, struct err e, void *ctx); /* instead of on_end, at any time */
    void (*on_sent)(struct http_call *c, void *ctx); /* the kernel has the whole request; may come again, and from inside http_call */
};

struct http_call_request {
    const char *method;
    const char *url; /* http://host[:port]/target, https://…, or unix:/path/of/socket:/target */
    const struct http_header *headers;
    size_t n;
    struct bytes body;      /* copied. Framing headers (see http_respond) are left out here too; Host may be set, else it is the URL's */
    uint64_t answer_ms;     /* 0: the client's limit */
    uint64_t body_idle_ms;  /* 0: the client's limit; UINT64_MAX: none (an event stream) */
    bool no_retry;          /* never send again, even when a kept-alive connection turned out to be closed before any byte came back */
};

struct err http_client_make(struct loop *l, struct net_tls *tls, const struct http_limits *limits, struct http_client **out) MUST_USE;
/* At most limits.connections (E_BUSY past them), of which up to 64 an origin are kept idle, for keep_alive_ms. No redirects, no cookies. */
/*
 * http_client_guard(c, may, ctx): ask ${may} about every address before a connection is made to it; its error is the call's. The address
 * that was asked about is the one that is connected to, whatever its name resolves to meanwhile. Set it before the first call.
 */
typedef struct err http_guard(const struct sockaddr *address, const char *host, void *ctx);
void http_client_guard(struct http_client *c, http_guard *may, void *ctx);
/* http_client_close(c): ends every call with E_CLOSED, then frees. */
void http_client_close(struct http_client *c);
/* The head's headers are good until the last callback. on_error never comes from inside http_call; on_end may start the next call. */
struct err http_call(struct http_client *client, const struct http_call_request *request, const struct http_call_on *on, void *ctx,
                     struct http_call **out) MUST_USE;
/* http_call_cancel(c): close its connection; no callback follows. */
void http_call_cancel(struct http_call *c);
void http_call_pause(struct http_call *c, bool paused);

/* --------------------------------------------------------------------------------------------------------- server-sent events */

/* A reader of text/event-stream (WHATWG HTML §9.2): feed parts, get events. Bounded: an event past ${max} is an error. */
struct sse_event {
    struct bytes event, data, id; /* event is "message" when unnamed; data lines joined with \n */
    bool has_id;
    int64_t retry_ms; /* -1 when absent */
};
struct sse_reader {
    struct buf line, data, event, id;
    bool has_id, after_cr, started;
    int64_t retry_ms;
    size_t max;
};
void sse_reader_init(struct sse_reader *r, size_t max);
void sse_reader_free(struct sse_reader *r);
/* Events without data are given only when they carry an id or retry (a priming event). */
struct err sse_feed(struct sse_reader *r, struct bytes part, void (*on_event)(const struct sse_event *e, void *ctx), void *ctx) MUST_USE;
/* sse_format(b, event, id, data): append one event; ${event} and ${id} may be NULL; newlines in data become several data lines. */
void sse_format(struct buf *b, const char *event, const char *id, struct bytes data);

#endif
