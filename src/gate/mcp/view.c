/*
 * What a session sees: the tools, prompts, templates and resources that its writ could use now. Where that changes, by policies, pins, quarantine, the
 * server or what the writ has seen, its client hears of the list that changed, and of no other.
 */
#include <openssl/sha.h>
#include <stdlib.h>

#include "gate/mcp/hub.h"
#include "gate/mcp/pins.h"

#define URIS_MAX 1000 /* of the resources that its server listed last; what is past them is told of as if it changed */

enum { VIEW_TOOLS, VIEW_PROMPTS, VIEW_RESOURCES, VIEWS };

struct view {
    bool known, more;
    bool claimed[VIEWS]; /* the server said that it changed; told when it has been looked at */
    uint8_t digest[VIEWS][SHA256_DIGEST_LENGTH];
    struct seen seen;
    struct arena arena; /* of ${uris} */
    struct bytes uris[URIS_MAX];
    size_t n;
};

static const struct view_list {
    const char *method, *filter; /* filter: the member by which a subscription asks for it */
    enum hub_list hub;
} lists[VIEWS] = {
    [VIEW_TOOLS] = {"notifications/tools/list_changed", "toolsListChanged", HUB_TOOLS},
    [VIEW_PROMPTS] = {"notifications/prompts/list_changed", "promptsListChanged", HUB_PROMPTS},
    [VIEW_RESOURCES] = {"notifications/resources/list_changed", "resourcesListChanged", HUB_RESOURCES},
};

/* -------------------------------------------------------------------------------------------------------------- looking */

static void
add(struct buf *sum, struct bytes name, const uint8_t digest[32])
{
    buf_printf(sum, "%zu:", name.n);
    buf_put(sum, name);
    if (digest)
        buf_put(sum, bytes_make(digest, 32));
}

struct looking {
    struct session *s;
    const struct destination *d;
    struct arena a;
};

static struct call
call_for(const struct looking *k)
{
    struct gate *g = k->s->gate;
    return (struct call){.writ = k->s->writ,
                         .destination = k->d,
                         .seen = writ_seen(g->config.writs, k->s->writ),
                         .now_ms = g->config.env->now_ms(g->config.env),
                         .calls = k->s->writ->calls};
}

static bool
listed(struct looking *k, const struct call *call)
{
    bool yes = decide_listed(k->s->gate->snapshot, call, k->s->gate->scratch, &k->a);
    arena_reset(&k->a);
    return yes;
}

static void
look_at_tools(struct looking *k, struct buf *sum)
{
    for (size_t i = 0; i < k->d->n_tools; i++) {
        const struct tool *t = &k->d->tools[i];
        struct call call = call_for(k);
        call.tool = t;
        call.name = bytes_str(t->name);
        if (link_tool_verified(k->s->link, t) && listed(k, &call))
            add(sum, call.name, t->digest);
    }
}

static void
look_at_extras(struct looking *k, bool prompts, struct buf *sum)
{
    for (size_t i = 0; i < k->d->n_extras; i++) {
        const struct pinned_extra *x = &k->d->extras[i];
        struct call call = call_for(k);
        struct err e = err_ok();
        if (x->prompt != prompts || !link_item_verified(k->s->link, prompts ? ITEM_PROMPT : ITEM_TEMPLATE, x->name))
            continue;
        if (prompts)
            e = subject_prompt(&call, x->name, NULL, false, &k->a);
        else
            subject_template(&call, x);
        if (!err_failed(e) && listed(k, &call))
            add(sum, x->name, x->digest);
    }
}

static void
look_at_uris(struct looking *k, const struct view *v, struct buf *sum)
{
    for (size_t i = 0; i < v->n; i++) {
        struct call call = call_for(k);
        if (!err_failed(subject_resource(&call, v->uris[i], &k->a)) && listed(k, &call))
            add(sum, v->uris[i], NULL);
    }
    if (v->more)
        add(sum, bytes_str(k->s->gate->snapshot->estate->version), NULL);
}

static bool
digests(struct session *s, const struct view *v, uint8_t out[VIEWS][SHA256_DIGEST_LENGTH])
{
    struct looking k = {s, estate_destination(s->gate->snapshot->estate, s->destination), {.max = (size_t)64 << 20}};
    struct buf sums[VIEWS];
    bool good = true;
    if (k.d == NULL || s->link == NULL || s->link->state != LINK_READY)
        return false;
    for (size_t i = 0; i < VIEWS; i++)
        sums[i] = buf_make(RESULT_MAX);
    look_at_tools(&k, &sums[VIEW_TOOLS]);
    look_at_extras(&k, true, &sums[VIEW_PROMPTS]);
    look_at_extras(&k, false, &sums[VIEW_RESOURCES]);
    look_at_uris(&k, v, &sums[VIEW_RESOURCES]);
    for (size_t i = 0; i < VIEWS; i++) {
        good &= !sums[i].failed;
        SHA256((const uint8_t *)buf_text(&sums[i]), sums[i].n, out[i]);
        buf_free(&sums[i]);
    }
    arena_free(&k.a);
    return good;
}

/* -------------------------------------------------------------------------------------------------------------- telling */

/* 2026-07-28: on the streams that asked for it, under the id of the request that listens. */
static void
tell_listeners(struct session *s, const struct view_list *list)
{
    for (struct down *d = s->downs, *next; d; d = next) {
        const struct json *wants = json_get(rpc_param(&d->rpc, "notifications"), list->filter);
        struct buf b = buf_make(4096);
        next = d->next;
        if (!bytes_is(d->rpc.method, "subscriptions/listen") || d->answered || d->gone || !json_is(wants, JSON_BOOL) || !wants->truth)
            continue;
        buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{\"_meta\":{\"%s\":", list->method, META_SUBSCRIPTION);
        buf_put(&b, d->rpc.id->raw);
        buf_puts(&b, "}}}");
        if (!b.failed)
            d->face->send(d, buf_bytes(&b), false);
        buf_free(&b);
    }
}

static void
tell(struct session *s, const struct view_list *list)
{
    struct buf b = buf_make(256);
    if (s->member) {
        hub_view_changed(s, list->hub);
    } else if (s->era == ERA_MODERN) {
        tell_listeners(s, list);
    } else if (s->push) {
        rpc_put_notification(&b, bytes_str(list->method), (struct bytes){NULL, 0});
        s->push(s, buf_bytes(&b));
    }
    buf_free(&b);
}

/* -------------------------------------------------------------------------------------------------------------- changes */

static struct view *
view_of(struct session *s)
{
    if (s->view == NULL)
        s->view = calloc(1, sizeof *s->view);
    return s->view;
}

void
view_free(struct session *s)
{
    if (s->view)
        arena_free(&s->view->arena);
    free(s->view);
}

/* ${looked}: what its server said of changes has been looked at. */
static void
look(struct session *s, bool looked)
{
    uint8_t now[VIEWS][SHA256_DIGEST_LENGTH];
    bool changed[VIEWS] = {false};
    struct view *v = s->ended || s->hub ? NULL : view_of(s);
    if (v == NULL || !digests(s, v, now))
        return;
    for (size_t i = 0; i < VIEWS; i++) {
        changed[i] = (v->known && memcmp(now[i], v->digest[i], sizeof now[i]) != 0) || (looked && v->claimed[i]);
        v->claimed[i] = v->claimed[i] && !changed[i];
    }
    memcpy(v->digest, now, sizeof now);
    v->known = true;
    v->seen = writ_seen(s->gate->config.writs, s->writ);
    session_ref(s);
    for (size_t i = 0; i < VIEWS && !s->ended; i++)
        if (changed[i])
            tell(s, &lists[i]);
    session_unref(s);
}

void
view_look(struct session *s)
{
    look(s, false);
}

void
view_looked(struct session *s)
{
    look(s, true);
}

bool
view_claimed(struct session *s, struct bytes method)
{
    struct view *v = view_of(s);
    for (size_t i = 0; i < VIEWS; i++) {
        if (!bytes_is(method, lists[i].method))
            continue;
        bool granted = i == VIEW_TOOLS || subject_granted(s, i == VIEW_PROMPTS ? "@prompts" : "@resources");
        if (!granted || v == NULL || s->link == NULL || !s->link->pins->busy)
            return granted;
        v->claimed[i] = true;
        return false;
    }
    return true;
}

void
view_listed(struct session *s, const struct json *resources, bool first)
{
    struct view *v = view_of(s);
    if (v == NULL)
        return;
    if (first) {
        arena_reset(&v->arena);
        v->n = 0;
        v->more = false;
    }
    v->arena.max = (size_t)4 << 20;
    for (const struct json *r = resources->child; r; r = r->next) {
        struct bytes uri = v->n < URIS_MAX ? arena_copy(&v->arena, json_text(r, "uri")) : bytes_make(NULL, 0);
        if (uri.at)
            v->uris[v->n++] = uri;
        else
            v->more = true;
    }
    v->known = v->known && digests(s, v, v->digest); /* what this client knows now */
}

void
view_seen(struct session *s)
{
    struct gate *g = s->gate;
    struct seen now = writ_seen(g->config.writs, s->writ);
    if (s->view == NULL || !s->view->known || (now.level == s->view->seen.level && now.untrusted == s->view->seen.untrusted))
        return;
    const struct writ *writ = s->writ;
    for (struct session *o = g->sessions, *next; o; o = next) {
        session_ref(o);
        if (o->writ == writ)
            view_look(o);
        next = o->next;
        session_unref(o);
    }
}

void
gate_lists_changed(struct gate *g, const char *destination)
{
    for (struct session *s = g->sessions, *next; s; s = next) {
        session_ref(s);
        if (destination == NULL || strcmp(s->destination, destination) == 0)
            view_look(s);
        next = s->next;
        session_unref(s);
    }
}
