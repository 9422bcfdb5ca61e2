/*
 * The client's inner parts: http_client.c (calls and the pool), http_client_conn.c (a connection and the response on it).
 * A call has at most one connection, a connection at most one call; a connection without one is idle in its origin's pool.
 */
#ifndef NET_HTTP_CLIENT_INNER_H
#define NET_HTTP_CLIENT_INNER_H

#include "net/conn.h"
#include "net/http_head.h"
#include "net/url.h"

/* Scheme, host and port, as the URLs spell it; lives while a connection or call refers to it. */
struct origin {
    struct list link;
    struct list idle; /* the latest used last */
    size_t idle_n, refs;
    size_t key_n;
    char key[];
};

struct http_client {
    struct loop *loop;
    struct net_tls *tls;
    struct http_limits limits; /* body_bytes without bound: responses are streamed */
    struct list origins, calls, conns;
    http_guard *guard;
    void *guard_ctx;
    size_t n;
    bool closing;
};

struct client_conn {
    struct conn conn; /* first */
    struct list link;      /* in client->conns */
    struct list idle_link; /* in origin->idle */
    struct http_client *client;
    struct origin *origin;
    struct http_call *call;
    struct http_parser parser;
    struct buf in; /* arrived while the call was paused */
    bool reused;   /* has served a call before */
};

struct resolve;

struct http_call {
    struct list link;
    struct http_client *client;
    struct origin *origin;
    struct client_conn *cc;
    struct url url; /* its slices are not kept; host, port and flags are */
    struct buf request;
    struct http_call_on on;
    void *ctx;
    struct resolve *resolve;
    struct addrinfo *addresses, *next; /* of a name; ${next} is tried when the present one fails */
    uint64_t answer_ms, body_idle_ms, connect_due;
    bool head_method, no_retry, retried, paused, got_head, finished;
};

/* call_fail(call, e): its connection is closed, on_error is told, it is freed. From the loop only. */
void call_fail(struct http_call *call, struct err e);
/* call_done(call): on_end, and it is freed. */
void call_done(struct http_call *call);
/* call_connect(call): a new connection for it, made now or when its name is resolved. */
struct err call_connect(struct http_call *call) MUST_USE;
/* call_connect_failed(call, why): go on with the next address, or fail. */
void call_connect_failed(struct http_call *call, struct err why);

struct err cc_make(struct http_call *call, struct client_conn **out) MUST_USE;
/* cc_send(cc, call): write the call's request on a connection that is ready. */
void cc_send(struct client_conn *cc);
/* cc_close(cc, reset): leaves call and pool without telling anyone. */
void cc_close(struct client_conn *cc, bool reset);
/* cc_take_idle(origin): the connection used last that still looks alive, or NULL. */
struct client_conn *cc_take_idle(struct origin *origin);

struct err origin_get(struct http_client *client, struct bytes key, struct origin **out) MUST_USE;
void origin_drop(struct origin *o);

#endif
