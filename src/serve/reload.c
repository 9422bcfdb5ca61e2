#include <stdio.h>
#include <stdlib.h>

#include "serve/inner.h"

#define SETTLE_MS 200 /* editors write in several steps */

static const char *const watched[] = {"", "/agents", "/destinations", "/pins", "/tasks", "/policies", "/inspection", "/alerts"};
#define WATCHED (sizeof watched / sizeof *watched)

struct reload {
    struct serve *serve;
    uv_fs_event_t events[WATCHED];
    bool watching[WATCHED];
    unsigned open;
    struct timer *settle;
};

static void
put_findings(const struct findings *f, struct buf *b)
{
    static const enum finding_level order[] = {FINDING_ERROR, FINDING_WARNING}; /* what is cut short at the end should be the warnings */
    for (size_t level = 0; level < 2; level++)
        for (size_t i = 0; i < f->n; i++) {
            const struct finding *k = &f->list[i];
            if (k->level == order[level])
                buf_printf(b, "%s:%d: %s: %s\n", k->file, k->line, k->level == FINDING_ERROR ? "error" : "warning", k->text);
        }
}

struct changes {
    struct serve *serve;
    struct err e; /* of the first record that failed: then the new estate is not put to use */
};

static void
record_line(const char *text, void *ctx)
{
    struct changes *c = ctx;
    if (err_failed(c->e))
        return;
    struct buf m = buf_make(2048);
    json_member_str(&m, "change", text);
    struct audit_event event = {.kind = AUDIT_PRIVILEGE, .members = buf_bytes(&m)};
    c->e = audit_append(c->serve->audit, &event, false, NULL, NULL); /* the record of the load, behind it, waits for the disk for all of them */
    buf_free(&m);
}

static struct err
record_load(struct serve *s, const struct estate *estate, const char *state)
{
    struct buf m = buf_make(2048), digest = buf_make(80);
    json_member_str(&m, "state", state);
    if (estate) {
        buf_hex(&digest, bytes_make(estate->digest, 32));
        json_member_str(&m, "version", estate->version);
        json_member_str(&m, "digest", buf_text(&digest));
        json_member_int(&m, "agents", (int64_t)estate->n_agents);
        json_member_int(&m, "policies", (int64_t)cedar_policies_count(estate->policies));
    }
    struct audit_event event = {.kind = AUDIT_ESTATE, .members = buf_bytes(&m)};
    struct err e = serve_record(s, &event);
    buf_free(&m);
    buf_free(&digest);
    return e;
}

static void
put_to_use(struct serve *s, struct snapshot *snap, struct inspect *in)
{
    struct inspect *before = s->inspect;
    s->inspect = in;
    pthread_mutex_lock(&s->lock);
    struct snapshot *old = s->snapshot;
    s->snapshot = snap;
    s->loaded_ms = s->env->now_ms(s->env);
    s->reload_error[0] = 0;
    pthread_mutex_unlock(&s->lock);
    if (s->gate) {
        alerts_use(s->alerts, snap->estate);
        struct err listening = creds_use(s->creds, snap->estate);
        if (err_failed(listening))
            serve_say(s, "people cannot connect accounts: %s", listening.text);
        gate_inspect(s->gate, in);
        gate_use(s->gate, snap);
    }
    inspect_unref(before);
    snapshot_unref(old);
}

/* What the running server cannot take over from a new estate. */
static struct err
same_house(const struct settings *a, const struct settings *b)
{
    bool same = strcmp(a->state_dir, b->state_dir) == 0 && strcmp(a->run_dir, b->run_dir) == 0 && strcmp(a->store_url, b->store_url) == 0 &&
                strcmp(a->name, b->name) == 0;
    return same ? err_ok()
                : err_make(E_ESTATE, "name, state_dir, run_dir and store can only change with a restart (%s:%d)", b->place.file, b->place.line);
}

static void
put_note(enum finding_level level, const char *file, int line, const char *text, void *ctx)
{
    buf_printf(ctx, "%s:%d: %s: %s\n", file, line, level == FINDING_ERROR ? "error" : "warning", text);
}

struct err
serve_load(struct serve *s, struct buf *out)
{
    struct findings f = {0};
    struct estate *estate = NULL;
    struct snapshot *snap = NULL, *old = s->snapshot;
    struct inspect *in = NULL;
    struct err e = estate_load(s->env, s->options.estate_dir, decide_builtin(), &f, &estate);
    put_findings(&f, out);
    findings_free(&f);
    if (!err_failed(e) && old && memcmp(old->estate->digest, estate->digest, 32) == 0) {
        estate_unref(estate);
        pthread_mutex_lock(&s->lock);
        s->reload_error[0] = 0;
        pthread_mutex_unlock(&s->lock);
        if (s->gate)
            gate_try_again(s->gate); /* touched, not changed: but a person has looked after it */
        return err_ok();
    }
    if (!err_failed(e) && old)
        e = same_house(&old->estate->settings, &estate->settings);
    if (!err_failed(e))
        e = snapshot_make(estate, &snap);
    if (!err_failed(e))
        e = inspect_make(&estate->inspection, s->inspect, put_note, out, &in);
    if (!err_failed(e) && s->audit) {
        struct changes c = {s, err_ok()};
        if (old)
            estate_diff(old->estate, estate, record_line, &c);
        e = err_failed(c.e) ? c.e : record_load(s, estate, old ? "reloaded" : "loaded");
    }
    if (estate)
        estate_unref(estate);
    if (err_failed(e)) {
        snapshot_unref(snap);
        inspect_unref(in);
        return e;
    }
    put_to_use(s, snap, in);
    return err_ok();
}

/* A broken estate never replaces a good one, and the error is loud: on stderr, on record, in the status. */
static void
reload_now(struct serve *s)
{
    struct buf findings = buf_make(262144);
    char before[17];
    snprintf(before, sizeof before, "%s", s->snapshot->estate->version);
    struct err e = serve_load(s, &findings);
    if (err_failed(e)) {
        pthread_mutex_lock(&s->lock);
        snprintf(s->reload_error, sizeof s->reload_error, "%s\n%.3500s", e.text, buf_text(&findings));
        pthread_mutex_unlock(&s->lock);
        fprintf(stderr, "writ: the changed estate was REFUSED, version %s stays in force: %s\n%s", before, e.text, buf_text(&findings));
        struct err r = record_load(s, NULL, "refused");
        (void)r;
    } else if (strcmp(before, s->snapshot->estate->version) != 0) {
        serve_say(s, "the estate was reloaded: version %s", s->snapshot->estate->version);
    }
    buf_free(&findings);
}

static void
settled(void *ctx)
{
    struct reload *r = ctx;
    r->settle = NULL;
    reload_now(r->serve);
}

static void
changed(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct reload *r = event->data;
    (void)name, (void)events;
    if (status == 0 && r->settle == NULL)
        r->settle = loop_after(r->serve->loop, SETTLE_MS, settled, r);
}

static void
hung_up(uv_signal_t *signal, int number)
{
    struct serve *s = signal->data;
    (void)number;
    serve_say(s, "SIGHUP: looking at the estate again");
    reload_now(s);
}

struct err
reload_watch(struct serve *s)
{
    struct reload *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_make(E_MEMORY, "no memory to watch the estate");
    r->serve = s;
    for (size_t i = 0; i < WATCHED; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s", s->options.estate_dir, watched[i]);
        uv_fs_event_init(loop_uv(s->loop), &r->events[i]);
        r->events[i].data = r;
        r->watching[i] = uv_fs_event_start(&r->events[i], changed, path, 0) == 0; /* a folder that is not there is not watched */
    }
    s->reload = r;
    uv_signal_init(loop_uv(s->loop), &s->hangup);
    s->hangup.data = s;
    uv_signal_start(&s->hangup, hung_up, SIGHUP);
    return err_ok();
}

static void
event_closed(uv_handle_t *h)
{
    struct reload *r = h->data;
    if (--r->open == 0)
        free(r);
}

void
reload_stop(struct serve *s)
{
    struct reload *r = s->reload;
    if (r == NULL)
        return;
    s->reload = NULL;
    if (r->settle)
        loop_cancel(r->settle);
    r->open = WATCHED;
    for (size_t i = 0; i < WATCHED; i++)
        uv_close((uv_handle_t *)&r->events[i], event_closed);
    uv_close((uv_handle_t *)&s->hangup, NULL);
}
