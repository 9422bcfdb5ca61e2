/* One HTTP request of a connection: waits for credentials, carries them, and is sent once more with newer ones when they were refused. */
#include <stdlib.h>

#include "base/mem.h"
#include "creds/inner.h"

#define HEADERS_MAX 64
#define TRIES_MAX 3 /* the first, one after a 401, one after a demand for more scope */

struct creds_call {
    struct creds_account *account;
    struct http_call_on on;
    void *ctx;
    struct http_call *http;
    struct http_call_request request; /* in ${arena}, for what may be sent again or later */
    struct arena arena;
    uint64_t serial; /* of the token that went with it; 0: none */
    unsigned tries;
    bool waiting, paused, finished, keeps;
};

static struct err send_now(struct creds_call *k);

static void
call_free(struct creds_call *k)
{
    if (k->waiting)
        account_stop_waiting(k->account, k);
    account_unref(k->account);
    arena_free(&k->arena);
    free(k);
}

static void
fail(struct creds_call *k, struct err e)
{
    k->finished = true;
    if (k->on.on_error)
        k->on.on_error(k->http, e, k->ctx);
    call_free(k);
}

/* ------------------------------------------------------------------------------------------------------------- coming back */

static void
prepared(struct err e, void *ctx)
{
    struct creds_call *k = ctx;
    k->waiting = false;
    if (!err_failed(e))
        e = send_now(k);
    if (err_failed(e))
        fail(k, e);
}

/* 401: not with these. 403 with insufficient_scope: with more (RFC 6750 §3.1). Is there something else to try? */
static struct err
refused(struct creds_call *k, int status, const struct http_headers *h, bool *again)
{
    struct creds_account *a = k->account;
    *again = false;
    if (!k->keeps || k->tries >= TRIES_MAX || (status != 401 && status != 403))
        return err_ok();
    struct challenge c;
    challenge_read(h, &c);
    if (status == 403 && strcmp(c.error, "insufficient_scope") != 0)
        return err_ok();
    if (status == 401)
        *again = account_refused(a) && k->tries == 1;
    return a->seat ? seat_refused(a->seat, k->serial, status, &c, again) : err_ok();
}

static void
on_head(struct http_call *c, int status, const struct http_headers *h, void *ctx)
{
    struct creds_call *k = ctx;
    bool again = false, later = false;
    struct err e = refused(k, status, h, &again);
    if (!again && !err_failed(e)) {
        if (k->on.on_head)
            k->on.on_head(c, status, h, k->ctx);
        return;
    }
    http_call_cancel(c);
    k->http = NULL;
    if (!err_failed(e))
        e = account_prepare(k->account, true, prepared, k, &later);
    if (!err_failed(e) && later)
        k->waiting = true;
    else if (!err_failed(e))
        e = send_now(k);
    if (err_failed(e))
        fail(k, e);
}

static void
on_body(struct http_call *c, struct bytes part, void *ctx)
{
    struct creds_call *k = ctx;
    if (k->on.on_body)
        k->on.on_body(c, part, k->ctx);
}

static void
on_end(struct http_call *c, void *ctx)
{
    struct creds_call *k = ctx;
    k->finished = true;
    if (k->on.on_end)
        k->on.on_end(c, k->ctx);
    call_free(k);
}

static void
on_error(struct http_call *c, struct err e, void *ctx)
{
    (void)c;
    fail(ctx, e);
}

static void
on_sent(struct http_call *c, void *ctx)
{
    struct creds_call *k = ctx;
    if (k->on.on_sent)
        k->on.on_sent(c, k->ctx);
}

/* ---------------------------------------------------------------------------------------------------------------- going out */

/* What carries a credential, or is about the connection to a proxy, comes from the account or not at all. */
static bool
may_carry(const struct creds_account *a, struct bytes name)
{
    static const char *const never[] = {"authorization", "proxy-authorization", "cookie", "x-api-key", "dpop"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (bytes_same_case(name, bytes_str(never[i])))
            return false;
    for (size_t i = 0; i < a->destination->n_secrets; i++)
        if (a->destination->secrets[i].header && bytes_same_case(name, bytes_str(a->destination->secrets[i].header)))
            return false;
    return true;
}

static size_t
put_secrets(const struct creds_account *a, struct http_header *to, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < a->destination->n_secrets && n < room; i++)
        if (a->destination->secrets[i].header)
            to[n++] = (struct http_header){bytes_str(a->destination->secrets[i].header), bytes_make(a->held[i].value.at, a->held[i].value.n)};
    return n;
}

static struct err
send_now(struct creds_call *k)
{
    static const struct http_call_on on = {on_head, on_body, on_end, on_error, on_sent};
    struct creds_account *a = k->account;
    UNINITIALIZED struct http_header list[HEADERS_MAX];
    struct buf bearer = buf_make(TOKEN_MAX + 16);
    struct http_call_request r = k->request;
    size_t n = 0;
    if (a->closed)
        return err_make(E_CLOSED, "the connection was closed");
    for (size_t i = 0; i < k->request.n && n < HEADERS_MAX; i++)
        if (may_carry(a, k->request.headers[i].name))
            list[n++] = k->request.headers[i];
    n += put_secrets(a, list + n, HEADERS_MAX - 1 - n);
    k->serial = 0;
    if (a->seat && seat_usable(a->seat) && buf_room(&bearer, TOKEN_MAX + 16)) {
        k->serial = a->seat->serial;
        if (a->on_value)
            a->on_value("access-token", bytes_make(a->seat->access.at, a->seat->access.n), a->on_value_ctx);
        buf_puts(&bearer, "Bearer ");
        buf_put(&bearer, bytes_make(a->seat->access.at, a->seat->access.n));
        list[n++] = (struct http_header){BYTES("Authorization"), buf_bytes(&bearer)};
    }
    r.headers = list;
    r.n = n;
    k->tries++;
    struct err e = http_call(a->door->client, &r, &on, k, &k->http);
    if (!err_failed(e) && k->paused)
        http_call_pause(k->http, true);
    if (bearer.at)
        bytes_wipe(bearer.at, bearer.cap);
    buf_free(&bearer);
    return e;
}

static struct err
keep_request(struct creds_call *k, const struct http_call_request *r)
{
    struct http_header *list = arena_list(&k->arena, r->n + 1, sizeof *list);
    k->request.method = arena_str(&k->arena, bytes_str(r->method));
    k->request.url = arena_str(&k->arena, bytes_str(r->url));
    k->request.body = r->body.n ? arena_copy(&k->arena, r->body) : (struct bytes){NULL, 0};
    k->request.headers = list;
    for (size_t i = 0; i < r->n && list; i++)
        list[i] = (struct http_header){arena_copy(&k->arena, r->headers[i].name), arena_copy(&k->arena, r->headers[i].value)};
    bool failed = list == NULL || k->request.method == NULL || k->request.url == NULL || (r->body.n && k->request.body.at == NULL);
    return failed ? err_make(E_MEMORY, "no memory for a call") : err_ok();
}

static bool
may_change(const struct creds_account *a)
{
    bool fetched = a->seat != NULL;
    for (size_t i = 0; i < a->destination->n_secrets; i++)
        fetched |= a->destination->secrets[i].source.from != SECRET_SEALED;
    return fetched;
}

static struct err
begin(struct creds_call *k, const struct http_call_request *r)
{
    bool later;
    k->request = *r;
    k->keeps = may_change(k->account);
    if (k->keeps)
        TRY(keep_request(k, r));
    TRY(account_prepare(k->account, true, prepared, k, &later));
    k->waiting = later;
    return later ? err_ok() : send_now(k);
}

struct err
creds_call(struct creds_account *a, const struct http_call_request *request, const struct http_call_on *on, void *ctx, struct creds_call **out)
{
    struct creds_call *k = mem_zeroed(sizeof *k);
    if (k == NULL)
        return err_make(E_MEMORY, "no memory for a call");
    *k = (struct creds_call){.account = a, .on = *on, .ctx = ctx, .arena = {.max = (size_t)16 << 20}};
    account_ref(a);
    struct err e = begin(k, request);
    if (err_failed(e)) {
        call_free(k);
        return e;
    }
    *out = k;
    return err_ok();
}

void
creds_call_cancel(struct creds_call *k)
{
    if (k == NULL || k->finished)
        return; /* its last callback is running: it is over anyway */
    if (k->http)
        http_call_cancel(k->http);
    call_free(k);
}

void
creds_call_pause(struct creds_call *k, bool paused)
{
    k->paused = paused;
    if (k->http && !k->finished)
        http_call_pause(k->http, paused);
}
