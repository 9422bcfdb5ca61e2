#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/http_client_inner.h"

struct resolve {
    uv_getaddrinfo_t request;
    struct http_call *call; /* NULL once it was cancelled */
};

/* --------------------------------------------------------------------------------------------------------------- end of a call */

static void
call_free(struct http_call *call)
{
    list_remove(&call->link);
    if (call->resolve) {
        call->resolve->call = NULL;
        uv_cancel((uv_req_t *)&call->resolve->request);
    }
    uv_freeaddrinfo(call->addresses);
    buf_free(&call->request);
    origin_drop(call->origin);
    free(call);
}

void
call_fail(struct http_call *call, struct err e)
{
    call->finished = true;
    list_remove(&call->link);
    if (call->cc)
        cc_close(call->cc, true);
    if (call->on.on_error)
        call->on.on_error(call, e, call->ctx);
    call_free(call);
}

void
call_done(struct http_call *call)
{
    call->finished = true;
    list_remove(&call->link); /* the callback may close the client, which ends all calls in its list */
    if (call->on.on_end)
        call->on.on_end(call, call->ctx);
    call_free(call);
}

void
http_call_cancel(struct http_call *call)
{
    if (call->finished)
        return; /* its last callback is running: it is over anyway */
    if (call->cc)
        cc_close(call->cc, true);
    call_free(call);
}

void
http_call_pause(struct http_call *call, bool paused)
{
    if (call->paused == paused || call->finished)
        return;
    call->paused = paused;
    if (call->cc && call->cc->conn.ready)
        conn_again(&call->cc->conn);
}

/* ------------------------------------------------------------------------------------------------------------------- connecting */

/* Of the time that is left, as much as leaves the addresses behind this one theirs. */
static uint64_t
attempt_due(const struct http_call *call, uint64_t now)
{
    unsigned left = 1;
    for (const struct addrinfo *a = call->next; a; a = a->ai_next)
        left++;
    return now >= call->connect_due ? now : now + (call->connect_due - now) / left;
}

static struct err
connect_to(struct http_call *call, const struct sockaddr *address)
{
    struct tls_session *tls = NULL;
    if (call->client->guard)
        TRY(call->client->guard(address, call->url.host, call->client->guard_ctx));
    if (call->url.tls && call->client->tls == NULL)
        return err_make(E_TLS, "%s needs TLS, and this client has no trust store for it", call->origin->key);
    if (call->url.tls)
        TRY(tls_open(call->client->tls, call->url.host, &tls));
    struct conn *c = &call->cc->conn;
    conn_due(c, attempt_due(call, conn_now(c)));
    conn_connect(c, address, tls);
    return err_ok();
}

/* The connection of the attempt before is used up; a socket connects once. */
static struct err
connect_next(struct http_call *call)
{
    struct client_conn *cc;
    if (call->cc == NULL)
        TRY(cc_make(call, &cc));
    const struct addrinfo *a = call->next;
    call->next = a->ai_next;
    return connect_to(call, a->ai_addr);
}

void
call_connect_failed(struct http_call *call, struct err why)
{
    if (why.code == E_CLOSED)
        why.code = E_CONNECT;
    if (why.code != E_TLS && call->next) {
        cc_close(call->cc, false);
        struct err e = connect_next(call);
        if (err_failed(e))
            call_fail(call, e);
        return;
    }
    call_fail(call, err_wrap(why, "connecting to %s", call->origin->key));
}

static void
on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct resolve *r = request->data;
    struct http_call *call = r->call;
    free(r);
    if (call == NULL) {
        uv_freeaddrinfo(list);
        return;
    }
    call->resolve = NULL;
    call->addresses = call->next = list;
    struct err e = status < 0 || list == NULL
                       ? err_make(E_CONNECT, "the name of %s cannot be resolved: %s", call->origin->key, uv_strerror(status ? status : UV_EAI_NODATA))
                       : connect_next(call);
    if (err_failed(e))
        call_fail(call, e);
}

static struct err
resolve(struct http_call *call)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];
    snprintf(port, sizeof port, "%u", call->url.port);
    struct resolve *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_make(E_MEMORY, "no memory for a call");
    r->call = call;
    r->request.data = r;
    int failed = uv_getaddrinfo(loop_uv(call->client->loop), &r->request, on_resolved, call->url.host, port, &hints);
    if (failed) {
        free(r);
        return err_make(E_CONNECT, "the name of %s cannot be resolved: %s", call->origin->key, uv_strerror(failed));
    }
    call->resolve = r;
    return err_ok();
}

struct err
call_connect(struct http_call *call)
{
    struct client_conn *cc;
    TRY(cc_make(call, &cc));
    call->connect_due = conn_now(&cc->conn) + call->client->limits.connect_ms;
    conn_due(&cc->conn, call->connect_due);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;
    if (call->url.unix_socket) {
        conn_connect_unix(&cc->conn, call->url.host);
        return err_ok();
    }
    if (uv_ip4_addr(call->url.host, call->url.port, &a.v4) == 0 || uv_ip6_addr(call->url.host, call->url.port, &a.v6) == 0)
        return connect_to(call, &a.any);
    uv_freeaddrinfo(call->addresses);
    call->addresses = call->next = NULL;
    return resolve(call);
}

/* ------------------------------------------------------------------------------------------------------------------ the request */

static struct err
check_request(const struct http_call_request *r)
{
    struct http_headers all = {(struct http_header *)(uintptr_t)r->headers, r->n};
    if (!http_token_ok(bytes_str(r->method)))
        return err_make(E_USAGE, "an HTTP method is a single word");
    if (!http_headers_ok(r->headers, r->n))
        return err_make(E_USAGE, "a request header has a name or value with bytes that HTTP does not allow");
    size_t hosts = http_header_count(&all, "host");
    if (hosts > 1 || (hosts && !http_authority_ok(http_header(&all, "host"))))
        return err_make(E_USAGE, "a request needs one well-formed Host");
    return err_ok();
}

static bool
has_host(const struct http_call_request *r)
{
    struct http_headers all = {(struct http_header *)(uintptr_t)r->headers, r->n};
    return http_header_count(&all, "host") > 0;
}

/* RFC 9110 §8.6: a method that usually has a body says so when it has none. */
static bool
says_length(const struct http_call_request *r)
{
    return r->body.n || strcmp(r->method, "POST") == 0 || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "PATCH") == 0;
}

static struct err
put_request(struct buf *b, const struct http_call_request *r, const struct url *u)
{
    *b = buf_make(SIZE_MAX / 4);
    buf_puts(b, r->method);
    buf_putc(b, ' ');
    buf_put(b, u->target);
    buf_put(b, BYTES(" HTTP/1.1\r\n"));
    if (!has_host(r))
        http_put_header(b, "Host", u->authority);
    http_put_headers(b, r->headers, r->n);
    if (says_length(r)) {
        buf_put(b, BYTES("Content-Length: "));
        http_put_number(b, r->body.n, 10);
        buf_put(b, BYTES("\r\n"));
    }
    buf_put(b, BYTES("\r\n"));
    buf_put(b, r->body);
    return b->failed ? err_make(E_MEMORY, "no memory for a request of %zu bytes", r->body.n) : err_ok();
}

static struct err
start_call(struct http_call *call)
{
    struct client_conn *cc = cc_take_idle(call->origin);
    if (cc == NULL)
        return call_connect(call);
    cc->call = call;
    call->cc = cc;
    cc_send(cc);
    return err_ok();
}

struct err
http_call(struct http_client *client, const struct http_call_request *request, const struct http_call_on *on, void *ctx, struct http_call **out)
{
    struct url u;
    if (client->closing)
        return err_make(E_CLOSED, "the client is being closed");
    uv_update_time(loop_uv(client->loop)); /* or the time the caller took since the loop woke up would count against the call */
    TRY(url_parse(request->url, &u));
    TRY(check_request(request));
    struct origin *origin;
    TRY(origin_get(client, u.origin, &origin));
    struct http_call *call = mem_zeroed(sizeof *call);
    if (call == NULL) {
        origin_drop(origin);
        return err_make(E_MEMORY, "no memory for a call");
    }
    *call = (struct http_call){.client = client, .origin = origin, .url = u, .on = *on, .ctx = ctx};
    call->answer_ms = request->answer_ms ? request->answer_ms : client->limits.answer_ms;
    call->body_idle_ms = request->body_idle_ms ? request->body_idle_ms : client->limits.body_idle_ms;
    call->head_method = strcmp(request->method, "HEAD") == 0;
    call->no_retry = request->no_retry;
    list_add(&client->calls, &call->link);
    struct err e = put_request(&call->request, request, &u);
    if (!err_failed(e))
        e = start_call(call);
    if (err_failed(e)) {
        if (call->cc)
            cc_close(call->cc, false);
        call_free(call);
        return e;
    }
    *out = call;
    return err_ok();
}

struct err
http_client_make(struct loop *l, struct net_tls *tls, const struct http_limits *limits, struct http_client **out)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return err_make(E_MEMORY, "no memory for an HTTP client");
    client->loop = l;
    client->tls = tls;
    client->limits = *limits;
    client->limits.body_bytes = SIZE_MAX;
    list_init(&client->origins);
    list_init(&client->calls);
    list_init(&client->conns);
    *out = client;
    return err_ok();
}

void
http_client_guard(struct http_client *c, http_guard *may, void *ctx)
{
    c->guard = may;
    c->guard_ctx = ctx;
}

void
http_client_close(struct http_client *client)
{
    if (client == NULL)
        return; /* Behave consistently with free(NULL). */
    client->closing = true;
    while (!list_empty(&client->calls))
        call_fail(LIST_OWNER(client->calls.next, struct http_call, link), err_make(E_CLOSED, "the client was closed"));
    while (!list_empty(&client->conns))
        cc_close(LIST_OWNER(client->conns.next, struct client_conn, link), false);
    while (!list_empty(&client->origins)) /* a call whose last callback is running may hold one yet */
        list_remove(client->origins.next);
    free(client);
}
