/*
 * Which addresses may be reached. A name is resolved, each address is looked at, and the connection goes to that very address: what the
 * name says a moment later changes nothing. (MCP security practices, SSRF.)
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"
#include "net/place.h"
#include "net/tls.h"
#include "net/url.h"

static bool
declared(const struct door *o, const uint8_t address[16])
{
    for (size_t i = 0; i < o->n_networks; i++)
        if (net_within(address, o->networks[i].address, o->networks[i].bits))
            return true;
    return false;
}

static struct err
may_reach(const struct sockaddr *to, const char *host, void *ctx)
{
    static const char *const kinds[] = {"a public one", "a private one", "this host", "link-local, or no address of a host"};
    const struct door *o = ctx;
    uint8_t address[16];
    char text[INET6_ADDRSTRLEN] = "";
    if (!net_address(to, address))
        return err_make(E_FORBIDDEN, "%.100s has no address that may be reached", host);
    enum net_place kind = net_place(address);
    bool ok = kind == NET_PUBLIC || declared(o, address) || (kind == NET_PRIVATE && o->kind == DOOR_STORE) ||
              (kind == NET_LOOPBACK && o->loopback && net_loopback_name(host));
    if (ok)
        return err_ok();
    inet_ntop(AF_INET6, address, text, sizeof text);
    return err_make(E_FORBIDDEN, "%.100s has the address %s, %s, which is not declared in server.networks", host,
                    strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text, kinds[kind]);
}

struct err
door_url(const struct door *o, const char *url)
{
    struct url u;
    static const uint8_t local[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
    TRY(url_parse(url, &u));
    if (u.unix_socket || strchr(url, '#'))
        return err_make(E_UPSTREAM, "it names an address that cannot be asked");
    if (u.tls || (net_loopback_name(u.host) && (o->loopback || declared(o, local))))
        return err_ok();
    return err_make(E_FORBIDDEN, "it names %.*s, which is not https", BYTES_CUT(u.origin, 200));
}

/* ---- sharing ---- */

static char *
key_of(enum door_kind kind, const struct destination *d, bool loopback, const char *ca_file)
{
    struct buf b = buf_make(8192);
    buf_printf(&b, "%d %d %s", kind, loopback, ca_file ? ca_file : "-");
    for (size_t i = 0; i < d->n_networks; i++) {
        buf_putc(&b, ' ');
        buf_hex(&b, bytes_make(d->networks[i].address, 16));
        buf_printf(&b, "/%u", d->networks[i].bits);
    }
    char *text = b.failed ? NULL : strdup(buf_text(&b));
    buf_free(&b);
    return text;
}

static void
door_free(struct door *o)
{
    http_client_close(o->client);
    net_tls_free(o->tls);
    free(o->networks);
    free(o->key);
    free(o);
}

static struct err
make(struct creds *c, struct door *o, const struct destination *d, const char *ca_file)
{
    struct http_limits limits = http_limits_default;
    if (o->kind != DOOR_SERVER)
        limits.connect_ms = 5000, limits.answer_ms = 10000;
    o->networks = calloc(d->n_networks + 1, sizeof *o->networks);
    if (o->networks == NULL)
        return err_make(E_MEMORY, "no memory for a client");
    if (d->n_networks)
        memcpy(o->networks, d->networks, d->n_networks * sizeof *o->networks);
    o->n_networks = d->n_networks;
    TRY(net_tls_client(ca_file, &o->tls));
    if (ca_file && o->kind == DOOR_ISSUER)
        TRY(net_tls_trust_system(o->tls));
    TRY(http_client_make(c->config.loop, o->tls, &limits, &o->client));
    http_client_guard(o->client, may_reach, o);
    return err_ok();
}

struct err
door_open(struct creds *c, enum door_kind kind, const struct destination *d, const char *declared_url, const char *ca_file, struct door **out)
{
    struct url u;
    bool loopback = kind != DOOR_ISSUER && declared_url && !err_failed(url_parse(declared_url, &u)) && net_loopback_name(u.host);
    char *key = key_of(kind, d, loopback, ca_file);
    if (key == NULL)
        return err_make(E_MEMORY, "no memory for a client");
    for (struct door *o = c->doors; o; o = o->next)
        if (strcmp(o->key, key) == 0) {
            free(key);
            o->refs++;
            *out = o;
            return err_ok();
        }
    struct door *o = calloc(1, sizeof *o);
    if (o == NULL) {
        free(key);
        return err_make(E_MEMORY, "no memory for a client");
    }
    *o = (struct door){.refs = 1, .creds = c, .key = key, .kind = kind, .loopback = loopback};
    struct err e = make(c, o, d, ca_file);
    if (err_failed(e)) {
        door_free(o);
        return e;
    }
    o->next = c->doors;
    c->doors = o;
    *out = o;
    return err_ok();
}

/* A door that nobody uses stays, with its idle connections, until the next look (sweep): agents come and go. */
void
door_close(struct door *o)
{
    if (o)
        o->refs--;
}

void
doors_shut(struct creds *c)
{
    for (struct door *o = c->doors; o; o = o->next) {
        http_client_close(o->client);
        o->client = NULL;
    }
}

void
doors_sweep(struct creds *c)
{
    for (struct door **at = &c->doors; *at;) {
        struct door *o = *at;
        if (o->refs) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        door_free(o);
    }
}
