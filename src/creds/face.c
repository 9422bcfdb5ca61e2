/* The listener that people's browsers come to: the link that begins a consent, the return, and the document that says who Writ is. */
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"

static void
put_escaped(struct buf *b, const char *text)
{
    for (const char *c = text; *c; c++)
        switch (*c) {
        case '<':
            buf_puts(b, "&lt;");
            break;
        case '>':
            buf_puts(b, "&gt;");
            break;
        case '&':
            buf_puts(b, "&amp;");
            break;
        case '"':
            buf_puts(b, "&quot;");
            break;
        default:
            buf_putc(b, (uint8_t)*c);
        }
}

void
page(struct http_exchange *x, int status, const char *title, const char *text)
{
    static const struct http_header safe[] = {
        {{(const uint8_t *)"Content-Security-Policy", 23}, {(const uint8_t *)"default-src 'none'; frame-ancestors 'none'", 42}},
        {{(const uint8_t *)"Cache-Control", 13}, {(const uint8_t *)"no-store", 8}},
        {{(const uint8_t *)"Referrer-Policy", 15}, {(const uint8_t *)"no-referrer", 11}},
        {{(const uint8_t *)"X-Content-Type-Options", 22}, {(const uint8_t *)"nosniff", 7}}};
    struct buf b = buf_make(8192);
    buf_puts(&b, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>");
    put_escaped(&b, title);
    buf_puts(&b, "</title><h1>");
    put_escaped(&b, title);
    buf_puts(&b, "</h1><p>");
    put_escaped(&b, text);
    buf_puts(&b, "</p></html>\n");
    http_respond(x, status, "text/html; charset=utf-8", safe, 4, buf_bytes(&b));
    buf_free(&b);
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
        page(x, 403, "Not here", "This address is for another name.");
    else if (!bytes_is(r->method, "GET"))
        page(x, 405, "Not like this", "There is nothing to be sent here.");
    else if (bytes_starts(r->path, BYTES("/connect/")))
        consent_go(c, bytes_sub(r->path, sizeof connect - 1, SIZE_MAX), x);
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
