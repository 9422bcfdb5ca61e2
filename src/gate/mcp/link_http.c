/*
 * A server reached over streamable HTTP. Every message is a POST; its answer is one JSON message or a stream of events. The older era adds
 * a session id, a GET stream for what belongs to no request, and DELETE at the end. What an agent sent as a credential never goes here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gate/mcp/headers.h"
#include "gate/mcp/flow.h"
#include "gate/mcp/limit.h"

#define HEADERS_MAX 40
#define RESUMES_MAX 5 /* of one stream, in a row and without an event */
#define RESUME_MS 1000
#define RESUME_MS_MAX 30000
#define RETRY_AFTER_MS 5000 /* of a server that answers 429 and does not say */

struct wire {
    struct link *link;
    struct http_stream *streams; /* every POST or GET under way */
    char session[260];           /* the server's Mcp-Session-Id */
};

struct http_stream {
    struct http_stream *next;
    struct wire *wire;
    struct creds_call *call;
    int64_t id;  /* of the pending it is for; 0: none (a notification, GET, DELETE) */
    int status;
    bool events, is_get, paused;
    size_t unsent;
    uint64_t retry_after_ms; /* as a refusal of the server says */
    /* 2025-11-25: a stream that ends early is taken up where it ended (Last-Event-ID) */
    char last_id[256];
    int64_t retry_ms; /* as the server wants it; -1: it did not say */
    unsigned resumed; /* in a row, without an event */
    struct timer *again;
    bool held, dead; /* held by a callback; dead: let go meanwhile, freed when the callback is over */
    struct buf body;
    struct sse_reader sse;
};

static void
all_sent(struct http_stream *s)
{
    size_t n = s->unsent;
    s->unsent = 0;
    if (n)
        flow_unsent(s->wire->link, 0, n);
}

static void
stream_free(struct http_stream *s)
{
    if (!s->dead)
        for (struct http_stream **at = &s->wire->streams; *at; at = &(*at)->next)
            if (*at == s) {
                *at = s->next;
                break;
            }
    s->dead = true;
    if (s->again)
        loop_cancel(s->again);
    s->again = NULL;
    all_sent(s);
    if (s->held)
        return;
    buf_free(&s->body);
    sse_reader_free(&s->sse);
    free(s);
}

/* What a message does may end the whole link, this stream with it; so callbacks hold their stream. */
static void
release(struct http_stream *s, bool over)
{
    s->held = false;
    if (s->dead || over)
        stream_free(s);
}

static struct pending *
pending_of(const struct http_stream *s)
{
    return s->id && !s->dead ? link_find(s->wire->link, s->id) : NULL;
}

/* -------------------------------------------------------------------------------------------------- what comes back */

/* Where the stream stands, for taking it up again. An id that no header can carry is none. */
static void
keep_place(struct http_stream *s, const struct sse_event *e)
{
    bool plain = e->has_id && e->id.n > 0 && e->id.n < sizeof s->last_id;
    for (size_t i = 0; plain && i < e->id.n; i++)
        plain = e->id.at[i] > 0x20 && e->id.at[i] < 0x7f;
    if (plain)
        snprintf(s->last_id, sizeof s->last_id, "%.*s", BYTES_CUT(e->id, 255));
    else if (e->has_id)
        s->last_id[0] = 0;
    if (e->retry_ms >= 0)
        s->retry_ms = e->retry_ms;
    if (e->data.n)
        s->resumed = 0;
}

static void
on_event(const struct sse_event *e, void *ctx)
{
    struct http_stream *s = ctx;
    keep_place(s, e);
    if (e->data.n && s->wire->link->state != LINK_DEAD)
        link_received(s->wire->link, e->data, pending_of(s));
}

static int64_t
now_ms(const struct http_stream *s)
{
    struct env *env = s->wire->link->gate->config.env;
    return env->now_ms(env);
}

#define ROOM_AT_ONCE ((uint64_t)1 << 20) /* more is made as it comes: a length is only said */

static void
make_room(struct http_stream *s, struct bytes length)
{
    uint64_t n;
    if (!s->events && bytes_u64(length, &n) && n <= ROOM_AT_ONCE)
        buf_expect(&s->body, (size_t)n);
}

static void
on_head(struct http_call *c, int status, const struct http_headers *headers, void *ctx)
{
    struct http_stream *s = ctx;
    (void)c;
    s->status = status;
    struct bytes type = http_header(headers, "content-type"), session = http_header(headers, "mcp-session-id");
    if ((status != 429 && status != 503) || !retry_after_read(http_header(headers, "retry-after"), now_ms(s), &s->retry_after_ms))
        s->retry_after_ms = status == 429 ? RETRY_AFTER_MS : 0;
    s->events = bytes_starts(type, BYTES("text/event-stream"));
    make_room(s, http_header(headers, "content-length"));
    if (session.n && session.n < sizeof s->wire->session && s->wire->session[0] == 0) {
        memcpy(s->wire->session, session.at, session.n);
        s->wire->session[session.n] = 0;
    }
}

static void
on_body(struct http_call *c, struct bytes part, void *ctx)
{
    struct http_stream *s = ctx;
    struct link *l = s->wire->link;
    struct err e = err_ok();
    link_ref(l);
    s->held = true;
    if (s->events)
        e = sse_feed(&s->sse, part, on_event, s);
    else
        buf_put(&s->body, part);
    (void)c;
    if (err_failed(e) || s->body.failed) {
        struct pending *p = pending_of(s);
        if (p)
            link_refused(l, p, err_make(E_UPSTREAM, "its answer is larger than allowed or no event stream"));
        if (s->call)
            creds_call_cancel(s->call); /* it may never end */
        s->call = NULL;
        release(s, true);
    } else {
        release(s, false);
    }
    link_unref(l);
}

static bool
is_rpc(struct bytes body)
{
    struct arena a = {0};
    struct rpc m;
    bool ok = !err_failed(rpc_read(&a, body, &m)) && m.kind == RPC_RESPONSE;
    arena_free(&a);
    return ok;
}

/* That it is there, and for how long it is not, says the status; what is wrong with a request is no failure of the server. */
static void
note_refusal(struct http_stream *s, struct down *d)
{
    struct link *l = s->wire->link;
    if (s->retry_after_ms)
        limit_asked(l, d, s->retry_after_ms);
    else if (s->status >= 500)
        limit_bad(l, d, err_make(E_UPSTREAM, "it answered with HTTP status %d", s->status));
}

/* A refusal may carry the JSON-RPC error of this request (2026-07-28 answers 400 and 404 that way). */
static void
finish_refused(struct http_stream *s)
{
    struct link *l = s->wire->link;
    struct pending *p = pending_of(s);
    note_refusal(s, p ? p->down : NULL);
    if (p == NULL)
        return;
    if (s->body.n && is_rpc(buf_bytes(&s->body))) {
        l->no_good = s->status == 429 || s->status >= 500;
        link_received(l, buf_bytes(&s->body), p);
        l->no_good = false;
        p = pending_of(s);
    }
    if (p)
        link_refused(l, p, err_make(E_UPSTREAM, "it answered with HTTP status %d", s->status));
}

static void resume(void *ctx);

/* The older era: a stream that ends without the response is asked for again, and the one that belongs to no request always. */
static bool
resume_later(struct http_stream *s)
{
    struct link *l = s->wire->link;
    bool standing = s->is_get && s->id == 0, wanted = standing || (s->last_id[0] && pending_of(s));
    int64_t ms = s->retry_ms < 0 ? RESUME_MS : s->retry_ms > RESUME_MS_MAX ? RESUME_MS_MAX : s->retry_ms;
    if (s->dead || l->state == LINK_DEAD || l->era != ERA_LEGACY || !s->events || !wanted || s->resumed >= RESUMES_MAX)
        return false;
    s->again = loop_after(l->gate->config.loop, (uint64_t)ms, resume, s);
    return s->again != NULL;
}

static void
on_end(struct http_call *c, void *ctx)
{
    struct http_stream *s = ctx;
    struct link *l = s->wire->link;
    (void)c;
    link_ref(l);
    s->held = true;
    s->call = NULL;
    if (s->status == 404 && s->wire->session[0] && !s->is_get) {
        link_died(l, err_make(E_UPSTREAM, "it has ended the session"));
    } else if (s->status >= 300) {
        finish_refused(s);
    } else if (resume_later(s)) {
        release(s, false);
        link_unref(l);
        return;
    } else {
        if (!s->events && s->body.n && l->state != LINK_DEAD)
            link_received(l, buf_bytes(&s->body), pending_of(s));
        struct pending *p = pending_of(s);
        struct err e = err_make(E_UPSTREAM, "it ended its answer without a response");
        if (p)
            limit_bad(l, p->down, e);
        if (p)
            link_refused(l, p, e);
    }
    release(s, true);
    link_unref(l);
}

static void
on_error(struct http_call *c, struct err e, void *ctx)
{
    struct http_stream *s = ctx;
    struct link *l = s->wire->link;
    (void)c;
    link_ref(l);
    s->held = true;
    s->call = NULL;
    bool again = resume_later(s);
    struct pending *p = again ? NULL : pending_of(s);
    if (p && p->down) /* of what the link asks itself, its end tells */
        limit_bad(l, p->down, e);
    if (p)
        link_refused(l, p, e.code == E_CONSENT ? e : err_wrap(e, "it could not be asked"));
    release(s, !again);
    link_unref(l);
}

static void
on_sent(struct http_call *c, void *ctx)
{
    (void)c;
    all_sent(ctx);
}

static const struct http_call_on stream_on = {on_head, on_body, on_end, on_error, on_sent};

/* -------------------------------------------------------------------------------------------------------- requests */

struct headers {
    struct http_header list[HEADERS_MAX];
    size_t n;
};

static void
add(struct headers *h, const char *name, struct bytes value)
{
    if (h->n < HEADERS_MAX && value.n)
        h->list[h->n++] = (struct http_header){bytes_str(name), value};
}

/* 2026-07-28: headers made from the body that is sent; the older era: what was agreed at the start. */
static struct err
add_protocol(struct wire *w, struct headers *h, struct arena *a, struct pending *p, struct bytes method)
{
    struct link *l = w->link;
    const struct down *d = p ? p->down : NULL;
    if (l->era != ERA_MODERN) {
        add(h, "MCP-Protocol-Version", json_text(l->start, "protocolVersion"));
        add(h, "Mcp-Session-Id", bytes_str(w->session));
        return err_ok();
    }
    add(h, "MCP-Protocol-Version", BYTES(MODERN_VERSION));
    add(h, "Mcp-Method", method);
    if (d && headers_name(&d->rpc).n)
        add(h, "Mcp-Name", headers_value(a, headers_name(&d->rpc)));
    return d && d->tool && d->arguments ? headers_params(d->tool, d->arguments, a, h->list, HEADERS_MAX, &h->n) : err_ok();
}

static struct err
ask_stream(struct http_stream *s, const char *verb, struct pending *p, struct bytes body, struct bytes method)
{
    struct wire *w = s->wire;
    struct link *l = w->link;
    struct arena a = {0};
    UNINITIALIZED struct headers h;
    h.n = 0;
    if (body.n)
        add(&h, "Content-Type", BYTES("application/json"));
    add(&h, "Accept", s->is_get ? BYTES("text/event-stream") : BYTES("application/json, text/event-stream"));
    if (s->is_get)
        add(&h, "Last-Event-ID", bytes_str(s->last_id));
    struct err e = add_protocol(w, &h, &a, p, method);
    uint64_t patience = l->destination->call_timeout_ms ? l->destination->call_timeout_ms : 60000;
    bool endless = s->is_get || (p && (p->listen || p->down)); /* a request of the client has a deadline of its own */
    struct http_call_request r = {.method = verb,
                                  .url = l->destination->url,
                                  .headers = h.list,
                                  .n = h.n,
                                  .body = body,
                                  .no_retry = true,
                                  .answer_ms = patience,
                                  .body_idle_ms = endless ? UINT64_MAX : patience};
    if (!err_failed(e))
        e = creds_call(l->account, &r, &stream_on, s, &s->call);
    arena_free(&a);
    return e;
}

static void
ready_readers(struct http_stream *s)
{
    const struct destination *d = s->wire->link->destination;
    size_t max = d->result_bytes ? d->result_bytes : RESULT_MAX;
    s->body = buf_make(max);
    sse_reader_init(&s->sse, max);
}

static void
http_flow(struct link *l)
{
    struct wire *w = l->wire;
    for (struct http_stream *s = w ? w->streams : NULL; s; s = s->next) {
        bool stop = flow_stopped(l, pending_of(s));
        if (s->call == NULL || stop == s->paused)
            continue;
        s->paused = stop;
        creds_call_pause(s->call, stop);
    }
}

static struct http_stream *
send_stream(struct wire *w, const char *verb, struct pending *p, struct bytes body, struct bytes method)
{
    struct http_stream *s = mem_zeroed(sizeof *s);
    if (s == NULL)
        return NULL;
    s->wire = w;
    s->id = p ? p->id : 0;
    s->is_get = strcmp(verb, "GET") == 0;
    s->retry_ms = -1;
    s->next = w->streams;
    w->streams = s;
    ready_readers(s);
    s->unsent = body.n;
    flow_unsent(w->link, body.n, 0);
    struct err e = ask_stream(s, verb, p, body, method);
    if (err_failed(e)) {
        stream_free(s);
        if (p)
            link_refused(w->link, p, e);
        return NULL;
    }
    if (flow_stopped(w->link, p))
        http_flow(w->link);
    return s;
}

static void
resume(void *ctx)
{
    struct http_stream *s = ctx;
    struct bytes none = {NULL, 0};
    s->again = NULL;
    s->resumed++;
    s->is_get = true;
    s->events = s->paused = false;
    s->status = 0;
    buf_free(&s->body);
    sse_reader_free(&s->sse);
    ready_readers(s);
    struct pending *p = pending_of(s);
    struct err e = ask_stream(s, "GET", p, none, none);
    if (!err_failed(e))
        return;
    struct link *l = s->wire->link;
    stream_free(s);
    if (p)
        link_refused(l, p, e);
}

static void
http_send(struct link *l, struct pending *p, struct bytes message, struct bytes method)
{
    struct wire *w = l->wire;
    if (w)
        send_stream(w, "POST", p, message, method);
}

/* Closing the response stream is the cancellation of the newer era; the older one wants to be told. */
static void
http_cancel(struct link *l, struct pending *p)
{
    struct wire *w = l->wire;
    if (w == NULL)
        return;
    for (struct http_stream *s = w->streams; s; s = s->next)
        if (s->id == p->id) {
            if (s->call)
                creds_call_cancel(s->call);
            stream_free(s);
            break;
        }
    if (l->era != ERA_LEGACY)
        return;
    struct buf params = buf_make(256);
    json_open(&params, '{');
    json_member_int(&params, "requestId", p->id);
    json_close(&params, '}');
    link_notify(l, BYTES("notifications/cancelled"), buf_bytes(&params));
    buf_free(&params);
}

static void
http_ready(struct link *l)
{
    if (l->era == ERA_LEGACY && l->writ)
        send_stream(l->wire, "GET", NULL, (struct bytes){NULL, 0}, (struct bytes){NULL, 0});
}

static void
wire_over(void *ctx)
{
    struct wire *w = ctx;
    struct link *l = w->link;
    free(w);
    link_stopped(l);
}

static void
deleted(struct http_call *c, void *ctx)
{
    (void)c, (void)ctx;
}

static void
not_deleted(struct http_call *c, struct err e, void *ctx)
{
    (void)c, (void)e, (void)ctx; /* the server forgets an unused session by itself */
}

/* Said while the link ends: nobody waits for the answer, and it is no stream that the end would cut. */
static void
say_last(struct wire *w, const char *verb, struct headers *h, struct bytes body)
{
    static const struct http_call_on on = {.on_end = deleted, .on_error = not_deleted};
    struct creds_call *call;
    struct http_call_request r = {.method = verb, .url = w->link->destination->url, .headers = h->list, .n = h->n, .body = body, .no_retry = true};
    struct err e = creds_call(w->link->account, &r, &on, NULL, &call);
    (void)e;
}

static void
delete_session(struct wire *w)
{
    struct headers h = {.n = 0};
    struct err e = add_protocol(w, &h, NULL, NULL, (struct bytes){NULL, 0});
    if (!err_failed(e))
        say_last(w, "DELETE", &h, (struct bytes){NULL, 0});
}

static void
http_last(struct link *l, struct bytes message, struct bytes method, struct bytes name)
{
    struct headers h = {.n = 0};
    struct arena a = {0};
    if (l->wire) {
        struct err e = add_protocol(l->wire, &h, &a, NULL, method);
        add(&h, "Mcp-Name", headers_value(&a, name));
        add(&h, "Content-Type", BYTES("application/json"));
        add(&h, "Accept", BYTES("application/json, text/event-stream"));
        if (!err_failed(e))
            say_last(l->wire, "POST", &h, message);
    }
    arena_free(&a);
}

static void
http_stop(struct link *l)
{
    struct wire *w = l->wire;
    if (w == NULL)
        return;
    if (w->session[0] && !l->gate->closing)
        delete_session(w);
    while (w->streams) {
        struct http_stream *s = w->streams;
        if (s->call)
            creds_call_cancel(s->call);
        stream_free(s);
    }
    l->wire = NULL;
    if (loop_after(l->gate->config.loop, 0, wire_over, w) == NULL)
        wire_over(w);
}

static struct err
wire_start(struct link *l)
{
    struct wire *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_make(E_MEMORY, "no memory for a connection");
    w->link = l;
    l->wire = w;
    link_ref(l); /* the transport's own, until link_stopped */
    return err_ok();
}

const struct link_transport link_http = {
    .start = wire_start,
    .send = http_send,
    .cancel = http_cancel,
    .stop = http_stop,
    .ready = http_ready,
    .last = http_last,
    .flow = http_flow,
};
