/*
 * The server's connection, shared by http_server.c (its life), http_exchange.c (responses) and http_stream.c (after an upgrade).
 * One request at a time: while an exchange waits for its response, what follows on the connection stays unread in ${in}.
 */
#ifndef NET_HTTP_SERVER_INNER_H
#define NET_HTTP_SERVER_INNER_H

#include "net/conn.h"
#include "net/http_head.h"

struct server_conn {
    struct conn conn; /* first: the face's functions get it */
    struct list link; /* in server->conns */
    struct http_server *server; /* NULL once it is closed */
    struct http_limits limits;
    struct net_peer peer;
    struct http_parser parser;
    struct arena arena; /* of the present exchange */
    struct http_request request;
    struct http_on on;
    struct http_exchange *x; /* the present one, or NULL */
    struct net_stream *stream;
    struct buf body; /* collected for on_complete */
    struct buf in;   /* arrived, not yet parsed; the first ${in_at} bytes are done with */
    size_t in_at, discarded;
    uint64_t head_due;
    bool draining;  /* the response is out, the rest of its request is read past */
    bool lingering; /* all is said; reads until the peer has seen it */
    bool last;      /* the connection ends with this response */
};

struct http_exchange {
    struct server_conn *sc;
    void *data;
    bool complete;    /* the request was read entirely */
    bool started;     /* a response head was written */
    bool done;        /* the response is complete, as far as the handler goes */
    bool chunked;     /* a streamed response to HTTP/1.1 */
    bool full;        /* http_write returned false: on_drain is owed */
    bool paused;
    bool expect;      /* 100 Continue is owed */
    bool no_body;     /* the response to a HEAD, a 204 or a 304 */
};

/* exchange_end(sc, aborted): the last callback; the exchange is freed. Harmless without one. */
void exchange_end(struct server_conn *sc, bool aborted);
/* exchange_drained(sc): the kernel has all that was written. */
void exchange_drained(struct server_conn *sc);
/* exchange_continue(x): write 100 Continue if it is owed and the handler waits for the body. */
void exchange_continue(struct http_exchange *x);
/* server_refuse(sc, status, code, text): a problem document for a request that cannot be read, and the end of the connection. */
void server_refuse(struct server_conn *sc, int status, const char *code, const char *text);
/* server_linger(sc): shut, then read past what comes until the peer closes: a reset would throw away what it has not read yet. */
void server_linger(struct server_conn *sc);
/* server_close(sc, reset): the exchange or stream ends, then the connection. */
void server_close(struct server_conn *sc, bool reset);
/* server_settle(sc): set reading and the deadline to what the present state wants. */
void server_settle(struct server_conn *sc);
/* server_keep(sc, in): put aside what cannot be parsed yet. */
void server_keep(struct server_conn *sc, struct bytes in);

void stream_bytes(struct net_stream *s, struct bytes part);
void stream_drained(struct net_stream *s);
bool stream_paused(const struct net_stream *s);
/* stream_end(s): on_closed, and its memory is gone. */
void stream_end(struct net_stream *s);

#endif
