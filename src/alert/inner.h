/*
 * Inside of src/alert: event.c (a record becomes an alert), form.c (an alert becomes a message), post.c (one message on its way), hook.c (one
 * webhook: its queue and limits), alerts.c (all of them, the log's place).
 */
#ifndef ALERT_INNER_H
#define ALERT_INNER_H

#include "alert/alert.h"

#define TITLE_MAX 320
#define VALUE_MAX 400
#define FACTS_MAX 10u

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL };
extern const char *const severity_names[];

struct fact {
    struct bytes name; /* of a literal */
    char value[VALUE_MAX]; /* nothing in it hides or turns text around */
};

struct alert {
    unsigned refs;
    enum alert_kind kind;
    enum severity severity;
    bool has_record;
    uint64_t record; /* of the log */
    char at[ENV_TIME_MAX];
    char title[TITLE_MAX];
    struct fact facts[FACTS_MAX];
    size_t n;
    uint64_t key; /* alert_key */
};

/* event.c. alert_worth(leaf): could it be one? Without reading it whole. alert_read(index, leaf, out): false: nobody need be told. */
bool alert_worth(struct bytes leaf);
bool alert_read(uint64_t index, struct bytes leaf, struct alert *out);
/* alert_make(kind, severity, now_ms, title): one without a record. NULL without memory. alert_fact: one more line of it. */
struct alert *alert_make(enum alert_kind kind, enum severity severity, int64_t now_ms, const char *title);
void alert_fact(struct alert *t, struct bytes name, struct bytes value);
/* alert_key(t): equal for what is the same thing again. */
uint64_t alert_key(const struct alert *t);
struct alert *alert_ref(struct alert *t);
void alert_unref(struct alert *t);

/* form.c. alert_message(form, installation, id, t, more, b): the body of a message; ${more}: how often it happened again. */
void alert_message(enum alert_form form, const char *installation, const char *id, const struct alert *t, uint64_t more, struct buf *b);
/* alert_signature(key, id, seconds, body, b): "v1,…" (Standard Webhooks 1.0). False: ${key} is no "whsec_" and base64 of 24 to 64 bytes. */
bool alert_signature(struct bytes key, const char *id, int64_t seconds, struct bytes body, struct buf *b);

/* post.c */
struct hook;
struct posted {
    struct err e;      /* it could not be sent, or was not taken */
    int status;        /* 0: no answer */
    uint64_t after_ms; /* the other side says when to come again; 0: it does not */
    uint64_t ms;
    bool again;        /* it may be taken another time */
};
typedef void post_done(const struct posted *p, void *ctx);
struct post;
/* post_start(h, id, t, more, done, ctx, out): ${done} comes once, never from inside. */
struct err post_start(struct hook *h, const char *id, const struct alert *t, uint64_t more, post_done *done, void *ctx, struct post **out) MUST_USE;
void post_cancel(struct post *p);

/* hook.c */
#define QUEUE_MAX 200u
#define RECENT_MAX 32u
struct entry {
    struct entry *next;
    struct alert *alert;
    uint64_t more;
    char id[ENV_ID_MAX];
};
struct recent {
    struct alert *alert; /* NULL: free */
    int64_t until_ms;
    uint64_t more;       /* since it was sent */
};
struct hook {
    struct hook *next;
    struct alerts *alerts;
    const struct webhook *webhook; /* of the estate in use */
    char id[WEBHOOK_NAME_MAX + 1];
    bool kept;                     /* while the estate changes */
    struct net_tls *tls;
    struct http_client *client;
    struct secret url, sign;       /* while there is something to send */
    struct entry *queue, **last;
    size_t queued;
    struct post *post;
    struct timer *retry;
    unsigned tries;
    struct recent recent[RECENT_MAX];
    int64_t tokens[ALERT_KINDS], filled_ms; /* thousandths of a message */
    uint64_t counted[ALERT_KINDS], first[ALERT_KINDS]; /* not sent one by one, since record … */
    uint64_t sent, failed, dropped;
    int64_t sent_ms, retry_ms;
    char error[ERR_TEXT_MAX];
};
struct hook *hook_make(struct alerts *a, const struct webhook *w);
void hook_free(struct hook *h);
/* hook_use(h, w): as declared from now on. */
void hook_use(struct hook *h, const struct webhook *w);
void hook_tell(struct hook *h, struct alert *t);
/* hook_tick(h): what was held back and may go now. */
void hook_tick(struct hook *h);
/* hook_waits(h, record): the first record that is not told of yet; false: none waits. */
bool hook_waits(const struct hook *h, uint64_t *record);
void hook_json(const struct hook *h, struct buf *b);

/* alerts.c */
struct alerts {
    struct alerts_config config;
    struct audit *audit;
    struct estate *estate;
    struct hook *hooks;
    struct timer *tick;
    unsigned ticks;
    uint64_t next, saved; /* record */
    bool started, stopped, unhealthy, placed; /* placed: a place is kept */
    char observe_day[11]; /* the last day on which ending periods were told of */
    pthread_mutex_t lock; /* of what follows: records on their way to the loop */
    struct passing *passing, **last_passing;
    size_t passing_bytes;
    uint64_t lost;        /* when too many were on their way at once */
    bool posted, watching;
    unsigned kinds;
    struct test *tests;
};
int64_t alerts_now(struct alerts *a);
/* test.c: tests under way end unanswered. */
void tests_stop(struct alerts *a);

#endif
