#include "writ/writ.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "writ/table.h"

const char *const writ_state_names[] = {"pending", "active", "frozen", "completed", "revoked", "expired", NULL};
const char *const purpose_source_names[] = {"stated", "derived", "default", NULL};
const char *const purpose_by_names[] = {"operator", "agent", "template", NULL};

int64_t
writs_now(const struct writs *w)
{
    return w->config.env->now_ms(w->config.env);
}

/* ------------------------------------------------------------------------------------------------------- the table */

static struct writ **
bucket(struct writs *w, struct bytes id)
{
    uint32_t h = 2166136261u; /* FNV-1a; ids are random */
    for (size_t i = 0; i < id.n; i++)
        h = (h ^ id.at[i]) * 16777619u;
    return &w->buckets[h % WRIT_BUCKETS];
}

static bool
is_open(const struct writ *writ)
{
    return writ->state < WRIT_COMPLETED;
}

/* The agent's tally, made at its first writ; NULL when out of memory. */
static struct tally *
tally_of(struct writs *w, const char *agent)
{
    for (struct tally *t = w->tallies; t; t = t->next)
        if (strcmp(t->agent, agent) == 0)
            return t;
    struct tally *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    snprintf(t->agent, sizeof t->agent, "%s", agent);
    t->next = w->tallies;
    return w->tallies = t;
}

bool
writ_insert(struct writs *w, struct writ *writ)
{
    writ->tally = tally_of(w, writ->agent->id);
    if (writ->tally == NULL)
        return false;
    writ->tally->open += is_open(writ);
    struct writ **at = bucket(w, bytes_str(writ->id));
    writ->next = *at;
    *at = writ;
    w->n++;
    if (writ->state == WRIT_ACTIVE)
        w->active++;
    return true;
}

/* Short texts that mostly are not there; the empty one takes no memory. */
static const char no_text[] = "";

static bool
keep_text(const char **to, struct bytes text)
{
    *to = text.n ? strndup((const char *)text.at, text.n) : no_text;
    return *to != NULL;
}

bool
writ_set_texts(struct writ *writ, struct bytes on_behalf_of, struct bytes confinement)
{
    return keep_text(&writ->on_behalf_of, on_behalf_of) && keep_text(&writ->confinement, confinement);
}

static void
free_text(const char *text)
{
    if (text != no_text)
        free((char *)(uintptr_t)text);
}

void
writ_free(struct writs *w, struct writ *writ)
{
    instance_drop(w, writ->instance);
    if (writ->opened_under)
        estate_unref(writ->opened_under);
    free(writ->purpose);
    free_text(writ->on_behalf_of);
    free_text(writ->confinement);
    free(writ);
}

static void
unref_locked(struct writs *w, struct writ *writ)
{
    if (--writ->refs == 0)
        writ_free(w, writ);
}

static void
take_out(struct writs *w, struct writ *writ)
{
    for (struct writ **at = bucket(w, bytes_str(writ->id)); *at; at = &(*at)->next) {
        if (*at != writ)
            continue;
        *at = writ->next;
        w->n--;
        writ->tally->open -= is_open(writ);
        unref_locked(w, writ);
        return;
    }
}

struct writ *
writ_find(struct writs *w, struct bytes id)
{
    pthread_mutex_lock(&w->lock);
    struct writ *writ = *bucket(w, id);
    while (writ && !bytes_is(id, writ->id))
        writ = writ->next;
    if (writ)
        writ->refs++;
    pthread_mutex_unlock(&w->lock);
    return writ;
}

struct writ *
writ_ref(struct writs *w, struct writ *writ)
{
    pthread_mutex_lock(&w->lock);
    writ->refs++;
    pthread_mutex_unlock(&w->lock);
    return writ;
}

void
writ_unref(struct writs *w, struct writ *writ)
{
    if (writ == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    unref_locked(w, writ);
    pthread_mutex_unlock(&w->lock);
}

/* ---------------------------------------------------------------------------------------------------------- opening */

struct opening {
    struct writs *w;
    struct writ *writ;
    writ_opened *done;
    void *ctx;
};

static struct err
may_open(struct writs *w, const struct writ_request *r)
{
    const struct agent *agent = r->agent;
    char why[256];
    if (agent->state != AGENT_ACTIVE)
        return err_make(E_FORBIDDEN, "the agent %s is %s (%s:%d)", agent->id, agent_state_names[agent->state], agent->place.file, agent->place.line);
    if (!agent->owner->active && !(agent->backup && agent->backup->active))
        return err_make(E_FORBIDDEN, "the agent %s has no living owner (%s:%d)", agent->id, agent->place.file, agent->place.line);
    if (r->strength == PROOF_NONE)
        return err_make(E_PROOF, "nothing proved this instance of %s", agent->id);
    for (const struct task **t = agent->tasks;; t++) {
        if (t == NULL || *t == NULL)
            return err_make(E_FORBIDDEN, "the task %s is not one of the agent %s (%s:%d)", r->task->id, agent->id, agent->place.file,
                            agent->place.line);
        if (*t == r->task)
            break;
    }
    if (writs_blocked(w, agent, NULL, NULL, why))
        return err_make(E_FORBIDDEN, "%s", why);
    return audit_healthy(w->config.audit) ? err_ok() : err_make(E_LOG, "the log cannot be written, so nothing may be opened");
}

static struct err
set_purpose(struct writ *writ, const struct writ_request *r)
{
    struct bytes text = r->purpose.n ? r->purpose : bytes_str(r->task->purpose);
    if (text.n > 2000)
        return err_make(E_LIMIT, "a purpose of %zu bytes; at most 2000 are kept", text.n);
    if (!bytes_utf8(text) || bytes_find(text, 0) != text.n)
        return err_make(E_USAGE, "the purpose is not valid UTF-8 text without zeros");
    writ->purpose = text.n ? strndup((const char *)text.at, text.n) : strdup("");
    writ->source = r->purpose.n ? PURPOSE_STATED : PURPOSE_DEFAULT;
    writ->by = r->purpose.n ? r->by : BY_TEMPLATE;
    return writ->purpose ? err_ok() : err_make(E_MEMORY, "no memory for a purpose");
}

static struct err
fill(struct writs *w, struct writ *writ, const struct writ_request *r)
{
    TRY(env_id(w->config.env, "wr", writ->id));
    TRY(task_fingerprint(r->task, writ->task_digest));
    TRY(set_purpose(writ, r));
    writ->opened_under = estate_ref(r->estate);
    writ->agent = r->agent;
    writ->task = r->task;
    writ->confined = r->confined;
    if (!writ_set_texts(writ, bytes_str(r->on_behalf_of), bytes_str(r->confinement)))
        return err_make(E_MEMORY, "no memory for a writ");
    snprintf(writ->session, sizeof writ->session, "%s", r->session ? r->session : "");
    writ->opened_ms = writ->last_use_ms = writs_now(w);
    writ->expires_ms = writ->opened_ms + (int64_t)r->task->lifetime_ms;
    writ->state = WRIT_PENDING;
    writ->refs = 1;
    return err_ok();
}

static void
opened(struct err e, void *ctx)
{
    struct opening *o = ctx;
    struct writs *w = o->w;
    struct writ *writ = o->writ;
    pthread_mutex_lock(&w->lock);
    if (!err_failed(e) && writ->state == WRIT_PENDING) {
        writ->state = WRIT_ACTIVE;
        w->active++;
        writ->refs++;
    } else if (!err_failed(e)) {
        e = err_make(E_WRIT_ENDED, "the writ was %s while it was being opened", writ_state_names[writ->state]);
    } else {
        take_out(w, writ);
    }
    pthread_mutex_unlock(&w->lock);
    o->done(e, err_failed(e) ? NULL : writ, o->ctx);
    free(o);
}

static struct err
commit_opening(struct writs *w, struct opening *o)
{
    struct writ *writ = o->writ;
    struct buf body = buf_make(16384), leaf = buf_make(8192);
    pthread_mutex_lock(&w->lock);
    writ->state = WRIT_ACTIVE; /* as it is to be found after a crash */
    writ_record(writ, &body);
    writ->state = WRIT_PENDING;
    writ_leaf(writ, &leaf);
    writ->version = 1;
    pthread_mutex_unlock(&w->lock);
    struct change_put put = {"writ", bytes_str(writ->id), buf_bytes(&body), 0};
    struct audit_event event = {.kind = AUDIT_WRIT, .members = buf_bytes(&leaf), .said = {{"purpose", bytes_str(writ->purpose)}}, .n_said = 1};
    struct err e =
        body.failed || leaf.failed ? err_make(E_MEMORY, "no memory for a writ's record") : change_commit(w, &put, 1, &event, 1, false, opened, o);
    buf_free(&body);
    buf_free(&leaf);
    return e;
}

struct err
writ_open(struct writs *w, const struct writ_request *r, writ_opened *done, void *ctx)
{
    TRY(may_open(w, r));
    struct writ *writ = calloc(1, sizeof *writ);
    struct opening *o = calloc(1, sizeof *o);
    struct err e = writ && o ? fill(w, writ, r) : err_make(E_MEMORY, "no memory for a writ");
    pthread_mutex_lock(&w->lock);
    if (!err_failed(e) && w->n >= WRITS_MAX)
        e = err_make(E_BUSY, "%d writs are open or recently ended; close some", WRITS_MAX);
    const struct tally *open = err_failed(e) ? NULL : tally_of(w, r->agent->id);
    if (open && open->open >= OPEN_PER_AGENT_MAX)
        e = err_make(E_BUSY, "the agent %s has %d writs open, as many as one agent may; complete some", r->agent->id, OPEN_PER_AGENT_MAX);
    if (!err_failed(e)) {
        writ->instance = instance_get(w, r->agent, &r->proof->chain[0], r->strength, r->why);
        if (writ->instance == NULL)
            e = err_make(E_MEMORY, "no memory for an instance");
        else if (block_against(w, r->agent, writ->instance, NULL))
            e = err_make(E_FORBIDDEN, "this instance was revoked; start a new one");
        else if (!writ_insert(w, writ))
            e = err_make(E_MEMORY, "no memory for a writ");
    }
    if (err_failed(e)) {
        if (writ)
            writ_free(w, writ);
        pthread_mutex_unlock(&w->lock);
        free(o);
        return e;
    }
    pthread_mutex_unlock(&w->lock);
    *o = (struct opening){w, writ, done, ctx};
    e = commit_opening(w, o);
    if (err_failed(e)) {
        pthread_mutex_lock(&w->lock);
        take_out(w, writ);
        pthread_mutex_unlock(&w->lock);
        free(o);
    }
    return e;
}

/* ---------------------------------------------------------------------------------------------------------- closing */

bool
writ_end_in_memory(struct writs *w, struct writ *writ, enum writ_state state, const char *why, const char *by)
{
    if (writ->state >= WRIT_COMPLETED)
        return false;
    if (writ->state == WRIT_ACTIVE)
        w->active--;
    writ->tally->open--;
    writ->state = state;
    writ->ended_ms = writs_now(w);
    writ->unsaved = true;
    snprintf(writ->ended_why, sizeof writ->ended_why, "%s", why);
    snprintf(writ->ended_by, sizeof writ->ended_by, "%s", by);
    return true;
}

struct saving {
    struct writs *w;
    struct writ *writ;
    change_done *done;
    void *ctx;
};

static void
saved(struct err e, void *ctx)
{
    struct saving *s = ctx;
    pthread_mutex_lock(&s->w->lock);
    if (!err_failed(e))
        s->writ->unsaved = false;
    unref_locked(s->w, s->writ);
    pthread_mutex_unlock(&s->w->lock);
    if (s->done)
        s->done(e, s->ctx);
    free(s);
}

/* The end overwrites whatever is there: an end is final, so no version can contradict it. */
struct err
writ_save_end(struct writs *w, struct writ *writ, bool direct, change_done *done, void *ctx)
{
    struct saving *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_make(E_MEMORY, "no memory to save the end of a writ");
    *s = (struct saving){w, writ, done, ctx};
    struct buf body = buf_make(16384), leaf = buf_make(8192);
    pthread_mutex_lock(&w->lock);
    writ_record(writ, &body);
    writ_leaf(writ, &leaf);
    writ->refs++;
    pthread_mutex_unlock(&w->lock);
    struct change_put put = {"writ", bytes_str(writ->id), buf_bytes(&body), STORE_ANY_VERSION};
    struct audit_event event = {.kind = AUDIT_WRIT, .members = buf_bytes(&leaf)};
    struct err e =
        body.failed || leaf.failed ? err_make(E_MEMORY, "no memory for a writ's record") : change_commit(w, &put, 1, &event, 1, direct, saved, s);
    buf_free(&body);
    buf_free(&leaf);
    if (err_failed(e)) {
        writ_unref(w, writ);
        free(s);
    }
    return e;
}

void
writ_close(struct writs *w, struct writ *writ, enum writ_state state, const char *why, const char *by, writ_closed *done, void *ctx)
{
    pthread_mutex_lock(&w->lock);
    bool ended = writ_end_in_memory(w, writ, state, why, by);
    pthread_mutex_unlock(&w->lock);
    if (!ended) {
        if (done)
            done(err_ok(), ctx);
        return;
    }
    writ_effects_stop(w, writ, why, NULL);
    struct err e = writ_save_end(w, writ, false, done, ctx);
    if (err_failed(e) && done)
        done(e, ctx);
}

/* ------------------------------------------------------------------------------------------------------------ using */

struct err
writ_alive(struct writs *w, struct writ *writ, const struct estate *estate, const char *destination)
{
    const struct agent *now = estate_agent(estate, writ->agent->id);
    char why[256];
    if (now == NULL || now->state != AGENT_ACTIVE)
        return err_make(E_FORBIDDEN, "the agent %s is %s", writ->agent->id, now ? agent_state_names[now->state] : "no longer declared");
    if (!now->owner->active && !(now->backup && now->backup->active))
        return err_make(E_FORBIDDEN, "the agent %s has no living owner", now->id);
    pthread_mutex_lock(&w->lock);
    enum writ_state state = writ->state;
    bool over = writs_now(w) >= writ->expires_ms;
    pthread_mutex_unlock(&w->lock);
    if (state != WRIT_ACTIVE)
        return err_make(E_WRIT_ENDED, "the writ %s is %s: %s", writ->id, writ_state_names[state], writ->ended_why);
    if (over)
        return err_make(E_WRIT_ENDED, "the writ %s has expired", writ->id);
    if (writs_blocked(w, now, writ->instance, destination, why))
        return err_make(E_FORBIDDEN, "%s", why);
    if (!audit_healthy(w->config.audit))
        return err_make(E_LOG, "the log cannot be written, so nothing may be done");
    return err_ok();
}

struct err
writ_count(struct writs *w, struct writ *writ, bool allowed)
{
    struct err e = err_ok();
    pthread_mutex_lock(&w->lock);
    writ->last_use_ms = writs_now(w);
    if (!allowed)
        writ->refused++;
    else if (writ->task->max_calls && writ->calls >= writ->task->max_calls)
        e = err_make(E_LIMIT, "the writ's %llu calls are used up (%s:%d: calls)", (unsigned long long)writ->task->max_calls, writ->task->place.file,
                     writ->task->place.line);
    else
        writ->calls++;
    pthread_mutex_unlock(&w->lock);
    return e;
}

/* Memory has it already; the store's copy only matters after a restart. */
static void
seen_stored(struct err e, int64_t first_seq, void *ctx)
{
    (void)e, (void)first_seq, (void)ctx;
}

static void
has_seen(struct writs *w, struct writ *writ, enum sensitivity level, bool untrusted)
{
    pthread_mutex_lock(&w->lock);
    struct seen *seen = &writ->instance->seen;
    bool more = level > seen->level || (untrusted && !seen->untrusted);
    struct buf body = buf_make(16384);
    int64_t expect = writ->version;
    if (more) {
        writ->version++; /* one writer in order: an end that came between makes this put fail, so it cannot undo it */
        if (level > seen->level)
            seen->level = level;
        seen->untrusted |= untrusted;
        writ_record(writ, &body);
    }
    bool active = writ->state == WRIT_ACTIVE;
    pthread_mutex_unlock(&w->lock);
    if (more && active && !body.failed) {
        struct store_put put = {.kind = "writ", .id = bytes_str(writ->id), .body = buf_bytes(&body), .expect_version = expect};
        struct store_write write = {.puts = &put, .n_puts = 1};
        struct err e = store_commit(w->config.store, &write, seen_stored, NULL);
        (void)e;
    }
    buf_free(&body);
}

void
writ_saw(struct writs *w, struct writ *writ, const struct destination *destination)
{
    has_seen(w, writ, destination->sensitivity, destination->integrity == INTEGRITY_UNTRUSTED);
}

void
writ_saw_result(struct writs *w, struct writ *writ, enum sensitivity level, bool untrusted)
{
    has_seen(w, writ, level, untrusted);
}

void
writ_saw_data(struct writs *w, struct writ *writ, enum sensitivity level)
{
    has_seen(w, writ, level, false);
}

struct seen
writ_seen(struct writs *w, const struct writ *writ)
{
    pthread_mutex_lock(&w->lock);
    struct seen seen = writ->instance->seen;
    pthread_mutex_unlock(&w->lock);
    return seen;
}

enum writ_state
writ_state(struct writs *w, const struct writ *writ)
{
    pthread_mutex_lock(&w->lock);
    enum writ_state state = writ->state;
    pthread_mutex_unlock(&w->lock);
    return state;
}

/* ------------------------------------------------------------------------------------------------------ start and time */

/* `writ run` proves a process before its program starts: the executable changes then, once, and only the process stays the same. */
static bool
still_runs(const struct writ *writ)
{
    const struct process *was = &writ->instance->process;
    struct process now;
    if (strcmp(writ->session, "run") != 0)
        return process_alive(was);
    return !err_failed(process_read(was->pid, &now)) && now.start == was->start;
}

static const char *
why_not_again(struct writs *w, const struct writ *writ, const struct estate *estate, enum writ_state *state)
{
    char digest[65];
    *state = WRIT_REVOKED;
    if (writ->agent->state != AGENT_ACTIVE || (!writ->agent->owner->active && !(writ->agent->backup && writ->agent->backup->active)))
        return "its agent is not active or has no living owner";
    if (err_failed(task_fingerprint(writ->task, digest)) || strcmp(digest, writ->task_digest) != 0)
        return "its task template changed while the server was down";
    *state = WRIT_EXPIRED;
    if (writs_now(w) >= writ->expires_ms)
        return "its time was over";
    *state = WRIT_COMPLETED;
    if (!still_runs(writ))
        return "its process ended while the server was down";
    (void)estate;
    return NULL;
}

struct loading {
    struct writs *w;
    struct estate *estate;
    struct writ **ended; /* to be saved once the scan is over */
    size_t n, cap;
};

static struct err
load_one(struct bytes id, int64_t version, struct bytes body, void *ctx)
{
    struct loading *l = ctx;
    struct writ *writ;
    enum writ_state state;
    struct err e = writ_unrecord(l->w, l->estate, body, &writ);
    if (err_failed(e))
        return err_wrap(e, "writ %.*s", BYTES_CUT(id, 40));
    if (writ == NULL)
        return err_ok(); /* nothing that is declared can use it; the store keeps it */
    writ->version = version;
    int64_t now = writs_now(l->w);
    if (writ->state >= WRIT_COMPLETED && now - writ->ended_ms > ENDED_KEPT_MS) {
        writ_free(l->w, writ);
        return err_ok();
    }
    const char *why = writ->state == WRIT_ACTIVE ? why_not_again(l->w, writ, l->estate, &state) : NULL;
    if (!writ_insert(l->w, writ)) {
        writ_free(l->w, writ);
        return err_make(E_MEMORY, "no memory to load writs");
    }
    if (why == NULL || !writ_end_in_memory(l->w, writ, state, why, "writ"))
        return err_ok();
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct writ **more = realloc(l->ended, cap * sizeof *more);
        if (more == NULL)
            return err_make(E_MEMORY, "no memory to load writs");
        l->ended = more;
        l->cap = cap;
    }
    l->ended[l->n++] = writ;
    return err_ok();
}

struct err
writs_load(struct writs *w, struct estate *estate)
{
    struct loading l = {.w = w, .estate = estate};
    pthread_mutex_lock(&w->lock);
    struct err e = store_scan(w->config.store, "writ", load_one, &l);
    if (!err_failed(e))
        e = blocks_load(w);
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < l.n && !err_failed(e); i++)
        e = writ_save_end(w, l.ended[i], false, NULL, NULL);
    free(l.ended);
    return e;
}

/* A call or a stream is use; a server that waits for the next call is not, or no task with a server of its own would ever end by idleness. */
static bool
in_use(const struct writ *writ)
{
    const struct running *e = writ->effects;
    while (e && e->kind == RUNNING_PROCESS)
        e = e->next;
    return e != NULL;
}

/* What the sweep decides for one writ (locked). */
static const char *
sweep_one(struct writs *w, struct writ *writ, int64_t now, enum writ_state *state)
{
    *state = WRIT_EXPIRED;
    if (now >= writ->expires_ms)
        return "its time is over";
    if (writ->task->idle_ms && now - writ->last_use_ms >= (int64_t)writ->task->idle_ms && !in_use(writ))
        return "it was not used";
    *state = WRIT_COMPLETED;
    if (!still_runs(writ))
        return "its process ended";
    (void)w;
    return NULL;
}

#define SWEEP_BATCH 256

void
writs_sweep(struct writs *w)
{
    struct {
        struct writ *writ;
        enum writ_state state;
        const char *why;
    } due[SWEEP_BATCH];
    size_t n = 0;
    int64_t now = writs_now(w);
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < WRIT_BUCKETS && n < SWEEP_BATCH; i++) {
        for (struct writ *writ = w->buckets[i], *next; writ && n < SWEEP_BATCH; writ = next) {
            next = writ->next;
            enum writ_state state;
            const char *why = writ->state == WRIT_ACTIVE ? sweep_one(w, writ, now, &state) : NULL;
            if (why) {
                writ->refs++;
                due[n].writ = writ, due[n].state = state, due[n++].why = why;
            } else if (writ->state >= WRIT_COMPLETED && writ->unsaved && now - writ->ended_ms > 2000) {
                writ->refs++;
                due[n].writ = writ, due[n].state = writ->state, due[n++].why = NULL;
            } else if (writ->state >= WRIT_COMPLETED && now - writ->ended_ms > ENDED_KEPT_MS && !writ->effects) {
                take_out(w, writ);
            }
        }
    }
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < n; i++) {
        if (due[i].why)
            writ_close(w, due[i].writ, due[i].state, due[i].why, "writ", NULL, NULL);
        else if (err_failed(writ_save_end(w, due[i].writ, false, NULL, NULL)))
            break; /* the store is down: tried again at the next sweep */
        writ_unref(w, due[i].writ);
    }
}

static void
sweep_tick(void *ctx)
{
    writs_sweep(ctx);
}

struct err
writs_make(const struct writs_config *config, struct writs **out)
{
    struct writs *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_make(E_MEMORY, "no memory for the table of writs");
    w->config = *config;
    pthread_mutex_init(&w->lock, NULL);
    w->sweep = loop_every(config->loop, 1000, sweep_tick, w);
    *out = w;
    return w->sweep ? err_ok() : err_make(E_MEMORY, "no memory for a timer");
}

void
writs_free(struct writs *w)
{
    if (w == NULL)
        return; /* Behave consistently with free(NULL). */
    loop_cancel(w->sweep);
    for (size_t i = 0; i < WRIT_BUCKETS; i++)
        while (w->buckets[i])
            take_out(w, w->buckets[i]);
    while (w->tallies) {
        struct tally *t = w->tallies;
        w->tallies = t->next;
        free(t);
    }
    while (w->blocks) {
        struct block *b = w->blocks;
        w->blocks = b->next;
        free(b);
    }
    pthread_mutex_destroy(&w->lock);
    free(w);
}
