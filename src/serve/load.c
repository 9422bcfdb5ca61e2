/*
 * Loading an estate: everything that takes long (reading, checking, compiling policies and rules) asks nothing of the running server but what was
 * in force when it began, so that it can be done on another thread while calls go on. Putting it to use is the main loop's.
 */
#include <stdlib.h>

#include "serve/inner.h"

struct load {
    uv_work_t work;
    struct serve *serve;
    serve_loaded *done;
    void *ctx;
    bool asked;            /* by a person, who has looked after what failed */
    struct snapshot *base; /* what was in force when it began; NULL at the start */
    struct inspect *base_rules;
    struct estate *estate;
    struct snapshot *snap;
    struct inspect *rules;
    struct buf findings;
    struct err e;
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

struct err
load_record(struct serve *s, const struct estate *estate, const char *state)
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
    inspect_settle();
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

static void
begin(struct load *l, struct serve *s)
{
    *l = (struct load){.serve = s, .base = s->snapshot ? snapshot_ref(s->snapshot) : NULL, .base_rules = inspect_ref(s->inspect), .e = err_ok()};
    l->findings = buf_make(262144);
}

static void
end(struct load *l)
{
    snapshot_unref(l->base);
    inspect_unref(l->base_rules);
    snapshot_unref(l->snap);
    inspect_unref(l->rules);
    if (l->estate)
        estate_unref(l->estate);
    buf_free(&l->findings);
}

static bool
is_same(const struct load *l)
{
    return l->base && memcmp(l->base->estate->digest, l->estate->digest, 32) == 0;
}

static struct err
make_all(struct load *l)
{
    TRY(snapshot_make(l->estate, &l->snap));
    return inspect_make(&l->estate->inspection, l->base_rules, put_note, &l->findings, &l->rules);
}

/* Any thread. */
static void
prepare(struct load *l)
{
    struct findings f = {0};
    l->e = estate_load(l->serve->env, l->serve->options.estate_dir, decide_builtin(), &f, &l->estate);
    put_findings(&f, &l->findings);
    findings_free(&f);
    if (err_failed(l->e) || is_same(l))
        return;
    if (l->base)
        l->e = same_house(&l->base->estate->settings, &l->estate->settings);
    if (!err_failed(l->e))
        l->e = make_all(l);
}

/* On the main loop, with nothing put to use since ${l} began. */
static void
finish(struct load *l)
{
    struct serve *s = l->serve;
    if (err_failed(l->e))
        return;
    if (is_same(l)) {
        pthread_mutex_lock(&s->lock);
        s->reload_error[0] = 0;
        pthread_mutex_unlock(&s->lock);
        if (s->gate && l->asked)
            gate_try_again(s->gate); /* touched, not changed */
        return;
    }
    if (s->audit) {
        struct changes c = {s, err_ok()};
        if (l->base)
            estate_diff(l->base->estate, l->estate, record_line, &c);
        l->e = err_failed(c.e) ? c.e : load_record(s, l->estate, l->base ? "reloaded" : "loaded");
    }
    if (err_failed(l->e))
        return;
    put_to_use(s, l->snap, l->rules);
    l->snap = NULL;
    l->rules = NULL;
}

struct err
serve_load(struct serve *s, struct buf *findings)
{
    struct load l;
    begin(&l, s);
    prepare(&l);
    finish(&l);
    buf_put(findings, buf_bytes(&l.findings));
    struct err e = l.e;
    end(&l);
    return e;
}

static void
on_thread(uv_work_t *work)
{
    prepare(work->data);
}

static void back(uv_work_t *work, int status);

static bool
go(struct load *l)
{
    l->work.data = l;
    return uv_queue_work(loop_uv(l->serve->loop), &l->work, on_thread, back) == 0;
}

/* Something else was put to use meanwhile: what was made is measured against that, or an older estate would come back. */
static bool
starts_over(struct load *l)
{
    struct serve *s = l->serve;
    serve_loaded *done = l->done;
    void *ctx = l->ctx;
    bool asked = l->asked;
    if (s->snapshot == l->base)
        return false;
    end(l);
    begin(l, s);
    l->done = done;
    l->ctx = ctx;
    l->asked = asked;
    return go(l);
}

static void
back(uv_work_t *work, int status)
{
    struct load *l = work->data;
    (void)status;
    if (l->serve->stopping)
        l->e = err_make(E_STATE, "Writ is stopping");
    else if (starts_over(l))
        return;
    else
        finish(l);
    l->done(l->e, &l->findings, l->ctx);
    end(l);
    free(l);
}

struct err
serve_load_aside(struct serve *s, bool asked, serve_loaded *done, void *ctx)
{
    struct load *l = malloc(sizeof *l);
    if (l == NULL)
        return err_make(E_MEMORY, "no memory to load the estate");
    begin(l, s);
    l->done = done;
    l->ctx = ctx;
    l->asked = asked;
    if (go(l))
        return err_ok();
    end(l);
    free(l);
    return err_make(E_SYSTEM, "no thread to load the estate");
}
