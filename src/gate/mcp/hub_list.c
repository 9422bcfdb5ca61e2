/*
 * Lists, and what servers say of themselves: asked of all members at once, waited for no longer than each deserves, merged in the order of
 * their ids. What is missing is said (docs/federation.md).
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/hub.h"
#include "gate/mcp/limit.h"

#define INSTRUCTIONS_OF_ONE 2048
#define INSTRUCTIONS_OF_ALL 8192
#define RETRY_LAST_MS 60000
#define RETRY_WHILE_MS (10 * 60 * 1000) /* a hub that nobody uses asks nobody */
#define META_MISSING "writ/missing"
#define META_TOOL "writ/tool"

static const struct json_limits list_limits = {HUB_LIST_BYTES + 65536, 64, 1000000};

/* ---------------------------------------------------------------------------------------------------------- questions */

/* _meta of the client's request, as far as it is for every server: a progress token belongs to one. */
void
hub_put_meta(struct buf *b, const struct json *meta)
{
    json_open(b, '{');
    for (const struct json *m = meta ? meta->child : NULL; m; m = m->next)
        if (!bytes_is(m->key, "progressToken")) {
            json_key_bytes(b, m->key);
            buf_put(b, m->raw);
        }
    json_close(b, '}');
}

/* ${raw}: params as they are to be, or empty: the client's own, but for a cursor. */
static void
ask(struct part *p, const char *method, struct bytes raw, struct bytes cursor)
{
    struct hub *h = p->member->hub;
    const struct down *d = p->work ? p->work->d : NULL;
    struct buf b = buf_make(MESSAGE_MAX);
    json_open(&b, '{');
    json_member_str(&b, "jsonrpc", "2.0");
    json_key(&b, "id");
    buf_printf(&b, "\"hub-%lld\"", (long long)++h->next_own);
    json_member_str(&b, "method", method);
    json_key(&b, "params");
    if (raw.n) {
        buf_put(&b, raw);
    } else {
        const struct json *meta = d ? rpc_param(&d->rpc, "_meta") : NULL;
        json_open(&b, '{');
        json_key(&b, "_meta");
        if (meta || h->meta.n == 0)
            hub_put_meta(&b, meta);
        else
            buf_put(&b, buf_bytes(&h->meta));
        if (cursor.n)
            json_member_text(&b, "cursor", cursor);
        json_close(&b, '}');
    }
    json_close(&b, '}');
    hub_ask(p, b.failed ? (struct bytes){NULL, 0} : buf_bytes(&b));
    buf_free(&b);
}

/* A part of the hub's own. False when the member is left out: it owes an answer already, or there is no memory. */
static struct part *
own_part(struct work *w, struct member *m, enum hub_list kind)
{
    struct part *p = hub_part(w, m);
    if (p == NULL)
        return NULL;
    bool ready = m->session->link && m->session->link->state == LINK_READY;
    bool away = m->late || (m->down && !ready), wait = w->d && !away; /* with a link an error comes at once */
    p->own = true;
    p->kind = kind;
    p->until_ms = wait ? hub_now_ms(m->hub) + (m->started && ready ? HUB_LIST_MS : HUB_START_MS) : 0;
    if (away && m->under_way) {
        snprintf(p->missing, sizeof p->missing, "%s", m->why);
        return NULL;
    }
    if (!wait)
        snprintf(p->missing, sizeof p->missing, "%s", m->why);
    return p;
}

void
hub_own_ask(struct work *w, struct member *m, const char *method, struct bytes params)
{
    struct part *p = own_part(w, m, w->kind);
    if (p)
        ask(p, method, params, (struct bytes){NULL, 0});
}

void
hub_list_ask(struct work *w, struct member *m, enum hub_list kind)
{
    struct part *p = own_part(w, m, kind);
    if (p)
        ask(p, hub_lists[kind].method, (struct bytes){NULL, 0}, (struct bytes){NULL, 0});
}

/* ------------------------------------------------------------------------------------------------------------ answers */

static void
no_answer(struct part *p, const struct rpc *answer)
{
    struct bytes text = answer ? json_text(answer->error, "message") : (struct bytes){NULL, 0};
    if (answer)
        hub_answered_error(p->member, answer);
    if (text.n)
        snprintf(p->missing, sizeof p->missing, "%.*s", BYTES_CUT(text, 190));
    else if (p->missing[0] == 0)
        snprintf(p->missing, sizeof p->missing, "it ended before it answered");
}

/* Whether there is more to ask for. */
static bool
take_page(struct part *p, const struct json *result)
{
    const struct json *items = json_get(result, hub_lists[p->kind].member);
    for (const struct json *v = json_is(items, JSON_ARRAY) ? items->child : NULL; v && p->items < HUB_ITEMS_MAX; v = v->next, p->items++) {
        if (p->items)
            buf_putc(&p->list, ',');
        else
            buf_putc(&p->list, '[');
        buf_put(&p->list, v->raw);
    }
    return !p->list.failed && json_text(result, "nextCursor").n && ++p->pages < HUB_PAGES_MAX && p->items < HUB_ITEMS_MAX;
}

static void
list_whole(struct part *p)
{
    struct arena a = {.max = HUB_LIST_BYTES * 8};
    struct json *items = NULL;
    buf_puts(&p->list, p->items ? "]" : "[]");
    p->answered = !p->list.failed;
    snprintf(p->missing, sizeof p->missing, "%s", p->answered ? "" : "its list is too large");
    if (p->kind >= HUB_RESOURCES && p->answered && !err_failed(json_parse(&a, buf_bytes(&p->list), &list_limits, &items)))
        hub_uris_keep(p->member, p->kind, items);
    arena_free(&a);
}

/* A server without prompts, say, does not know their list: that is an empty one. */
static bool
has_no_such_list(const struct rpc *m)
{
    const struct json *code = json_get(m->error, "code");
    return json_is(code, JSON_INT) && code->number == RPC_NO_METHOD;
}

void
hub_list_answer(struct part *p, struct bytes message)
{
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc m;
    bool read = message.n && !err_failed(rpc_read(&a, message, &m)), more = false;
    if (!read || (m.error && !has_no_such_list(&m))) {
        no_answer(p, read ? &m : NULL);
    } else {
        hub_works(p->member);
        more = m.result && take_page(p, m.result);
        if (!more)
            list_whole(p);
    }
    if (more)
        ask(p, hub_lists[p->kind].method, (struct bytes){NULL, 0},
            json_text(m.result, "nextCursor")); /* may be answered at once: ${p} is not looked at again */
    arena_free(&a);
}

/* ------------------------------------------------------------------------------------------------------------- merging */

struct merge {
    struct hub *hub;
    enum hub_list kind;
    struct bytes from; /* the member the page begins in, and how many of its items were shown before; empty: the first */
    uint64_t skip;
    struct buf items;
    size_t n;
    const char *next; /* the page is full: the prefix of the member that goes on, after ${next_skip} items */
    size_t next_skip;
};

static void
put_public(struct buf *b, struct member *m, enum hub_list kind, struct bytes name)
{
    struct buf text = buf_make(65536);
    struct bytes rest, prefix;
    if (kind == HUB_TOOLS)
        hub_put_tool(&text, m->prefix, name);
    else if (kind == HUB_PROMPTS)
        hub_put_name(&text, m->prefix, name);
    else if (!hub_split_uri(name, &prefix, &rest) && hub_owner(m->hub, name, &rest) == m)
        buf_put(&text, name);
    else
        hub_put_uri(&text, m->prefix, name);
    b->failed |= text.failed;
    json_put_text(b, buf_bytes(&text));
    buf_free(&text);
}

/* What it is called at its server stands beside: a person may want to know. Nothing that a server wrote can stand in its place. */
static void
put_item_meta(struct buf *b, const struct member *m, struct bytes name, const struct json *meta)
{
    struct buf text = buf_make(65536);
    buf_printf(&text, "%s/", m->session->destination);
    buf_put(&text, name);
    json_key(b, "_meta");
    json_open(b, '{');
    for (const struct json *v = json_is(meta, JSON_OBJECT) ? meta->child : NULL; v; v = v->next)
        if (!bytes_starts(v->key, BYTES("writ/"))) {
            json_key_bytes(b, v->key);
            buf_put(b, v->raw);
        }
    json_member_text(b, META_TOOL, buf_bytes(&text));
    json_close(b, '}');
    buf_free(&text);
}

static void
put_item(struct buf *b, struct member *m, enum hub_list kind, const struct json *item)
{
    static const char *const keys[HUB_LISTS] = {"name", "name", "uri", "uriTemplate"};
    const char *key = keys[kind];
    struct bytes name = json_text(item, key);
    json_open(b, '{');
    for (const struct json *v = item->child; v; v = v->next) {
        if (kind == HUB_TOOLS && bytes_is(v->key, "_meta"))
            continue;
        json_key_bytes(b, v->key);
        if (bytes_is(v->key, key))
            put_public(b, m, kind, name);
        else
            buf_put(b, v->raw);
    }
    if (kind == HUB_TOOLS)
        put_item_meta(b, m, name, json_get(item, "_meta"));
    json_close(b, '}');
}

static void
merge_part(struct merge *g, const struct part *p)
{
    struct arena a = {.max = (size_t)256 << 20};
    struct json *items = NULL;
    bool first = bytes_is(g->from, p->member->prefix);
    size_t at = 0;
    if (!p->answered || err_failed(json_parse(&a, buf_bytes(&p->list), &list_limits, &items))) {
        arena_free(&a);
        return;
    }
    for (const struct json *v = items->child; v && g->next == NULL; v = v->next, at++) {
        if (v->type != JSON_OBJECT || (first && at < g->skip))
            continue;
        if (g->n == HUB_PAGE_ITEMS || g->items.n > HUB_PAGE_BYTES) {
            g->next = p->member->prefix;
            g->next_skip = at;
            break;
        }
        json_item(&g->items);
        put_item(&g->items, p->member, g->kind, v);
        g->n++;
    }
    arena_free(&a);
}

static void
put_missing(struct buf *b, const struct work *w)
{
    bool any = false;
    for (const struct part *p = w->parts; p; p = p->next) {
        if (p->answered || p->kind != w->kind)
            continue;
        if (!any) {
            json_key(b, "_meta");
            json_open(b, '{');
            json_key(b, META_MISSING);
            json_open(b, '[');
        }
        any = true;
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "destination", p->member->session->destination);
        json_member_str(b, "why", p->missing);
        json_member_int(b, "retry_after_ms", (int64_t)hub_wait_ms(p->member));
        json_close(b, '}');
    }
    if (any) {
        json_close(b, ']');
        json_close(b, '}');
    }
}

static void
put_modern(struct buf *b)
{
    json_member_str(b, "resultType", "complete");
    json_member_int(b, "ttlMs", 0);
    json_member_str(b, "cacheScope", "private"); /* filtered: it is nobody else's */
}

static void
put_cursor(struct buf *b, const struct merge *g)
{
    struct buf plain = buf_make(128), text = buf_make(256);
    buf_printf(&plain, "%d:%s:%zu", (int)g->kind, g->next, g->next_skip);
    buf_base64url(&text, buf_bytes(&plain));
    json_member_text(b, "nextCursor", buf_bytes(&text));
    buf_free(&plain);
    buf_free(&text);
}

static bool
read_cursor(const struct hub *h, struct bytes cursor, struct merge *g)
{
    uint8_t room[128];
    size_t n;
    uint64_t kind;
    if (cursor.n == 0)
        return true;
    if (cursor.n > sizeof room || !bytes_unbase64url(cursor, room, &n))
        return false;
    struct bytes rest = bytes_make(room, n), first = bytes_split(&rest, ':');
    struct bytes prefix = bytes_split(&rest, ':');
    for (size_t i = 0; i < h->n; i++)
        if (bytes_is(prefix, h->members[i].prefix))
            g->from = bytes_str(h->members[i].prefix);
    return bytes_u64(first, &kind) && kind == (uint64_t)g->kind && g->from.n && bytes_u64(rest, &g->skip);
}

static void
merged(struct work *w)
{
    struct down *d = down_ref(w->d);
    struct merge g = {.hub = w->hub, .kind = w->kind, .items = buf_make(RESULT_MAX)};
    struct buf b = buf_make(RESULT_MAX);
    bool began = read_cursor(w->hub, json_text(d->rpc.params, "cursor"), &g) && g.from.n == 0;
    for (const struct part *p = w->parts; p; p = p->next) {
        began |= bytes_is(g.from, p->member->prefix);
        if (began && p->kind == w->kind)
            merge_part(&g, p);
    }
    json_open(&b, '{');
    json_key(&b, hub_lists[w->kind].member);
    json_open(&b, '[');
    buf_put(&b, buf_bytes(&g.items));
    json_close(&b, ']');
    if (g.next)
        put_cursor(&b, &g);
    if (d->session->era == ERA_MODERN)
        put_modern(&b);
    put_missing(&b, w);
    json_close(&b, '}');
    b.failed |= g.items.failed;
    hub_work_end(w, false);
    if (b.failed)
        down_error(d, RPC_WRIT_UPSTREAM, "the lists of all servers are too large together", (struct bytes){NULL, 0});
    else
        down_result(d, buf_bytes(&b));
    buf_free(&g.items);
    buf_free(&b);
    down_unref(d);
}

void
hub_list(struct down *d)
{
    struct hub *h = d->session->hub;
    struct merge g = {.kind = HUB_TOOLS};
    while (!bytes_is(d->rpc.method, hub_lists[g.kind].method))
        g.kind++;
    if (!read_cursor(h, json_text(d->rpc.params, "cursor"), &g)) {
        down_error(d, RPC_INVALID_PARAMS, "this cursor was not given here", (struct bytes){NULL, 0});
        return;
    }
    struct work *w = hub_work(h, d);
    if (w == NULL)
        return;
    enum hub_list other = g.kind == HUB_RESOURCES ? HUB_TEMPLATES : g.kind == HUB_TEMPLATES ? HUB_RESOURCES : g.kind; /* whose a URI is: both say */
    w->kind = g.kind;
    w->answer = hub_list_answer;
    w->settled = merged;
    for (size_t i = 0; i < h->n && !w->over; i++) {
        if (h->members[i].grants[g.kind])
            hub_list_ask(w, &h->members[i], g.kind);
        if (h->members[i].grants[g.kind] && other != g.kind && !w->over)
            hub_list_ask(w, &h->members[i], other);
    }
    hub_filled(w);
}

/* -------------------------------------------------------------------------------------- what servers say of themselves */

static void
keep_raw(struct buf *b, const struct json *v)
{
    buf_free(b);
    *b = buf_make(65536);
    if (v)
        buf_put(b, v->raw);
}

static void
started(struct part *p, struct bytes message)
{
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc m;
    bool read = message.n && !err_failed(rpc_read(&a, message, &m));
    if (!read || m.error) {
        no_answer(p, read ? &m : NULL);
    } else {
        hub_works(p->member);
        p->answered = true;
        p->missing[0] = 0;
        keep_raw(&p->member->capabilities, json_get(m.result, "capabilities"));
        keep_raw(&p->member->instructions, json_get(m.result, "instructions"));
    }
    arena_free(&a);
}

/* In ${seen} so that the first who has a capability of a name says what it is. */
static void
put_others(struct buf *b, struct hub *h, struct arena *a)
{
    struct {
        struct bytes key;
    } seen[64];
    static const char *const own[] = {"tools", "prompts", "resources"};
    size_t n = 0;
    for (; n < sizeof own / sizeof *own; n++)
        seen[n].key = bytes_str(own[n]);
    for (size_t i = 0; i < h->n; i++) {
        struct json *c = NULL;
        if (h->members[i].capabilities.n == 0 || err_failed(json_parse(a, buf_bytes(&h->members[i].capabilities), NULL, &c)))
            continue;
        for (const struct json *v = c->child; v && n < sizeof seen / sizeof *seen; v = v->next) {
            size_t k = 0;
            while (k < n && !bytes_eq(seen[k].key, v->key))
                k++;
            if (k < n)
                continue;
            seen[n++].key = v->key;
            json_key_bytes(b, v->key);
            buf_put(b, v->raw);
        }
    }
}

/* A list that a grant could fill is announced, whether its server was there in time or not: it may come later. */
static void
put_capabilities(struct buf *b, struct hub *h)
{
    struct arena a = {.max = (size_t)16 << 20};
    bool granted[HUB_LISTS] = {false};
    for (size_t i = 0; i < h->n; i++)
        for (size_t k = 0; k < HUB_LISTS; k++)
            granted[k] |= h->members[i].grants[k];
    json_key(b, "capabilities");
    json_open(b, '{');
    for (size_t k = 0; k <= HUB_RESOURCES; k++)
        if (granted[k] || k == HUB_TOOLS)
            json_member_raw(b, hub_lists[k].member,
                            k == HUB_RESOURCES ? BYTES("{\"listChanged\":true,\"subscribe\":true}") : BYTES("{\"listChanged\":true}"));
    put_others(b, h, &a);
    json_close(b, '}');
    arena_free(&a);
}

/* Each server's words stand under its name, and none can fill the room of the others. */
static void
put_instructions(struct buf *b, struct hub *h)
{
    struct buf text = buf_make(INSTRUCTIONS_OF_ALL + 4096);
    struct arena a = {.max = (size_t)16 << 20};
    for (size_t i = 0; i < h->n && text.n < INSTRUCTIONS_OF_ALL; i++) {
        struct member *m = &h->members[i];
        struct json *v = NULL;
        if (m->instructions.n == 0 || err_failed(json_parse(&a, buf_bytes(&m->instructions), NULL, &v)) || v->type != JSON_STRING || v->text.n == 0)
            continue;
        size_t cut = v->text.n < INSTRUCTIONS_OF_ONE ? v->text.n : INSTRUCTIONS_OF_ONE;
        while (cut < v->text.n && cut > 0 && (v->text.at[cut] & 0xc0) == 0x80)
            cut--;
        buf_printf(&text, "%sThe server %s (its tools begin with %s__) says of itself: ", text.n ? "\n\n" : "", m->session->destination, m->prefix);
        buf_put(&text, bytes_sub(v->text, 0, cut));
        if (cut < v->text.n)
            buf_puts(&text, " [cut]");
    }
    if (text.n)
        json_member_text(b, "instructions", buf_bytes(&text));
    buf_free(&text);
    arena_free(&a);
}

#define SERVER_INFO "{\"name\":\"writ\",\"title\":\"Writ\",\"version\":\"0.1.0\"}"

static void
all_started(struct work *w)
{
    struct down *d = down_ref(w->d);
    struct buf b = buf_make(MESSAGE_MAX);
    struct bytes asked = json_text(d->rpc.params, "protocolVersion");
    bool modern = d->session->era == ERA_MODERN, known = bytes_is(asked, "2025-06-18") || bytes_is(asked, "2025-03-26");
    json_open(&b, '{');
    if (modern)
        json_member_raw(&b, "supportedVersions", BYTES("[\"" MODERN_VERSION "\"]"));
    else
        json_member_text(&b, "protocolVersion", known ? asked : BYTES(LEGACY_VERSION));
    put_capabilities(&b, w->hub);
    put_instructions(&b, w->hub);
    if (modern) {
        put_modern(&b);
        json_member_raw(&b, "_meta", BYTES("{\"" META_SERVER "\":" SERVER_INFO "}"));
    } else {
        json_member_raw(&b, "serverInfo", BYTES(SERVER_INFO));
    }
    json_close(&b, '}');
    hub_work_end(w, false);
    down_result(d, buf_bytes(&b));
    buf_free(&b);
    down_unref(d);
}

void
hub_start(struct down *d)
{
    struct hub *h = d->session->hub;
    bool modern = d->session->era == ERA_MODERN;
    struct work *w = hub_work(h, d);
    if (w == NULL)
        return;
    w->answer = started;
    w->settled = all_started;
    for (size_t i = 0; i < h->n && !w->over; i++) {
        if (modern)
            hub_own_ask(w, &h->members[i], "server/discover", (struct bytes){NULL, 0});
        else
            hub_own_ask(w, &h->members[i], "initialize", d->rpc.params ? d->rpc.params->raw : BYTES("{}"));
    }
    hub_filled(w);
}

/* ------------------------------------------------------------------------------------------------- for everyone, later */

static void
heard(struct part *p, struct bytes message)
{
    struct arena a = {.max = (size_t)128 << 20};
    struct rpc m;
    bool read = message.n && !err_failed(rpc_read(&a, message, &m));
    if (read && m.result)
        hub_works(p->member);
    else if (read)
        hub_answered_error(p->member, &m);
    arena_free(&a);
}

static void
all_heard(struct work *w)
{
    hub_work_end(w, false);
}


static void
level_heard(struct part *p, struct bytes message)
{
    (void)p, (void)message; /* a server without a log says so, and works all the same */
}

void
hub_level(struct down *d)
{
    struct hub *h = d->session->hub;
    buf_free(&h->level);
    h->level = buf_make(65536);
    buf_put(&h->level, d->rpc.params ? d->rpc.params->raw : BYTES("{}"));
    struct work *w = hub_work(h, NULL);
    if (w) {
        w->answer = level_heard;
        w->settled = all_heard;
        for (size_t i = 0; i < h->n && !h->level.failed && !w->over; i++)
            hub_own_ask(w, &h->members[i], "logging/setLevel", buf_bytes(&h->level));
        hub_filled(w);
    }
    down_result(d, BYTES("{}"));
}

void
hub_level_again(struct member *m)
{
    struct work *w = m->hub->level.n && !m->hub->level.failed ? hub_work(m->hub, NULL) : NULL;
    if (w == NULL)
        return;
    w->answer = level_heard;
    w->settled = all_heard;
    hub_own_ask(w, m, "logging/setLevel", buf_bytes(&m->hub->level));
    hub_filled(w);
}

static void
try_again(void *ctx)
{
    struct hub *h = ctx;
    struct session *s = session_ref(h->session);
    h->retry = NULL;
    bool any = false;
    struct work *w = hub_work(h, NULL);
    if (w == NULL) {
        session_unref(s);
        return;
    }
    w->answer = heard;
    w->settled = all_heard;
    for (size_t i = 0; i < h->n && !w->over; i++) {
        struct member *m = &h->members[i];
        enum hub_list kind = m->grants[HUB_TOOLS] ? HUB_TOOLS : m->grants[HUB_PROMPTS] ? HUB_PROMPTS : HUB_RESOURCES;
        any |= m->late || m->down;
        if ((m->late || m->down) && m->under_way == 0)
            hub_list_ask(w, m, kind);
    }
    hub_filled(w);
    if (any)
        hub_retry(h);
    session_unref(s);
}

void
hub_retry(struct hub *h)
{
    struct session *s = h->session;
    int64_t unused = s->gate->config.env->now_ms(s->gate->config.env) - s->used_ms;
    if (h->retry || s->ended || unused > RETRY_WHILE_MS)
        return;
    h->retry = loop_after(s->gate->config.loop, h->retry_after_ms, try_again, h);
    h->retry_at_ms = hub_now_ms(h) + h->retry_after_ms;
    h->retry_after_ms = h->retry_after_ms * 2 < RETRY_LAST_MS ? h->retry_after_ms * 2 : RETRY_LAST_MS;
}

uint64_t
hub_wait_ms(const struct member *m)
{
    const struct hub *h = m->hub;
    uint64_t now = hub_now_ms(h), breaker = limit_wait_ms(m->session), retry = h->retry && h->retry_at_ms > now ? h->retry_at_ms - now : 1;
    return breaker > retry ? breaker : retry;
}
