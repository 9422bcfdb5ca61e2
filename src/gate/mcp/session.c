/* What a client's conversation is: its writ, its link to the server, the requests under way. */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/limit.h"

/* -------------------------------------------------------------------------------------------------------- sessions */

/* An agent that never ends its sessions may hold only so many servers. */
static struct err
make_room(struct gate *g, const struct writ *writ)
{
    size_t n = 0;
    struct session *oldest = NULL;
    for (struct session *s = g->sessions; s; s = s->next) {
        if (s->writ != writ || s->ended || s->member)
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

static struct err
session_new(struct gate *g, struct writ *writ, const char *destination, enum era era, struct session **out)
{
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

struct err
session_make(struct gate *g, struct writ *writ, const char *destination, enum era era, struct session **out)
{
    struct session *s;
    TRY(make_room(g, writ));
    TRY(session_new(g, writ, destination, era, &s));
    struct err e = destination[0] ? err_ok() : hub_make(s);
    if (err_failed(e))
        session_end(s, "it could not begin");
    else
        *out = s;
    return e;
}

struct err
session_member(struct session *of, const char *destination, struct session **out)
{
    TRY(session_new(of->gate, of->writ, destination, of->era, out));
    (*out)->member = true;
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
    if (s->hub)
        hub_free(s->hub);
    writ_unref(g->config.writs, s->writ);
    replay_free(s);
    view_free(s);
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
        if (!listen_over(s->downs))
            down_fail(s->downs, err_make(E_WRIT_ENDED, "%s", why));
    }
    asks_end(s);
    park_end(s);
    tasks_end(s);
    struct link *l = s->link;
    s->link = NULL;
    if (l)
        link_close(l, why);
    if (s->hub)
        hub_end(s, why);
    session_unref(s);
    session_unref(s); /* the one session_make gave */
}

void
session_rebind(struct session *s, struct writ *writ)
{
    park_end(s);
    tasks_end(s);
    struct link *l = s->link;
    s->link = NULL; /* what was handed out under the old writ stays with it */
    if (l)
        link_close(l, "its task is over");
    if (s->hub)
        hub_rebind(s, writ);
    writ_unref(s->gate->config.writs, s->writ);
    s->writ = writ_ref(s->gate->config.writs, writ);
    s->limited = NULL;
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

/* ------------------------------------------------------------------------------------------------------- a request */

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
        d->retry_ms = err_failed(e) ? limit_wait_ms(s) : 0;
        if (!d->answered && err_failed(e))
            down_fail(d, e);
        else if (!d->answered && (s->link == NULL || s->link->state != LINK_READY)) /* it died of one before this */
            down_fail(d, err_make(E_UPSTREAM, "the server ended before it was asked"));
        else if (!d->answered)
            method_take(d);
        down_unref(d);
    }
    if (!err_failed(e))
        view_look(s);
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
    return link_make(g, g->snapshot, d, s->writ, s->writ->on_behalf_of, s, &s->client, link_is_ready, s, &s->link);
}

static struct err
may_take(struct session *s, struct down *d)
{
    if (s->ended)
        return err_make(E_WRIT_ENDED, "the session is over");
    if (s->n_downs >= DOWNS_MAX)
        return err_make(E_BUSY, "%d requests are under way in this session; wait for an answer", DOWNS_MAX);
    bool by_id = s->lines || s->era == ERA_LEGACY; /* 2026-07-28 over HTTP: each request stands alone on its own stream */
    for (const struct down *o = s->downs; by_id && o; o = o->next)
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

/* The same words as those of cut_down, sent at once; what else belongs to the end is done there. */
static void
hush_down(struct running *r, const char *why)
{
    struct down *d = (struct down *)((char *)r - offsetof(struct down, running));
    if (d->answered || d->gone || d->hushed || d->face->push == NULL)
        return;
    struct buf b = buf_make(MESSAGE_MAX);
    rpc_put_error(&b, d->rpc.id->raw, RPC_WRIT_ENDED, why, BYTES("{\"code\":\"writ_ended\"}"));
    if (!b.failed) {
        d->hushed = true;
        d->face->send(d, buf_bytes(&b), true);
        d->face->push(d);
    }
    buf_free(&b);
}

void
session_go_on(struct down *d)
{
    struct session *s = d->session;
    d->began_ns = 0;
    struct err e = ensure_link(s, &d->rpc);
    if (e.code == E_PIN && bytes_is(d->rpc.method, "tools/call")) {
        call_refuse(d, json_text(d->rpc.params, "name"), e.text);
    } else if (err_failed(e)) {
        d->retry_ms = limit_wait_ms(s);
        down_fail(d, e);
    } else if (s->link && s->link->state == LINK_READY && d->began_ns == 0 && !d->answered) {
        d->began_ns = s->gate->config.env->mono_ns(s->gate->config.env);
        method_take(d);
    }
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
    if (!method_known(s, d->rpc.method)) {
        down_error(d, RPC_NO_METHOD, "unknown method", (struct bytes){NULL, 0});
        down_unref(d);
        return;
    }
    enlist(s, d);
    bool stream = bytes_is(d->rpc.method, "subscriptions/listen");
    d->running = (struct running){.kind = stream ? RUNNING_STREAM : RUNNING_CALL, .stop = cut_down, .hush = hush_down};
    bytes_text(bytes_str(s->destination), d->running.destination, sizeof d->running.destination);
    if (stream || s->hub == NULL) /* what runs for a hub's request runs at its members */
        running_begin(s->gate->config.writs, s->writ, &d->running);
    down_ref(d);
    if (s->hub) {
        d->began_ns = s->gate->config.env->mono_ns(s->gate->config.env);
        hub_take(d);
        down_unref(d);
        return;
    }
    if (limit_bytes(d))
        session_go_on(d);
    down_unref(d);
}
