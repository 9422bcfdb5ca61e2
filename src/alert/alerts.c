/* All webhooks, and the place in the log up to which they were told. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/inner.h"

#define TICK_MS 1000
#define HOUR_TICKS 3600u
#define PASSING_MAX ((size_t)16 << 20) /* bytes */
#define CATCH_UP_MS ((int64_t)24 * 3600 * 1000) /* what is older is history */
#define OBSERVE_WARN_DAYS 3
#define KIND "alert_place"

struct passing { /* a record on its way from the log's thread to the loop */
    struct passing *next;
    uint64_t index;
    size_t n;
    uint8_t leaf[];
};

int64_t
alerts_now(struct alerts *a)
{
    return a->config.env->now_ms(a->config.env);
}

void
alert_binding(const char *id, char out[ALERT_BINDING_MAX])
{
    snprintf(out, ALERT_BINDING_MAX, ".alert.%.48s", id);
}

/* -------------------------------------------------------------------------------------------------------- place in the log */

static void
stored(struct err e, int64_t first_seq, void *ctx)
{
    (void)e, (void)first_seq, (void)ctx; /* at worst something is told twice */
}

static void
save_place(struct alerts *a)
{
    uint64_t place = a->next, first;
    char body[64];
    if (a->next == 0)
        return; /* no record was seen yet */
    for (const struct hook *h = a->hooks; h; h = h->next)
        if (hook_waits(h, &first) && first < place)
            place = first;
    if (a->placed && place == a->saved)
        return;
    snprintf(body, sizeof body, "{\"next\":%llu}", (unsigned long long)place);
    struct store_put put = {.kind = KIND, .id = BYTES("log"), .body = bytes_str(body), .expect_version = STORE_ANY_VERSION};
    struct store_write w = {.puts = &put, .n_puts = 1};
    if (err_failed(store_commit(a->config.store, &w, stored, NULL)))
        return;
    a->saved = place;
    a->placed = true;
}

static bool
load_place(struct alerts *a)
{
    struct arena arena = {0};
    struct json *place = NULL;
    struct bytes body;
    int64_t version;
    struct err e = store_get(a->config.store, KIND, BYTES("log"), &arena, &body, &version);
    if (!err_failed(e) && version)
        e = json_parse(&arena, body, NULL, &place);
    const struct json *next = json_get(place, "next");
    bool there = !err_failed(e) && json_is(next, JSON_INT) && next->number >= 0;
    if (there) {
        a->next = a->saved = (uint64_t)next->number;
        a->placed = true;
    }
    arena_free(&arena);
    return there;
}

/* ---------------------------------------------------------------------------------------------------------------- telling */

static void
tell_all(struct alerts *a, struct alert *t)
{
    t->key = alert_key(t);
    for (struct hook *h = a->hooks; h; h = h->next)
        hook_tell(h, t);
}

static void
tell_record(struct alerts *a, uint64_t index, struct bytes leaf)
{
    struct alert *t = calloc(1, sizeof *t);
    if (t && alert_read(index, leaf, t))
        tell_all(a, t);
    alert_unref(t);
    a->next = index + 1;
}

static void
tell_lost(struct alerts *a, uint64_t lost)
{
    char title[TITLE_MAX];
    snprintf(title, sizeof title, "%llu records came too fast to be told of; the log has them", (unsigned long long)lost);
    struct alert *t = alert_make(ALERT_SERVER, SEVERITY_WARNING, alerts_now(a), title);
    if (t)
        tell_all(a, t);
    alert_unref(t);
}

static void
arrive(void *ctx)
{
    struct alerts *a = ctx;
    pthread_mutex_lock(&a->lock);
    struct passing *list = a->passing;
    uint64_t lost = a->lost;
    a->passing = NULL;
    a->last_passing = &a->passing;
    a->passing_bytes = 0;
    a->lost = 0;
    a->posted = false;
    pthread_mutex_unlock(&a->lock);
    while (list) {
        struct passing *p = list;
        list = p->next;
        if (!a->stopped)
            tell_record(a, p->index, bytes_make(p->leaf, p->n));
        free(p);
    }
    if (lost)
        tell_lost(a, lost);
    if (!a->placed && !a->stopped)
        save_place(a); /* from here on a crash loses nothing */
}

/* On the log's thread: most records are none, and then this costs a look at their beginning. */
void
alerts_record(void *ctx, uint64_t index, struct bytes leaf)
{
    struct alerts *a = ctx;
    if (!alert_worth(leaf))
        return;
    pthread_mutex_lock(&a->lock);
    if (a->watching) {
        struct passing *p = a->passing_bytes < PASSING_MAX ? malloc(sizeof *p + leaf.n) : NULL;
        if (p) {
            p->next = NULL;
            p->index = index;
            p->n = leaf.n;
            memcpy(p->leaf, leaf.at, leaf.n);
            *a->last_passing = p;
            a->last_passing = &p->next;
            a->passing_bytes += sizeof *p + leaf.n;
        } else {
            a->lost++;
        }
        a->posted = a->posted || !err_failed(loop_post(a->config.loop, arrive, a));
    }
    pthread_mutex_unlock(&a->lock);
}

static bool
catch_up(uint64_t index, struct bytes leaf, void *ctx)
{
    struct alerts *a = ctx;
    tell_record(a, index, leaf);
    return true;
}

/* ---------------------------------------------------------------------------------------------------------- what comes near */

static void
tell_ending(struct alerts *a, const struct observe *o, int64_t days)
{
    static const char *const what[] = {"agent", "destination", "policy"};
    char title[TITLE_MAX], when[48];
    snprintf(when, sizeof when, days > 0 ? "in %lld day%s" : "today", (long long)days, days == 1 ? "" : "s");
    snprintf(title, sizeof title, "Observing the %s %s ends %s; then refusals are enforced", what[o->what], o->id, when);
    struct alert *t = alert_make(ALERT_OBSERVE_ENDS, SEVERITY_WARNING, alerts_now(a), title);
    if (t == NULL)
        return;
    alert_fact(t, BYTES("until"), bytes_str(o->until));
    alert_fact(t, BYTES("edit"), bytes_str(o->place.file));
    tell_all(a, t);
    alert_unref(t);
}

/* Once a day, from three days before the last one. */
static void
look_at_observes(struct alerts *a)
{
    char now[ENV_TIME_MAX], last[ENV_TIME_MAX];
    int64_t today, until;
    env_time_text(alerts_now(a), now);
    if (strncmp(now, a->observe_day, 10) == 0)
        return;
    snprintf(a->observe_day, sizeof a->observe_day, "%.10s", now);
    snprintf(now + 10, sizeof now - 10, "T00:00:00Z");
    for (size_t i = 0; i < a->estate->n_observes && env_time_parse(bytes_str(now), &today); i++) {
        const struct observe *o = &a->estate->observes[i];
        snprintf(last, sizeof last, "%.10sT00:00:00Z", o->until ? o->until : "");
        if (env_time_parse(bytes_str(last), &until) && until >= today && until - today <= (int64_t)OBSERVE_WARN_DAYS * 86400000)
            tell_ending(a, o, (until - today) / 86400000);
    }
}

static void
look_at_log(struct alerts *a)
{
    if (a->unhealthy || audit_healthy(a->audit))
        return;
    a->unhealthy = true;
    struct alert *t =
        alert_make(ALERT_SERVER, SEVERITY_CRITICAL, alerts_now(a), "The log cannot be written: nothing is allowed until Writ is started again");
    if (t)
        tell_all(a, t);
    alert_unref(t);
}

static void
tick(void *ctx)
{
    struct alerts *a = ctx;
    for (struct hook *h = a->hooks; h; h = h->next)
        hook_tick(h);
    look_at_log(a);
    if (a->ticks++ % HOUR_TICKS == 0)
        look_at_observes(a);
    save_place(a);
}

/* ------------------------------------------------------------------------------------------------------------------- estates */

static void
drop_hooks(struct alerts *a, bool all)
{
    for (struct hook **at = &a->hooks; *at;) {
        struct hook *h = *at;
        if (h->kept && !all) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        hook_free(h);
    }
}

static struct hook *
find_hook(struct alerts *a, const char *id)
{
    struct hook *h = a->hooks;
    while (h && strcmp(h->id, id) != 0)
        h = h->next;
    return h;
}

/* Without webhooks nothing is kept, looked at or woken for. */
static void
set_watching(struct alerts *a)
{
    bool any = a->hooks != NULL;
    pthread_mutex_lock(&a->lock);
    a->watching = any;
    pthread_mutex_unlock(&a->lock);
    if (any && a->tick == NULL)
        a->tick = loop_every(a->config.loop, TICK_MS, tick, a);
    if (!any && a->tick) {
        loop_cancel(a->tick);
        a->tick = NULL;
    }
}

void
alerts_use(struct alerts *a, struct estate *estate)
{
    struct estate *old = a->estate;
    a->estate = estate_ref(estate);
    for (struct hook *h = a->hooks; h; h = h->next)
        h->kept = false;
    for (size_t i = 0; i < estate->n_webhooks; i++) {
        const struct webhook *w = &estate->webhooks[i];
        struct hook *h = find_hook(a, w->id);
        if (h) {
            hook_use(h, w);
        } else if ((h = hook_make(a, w))) {
            h->next = a->hooks;
            a->hooks = h;
        }
        if (h)
            h->kept = true;
    }
    drop_hooks(a, false);
    if (a->started)
        set_watching(a);
    if (old)
        estate_unref(old);
}

void
alerts_sealed(struct alerts *a, const char *id)
{
    struct hook *h = find_hook(a, id);
    if (h)
        hook_use(h, h->webhook);
}

void
alerts_start(struct alerts *a, struct audit *audit, struct estate *estate)
{
    a->audit = audit;
    alerts_use(a, estate);
    a->started = true;
    if (a->hooks && load_place(a)) {
        struct audit_filter f = {.from = a->next, .since_ms = alerts_now(a) - CATCH_UP_MS};
        struct err e = audit_read(a->config.log_dir, &f, catch_up, a);
        (void)e; /* the log itself was opened and found whole; what could not be read again is not told again */
    }
    set_watching(a);
}

struct err
alerts_make(const struct alerts_config *config, struct alerts **out)
{
    struct alerts *a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_make(E_MEMORY, "no memory for alerts");
    a->config = *config;
    a->last_passing = &a->passing;
    pthread_mutex_init(&a->lock, NULL);
    *out = a;
    return err_ok();
}

void
alerts_stop(struct alerts *a)
{
    if (a->hooks)
        save_place(a);
    a->stopped = true;
    tests_stop(a);
    if (a->tick)
        loop_cancel(a->tick);
    a->tick = NULL;
    drop_hooks(a, true);
    pthread_mutex_lock(&a->lock);
    a->watching = false;
    pthread_mutex_unlock(&a->lock);
}

void
alerts_free(struct alerts *a)
{
    if (a == NULL)
        return; /* Behave consistently with free(NULL). */
    while (a->passing) {
        struct passing *p = a->passing;
        a->passing = p->next;
        free(p);
    }
    if (a->estate)
        estate_unref(a->estate);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void
alerts_json(struct alerts *a, struct buf *b)
{
    json_open(b, '[');
    for (size_t i = 0; i < a->estate->n_webhooks; i++) {
        const struct hook *h = find_hook(a, a->estate->webhooks[i].id);
        if (h == NULL)
            continue;
        json_item(b);
        hook_json(h, b);
    }
    json_close(b, ']');
}
