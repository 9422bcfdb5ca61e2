#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gate/mcp/refusal.h"
#include "gate/mcp/flow.h"
#include "gate/mcp/limit.h"

#define START_MS 20000   /* a server must have answered initialize and tools/list by then */

/* ----------------------------------------------------------------------------------------------------- waiting ones */

static struct pending *
pending_make(struct link *l, struct bytes method)
{
    struct pending *p = mem_zeroed(sizeof *p);
    if (p == NULL)
        return NULL;
    p->id = ++l->next_id;
    p->method = bytes_make(p->method_text, bytes_text(method, p->method_text, sizeof p->method_text));
    p->message = buf_make(MESSAGE_MAX + 65536);
    struct pending **at = &l->waiting;
    while (*at)
        at = &(*at)->next;
    *at = p;
    return p;
}

struct pending *
link_find(struct link *l, int64_t id)
{
    struct pending *p = l->waiting;
    while (p && p->id != id)
        p = p->next;
    return p;
}

void
link_forget(struct link *l, struct pending *p)
{
    for (struct pending **at = &l->waiting; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    if (p->parked)
        park_forgotten(p->parked);
    if (p->down) {
        p->down->pending = NULL;
        down_unref(p->down);
    }
    buf_free(&p->message);
    free(p);
}

static void
send_pending(struct link *l, struct pending *p)
{
    int64_t id = p->id; /* what cannot be sent is refused at once, and gone */
    l->transport->send(l, p, buf_bytes(&p->message), p->method);
    if (l->state != LINK_DEAD && link_find(l, id) == p)
        buf_free(&p->message);
}

/* The link's own request (discover, initialize, tools/list). */
static struct err
ask(struct link *l, struct bytes method, struct bytes params, bool listen, void (*own)(struct link *l, const struct rpc *answer, struct err e))
{
    struct pending *p = pending_make(l, method);
    if (p == NULL)
        return err_make(E_MEMORY, "no memory for a request");
    char id[24];
    p->own = own;
    p->listen = listen;
    rpc_put_request(&p->message, json_int_text(p->id, id), p->method, params);
    if (p->message.failed) {
        link_forget(l, p);
        return err_make(E_MEMORY, "no memory for a request");
    }
    send_pending(l, p);
    return err_ok();
}

struct err
link_ask(struct link *l, struct bytes method, struct bytes params, void (*own)(struct link *l, const struct rpc *answer, struct err e))
{
    return ask(l, method, params, false, own);
}

struct err
link_listen(struct link *l, struct bytes params, void (*own)(struct link *l, const struct rpc *answer, struct err e))
{
    return ask(l, BYTES("subscriptions/listen"), params, true, own);
}

/* ----------------------------------------------------------------------------------------------------------- start */

void
link_fail(struct link *l, struct err e)
{
    link_died(l, err_wrap(e, "%s", l->destination->id));
}

void
link_now_ready(struct link *l)
{
    l->state = LINK_READY;
    l->route->failures = 0;
    limit_started(l);
    if (l->deadline)
        loop_cancel(l->deadline);
    l->deadline = NULL;
    link_ready_fn *fn = l->on_ready;
    l->on_ready = NULL;
    link_ref(l);
    if (fn)
        fn(l, err_ok(), l->on_ready_ctx);
    if (l->state == LINK_READY && l->transport->ready)
        l->transport->ready(l);
    flow_apply(l);
    watch(l);
    link_unref(l);
}

static void
too_slow(void *ctx)
{
    struct link *l = ctx;
    l->deadline = NULL;
    link_fail(l, err_make(E_TIMEOUT, "the server did not finish starting within %d s", START_MS / 1000));
}

static struct err
may_start(struct link *l)
{
    char text[LIMITS_TIME_MAX];
    uint64_t wait = 0;
    if (limit_start(l, &wait))
        return err_ok();
    limits_time_text(wait, text);
    return err_make(E_UPSTREAM, "%s does not answer (%s); it is tried again in %s", l->route->id, l->route->last_error, text);
}

struct err
link_make(struct gate *g, struct snapshot *s, const struct destination *d, struct writ *writ, const char *person, struct session *session,
          const struct rpc *client, link_ready_fn *on_ready, void *ctx, struct link **out)
{
    struct route *route = gate_route(g, d->id);
    if (route == NULL)
        return err_make(E_MEMORY, "no memory for a destination");
    struct link *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_make(E_MEMORY, "no memory for a connection to %s", d->id);
    *l = (struct link){.refs = 1, .gate = g, .route = route, .destination = d, .session = session, .on_ready = on_ready, .on_ready_ctx = ctx};
    l->transport = d->kind == UPSTREAM_STDIO ? &link_stdio : &link_http;
    l->snapshot = snapshot_ref(s);
    l->writ = writ ? writ_ref(g->config.writs, writ) : NULL;
    l->next = g->links;
    l->at = &g->links;
    if (l->next)
        l->next->at = &l->next;
    g->links = l;
    struct err e = may_start(l);
    if (!err_failed(e))
        e = link_pins_make(l);
    if (!err_failed(e))
        e = link_creds_make(l, person, client);
    if (err_failed(e)) {
        l->state = LINK_DEAD;
        l->on_ready = NULL;
        limit_start_over(l);
        link_unref(l);
        return e;
    }
    *out = l;
    l->deadline = loop_after(g->config.loop, START_MS, too_slow, l);
    link_ref(l);
    if (!l->awaits_creds)
        link_start(l, client);
    link_unref(l);
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------------- use */

struct err
link_request(struct link *l, struct down *d, struct bytes params, void (*answer)(struct down *d, const struct rpc *answer))
{
    if (l->state != LINK_READY)
        return l->state == LINK_DEAD ? l->why_dead : err_make(E_STATE, "the server has not started yet");
    if (link_list_kept(l, d, answer))
        return err_ok();
    if (!bytes_is(d->rpc.method, "tools/call"))
        TRY(look_down(d->session, l, d->rpc.params, d->rpc.method));
    struct pending *p = pending_make(l, d->rpc.method);
    if (p == NULL)
        return err_make(E_MEMORY, "no memory for a request");
    char id[24];
    rpc_put_request(&p->message, json_int_text(p->id, id), d->rpc.method, params);
    if (p->message.failed) {
        link_forget(l, p);
        return err_make(E_LIMIT, "the request is too large to be sent on");
    }
    logs_ask(l, d);
    p->down = down_ref(d);
    p->answer = answer;
    p->changes = l->changes;
    p->listen = bytes_is(d->rpc.method, "subscriptions/listen");
    d->pending = p;
    send_pending(l, p);
    return err_ok();
}

void
link_notify(struct link *l, struct bytes method, struct bytes params)
{
    struct buf b = buf_make(MESSAGE_MAX);
    rpc_put_notification(&b, method, params);
    if (!b.failed && l->state != LINK_DEAD)
        l->transport->send(l, NULL, buf_bytes(&b), method);
    buf_free(&b);
}

void
link_respond(struct link *l, const struct rpc *response, struct bytes id)
{
    link_respond_looked(l, response, id, l->session ? look_down(l->session, l, response->root, BYTES("answer")) : err_ok());
}

void
link_respond_looked(struct link *l, const struct rpc *response, struct bytes id, struct err held)
{
    struct buf b = buf_make(MESSAGE_MAX + 1024);
    if (err_failed(held))
        rpc_put_error(&b, id, RPC_WRIT_REFUSED, held.text, (struct bytes){NULL, 0});
    else
        rpc_put_again(&b, response, id);
    if (!b.failed && l->state == LINK_READY)
        l->transport->send(l, NULL, buf_bytes(&b), (struct bytes){NULL, 0});
    buf_free(&b);
}

void
link_cancel(struct link *l, struct pending *p, bool kill)
{
    link_ref(l);
    l->transport->cancel(l, p);
    link_forget(l, p);
    if (kill && l->transport == &link_stdio)
        link_died(l, err_make(E_WRIT_ENDED, "a running call was cut, and its server with it"));
    link_unref(l);
}

/* -------------------------------------------------------------------------------------------------- what comes back */

static struct down *
about_progress(struct link *l, const struct rpc *m)
{
    const struct json *token = rpc_param(m, "progressToken");
    struct down *found = NULL;
    for (struct pending *p = l->waiting; p && token; p = p->next) {
        const struct json *own = p->down ? rpc_meta(&p->down->rpc, "progressToken") : NULL;
        if (own && json_equal(own, token))
            found = p->down;
    }
    return found;
}

static struct down *
about_subscription(struct link *l, const struct rpc *m)
{
    const struct json *id = rpc_meta(m, META_SUBSCRIPTION);
    struct pending *p = json_is(id, JSON_INT) ? link_find(l, id->number) : NULL;
    return p ? p->down : NULL;
}

static void
received_response(struct link *l, const struct rpc *m)
{
    struct pending *p = json_is(m->id, JSON_INT) ? link_find(l, m->id->number) : NULL;
    if (p == NULL)
        return; /* cancelled meanwhile, or never asked */
    if (p->own) {
        void (*own)(struct link *, const struct rpc *, struct err) = p->own;
        link_forget(l, p);
        own(l, m, err_ok());
        return;
    }
    if (p->down == NULL) {
        if (p->parked)
            park_answered(p->parked, m);
        link_forget(l, p);
        return;
    }
    limit_good(l, p->down);
    struct down *d = down_ref(p->down);
    void (*answer)(struct down *, const struct rpc *) = p->answer;
    unsigned changes = p->changes;
    link_forget(l, p);
    if (changes == l->changes)
        link_list_keep(l, d, m);
    answer(d, m);
    down_unref(d);
}

void
link_refused(struct link *l, struct pending *p, struct err e)
{
    void (*own)(struct link *, const struct rpc *, struct err) = p->own;
    struct down *d = p->down ? down_ref(p->down) : NULL;
    link_forget(l, p);
    if (own)
        own(l, NULL, e);
    if (d) {
        refusal_of_server(l, d->call, e);
        call_over(d, "upstream_failed", 0);
        down_fail(d, e);
        down_unref(d);
    }
}

void
link_received(struct link *l, struct bytes message, struct pending *about)
{
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc m;
    struct err e = rpc_read(&a, message, &m);
    if (err_failed(e)) {
        arena_free(&a);
        link_fail(l, err_make(E_UPSTREAM, "the server sent no acceptable message: %.200s", e.text));
        return;
    }
    link_ref(l);
    if (m.kind == RPC_RESPONSE) {
        if (look_up(l, json_is(m.id, JSON_INT) ? link_find(l, m.id->number) : NULL, NULL, &a, &m))
            received_response(l, &m);
    } else {
        struct down *d = about ? about->down : NULL;
        if (d == NULL && m.kind == RPC_NOTIFICATION)
            d = bytes_is(m.method, "notifications/progress") ? about_progress(l, &m) : about_subscription(l, &m);
        if (l->state == LINK_READY) {
            link_lists_noted(l, m.method);
            link_pins_noted(l, m.method);
        }
        bool may_pass = l->state != LINK_READY || look_up(l, NULL, d, &a, &m);
        if (may_pass && !watch_noted(l, about, &m) && l->session && l->state == LINK_READY)
            session_from_server(l->session, d, about ? about->parked : NULL, &m);
    }
    link_unref(l);
    arena_free(&a);
}

/* ------------------------------------------------------------------------------------------------------------- end */

static void
answer_all(struct link *l, struct err e)
{
    while (l->waiting) {
        struct pending *p = l->waiting;
        struct down *d = p->down ? down_ref(p->down) : NULL;
        link_forget(l, p);
        if (d) {
            call_over(d, "upstream_failed", 0);
            d->retry_ms = l->session ? limit_wait_ms(l->session) : 0;
            down_fail(d, e);
            down_unref(d);
        } /* else it was the link's own start: on_ready tells */
    }
}

void
link_died(struct link *l, struct err e)
{
    if (l->state == LINK_DEAD)
        return;
    link_ref(l);
    l->state = LINK_DEAD;
    l->why_dead = e;
    if (e.code != E_WRIT_ENDED && e.code != E_CONSENT) {
        l->route->failures++;
        snprintf(l->route->last_error, sizeof l->route->last_error, "%.230s", e.text);
    }
    refusal_of_server(l, NULL, e);
    limit_bad(l, NULL, e);
    limit_start_over(l);
    flow_end(l);
    link_start_died(l);
    if (l->watch_due)
        loop_cancel(l->watch_due);
    l->watch_due = NULL;
    if (l->deadline)
        loop_cancel(l->deadline);
    l->deadline = NULL;
    answer_all(l, e);
    link_pins_died(l, e);
    link_ready_fn *fn = l->on_ready;
    l->on_ready = NULL;
    if (fn)
        fn(l, e, l->on_ready_ctx);
    if (l->session)
        session_link_died(l->session, e);
    l->transport->stop(l);
    link_unref(l);
}

void
link_close(struct link *l, const char *why)
{
    link_pins_died(l, err_make(E_WRIT_ENDED, "%s", why));
    flow_end(l);
    l->session = NULL;
    link_died(l, err_make(E_WRIT_ENDED, "%s", why));
    link_unref(l);
}

void
link_stopped(struct link *l)
{
    l->stopped = true;
    link_unref(l); /* the transport's own */
}

struct link *
link_ref(struct link *l)
{
    l->refs++;
    return l;
}

void
link_unref(struct link *l)
{
    if (--l->refs)
        return;
    struct gate *g = l->gate;
    *l->at = l->next;
    if (l->next)
        l->next->at = l->at;
    if (l->deadline)
        loop_cancel(l->deadline);
    if (l->writ)
        writ_unref(g->config.writs, l->writ);
    snapshot_unref(l->snapshot);
    link_pins_free(l);
    link_lists_free(l);
    link_creds_free(l);
    watch_free(l);
    sealed_free(l->sealed);
    arena_free(&l->arena);
    free(l);
    gate_maybe_closed(g);
}
