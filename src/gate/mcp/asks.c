/*
 * What a server asks its client: sampling, elicitation, roots. In the older era by requests of its own, which are passed on under ids of
 * the session; in the newer one by a result that asks (input_required). A client of the older era that calls a server of the newer one is
 * asked by requests all the same, and the call goes on with its answers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/refusal.h"

#define ROUNDS_MAX 16 /* in which one call may ask */
#define ASKED_MAX 16  /* at once */

/* A request to the client that waits for its answer. */
struct back {
    struct back *next;
    int64_t id;
    struct buf upstream_id; /* of the server's request; empty: of a result that asked */
    struct down *down;      /* what it is about, or NULL; a reference */
    struct bytes key;       /* of a result that asked: in its inputRequests; memory of ${down} */
};

/* A call that goes on when the client has answered all that its result asked. Memory of the down. */
struct bridge {
    unsigned rounds, open;
    struct buf *answers;   /* inputResponses so far: JSON members */
    struct bytes state;    /* requestState as JSON, or empty */
};

static const struct {
    const char *method, *capability;
} askable[] = {{"elicitation/create", "elicitation"}, {"sampling/createMessage", "sampling"}, {"roots/list", "roots"}};

const char *
asks_capability(struct bytes method)
{
    for (size_t i = 0; i < sizeof askable / sizeof *askable; i++)
        if (bytes_is(method, askable[i].method))
            return askable[i].capability;
    return NULL;
}

bool
asks_can(const struct json *capabilities, struct bytes method, const struct json *params)
{
    const char *need = asks_capability(method);
    const struct json *has = need ? json_get(capabilities, need) : NULL;
    bool url = bytes_is(json_text(params, "mode"), "url");
    return has && (!url || json_get(has, "url"));
}

/* ---------------------------------------------------------------------------------------------- requests to the client */

static struct back *
back_make(struct session *s, struct down *about)
{
    struct back *b = s->n_backs < BACKS_MAX ? calloc(1, sizeof *b) : NULL;
    if (b == NULL)
        return NULL;
    s->n_backs++;
    b->id = ++s->next_back;
    b->upstream_id = buf_make(512);
    b->down = about ? down_ref(about) : NULL;
    b->next = s->backs;
    s->backs = b;
    if (about)
        down_wait(about);
    return b;
}

static void
back_free(struct session *s, struct back *gone)
{
    for (struct back **at = &s->backs; *at; at = &(*at)->next)
        if (*at == gone) {
            *at = gone->next;
            break;
        }
    s->n_backs--;
    buf_free(&gone->upstream_id);
    struct down *d = gone->down;
    free(gone);
    if (d)
        down_unref(d);
}

static void
tell_cancelled(struct session *s, struct down *about, int64_t id)
{
    struct buf b = buf_make(512);
    json_open(&b, '{');
    json_member_int(&b, "requestId", id);
    json_close(&b, '}');
    struct buf message = buf_make(1024);
    rpc_put_notification(&message, BYTES("notifications/cancelled"), buf_bytes(&b));
    if (!message.failed)
        session_tell(s, about, buf_bytes(&message));
    buf_free(&b);
    buf_free(&message);
}

void
asks_over(struct down *d)
{
    struct session *s = d->session;
    if (d->bridge)
        buf_free(d->bridge->answers);
    for (struct back *b = s->backs, *next; b; b = next) {
        next = b->next;
        if (b->down != d)
            continue;
        if (!s->ended && s->push)
            tell_cancelled(s, NULL, b->id);
        back_free(s, b);
    }
}

void
asks_end(struct session *s)
{
    while (s->backs)
        back_free(s, s->backs);
}

static void
refuse(struct session *s, const struct rpc *m, const char *why)
{
    struct buf b = buf_make(4096);
    struct arena a = {0};
    struct rpc r;
    rpc_put_error(&b, m->id->raw, RPC_NO_METHOD, why, (struct bytes){NULL, 0});
    if (!b.failed && s->link && !err_failed(rpc_read(&a, buf_bytes(&b), &r)))
        link_respond(s->link, &r, m->id->raw);
    arena_free(&a);
    buf_free(&b);
}

static void
answer_ping(struct session *s, const struct rpc *m)
{
    struct buf b = buf_make(1024);
    struct arena a = {0};
    struct rpc r;
    rpc_put_result(&b, m->id->raw, BYTES("{}"));
    if (!b.failed && s->link && !err_failed(rpc_read(&a, buf_bytes(&b), &r)))
        link_respond(s->link, &r, m->id->raw);
    arena_free(&a);
    buf_free(&b);
}

static bool
may_ask(const struct down *d)
{
    return d->pending &&
           (bytes_is(d->rpc.method, "tools/call") || bytes_is(d->rpc.method, "prompts/get") || bytes_is(d->rpc.method, "resources/read"));
}

static bool
any_may_ask(const struct session *s)
{
    const struct down *d = s->downs;
    while (d && !may_ask(d))
        d = d->next;
    return d != NULL;
}

/* Over stdio nothing says which call a request belongs to: the newest whose client can be asked. Over HTTP its stream says it, or that it is none. */
static struct down *
belongs_to(const struct session *s, struct down *about, const struct rpc *m)
{
    if (about || s->link == NULL || s->link->transport == &link_http)
        return about;
    for (struct down *d = s->downs; d; d = d->next)
        if (may_ask(d) && (s->era == ERA_LEGACY || asks_can(rpc_meta(&d->rpc, META_CAPABILITIES), m->method, m->params)))
            return d;
    return NULL;
}

/* A client of the newer era: the call is parked, or asks for more while it is. */
static void
ask_modern(struct session *s, struct down *d, struct parked *about, const struct rpc *m)
{
    if (about == NULL && d == NULL && s->link && s->link->transport != &link_http && !any_may_ask(s))
        about = park_only(s);
    bool can = d && asks_can(rpc_meta(&d->rpc, META_CAPABILITIES), m->method, m->params);
    if (bytes_is(m->method, "ping"))
        answer_ping(s, m);
    else if (about ? !park_more(about, m) : !can || !park(d, m))
        refuse(s, m, "the client of this session cannot be asked");
}

void
asks_from_server(struct session *s, struct down *about, struct parked *parked, const struct rpc *m)
{
    struct down *d = belongs_to(s, about, m);
    if (s->era == ERA_MODERN) {
        ask_modern(s, d, parked, m);
        return;
    }
    struct back *b = back_make(s, d);
    if (b == NULL) {
        refuse(s, m, "too many requests wait for the client's answer");
        return;
    }
    char id[24];
    buf_put(&b->upstream_id, m->id->raw);
    snprintf(id, sizeof id, "%lld", (long long)b->id);
    struct buf message = buf_make(MESSAGE_MAX);
    rpc_put_again(&message, m, bytes_str(id));
    if (!message.failed)
        session_tell(s, about, buf_bytes(&message));
    buf_free(&message);
}

void
asks_withdrawn(struct session *s, const struct rpc *m)
{
    const struct json *id = rpc_param(m, "requestId");
    for (struct back *b = s->backs; b && id; b = b->next)
        if (bytes_eq(buf_bytes(&b->upstream_id), id->raw)) {
            tell_cancelled(s, b->down, b->id);
            back_free(s, b);
            return;
        }
}

/* ------------------------------------------------------------------------------------- errors that mean something else */

/* 2025-11-25 sends the client to a page by an error (-32042) and has the call made again; 2026-07-28 by a result that asks. */
static bool
ask_by_error(struct down *d, const struct json *error)
{
    const struct json *list = json_get(json_get(error, "data"), "elicitations"), *capabilities = rpc_meta(&d->rpc, META_CAPABILITIES);
    struct buf b = buf_make(MESSAGE_MAX);
    unsigned n = 0;
    if (!json_is(list, JSON_ARRAY) || list->count == 0 || list->count > ASKED_MAX)
        return false;
    if (!json_get(json_get(capabilities, "elicitation"), "url")) {
        down_error(d, RPC_MISSING_CAPABILITY, "the server sends the person to a page, which this request does not allow",
                   BYTES("{\"requiredCapabilities\":{\"elicitation\":{\"url\":{}}}}"));
        return true;
    }
    json_open(&b, '{');
    json_member_str(&b, "resultType", "input_required");
    json_key(&b, "inputRequests");
    json_open(&b, '{');
    for (const struct json *e = list->child; e; e = e->next) {
        char key[24];
        snprintf(key, sizeof key, "page-%u", ++n);
        json_key(&b, key);
        json_open(&b, '{');
        json_member_str(&b, "method", "elicitation/create");
        json_member_raw(&b, "params", e->raw);
        json_close(&b, '}');
    }
    json_close(&b, '}');
    json_close(&b, '}');
    if (b.failed)
        down_fail(d, err_make(E_UPSTREAM, "the server asks too much"));
    else
        down_result(d, buf_bytes(&b));
    buf_free(&b);
    return true;
}

bool
asks_by_error(struct down *d, const struct json *error)
{
    const struct json *code = json_get(error, "code"), *data = json_get(error, "data");
    struct bytes text = json_text(error, "message");
    int64_t n = json_is(code, JSON_INT) ? code->number : 0;
    if (d->session->era != ERA_MODERN || d->session->link == NULL || d->session->link->era != ERA_LEGACY)
        return false;
    if (n == RPC_OLD_ELICITATION && ask_by_error(d, error))
        return true;
    if (n != RPC_OLD_NOT_FOUND && n != RPC_OLD_ELICITATION)
        return false; /* 2026-07-28 forbids these two */
    struct buf b = buf_make(8192);
    buf_printf(&b, "%.*s", BYTES_CUT(text, 4000));
    down_error(d, RPC_INVALID_PARAMS, buf_text(&b), data ? data->raw : (struct bytes){NULL, 0});
    buf_free(&b);
    return true;
}

/* -------------------------------------------------------------------------------- a result that asks, and a client of before */

static void
refuse_missing(struct down *d, struct bytes method, const struct json *params)
{
    const char *need = asks_capability(method);
    struct buf text = buf_make(512), data = buf_make(512);
    bool url = bytes_is(json_text(params, "mode"), "url");
    call_over(d, "error", 0);
    if (need)
        buf_printf(&text, "the server asks for %.*s, which this client did not declare (capability %s%s)", BYTES_CUT(method, 60), need,
                   url ? ".url" : "");
    else
        buf_puts(&text, "the server needs an input that this protocol revision cannot ask for");
    if (need)
        buf_printf(&data, "{\"requiredCapabilities\":{\"%s\":{%s}}}", need, url ? "\"url\":{}" : "");
    down_error(d, RPC_MISSING_CAPABILITY, buf_text(&text), buf_bytes(&data));
    buf_free(&text);
    buf_free(&data);
}

/* 2025-11-25 wants an id for an elicitation by URL; 2026-07-28 has none. */
static bool
put_params(struct buf *b, struct env *env, struct bytes method, const struct json *params)
{
    bool url = bytes_is(method, "elicitation/create") && bytes_is(json_text(params, "mode"), "url");
    char id[ENV_ID_MAX];
    if (!url || json_get(params, "elicitationId")) {
        buf_put(b, json_is(params, JSON_OBJECT) ? params->raw : BYTES("{}"));
        return true;
    }
    if (err_failed(env_id(env, "el", id)))
        return false;
    json_open(b, '{');
    for (const struct json *m = params->child; m; m = m->next) {
        json_key_bytes(b, m->key);
        buf_put(b, m->raw);
    }
    json_member_str(b, "elicitationId", id);
    json_close(b, '}');
    return true;
}

static bool
ask_one(struct down *d, const struct json *request)
{
    struct session *s = d->session;
    struct buf params = buf_make(MESSAGE_MAX), message = buf_make(MESSAGE_MAX);
    struct bytes method = json_text(request, "method"), key = arena_copy(&d->arena, request->key);
    struct back *b =
        key.at && put_params(&params, s->gate->config.env, method, json_get(request, "params")) && !params.failed ? back_make(s, d) : NULL;
    bool ok = b != NULL;
    if (ok) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)b->id);
        b->key = key;
        d->bridge->open++;
        rpc_put_request(&message, bytes_str(id), method, buf_bytes(&params));
        ok = !message.failed;
        if (ok)
            session_tell(s, d, buf_bytes(&message));
    }
    buf_free(&params);
    buf_free(&message);
    return ok;
}

static void
go_on(struct down *d)
{
    struct bridge *g = d->bridge;
    struct buf b = buf_make(MESSAGE_MAX);
    if (g->answers->n) {
        buf_puts(&b, ",\"inputResponses\":{");
        buf_put(&b, buf_bytes(g->answers));
        buf_putc(&b, '}');
    }
    if (g->state.n) {
        buf_puts(&b, ",\"requestState\":");
        buf_put(&b, g->state);
    }
    d->more = b.failed ? (struct bytes){NULL, 0} : arena_copy(&d->arena, buf_bytes(&b));
    bool failed = b.failed || d->more.at == NULL;
    buf_free(&b);
    buf_free(g->answers);
    if (failed) {
        call_over(d, "error", 0);
        down_fail(d, err_make(E_LIMIT, "the answers are too large"));
    } else if (bytes_is(d->rpc.method, "tools/call")) {
        call_again(d);
    } else {
        down_deadline(d, PASS_MS);
        method_pass(d, method_answer);
    }
}

static bool
bridge_ready(struct down *d)
{
    if (d->bridge == NULL) {
        d->bridge = ARENA_NEW(&d->arena, struct bridge);
        if (d->bridge == NULL || (d->bridge->answers = ARENA_NEW(&d->arena, struct buf)) == NULL)
            return false;
        *d->bridge->answers = buf_make(MESSAGE_MAX);
    }
    return ++d->bridge->rounds <= ROUNDS_MAX;
}

void
asks_by_result(struct down *d, const struct json *result)
{
    const struct json *capabilities = rpc_param(&d->session->client, "capabilities"), *requests = json_get(result, "inputRequests");
    const struct json *state = json_get(result, "requestState");
    const struct json *first = json_is(requests, JSON_OBJECT) ? requests->child : NULL;
    if (d->gone) {
        call_over(d, "error", 0);
        down_fail(d, err_make(E_UPSTREAM, "the client left before the server asked it"));
        return;
    }
    for (const struct json *r = first; r; r = r->next)
        if (!asks_can(capabilities, json_text(r, "method"), json_get(r, "params"))) {
            refuse_missing(d, json_text(r, "method"), json_get(r, "params"));
            return;
        }
    if ((first == NULL && state == NULL) || (first && requests->count > ASKED_MAX) || !bridge_ready(d)) {
        call_over(d, "error", 0);
        down_fail(d, err_make(E_UPSTREAM, "the server asks too much, too often, or for nothing"));
        return;
    }
    down_ref(d);
    d->bridge->state = state ? arena_copy(&d->arena, state->raw) : (struct bytes){NULL, 0};
    d->bridge->open = 1; /* held until all are asked: an answer may come at once */
    bool ok = true;
    for (const struct json *r = first; r && ok && !d->answered; r = r->next)
        ok = ask_one(d, r);
    if (!ok && !d->answered) {
        call_over(d, "error", 0);
        down_fail(d, err_make(E_BUSY, "too much waits for the client's answer"));
    }
    if (--d->bridge->open == 0 && !d->answered)
        go_on(d);
    down_unref(d);
}

static void
bridge_answered(struct down *d, struct bytes key, const struct rpc *m)
{
    struct bridge *g = d->bridge;
    if (d->answered)
        return;
    if (m->error) {
        struct bytes text = json_text(m->error, "message");
        struct buf b = buf_make(4096);
        buf_printf(&b, "the client did not answer what the server asked: %.*s", BYTES_CUT(text, 1000));
        call_over(d, "error", 0);
        down_error(d, RPC_INTERNAL, buf_text(&b), (struct bytes){NULL, 0});
        buf_free(&b);
        return;
    }
    json_key_bytes(g->answers, key);
    buf_put(g->answers, m->result->raw);
    if (--g->open == 0)
        go_on(d);
}

void
asks_answered(struct session *s, const struct rpc *m)
{
    struct back *b = s->backs;
    while (b && !(json_is(m->id, JSON_INT) && m->id->number == b->id))
        b = b->next;
    if (b == NULL) { /* withdrawn meanwhile, or never asked */
        refusal_of(s, NULL, REFUSED_ANSWER, "nothing was asked under this id, or it was withdrawn");
        return;
    }
    struct down *d = b->down ? down_ref(b->down) : NULL;
    struct bytes key = b->key;
    if (key.at == NULL && s->link) {
        struct err held = look_down(s, s->link, m->root, BYTES("answer"));
        call_answered(s, d, err_failed(held) ? BYTES("\"[redacted]\"") : (m->result ? m->result : m->error)->raw);
        link_respond_looked(s->link, m, buf_bytes(&b->upstream_id), held);
    }
    back_free(s, b);
    if (d) {
        down_go_on(d);
        if (key.at)
            bridge_answered(d, key, m);
        down_unref(d);
    }
}
