/*
 * One webhook: what waits for it, in order, one message at a time, tried again with growing pauses; and what is counted instead of sent, so
 * that who makes a thousand refusals cannot bury the one sighting among them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alert/inner.h"

#define PAUSE_MS 1000u
#define PAUSE_MAX_MS 300000u
#define TRIES_MAX 300u       /* at the longest pause: about a day */
#define REFUSED_TRIES_MAX 3u /* of a message that the other side will not have */
#define TOKEN 60000          /* thousandths of a message, a minute's worth each: whole numbers at every rate */

static void send_next(struct hook *h);

static void
forget_secrets(struct hook *h)
{
    secret_free(&h->url);
    secret_free(&h->sign);
}

static void
close_client(struct hook *h)
{
    if (h->client)
        http_client_close(h->client);
    net_tls_free(h->tls);
    h->client = NULL;
    h->tls = NULL;
}

struct hook *
hook_make(struct alerts *a, const struct webhook *w)
{
    struct hook *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    *h = (struct hook){.alerts = a, .webhook = w, .filled_ms = alerts_now(a)};
    h->last = &h->queue;
    snprintf(h->id, sizeof h->id, "%s", w->id);
    for (size_t i = 0; i < ALERT_KINDS; i++)
        h->tokens[i] = (int64_t)w->per_minute * TOKEN;
    return h;
}

static void
entry_free(struct hook *h)
{
    struct entry *e = h->queue;
    h->queue = e->next;
    if (h->queue == NULL)
        h->last = &h->queue;
    h->queued--;
    alert_unref(e->alert);
    free(e);
}

void
hook_free(struct hook *h)
{
    post_cancel(h->post);
    if (h->retry)
        loop_cancel(h->retry);
    while (h->queue)
        entry_free(h);
    for (size_t i = 0; i < RECENT_MAX; i++)
        alert_unref(h->recent[i].alert);
    forget_secrets(h);
    close_client(h);
    free(h);
}

/* A message that is under way is begun again: it may go elsewhere now. */
void
hook_use(struct hook *h, const struct webhook *w)
{
    h->webhook = w;
    post_cancel(h->post);
    h->post = NULL;
    if (h->retry)
        loop_cancel(h->retry);
    h->retry = NULL;
    h->tries = 0;
    forget_secrets(h);
    close_client(h);
    send_next(h);
}

/* --------------------------------------------------------------------------------------------------------------- sending */

static void
try_again(void *ctx)
{
    struct hook *h = ctx;
    h->retry = NULL;
    send_next(h);
}

static void
wait_and_retry(struct hook *h, uint64_t ms)
{
    h->retry_ms = alerts_now(h->alerts) + (int64_t)ms;
    h->retry = loop_after(h->alerts->config.loop, ms, try_again, h);
}

static uint64_t
pause_of(const struct hook *h, const struct posted *p)
{
    uint64_t ms = h->tries < 9 ? (uint64_t)PAUSE_MS << h->tries : PAUSE_MAX_MS;
    ms = ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
    return p->after_ms > ms ? p->after_ms : ms;
}

static void
sent(const struct posted *p, void *ctx)
{
    struct hook *h = ctx;
    h->post = NULL;
    if (!err_failed(p->e)) {
        h->sent++;
        h->sent_ms = alerts_now(h->alerts);
        h->error[0] = 0;
        h->tries = 0;
        entry_free(h);
        send_next(h);
        return;
    }
    snprintf(h->error, sizeof h->error, "%s", p->e.text);
    forget_secrets(h); /* they may be others by now */
    uint64_t ms = pause_of(h, p);
    if (++h->tries >= (p->again ? TRIES_MAX : REFUSED_TRIES_MAX)) {
        h->failed++;
        h->tries = 0;
        entry_free(h);
    }
    wait_and_retry(h, ms);
}

static void
send_next(struct hook *h)
{
    struct entry *e = h->queue;
    if (e == NULL || h->post || h->retry || h->alerts->stopped)
        return;
    struct err failed = post_start(h, e->id, e->alert, e->more, sent, h, &h->post);
    if (err_failed(failed))
        wait_and_retry(h, PAUSE_MAX_MS);
}

static bool
enqueue(struct hook *h, struct alert *t, uint64_t more)
{
    struct entry *e = h->queued < QUEUE_MAX ? calloc(1, sizeof *e) : NULL;
    if (e == NULL || err_failed(env_id(h->alerts->config.env, "al", e->id))) {
        free(e);
        return false;
    }
    e->alert = alert_ref(t);
    e->more = more;
    *h->last = e;
    h->last = &e->next;
    h->queued++;
    send_next(h);
    return true;
}

/* -------------------------------------------------------------------------------------------------------------- counting */

static void
fill(struct hook *h)
{
    int64_t now = alerts_now(h->alerts), full = (int64_t)h->webhook->per_minute * TOKEN, passed = now - h->filled_ms;
    passed = passed < 0 ? 0 : passed > 60000 ? 60000 : passed;
    h->filled_ms = now;
    for (size_t i = 0; i < ALERT_KINDS; i++) {
        h->tokens[i] += passed * (int64_t)h->webhook->per_minute;
        h->tokens[i] = h->tokens[i] < full ? h->tokens[i] : full;
    }
}

static bool
take_token(struct hook *h, enum alert_kind kind)
{
    fill(h);
    if (h->tokens[kind] < TOKEN)
        return false;
    h->tokens[kind] -= TOKEN;
    return true;
}

static void
count(struct hook *h, const struct alert *t, uint64_t times)
{
    if (h->counted[t->kind] == 0)
        h->first[t->kind] = t->record;
    h->counted[t->kind] += times;
    h->dropped += times;
}

static void
send_or_count(struct hook *h, struct alert *t, uint64_t more)
{
    if (!take_token(h, t->kind) || !enqueue(h, t, more))
        count(h, t, more ? more : 1);
}

static void
recent_over(struct hook *h, struct recent *r)
{
    if (r->alert && r->more)
        send_or_count(h, r->alert, r->more);
    alert_unref(r->alert);
    *r = (struct recent){0};
}

/* Is it the same thing again? Otherwise it is remembered, in the place of what would be forgotten first. */
static bool
again(struct hook *h, struct alert *t)
{
    struct recent *place = &h->recent[0];
    for (size_t i = 0; i < RECENT_MAX; i++) {
        struct recent *r = &h->recent[i];
        if (r->alert && r->alert->key == t->key && r->alert->kind == t->kind && strcmp(r->alert->title, t->title) == 0)
            return r->more++, true;
        if (place->alert && (r->alert == NULL || r->until_ms < place->until_ms))
            place = r;
    }
    recent_over(h, place);
    *place = (struct recent){alert_ref(t), alerts_now(h->alerts) + (int64_t)h->webhook->repeat_ms, 0};
    return false;
}

void
hook_tell(struct hook *h, struct alert *t)
{
    if (h->webhook->kinds & 1u << t->kind && (h->webhook->repeat_ms == 0 || !again(h, t)))
        send_or_count(h, t, 0);
}

static void
tell_count(struct hook *h, enum alert_kind kind)
{
    char title[TITLE_MAX], from[24];
    snprintf(title, sizeof title, "%llu more alerts of the kind %s were not sent one by one", (unsigned long long)h->counted[kind],
             alert_kind_names[kind]);
    struct alert *t = alert_make(kind, SEVERITY_WARNING, alerts_now(h->alerts), title);
    if (t == NULL)
        return;
    snprintf(from, sizeof from, "%llu", (unsigned long long)h->first[kind]);
    alert_fact(t, BYTES("from_record"), bytes_str(from));
    alert_fact(t, BYTES("see"), BYTES("writ log --from RECORD"));
    if (enqueue(h, t, 0))
        h->counted[kind] = 0;
    alert_unref(t);
}

void
hook_tick(struct hook *h)
{
    int64_t now = alerts_now(h->alerts);
    for (size_t i = 0; i < RECENT_MAX; i++)
        if (h->recent[i].alert && h->recent[i].until_ms <= now)
            recent_over(h, &h->recent[i]);
    for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
        if (h->counted[kind] && h->queued < QUEUE_MAX / 2 && take_token(h, (enum alert_kind)kind))
            tell_count(h, (enum alert_kind)kind);
}

/* ---------------------------------------------------------------------------------------------------------------- looking */

bool
hook_waits(const struct hook *h, uint64_t *record)
{
    for (const struct entry *e = h->queue; e; e = e->next)
        if (e->alert->has_record) {
            *record = e->alert->record;
            return true;
        }
    return false;
}

void
hook_json(const struct hook *h, struct buf *b)
{
    json_open(b, '{');
    json_member_str(b, "webhook", h->id);
    json_member_str(b, "form", alert_form_names[h->webhook->form]);
    json_key(b, "on");
    json_open(b, '[');
    for (size_t i = 0; i < ALERT_KINDS; i++)
        if (h->webhook->kinds & 1u << i) {
            json_item(b);
            json_put_text(b, bytes_str(alert_kind_names[i]));
        }
    json_close(b, ']');
    json_member_str(b, "state", h->error[0] ? "failing" : h->sent ? "working" : "untried");
    json_member_int(b, "sent", (int64_t)h->sent);
    json_member_int(b, "waiting", (int64_t)h->queued);
    json_member_int(b, "counted", (int64_t)h->dropped);
    json_member_int(b, "given_up", (int64_t)h->failed);
    env_member_time(b, "sent_at", h->sent_ms);
    if (h->error[0])
        json_member_str(b, "error", h->error);
    if (h->retry)
        env_member_time(b, "next_try", h->retry_ms);
    json_close(b, '}');
}
