#include <stdlib.h>

#include "gate/mcp/limit.h"
#include "gate/mcp/pins.h"

struct route *
gate_route(struct gate *g, const char *destination)
{
    for (struct route *r = g->routes; r; r = r->next)
        if (strcmp(r->id, destination) == 0)
            return r;
    struct route *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    strncpy(r->id, destination, sizeof r->id - 1);
    r->next = g->routes;
    g->routes = r;
    return r;
}

struct err
gate_make(const struct gate_config *config, struct gate **out)
{
    struct gate *g = calloc(1, sizeof *g);
    if (g == NULL || (g->scratch = cedar_scratch_new((size_t)64 << 20)) == NULL) {
        free(g);
        return err_make(E_MEMORY, "no memory for the gate");
    }
    g->config = *config;
    g->looking = inspect_room_make();
    if (g->looking == NULL) {
        cedar_scratch_free(g->scratch);
        free(g);
        return err_make(E_MEMORY, "no memory for the gate");
    }
    struct err e = limit_make(g);
    if (err_failed(e)) {
        inspect_room_free(g->looking);
        cedar_scratch_free(g->scratch);
        free(g);
        return e;
    }
    *out = g;
    return quarantine_load(g);
}

static void
free_gate(void *ctx)
{
    struct gate *g = ctx;
    void (*closed)(void *) = g->closed;
    void *closed_ctx = g->closed_ctx;
    while (g->routes) {
        struct route *r = g->routes;
        g->routes = r->next;
        quarantine_free(r);
        free(r);
    }
    limit_free(g);
    snapshot_unref(g->snapshot);
    inspect_unref(g->inspect);
    inspect_room_free(g->looking);
    cedar_scratch_free(g->scratch);
    free(g);
    closed(closed_ctx);
}

void
gate_maybe_closed(struct gate *g)
{
    if (!g->closing || g->links || g->sessions || g->closed == NULL)
        return;
    g->closing = false;
    if (loop_after(g->config.loop, 0, free_gate, g) == NULL)
        free_gate(g);
}

void
gate_close(struct gate *g, void (*done)(void *ctx), void *ctx)
{
    g->closing = true;
    while (g->endpoints)
        endpoint_close(g->endpoints);
    for (struct session *s = g->sessions, *next; s; s = next) {
        session_ref(s);
        session_end(s, "the server is stopping");
        next = s->next;
        session_unref(s);
    }
    g->closed = done;
    g->closed_ctx = ctx;
    gate_maybe_closed(g);
}

void
gate_inspect(struct gate *g, struct inspect *in)
{
    struct inspect *old = g->inspect;
    g->inspect = inspect_ref(in);
    inspect_unref(old);
}

struct snapshot *
gate_snapshot(struct gate *g)
{
    return g->snapshot;
}

/* Another pin is another question to a server that was looked at already. */
static void
look_again(struct gate *g, struct snapshot *old)
{
    for (struct link *l = g->links, *next; l; l = next) {
        const struct destination *was = old ? estate_destination(old->estate, l->destination->id) : NULL;
        const struct destination *is = estate_destination(g->snapshot->estate, l->destination->id);
        bool same = was && is && bytes_eq(json_text(was->pin, "digest"), json_text(is->pin, "digest"));
        next = l->next;
        if (!same && l->writ && l->state == LINK_READY)
            link_pins_look(l);
    }
}

/* What changed may be a list: clients that are listening on a line or a GET stream hear of it; others ask anew (nothing may be cached). */
void
gate_use(struct gate *g, struct snapshot *s)
{
    struct snapshot *old = g->snapshot;
    g->snapshot = snapshot_ref(s);
    g->generation++;
    gate_try_again(g);
    quarantine_settle(g);
    if (old)
        gate_lists_changed(g, NULL);
    look_again(g, old);
    for (struct route *r = g->routes; r; r = r->next) { /* its declaration may name another server now */
        r->era = ERA_UNKNOWN;
        r->failures = 0;
        memset(r->speaks, 0, sizeof r->speaks);
    }
    snapshot_unref(old);
}

/* ----------------------------------------------------------------------------------------------------------- probing */

struct probe {
    gate_probed *done;
    void *ctx;
    struct link *link;
};

static void
probed(struct link *l, struct err e, void *ctx)
{
    struct probe *p = ctx;
    p->done(e, err_failed(e) ? (struct bytes){NULL, 0} : buf_bytes(&l->pins->offer), p->ctx);
    if (p->link)
        link_close(p->link, "probed");
    free(p);
}

struct err
gate_probe(struct gate *g, const struct destination *d, const char *person, gate_probed *done, void *ctx)
{
    struct probe *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_make(E_MEMORY, "no memory to ask a server");
    *p = (struct probe){done, ctx, NULL};
    struct err e = link_make(g, g->snapshot, d, NULL, person, NULL, NULL, probed, p, &p->link);
    if (err_failed(e))
        free(p);
    return e;
}

/* How a destination is doing, as far as it has been used since the server started. */
static const char *
route_state(const struct route *r)
{
    if (r->failures || r->down)
        return "down";
    if (r->late)
        return "late";
    return r->era == ERA_UNKNOWN && r->servers == 0 ? "unused" : "up";
}

void
gate_json(struct gate *g, struct buf *b)
{
    static const char *const eras[] = {"unknown", LEGACY_VERSION, MODERN_VERSION};
    json_open(b, '[');
    for (const struct route *r = g->routes; r; r = r->next) {
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "destination", r->id);
        json_member_str(b, "protocol", eras[r->era]);
        json_member_int(b, "servers", r->servers);
        json_member_int(b, "failures", r->failures);
        json_member_str(b, "state", route_state(r));
        if (r->failures || r->down || r->late)
            json_member_str(b, "last_error", r->last_error);
        json_member_int(b, "held", (int64_t)quarantine_count(r));
        breakers_json(g, r, b);
        json_close(b, '}');
    }
    json_close(b, ']');
}
