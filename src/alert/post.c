/* One message on its way: where to, signed, and what came of it. */
#include <stdio.h>
#include <stdlib.h>

#include "alert/inner.h"
#include "net/place.h"
#include "net/url.h"

#define ANSWER_MS 10000
#define AFTER_MAX_S 3600

struct post {
    struct env *env;
    struct http_call *call;
    struct timer *deadline, *broken;
    struct posted result;
    uint64_t began_ns;
    post_done *done;
    void *ctx;
};

/* ---------------------------------------------------------------------------------------------------------------- where to */

static struct err
may_reach(const struct sockaddr *to, const char *host, void *ctx)
{
    const struct hook *h = ctx;
    const struct webhook *w = h->webhook;
    uint8_t address[16];
    if (!net_address(to, address))
        return err_make(E_FORBIDDEN, "%.100s has no address that may be reached", host);
    enum net_place place = net_place(address);
    bool ok = place == NET_PUBLIC || (place == NET_LOOPBACK && net_loopback_name(host));
    for (size_t i = 0; i < w->n_networks && !ok; i++)
        ok = net_within(address, w->networks[i].address, w->networks[i].bits);
    return ok ? err_ok() : err_make(E_FORBIDDEN, "%.100s has a private address that is not declared in networks", host);
}

static struct err
open_client(struct hook *h)
{
    struct http_limits limits = http_limits_default;
    limits.connect_ms = 5000, limits.answer_ms = ANSWER_MS, limits.connections = 4;
    if (h->client)
        return err_ok();
    TRY(net_tls_client(h->webhook->ca_file, &h->tls));
    TRY(http_client_make(h->alerts->config.loop, h->tls, &limits, &h->client));
    http_client_guard(h->client, may_reach, h);
    return err_ok();
}

/* On record, as each use of a secret is. */
static struct err
release(struct hook *h, const char *name, const char *ticket, struct secret *out)
{
    char binding[ALERT_BINDING_MAX];
    struct alerts *a = h->alerts;
    struct buf m = buf_make(1024);
    if (name == NULL || out->at)
        return err_ok();
    alert_binding(h->id, binding);
    json_member_str(&m, "secret", name);
    json_member_str(&m, "destination", binding);
    json_member_str(&m, "use", "alert");
    json_member_str(&m, "alert", ticket);
    struct audit_event event = {.kind = AUDIT_SECRET, .members = buf_bytes(&m)};
    struct err e = audit_append(a->audit, &event, false, NULL, NULL);
    buf_free(&m);
    TRY(e);
    return keys_release(a->config.keys, bytes_str(name), bytes_str(binding), bytes_str(ticket), out);
}

static struct err
address(struct hook *h, const char *id, struct buf *out)
{
    struct url u;
    TRY(release(h, h->webhook->url_secret, id, &h->url));
    if (h->url.at)
        buf_put(out, bytes_make(h->url.at, h->url.n));
    else
        buf_puts(out, h->webhook->url ? h->webhook->url : "");
    struct err e = url_parse(buf_text(out), &u);
    if (!err_failed(e) && (u.unix_socket || (!u.tls && !net_loopback_name(u.host))))
        e = err_make(E_USAGE, "alerts go over https only, or to this host");
    return e;
}

/* ------------------------------------------------------------------------------------------------------------------- answers */

static void
finish(struct post *p)
{
    p->result.ms = (p->env->mono_ns(p->env) - p->began_ns) / 1000000;
    post_done *done = p->done;
    void *ctx = p->ctx;
    struct posted result = p->result;
    if (p->deadline)
        loop_cancel(p->deadline);
    free(p);
    done(&result, ctx);
}

static void
on_head(struct http_call *c, int status, const struct http_headers *headers, void *ctx)
{
    struct post *p = ctx;
    uint64_t seconds;
    (void)c;
    p->result.status = status;
    if (bytes_u64(bytes_trim(http_header(headers, "retry-after")), &seconds))
        p->result.after_ms = (seconds < AFTER_MAX_S ? seconds : AFTER_MAX_S) * 1000;
}

static void
on_body(struct http_call *c, struct bytes part, void *ctx)
{
    (void)c, (void)part, (void)ctx; /* what a chat system says of a message tells nothing more than its status */
}

static void
on_end(struct http_call *c, void *ctx)
{
    struct post *p = ctx;
    int status = p->result.status;
    (void)c;
    if (status < 200 || status > 299)
        p->result.e = err_make(E_UPSTREAM, "it answered with HTTP status %d", status);
    p->result.again = status >= 500 || status == 429 || status == 408 || status == 425;
    finish(p);
}

static void
on_error(struct http_call *c, struct err e, void *ctx)
{
    struct post *p = ctx;
    (void)c;
    p->result.e = e;
    p->result.again = true;
    finish(p);
}

static void
too_late(void *ctx)
{
    struct post *p = ctx;
    p->deadline = NULL;
    http_call_cancel(p->call);
    p->result.e = err_make(E_TIMEOUT, "it did not answer within %d s", ANSWER_MS / 1000);
    p->result.again = true;
    finish(p);
}

static void
broken(void *ctx)
{
    struct post *p = ctx;
    p->broken = NULL;
    finish(p);
}

/* ------------------------------------------------------------------------------------------------------------------ sending */

static struct err
send_signed(struct post *p, struct hook *h, const char *url, const char *id, struct bytes body)
{
    static const struct http_call_on on = {on_head, on_body, on_end, on_error};
    char seconds[24];
    int64_t now = alerts_now(h->alerts) / 1000;
    struct buf signature = buf_make(128);
    struct err e = err_ok();
    snprintf(seconds, sizeof seconds, "%lld", (long long)now);
    if (h->sign.at && !alert_signature(bytes_make(h->sign.at, h->sign.n), id, now, body, &signature))
        e = err_make(E_KEYS, "the secret %s is no key for signatures: \"whsec_\" and base64 of 24 to 64 bytes", h->webhook->sign);
    struct http_header headers[] = {{BYTES("content-type"), BYTES("application/json")},
                                    {BYTES("user-agent"), BYTES("writ")},
                                    {BYTES("webhook-id"), bytes_str(id)},
                                    {BYTES("webhook-timestamp"), bytes_str(seconds)},
                                    {BYTES("webhook-signature"), buf_bytes(&signature)}};
    struct http_call_request r = {
        .method = "POST", .url = url, .headers = headers, .n = h->sign.at ? 5 : 4, .body = body, .answer_ms = ANSWER_MS, .body_idle_ms = ANSWER_MS};
    if (!err_failed(e))
        e = http_call(h->client, &r, &on, p, &p->call);
    buf_free(&signature);
    return e;
}

static struct err
begin(struct post *p, struct hook *h, const char *id, const struct alert *t, uint64_t more)
{
    struct buf url = buf_make(4096), body = buf_make(65536);
    struct err e = open_client(h);
    if (!err_failed(e) && buf_room(&url, 4095) == NULL)
        e = err_make(E_MEMORY, "no memory for an alert");
    if (!err_failed(e))
        e = address(h, id, &url);
    if (!err_failed(e))
        e = release(h, h->webhook->sign, id, &h->sign);
    if (!err_failed(e)) {
        alert_message(h->webhook->form, h->alerts->estate->settings.name, id, t, more, &body);
        e = body.failed ? err_make(E_LIMIT, "the message is too long") : send_signed(p, h, buf_text(&url), id, buf_bytes(&body));
    }
    if (url.at)
        bytes_wipe(url.at, url.cap);
    buf_free(&url);
    buf_free(&body);
    return e;
}

struct err
post_start(struct hook *h, const char *id, const struct alert *t, uint64_t more, post_done *done, void *ctx, struct post **out)
{
    struct env *env = h->alerts->config.env;
    struct post *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_make(E_MEMORY, "no memory for an alert");
    *p = (struct post){.env = env, .done = done, .ctx = ctx, .began_ns = env->mono_ns(env)};
    p->result.e = begin(p, h, id, t, more);
    p->result.again = true;
    if (p->call)
        p->deadline = loop_after(h->alerts->config.loop, ANSWER_MS, too_late, p);
    else
        p->broken = loop_after(h->alerts->config.loop, 0, broken, p); /* what is wrong here may be mended: a secret that is not sealed yet */
    if (p->call == NULL && p->broken == NULL) {
        free(p);
        return err_make(E_MEMORY, "no memory for an alert");
    }
    *out = p;
    return err_ok();
}

void
post_cancel(struct post *p)
{
    if (p == NULL)
        return; /* Behave consistently with free(NULL). */
    if (p->call)
        http_call_cancel(p->call);
    if (p->deadline)
        loop_cancel(p->deadline);
    if (p->broken)
        loop_cancel(p->broken);
    free(p);
}
