#include "net/loop_inner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct post {
    struct post *next;
    void (*fn)(void *ctx);
    void *ctx;
};

struct timer {
    uv_timer_t uv;
    void (*fn)(void *ctx);
    void *ctx;
    bool once;
};

static void
run_posts(struct loop *l)
{
    uv_mutex_lock(&l->lock);
    struct post *p = l->first_post;
    l->first_post = l->last_post = NULL;
    uv_mutex_unlock(&l->lock);
    while (p) {
        struct post *next = p->next;
        p->fn(p->ctx);
        free(p);
        p = next;
    }
}

static void
on_wake(uv_async_t *a)
{
    run_posts(a->data);
}

/* What asks again while this runs waits for the next turn, so that no one can keep the loop from its sockets. */
static void
run_soon(struct loop *l)
{
    struct list now;
    list_move(&now, &l->soon);
    while (!list_empty(&now)) {
        struct soon *s = LIST_OWNER(now.next, struct soon, link);
        list_remove(&s->link);
        s->fn(s);
    }
    if (list_empty(&l->soon))
        uv_idle_stop(&l->idle);
}

static void
on_idle(uv_idle_t *idle)
{
    run_soon(idle->data);
}

static void
on_check(uv_check_t *check)
{
    struct loop *l = check->data;
    if (!list_empty(&l->soon))
        run_soon(l);
}

void
soon_init(struct soon *s, struct loop *l, void (*fn)(struct soon *s))
{
    list_init(&s->link);
    s->loop = l;
    s->fn = fn;
}

void
soon_ask(struct soon *s)
{
    if (!list_empty(&s->link))
        return;
    list_add(&s->loop->soon, &s->link);
    uv_idle_start(&s->loop->idle, on_idle);
}

void
soon_cancel(struct soon *s)
{
    list_remove(&s->link);
}

static struct err
start_uv(struct loop *l)
{
    int failed = uv_loop_init(&l->uv);
    if (failed)
        return err_make(E_SYSTEM, "making an event loop: %s", uv_strerror(failed));
    failed = uv_async_init(&l->uv, &l->wake, on_wake);
    if (failed) {
        uv_loop_close(&l->uv);
        return err_make(E_SYSTEM, "making an event loop: %s", uv_strerror(failed));
    }
    uv_idle_init(&l->uv, &l->idle);
    uv_check_init(&l->uv, &l->check);
    l->wake.data = l->idle.data = l->check.data = l;
    uv_check_start(&l->check, on_check);
    return err_ok();
}

struct err
loop_make(struct env *env, struct loop **out)
{
    struct loop *l = calloc(1, sizeof *l);
    uint8_t *raw = malloc(LOOP_READ_BYTES), *plain = malloc(LOOP_READ_BYTES);
    struct err e = l && raw && plain ? err_ok() : err_make(E_MEMORY, "no memory for an event loop");
    if (!err_failed(e) && uv_mutex_init(&l->lock))
        e = err_make(E_SYSTEM, "no mutex for an event loop");
    else if (!err_failed(e)) {
        e = start_uv(l);
        if (err_failed(e))
            uv_mutex_destroy(&l->lock);
    }
    if (err_failed(e)) {
        free(plain);
        free(raw);
        free(l);
        return e;
    }
    l->env = env;
    l->raw = raw;
    l->plain = plain;
    l->date_second = INT64_MIN;
    list_init(&l->soon);
    signal(SIGPIPE, SIG_IGN); /* libuv writes with write(2): a peer that went away must be an error, not the end of the process */
    *out = l;
    return err_ok();
}

void
loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void
loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void
loop_free(struct loop *l)
{
    if (l == NULL)
        return; /* Behave consistently with free(NULL). */
    run_posts(l);
    while (!list_empty(&l->soon))
        run_soon(l);
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->check, NULL);
    uv_close((uv_handle_t *)&l->idle, NULL);
    while (uv_run(&l->uv, UV_RUN_DEFAULT))
        ; /* a loop_stop that nobody waited for ends the first round */
    uv_loop_close(&l->uv);
    uv_mutex_destroy(&l->lock);
    free(l->plain);
    free(l->raw);
    free(l);
}

struct env *
loop_env(struct loop *l)
{
    return l->env;
}

uv_loop_t *
loop_uv(struct loop *l)
{
    return &l->uv;
}

struct err
loop_post(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
    struct post *p = malloc(sizeof *p);
    if (p == NULL)
        return err_make(E_MEMORY, "no memory to post work to an event loop");
    *p = (struct post){NULL, fn, ctx};
    uv_mutex_lock(&l->lock);
    if (l->last_post)
        l->last_post->next = p;
    else
        l->first_post = p;
    l->last_post = p;
    uv_mutex_unlock(&l->lock);
    uv_async_send(&l->wake);
    return err_ok();
}

static void
timer_gone(uv_handle_t *h)
{
    free(h->data);
}

static void
timer_fired(uv_timer_t *uv)
{
    struct timer *t = uv->data;
    bool once = t->once; /* after fn, a repeating timer may have been cancelled; it is freed only in a later turn */
    t->fn(t->ctx);
    if (once)
        uv_close((uv_handle_t *)uv, timer_gone);
}

static struct timer *
timer_start(struct loop *l, uint64_t ms, void (*fn)(void *ctx), void *ctx, bool once)
{
    struct timer *t = malloc(sizeof *t);
    if (t == NULL)
        return NULL;
    t->fn = fn;
    t->ctx = ctx;
    t->once = once;
    uv_timer_init(&l->uv, &t->uv);
    t->uv.data = t;
    uv_update_time(&l->uv); /* the loop's time is that of its last wake-up; a long callback would make this timer early */
    uv_timer_start(&t->uv, timer_fired, ms, once ? 0 : ms ? ms : 1);
    return t;
}

struct timer *
loop_after(struct loop *l, uint64_t ms, void (*fn)(void *ctx), void *ctx)
{
    return timer_start(l, ms, fn, ctx, true);
}

struct timer *
loop_every(struct loop *l, uint64_t ms, void (*fn)(void *ctx), void *ctx)
{
    return timer_start(l, ms, fn, ctx, false);
}

void
loop_cancel(struct timer *t)
{
    if (t && !uv_is_closing((uv_handle_t *)&t->uv))
        uv_close((uv_handle_t *)&t->uv, timer_gone);
}

const char *
loop_date(struct loop *l)
{
    static const char day[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char month[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t second = l->env->now_ms(l->env) / 1000;
    if (second == l->date_second)
        return l->date;
    time_t t = (time_t)second;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || tm.tm_year < 0 || tm.tm_year > 8000)
        return "Thu, 01 Jan 1970 00:00:00 GMT";
    snprintf(l->date, sizeof l->date, "%s, %02d %s %04d %02d:%02d:%02d GMT", day[tm.tm_wday % 7], tm.tm_mday % 32, month[tm.tm_mon % 12],
             (tm.tm_year + 1900) % 10000, tm.tm_hour % 24, tm.tm_min % 60, tm.tm_sec % 61);
    l->date_second = second;
    return l->date;
}
