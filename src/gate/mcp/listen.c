/*
 * Subscriptions, both ways. A client of the newer era listens (subscriptions/listen): at a server of its own era by the same request, cut down to
 * what the writ grants; at an older one the gate acknowledges, subscribes, and sorts what the server tells. A server of the newer era
 * says that something changed only to who listens: so each link to one listens itself, for pins and for a client of the older era.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/mcp.h"

#define URIS_MAX 64       /* in one subscription */
#define WATCH_AGAIN_MS 5000

static const struct kind {
    const char *filter, *capability, *method;
} kinds[] = {
    {"toolsListChanged", "tools", "notifications/tools/list_changed"},
    {"promptsListChanged", "prompts", "notifications/prompts/list_changed"},
    {"resourcesListChanged", "resources", "notifications/resources/list_changed"},
};
#define KINDS (sizeof kinds / sizeof *kinds)
#define UPDATED "notifications/resources/updated"
#define ACKNOWLEDGED "notifications/subscriptions/acknowledged"

/* What a listening client of the newer era gets from a server of the older one. Memory of its down. */
struct listening {
    bool changed[KINDS];
    struct bytes uris[URIS_MAX];
    size_t n;
};

static bool
says(const struct link *l, const char *capability, const char *what)
{
    const struct json *v = json_get(json_get(json_get(l->start, "capabilities"), capability), what);
    return json_is(v, JSON_BOOL) && v->truth;
}

static bool
wanted(const struct json *filter, const char *key)
{
    const struct json *v = json_get(filter, key);
    return json_is(v, JSON_BOOL) && v->truth;
}

/* ------------------------------------------------------------------------------------------- a client that listens */

/* A list of which nothing is granted is empty, and stays so. */
static bool
kind_granted(const struct session *s, struct bytes filter)
{
    return bytes_is(filter, kinds[1].filter)   ? subject_granted(s, "@prompts")
           : bytes_is(filter, kinds[2].filter) ? subject_granted(s, "@resources")
                                               : true;
}

/* The client's filter without what this writ may not hear of: resources that it may not read, tasks that are not its own. */
static void
put_granted(struct buf *b, struct down *d, const struct json *filter)
{
    json_open(b, '{');
    for (const struct json *m = json_is(filter, JSON_OBJECT) ? filter->child : NULL; m; m = m->next) {
        bool uris = bytes_is(m->key, "resourceSubscriptions"), tasks = bytes_is(m->key, "taskIds");
        if (!kind_granted(d->session, m->key))
            continue;
        json_key_bytes(b, m->key);
        if ((!uris && !tasks) || m->type != JSON_ARRAY) {
            buf_put(b, m->raw);
            continue;
        }
        size_t n = 0;
        json_open(b, '[');
        for (const struct json *v = m->child; v && n < URIS_MAX && !d->answered; v = v->next)
            if (v->type == JSON_STRING && (uris ? subject_listens(d, v) : tasks_own(d->session, v->text))) {
                json_item(b);
                buf_put(b, v->raw);
                n++;
            }
        json_close(b, ']');
    }
    json_close(b, '}');
}

static void
listen_modern(struct down *d, struct bytes filter)
{
    struct buf params = buf_make(MESSAGE_MAX);
    json_open(&params, '{');
    for (const struct json *m = d->rpc.params->child; m; m = m->next) {
        json_key_bytes(&params, m->key);
        buf_put(&params, bytes_is(m->key, "notifications") ? filter : m->raw);
    }
    json_close(&params, '}');
    struct err e =
        params.failed ? err_make(E_LIMIT, "the request is too large") : link_request(d->session->link, d, buf_bytes(&params), method_answer);
    buf_free(&params);
    if (err_failed(e))
        down_fail(d, e);
}

static void
put_note(struct buf *b, const struct down *d, struct bytes method, const char *key, struct bytes value)
{
    json_open(b, '{');
    json_member_str(b, "jsonrpc", "2.0");
    json_member_text(b, "method", method);
    json_key(b, "params");
    json_open(b, '{');
    if (key)
        json_member_raw(b, key, value);
    json_key(b, "_meta");
    json_open(b, '{');
    json_member_raw(b, META_SUBSCRIPTION, d->rpc.id->raw);
    json_close(b, '}');
    json_close(b, '}');
    json_close(b, '}');
}

static void
tell(struct down *d, struct bytes method, const char *key, struct bytes value)
{
    struct buf b = buf_make(MESSAGE_MAX);
    put_note(&b, d, method, key, value);
    if (!b.failed && !d->gone && !d->answered)
        d->face->send(d, buf_bytes(&b), false);
    buf_free(&b);
}

static void
subscribed(struct link *l, const struct rpc *answer, struct err e)
{
    (void)l, (void)answer, (void)e; /* a refusal shows as silence; the acknowledgment said what was asked for */
}

static void
subscribe(struct link *l, const struct json *uri)
{
    struct buf params = buf_make(8192);
    json_open(&params, '{');
    json_member_raw(&params, "uri", uri->raw);
    json_close(&params, '}');
    struct err e = params.failed ? err_ok() : link_ask(l, BYTES("resources/subscribe"), buf_bytes(&params), subscribed);
    (void)e;
    buf_free(&params);
}

static void
add_uris(struct buf *accepted, struct down *d, const struct json *uris)
{
    struct listening *li = d->listening;
    json_key(accepted, "resourceSubscriptions");
    json_open(accepted, '[');
    for (const struct json *v = uris->child; v && li->n < URIS_MAX; v = v->next) {
        li->uris[li->n++] = v->text;
        json_item(accepted);
        buf_put(accepted, v->raw);
        subscribe(d->session->link, v);
    }
    json_close(accepted, ']');
}

/* The older era tells all its changes to everyone; a resource's only to who subscribed. */
static void
listen_legacy(struct down *d, struct bytes filter)
{
    const struct link *l = d->session->link;
    struct buf accepted = buf_make(MESSAGE_MAX);
    struct json *asked;
    struct bytes copy = arena_copy(&d->arena, filter);
    d->listening = ARENA_NEW(&d->arena, struct listening);
    if (d->listening == NULL || copy.at == NULL || err_failed(json_parse(&d->arena, copy, NULL, &asked))) {
        down_fail(d, err_make(E_MEMORY, "no memory for a subscription"));
        return;
    }
    const struct json *uris = json_get(asked, "resourceSubscriptions");
    json_open(&accepted, '{');
    for (size_t i = 0; i < KINDS; i++) {
        d->listening->changed[i] =
            wanted(asked, kinds[i].filter) && (i == 0 || says(l, kinds[i].capability, "listChanged")); /* tools: Writ's own too */
        if (d->listening->changed[i])
            json_member_bool(&accepted, kinds[i].filter, true);
    }
    if (json_is(uris, JSON_ARRAY) && says(l, "resources", "subscribe"))
        add_uris(&accepted, d, uris);
    json_close(&accepted, '}');
    tell(d, BYTES(ACKNOWLEDGED), "notifications", buf_bytes(&accepted));
    buf_free(&accepted);
}

void
listen_take(struct down *d)
{
    struct buf filter = buf_make(MESSAGE_MAX);
    put_granted(&filter, d, rpc_param(&d->rpc, "notifications"));
    if (filter.failed)
        down_fail(d, err_make(E_LIMIT, "the subscription is too large"));
    else if (!d->answered && d->session->link->era == ERA_MODERN)
        listen_modern(d, buf_bytes(&filter));
    else if (!d->answered)
        listen_legacy(d, buf_bytes(&filter));
    buf_free(&filter);
}

void
listen_note(struct session *s, const struct rpc *m)
{
    const struct json *uri = rpc_param(m, "uri");
    for (struct down *d = s->downs, *next; d; d = next) {
        next = d->next;
        const struct listening *li = d->listening;
        for (size_t i = 0; li && i < KINDS; i++)
            if (li->changed[i] && bytes_is(m->method, kinds[i].method))
                tell(d, m->method, NULL, (struct bytes){NULL, 0});
        for (size_t i = 0; li && json_is(uri, JSON_STRING) && bytes_is(m->method, UPDATED) && i < li->n; i++)
            if (bytes_eq(li->uris[i], uri->text))
                tell(d, m->method, "uri", uri->raw);
    }
}

bool
listen_over(struct down *d)
{
    if (!bytes_is(d->rpc.method, "subscriptions/listen") || d->session->era != ERA_MODERN)
        return false;
    struct buf b = buf_make(1024);
    json_open(&b, '{');
    json_member_str(&b, "resultType", "complete");
    json_key(&b, "_meta");
    json_open(&b, '{');
    json_member_raw(&b, META_SUBSCRIPTION, d->rpc.id->raw);
    json_close(&b, '}');
    json_close(&b, '}');
    down_result(d, buf_bytes(&b));
    buf_free(&b);
    return true;
}

/* --------------------------------------------------------------------------------------------- the link that listens */

static void watch_over(struct link *l, const struct rpc *answer, struct err e);

static bool
put_watched(struct buf *b, const struct link *l)
{
    bool any = l->n_watched > 0;
    json_open(b, '{');
    for (size_t i = 0; i < KINDS; i++)
        if (says(l, kinds[i].capability, "listChanged")) {
            json_member_bool(b, kinds[i].filter, true);
            any = true;
        }
    if (l->n_watched) {
        json_key(b, "resourceSubscriptions");
        json_open(b, '[');
        for (size_t i = 0; i < l->n_watched; i++) {
            json_item(b);
            json_put_text(b, buf_bytes(&l->watched[i]));
        }
        json_close(b, ']');
    }
    json_close(b, '}');
    return any;
}

void
watch(struct link *l)
{
    struct buf params = buf_make(MESSAGE_MAX);
    if (l->era != ERA_MODERN || l->state != LINK_READY || l->writ == NULL)
        return;
    watch_stop(l);
    json_open(&params, '{');
    json_key(&params, "notifications");
    bool any = put_watched(&params, l);
    json_key(&params, "_meta");
    params_own_meta(&params, l);
    json_close(&params, '}');
    struct err e = any && !params.failed ? link_listen(l, buf_bytes(&params), watch_over) : err_ok();
    (void)e; /* without it the lists are looked at when they are asked for */
    buf_free(&params);
}

static struct pending *
watching(struct link *l)
{
    struct pending *p = l->waiting;
    while (p && p->own != watch_over)
        p = p->next;
    return p;
}

void
watch_stop(struct link *l)
{
    struct pending *p = watching(l);
    if (l->watch_due)
        loop_cancel(l->watch_due);
    l->watch_due = NULL;
    if (p)
        link_cancel(l, p, false);
}

static void
watch_due(void *ctx)
{
    struct link *l = ctx;
    l->watch_due = NULL;
    watch(l);
}

static void
watch_over(struct link *l, const struct rpc *answer, struct err e)
{
    (void)e;
    bool refused = answer && answer->error; /* it says that it can, and cannot */
    if (l->state == LINK_READY && !refused && l->watch_due == NULL)
        l->watch_due = loop_after(l->gate->config.loop, WATCH_AGAIN_MS, watch_due, l);
}

/* A client of the older era hears of it in its own words, without the id of a subscription that is not its own. */
static void
tell_legacy(struct session *s, const struct rpc *m)
{
    struct buf b = buf_make(MESSAGE_MAX);
    json_open(&b, '{');
    json_member_str(&b, "jsonrpc", "2.0");
    json_member_text(&b, "method", m->method);
    if (bytes_is(m->method, UPDATED)) {
        json_key(&b, "params");
        json_open(&b, '{');
        for (const struct json *p = m->params ? m->params->child : NULL; p; p = p->next) {
            if (bytes_is(p->key, "_meta"))
                continue;
            json_key_bytes(&b, p->key);
            buf_put(&b, p->raw);
        }
        json_close(&b, '}');
    }
    json_close(&b, '}');
    if (!b.failed)
        session_tell(s, NULL, buf_bytes(&b));
    buf_free(&b);
}

bool
watch_noted(struct link *l, const struct pending *about, const struct rpc *m)
{
    const struct json *id = rpc_meta(m, META_SUBSCRIPTION);
    struct pending *p = watching(l);
    if (p == NULL || (about ? about != p : !(json_is(id, JSON_INT) && id->number == p->id)))
        return false;
    if (l->session && l->session->era == ERA_LEGACY && !bytes_is(m->method, ACKNOWLEDGED) && note_passes(l->session, m))
        tell_legacy(l->session, m);
    return true;
}

void
watch_free(struct link *l)
{
    while (l->n_watched)
        buf_free(&l->watched[--l->n_watched]);
    free(l->watched);
}

static size_t
watched_at(const struct link *l, struct bytes uri)
{
    size_t i = 0;
    while (i < l->n_watched && !bytes_eq(buf_bytes(&l->watched[i]), uri))
        i++;
    return i;
}

void
watch_resource(struct down *d)
{
    struct link *l = d->session->link;
    struct bytes uri = json_text(d->rpc.params, "uri");
    size_t at = watched_at(l, uri);
    bool adds = bytes_is(d->rpc.method, "resources/subscribe");
    if (!says(l, "resources", "subscribe")) {
        down_error(d, RPC_NO_METHOD, "this destination has no subscriptions", (struct bytes){NULL, 0});
        return;
    }
    if (adds && at == l->n_watched) {
        if (l->watched == NULL)
            l->watched = calloc(WATCHED_MAX, sizeof *l->watched);
        if (l->watched == NULL || l->n_watched >= WATCHED_MAX) {
            down_fail(d, err_make(E_BUSY, "%d resources are subscribed to; unsubscribe from one", WATCHED_MAX));
            return;
        }
        l->watched[l->n_watched] = buf_make(8192);
        buf_put(&l->watched[l->n_watched++], uri);
    } else if (!adds && at < l->n_watched) {
        buf_free(&l->watched[at]);
        l->watched[at] = l->watched[--l->n_watched];
    }
    watch(l);
    down_result(d, BYTES("{}"));
}
