/*
 * subscriptions/listen (2026-07-28): one stream for the client, one for each member that has something to say on it. It is acknowledged
 * once, when every member has answered or is late; changes of lists are the hub's own to tell, whatever era their servers speak.
 */
#include <stdlib.h>

#include "gate/mcp/hub.h"

#define HELD_MAX 32 /* messages that come before the acknowledgment */
#define ACKNOWLEDGED "notifications/subscriptions/acknowledged"

struct listening {
    bool wants[HUB_LISTS], due[HUB_LISTS]; /* due: changed before the acknowledgment */
    bool acknowledged;
    struct buf resources, tasks; /* those that their servers accepted, as the client calls them: JSON strings with commas */
    struct buf held[HELD_MAX];
    size_t n_held;
};

static void
forget(struct work *w)
{
    struct listening *l = w->listening;
    buf_free(&l->resources);
    buf_free(&l->tasks);
    for (size_t i = 0; i < l->n_held; i++)
        buf_free(&l->held[i]);
    free(l);
}

static const struct json *
filter_of(const struct down *d)
{
    return rpc_param(&d->rpc, "notifications");
}

/* ---------------------------------------------------------------------------------------------------- towards a member */

static bool
own_task(const struct member *m, struct bytes id, struct bytes *rest)
{
    struct bytes prefix;
    return hub_split(id, &prefix, rest) && bytes_is(prefix, m->prefix);
}

/* Those of the client's list that are the member's, under its own names. Whether there are any. */
static bool
put_own(struct buf *b, struct member *m, const struct json *filter, const char *key)
{
    const struct json *list = json_get(filter, key);
    bool tasks = bytes_is(bytes_str(key), "taskIds"), any = false;
    for (const struct json *v = json_is(list, JSON_ARRAY) ? list->child : NULL; v; v = v->next) {
        struct bytes rest = {NULL, 0};
        if (v->type != JSON_STRING || !(tasks ? own_task(m, v->text, &rest) : hub_owner(m->hub, v->text, &rest) == m))
            continue;
        if (!any) {
            json_key(b, key);
            json_open(b, '[');
        }
        any = true;
        json_item(b);
        json_put_text(b, rest);
    }
    if (any)
        json_close(b, ']');
    return any;
}

static bool
put_filter(struct buf *b, struct work *w, struct member *m)
{
    bool any = false;
    const struct json *filter = filter_of(w->d);
    json_open(b, '{');
    for (size_t k = 0; k <= HUB_RESOURCES; k++)
        if (w->listening->wants[k] && m->grants[k]) {
            json_member_bool(b, hub_lists[k].filter, true);
            any = true;
        }
    any |= m->grants[HUB_RESOURCES] && put_own(b, m, filter, "resourceSubscriptions");
    any |= put_own(b, m, filter, "taskIds");
    json_close(b, '}');
    return any;
}

static void
listen_at(struct work *w, struct member *m)
{
    struct buf filter = buf_make(MESSAGE_MAX), params = buf_make(MESSAGE_MAX);
    if (put_filter(&filter, w, m)) {
        json_open(&params, '{');
        for (const struct json *v = w->d->rpc.params->child; v; v = v->next) {
            json_key_bytes(&params, v->key);
            buf_put(&params, bytes_is(v->key, "notifications") ? buf_bytes(&filter) : v->raw);
        }
        json_close(&params, '}');
        if (!params.failed && !filter.failed)
            hub_own_ask(w, m, "subscriptions/listen", buf_bytes(&params));
    }
    buf_free(&filter);
    buf_free(&params);
}

/* ---------------------------------------------------------------------------------------------------- towards the client */

static void
put_head(struct buf *b, const struct down *d, const char *method)
{
    json_open(b, '{');
    json_member_str(b, "jsonrpc", "2.0");
    json_member_str(b, "method", method);
    json_key(b, "params");
    json_open(b, '{');
    json_key(b, "_meta");
    json_open(b, '{');
    json_member_raw(b, META_SUBSCRIPTION, d->rpc.id->raw);
    json_close(b, '}');
}

static void
say(struct work *w, struct buf *b)
{
    if (!b->failed)
        session_tell(w->hub->session, w->d, buf_bytes(b));
    buf_free(b);
}

static void
tell_change(struct work *w, size_t kind)
{
    struct buf b = buf_make(4096);
    put_head(&b, w->d, hub_lists[kind].changed);
    json_close(&b, '}');
    json_close(&b, '}');
    say(w, &b);
}

static void
put_accepted(struct buf *b, const char *key, const struct buf *list)
{
    if (list->n == 0)
        return;
    json_key(b, key);
    json_open(b, '[');
    buf_put(b, buf_bytes(list));
    json_close(b, ']');
}

/* Every member has answered or is late: what each accepted, as one. Then what came meanwhile. */
static void
acknowledge(struct work *w)
{
    struct listening *l = w->listening;
    struct buf b = buf_make(MESSAGE_MAX);
    if (l->acknowledged)
        return;
    l->acknowledged = true;
    put_head(&b, w->d, ACKNOWLEDGED);
    json_key(&b, "notifications");
    json_open(&b, '{');
    for (size_t k = 0; k <= HUB_RESOURCES; k++)
        if (l->wants[k])
            json_member_bool(&b, hub_lists[k].filter, true);
    put_accepted(&b, "resourceSubscriptions", &l->resources);
    put_accepted(&b, "taskIds", &l->tasks);
    json_close(&b, '}');
    json_close(&b, '}');
    json_close(&b, '}');
    hub_hold(w);
    say(w, &b);
    for (size_t i = 0; !w->over && i < l->n_held; i++)
        say(w, &l->held[i]);
    for (size_t k = 0; !w->over && k < HUB_LISTS; k++)
        if (l->due[k])
            tell_change(w, k);
    hub_release(w);
}

/* The client's own words for what a member accepted: others it did not ask for are not in the acknowledgment. */
static void
note_accepted(struct part *p, const struct json *accepted, const char *key, struct buf *to)
{
    const struct json *list = json_get(accepted, key), *asked = json_get(filter_of(p->work->d), key);
    bool tasks = bytes_is(bytes_str(key), "taskIds");
    for (const struct json *v = json_is(asked, JSON_ARRAY) ? asked->child : NULL; v; v = v->next) {
        struct bytes rest = {NULL, 0};
        bool own = v->type == JSON_STRING && (tasks ? own_task(p->member, v->text, &rest) : hub_owner(p->member->hub, v->text, &rest) == p->member);
        for (const struct json *a = own && json_is(list, JSON_ARRAY) ? list->child : NULL; a; a = a->next)
            if (a->type == JSON_STRING && bytes_eq(a->text, rest)) {
                if (to->n)
                    buf_putc(to, ',');
                json_put_text(to, v->text);
                break;
            }
    }
}

/* The subscription's id is the client's. */
static void
forward(struct part *p, const struct rpc *m)
{
    struct work *w = p->work;
    struct listening *l = w->listening;
    struct buf text = buf_make(MESSAGE_MAX), b = buf_make(MESSAGE_MAX);
    struct arena a = {.max = (size_t)64 << 20};
    struct json *root = NULL;
    json_open(&text, '{');
    json_member_str(&text, "jsonrpc", "2.0");
    json_member_text(&text, "method", m->method);
    json_key(&text, "params");
    json_open(&text, '{');
    for (const struct json *v = m->params->child; v; v = v->next) {
        json_key_bytes(&text, v->key);
        if (!bytes_is(v->key, "_meta")) {
            buf_put(&text, v->raw);
            continue;
        }
        json_open(&text, '{');
        for (const struct json *k = v->child; k; k = k->next) {
            json_key_bytes(&text, k->key);
            buf_put(&text, bytes_is(k->key, META_SUBSCRIPTION) ? w->d->rpc.id->raw : k->raw);
        }
        json_close(&text, '}');
    }
    json_close(&text, '}');
    json_close(&text, '}');
    if (!text.failed && !err_failed(json_parse(&a, buf_bytes(&text), NULL, &root)))
        hub_up(&b, p, p->member, root);
    if (l->acknowledged)
        say(w, &b);
    else if (l->n_held < HELD_MAX && !b.failed)
        l->held[l->n_held++] = b;
    else
        buf_free(&b);
    buf_free(&text);
    arena_free(&a);
}

void
hub_listen_note(struct part *p, const struct rpc *m)
{
    struct work *w = p->work;
    if (rpc_meta(m, META_SUBSCRIPTION) == NULL)
        return; /* it belongs to no subscription */
    if (!bytes_is(m->method, ACKNOWLEDGED)) {
        forward(p, m);
        return;
    }
    note_accepted(p, rpc_param(m, "notifications"), "resourceSubscriptions", &w->listening->resources);
    note_accepted(p, rpc_param(m, "notifications"), "taskIds", &w->listening->tasks);
    hub_works(p->member);
    p->until_ms = 0;
    hub_settle(w);
}

/* A member's stream has ended: the client's goes on; when the member is back, it is asked again. */
static void
ended(struct part *p, struct bytes message)
{
    (void)message;
    p->until_ms = 0;
}

void
hub_listen_changed(struct hub *h, enum hub_list kind)
{
    for (struct work *w = h->works, *next; w && !h->session->ended; w = next) {
        next = w->next;
        if (w->listening == NULL || !w->listening->wants[kind])
            continue;
        if (w->listening->acknowledged)
            tell_change(w, kind);
        else
            w->listening->due[kind] = true;
    }
}

void
hub_listen_again(struct member *m)
{
    for (struct work *w = m->hub->works, *next; w && !m->hub->session->ended; w = next) {
        bool open = false;
        next = w->next;
        for (const struct part *p = w->parts; p; p = p->next)
            open |= p->open && p->member == m;
        if (w->listening && !open)
            listen_at(w, m);
    }
}

void
hub_listen(struct down *d)
{
    struct hub *h = d->session->hub;
    const struct json *filter = filter_of(d), *resources = json_get(filter, "resourceSubscriptions");
    if (!json_is(filter, JSON_OBJECT)) {
        down_error(d, RPC_INVALID_PARAMS, "subscriptions/listen needs \"notifications\"", (struct bytes){NULL, 0});
        return;
    }
    if (json_is(resources, JSON_ARRAY) && resources->count && !d->uris_asked && !hub_uris_known(h)) {
        d->uris_asked = true;
        hub_uris(d, hub_listen);
        return;
    }
    struct listening *l = calloc(1, sizeof *l);
    struct work *w = l ? hub_work(h, d) : NULL;
    if (w == NULL) {
        free(l);
        down_fail(d, err_make(E_MEMORY, "no memory for a subscription"));
        return;
    }
    l->resources = l->tasks = buf_make(MESSAGE_MAX);
    w->listening = l;
    w->forget = forget;
    w->answer = ended;
    w->settled = acknowledge;
    for (size_t k = 0; k <= HUB_RESOURCES; k++) {
        const struct json *wanted = json_get(filter, hub_lists[k].filter);
        for (size_t i = 0; i < h->n; i++)
            l->wants[k] |= json_is(wanted, JSON_BOOL) && wanted->truth && h->members[i].grants[k];
    }
    for (size_t i = 0; i < h->n && !w->over; i++)
        listen_at(w, &h->members[i]);
    hub_filled(w);
}
