/* The hub, its members, and what belongs to no request of the client. */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/hub.h"

#define TELL_MS 20 /* changes of several lists within it are told together */
#define RETRY_FIRST_MS 5000
#define BACKS_OF_HUB_MAX 256

const struct hub_list_kind hub_lists[HUB_LISTS] = {
    {"tools/list", "tools", "notifications/tools/list_changed", "toolsListChanged"},
    {"prompts/list", "prompts", "notifications/prompts/list_changed", "promptsListChanged"},
    {"resources/list", "resources", "notifications/resources/list_changed", "resourcesListChanged"},
    {"resources/templates/list", "resourceTemplates", "notifications/resources/list_changed", "resourcesListChanged"},
};

/* ----------------------------------------------------------------------------------------------------------- members */

static void
grant(struct member *m, const char *tool)
{
    bool prompts = strncmp(tool, "@prompt", 7) == 0, resources = strncmp(tool, "@resource", 9) == 0;
    m->grants[HUB_PROMPTS] |= prompts;
    m->grants[HUB_RESOURCES] |= resources;
    m->grants[HUB_TEMPLATES] |= resources;
    m->grants[HUB_TOOLS] |= tool[0] != '@';
}

static struct member *
member_of(struct hub *h, const char *destination)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->members[i].session->destination, destination) == 0)
            return &h->members[i];
    return NULL;
}

static bool
push(struct session *s, struct bytes message)
{
    struct member *m = s->owner;
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc rpc;
    if (!err_failed(rpc_read(&a, message, &rpc)))
        hub_from_member(m, NULL, &rpc);
    arena_free(&a);
    return true;
}

/* In the order of their ids, whatever the order of the grants: lists come out alike every time. */
static struct err
add_member(struct hub *h, const char *destination)
{
    char prefix[HUB_PREFIX_MAX + 1];
    struct session *s;
    hub_prefix(destination, prefix);
    if (hub_member(h, bytes_str(prefix)))
        return err_make(E_LIMIT, "%s has the short name of another destination; rename one of them", destination);
    if (h->n == HUB_MEMBERS_MAX)
        return err_make(E_LIMIT, "the task grants more than %d destinations; ask for one of them by its own address", HUB_MEMBERS_MAX);
    TRY(session_member(h->session, destination, &s));
    size_t at = h->n++;
    for (; at > 0 && strcmp(h->members[at - 1].session->destination, destination) > 0; at--) {
        h->members[at] = h->members[at - 1];
        h->members[at].session->owner = &h->members[at];
    }
    struct member *m = &h->members[at];
    *m = (struct member){.hub = h, .session = session_ref(s), .capabilities = buf_make(65536), .instructions = buf_make(65536)};
    memcpy(m->prefix, prefix, sizeof prefix);
    s->owner = m;
    s->push = push;
    return err_ok();
}

struct err
hub_make(struct session *s)
{
    const struct task *task = s->writ->task;
    struct hub *h = calloc(1, sizeof *h);
    if (h == NULL || (h->members = calloc(HUB_MEMBERS_MAX, sizeof *h->members)) == NULL) {
        free(h);
        return err_make(E_MEMORY, "no memory for a session");
    }
    h->session = s;
    h->retry_after_ms = RETRY_FIRST_MS;
    h->level = buf_make(65536);
    h->meta = buf_make(65536);
    s->hub = h;
    for (size_t i = 0; i < task->n_grants; i++) {
        const char *id = task->grants[i].destination->id;
        if (member_of(h, id) == NULL)
            TRY(add_member(h, id)); /* what was made so far goes with the session */
        grant(member_of(h, id), task->grants[i].tool);
    }
    return err_ok();
}

struct member *
hub_member(struct hub *h, struct bytes prefix)
{
    for (size_t i = 0; i < h->n; i++)
        if (bytes_is(prefix, h->members[i].prefix))
            return &h->members[i];
    return NULL;
}

void
hub_end(struct session *s, const char *why)
{
    struct hub *h = s->hub;
    while (h->works)
        hub_work_end(h->works, true);
    if (h->tell)
        loop_cancel(h->tell);
    if (h->retry)
        loop_cancel(h->retry);
    h->tell = h->retry = NULL;
    for (size_t i = 0; i < h->n; i++)
        session_end(h->members[i].session, why);
}

void
hub_rebind(struct session *s, struct writ *writ)
{
    for (size_t i = 0; i < s->hub->n; i++)
        session_rebind(s->hub->members[i].session, writ);
}

void
hub_free(struct hub *h)
{
    for (size_t i = 0; i < h->n; i++) {
        struct member *m = &h->members[i];
        buf_free(&m->capabilities);
        buf_free(&m->instructions);
        hub_uris_forget(m);
        session_unref(m->session);
    }
    while (h->backs) {
        struct hub_back *b = h->backs;
        h->backs = b->next;
        free(b);
    }
    buf_free(&h->level);
    buf_free(&h->meta);
    free(h->members);
    free(h);
}

/* ------------------------------------------------------------------------------------------------------ there or not */

static struct route *
route_of(struct member *m)
{
    return gate_route(m->hub->session->gate, m->session->destination);
}

void
hub_failed(struct member *m, const char *why, bool late)
{
    struct route *r = route_of(m);
    m->late |= late;
    m->down |= !late;
    snprintf(m->why, sizeof m->why, "%s", why);
    if (r) {
        r->late |= late;
        r->down |= !late;
        if (r->failures == 0)
            snprintf(r->last_error, sizeof r->last_error, "%s", why);
    }
    hub_retry(m->hub);
}

void
hub_works(struct member *m)
{
    struct hub *h = m->hub;
    struct route *r = route_of(m);
    bool back = m->late || m->down;
    m->started = true;
    m->late = m->down = false;
    if (r)
        r->late = r->down = false;
    if (!back)
        return;
    h->retry_after_ms = RETRY_FIRST_MS;
    for (size_t k = 0; k < HUB_LISTS; k++)
        if (m->grants[k])
            hub_mark(h, (enum hub_list)k);
    hub_listen_again(m);
    hub_level_again(m);
}

void
hub_answered_error(struct member *m, const struct rpc *answer)
{
    const struct json *code = json_get(answer->error, "code");
    struct bytes text = json_text(answer->error, "message");
    int64_t n = json_is(code, JSON_INT) ? code->number : 0;
    char why[200];
    snprintf(why, sizeof why, "%.*s", BYTES_CUT(text, 190));
    if (n == RPC_WRIT_LIMITED)
        return; /* that it is asked too often says nothing about it */
    if (n == RPC_WRIT_UPSTREAM || n == RPC_WRIT_REFUSED || n == RPC_WRIT_DOWN || n == RPC_WRIT_ENDED)
        hub_failed(m, why, false);
    else
        hub_works(m);
}

/* -------------------------------------------------------------------------------------------------- lists that change */

static void
tell_changes(void *ctx)
{
    struct hub *h = ctx;
    struct session *s = session_ref(h->session);
    h->tell = NULL;
    for (size_t k = 0; k < HUB_LISTS && !s->ended; k++) {
        struct buf b = buf_make(256);
        if (!h->changed[k])
            continue;
        h->changed[k] = false;
        if (h->session->era == ERA_MODERN) {
            hub_listen_changed(h, (enum hub_list)k);
        } else if (h->session->push) {
            rpc_put_notification(&b, bytes_str(hub_lists[k].changed), (struct bytes){NULL, 0});
            h->session->push(h->session, buf_bytes(&b));
        }
        buf_free(&b);
    }
    session_unref(s);
}

void
hub_mark(struct hub *h, enum hub_list kind)
{
    h->changed[kind == HUB_TEMPLATES ? HUB_RESOURCES : kind] = true; /* the two have one notification */
    if (h->tell == NULL && !h->session->ended)
        h->tell = loop_after(h->session->gate->config.loop, TELL_MS, tell_changes, h);
}

void
hub_view_changed(struct session *s, enum hub_list kind)
{
    struct member *m = s->owner;
    if (kind == HUB_RESOURCES)
        hub_uris_forget(m);
    if (m->grants[kind])
        hub_mark(m->hub, kind);
}

/* ---------------------------------------------------------------------------------------------- what a member says */

static void
tell(struct hub *h, struct part *p, struct bytes message)
{
    session_tell(h->session, p && p->work ? p->work->d : NULL, message);
}

static void
translate_and_tell(struct member *m, struct part *p, const struct json *root)
{
    struct buf b = buf_make(RESULT_MAX);
    hub_up(&b, p, m, root);
    if (!b.failed)
        tell(m->hub, p, buf_bytes(&b));
    buf_free(&b);
}

static struct hub_back *
keep_back(struct member *m, int64_t id)
{
    struct hub *h = m->hub;
    struct hub_back *b = calloc(1, sizeof *b), **last = &h->backs;
    if (b == NULL)
        return NULL;
    if (h->n_backs == BACKS_OF_HUB_MAX) { /* the oldest: its server has surely stopped waiting */
        while ((*last)->next)
            last = &(*last)->next;
        free(*last);
        *last = NULL;
        h->n_backs--;
    }
    *b = (struct hub_back){h->backs, m, ++h->next_back, id};
    h->backs = b;
    h->n_backs++;
    return b;
}

/* A request of the server (older era): under an id of the hub's own, so that an answer finds its way and no other. */
static void
member_asks(struct member *m, struct part *p, const struct rpc *rpc)
{
    struct hub_back *back = json_is(rpc->id, JSON_INT) ? keep_back(m, rpc->id->number) : NULL;
    struct buf b = buf_make(MESSAGE_MAX);
    struct arena a = {.max = (size_t)64 << 20};
    struct json *root = NULL;
    char id[24];
    if (back == NULL)
        return;
    snprintf(id, sizeof id, "%lld", (long long)back->id);
    rpc_put_again(&b, rpc, bytes_str(id));
    if (!b.failed && !err_failed(json_parse(&a, buf_bytes(&b), NULL, &root)))
        translate_and_tell(m, p, root);
    arena_free(&a);
    buf_free(&b);
}

/* A server takes back a question of its own, and nothing else. */
static void
member_cancels(struct member *m, struct part *p, const struct rpc *rpc)
{
    const struct json *id = rpc_param(rpc, "requestId");
    struct buf b = buf_make(4096);
    struct hub_back *back = m->hub->backs;
    while (back && !(back->member == m && json_is(id, JSON_INT) && back->members_id == id->number))
        back = back->next;
    if (back == NULL)
        return;
    json_open(&b, '{');
    json_member_str(&b, "jsonrpc", "2.0");
    json_member_text(&b, "method", rpc->method);
    json_key(&b, "params");
    json_open(&b, '{');
    json_member_int(&b, "requestId", back->id);
    json_member_text(&b, "reason", json_text(rpc->params, "reason"));
    json_close(&b, '}');
    json_close(&b, '}');
    if (!b.failed)
        tell(m->hub, p, buf_bytes(&b));
    buf_free(&b);
}

/* Progress counts for the request that asked for it, at the member that works on it. */
static bool
own_progress(const struct part *p, const struct rpc *rpc)
{
    const struct json *said = rpc_param(rpc, "progressToken");
    const struct json *own = p && p->work && p->work->d && !p->own ? rpc_meta(&p->work->d->rpc, "progressToken") : NULL;
    return said && own && json_equal(said, own);
}

static bool
note_change(struct member *m, const struct rpc *rpc)
{
    bool known = false;
    for (size_t k = 0; k < HUB_LISTS; k++) {
        if (!bytes_is(rpc->method, hub_lists[k].changed))
            continue;
        known = true;
        if (k == HUB_RESOURCES)
            hub_uris_forget(m);
        if (m->grants[k])
            hub_mark(m->hub, (enum hub_list)k);
    }
    return known;
}

void
hub_from_member(struct member *m, struct part *p, const struct rpc *rpc)
{
    if (m->hub->session->ended)
        return;
    if (rpc->kind == RPC_REQUEST) {
        member_asks(m, p, rpc);
    } else if (note_change(m, rpc)) {
        return; /* told once, for all of them */
    } else if (p && p->work && p->work->listening) {
        hub_listen_note(p, rpc);
    } else if (bytes_is(rpc->method, "notifications/progress")) {
        if (own_progress(p, rpc))
            translate_and_tell(m, p, rpc->root);
    } else if (bytes_is(rpc->method, "notifications/cancelled")) {
        member_cancels(m, p, rpc);
    } else if (rpc_meta(rpc, META_SUBSCRIPTION) == NULL) {
        translate_and_tell(m, p, rpc->root);
    }
}

/* --------------------------------------------------------------------------------------------- what the client says */

static void
client_answered(struct hub *h, const struct rpc *rpc)
{
    struct hub_back **at = &h->backs;
    while (*at && !(json_is(rpc->id, JSON_INT) && (*at)->id == rpc->id->number))
        at = &(*at)->next;
    struct hub_back *back = *at;
    if (back == NULL)
        return;
    *at = back->next;
    h->n_backs--;
    struct buf b = buf_make(MESSAGE_MAX);
    struct arena a = {.max = (size_t)64 << 20};
    struct rpc answer;
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)back->members_id);
    rpc_put_again(&b, rpc, bytes_str(id));
    if (!b.failed && !err_failed(rpc_read(&a, buf_bytes(&b), &answer)))
        session_note(back->member->session, &answer);
    arena_free(&a);
    buf_free(&b);
    free(back);
}

void
hub_note(struct session *s, const struct rpc *rpc)
{
    struct hub *h = s->hub;
    if (rpc->kind == RPC_RESPONSE)
        client_answered(h, rpc);
    else if (bytes_is(rpc->method, "notifications/roots/list_changed"))
        for (size_t i = 0; i < h->n; i++)
            session_note(h->members[i].session, rpc);
}

/* --------------------------------------------------------------------------------------------------------- requests */

static void
take_ping(struct down *d)
{
    down_result(d, BYTES("{}"));
}

static const struct {
    const char *method;
    void (*take)(struct down *d);
} own[] = {
    {"initialize", hub_start},
    {"server/discover", hub_start},
    {"ping", take_ping},
    {"tools/list", hub_list},
    {"prompts/list", hub_list},
    {"resources/list", hub_list},
    {"resources/templates/list", hub_list},
    {"logging/setLevel", hub_level},
    {"subscriptions/listen", hub_listen},
};

/* Questions of the hub's own, when no client waits, speak in its name. */
static void
keep_meta(struct hub *h, const struct json *meta)
{
    if (h->session->era != ERA_MODERN || h->meta.n || !json_is(meta, JSON_OBJECT))
        return;
    hub_put_meta(&h->meta, meta);
    if (h->meta.failed) {
        buf_free(&h->meta);
        h->meta = buf_make(65536);
    }
}

void
hub_take(struct down *d)
{
    keep_meta(d->session->hub, rpc_param(&d->rpc, "_meta"));
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (bytes_is(d->rpc.method, own[i].method)) {
            own[i].take(d);
            return;
        }
    hub_route(d);
}

void
hub_over(struct down *d)
{
    if (d->work)
        hub_work_end(d->work, true);
}

const struct tool *
hub_tool(const struct gate *g, const struct writ *writ, struct bytes name)
{
    struct bytes prefix, rest, tool;
    char own_prefix[HUB_PREFIX_MAX + 1];
    if (!hub_split(name, &prefix, &rest))
        return NULL;
    for (size_t i = 0; i < writ->task->n_grants; i++) {
        const struct destination *d = estate_destination(g->snapshot->estate, writ->task->grants[i].destination->id);
        if (d == NULL)
            continue;
        hub_prefix(d->id, own_prefix);
        if (bytes_is(prefix, own_prefix) && (tool = hub_tool_of(d, own_prefix, rest)).n)
            return destination_tool(d, tool);
    }
    return NULL;
}
