/* One bounded request to an authorization server, a vault or a cluster: its answer as a whole, or why there is none. */
#include <stdlib.h>

#include "creds/inner.h"

struct fetch {
    struct creds *creds;
    struct http_call *call;
    struct timer *deadline;
    struct buf body;
    struct fetched result;
    fetch_done *done;
    void *ctx;
};

static void
end(struct fetch *f)
{
    if (f->deadline)
        loop_cancel(f->deadline);
    if (f->body.at)
        bytes_wipe(f->body.at, f->body.cap);
    buf_free(&f->body);
    free(f);
}

static void
finish(struct fetch *f, struct err e)
{
    f->result.e = e;
    f->result.body = buf_bytes(&f->body);
    f->done(&f->result, f->ctx);
    end(f);
}

static void
on_head(struct http_call *c, int status, const struct http_headers *h, void *ctx)
{
    struct fetch *f = ctx;
    (void)c;
    f->result.status = status;
    if (status == 401 || status == 403)
        challenge_read(h, &f->result.challenge);
}

static void
on_body(struct http_call *c, struct bytes part, void *ctx)
{
    struct fetch *f = ctx;
    buf_put(&f->body, part);
    if (!f->body.failed)
        return;
    http_call_cancel(c);
    finish(f, err_make(E_LIMIT, "it answered with more than %zu bytes", FETCH_MAX));
}

static void
on_end(struct http_call *c, void *ctx)
{
    struct fetch *f = ctx;
    (void)c;
    if (f->result.status >= 300 && f->result.status < 400)
        finish(f, err_make(E_UPSTREAM, "it answered with a redirect (HTTP status %d), which is not followed", f->result.status));
    else
        finish(f, err_ok());
}

static void
on_error(struct http_call *c, struct err e, void *ctx)
{
    (void)c;
    finish(ctx, e);
}

static void
too_late(void *ctx)
{
    struct fetch *f = ctx;
    f->deadline = NULL;
    http_call_cancel(f->call);
    finish(f, err_make(E_TIMEOUT, "it did not answer within %d s", FETCH_MS / 1000));
}

struct err
fetch_start(struct door *o, const struct http_call_request *r, fetch_done *done, void *ctx, struct fetch **out)
{
    static const struct http_call_on on = {on_head, on_body, on_end, on_error};
    TRY(door_url(o, r->url));
    struct fetch *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_make(E_MEMORY, "no memory for a request");
    *f = (struct fetch){.creds = o->creds, .body = buf_make(FETCH_MAX), .done = done, .ctx = ctx};
    struct http_call_request q = *r;
    q.body_idle_ms = FETCH_MS;
    q.answer_ms = FETCH_MS;
    /* All its room at once: a buffer that grows leaves copies behind that nobody wipes. */
    f->deadline = loop_after(o->creds->config.loop, FETCH_MS, too_late, f);
    struct err e =
        f->deadline && buf_room(&f->body, 16384) ? http_call(o->client, &q, &on, f, &f->call) : err_make(E_MEMORY, "no memory for a request");
    if (err_failed(e)) {
        end(f);
        return e;
    }
    *out = f;
    return err_ok();
}

void
fetch_cancel(struct fetch *f)
{
    if (f == NULL)
        return; /* Behave consistently with free(NULL). */
    http_call_cancel(f->call);
    end(f);
}
