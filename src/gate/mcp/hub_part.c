/* A request's part at one member: an ordinary request of an ordinary session, with the hub in the client's place. */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/hub.h"

uint64_t
hub_now_ms(const struct hub *h)
{
    struct env *env = h->session->gate->config.env;
    return env->mono_ns(env) / 1000000;
}

struct work *
hub_work(struct hub *h, struct down *d)
{
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL) {
        if (d)
            down_fail(d, err_make(E_MEMORY, "no memory for a request"));
        return NULL;
    }
    *w = (struct work){.next = h->works, .hub = h, .d = d, .filling = true, .busy = 1, .name = buf_make(MESSAGE_MAX)};
    h->works = w;
    if (d)
        d->work = w;
    return w;
}

struct part *
hub_part(struct work *w, struct member *m)
{
    struct part *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct part){.member = m, .work = w, .list = buf_make(HUB_LIST_BYTES)};
    struct part **at = &w->parts;
    while (*at)
        at = &(*at)->next;
    *at = p;
    return p;
}

static void
part_free(struct part *p)
{
    buf_free(&p->list);
    free(p);
}

void
hub_hold(struct work *w)
{
    w->busy++;
}

void
hub_release(struct work *w)
{
    w->busy--;
    if (w->over && w->busy == 0)
        free(w);
}

/* ------------------------------------------------------------------------------------------------------------ waiting */

static bool
waited_for(const struct part *p)
{
    return p->open && (!p->own || p->until_ms);
}

void
hub_settle(struct work *w)
{
    bool waiting = w->filling;
    for (const struct part *p = w->parts; p && !waiting; p = p->next)
        waiting = waited_for(p);
    if (!waiting && !w->over)
        w->settled(w);
}

static void arm(struct work *w);

static void
deadline_over(void *ctx)
{
    struct work *w = ctx;
    uint64_t now = hub_now_ms(w->hub);
    struct session *s = session_ref(w->hub->session);
    w->deadline = NULL;
    hub_hold(w);
    for (struct part *p = w->parts; p; p = p->next) {
        if (!p->open || p->until_ms == 0 || p->until_ms > now)
            continue;
        p->until_ms = 0;
        snprintf(p->missing, sizeof p->missing, "%s has not answered yet", p->member->session->destination);
        hub_failed(p->member, p->missing, true);
    }
    arm(w);
    hub_settle(w);
    hub_release(w);
    session_unref(s);
}

static void
arm(struct work *w)
{
    uint64_t first = 0, now = hub_now_ms(w->hub);
    for (const struct part *p = w->parts; p; p = p->next)
        if (p->open && p->until_ms && (first == 0 || p->until_ms < first))
            first = p->until_ms;
    if (first)
        w->deadline = loop_after(w->hub->session->gate->config.loop, first > now ? first - now : 1, deadline_over, w);
}

void
hub_filled(struct work *w)
{
    w->filling = false;
    if (!w->over) {
        arm(w);
        hub_settle(w);
    }
    hub_release(w);
}

void
hub_work_end(struct work *w, bool drop)
{
    struct work **at = &w->hub->works;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    w->over = true;
    if (w->deadline)
        loop_cancel(w->deadline);
    w->deadline = NULL;
    if (w->d)
        w->d->work = NULL;
    while (w->parts) {
        struct part *p = w->parts;
        w->parts = p->next;
        p->next = NULL;
        if (!p->open) {
            part_free(p);
            continue;
        }
        p->work = NULL;
        p->member->under_way++;
        if (drop)
            hub_part_drop(p);
    }
    buf_free(&w->name);
    if (w->forget)
        w->forget(w);
    w->forget = NULL;
    hub_hold(w);
    hub_release(w); /* freed by the last that holds it */
}

/* --------------------------------------------------------------------------------------------------- the face of a part */

/* Nobody waits for it, but it says whether its member is there. */
static void
unawaited(struct part *p, struct bytes message)
{
    struct arena a = {.max = (size_t)128 << 20};
    struct member *m = p->member;
    struct rpc answer;
    m->under_way--;
    part_free(p);
    if (message.n && !m->hub->session->ended && !err_failed(rpc_read(&a, message, &answer))) {
        if (answer.result)
            hub_works(m);
        else
            hub_answered_error(m, &answer);
    }
    arena_free(&a);
}

static void
part_over(struct part *p, struct bytes message)
{
    struct work *w = p->work;
    struct session *s = session_ref(p->member->hub->session);
    p->open = false;
    p->down = NULL;
    if (w == NULL) {
        unawaited(p, message);
    } else {
        hub_hold(w);
        w->answer(p, message); /* may end the work, and the part with it */
        if (!w->over)
            hub_settle(w);
        hub_release(w);
    }
    session_unref(s);
}

static void
face_send(struct down *d, struct bytes message, bool last)
{
    struct part *p = d->face_ctx;
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc m;
    if (last) {
        part_over(p, message);
        return;
    }
    if (!err_failed(rpc_read(&a, message, &m)))
        hub_from_member(p->member, p, &m);
    arena_free(&a);
}

static void
face_dropped(struct down *d)
{
    part_over(d->face_ctx, (struct bytes){NULL, 0});
}

static const struct down_face part_face = {face_send, face_dropped, NULL};

void
hub_ask(struct part *p, struct bytes text)
{
    struct arena a = {.max = (size_t)128 << 20};
    struct session *s = p->member->session;
    struct rpc m;
    struct bytes copy = arena_copy(&a, text);
    struct err e = copy.at ? rpc_read(&a, copy, &m) : err_make(E_MEMORY, "no memory for a request");
    struct down *d = err_failed(e) ? NULL : down_make(s, &part_face, p, &a, &m);
    if (d == NULL) {
        arena_free(&a);
        snprintf(p->missing, sizeof p->missing, "%.150s", err_failed(e) ? e.text : "no memory for a request");
        p->open = true;
        part_over(p, (struct bytes){NULL, 0});
        return;
    }
    p->open = true;
    p->down = d;
    session_take(s, d);
}

void
hub_part_drop(struct part *p)
{
    struct down *d = down_ref(p->down);
    struct buf none = buf_make(16);
    call_over(d, "cancelled", 0);
    d->gone = true;
    down_finish(d, &none);
    down_unref(d);
}
