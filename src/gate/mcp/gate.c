#include <stdlib.h>

#include "gate/mcp/mcp.h"

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
    *out = g;
    return err_ok();
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
        if (r->client)
            http_client_close(r->client);
        free(r);
    }
    snapshot_unref(g->snapshot);
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

struct snapshot *
gate_snapshot(struct gate *g)
{
    return g->snapshot;
}

/* What changed may be a list: clients that are listening on a line or a GET stream hear of it; others ask anew (nothing may be cached). */
void
gate_use(struct gate *g, struct snapshot *s)
{
    struct snapshot *old = g->snapshot;
    g->snapshot = snapshot_ref(s);
    for (struct session *c = g->sessions; c; c = c->next)
        if (old && c->hub && !c->ended)
            hub_changed(c);
        else if (old && !c->member && c->era == ERA_LEGACY && c->push && !c->ended && c->link)
            c->push(c, BYTES("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}"));
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
    struct arena a = {0};
    struct json *tools = NULL;
    struct buf list = buf_make(RESULT_MAX), server = buf_make(512);
    if (!err_failed(e)) {
        const struct json *info = json_get(l->start, "serverInfo");
        if (info == NULL)
            info = json_get(json_get(l->start, "_meta"), META_SERVER);
        struct bytes name = json_text(info, "name"), version = json_text(info, "version");
        buf_printf(&server, "%.*s %.*s", BYTES_CUT(name, 100), BYTES_CUT(version, 60));
        buf_printf(&list, "[%.*s]", (int)l->tools.n, l->tools.n ? (const char *)l->tools.at : "");
        e = list.failed ? err_make(E_LIMIT, "the list of tools is too large") : json_parse(&a, buf_bytes(&list), NULL, &tools);
    }
    p->done(e, tools, buf_bytes(&server), p->ctx);
    arena_free(&a);
    buf_free(&list);
    buf_free(&server);
    if (p->link)
        link_close(p->link, "probed");
    free(p);
}

struct err
gate_probe(struct gate *g, const struct destination *d, gate_probed *done, void *ctx)
{
    struct probe *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_make(E_MEMORY, "no memory to ask a server");
    *p = (struct probe){done, ctx, NULL};
    struct err e = link_make(g, g->snapshot, d, NULL, NULL, NULL, probed, p, &p->link);
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
        json_close(b, '}');
    }
    json_close(b, ']');
}
