#include "net/conn.h"

#include <stdlib.h>

#define QUEUE_MAX ((size_t)256 << 20) /* where even a writer that looks at no return value fails */
#define COPY_BELOW 16384              /* smaller parts are cheaper to copy than to send on their own */
#define KEEP_BYTES 65536              /* a buffer grown beyond is given back when it is empty */
#define SEAL_BYTES 16384              /* one TLS record (RFC 8446 §5.1) */

static void arm(struct conn *c);
static void turn_ends(struct conn *c);

static void
report_end(struct conn *c, struct err why)
{
    if (c->ended || c->closed)
        return;
    c->ended = true;
    conn_read(c, false);
    c->face->ended(c, why);
}

/* ---------------------------------------------------------------------------------------------------------------------- writing */

struct buf *
conn_out(struct conn *c)
{
    return &c->out;
}

void
conn_touch(struct conn *c)
{
    c->wrote = true;
    if (!c->in_turn && !c->closed)
        soon_ask(&c->soon);
}

size_t
conn_queued(const struct conn *c)
{
    return c->out.n + (c->flying.n ? uv_stream_get_write_queue_size(&c->uv.stream) : 0);
}

static void
shrink(struct buf *b)
{
    if (b->cap > KEEP_BYTES && b->n == 0)
        buf_free(b);
}

static void
on_written(uv_write_t *w, int status)
{
    struct conn *c = w->data;
    c->flying.n = 0;
    c->write_due = 0;
    shrink(&c->flying);
    if (c->closed)
        return;
    if (status < 0)
        return report_end(c, err_make(E_CLOSED, "the connection broke while writing: %s", uv_strerror(status)));
    c->in_turn = true;
    turn_ends(c);
}

/* libuv takes it from here; c->flying holds the bytes until on_written. */
static bool
fly(struct conn *c, size_t from)
{
    uv_buf_t b = uv_buf_init((char *)c->flying.at + from, (unsigned)(c->flying.n - from));
    c->write.data = c;
    int failed = uv_write(&c->write, &c->uv.stream, &b, 1, on_written);
    if (failed) {
        c->flying.n = 0;
        conn_fail(c, err_make(E_CLOSED, "the connection broke while writing: %s", uv_strerror(failed)));
        return false;
    }
    c->flying_left = c->flying.n - from;
    c->write_due = conn_now(c) + c->write_idle_ms;
    arm(c);
    return false;
}

/* How many of the bytes the kernel took at once; on an error the connection fails and all of them count as taken. */
static size_t
try_parts(struct conn *c, struct bytes first, struct bytes second)
{
    uv_buf_t b[2] = {uv_buf_init((char *)(uintptr_t)first.at, (unsigned)first.n), uv_buf_init((char *)(uintptr_t)second.at, (unsigned)second.n)};
    int n = uv_try_write(&c->uv.stream, first.n ? b : b + 1, first.n && second.n ? 2 : 1);
    if (n >= 0)
        return (size_t)n;
    if (n == UV_EAGAIN)
        return 0;
    conn_fail(c, err_make(E_CLOSED, "the connection broke while writing: %s", uv_strerror(n)));
    return first.n + second.n;
}

static bool
flush_plain(struct conn *c)
{
    size_t n = try_parts(c, buf_bytes(&c->out), (struct bytes){NULL, 0});
    if (n >= c->out.n) {
        c->out.n = 0;
        shrink(&c->out);
        return !c->failed;
    }
    struct buf swap = c->flying;
    c->flying = c->out;
    c->out = swap;
    return fly(c, n);
}

static bool
seal_out(struct conn *c)
{
    if (!c->ready)
        return true;
    bool ok = true;
    for (size_t at = 0; ok && at < c->out.n; at += SEAL_BYTES)
        ok = tls_seal(c->tls, bytes_sub(buf_bytes(&c->out), at, SEAL_BYTES));
    c->out.n = 0;
    shrink(&c->out);
    if (!ok)
        conn_fail(c, err_make(E_TLS, "the TLS connection broke while writing"));
    return ok;
}

static bool
flush_tls(struct conn *c)
{
    if (!seal_out(c))
        return false;
    struct bytes sealed = tls_sealed(c->tls);
    size_t n = sealed.n ? try_parts(c, sealed, (struct bytes){NULL, 0}) : 0;
    if (n < sealed.n)
        buf_put(&c->flying, bytes_sub(sealed, n, SIZE_MAX));
    tls_sent(c->tls);
    if (c->flying.failed)
        conn_fail(c, err_make(E_MEMORY, "no memory for bytes to be sent"));
    if (c->failed)
        return false;
    return c->flying.n ? fly(c, 0) : c->out.n == 0;
}

bool
conn_flush(struct conn *c)
{
    if (c->closed || c->failed || c->flying.n)
        return false;
    if (c->out.failed) {
        conn_fail(c, err_make(E_LIMIT, "more is waiting to be sent on one connection than can be held"));
        return false;
    }
    if (c->tls)
        return flush_tls(c);
    return !c->ready ? c->out.n == 0 : c->out.n == 0 || flush_plain(c);
}

void
conn_write(struct conn *c, struct bytes part)
{
    if (part.n == 0 || c->closed)
        return;
    if (part.n >= COPY_BELOW && c->ready && !c->tls && !c->failed && c->flying.n == 0) {
        size_t before = c->out.n, n = try_parts(c, buf_bytes(&c->out), part);
        buf_drop(&c->out, n);
        part = n > before ? bytes_sub(part, n - before, SIZE_MAX) : part;
    }
    buf_put(&c->out, part);
    conn_touch(c);
}

bool
conn_send(struct conn *c, struct bytes part)
{
    buf_put(&c->out, part);
    bool all = conn_flush(c);
    c->wrote = c->wrote || !all;
    return all;
}

static void
on_shut(uv_shutdown_t *s, int status)
{
    (void)s, (void)status;
}

static void
send_shut(struct conn *c)
{
    c->shut_sent = true;
    if (c->tls && c->ready) {
        tls_goodbye(c->tls);
        flush_tls(c);
    }
    if (!c->failed)
        uv_shutdown(&c->shutdown, &c->uv.stream, on_shut); /* waits for what is flying; a failure shows as the end of reading */
}

void
conn_shut(struct conn *c)
{
    c->shut = true;
    if (!c->in_turn && !c->closed)
        soon_ask(&c->soon);
}

/* ------------------------------------------------------------------------------------------------------------------------ turns */

/* All of what the users of the connection did in this turn goes out now. */
static void
turn_ends(struct conn *c)
{
    c->in_turn = false;
    if (c->closed || c->ended)
        return;
    bool empty = conn_flush(c);
    if (!empty || !c->ready)
        return;
    if (c->wrote) {
        c->wrote = false;
        c->in_turn = true;
        c->face->drained(c);
        c->in_turn = false;
        if (c->closed)
            return;
        if (c->wrote)
            soon_ask(&c->soon);
    }
    if (c->shut && !c->shut_sent && c->out.n == 0 && !c->failed)
        send_shut(c);
}

static void
on_soon(struct soon *s)
{
    struct conn *c = LIST_OWNER(s, struct conn, soon);
    if (c->closed)
        return;
    if (c->failed)
        return report_end(c, c->failure);
    c->in_turn = true;
    if (c->again) {
        c->again = false;
        c->face->again(c);
    }
    turn_ends(c);
}

void
conn_again(struct conn *c)
{
    c->again = true;
    if (!c->closed)
        soon_ask(&c->soon);
}

void
conn_fail(struct conn *c, struct err why)
{
    if (c->failed || c->closed)
        return;
    c->failed = true;
    c->failure = why;
    soon_ask(&c->soon);
}

/* ---------------------------------------------------------------------------------------------------------------------- reading */

static void
shake(struct conn *c)
{
    struct err why;
    enum tls_step step = tls_shake(c->tls, &why);
    flush_tls(c);
    if (step == TLS_FAILED)
        return report_end(c, why);
    if (step != TLS_DONE || c->closed)
        return;
    c->ready = true;
    c->face->ready(c);
}

static void
take_sealed(struct conn *c, struct bytes sealed)
{
    if (!tls_arrived(c->tls, sealed))
        return report_end(c, err_make(E_MEMORY, "no memory for bytes that arrived"));
    if (!c->ready)
        shake(c);
    while (c->ready && !c->closed && !c->ended) {
        struct err why;
        size_t n = LOOP_READ_BYTES;
        enum tls_step step = tls_read(c->tls, c->loop->plain, &n, &why);
        if (step == TLS_MORE)
            return;
        if (step == TLS_DONE) {
            c->face->bytes(c, bytes_make(c->loop->plain, n));
            continue;
        }
        c->clean_end = step == TLS_CLOSED;
        report_end(c, step == TLS_CLOSED ? err_make(E_CLOSED, "the peer closed the connection") : why);
    }
}

static void
on_alloc(uv_handle_t *h, size_t wanted, uv_buf_t *b)
{
    (void)wanted;
    struct conn *c = h->data;
    *b = uv_buf_init((char *)c->loop->raw, LOOP_READ_BYTES);
}

static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = s->data;
    if (n == 0 || c->closed)
        return;
    if (n < 0) {
        c->clean_end = n == UV_EOF && c->tls == NULL; /* with TLS only a closing alert is one (RFC 8446 §6.1) */
        return report_end(c, n == UV_EOF ? err_make(E_CLOSED, "the peer closed the connection")
                                         : err_make(E_CLOSED, "the connection broke: %s", uv_strerror((int)n)));
    }
    c->in_turn = true;
    if (c->tls)
        take_sealed(c, bytes_make(b->base, (size_t)n));
    else
        c->face->bytes(c, bytes_make(b->base, (size_t)n));
    turn_ends(c);
}

void
conn_read(struct conn *c, bool on)
{
    if (c->closed || on == c->reading)
        return;
    c->reading = on;
    if (!on)
        uv_read_stop(&c->uv.stream);
    else if (uv_read_start(&c->uv.stream, on_alloc, on_read))
        conn_fail(c, err_make(E_CLOSED, "the connection cannot be read"));
}

/* ----------------------------------------------------------------------------------------------------------------------- timers */

uint64_t
conn_now(const struct conn *c)
{
    return uv_now(&c->loop->uv);
}

/* The peer must have taken something since the last look (a slow reader is not an absent one). */
static void
check_writing(struct conn *c, uint64_t now)
{
    size_t left = uv_stream_get_write_queue_size(&c->uv.stream);
    if (left >= c->flying_left) {
        c->write_due = 0;
        report_end(c, err_make(E_TIMEOUT, "the peer took no bytes for %llu ms", (unsigned long long)c->write_idle_ms));
        return;
    }
    c->flying_left = left;
    c->write_due = now + c->write_idle_ms;
}

static void
on_timer(uv_timer_t *t)
{
    struct conn *c = t->data;
    c->armed = 0;
    uint64_t now = conn_now(c);
    c->in_turn = true;
    if (c->due && now >= c->due) {
        c->due = 0;
        c->face->due(c);
    }
    if (!c->closed && c->write_due && now >= c->write_due)
        check_writing(c, now);
    turn_ends(c);
    arm(c);
}

/* The timer is moved only towards the present; when it comes too early it is set again. */
static void
arm(struct conn *c)
{
    uint64_t at = c->due && (!c->write_due || c->due < c->write_due) ? c->due : c->write_due;
    if (c->closed || at == 0 || (c->armed && c->armed <= at))
        return;
    c->armed = at;
    uint64_t now = conn_now(c);
    uv_timer_start(&c->timer, on_timer, at > now ? at - now : 0, 0);
}

void
conn_due(struct conn *c, uint64_t at)
{
    c->due = at;
    arm(c);
}

/* ------------------------------------------------------------------------------------------------------------- opening and closing */

void
conn_init(struct conn *c, struct loop *l, const struct conn_face *face, bool unix_socket, const struct http_limits *limits)
{
    *c = (struct conn){.face = face, .loop = l, .unix_socket = unix_socket, .write_idle_ms = limits->write_idle_ms, .handles = 2};
    c->out = c->flying = buf_make(QUEUE_MAX);
    soon_init(&c->soon, l, on_soon);
    if (unix_socket)
        uv_pipe_init(&l->uv, &c->uv.pipe, 0);
    else
        uv_tcp_init(&l->uv, &c->uv.tcp);
    uv_timer_init(&l->uv, &c->timer);
    c->uv.handle.data = c->timer.data = c;
}

struct err
conn_accept(struct conn *c, uv_stream_t *listener, struct tls_session *tls)
{
    c->tls = tls;
    int failed = uv_accept(listener, &c->uv.stream);
    if (failed)
        return err_make(E_IO, "accepting a connection: %s", uv_strerror(failed));
    if (!c->unix_socket)
        uv_tcp_nodelay(&c->uv.tcp, 1);
    c->ready = tls == NULL;
    return err_ok();
}

static void
on_connected(uv_connect_t *r, int status)
{
    struct conn *c = r->data;
    if (c->closed)
        return;
    if (status < 0)
        return report_end(c, err_make(E_CONNECT, "%s", uv_strerror(status)));
    if (!c->unix_socket)
        uv_tcp_nodelay(&c->uv.tcp, 1);
    c->in_turn = true;
    conn_read(c, true);
    if (c->tls)
        shake(c);
    else {
        c->ready = true;
        c->face->ready(c);
    }
    turn_ends(c);
}

void
conn_connect(struct conn *c, const struct sockaddr *address, struct tls_session *tls)
{
    c->tls = tls;
    c->connect.data = c;
    int failed = uv_tcp_connect(&c->connect, &c->uv.tcp, address, on_connected);
    if (failed)
        conn_fail(c, err_make(E_CONNECT, "%s", uv_strerror(failed)));
}

void
conn_connect_unix(struct conn *c, const char *path)
{
    c->connect.data = c;
    uv_pipe_connect(&c->connect, &c->uv.pipe, path, on_connected);
}

static void
on_closed(uv_handle_t *h)
{
    struct conn *c = h->data;
    if (--c->handles)
        return;
    soon_cancel(&c->soon);
    tls_session_free(c->tls);
    buf_free(&c->out);
    buf_free(&c->flying);
    c->face->gone(c);
}

void
conn_close(struct conn *c, bool reset)
{
    if (c->closed)
        return;
    c->closed = true;
    soon_cancel(&c->soon);
    uv_close((uv_handle_t *)&c->timer, on_closed);
    /* A reset is refused behind a shutdown that is under way; closing is what is left then. */
    if (!reset || c->unix_socket || uv_tcp_close_reset(&c->uv.tcp, on_closed))
        uv_close(&c->uv.handle, on_closed);
}

int
conn_fd(const struct conn *c)
{
    uv_os_fd_t fd;
    return uv_fileno(&c->uv.handle, &fd) == 0 ? fd : -1;
}
