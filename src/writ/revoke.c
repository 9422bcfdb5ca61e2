#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "writ/table.h"
#include "writ/writ.h"

#define OVERDUE_MS 5000 /* then the answer says "revoking"; the stopping itself goes on */

const char *const selector_names[] = {"call", "writ", "instance", "agent", "owner", "destination", "everything", NULL};

static uint64_t
since(const struct revocation *r)
{
    struct env *env = r->writs->config.env;
    return env->mono_ns(env) - r->began_ns;
}

/* ---------------------------------------------------------------------------------------------------------- effects */

void
running_begin(struct writs *w, struct writ *writ, struct running *e)
{
    pthread_mutex_lock(&w->lock);
    e->writ = writ;
    writ->refs++;
    e->next = writ->effects;
    e->at = &writ->effects;
    if (e->next)
        e->next->at = &e->next;
    writ->effects = e;
    pthread_mutex_unlock(&w->lock);
}

static void answer(struct revocation *r);

void
running_ended(struct writs *w, struct running *e)
{
    if (e->writ == NULL)
        return; /* it never began */
    pthread_mutex_lock(&w->lock);
    struct writ *writ = e->writ;
    struct revocation *r = e->by;
    *e->at = e->next;
    if (e->next)
        e->next->at = e->at;
    e->writ = NULL;
    e->by = NULL;
    if (r) {
        r->found.effect_ns = since(r);
        r->waiting--;
    }
    pthread_mutex_unlock(&w->lock);
    writ_unref(w, writ);
    if (r)
        answer(r);
}

static void
stop_one(struct running *e, const char *why, struct revocation *r)
{
    if (r && e->by == NULL) {
        e->by = r;
        r->waiting++;
        r->found.calls += e->kind == RUNNING_CALL;
        r->found.streams += e->kind == RUNNING_STREAM;
        r->found.processes += e->kind == RUNNING_PROCESS;
    }
    if (e->stopping)
        return;
    e->stopping = true;
    e->stop(e, why);
}

/* Stopping one effect may end others of the same writ, so start over after each until none is left to ask. */
static bool
stop_next(struct writs *w, struct writ *writ, struct bytes call, struct bytes destination, const char *why, struct revocation *r)
{
    pthread_mutex_lock(&w->lock);
    struct running *e = writ->effects;
    while (e && ((e->stopping && (r == NULL || e->by)) || (call.n && !bytes_is(call, e->call)) ||
                 (destination.n && !bytes_is(destination, e->destination))))
        e = e->next;
    pthread_mutex_unlock(&w->lock);
    if (e == NULL)
        return false;
    stop_one(e, why, r);
    return true;
}

void
writ_effects_stop(struct writs *w, struct writ *writ, const char *why, struct revocation *r)
{
    struct bytes none = {NULL, 0};
    while (stop_next(w, writ, none, none, why, r)) {}
}

/* ------------------------------------------------------------------------------------------------------- selection */

static bool
owns(const struct agent *agent, struct bytes person)
{
    return bytes_is(person, agent->owner->id) || (agent->backup && bytes_is(person, agent->backup->id));
}

/* Does a whole writ fall under the selector? A destination or a call cuts effects, not writs. */
static bool
selects(enum selector selector, struct bytes id, const struct writ *writ)
{
    switch (selector) {
    case BY_WRIT:
        return bytes_is(id, writ->id);
    case BY_INSTANCE:
        return bytes_is(id, writ->instance->id);
    case BY_THE_AGENT:
        return bytes_is(id, writ->agent->id);
    case BY_OWNER:
        return owns(writ->agent, id);
    case BY_EVERYTHING:
        return true;
    default:
        return false;
    }
}

static void
each_writ(struct writs *w, bool (*fn)(struct writ *writ, void *ctx), void *ctx)
{
    for (size_t i = 0; i < WRIT_BUCKETS; i++)
        for (struct writ *writ = w->buckets[i]; writ; writ = writ->next)
            if (!fn(writ, ctx))
                return;
}

/* --------------------------------------------------------------------------------------------------- revocations */

struct cut {
    struct revocation *r;
    struct bytes id;
    const char *why, *by;
    struct writ **ended;
    size_t n, cap;
    bool known, failed;
};

/* (locked) Ends what is selected, in memory; keeps a reference of each for saving. */
static bool
cut_one(struct writ *writ, void *ctx)
{
    struct cut *c = ctx;
    struct revocation *r = c->r;
    if (r->selector == BY_CALL)
        for (struct running *e = writ->effects; e; e = e->next)
            c->known |= bytes_is(c->id, e->call);
    if (!selects(r->selector, c->id, writ))
        return true;
    c->known = true;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct writ **more = realloc(c->ended, cap * sizeof *more);
        if (more == NULL)
            return c->failed = true, false;
        c->ended = more;
        c->cap = cap;
    }
    if (writ_end_in_memory(r->writs, writ, WRIT_REVOKED, c->why, c->by)) {
        writ->refs++;
        c->ended[c->n++] = writ;
        r->found.writs++;
    }
    return true;
}

static void
take_off(struct revocation *r)
{
    for (struct revocation **at = &r->writs->revocations; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            return;
        }
}

static void
overdue(void *ctx)
{
    struct revocation *r = ctx;
    r->overdue = NULL;
    answer(r);
}

static void
record_measured(struct revocation *r)
{
    struct buf m = buf_make(2048);
    json_member_str(&m, "revocation", r->found.id);
    json_member_str(&m, "state", r->found.confirmed ? "confirmed" : "revoking");
    json_member_int(&m, "writs", (int64_t)r->found.writs);
    json_member_int(&m, "calls", (int64_t)r->found.calls);
    json_member_int(&m, "streams", (int64_t)r->found.streams);
    json_member_int(&m, "processes", (int64_t)r->found.processes);
    json_member_int(&m, "memory_us", (int64_t)(r->found.memory_ns / 1000));
    json_member_int(&m, "effect_us", (int64_t)(r->found.effect_ns / 1000));
    json_member_int(&m, "durable_us", (int64_t)(r->found.durable_ns / 1000));
    struct audit_event event = {.kind = AUDIT_REVOCATION, .members = buf_bytes(&m)};
    struct err e = audit_append(r->writs->config.audit, &event, false, NULL, NULL);
    (void)e; /* the cut itself is on record already; this line adds the measurement */
    buf_free(&m);
}

static void
finished(void *ctx)
{
    struct revocation *r = ctx;
    pthread_mutex_lock(&r->writs->lock);
    bool over = r->waiting == 0;
    r->found.confirmed = over && !r->failed;
    struct revoked found = r->found;
    bool first = !r->answered;
    r->answered = true;
    pthread_mutex_unlock(&r->writs->lock);
    record_measured(r);
    if (first)
        r->done(r->failed ? r->error : err_ok(), &found, r->ctx);
    if (!over)
        return; /* told as "revoking"; the effects that still run will come here again when they end */
    pthread_mutex_lock(&r->writs->lock);
    take_off(r);
    pthread_mutex_unlock(&r->writs->lock);
    free(r);
}

/* Called after each step, on any thread: is everything known that the answer says? */
static void
answer(struct revocation *r)
{
    struct writs *w = r->writs;
    pthread_mutex_lock(&w->lock);
    bool late = r->effects_asked && r->overdue == NULL && r->waiting;
    bool ready = r->durable && r->effects_asked && (r->waiting == 0 || (late && !r->answered));
    pthread_mutex_unlock(&w->lock);
    if (!ready)
        return;
    if (r->waiting == 0 && r->overdue) {
        loop_cancel(r->overdue);
        r->overdue = NULL;
    }
    finished(r);
}

struct stop_list {
    struct revocation *r;
    struct writ **list;
    size_t n;
};

static bool
keep_writ(struct writ *writ, void *ctx)
{
    struct stop_list *s = ctx;
    if (writ->effects == NULL)
        return true;
    struct writ **more = realloc(s->list, (s->n + 1) * sizeof *more);
    if (more == NULL)
        return false;
    s->list = more;
    s->list[s->n++] = writ;
    writ->refs++;
    return true;
}

/*
 * Before any one is ended with all that belongs to it (its server's work, its record): the agents of all of them hear nothing more. The
 * list changes on this thread only.
 */
static void
hush(const struct writ *writ, const char *why)
{
    for (struct running *e = writ->effects; e; e = e->next)
        if (e->hush && !e->stopping)
            e->hush(e, why);
}

/* On the loop's thread: ask every effect that falls under the revocation to stop. */
static void
stop_effects(void *ctx)
{
    struct revocation *r = ctx;
    struct writs *w = r->writs;
    struct bytes none = {NULL, 0}, target = bytes_str(r->target);
    struct stop_list s = {.r = r};
    pthread_mutex_lock(&w->lock);
    each_writ(w, keep_writ, &s);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < s.n; i++)
        if (selects(r->selector, target, s.list[i]))
            hush(s.list[i], r->why);
    for (size_t i = 0; i < s.n; i++) {
        struct writ *writ = s.list[i];
        if (r->selector == BY_CALL || r->selector == BY_DESTINATION)
            while (stop_next(w, writ, r->selector == BY_CALL ? target : none, r->selector == BY_DESTINATION ? target : none, r->why, r)) {}
        else if (selects(r->selector, target, writ))
            writ_effects_stop(w, writ, r->why, r);
        writ_unref(w, writ);
    }
    free(s.list);
    if (r->waiting)
        r->overdue = loop_after(w->config.loop, OVERDUE_MS, overdue, r);
    pthread_mutex_lock(&w->lock);
    r->effects_asked = true;
    pthread_mutex_unlock(&w->lock);
    answer(r);
}

static void
durable_on_loop(void *ctx)
{
    struct revocation *r = ctx;
    pthread_mutex_lock(&r->writs->lock);
    r->durable = true;
    pthread_mutex_unlock(&r->writs->lock);
    answer(r);
}

static void
durable(struct err e, void *ctx)
{
    struct revocation *r = ctx;
    pthread_mutex_lock(&r->writs->lock);
    r->found.durable_ns = since(r);
    r->failed = err_failed(e);
    r->error = e;
    pthread_mutex_unlock(&r->writs->lock);
    if (err_failed(loop_post(r->writs->config.loop, durable_on_loop, r)))
        durable_on_loop(r);
}

/* All ended writs and the block in one transaction, with one record each. */
static struct err
commit_cut(struct writs *w, struct cut *c, struct block *block, struct arena *a)
{
    size_t n = c->n + (block != NULL), k = 0;
    struct change_put *puts = arena_list(a, n + 1, sizeof *puts);
    struct audit_event *events = arena_list(a, n + 1, sizeof *events);
    if (puts == NULL || events == NULL)
        return err_make(E_MEMORY, "no memory for a revocation");
    struct buf lead = buf_make(4096);
    json_member_str(&lead, "revocation", c->r->found.id);
    json_member_str(&lead, "state", "revoking");
    json_member_str(&lead, "selector", selector_names[c->r->selector]);
    json_member_text(&lead, "id", c->id);
    json_member_str(&lead, "why", c->why);
    json_member_str(&lead, "by", c->by);
    json_member_int(&lead, "writs", (int64_t)c->n);
    events[k++] = (struct audit_event){.kind = AUDIT_REVOCATION, .members = arena_copy(a, buf_bytes(&lead))};
    buf_free(&lead);
    size_t p = 0;
    if (block) {
        struct buf body = buf_make(2048), id = buf_make(256);
        json_open(&body, '{');
        json_member_str(&body, "selector", selector_names[block->selector]);
        json_member_str(&body, "id", block->id);
        json_member_str(&body, "why", block->why);
        json_member_str(&body, "by", block->by);
        json_member_int(&body, "since", block->since_ms);
        json_close(&body, '}');
        buf_printf(&id, "%s:%s", selector_names[block->selector], block->id);
        puts[p++] = (struct change_put){"block", arena_copy(a, buf_bytes(&id)), arena_copy(a, buf_bytes(&body)), STORE_ANY_VERSION};
        buf_free(&body);
        buf_free(&id);
    }
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < c->n; i++) {
        struct buf body = buf_make(16384), leaf = buf_make(8192);
        writ_record(c->ended[i], &body);
        writ_leaf(c->ended[i], &leaf);
        puts[p++] = (struct change_put){"writ", bytes_str(c->ended[i]->id), arena_copy(a, buf_bytes(&body)), STORE_ANY_VERSION};
        events[k++] = (struct audit_event){.kind = AUDIT_WRIT, .members = arena_copy(a, buf_bytes(&leaf))};
        buf_free(&body);
        buf_free(&leaf);
    }
    pthread_mutex_unlock(&w->lock);
    return change_commit(w, puts, p, events, k, true, durable, c->r);
}

static struct block *
add_block(struct writs *w, const struct revocation *r, const char *why, const char *by)
{
    struct block *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->selector = r->selector;
    snprintf(b->id, sizeof b->id, "%s", r->target);
    snprintf(b->why, sizeof b->why, "%s", why);
    snprintf(b->by, sizeof b->by, "%s", by);
    b->since_ms = writs_now(w);
    b->next = w->blocks;
    w->blocks = b;
    return b;
}

static void
saved_all(struct writs *w, struct cut *c, bool ok)
{
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < c->n; i++)
        c->ended[i]->unsaved = !ok; /* not saved: the sweep tries again until it is */
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < c->n; i++)
        writ_unref(w, c->ended[i]);
    free(c->ended);
}

static struct err
start_revocation(struct writs *w, enum selector selector, struct bytes id, const char *why, revocation_done *done, void *ctx, struct revocation **out)
{
    struct revocation *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_make(E_MEMORY, "no memory for a revocation");
    *r = (struct revocation){.writs = w, .selector = selector, .done = done, .ctx = ctx};
    r->began_ns = w->config.env->mono_ns(w->config.env);
    snprintf(r->target, sizeof r->target, "%.*s", BYTES_ARG(id));
    snprintf(r->why, sizeof r->why, "revoked: %s", why);
    struct err e = env_id(w->config.env, "rv", r->found.id);
    if (err_failed(e))
        free(r);
    else
        *out = r;
    return e;
}

struct err
writs_revoke(struct writs *w, enum selector selector, struct bytes id, const char *why, const char *by, revocation_done *done, void *ctx)
{
    struct revocation *r = NULL;
    if (id.n >= sizeof r->target)
        return err_make(E_USAGE, "an id of %zu bytes names nothing", id.n);
    TRY(start_revocation(w, selector, id, why, done, ctx, &r));
    struct cut c = {.r = r, .id = bytes_str(r->target), .why = why, .by = by, .known = selector >= BY_THE_AGENT};
    pthread_mutex_lock(&w->lock);
    each_writ(w, cut_one, &c);
    struct block *block = NULL;
    if (c.known && selector != BY_CALL && selector != BY_WRIT)
        block = add_block(w, r, why, by);
    r->found.memory_ns = since(r);
    if (c.known)
        r->next = w->revocations, w->revocations = r;
    pthread_mutex_unlock(&w->lock);
    if (!c.known) {
        free(c.ended);
        struct err e = err_make(E_NOT_FOUND, "there is no %s %s", selector_names[selector], r->target);
        free(r);
        return e;
    }
    struct arena a = {.max = (size_t)1 << 30}; /* everything may have to go at once */
    struct err e = commit_cut(w, &c, block, &a);
    saved_all(w, &c, !err_failed(e));
    arena_free(&a);
    if (err_failed(e))
        durable(e, r); /* memory is cut all the same; the answer says that it is not durable yet */
    e = loop_post(w->config.loop, stop_effects, r);
    return err_ok();
}

/* ---------------------------------------------------------------------------------------------------------- blocks */

const struct block *
block_against(struct writs *w, const struct agent *agent, const struct instance *instance, const char *destination)
{
    for (const struct block *b = w->blocks; b; b = b->next) {
        bool hit = b->selector == BY_EVERYTHING || (b->selector == BY_THE_AGENT && strcmp(b->id, agent->id) == 0) ||
                   (b->selector == BY_OWNER && owns(agent, bytes_str(b->id))) ||
                   (b->selector == BY_INSTANCE && instance && strcmp(b->id, instance->id) == 0) ||
                   (b->selector == BY_DESTINATION && destination && strcmp(b->id, destination) == 0);
        if (hit)
            return b;
    }
    return NULL;
}

bool
writs_blocked(struct writs *w, const struct agent *agent, const struct instance *instance, const char *destination, char why[256])
{
    pthread_mutex_lock(&w->lock);
    const struct block *b = block_against(w, agent, instance, destination);
    if (b)
        snprintf(why, 256, "%s %.80s is revoked by %.60s: %.80s", selector_names[b->selector], b->id, b->by, b->why);
    pthread_mutex_unlock(&w->lock);
    return b != NULL;
}

static struct err
load_block(struct bytes key, int64_t version, struct bytes body, void *ctx)
{
    struct writs *w = ctx;
    struct arena a = {0};
    struct json *v;
    struct err e = json_parse(&a, body, NULL, &v);
    struct block *b = err_failed(e) ? NULL : calloc(1, sizeof *b);
    struct bytes selector = b ? json_text(v, "selector") : key;
    if (b) {
        for (int i = 0; selector_names[i]; i++)
            if (bytes_is(selector, selector_names[i]))
                b->selector = (enum selector)i;
        struct bytes id = json_text(v, "id"), why = json_text(v, "why"), by = json_text(v, "by");
        const struct json *at = json_get(v, "since");
        snprintf(b->id, sizeof b->id, "%.*s", BYTES_ARG(id));
        snprintf(b->why, sizeof b->why, "%.*s", BYTES_ARG(why));
        snprintf(b->by, sizeof b->by, "%.*s", BYTES_ARG(by));
        b->since_ms = json_is(at, JSON_INT) ? at->number : 0;
        b->version = version;
        b->next = w->blocks;
        w->blocks = b;
    }
    arena_free(&a);
    return e;
}

struct err
blocks_load(struct writs *w)
{
    return store_scan(w->config.store, "block", load_block, w);
}

/* (locked) Take every block of this selector out of the list. */
static bool
lift(struct writs *w, enum selector selector, struct bytes id)
{
    bool any = false;
    for (struct block **at = &w->blocks; *at;) {
        struct block *b = *at;
        if (b->selector != selector || !bytes_is(id, b->id)) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        free(b);
        any = true;
    }
    return any;
}

struct restoring {
    struct writs *w;
    enum selector selector;
    char id[128];
    writ_closed *done;
    void *ctx;
};

static void
restored(struct err e, void *ctx)
{
    struct restoring *r = ctx;
    if (!err_failed(e)) { /* authority comes back only after it is on record */
        pthread_mutex_lock(&r->w->lock);
        lift(r->w, r->selector, bytes_str(r->id));
        pthread_mutex_unlock(&r->w->lock);
    }
    r->done(e, r->ctx);
    free(r);
}

static bool
is_blocked(struct writs *w, enum selector selector, struct bytes id)
{
    pthread_mutex_lock(&w->lock);
    const struct block *b = w->blocks;
    while (b && !(b->selector == selector && bytes_is(id, b->id)))
        b = b->next;
    pthread_mutex_unlock(&w->lock);
    return b != NULL;
}

struct err
writs_restore(struct writs *w, enum selector selector, struct bytes id, const char *by, writ_closed *done, void *ctx)
{
    if (!is_blocked(w, selector, id))
        return err_make(E_NOT_FOUND, "%s %.*s is not blocked", selector_names[selector], BYTES_CUT(id, 100));
    struct restoring *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_make(E_MEMORY, "no memory to restore");
    *r = (struct restoring){.w = w, .selector = selector, .done = done, .ctx = ctx};
    snprintf(r->id, sizeof r->id, "%.*s", BYTES_ARG(id));
    struct buf key = buf_make(256), m = buf_make(1024);
    buf_printf(&key, "%s:%s", selector_names[selector], r->id);
    json_member_str(&m, "change", "restored");
    json_member_str(&m, "selector", selector_names[selector]);
    json_member_str(&m, "id", r->id);
    json_member_str(&m, "by", by);
    struct change_put put = {"block", buf_bytes(&key), {NULL, 0}, STORE_ANY_VERSION};
    struct audit_event event = {.kind = AUDIT_PRIVILEGE, .members = buf_bytes(&m)};
    struct err e = change_commit(w, &put, 1, &event, 1, false, restored, r);
    buf_free(&key);
    buf_free(&m);
    if (err_failed(e))
        free(r);
    return e;
}
