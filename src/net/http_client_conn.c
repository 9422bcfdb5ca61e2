#include <stdlib.h>
#include <sys/socket.h>

#include "net/http_client_inner.h"

#define IDLE_PER_ORIGIN 64

static const struct conn_face client_face;

/* ------------------------------------------------------------------------------------------------------------------------- pool */

struct err
origin_get(struct http_client *client, struct bytes key, struct origin **out)
{
    for (struct list *l = client->origins.next; l != &client->origins; l = l->next) {
        struct origin *o = LIST_OWNER(l, struct origin, link);
        if (bytes_eq(bytes_make(o->key, o->key_n), key)) {
            o->refs++;
            *out = o;
            return err_ok();
        }
    }
    struct origin *o = calloc(1, sizeof *o + key.n + 1);
    if (o == NULL)
        return err_make(E_MEMORY, "no memory for a call");
    memcpy(o->key, key.at, key.n);
    o->key_n = key.n;
    o->refs = 1;
    list_init(&o->idle);
    list_add(&client->origins, &o->link);
    *out = o;
    return err_ok();
}

void
origin_drop(struct origin *o)
{
    if (--o->refs)
        return;
    list_remove(&o->link);
    free(o);
}

static void
leave_idle(struct client_conn *cc)
{
    if (list_empty(&cc->idle_link))
        return;
    list_remove(&cc->idle_link);
    cc->origin->idle_n--;
}

/*
 * A server that closed while we were idle says so by an end of file; a request must not be spent on finding out. Unread bytes nobody
 * asked for could pass for the next answer.
 */
static bool
looks_alive(const struct client_conn *cc)
{
    uint8_t byte;
    ssize_t n = recv(conn_fd(&cc->conn), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && !cc->conn.failed && !cc->conn.ended;
}

struct client_conn *
cc_take_idle(struct origin *origin)
{
    while (!list_empty(&origin->idle)) {
        struct client_conn *cc = LIST_OWNER(origin->idle.prev, struct client_conn, idle_link);
        leave_idle(cc);
        if (looks_alive(cc))
            return cc;
        cc_close(cc, false);
    }
    return NULL;
}

static void
put_idle(struct client_conn *cc)
{
    struct origin *o = cc->origin;
    if (o->idle_n >= IDLE_PER_ORIGIN)
        cc_close(LIST_OWNER(o->idle.next, struct client_conn, idle_link), false);
    cc->reused = true;
    http_parser_next(&cc->parser);
    list_add(&o->idle, &cc->idle_link);
    o->idle_n++;
    conn_read(&cc->conn, true);
    conn_due(&cc->conn, conn_now(&cc->conn) + cc->client->limits.keep_alive_ms);
}

/* -------------------------------------------------------------------------------------------------------------- making and closing */

/* Idle connections to elsewhere make room for a call. */
static bool
make_room(struct http_client *client)
{
    if (client->n < client->limits.connections)
        return true;
    for (struct list *l = client->conns.next; l != &client->conns; l = l->next) {
        struct client_conn *cc = LIST_OWNER(l, struct client_conn, link);
        if (!list_empty(&cc->idle_link)) {
            cc_close(cc, false);
            return true;
        }
    }
    return false;
}

struct err
cc_make(struct http_call *call, struct client_conn **out)
{
    struct http_client *client = call->client;
    if (!make_room(client))
        return err_make(E_BUSY, "all %zu connections of the client are in use; try again later", client->limits.connections);
    struct client_conn *cc = calloc(1, sizeof *cc);
    if (cc == NULL)
        return err_make(E_MEMORY, "no memory for a connection to %s", call->origin->key);
    cc->client = client;
    cc->origin = call->origin;
    cc->origin->refs++;
    cc->call = call;
    cc->in = buf_make(4 * LOOP_READ_BYTES);
    call->cc = cc;
    list_init(&cc->idle_link);
    list_add(&client->conns, &cc->link);
    client->n++;
    http_parser_init(&cc->parser, &client->limits, true);
    conn_init(&cc->conn, client->loop, &client_face, call->url.unix_socket, &client->limits);
    *out = cc;
    return err_ok();
}

void
cc_close(struct client_conn *cc, bool reset)
{
    if (cc->conn.closed)
        return;
    leave_idle(cc);
    if (cc->call)
        cc->call->cc = NULL;
    cc->call = NULL;
    cc->client->n--;
    list_remove(&cc->link);
    origin_drop(cc->origin);
    cc->origin = NULL;
    cc->client = NULL;
    conn_close(&cc->conn, reset);
}

static void
client_gone(struct conn *c)
{
    struct client_conn *cc = (struct client_conn *)c;
    http_parser_free(&cc->parser);
    buf_free(&cc->in);
    free(cc);
}

/* ------------------------------------------------------------------------------------------------------------- request, response */

static void
expect_body(struct client_conn *cc)
{
    uint64_t ms = cc->call->body_idle_ms;
    conn_due(&cc->conn, ms == UINT64_MAX || cc->call->paused ? 0 : conn_now(&cc->conn) + ms);
}

/* The server's time to answer begins when it has the whole request; until then the peer must take bytes (write_idle_ms). */
static void
expect_answer(struct client_conn *cc, bool sent)
{
    conn_due(&cc->conn, sent ? conn_now(&cc->conn) + cc->call->answer_ms : 0);
}

static void
sent(struct client_conn *cc)
{
    expect_answer(cc, true);
    if (cc->call->on.on_sent)
        cc->call->on.on_sent(cc->call, cc->call->ctx);
}

void
cc_send(struct client_conn *cc)
{
    cc->parser.no_body = cc->call->head_method;
    cc->parser.limits = &cc->client->limits;
    if (conn_send(&cc->conn, buf_bytes(&cc->call->request)))
        sent(cc);
    else
        expect_answer(cc, false);
}

static void
client_drained(struct conn *c)
{
    struct client_conn *cc = (struct client_conn *)c;
    if (cc->call && !cc->call->got_head)
        sent(cc);
}

/* Fit for another call: everything said on both sides, nothing left over (what comes unasked could pass for the next answer). */
static bool
reusable(const struct client_conn *cc, struct bytes left)
{
    const struct conn *c = &cc->conn;
    return !cc->parser.close && left.n == 0 && !(c->tls && tls_pending(c->tls)) && conn_queued(c) == 0 && !c->ended && !c->failed &&
           !cc->client->closing;
}

static void
finish(struct client_conn *cc, struct bytes left)
{
    struct http_call *call = cc->call;
    cc->call = NULL;
    call->cc = NULL;
    if (reusable(cc, left))
        put_idle(cc);
    else
        cc_close(cc, false);
    call_done(call);
}

static void
bad_answer(struct client_conn *cc)
{
    enum err_code code = cc->parser.bad_status == 431 || cc->parser.bad_status == 413 ? E_LIMIT : E_HTTP;
    call_fail(cc->call, err_make(code, "the answer of %s is refused: %s", cc->origin->key, cc->parser.bad));
}

static void
got_head(struct client_conn *cc)
{
    struct http_call *call = cc->call;
    call->got_head = true;
    if (call->on.on_head)
        call->on.on_head(call, cc->parser.status, &cc->parser.headers, call->ctx);
}

/* A callback may end the call, and a new one may even have taken the connection: then what is left is not ours to read. */
static void
parse(struct client_conn *cc, struct bytes *in)
{
    struct http_call *call = cc->call;
    struct bytes part;
    while (cc->call == call && !call->paused) {
        switch (http_parse(&cc->parser, in, &part)) {
        case HTTP_MORE:
            return;
        case HTTP_HEAD:
            got_head(cc);
            break;
        case HTTP_BODY:
            if (call->on.on_body)
                call->on.on_body(call, part, call->ctx);
            break;
        case HTTP_END:
            return finish(cc, *in);
        case HTTP_BAD:
            return bad_answer(cc);
        }
    }
}

static void
after_parse(struct client_conn *cc, struct http_call *call, struct bytes left)
{
    if (cc->conn.closed || cc->call != call)
        return;
    buf_put(&cc->in, left);
    if (cc->in.failed)
        return call_fail(call, err_make(E_LIMIT, "too much of the answer of %s arrived while it was held up", cc->origin->key));
    conn_read(&cc->conn, !call->paused);
    if (call->got_head)
        expect_body(cc);
}

static void
client_bytes(struct conn *c, struct bytes in)
{
    struct client_conn *cc = (struct client_conn *)c;
    struct http_call *call = cc->call;
    if (call == NULL)
        return cc_close(cc, false); /* nobody asked: this connection cannot be trusted with a call */
    if (cc->in.n == 0)
        parse(cc, &in);
    after_parse(cc, call, in);
}

static void
client_again(struct conn *c)
{
    struct client_conn *cc = (struct client_conn *)c;
    struct http_call *call = cc->call;
    if (call == NULL)
        return;
    struct buf kept = cc->in;
    cc->in = buf_make(kept.max);
    struct bytes in = buf_bytes(&kept);
    parse(cc, &in);
    after_parse(cc, call, in);
    if (!cc->conn.closed && cc->call == call && !call->got_head)
        expect_answer(cc, !call->paused && conn_queued(c) == 0);
    buf_free(&kept);
}

/* Nothing of an answer came on a connection from the pool: it died while idle, and the request was most likely never read. */
static bool
may_retry(const struct client_conn *cc, struct err why)
{
    const struct http_call *call = cc->call;
    return why.code == E_CLOSED && cc->reused && !call->no_retry && !call->retried && !http_parser_begun(&cc->parser);
}

static void
retry(struct client_conn *cc)
{
    struct http_call *call = cc->call;
    call->retried = true;
    cc_close(cc, false);
    struct err e = call_connect(call);
    if (err_failed(e))
        call_fail(call, e);
}

static void
client_ended(struct conn *c, struct err why)
{
    struct client_conn *cc = (struct client_conn *)c;
    struct http_call *call = cc->call;
    if (call == NULL)
        return cc_close(cc, false);
    if (!c->ready)
        return call_connect_failed(call, why);
    if (may_retry(cc, why))
        return retry(cc);
    if (why.code == E_CLOSED && c->clean_end && cc->parser.until_close && cc->in.n == 0 && http_parse_close(&cc->parser) == HTTP_END)
        return finish(cc, (struct bytes){NULL, 0});
    call_fail(call, err_wrap(why, call->got_head ? "%s broke off its answer" : "%s did not answer", cc->origin->key));
}

static void
client_due(struct conn *c)
{
    struct client_conn *cc = (struct client_conn *)c;
    struct http_call *call = cc->call;
    if (call == NULL)
        return cc_close(cc, false);
    if (!c->ready)
        return call_connect_failed(call, err_make(E_TIMEOUT, "no connection within the time allowed"));
    uint64_t ms = call->got_head ? call->body_idle_ms : call->answer_ms;
    call_fail(call, err_make(E_TIMEOUT, "%s sent no %s for %llu ms", cc->origin->key, call->got_head ? "more of its answer" : "answer",
                             (unsigned long long)ms));
}

static void
client_ready(struct conn *c)
{
    cc_send((struct client_conn *)c);
}

static const struct conn_face client_face = {
    .ready = client_ready,
    .bytes = client_bytes,
    .drained = client_drained,
    .again = client_again,
    .due = client_due,
    .ended = client_ended,
    .gone = client_gone,
};
