/* The listener that people's browsers come to: the link that begins a consent, the return, and the document that says who Writ is. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"

/*
 * page_refused: nobody's consent goes on; that somebody tried is on record with their user id. Of many, only those that double their number:
 * anyone on this host can ask.
 */
void
page_refused(struct creds *c, struct http_exchange *x, int status, const char *title, const char *text)
{
    const struct net_peer *p = http_exchange_request(x)->peer;
    struct tcp_ends ends = {.local_v4 = p->local_v4, .remote_v4 = p->remote_v4, .local_port = p->local_port, .remote_port = p->remote_port};
    struct buf m = buf_make(2048);
    int uid;
    unsigned n = c->turned_away == UINT_MAX ? UINT_MAX : ++c->turned_away;
    if (n <= 8 || (n & (n - 1)) == 0) {
        json_member_str(&m, "what", "consent");
        if (!err_failed(tcp_peer_uid_at(0, &ends, &uid)))
            json_member_int(&m, "uid", uid);
        json_member_str(&m, "why", title);
        if (n > 1)
            json_member_int(&m, "count", n);
        struct audit_event event = {.kind = AUDIT_REFUSAL, .members = buf_bytes(&m)};
        struct err e = audit_append(c->config.audit, &event, false, NULL, NULL);
        (void)e; /* nothing was let through */
    }
    buf_free(&m);
    page(x, status, title, text);
}

/* A page elsewhere whose name was made to point here has another Host. */
static bool
host_ok(const struct creds *c, const struct http_request *r)
{
    const struct connect_settings *s = &c->estate->settings.connect;
    struct bytes host = http_header(&r->headers, "host");
    return bytes_is(host, s->listen) || (s->url && bytes_is(host, s->url + strlen("https://")));
}

static void
send_document(struct creds *c, struct http_exchange *x)
{
    const struct connect_settings *s = &c->estate->settings.connect;
    struct buf id = buf_make(1024), b = buf_make(8192);
    buf_printf(&id, "%s/client.json", s->url ? s->url : "");
    client_document(c, &b, s->client_metadata ? s->client_metadata : buf_text(&id), OAUTH_AUTH_NONE, NULL);
    http_respond(x, 200, "application/json", NULL, 0, buf_bytes(&b));
    buf_free(&b);
    buf_free(&id);
}

static void
ended(struct http_exchange *x, bool aborted)
{
    struct consent *k = http_exchange_data(x);
    (void)aborted;
    if (k)
        consent_left(k);
}

static void
complete(struct http_exchange *x, struct bytes body)
{
    (void)x, (void)body;
}

static void
handle(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    static const char connect[] = "/connect/";
    struct creds *c = ctx;
    on->on_ended = ended;
    on->on_complete = complete;
    if (!host_ok(c, r))
        page_refused(c, x, 403, "Not here", "This address is for another name.");
    else if (!bytes_is(r->method, "GET"))
        page(x, 405, "Not like this", "There is nothing to be sent here.");
    else if (bytes_starts(r->path, BYTES("/connect/")))
        consent_open(c, bytes_sub(r->path, sizeof connect - 1, SIZE_MAX), x);
    else if (bytes_is(r->path, "/style.css"))
        page_style(x);
    else if (bytes_is(r->path, "/callback"))
        consent_back(c, r->query, x);
    else if (bytes_is(r->path, "/client.json") && (c->estate->settings.connect.url || c->estate->settings.connect.client_metadata))
        send_document(c, x);
    else
        page(x, 404, "Nothing here", "There is nothing at this address.");
}

void
face_close(struct creds *c)
{
    struct http_server *s = c->face;
    c->face = NULL;
    c->face_at[0] = 0;
    if (s)
        http_server_close(s);
}

struct err
face_use(struct creds *c)
{
    static const struct http_limits limits = {.head_bytes = 16384,
                                              .headers = 64,
                                              .body_bytes = 4096,
                                              .write_queue_bytes = 65536,
                                              .connections = 256,
                                              .head_ms = 10000,
                                              .body_idle_ms = 10000,
                                              .write_idle_ms = 10000,
                                              .keep_alive_ms = 15000};
    const char *listen = c->estate->settings.connect.listen;
    if (c->face && listen && strcmp(c->face_at, listen) == 0)
        return err_ok();
    face_close(c);
    if (listen == NULL)
        return err_ok();
    TRY(err_wrap(http_listen(c->config.loop, listen, 0, NULL, &limits, handle, c, &c->face), "connect.listen"));
    snprintf(c->face_at, sizeof c->face_at, "%s", listen);
    return err_ok();
}
