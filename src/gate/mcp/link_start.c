/*
 * How a conversation with a server begins: which era it is spoken to in, and what it says of itself.
 *
 * A server that speaks both eras is spoken to in its client's, so that nothing has to be translated. Which ones it speaks is found out by
 * asking and remembered for its destination; anything but the answer that was asked for means no (never one error code alone).
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/mcp.h"

#define DISCOVER_MS 3000 /* a server of the older era may not answer what it does not know */

static bool
keep_start(struct link *l, const struct json *result)
{
    struct bytes copy = arena_copy(&l->arena, result->raw);
    l->start_result = copy;
    return copy.at && !err_failed(json_parse(&l->arena, copy, NULL, &l->start));
}

static void ask_initialize(struct link *l);
static void ask_discover(struct link *l);

static enum era
other(enum era era)
{
    return era == ERA_MODERN ? ERA_LEGACY : ERA_MODERN;
}

/* The server does not speak this era: remember it, and ask in the other one, unless that was asked first. */
static void
not_spoken(struct link *l, enum era era, struct err why)
{
    l->route->speaks[era] = SPEAKS_NO;
    if (l->state == LINK_DEAD)
        return;
    bool hopeless = why.code == E_CONNECT || why.code == E_TLS || why.code == E_CONSENT || why.code == E_FORBIDDEN || why.code == E_KEYS;
    if (hopeless || l->asked_both) {
        l->route->speaks[era] = SPEAKS_UNKNOWN;
        link_fail(l, why);
        return;
    }
    l->asked_both = true;
    if (era == ERA_MODERN)
        ask_initialize(l);
    else
        ask_discover(l);
}

static void
spoken(struct link *l, enum era era)
{
    l->era = l->route->era = era;
    l->route->speaks[era] = SPEAKS_YES;
    l->probing = ERA_UNKNOWN;
}

static struct err
refusal(const struct rpc *answer, const char *method)
{
    struct bytes text = answer->error ? json_text(answer->error, "message") : BYTES("its answer is not one to this question");
    return err_make(E_UPSTREAM, "the server refused %s: %.*s", method, BYTES_CUT(text, 120));
}

static void got_initialized(struct link *l, const struct rpc *answer, struct err e);
static void got_discovered(struct link *l, const struct rpc *answer, struct err e);
typedef void question(struct link *l, const struct rpc *answer, struct err e);

static struct pending *
waits_for(struct link *l, question *own)
{
    struct pending *p = l->waiting;
    while (p && p->own != own)
        p = p->next;
    return p;
}

/* Its answer is of no use any more. */
static void
drop(struct link *l, question *own)
{
    struct pending *p = waits_for(l, own);
    if (p == NULL)
        return;
    l->transport->cancel(l, p);
    link_forget(l, p);
}

static void
got_initialized(struct link *l, const struct rpc *answer, struct err e)
{
    bool good = !err_failed(e) && json_is(json_get(answer->result, "protocolVersion"), JSON_STRING) && keep_start(l, answer->result);
    if (!good && waits_for(l, got_discovered)) {
        l->route->speaks[ERA_LEGACY] = SPEAKS_NO; /* it was slow to answer what it was asked first */
        return;
    }
    if (!good) {
        not_spoken(l, ERA_LEGACY, err_failed(e) ? e : refusal(answer, "initialize"));
        return;
    }
    drop(l, got_discovered);
    spoken(l, ERA_LEGACY);
    link_notify(l, BYTES("notifications/initialized"), (struct bytes){NULL, 0});
    if (l->state != LINK_DEAD)
        link_pins_start(l);
}

static void
ask_initialize(struct link *l)
{
    struct buf params = buf_make(65536);
    l->era = l->probing = ERA_LEGACY;
    json_open(&params, '{');
    json_member_raw(&params, "protocolVersion", l->client_version.n ? l->client_version : BYTES("\"" LEGACY_VERSION "\""));
    json_member_raw(&params, "capabilities", l->client_capabilities.n ? l->client_capabilities : BYTES("{}"));
    json_member_raw(&params, "clientInfo", l->client_info.n ? l->client_info : BYTES("{\"name\":\"writ\",\"version\":\"0.1.0\"}"));
    json_close(&params, '}');
    struct err e = params.failed ? err_make(E_LIMIT, "the client's capabilities are too large")
                                 : link_ask(l, BYTES("initialize"), buf_bytes(&params), got_initialized);
    buf_free(&params);
    if (err_failed(e))
        link_fail(l, e);
}

static bool
speaks_modern(const struct rpc *answer)
{
    const struct json *versions = json_get(answer->result, "supportedVersions");
    for (const struct json *v = versions ? versions->child : NULL; v; v = v->next)
        if (v->type == JSON_STRING && bytes_is(v->text, MODERN_VERSION))
            return true;
    return false;
}

static void
got_discovered(struct link *l, const struct rpc *answer, struct err e)
{
    if (l->probe_due)
        loop_cancel(l->probe_due);
    l->probe_due = NULL;
    if (!err_failed(e) && answer->result && speaks_modern(answer) && keep_start(l, answer->result)) {
        drop(l, got_initialized);
        spoken(l, ERA_MODERN);
        link_pins_start(l);
    } else if (waits_for(l, got_initialized)) {
        l->route->speaks[ERA_MODERN] = SPEAKS_NO;
    } else {
        not_spoken(l, ERA_MODERN, err_failed(e) ? e : refusal(answer, "server/discover"));
    }
}

/*
 * Silence may mean that it does not know the question, or that it is still starting: the other question is asked as well, and whichever is answered
 * first decides. A server that takes the first message for the era of the connection answers the first and refuses the second.
 */
static void
discover_silent(void *ctx)
{
    struct link *l = ctx;
    l->probe_due = NULL;
    l->route->speaks[ERA_MODERN] = SPEAKS_NO;
    l->asked_both = true;
    ask_initialize(l);
}

static void
ask_discover(struct link *l)
{
    struct buf params = buf_make(65536);
    l->era = l->probing = ERA_MODERN;
    if (!l->asked_both)
        l->probe_due = loop_after(l->gate->config.loop, DISCOVER_MS, discover_silent, l);
    params_own(&params, l, (struct bytes){NULL, 0});
    struct err e = link_ask(l, BYTES("server/discover"), buf_bytes(&params), got_discovered);
    buf_free(&params);
    if (err_failed(e))
        link_fail(l, e);
}

static struct bytes
keep(struct link *l, const struct json *v, enum json_type type)
{
    return json_is(v, type) ? arena_copy(&l->arena, v->raw) : (struct bytes){NULL, 0};
}

static void
keep_client(struct link *l, const struct rpc *client)
{
    if (client == NULL)
        return;
    if (rpc_meta(client, META_VERSION)) { /* what it can do it says with each request; what can be asked across the eras is promised here (park.c) */
        l->client_info = keep(l, rpc_meta(client, META_CLIENT), JSON_OBJECT);
        l->client_capabilities = BYTES("{\"sampling\":{},\"elicitation\":{\"form\":{},\"url\":{}},\"roots\":{}}");
        return;
    }
    l->client_info = keep(l, rpc_param(client, "clientInfo"), JSON_OBJECT);
    l->client_capabilities = keep(l, rpc_param(client, "capabilities"), JSON_OBJECT);
    l->client_version = keep(l, rpc_param(client, "protocolVersion"), JSON_STRING);
}

void
link_start(struct link *l, const struct rpc *client)
{
    const enum speaks *speaks = l->route->speaks;
    keep_client(l, client);
    enum era first = l->session && l->session->era == ERA_LEGACY ? ERA_LEGACY : ERA_MODERN;
    if (speaks[first] == SPEAKS_NO && speaks[other(first)] == SPEAKS_YES)
        first = other(first);
    if (first == ERA_MODERN)
        ask_discover(l);
    else
        ask_initialize(l);
}

void
link_start_died(struct link *l)
{
    if (l->probing != ERA_UNKNOWN && l->why_dead.code != E_CONNECT && l->why_dead.code != E_WRIT_ENDED)
        l->route->speaks[l->probing] = SPEAKS_NO, l->route->speaks[other(l->probing)] = SPEAKS_YES; /* it may have fallen over the question */
    if (l->probe_due)
        loop_cancel(l->probe_due);
    l->probe_due = NULL;
}
