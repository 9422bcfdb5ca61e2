/* Circuit breakers before destinations: what opens them, what closes them, what is on record. */
#include <stdio.h>

#include "gate/mcp/limit.h"

#define PROBE_SHARED 1u
#define PROBE_OWN 2u

static uint64_t
now_of(const struct gate *g)
{
    return g->config.env->mono_ns(g->config.env);
}

static struct breaker *
own_breaker(struct session *s)
{
    struct limits_agent *of = limit_agent(s);
    return of ? limits_breaker(of, s->destination) : NULL;
}

static struct breaker *
link_breaker(const struct link *l)
{
    return l->limited ? limits_breaker(l->limited, l->route->id) : NULL;
}

/* ------------------------------------------------------------------------------------------------------------- on record */

static void
record(struct gate *g, const char *event_name, const char *destination, const struct limits_agent *of, const struct breaker *b)
{
    struct buf m = buf_make(2048);
    json_member_str(&m, "event", event_name);
    json_member_str(&m, "destination", destination);
    if (of)
        json_member_str(&m, "agent", limits_agent_id(of));
    if (b->state == BREAKER_OPEN) {
        json_member_str(&m, "why", b->why);
        json_member_int(&m, "failures", b->failures);
        json_member_int(&m, "retry_after_ms", (int64_t)breaker_wait(b, now_of(g)));
    }
    struct audit_event event = {.kind = AUDIT_SERVER, .members = buf_bytes(&m)};
    struct err e = audit_append(g->config.audit, &event, false, NULL, NULL);
    (void)e; /* a log that fails has already stopped everything */
    buf_free(&m);
}

/* -------------------------------------------------------------------------------------------------------------- may it go */

/* Both must let it through; the one that did is told when the other does not. */
static bool
pass(struct gate *g, struct route *r, struct breaker *own, unsigned *probes, uint64_t *wait_ms)
{
    uint64_t now = now_of(g);
    bool probe = false;
    if (r->breaker.state == BREAKER_CLOSED && (own == NULL || own->state == BREAKER_CLOSED))
        return true;
    if (!breaker_pass(&r->breaker, now, &probe, wait_ms))
        return false;
    *probes |= probe ? PROBE_SHARED : 0;
    if (own == NULL)
        return true;
    if (breaker_pass(own, now, &probe, wait_ms)) {
        *probes |= probe ? PROBE_OWN : 0;
        return true;
    }
    if (*probes & PROBE_SHARED)
        breaker_lapsed(&r->breaker);
    *probes = 0;
    return false;
}

static void
lapse(struct route *r, struct breaker *own, unsigned *probes)
{
    if (r && *probes & PROBE_SHARED)
        breaker_lapsed(&r->breaker);
    if (own && *probes & PROBE_OWN)
        breaker_lapsed(own);
    *probes = 0;
}

bool
limit_breaker(struct down *d, struct bytes name)
{
    struct session *s = d->session;
    struct route *r = gate_route(s->gate, s->destination);
    struct breaker *own = own_breaker(s);
    uint64_t wait = 0;
    if (r == NULL || d->probes || pass(s->gate, r, own, &d->probes, &wait))
        return true;
    const struct breaker *b = breaker_wait(&r->breaker, now_of(s->gate)) ? &r->breaker : own;
    struct limited why = {.kind = LIMIT_BREAKER, .retry_ms = wait};
    char text[LIMITS_TIME_MAX];
    limits_time_text(wait, text);
    snprintf(why.reason, sizeof why.reason, "%s does not answer (%.100s); it is tried again in %.20s", s->destination, b->why, text);
    limit_refuse(d, name, &why);
    return false;
}

void
limit_probe_over(struct down *d)
{
    if (d->probes)
        lapse(gate_route(d->session->gate, d->session->destination), own_breaker(d->session), &d->probes);
}

/* A person who looks at a server is not kept from it. */
bool
limit_start(struct link *l, uint64_t *wait_ms)
{
    l->limited = l->session ? limit_agent(l->session) : NULL;
    return l->session == NULL || pass(l->gate, l->route, link_breaker(l), &l->probes, wait_ms);
}

/* ------------------------------------------------------------------------------------------------------------- what came of it */

static void
good(struct gate *g, struct breaker *b, const char *destination, const struct limits_agent *of)
{
    if (b && (b->state != BREAKER_CLOSED || b->failures) && breaker_good(b))
        record(g, "breaker_closed", destination, of, b);
}

/* That it starts says that it can be reached; whether it answers is for its answers to say. */
void
limit_started(struct link *l)
{
    good(l->gate, &l->route->breaker, l->route->id, NULL);
    l->probes &= ~PROBE_SHARED;
    limit_start_over(l);
}

void
limit_start_over(struct link *l)
{
    lapse(l->route, link_breaker(l), &l->probes);
}

void
limit_good(struct link *l, struct down *d)
{
    if (l->no_good)
        return;
    good(l->gate, &l->route->breaker, l->route->id, NULL);
    good(l->gate, link_breaker(l), l->route->id, l->limited);
    if (d)
        d->probes = 0;
}

void
limit_bad(struct link *l, struct down *d, struct err e)
{
    struct gate *g = l->gate;
    bool shared = e.code == E_CONNECT || e.code == E_TLS;
    bool counts = shared || e.code == E_UPSTREAM || e.code == E_TIMEOUT || e.code == E_CLOSED || e.code == E_HTTP;
    struct limits_agent *of = l->limited;
    if (!counts || of == NULL)
        return;
    struct breaker *b = shared ? &l->route->breaker : limits_breaker_make(of, l->route->id);
    if (b && breaker_bad(b, g->config.env, now_of(g), e.text))
        record(g, "breaker_opened", l->route->id, shared ? NULL : of, b);
    if (d) {
        d->probes &= ~(shared ? PROBE_SHARED : PROBE_OWN);
        d->retry_ms = limit_wait_ms(d->session);
    }
    l->probes &= ~(shared ? PROBE_SHARED : PROBE_OWN);
}

void
limit_asked(struct link *l, struct down *d, uint64_t ms)
{
    struct gate *g = l->gate;
    struct limits_agent *of = l->limited;
    struct breaker *b = of ? limits_breaker_make(of, l->route->id) : NULL;
    if (b == NULL)
        return;
    if (breaker_asked(b, now_of(g), ms, "its server asks to wait"))
        record(g, "breaker_opened", l->route->id, of, b);
    if (d) {
        d->probes &= ~PROBE_OWN;
        d->retry_ms = limit_wait_ms(d->session);
    }
}

uint64_t
limit_wait_ms(struct session *s)
{
    struct route *r = gate_route(s->gate, s->destination);
    const struct breaker *own = own_breaker(s);
    uint64_t now = now_of(s->gate), a = r ? breaker_wait(&r->breaker, now) : 0, b = own ? breaker_wait(own, now) : 0;
    return a > b ? a : b;
}

/* ----------------------------------------------------------------------------------------------------------------- shown */

struct view {
    struct buf *b;
    uint64_t now;
};

static void
put_breaker(struct view *v, const char *agent, const struct breaker *b)
{
    json_item(v->b);
    json_open(v->b, '{');
    if (agent)
        json_member_str(v->b, "agent", agent);
    json_member_str(v->b, "state", breaker_names[b->state]);
    json_member_int(v->b, "retry_after_ms", (int64_t)breaker_wait(b, v->now));
    json_member_int(v->b, "failures", b->failures);
    json_member_str(v->b, "why", b->why);
    json_close(v->b, '}');
}

static void
put_own(const char *agent, const struct breaker *b, void *ctx)
{
    put_breaker(ctx, agent, b);
}

void
breakers_json(struct gate *g, const struct route *r, struct buf *b)
{
    struct view v = {b, now_of(g)};
    json_key(b, "breakers");
    json_open(b, '[');
    if (r->breaker.state != BREAKER_CLOSED)
        put_breaker(&v, NULL, &r->breaker);
    limits_breakers(g->limits, r->id, put_own, &v);
    json_close(b, ']');
}

void
gate_try_again(struct gate *g)
{
    for (struct route *r = g->routes; r; r = r->next)
        breaker_good(&r->breaker);
    limits_breakers_reset(g->limits);
}
