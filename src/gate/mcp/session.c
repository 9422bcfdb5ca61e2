#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/mcp.h"

#define PASS_MS 60000 /* for what is passed on without being a call */

/* ----------------------------------------------------------------------------------------------------------- downs */

struct down *
down_make(struct session *s, const struct down_face *face, void *face_ctx, struct arena *a, const struct rpc *rpc)
{
    struct down *d = calloc(1, sizeof *d);
    if (d == NULL) {
        arena_free(a);
        return NULL;
    }
    d->refs = 1;
    d->session = session_ref(s);
    d->face = face;
    d->face_ctx = face_ctx;
    d->arena = *a;
    *a = (struct arena){0};
    d->rpc = *rpc;
    return d;
}

struct down *
down_ref(struct down *d)
{
    d->refs++;
    return d;
}

void
down_unref(struct down *d)
{
    if (--d->refs)
        return;
    if (d->deadline)
        loop_cancel(d->deadline);
    snapshot_unref(d->snapshot);
    arena_free(&d->arena);
    session_unref(d->session);
    free(d);
}

/* The one way out of a request: the client gets ${message}, nothing waits for it any more, nothing runs for it any more. */
static void
finish(struct down *d, struct buf *message)
{
    struct session *s = d->session;
    if (d->answered) {
        buf_free(message);
        return;
    }
    d->answered = true;
    down_ref(d);
    if (!d->gone) {
        if (message->failed) {
            buf_free(message);
            rpc_put_error(message, d->rpc.id->raw, RPC_INTERNAL, "the answer is too large", (struct bytes){NULL, 0});
        }
        d->face->send(d, buf_bytes(message), true);
    } else {
        d->face->dropped(d);
    }
    buf_free(message);
    if (d->pending)
        link_cancel(s->link, d->pending, false);
    running_ended(s->gate->config.writs, &d->running);
    if (d->at) {
        *d->at = d->next;
        if (d->next)
            d->next->at = d->at;
        d->at = NULL;
        s->n_downs--;
        down_unref(d); /* the session's own */
    }
    down_unref(d);
}

void
down_result(struct down *d, struct bytes result)
{
    struct buf b = buf_make(RESULT_MAX + 65536);
    rpc_put_result(&b, d->rpc.id->raw, result);
    finish(d, &b);
}

void
down_error(struct down *d, int code, const char *message, struct bytes data)
{
    struct buf b = buf_make(MESSAGE_MAX);
    rpc_put_error(&b, d->rpc.id->raw, code, message, data);
    finish(d, &b);
}

/* What an agent learns of a failure: the kind of it, by a stable code. Places, paths and other agents' matters stay in the log. */
void
down_fail(struct down *d, struct err e)
{
    int code = e.code == E_WRIT_ENDED                                     ? RPC_WRIT_ENDED
               : e.code == E_FORBIDDEN || e.code == E_DENIED              ? RPC_WRIT_REFUSED
               : e.code == E_LOG || e.code == E_STORE || e.code == E_KEYS ? RPC_WRIT_DOWN
                                                                          : RPC_WRIT_UPSTREAM;
    struct buf data = buf_make(1024);
    json_open(&data, '{');
    json_member_str(&data, "code", err_name(e.code));
    json_close(&data, '}');
    down_error(d, code, e.text, buf_bytes(&data));
    buf_free(&data);
}

void
down_left(struct down *d)
{
    d->gone = true;
    if (d->answered)
        return;
    if (d->session->era == ERA_LEGACY && !d->session->ended)
        return; /* 2025-11-25: a lost connection is no cancellation */
    call_over(d, "cancelled", 0);
    struct buf none = buf_make(16);
    finish(d, &none);
}

/* -------------------------------------------------------------------------------------------------------- sessions */

/* An agent that never ends its sessions may hold only so many servers. */
static struct err
make_room(struct gate *g, const struct writ *writ)
{
    size_t n = 0;
    struct session *oldest = NULL;
    for (struct session *s = g->sessions; s; s = s->next) {
        if (s->writ != writ || s->ended)
            continue;
        n++;
        if (s->downs == NULL && s->stream == NULL && !s->lines && (oldest == NULL || s->used_ms < oldest->used_ms))
            oldest = s;
    }
    if (n < SESSIONS_OF_WRIT_MAX)
        return err_ok();
    if (oldest == NULL)
        return err_make(E_BUSY, "%d client sessions of this writ are in use; end one", SESSIONS_OF_WRIT_MAX);
    session_end(oldest, "another session took its place");
    return err_ok();
}

struct err
session_make(struct gate *g, struct writ *writ, const char *destination, enum era era, struct session **out)
{
    TRY(make_room(g, writ));
    if (g->n_sessions >= SESSIONS_MAX)
        return err_make(E_BUSY, "%d client sessions are open; try again later", SESSIONS_MAX);
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_make(E_MEMORY, "no memory for a session");
    struct err e = env_id(g->config.env, "ms", s->id);
    if (err_failed(e)) {
        free(s);
        return e;
    }
    s->refs = 1;
    s->gate = g;
    s->writ = writ_ref(g->config.writs, writ);
    s->era = era;
    s->used_ms = g->config.env->now_ms(g->config.env);
    snprintf(s->destination, sizeof s->destination, "%s", destination);
    s->next = g->sessions;
    s->at = &g->sessions;
    if (s->next)
        s->next->at = &s->next;
    g->sessions = s;
    g->n_sessions++;
    *out = s;
    return err_ok();
}

struct session *
session_ref(struct session *s)
{
    s->refs++;
    return s;
}

void
session_unref(struct session *s)
{
    if (--s->refs)
        return;
    struct gate *g = s->gate;
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    g->n_sessions--;
    while (s->backs) {
        struct back *b = s->backs;
        s->backs = b->next;
        buf_free(&b->upstream_id);
        free(b);
    }
    writ_unref(g->config.writs, s->writ);
    arena_free(&s->keep);
    free(s);
    gate_maybe_closed(g);
}

void
session_end(struct session *s, const char *why)
{
    if (s->ended)
        return;
    s->ended = true;
    session_ref(s);
    while (s->downs) {
        call_over(s->downs, "cut", 0);
        down_fail(s->downs, err_make(E_WRIT_ENDED, "%s", why));
    }
    struct link *l = s->link;
    s->link = NULL;
    if (l)
        link_close(l, why);
    session_unref(s);
    session_unref(s); /* the one session_make gave */
}

void
session_rebind(struct session *s, struct writ *writ)
{
    struct link *l = s->link;
    s->link = NULL; /* what was handed out under the old writ stays with it */
    if (l)
        link_close(l, "its task is over");
    writ_unref(s->gate->config.writs, s->writ);
    s->writ = writ_ref(s->gate->config.writs, writ);
}

void
session_link_died(struct session *s, struct err e)
{
    struct link *l = s->link;
    (void)e;
    s->link = NULL; /* the next request starts a new one */
    if (l)
        link_unref(l);
}

/* ------------------------------------------------------------------------------------------------- the table of methods */

static void
plain_answer(struct down *d, const struct rpc *answer)
{
    struct buf b = buf_make(RESULT_MAX);
    bool list = bytes_ends(d->rpc.method, BYTES("/list")) || bytes_is(d->rpc.method, "resources/read"); /* what 2026-07-28 lets clients keep */
    const struct json *type = json_get(answer->result, "resultType");
    if (answer->error) {
        rpc_put_again(&b, answer, d->rpc.id->raw);
        finish(d, &b);
        return;
    }
    if (d->session->era == ERA_LEGACY && json_is(type, JSON_STRING) && bytes_is(type->text, "input_required")) {
        buf_free(&b);
        down_error(d, RPC_MISSING_CAPABILITY, "the server needs an input that this protocol revision cannot ask for", (struct bytes){NULL, 0});
        return;
    }
    if (answer->result->type == JSON_OBJECT)
        result_translate(&b, d->session, answer->result, list);
    else
        buf_put(&b, answer->result->raw);
    if (b.failed)
        down_error(d, RPC_WRIT_UPSTREAM, "the server's answer is too large", (struct bytes){NULL, 0});
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
}

static void
pass(struct down *d)
{
    struct buf params = buf_make(MESSAGE_MAX);
    params_translate(&params, d->session->link, d, (struct bytes){NULL, 0});
    struct err e =
        params.failed ? err_make(E_LIMIT, "the request is too large") : link_request(d->session->link, d, buf_bytes(&params), plain_answer);
    buf_free(&params);
    if (err_failed(e))
        down_fail(d, e);
}

static void
take_ping(struct down *d)
{
    down_result(d, BYTES("{}"));
}

/* Resources and prompts are granted as a whole in this form: "@resources", "@prompts". Lists of what is not granted are empty. */
static void
empty_list(struct down *d, const char *member)
{
    struct buf b = buf_make(512);
    json_open(&b, '{');
    json_key(&b, member);
    buf_puts(&b, "[]");
    if (d->session->era == ERA_MODERN) {
        json_member_str(&b, "resultType", "complete");
        json_member_int(&b, "ttlMs", 0);
        json_member_str(&b, "cacheScope", "private");
    }
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
}

static void
take_resources(struct down *d)
{
    if (call_gate_allows(d, "@resources"))
        pass(d);
    else if (bytes_is(d->rpc.method, "resources/list"))
        empty_list(d, "resources");
    else if (bytes_is(d->rpc.method, "resources/templates/list"))
        empty_list(d, "resourceTemplates");
    else if (!d->answered)
        down_error(d, RPC_WRIT_REFUSED, "this writ grants no resources of this destination", (struct bytes){NULL, 0});
}

static void
take_prompts(struct down *d)
{
    if (call_gate_allows(d, "@prompts"))
        pass(d);
    else if (bytes_is(d->rpc.method, "prompts/list"))
        empty_list(d, "prompts");
    else if (!d->answered)
        down_error(d, RPC_WRIT_REFUSED, "this writ grants no prompts of this destination", (struct bytes){NULL, 0});
}

static void
take_completion(struct down *d)
{
    struct bytes type = json_text(rpc_param(&d->rpc, "ref"), "type");
    if (call_gate_allows(d, bytes_is(type, "ref/prompt") ? "@prompts" : "@resources"))
        pass(d);
    else if (!d->answered)
        down_error(d, RPC_WRIT_REFUSED, "this writ grants nothing to complete here", (struct bytes){NULL, 0});
}

static void
take_listen(struct down *d)
{
    if (d->session->link->era == ERA_MODERN) {
        pass(d);
        return;
    }
    down_error(d, RPC_NO_METHOD, "this destination has nothing to listen to", (struct bytes){NULL, 0});
}

static void
take_level(struct down *d)
{
    if (d->session->link->era == ERA_LEGACY)
        pass(d);
    else
        down_result(d, BYTES("{}")); /* 2026-07-28 sets the level in each request; without it nothing is logged */
}

static const struct json *
capabilities(const struct link *l)
{
    return json_get(l->start, "capabilities");
}

static void
put_server(struct buf *b, const struct link *l)
{
    const struct json *info = json_get(l->start, "serverInfo");
    if (info == NULL)
        info = json_get(json_get(l->start, "_meta"), META_SERVER);
    buf_put(b, info ? info->raw : BYTES("{\"name\":\"unknown\",\"version\":\"0\"}"));
}

/* What the server said of itself when the link started, in the words of the client's era. */
static void
take_initialize(struct down *d)
{
    const struct link *l = d->session->link;
    if (l->era == ERA_LEGACY) {
        down_result(d, l->start_result);
        return;
    }
    struct buf b = buf_make(MESSAGE_MAX);
    struct bytes asked = json_text(d->rpc.params, "protocolVersion");
    bool known = bytes_is(asked, "2025-06-18") || bytes_is(asked, "2025-03-26");
    json_open(&b, '{');
    json_member_text(&b, "protocolVersion", known ? asked : BYTES(LEGACY_VERSION));
    json_member_raw(&b, "capabilities", capabilities(l) ? capabilities(l)->raw : BYTES("{}"));
    json_key(&b, "serverInfo");
    put_server(&b, l);
    if (json_get(l->start, "instructions"))
        json_member_raw(&b, "instructions", json_get(l->start, "instructions")->raw);
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
}

static void
take_discover(struct down *d)
{
    const struct link *l = d->session->link;
    struct buf b = buf_make(MESSAGE_MAX);
    json_open(&b, '{');
    json_member_raw(&b, "supportedVersions", BYTES("[\"" MODERN_VERSION "\"]"));
    json_member_raw(&b, "capabilities", capabilities(l) ? capabilities(l)->raw : BYTES("{}"));
    if (json_get(l->start, "instructions"))
        json_member_raw(&b, "instructions", json_get(l->start, "instructions")->raw);
    json_member_str(&b, "resultType", "complete");
    json_member_int(&b, "ttlMs", 0);
    json_member_str(&b, "cacheScope", "private");
    json_key(&b, "_meta");
    json_open(&b, '{');
    json_key(&b, META_SERVER);
    put_server(&b, l);
    json_close(&b, '}');
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
}

#define LEGACY 1
#define MODERN 2

static const struct method {
    const char *name;
    int eras;
    void (*take)(struct down *d);
} methods[] = {
    {"initialize", LEGACY, take_initialize},
    {"server/discover", MODERN, take_discover},
    {"ping", LEGACY, take_ping},
    {"tools/list", LEGACY | MODERN, list_tools_take},
    {"tools/call", LEGACY | MODERN, call_take},
    {"resources/list", LEGACY | MODERN, take_resources},
    {"resources/templates/list", LEGACY | MODERN, take_resources},
    {"resources/read", LEGACY | MODERN, take_resources},
    {"resources/subscribe", LEGACY, take_resources},
    {"resources/unsubscribe", LEGACY, take_resources},
    {"prompts/list", LEGACY | MODERN, take_prompts},
    {"prompts/get", LEGACY | MODERN, take_prompts},
    {"completion/complete", LEGACY | MODERN, take_completion},
    {"logging/setLevel", LEGACY, take_level},
    {"subscriptions/listen", MODERN, take_listen},
};

static const struct method *
find_method(const struct session *s, struct bytes name)
{
    int era = s->era == ERA_MODERN ? MODERN : LEGACY;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if ((methods[i].eras & era) && bytes_is(name, methods[i].name))
            return &methods[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------- a request */

static void
unanswered(void *ctx)
{
    struct down *d = ctx;
    d->deadline = NULL;
    down_fail(d, err_make(E_TIMEOUT, "%s did not answer within %d s", d->session->destination, PASS_MS / 1000));
}

static void
dispatch(struct down *d)
{
    const struct method *m = find_method(d->session, d->rpc.method);
    if (m->take != call_take && m->take != take_listen) /* a call has its destination's deadline, a subscription none */
        d->deadline = loop_after(d->session->gate->config.loop, PASS_MS, unanswered, d);
    m->take(d); /* found before the link was started */
}

/* The link is ready, or cannot be: go on with everything that came while it started. */
static void
link_is_ready(struct link *l, struct err e, void *ctx)
{
    struct session *s = ctx;
    (void)l;
    session_ref(s);
    struct down *waiting[DOWNS_MAX];
    size_t n = 0;
    for (struct down *d = s->downs; d && n < DOWNS_MAX; d = d->next)
        if (d->began_ns == 0)
            waiting[n++] = down_ref(d);
    while (n--) { /* the list is newest first */
        struct down *d = waiting[n];
        d->began_ns = s->gate->config.env->mono_ns(s->gate->config.env);
        if (!d->answered && err_failed(e))
            down_fail(d, e);
        else if (!d->answered && (s->link == NULL || s->link->state != LINK_READY)) /* it died of one before this */
            down_fail(d, err_make(E_UPSTREAM, "the server ended before it was asked"));
        else if (!d->answered)
            dispatch(d);
        down_unref(d);
    }
    session_unref(s);
}

static struct err
ensure_link(struct session *s, const struct rpc *first)
{
    struct gate *g = s->gate;
    if (s->link)
        return err_ok();
    if (s->client.root == NULL) {
        struct bytes copy = arena_copy(&s->keep, first->root->raw);
        if (copy.at == NULL)
            return err_make(E_MEMORY, "no memory for a session");
        TRY(rpc_read(&s->keep, copy, &s->client));
    }
    const struct destination *d = estate_destination(g->snapshot->estate, s->destination);
    if (d == NULL)
        return err_make(E_FORBIDDEN, "there is no such destination for this writ");
    return link_make(g, g->snapshot, d, s->writ, s, &s->client, link_is_ready, s, &s->link);
}

static struct err
may_take(struct session *s, struct down *d)
{
    if (s->ended)
        return err_make(E_WRIT_ENDED, "the session is over");
    if (s->n_downs >= DOWNS_MAX)
        return err_make(E_BUSY, "%d requests are under way in this session; wait for an answer", DOWNS_MAX);
    for (const struct down *o = s->downs; o; o = o->next)
        if (json_equal(o->rpc.id, d->rpc.id))
            return err_make(E_PROTOCOL, "a request with this id is under way");
    return writ_alive(s->gate->config.writs, s->writ, s->gate->snapshot->estate, s->destination);
}

static void
enlist(struct session *s, struct down *d)
{
    d->next = s->downs;
    d->at = &s->downs;
    if (d->next)
        d->next->at = &d->next;
    s->downs = d;
    s->n_downs++;
}

static void
cut_down(struct running *r, const char *why)
{
    struct down *d = (struct down *)((char *)r - offsetof(struct down, running));
    struct session *s = d->session;
    down_ref(d);
    call_over(d, "cut", 0);
    if (d->pending) {
        struct pending *p = d->pending;
        d->pending = NULL;
        link_cancel(s->link, p, true); /* its work stops with its server */
    }
    down_fail(d, err_make(E_WRIT_ENDED, "%s", why));
    down_unref(d);
}

void
session_take(struct session *s, struct down *d)
{
    s->used_ms = s->gate->config.env->now_ms(s->gate->config.env);
    struct err e = may_take(s, d);
    if (err_failed(e)) {
        down_fail(d, e);
        down_unref(d);
        return;
    }
    if (find_method(s, d->rpc.method) == NULL) {
        down_error(d, RPC_NO_METHOD, "unknown method", (struct bytes){NULL, 0});
        down_unref(d);
        return;
    }
    enlist(s, d);
    d->running = (struct running){.kind = bytes_is(d->rpc.method, "subscriptions/listen") ? RUNNING_STREAM : RUNNING_CALL, .stop = cut_down};
    snprintf(d->running.destination, sizeof d->running.destination, "%s", s->destination);
    running_begin(s->gate->config.writs, s->writ, &d->running);
    down_ref(d);
    e = ensure_link(s, &d->rpc);
    if (err_failed(e)) {
        down_fail(d, e);
    } else if (s->link && s->link->state == LINK_READY && d->began_ns == 0) {
        d->began_ns = s->gate->config.env->mono_ns(s->gate->config.env);
        dispatch(d);
    }
    down_unref(d);
}

/* ---------------------------------------------------------------------------------------- the rest of a conversation */

static void
client_cancelled(struct session *s, const struct rpc *m)
{
    const struct json *id = rpc_param(m, "requestId");
    for (struct down *d = s->downs; d && id; d = d->next) {
        if (!json_equal(d->rpc.id, id))
            continue;
        down_ref(d);
        call_over(d, "cancelled", 0);
        if (s->lines) { /* lines: a cancelled request gets no response */
            struct buf none = buf_make(16);
            d->gone = true;
            finish(d, &none);
        } else { /* HTTP: its response stream is still to be ended */
            down_error(d, RPC_INTERNAL, "cancelled by the client", (struct bytes){NULL, 0});
        }
        down_unref(d);
        return;
    }
}

static void
client_answered(struct session *s, const struct rpc *m)
{
    for (struct back **at = &s->backs; *at; at = &(*at)->next) {
        struct back *b = *at;
        if (!json_is(m->id, JSON_INT) || m->id->number != b->id)
            continue;
        *at = b->next;
        s->n_backs--;
        if (s->link)
            link_respond(s->link, m, buf_bytes(&b->upstream_id));
        buf_free(&b->upstream_id);
        free(b);
        return;
    }
}

void
session_note(struct session *s, const struct rpc *m)
{
    s->used_ms = s->gate->config.env->now_ms(s->gate->config.env);
    if (s->ended || s->link == NULL || err_failed(writ_alive(s->gate->config.writs, s->writ, s->gate->snapshot->estate, s->destination)))
        return;
    if (m->kind == RPC_RESPONSE)
        client_answered(s, m);
    else if (bytes_is(m->method, "notifications/cancelled"))
        client_cancelled(s, m);
    else if (bytes_is(m->method, "notifications/roots/list_changed") && s->link->era == ERA_LEGACY)
        link_notify(s->link, m->method, m->params ? m->params->raw : (struct bytes){NULL, 0});
    /* notifications/initialized was said by the link itself; others have no meaning for a server */
}

/* Some request whose stream may carry a message that names none: the newest that is not finished. */
static void
to_client(struct session *s, struct down *about, struct bytes message)
{
    if (about && !about->gone)
        about->face->send(about, message, false);
    else if (s->push && s->push(s, message))
        return;
    else if (about == NULL && s->downs && !s->downs->gone && s->era == ERA_LEGACY && !s->lines)
        s->downs->face->send(s->downs, message, false);
}

static void
refuse_server(struct session *s, const struct rpc *m)
{
    struct buf b = buf_make(4096);
    struct arena a = {0};
    struct rpc r;
    rpc_put_error(&b, m->id->raw, RPC_NO_METHOD, "the client of this session cannot be asked", (struct bytes){NULL, 0});
    if (!b.failed && s->link && !err_failed(rpc_read(&a, buf_bytes(&b), &r)))
        link_respond(s->link, &r, m->id->raw);
    arena_free(&a);
    buf_free(&b);
}

static void
server_asks(struct session *s, struct down *about, const struct rpc *m)
{
    struct back *b = s->era == ERA_LEGACY && s->n_backs < BACKS_MAX ? calloc(1, sizeof *b) : NULL;
    if (b == NULL) {
        refuse_server(s, m);
        return;
    }
    s->n_backs++;
    char id[24];
    b->id = ++s->next_back;
    b->upstream_id = buf_make(512);
    buf_put(&b->upstream_id, m->id->raw);
    b->next = s->backs;
    s->backs = b;
    snprintf(id, sizeof id, "%lld", (long long)b->id);
    struct buf message = buf_make(MESSAGE_MAX);
    rpc_put_again(&message, m, bytes_str(id));
    if (!message.failed)
        to_client(s, about, buf_bytes(&message));
    buf_free(&message);
}

/* The subscription's id is the id of the request that listens; the client knows its own, not the one that went up. */
static void
put_subscription(struct buf *b, const struct rpc *m, struct bytes id)
{
    json_open(b, '{');
    json_member_str(b, "jsonrpc", "2.0");
    json_member_text(b, "method", m->method);
    json_key(b, "params");
    json_open(b, '{');
    for (const struct json *p = m->params->child; p; p = p->next) {
        json_key_bytes(b, p->key);
        if (!bytes_is(p->key, "_meta")) {
            buf_put(b, p->raw);
            continue;
        }
        json_open(b, '{');
        for (const struct json *k = p->child; k; k = k->next) {
            json_key_bytes(b, k->key);
            buf_put(b, bytes_is(k->key, META_SUBSCRIPTION) ? id : k->raw);
        }
        json_close(b, '}');
    }
    json_close(b, '}');
    json_close(b, '}');
}

void
session_from_server(struct session *s, struct down *about, const struct rpc *m)
{
    if (m->kind == RPC_REQUEST) {
        server_asks(s, about, m);
        return;
    }
    if (about && rpc_meta(m, META_SUBSCRIPTION)) {
        struct buf b = buf_make(MESSAGE_MAX);
        put_subscription(&b, m, about->rpc.id->raw);
        if (!b.failed)
            to_client(s, about, buf_bytes(&b));
        buf_free(&b);
        return;
    }
    to_client(s, about, m->root->raw);
}
