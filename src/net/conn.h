/*
 * One connection: a TCP or Unix socket, with TLS or without, seen as two byte streams. Embedded as the first member of what uses it.
 * Everything written is gathered and goes out in one system call at the end of the turn. No function here calls the face back, except
 * from the loop; after conn_close only ${gone} is called.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/loop_inner.h"
#include "net/tls.h"

struct conn;

struct conn_face {
    void (*ready)(struct conn *c);                  /* connected, and the TLS handshake is done */
    void (*bytes)(struct conn *c, struct bytes in); /* good until it returns */
    void (*drained)(struct conn *c);                /* all that was written is with the kernel */
    void (*again)(struct conn *c);                  /* conn_again was called in the turn before */
    void (*due)(struct conn *c);                    /* the time set by conn_due came */
    void (*ended)(struct conn *c, struct err why);  /* the peer closed (E_CLOSED) or it broke; conn_close is due */
    void (*gone)(struct conn *c);                   /* closed entirely: free it */
};

struct conn {
    const struct conn_face *face;
    struct loop *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_timer_t timer;
    uv_write_t write;
    uv_connect_t connect;
    uv_shutdown_t shutdown;
    struct tls_session *tls;
    struct soon soon;
    struct buf out;    /* written, not yet given to the kernel; plain text even with TLS */
    struct buf flying; /* being sent by libuv */
    uint64_t due, write_due, armed, write_idle_ms;
    size_t flying_left;
    struct err failure;
    unsigned handles;
    bool unix_socket, ready, reading, in_turn, wrote, again, failed, ended, clean_end, shut, shut_sent, closed;
};

/* conn_init(c, …): not connected yet. From here on conn_close is needed; ${gone} follows. */
void conn_init(struct conn *c, struct loop *l, const struct conn_face *face, bool unix_socket, const struct http_limits *limits);
/* conn_accept(c, listener, tls): take over the next waiting connection. The session belongs to the connection even on failure. */
struct err conn_accept(struct conn *c, uv_stream_t *listener, struct tls_session *tls) MUST_USE;
/* conn_connect(c, address, tls), conn_connect_unix: start; ${ready} or ${ended} follows. */
void conn_connect(struct conn *c, const struct sockaddr *address, struct tls_session *tls);
void conn_connect_unix(struct conn *c, const char *path);

/* conn_read(c, on): take bytes from the kernel, or leave them there. */
void conn_read(struct conn *c, bool on);
/* conn_out(c): append to it whatever is to be sent, then call conn_touch. conn_write does both, large parts without a copy. */
struct buf *conn_out(struct conn *c);
void conn_touch(struct conn *c);
void conn_write(struct conn *c, struct bytes part);
/* conn_send(c, part): write and flush in one; ${drained} follows only when the kernel did not take all of it. */
bool conn_send(struct conn *c, struct bytes part);
/* conn_flush(c): try to hand everything to the kernel now; true when that worked. */
bool conn_flush(struct conn *c);
size_t conn_queued(const struct conn *c);
/* conn_shut(c): say that nothing more will be written, behind all that was. */
void conn_shut(struct conn *c);
/* conn_again(c): have ${again} called in the next turn. conn_fail: have ${ended} called with ${why} in the next turn. */
void conn_again(struct conn *c);
void conn_fail(struct conn *c, struct err why);
/* conn_due(c, at): have ${due} called at that time of uv_now; 0: never. Moving it costs nothing. */
void conn_due(struct conn *c, uint64_t at);
uint64_t conn_now(const struct conn *c);
/* conn_close(c, reset): at once; ${reset}: what the kernel still holds is thrown away too (TCP). Closing twice is once. */
void conn_close(struct conn *c, bool reset);
int conn_fd(const struct conn *c);

/* peer_read(fd, unix_socket, p), peer_free(p). */
void peer_read(int fd, bool unix_socket, struct net_peer *p);
void peer_free(struct net_peer *p);

#endif
