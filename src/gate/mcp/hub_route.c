/* Which member a request is for, and what is said to it and by it: the names of one for the names of the other. */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/hub.h"

/* ---------------------------------------------------------------------------------------------------- towards the client */

struct upward {
    struct member *member;
    struct part *part;
    bool asks;   /* the message is a request of the server */
    bool own_error; /* … an error that Writ made */
    bool failed;
};

static void
put_uri(struct buf *b, struct member *m, struct bytes uri)
{
    struct bytes rest, prefix;
    bool readable = false;
    for (size_t i = 0; i < m->hub->n; i++)
        readable |= m->hub->members[i].grants[HUB_RESOURCES];
    if (!readable || (!hub_split_uri(uri, &prefix, &rest) && hub_owner(m->hub, uri, &rest) == m))
        buf_put(b, uri);
    else
        hub_put_uri(b, m->prefix, uri);
}

static struct hub_bound
bound_of(const struct part *p)
{
    return (struct hub_bound){p->member->session->writ->id, p->member->session->destination, p->work->d->rpc.method, buf_bytes(&p->work->name)};
}

static void
put_sealed(struct buf *b, struct upward *u, struct bytes state)
{
    struct gate *g = u->member->hub->session->gate;
    if (u->part == NULL || u->part->work == NULL || u->part->work->d == NULL) {
        u->failed = true;
        return;
    }
    struct hub_bound to = bound_of(u->part);
    u->failed |= err_failed(hub_seal(g->config.env, &g->hub_key, &to, state, b));
}

/* The name that the client used stands before what Writ says of it: it knows no other. */
static void
put_error(struct buf *b, const struct upward *u, struct bytes text)
{
    const struct down *d = u->part && u->part->work ? u->part->work->d : NULL;
    struct bytes name = d ? json_text(d->rpc.params, "name") : (struct bytes){NULL, 0};
    if (u->own_error && name.n) {
        buf_put(b, bytes_sub(name, 0, 128));
        buf_puts(b, ": ");
    }
    buf_put(b, text);
}

static void
act_up(struct buf *out, const struct json *v, enum hub_act act, void *ctx)
{
    struct upward *u = ctx;
    struct member *m = u->member;
    struct buf b = buf_make(RESULT_MAX);
    switch (act) {
    case HUB_URI:
        put_uri(&b, m, v->text);
        break;
    case HUB_TASK:
        hub_put_name(&b, m->prefix, v->text);
        break;
    case HUB_STATE:
        put_sealed(&b, u, v->text);
        break;
    case HUB_LOGGER:
        hub_put_name(&b, m->prefix, v->text);
        break;
    case HUB_ERROR:
        put_error(&b, u, v->text);
        break;
    case HUB_SAYS:
    case HUB_ASKS: /* a person should see who asks; progress has a message, too */
        if (u->asks || act == HUB_SAYS)
            buf_printf(&b, "[%s] ", m->session->destination);
        buf_put(&b, v->text);
        break;
    case HUB_NAME:
        buf_put(&b, v->text);
        break;
    }
    if (b.failed)
        out->failed = true;
    json_put_text(out, buf_bytes(&b));
    buf_free(&b);
}

void
hub_up(struct buf *b, struct part *p, struct member *m, const struct json *root)
{
    const struct json *code = json_get(json_get(root, "error"), "code");
    int64_t n = json_is(code, JSON_INT) ? code->number : 0;
    struct upward u = {m, p, json_get(root, "id") && json_get(root, "method"),
                       n == RPC_WRIT_REFUSED || n == RPC_WRIT_LIMITED || n == RPC_WRIT_UPSTREAM, false};
    hub_text_up(b, root, act_up, &u);
    b->failed |= u.failed;
}

/* ------------------------------------------------------------------------------------------------------------ refusals */

static void
put_refusal(struct buf *m, const struct down *d, const char *call, struct bytes name, const char *reason)
{
    const struct writ *w = d->session->writ;
    json_member_str(m, "call", call);
    json_member_str(m, "writ", w->id);
    json_member_str(m, "agent", w->agent->id);
    json_member_str(m, "instance", w->instance->id);
    json_member_str(m, "destination", "");
    json_member_text(m, "tool", bytes_sub(name, 0, 200));
    json_member_str(m, "decision", "deny");
    json_member_str(m, "reason", reason);
    json_member_raw(m, "policies", BYTES("[]"));
    json_member_str(m, "estate", d->session->gate->snapshot->estate->version);
}

void
hub_refuse(struct down *d, struct bytes name, const char *reason)
{
    struct gate *g = d->session->gate;
    struct buf m = buf_make(8192), data = buf_make(1024), text = buf_make(1024);
    char call[ENV_ID_MAX];
    struct err e = env_id(g->config.env, "ca", call);
    if (!err_failed(e))
        e = writ_count(g->config.writs, d->session->writ, false);
    if (!err_failed(e)) {
        put_refusal(&m, d, call, name, reason);
        struct audit_event event = {.kind = AUDIT_DECISION, .members = buf_bytes(&m)};
        e = m.failed ? err_make(E_LIMIT, "the record of a decision is too large") : audit_append(g->config.audit, &event, false, NULL, NULL);
    }
    if (err_failed(e)) {
        down_fail(d, e);
    } else {
        json_open(&data, '{');
        json_member_str(&data, "code", "denied");
        json_member_str(&data, "call", call);
        json_member_raw(&data, "policies", BYTES("[]"));
        json_close(&data, '}');
        buf_printf(&text, "%.*s: refused: %s", BYTES_CUT(name, 128), reason);
        down_error(d, RPC_WRIT_REFUSED, buf_text(&text), buf_bytes(&data));
    }
    buf_free(&m);
    buf_free(&data);
    buf_free(&text);
}

/* -------------------------------------------------------------------------------------------------- towards a server */

struct target {
    struct member *member;
    struct bytes said, name; /* by the client, at the member */
    const char *no;          /* why there is none */
};

static void
find_prefixed(struct hub *h, struct target *t, const char *no)
{
    struct bytes prefix;
    if (hub_split(t->said, &prefix, &t->name))
        t->member = hub_member(h, prefix);
    t->no = no;
}

static void
find_tool(struct hub *h, struct target *t)
{
    find_prefixed(h, t, "no tool of this address goes by that name");
    if (t->member) {
        const struct destination *d = estate_destination(h->session->gate->snapshot->estate, t->member->session->destination);
        t->name = hub_tool_of(d, t->member->prefix, t->name);
        if (t->name.n == 0)
            t->member = NULL;
    }
}

static void
find_resource(struct hub *h, struct target *t)
{
    t->member = hub_owner(h, t->said, &t->name);
    t->no = "no server of this address, or more than one, has a resource of that URI; ask for it by a URI of the list";
}

static void
find_target(struct down *d, struct target *t)
{
    struct hub *h = d->session->hub;
    const struct json *params = d->rpc.params, *ref = json_get(params, "ref");
    struct bytes method = d->rpc.method, none = {NULL, 0};
    *t = (struct target){NULL, none, none, "this address has nothing of that name"};
    if (bytes_is(method, "tools/call")) {
        t->said = json_text(params, "name");
        find_tool(h, t);
    } else if (bytes_is(method, "prompts/get")) {
        t->said = json_text(params, "name");
        find_prefixed(h, t, "no prompt of this address goes by that name");
    } else if (bytes_starts(method, BYTES("tasks/"))) {
        t->said = json_text(params, "taskId");
        find_prefixed(h, t, "this address has no such task");
    } else if (json_is(ref, JSON_OBJECT) && json_text(ref, "uri").n == 0) {
        t->said = json_text(ref, "name");
        find_prefixed(h, t, "no prompt of this address goes by that name");
    } else {
        t->said = ref ? json_text(ref, "uri") : json_text(params, "uri");
        find_resource(h, t);
    }
}

struct downward {
    const struct target *target;
    struct hub_bound bound;
    struct gate *gate;
    const char *failed;
};

static void
put_task(struct buf *b, struct downward *w, struct bytes id)
{
    struct bytes prefix, rest;
    if (hub_split(id, &prefix, &rest) && bytes_is(prefix, w->target->member->prefix))
        buf_put(b, rest);
    else
        w->failed = "the task is of another server";
}

static void
act_down(struct buf *out, const struct json *v, enum hub_act act, void *ctx)
{
    struct downward *w = ctx;
    struct buf b = buf_make(MESSAGE_MAX);
    if (act == HUB_TASK)
        put_task(&b, w, v->text);
    else if (act == HUB_STATE && !hub_unseal(w->gate->config.env, &w->gate->hub_key, &w->bound, v->text, &b))
        w->failed = "its requestState was given for something else, or too long ago";
    else if (act != HUB_STATE)
        buf_put(&b, w->target->name);
    json_put_text(out, buf_bytes(&b));
    buf_free(&b);
}

static void
routed_answer(struct part *p, struct bytes message)
{
    struct down *d = p->work->d;
    struct member *m = p->member;
    struct arena a = {.max = (size_t)128 << 20};
    struct buf b = buf_make(RESULT_MAX + 65536);
    struct json *root = NULL;
    if (message.n == 0) {
        down_fail(d, err_make(E_UPSTREAM, "%s", p->missing[0] ? p->missing : "the server ended before it answered"));
    } else if (hub_text_plain(message)) {
        hub_works(m);
        buf_put(&b, message);
        down_finish(d, &b);
    } else if (err_failed(json_parse(&a, message, NULL, &root))) {
        down_fail(d, err_make(E_UPSTREAM, "the server's answer cannot be read"));
    } else {
        if (json_get(root, "result"))
            hub_works(m);
        const struct json *after = json_get(json_get(json_get(root, "error"), "data"), "retry_after_ms");
        d->retry_ms = json_is(after, JSON_INT) && after->number > 0 ? (uint64_t)after->number : 0;
        hub_up(&b, p, m, root);
        down_finish(d, &b); /* a message that failed becomes an error */
    }
    buf_free(&b);
    arena_free(&a);
}

static void
routed(struct work *w)
{
    (void)w; /* its answer has ended it */
}

static void
send_to(struct down *d, const struct target *t)
{
    struct session *s = d->session;
    struct hub_bound bound = {s->writ->id, t->member->session->destination, d->rpc.method, t->name};
    struct downward down = {t, bound, s->gate, NULL};
    struct buf text = buf_make(MESSAGE_MAX + 65536);
    hub_text_down(&text, d->rpc.root, act_down, &down);
    struct work *w = NULL;
    struct part *p = NULL;
    if (down.failed) {
        hub_refuse(d, t->said, down.failed);
    } else if (text.failed) {
        down_fail(d, err_make(E_LIMIT, "the request is too large"));
    } else if ((w = hub_work(s->hub, d)) && (p = hub_part(w, t->member))) {
        w->answer = routed_answer;
        w->settled = routed;
        buf_put(&w->name, t->name);
        hub_ask(p, buf_bytes(&text));
        hub_filled(w);
    } else if (w) {
        down_fail(d, err_make(E_MEMORY, "no memory for a request"));
        hub_filled(w);
    }
    buf_free(&text);
}

void
hub_route(struct down *d)
{
    struct hub *h = d->session->hub;
    struct target t;
    bool by_uri = bytes_starts(d->rpc.method, BYTES("resources/")) || json_text(json_get(d->rpc.params, "ref"), "uri").n;
    if (by_uri && !d->uris_asked && !hub_uris_known(h)) {
        d->uris_asked = true;
        hub_uris(d, hub_route);
        return;
    }
    find_target(d, &t);
    if (t.said.n == 0)
        down_error(d, RPC_INVALID_PARAMS, "the request does not say what it is about", (struct bytes){NULL, 0});
    else if (t.member == NULL)
        hub_refuse(d, t.said, t.no);
    else
        send_to(d, &t);
}
