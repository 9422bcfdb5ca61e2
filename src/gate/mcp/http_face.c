/*
 * Streamable HTTP in front of an agent: the private endpoint of one writ. Both eras at one address; the body decides, headers must agree
 * with it (2026-07-28: -32020). Nothing here is a credential of the destination, and nothing the agent sends becomes one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/bearer.h"
#include "gate/mcp/flow.h"
#include "gate/mcp/headers.h"
#include "gate/mcp/refusal.h"

#define PRIME_MS 1000
#define BEAT_MS 25000
#define RETRY_MS 1000 /* what a client whose stream ends is told to wait */
#define BEHIND_MAX ((size_t)32 << 20) /* of a stream whose client does not read: then it is cut */

struct endpoint {
    struct endpoint *next, **at;
    struct gate *gate;
    struct writ *writ;
    struct http_server *server;
    char secret[80];
    int uid, netns_pid;
};

/* What hangs on an exchange: a request of the client, or a GET stream. */
struct visit {
    struct endpoint *endpoint;
    struct http_exchange *x;
    struct down *down;
    struct session *stream; /* GET: whose messages it carries */
    struct running running;
    bool events, over;
    bool bearer;          /* it came with the secret as its token */
    bool primes;          /* its client knows how to take up a stream again (2025-11-25) */
    struct timer *prime;  /* then a call that is still running gets its stream, and with it an id to come back with */
    struct timer *beat;   /* a quiet stream is kept open by comments */
    size_t behind; /* bytes given since its client last took all */
    char destination[65];
    struct arena arena; /* of the message, until a down takes it over */
};

/* ---------------------------------------------------------------------------------------------------------- answers */

static void
answer_rpc(struct http_exchange *x, int status, struct bytes id, int code, const char *text, struct bytes data)
{
    struct buf b = buf_make(16384);
    rpc_put_error(&b, id, code, text, data);
    http_respond(x, status, "application/json", NULL, 0, buf_bytes(&b));
    buf_free(&b);
}

/* answer_refusal: an error that is on record. */
static void
answer_refusal(struct visit *v, enum refusal_kind kind, int status, struct bytes id, int code, const char *text)
{
    struct endpoint *e = v->endpoint;
    struct refusal r = {kind, e->writ, v->destination, NULL, text};
    refusal_record(e->gate, &r);
    answer_rpc(v->x, status, id, code, text, (struct bytes){NULL, 0});
}

static const struct http_header no_buffering[] = {{{(const uint8_t *)"Cache-Control", 13}, {(const uint8_t *)"no-cache, no-transform", 22}},
                                                  {{(const uint8_t *)"X-Accel-Buffering", 17}, {(const uint8_t *)"no", 2}}};

/* The answer to initialize says which session this is, in whatever form it comes. */
static bool
begins_session(const struct down *d)
{
    return d && d->session->era == ERA_LEGACY && bytes_is(d->rpc.method, "initialize");
}

static void
beat(void *ctx)
{
    struct visit *v = ctx;
    v->beat = loop_after(v->endpoint->gate->config.loop, BEAT_MS, beat, v);
    http_write(v->x, BYTES(": still here\n\n"));
}

static void
start_events(struct visit *v)
{
    struct http_header headers[3] = {no_buffering[0], no_buffering[1]};
    bool first = begins_session(v->down);
    if (v->events)
        return;
    if (first)
        headers[2] = (struct http_header){BYTES("Mcp-Session-Id"), bytes_str(v->down->session->id)};
    http_start(v->x, 200, "text/event-stream", headers, first ? 3 : 2);
    v->events = true;
    v->beat = loop_after(v->endpoint->gate->config.loop, BEAT_MS, beat, v);
}

/* ${id}: NULL in the newer era, whose streams cannot be taken up again. */
static void
write_event(struct visit *v, const char *id, struct bytes message)
{
    struct buf b = buf_make(RESULT_MAX * 2);
    start_events(v);
    sse_format(&b, "message", id, message);
    if (!b.failed)
        v->behind = http_write(v->x, buf_bytes(&b)) ? 0 : v->behind + b.n;
    buf_free(&b);
    if (v->behind > BEHIND_MAX)
        http_cut(v->x);
    else if (v->behind && v->down)
        flow_down(v->down, true);
}

static void
on_drain(struct http_exchange *x)
{
    struct visit *v = http_exchange_data(x);
    v->behind = 0;
    if (v->down)
        flow_down(v->down, false);
}

/* The first event of a stream has an id and says nothing, so that its client can come back before anything else was said (SEP-1699). */
static void
prime(struct visit *v, struct down *d)
{
    char id[REPLAY_ID_MAX];
    struct buf b = buf_make(256);
    d->stream = ++d->session->next_stream;
    start_events(v);
    if (v->primes) {
        replay_next(d->session, d->stream, (struct bytes){NULL, 0}, id);
        buf_printf(&b, "id: %s\nretry: %d\ndata: \n\n", id, RETRY_MS);
        http_write(v->x, buf_bytes(&b));
    }
    buf_free(&b);
}

static void
prime_due(void *ctx)
{
    struct visit *v = ctx;
    v->prime = NULL;
    if (v->down && !v->over && !v->events)
        prime(v, v->down);
}

static void
stop_timers(struct visit *v)
{
    if (v->prime)
        loop_cancel(v->prime);
    if (v->beat)
        loop_cancel(v->beat);
    v->prime = v->beat = NULL;
}

/* 2026-07-28 gives a few errors an HTTP status of their own. */
static int
status_of(const struct down *d, struct bytes message)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct rpc m;
    int status = 200;
    if (d->session->era == ERA_MODERN && !err_failed(rpc_read(&a, message, &m)) && m.error) {
        const struct json *code = json_get(m.error, "code");
        int64_t n = json_is(code, JSON_INT) ? code->number : 0;
        status = n == RPC_NO_METHOD ? 404 : n == RPC_HEADER_MISMATCH || n == RPC_UNSUPPORTED_VERSION || n == RPC_MISSING_CAPABILITY ? 400 : 200;
    }
    arena_free(&a);
    return status;
}

/* ${v} NULL: its client has gone, and may come back for it. */
static void
send_event(struct visit *v, struct down *d, struct bytes message)
{
    char id[REPLAY_ID_MAX];
    if (d->session->era == ERA_MODERN) {
        write_event(v, NULL, message);
        return;
    }
    if (v && d->stream == 0)
        prime(v, d);
    replay_next(d->session, d->stream, message, id);
    if (v)
        write_event(v, id, message);
}

static void
face_send(struct down *d, struct bytes message, bool last)
{
    struct visit *v = d->face_ctx;
    if (v && v->over)
        return;
    if (v == NULL || v->events || !last) {
        send_event(v, d, message);
        if (last && v) {
            v->over = true;
            stop_timers(v);
            http_end(v->x);
        }
        return;
    }
    v->over = true;
    stop_timers(v);
    struct http_header extra[2];
    char after[24];
    size_t n = 0;
    if (begins_session(d))
        extra[n++] = (struct http_header){BYTES("Mcp-Session-Id"), bytes_str(d->session->id)};
    snprintf(after, sizeof after, "%llu", (unsigned long long)((d->retry_ms + 999) / 1000));
    if (d->retry_ms)
        extra[n++] = (struct http_header){BYTES("Retry-After"), bytes_str(after)};
    bool error = bytes_search(bytes_sub(message, 0, 400), BYTES("\"error\":")) < (message.n < 400 ? message.n : 400);
    if (error && v->bearer && bearer_refused(v->x, message))
        return;
    http_respond(v->x, error ? status_of(d, message) : 200, "application/json", extra, n, message);
}

static void
face_dropped(struct down *d)
{
    struct visit *v = d->face_ctx;
    if (d->gone || v == NULL || v->over)
        return; /* the exchange has ended already */
}

static void
face_push(struct down *d)
{
    struct visit *v = d->face_ctx;
    if (v)
        http_push(v->x);
}

static const struct down_face http_face = {face_send, face_dropped, face_push};

/* ----------------------------------------------------------------------------------------------------------- checks */

static bool
local_name(struct bytes host)
{
    struct bytes name = host;
    if (name.n && name.at[0] == '[') {
        size_t end = bytes_find(name, ']');
        name = bytes_sub(name, 0, end + 1);
    } else {
        name = bytes_sub(name, 0, bytes_find(name, ':'));
    }
    return bytes_is(name, "127.0.0.1") || bytes_is(name, "localhost") || bytes_is(name, "[::1]");
}

/* DNS rebinding (MCP security): a page in a browser may reach this port, but not with our Host and no foreign Origin. */
static struct err
check_origin(const struct http_request *r)
{
    struct bytes origin = http_header(&r->headers, "origin"), host = http_header(&r->headers, "host");
    if (r->peer->unix_socket)
        return err_ok();
    if (!local_name(host))
        return err_make(E_FORBIDDEN, "this endpoint is not served under that Host");
    if (origin.n == 0)
        return err_ok();
    struct bytes rest = origin;
    size_t scheme = bytes_search(rest, BYTES("://"));
    if (scheme == rest.n || !local_name(bytes_sub(rest, scheme + 3, rest.n)))
        return err_make(E_FORBIDDEN, "requests from that Origin are not accepted");
    return err_ok();
}

static struct err
check_peer(struct endpoint *e, const struct http_request *r)
{
    int uid;
    if (e->uid < 0 || r->peer->admitted)
        return err_ok();
    if (r->peer->unix_socket)
        return r->peer->uid == e->uid ? err_ok() : err_make(E_PROOF, "this endpoint belongs to another user");
    struct tcp_ends ends = {r->peer->local_v4, r->peer->remote_v4, r->peer->local_port, r->peer->remote_port};
    struct err found = tcp_peer_uid_at(e->netns_pid, &ends, &uid);
    if (err_failed(found) || uid != e->uid)
        return err_make(E_PROOF, "this endpoint belongs to another user");
    r->peer->admitted = true; /* once a connection: its other end cannot change its user id */
    return err_ok();
}

struct writ *
endpoint_writ(struct gate *g, struct bytes secret)
{
    for (struct endpoint *e = g->endpoints; e; e = e->next)
        if (bytes_same_secret(secret, bytes_str(e->secret)))
            return e->writ;
    return NULL;
}

/* /SECRET/rest → rest, in time that does not depend on where the secret differs. */
static bool
check_secret(const struct endpoint *e, struct bytes path, struct bytes *rest)
{
    if (path.n == 0 || path.at[0] != '/')
        return false;
    *rest = bytes_sub(path, 1, path.n);
    struct bytes given = bytes_split(rest, '/');
    return bytes_same_secret(given, bytes_str(e->secret));
}

/* The pinned tool that a request calls, or NULL. */
static const struct tool *
called_tool(const struct visit *v, const struct rpc *m)
{
    const struct gate *g = v->endpoint->gate;
    const struct destination *d = estate_destination(g->snapshot->estate, v->destination);
    struct bytes name = json_text(m->params, "name");
    if (!bytes_is(m->method, "tools/call"))
        return NULL;
    return v->destination[0] == 0 ? hub_tool(g, v->endpoint->writ, name) : d ? destination_tool(d, name) : NULL;
}

/* ---------------------------------------------------------------------------------------------------------- sessions */

static bool
push_stream(struct session *s, struct bytes message)
{
    char id[REPLAY_ID_MAX];
    if (s->stream == NULL)
        return false;
    replay_next(s, 0, message, id);
    write_event(s->stream, s->era == ERA_LEGACY ? id : NULL, message);
    return true;
}

static struct session *
find_session(struct endpoint *e, const char *destination, enum era era, struct bytes id)
{
    for (struct session *s = e->gate->sessions; s; s = s->next) {
        if (s->ended || s->owner != e || s->era != era || strcmp(s->destination, destination) != 0)
            continue;
        if (era == ERA_MODERN || bytes_same_secret(id, bytes_str(s->id)))
            return s;
    }
    return NULL;
}

static struct err
new_session(struct endpoint *e, const char *destination, enum era era, struct session **out)
{
    TRY(session_make(e->gate, e->writ, destination, era, out));
    (*out)->owner = e;
    (*out)->push = push_stream;
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------- MCP by POST */

static void
take_request(struct visit *v, struct session *s, struct rpc *m)
{
    struct down *d = down_make(s, &http_face, v, &v->arena, m);
    if (d == NULL) {
        http_problem(v->x, err_make(E_MEMORY, "no memory for a request"));
        return;
    }
    const struct http_request *r = http_exchange_request(v->x);
    v->primes = s->era == ERA_LEGACY && bytes_is(http_header(&r->headers, "mcp-protocol-version"), LEGACY_VERSION);
    if (v->primes && bytes_is(m->method, "tools/call"))
        v->prime = loop_after(v->endpoint->gate->config.loop, PRIME_MS, prime_due, v);
    v->down = down_ref(d);
    session_take(s, d);
}

static void
take_modern(struct visit *v, struct rpc *m)
{
    const struct http_request *r = http_exchange_request(v->x);
    const struct json *version = rpc_meta(m, META_VERSION);
    struct bytes said = http_header(&r->headers, "mcp-protocol-version"), id = m->id ? m->id->raw : (struct bytes){NULL, 0};
    if (m->kind == RPC_REQUEST && (!json_is(version, JSON_STRING) || rpc_meta(m, META_CAPABILITIES) == NULL)) {
        answer_refusal(v, REFUSED_MESSAGE, 400, id, RPC_INVALID_PARAMS, "_meta needs " META_VERSION " and " META_CAPABILITIES);
        return;
    }
    struct err e = m->kind == RPC_REQUEST ? headers_check(m, &r->headers, called_tool(v, m)) : err_ok();
    if (err_failed(e)) {
        answer_refusal(v, REFUSED_HEADERS, 400, id, RPC_HEADER_MISMATCH, e.text);
        return;
    }
    if (!bytes_is(said, MODERN_VERSION)) {
        struct buf data = buf_make(1024);
        json_open(&data, '{');
        json_member_raw(&data, "supported", BYTES("[\"" MODERN_VERSION "\"]"));
        json_member_text(&data, "requested", bytes_sub(said, 0, 100));
        json_close(&data, '}');
        answer_rpc(v->x, 400, id, RPC_UNSUPPORTED_VERSION, "unsupported protocol version", buf_bytes(&data));
        buf_free(&data);
        return;
    }
    struct session *s = find_session(v->endpoint, v->destination, ERA_MODERN, (struct bytes){NULL, 0});
    e = s ? err_ok() : new_session(v->endpoint, v->destination, ERA_MODERN, &s);
    if (err_failed(e)) {
        http_problem(v->x, e);
    } else if (m->kind == RPC_REQUEST) {
        take_request(v, s, m);
    } else {
        session_note(s, m);
        http_respond(v->x, 202, NULL, NULL, 0, (struct bytes){NULL, 0});
    }
}

static bool
legacy_version_ok(struct bytes v)
{
    return v.n == 0 || bytes_is(v, LEGACY_VERSION) || bytes_is(v, "2025-06-18") || bytes_is(v, "2025-03-26") || bytes_is(v, "2024-11-05");
}

static void
take_legacy(struct visit *v, struct rpc *m)
{
    const struct http_request *r = http_exchange_request(v->x);
    struct bytes id = http_header(&r->headers, "mcp-session-id"), none = {NULL, 0};
    struct session *s = NULL;
    if (!legacy_version_ok(http_header(&r->headers, "mcp-protocol-version"))) {
        answer_rpc(v->x, 400, m->id ? m->id->raw : none, RPC_INVALID_REQUEST, "unsupported MCP-Protocol-Version", none);
        return;
    }
    if (m->kind == RPC_REQUEST && bytes_is(m->method, "initialize")) {
        struct err e = new_session(v->endpoint, v->destination, ERA_LEGACY, &s);
        if (err_failed(e))
            http_problem(v->x, e);
        else
            take_request(v, s, m);
        return;
    }
    if (id.n == 0) {
        answer_rpc(v->x, 400, m->id ? m->id->raw : none, RPC_INVALID_REQUEST, "Mcp-Session-Id is missing; start with initialize", none);
        return;
    }
    s = find_session(v->endpoint, v->destination, ERA_LEGACY, id);
    if (s == NULL) {
        answer_refusal(v, REFUSED_SESSION, 404, m->id ? m->id->raw : none, RPC_INVALID_REQUEST, "the session is over; start anew with initialize");
    } else if (m->kind == RPC_REQUEST) {
        take_request(v, s, m);
    } else {
        session_note(s, m);
        http_respond(v->x, 202, NULL, NULL, 0, none);
    }
}

static void
on_complete(struct http_exchange *x, struct bytes body)
{
    struct visit *v = http_exchange_data(x);
    const struct http_request *r = http_exchange_request(x);
    struct rpc m;
    v->arena.max = (size_t)128 << 20;
    struct bytes copy = arena_copy(&v->arena, body); /* the request may outlive the exchange */
    struct err e = copy.at ? rpc_read(&v->arena, copy, &m) : err_make(E_MEMORY, "no memory for a request");
    if (err_failed(e)) {
        int code = e.code == E_JSON ? RPC_PARSE : RPC_INVALID_REQUEST;
        answer_refusal(v, REFUSED_MESSAGE, e.code == E_LIMIT ? 413 : 400, (struct bytes){NULL, 0}, code, e.text);
        return;
    }
    bool modern = rpc_meta(&m, META_VERSION) || bytes_is(http_header(&r->headers, "mcp-protocol-version"), MODERN_VERSION);
    if (modern)
        take_modern(v, &m);
    else
        take_legacy(v, &m);
}

/* ---------------------------------------------------------------------------------------------- GET, DELETE, the writ */

static void
cut_stream(struct running *r, const char *why)
{
    struct visit *v = (struct visit *)((char *)r - offsetof(struct visit, running));
    (void)why;
    http_cut(v->x);
}

static void
give(void *ctx, const char *id, struct bytes message)
{
    if (message.n) /* priming events have done their work */
        write_event(ctx, id, message);
}

static void
leave(struct visit *old)
{
    if (old->down)
        down_unref(old->down);
    old->down = NULL;
    old->over = true;
    http_cut(old->x);
}

/* The stream of a request, taken up again: what was missed, then what comes, then the response. */
static void
take_up(struct visit *v, struct session *s, unsigned stream, uint64_t after)
{
    struct down *d = s->downs;
    while (d && d->stream != stream)
        d = d->next;
    start_events(v);
    replay_give(s, stream, after, give, v);
    if (d == NULL) {
        v->over = true;
        stop_timers(v);
        http_end(v->x);
        return;
    }
    if (d->face_ctx)
        leave(d->face_ctx);
    d->face_ctx = v;
    v->down = down_ref(d);
}

static void
stand(struct visit *v, struct session *s, uint64_t after)
{
    if (s->stream)
        http_cut(((struct visit *)s->stream)->x); /* its client has come back before its end was noticed */
    v->stream = session_ref(s);
    s->stream = v;
    v->running = (struct running){.kind = RUNNING_STREAM, .stop = cut_stream};
    snprintf(v->running.destination, sizeof v->running.destination, "%s", v->destination);
    running_begin(v->endpoint->gate->config.writs, v->endpoint->writ, &v->running);
    start_events(v);
    http_write(v->x, BYTES(": open\n\n"));
    replay_give(s, 0, after, give, v);
}

/* A request for a stream, or its end, that names a session which is none of this address. */
static void
foreign_session(struct visit *v, const struct http_request *r)
{
    struct refusal refused = {REFUSED_SESSION, v->endpoint->writ, v->destination, NULL, "there is no such session here"};
    if (http_header(&r->headers, "mcp-session-id").n)
        refusal_record(v->endpoint->gate, &refused);
}

static void
take_get(struct visit *v)
{
    const struct http_request *r = http_exchange_request(v->x);
    struct endpoint *e = v->endpoint;
    struct session *s = find_session(e, v->destination, ERA_LEGACY, http_header(&r->headers, "mcp-session-id"));
    struct http_header allow = {BYTES("Allow"), BYTES("POST")};
    struct bytes last = http_header(&r->headers, "last-event-id"), none = {NULL, 0};
    unsigned stream = 0;
    uint64_t after = UINT64_MAX - 1; /* nothing is replayed */
    if (s == NULL) {
        foreign_session(v, r);
        http_respond(v->x, 405, NULL, &allow, 1, none);
        return;
    }
    struct err alive = writ_alive(e->gate->config.writs, e->writ, e->gate->snapshot->estate, v->destination);
    if (err_failed(alive))
        http_problem(v->x, alive);
    else if (last.n && (!replay_read(last, &stream, &after) || !replay_whole(s, after)))
        answer_rpc(v->x, 404, none, RPC_INVALID_REQUEST, "what came after that Last-Event-ID is not kept any more; make the request again", none);
    else if (stream)
        take_up(v, s, stream, after);
    else if (s->stream && last.n == 0)
        http_respond(v->x, 409, NULL, NULL, 0, none);
    else
        stand(v, s, after);
}

static void
take_delete(struct visit *v)
{
    const struct http_request *r = http_exchange_request(v->x);
    struct session *s = find_session(v->endpoint, v->destination, ERA_LEGACY, http_header(&r->headers, "mcp-session-id"));
    if (s)
        session_end(s, "the client ended the session");
    else
        foreign_session(v, r);
    http_respond(v->x, s ? 204 : 404, NULL, NULL, 0, (struct bytes){NULL, 0});
}

static void
show_writ(struct visit *v)
{
    struct buf b = buf_make(65536);
    writ_json(v->endpoint->gate->config.writs, v->endpoint->writ, &b);
    http_respond(v->x, 200, "application/json", NULL, 0, buf_bytes(&b));
    buf_free(&b);
}

static void
complete_writ(struct visit *v)
{
    struct endpoint *e = v->endpoint;
    writ_close(e->gate->config.writs, e->writ, WRIT_COMPLETED, "the agent said it is done", "agent", NULL, NULL);
    http_respond(v->x, 200, "application/json", NULL, 0, BYTES("{\"state\":\"completed\"}"));
}

static void
on_ended(struct http_exchange *x, bool aborted)
{
    struct visit *v = http_exchange_data(x);
    (void)aborted;
    if (v == NULL)
        return;
    v->over = true;
    stop_timers(v);
    arena_free(&v->arena);
    if (v->stream) {
        if (v->stream->stream == v)
            v->stream->stream = NULL;
        running_ended(v->endpoint->gate->config.writs, &v->running);
        session_unref(v->stream);
        v->stream = NULL;
    }
    struct down *d = v->down;
    v->down = NULL;
    if (d)
        flow_down(d, false);
    if (d) {
        if (d->stream && !d->answered && !d->session->ended)
            d->face_ctx = NULL; /* it may be taken up again */
        else if (!d->answered)
            down_left(d);
        down_unref(d);
    }
}

/* ------------------------------------------------------------------------------------------------------------ routes */

static bool
has_destination(struct visit *v, struct bytes name)
{
    if (name.n >= sizeof v->destination)
        return false;
    if (name.n)
        memcpy(v->destination, name.at, name.n);
    return name.n == 0 || estate_destination(v->endpoint->gate->snapshot->estate, v->destination); /* none: all of them */
}

/* Token passthrough (MCP security): what an agent sends as a credential is one for nobody; that it tried is on record. */
static void
note_credentials(struct visit *v, const struct http_request *r)
{
    static const char *const names[] = {"authorization", "proxy-authorization", "cookie", "x-api-key"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char why[80];
        if (http_header_count(&r->headers, names[i]) == 0 || (i == 0 && v->bearer)) /* our own, and good */
            continue;
        snprintf(why, sizeof why, "a header %s came from the agent; it is passed to nobody", names[i]);
        struct refusal noted = {REFUSED_TOKEN, v->endpoint->writ, v->destination, NULL, why};
        refusal_record(v->endpoint->gate, &noted);
    }
}

static void
take_mcp(struct visit *v, const struct http_request *r, struct bytes destination, struct http_on *on)
{
    if (!has_destination(v, destination)) {
        http_problem(v->x, err_make(E_NOT_FOUND, "there is no such destination for this writ"));
        return;
    }
    if (bytes_is(r->method, "POST")) {
        struct bytes type = http_header(&r->headers, "content-type");
        if (!bytes_same_case(bytes_trim(bytes_sub(type, 0, bytes_find(type, ';'))), BYTES("application/json")))
            http_respond(v->x, 415, NULL, NULL, 0, (struct bytes){NULL, 0});
        else
            on->on_complete = on_complete;
        note_credentials(v, r);
    } else if (bytes_is(r->method, "GET")) {
        take_get(v);
    } else if (bytes_is(r->method, "DELETE")) {
        take_delete(v);
    } else {
        struct http_header allow = {BYTES("Allow"), BYTES("GET, POST, DELETE")};
        http_respond(v->x, 405, NULL, &allow, 1, (struct bytes){NULL, 0});
    }
}

static void
refuse_visit(struct visit *v, struct http_exchange *x, struct endpoint *e, enum refusal_kind kind, struct err why)
{
    struct refusal noted = {kind, e->writ, "", NULL, why.text};
    refusal_record(e->gate, &noted);
    if (why.code == E_PROOF)
        bearer_challenge(x, why, v && v->bearer);
    else
        http_problem(x, why);
}

/* /mcp, /mcp/DESTINATION: the secret comes as a token instead of in the address. */
static void
take_by_token(struct visit *v, const struct http_request *r, struct http_on *on)
{
    struct bytes destination = bytes_sub(r->path, 5, r->path.n);
    struct err e = bearer_check(v->endpoint->secret, r, &v->bearer);
    if (err_failed(e) && v->bearer)
        refuse_visit(v, v->x, v->endpoint, REFUSED_ADDRESS, e);
    else if (err_failed(e)) /* how a client finds out what is asked for */
        bearer_challenge(v->x, e, false);
    else if (destination.n && !bearer_serves(v->endpoint->writ, destination))
        bearer_refuse_place(v->x, destination);
    else
        take_mcp(v, r, destination, on);
}

/* ${rest}: of the path behind the secret. */
static void
take_rest(struct visit *v, const struct http_request *r, struct bytes rest, struct http_on *on)
{
    if (bytes_is(rest, "mcp") || bytes_starts(rest, BYTES("mcp/")))
        take_mcp(v, r, bytes_sub(rest, 4, rest.n), on);
    else if (bytes_is(rest, "writ") && bytes_is(r->method, "GET"))
        show_writ(v);
    else if (bytes_is(rest, "complete") && bytes_is(r->method, "POST"))
        complete_writ(v);
    else
        http_problem(v->x, err_make(E_NOT_FOUND, "there is nothing at this address"));
}

static void
on_request(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    struct endpoint *e = ctx;
    struct bytes rest;
    enum refusal_kind kind = REFUSED_ORIGIN;
    struct visit *v = ARENA_NEW(http_exchange_arena(x), struct visit);
    on->on_ended = on_ended;
    on->on_drain = on_drain;
    http_exchange_set(x, v);
    struct err refused = v ? check_origin(r) : err_make(E_MEMORY, "no memory for a request");
    if (!err_failed(refused)) {
        kind = REFUSED_PEER;
        refused = check_peer(e, r);
    }
    if (err_failed(refused)) {
        refuse_visit(v, x, e, kind, refused);
        return;
    }
    v->endpoint = e;
    v->x = x;
    if (bearer_metadata(e->gate, e->writ, e->secret, x, r))
        return;
    if (bytes_is(r->path, "/mcp") || bytes_starts(r->path, BYTES("/mcp/")))
        take_by_token(v, r, on);
    else if (check_secret(e, r->path, &rest))
        take_rest(v, r, rest, on);
    else
        refuse_visit(v, x, e, REFUSED_ADDRESS, err_make(E_NOT_FOUND, "there is nothing at this address"));
}

struct err
endpoint_open(struct gate *g, struct writ *writ, int fd, const char *secret, int uid, int netns_pid, struct endpoint **out)
{
    struct endpoint *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_make(E_MEMORY, "no memory for an endpoint");
    *e = (struct endpoint){.gate = g, .uid = uid, .netns_pid = netns_pid};
    snprintf(e->secret, sizeof e->secret, "%s", secret);
    struct err failed = http_listen_fd(g->config.loop, fd, NULL, &http_limits_default, on_request, e, &e->server);
    if (err_failed(failed)) {
        free(e);
        return failed;
    }
    e->writ = writ_ref(g->config.writs, writ);
    e->next = g->endpoints;
    e->at = &g->endpoints;
    if (e->next)
        e->next->at = &e->next;
    g->endpoints = e;
    *out = e;
    return err_ok();
}

void
endpoint_close(struct endpoint *e)
{
    http_server_close(e->server);
    for (struct session *s = e->gate->sessions, *next; s; s = next) {
        next = s->next;
        if (s->owner == e) {
            session_ref(s);
            session_end(s, "the task is over");
            next = s->next;
            session_unref(s);
        }
    }
    *e->at = e->next;
    if (e->next)
        e->next->at = e->at;
    writ_unref(e->gate->config.writs, e->writ);
    free(e);
}
