#include <stdio.h>
#include <stdlib.h>

#include "serve/inner.h"

#define SETTLE_MS 200 /* editors write in several steps */

static const char *const watched[] = {"", "/agents", "/destinations", "/pins", "/tasks", "/policies", "/inspection", "/alerts", "/packs"};
#define WATCHED (sizeof watched / sizeof *watched)

struct reload {
    struct serve *serve;
    uv_fs_event_t events[WATCHED];
    bool watching[WATCHED];
    unsigned open;
    struct timer *settle;
    bool loading, again;
    char told[17]; /* the version that was last spoken of */
};

static void reload_now(struct serve *s, bool asked);

/* A broken estate never replaces a good one, and the error is loud: on stderr, on record, in the status. */
static void
reloaded(struct err e, struct buf *findings, void *ctx)
{
    struct serve *s = ctx;
    struct reload *r = s->reload;
    if (s->stopping || r == NULL)
        return;
    if (err_failed(e)) {
        pthread_mutex_lock(&s->lock);
        snprintf(s->reload_error, sizeof s->reload_error, "%s\n%.3500s", e.text, buf_text(findings));
        pthread_mutex_unlock(&s->lock);
        fprintf(stderr, "writ: the changed estate was REFUSED, version %s stays in force: %s\n%s", s->snapshot->estate->version, e.text,
                buf_text(findings));
        struct err recorded = load_record(s, NULL, "refused");
        (void)recorded;
    } else if (strcmp(r->told, s->snapshot->estate->version) != 0) {
        serve_say(s, "the estate was reloaded: version %s", s->snapshot->estate->version);
    }
    snprintf(r->told, sizeof r->told, "%s", s->snapshot->estate->version);
    r->loading = false;
    if (r->again)
        reload_now(s, false);
}

/* One at a time; what changes while it is loaded is looked at behind it. */
static void
reload_now(struct serve *s, bool asked)
{
    struct reload *r = s->reload;
    r->again = r->loading;
    if (r->loading)
        return;
    struct err e = serve_load_aside(s, asked, reloaded, s);
    r->loading = !err_failed(e);
    if (err_failed(e))
        serve_say(s, "the estate was not looked at: %s", e.text);
}

static void changed(uv_fs_event_t *event, const char *name, int events, int status);

/* A folder that is not there is not watched; the one above it tells when it comes. */
static void
watch_folders(struct reload *r)
{
    for (size_t i = 0; i < WATCHED; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s", r->serve->options.estate_dir, watched[i]);
        if (!r->watching[i])
            r->watching[i] = uv_fs_event_start(&r->events[i], changed, path, 0) == 0;
    }
}

static void
settled(void *ctx)
{
    struct reload *r = ctx;
    r->settle = NULL;
    watch_folders(r);
    reload_now(r->serve, false);
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
    reload_now(s, true);
}

struct err
reload_watch(struct serve *s)
{
    struct reload *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_make(E_MEMORY, "no memory to watch the estate");
    r->serve = s;
    for (size_t i = 0; i < WATCHED; i++) {
        uv_fs_event_init(loop_uv(s->loop), &r->events[i]);
        r->events[i].data = r;
    }
    snprintf(r->told, sizeof r->told, "%s", s->snapshot->estate->version);
    watch_folders(r);
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
