/* A test message, past every limit and queue: what came of it is the answer. */
#include <stdio.h>
#include <stdlib.h>

#include "alert/inner.h"

struct trial {
    struct test *test;
    char id[WEBHOOK_NAME_MAX + 1];
    struct post *post;
};

struct test {
    struct test *next, **at;
    struct alerts *alerts;
    struct buf results;
    size_t waiting, n;
    bool ok;
    alerts_tested *done;
    void *ctx;
    struct trial trials[];
};

static void
test_free(struct test *t)
{
    for (size_t i = 0; i < t->n; i++)
        post_cancel(t->trials[i].post);
    *t->at = t->next;
    if (t->next)
        t->next->at = t->at;
    buf_free(&t->results);
    free(t);
}

static void
over(struct test *t)
{
    json_close(&t->results, ']');
    t->done(t->ok, buf_bytes(&t->results), t->ctx);
    test_free(t);
}

static void
answered(const struct posted *p, void *ctx)
{
    struct trial *trial = ctx;
    struct test *t = trial->test;
    struct buf *b = &t->results;
    trial->post = NULL;
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "webhook", trial->id);
    json_member_bool(b, "ok", !err_failed(p->e));
    if (p->status)
        json_member_int(b, "status", p->status);
    json_member_int(b, "ms", (int64_t)p->ms);
    if (err_failed(p->e))
        json_member_str(b, "error", p->e.text);
    json_close(b, '}');
    t->ok = t->ok && !err_failed(p->e);
    if (--t->waiting == 0)
        over(t);
}

static struct err
begin(struct test *t, struct trial *trial, struct hook *h, struct alert *message)
{
    char id[ENV_ID_MAX];
    *trial = (struct trial){.test = t};
    snprintf(trial->id, sizeof trial->id, "%s", h->id);
    TRY(env_id(t->alerts->config.env, "al", id));
    TRY(post_start(h, id, message, 0, answered, trial, &trial->post));
    t->waiting++;
    return err_ok();
}

struct err
alerts_test(struct alerts *a, const char *id, const char *by, alerts_tested *done, void *ctx)
{
    size_t n = 0;
    for (const struct hook *h = a->hooks; h; h = h->next)
        n += id == NULL || strcmp(h->id, id) == 0;
    if (n == 0 && id)
        return err_make(E_NOT_FOUND, "there is no webhook %.48s", id);
    if (n == 0)
        return err_make(E_NOT_FOUND, "no webhook is declared; write alerts/NAME.yaml");
    struct test *t = calloc(1, sizeof *t + n * sizeof *t->trials);
    struct alert *message = alert_make(ALERT_SERVER, SEVERITY_INFO, alerts_now(a), "This is a test of Writ's alerts");
    if (t == NULL || message == NULL) {
        free(t);
        alert_unref(message);
        return err_make(E_MEMORY, "no memory for a test");
    }
    *t = (struct test){.next = a->tests, .at = &a->tests, .alerts = a, .results = buf_make((size_t)1 << 20), .ok = true, .done = done, .ctx = ctx};
    if (t->next)
        t->next->at = &t->next;
    a->tests = t;
    alert_fact(message, BYTES("asked_for_by"), bytes_str(by));
    json_open(&t->results, '[');
    struct err e = err_ok();
    for (struct hook *h = a->hooks; h && !err_failed(e); h = h->next)
        if (id == NULL || strcmp(h->id, id) == 0)
            e = begin(t, &t->trials[t->n++], h, message);
    alert_unref(message);
    if (err_failed(e))
        test_free(t);
    return e;
}

void
tests_stop(struct alerts *a)
{
    while (a->tests) {
        a->tests->ok = false;
        over(a->tests);
    }
}
