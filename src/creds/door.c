/*
 * Which addresses may be reached. A name is resolved, each address is looked at, and the connection goes to that very address: what the
 * name says a moment later changes nothing. (MCP security practices, SSRF; RFC 6890 and its registry of special-purpose addresses.)
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"
#include "net/tls.h"
#include "net/url.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool
within(const uint8_t address[16], const uint8_t range[16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(address, range, whole) == 0 && (rest == 0 || ((address[whole] ^ range[whole]) & (0xff00 >> rest) & 0xff) == 0);
}

struct special {
    uint8_t at[16];
    unsigned bits;
    enum address_kind kind;
};
#define V4(a, b, c, d) {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}

static const struct special specials[] = {
    {V4(127, 0, 0, 0), 96 + 8, ADDRESS_LOOPBACK},
    {V4(0, 0, 0, 0), 96 + 8, ADDRESS_NEVER},
    {V4(169, 254, 0, 0), 96 + 16, ADDRESS_NEVER}, /* link-local: metadata services of clouds */
    {V4(100, 100, 100, 200), 128, ADDRESS_NEVER}, /* metadata service of one more */
    {V4(224, 0, 0, 0), 96 + 3, ADDRESS_NEVER},    /* multicast, reserved, broadcast */
    {V4(10, 0, 0, 0), 96 + 8, ADDRESS_PRIVATE},
    {V4(100, 64, 0, 0), 96 + 10, ADDRESS_PRIVATE},
    {V4(172, 16, 0, 0), 96 + 12, ADDRESS_PRIVATE},
    {V4(192, 0, 0, 0), 96 + 24, ADDRESS_PRIVATE},
    {V4(192, 0, 2, 0), 96 + 24, ADDRESS_PRIVATE},
    {V4(192, 168, 0, 0), 96 + 16, ADDRESS_PRIVATE},
    {V4(198, 18, 0, 0), 96 + 15, ADDRESS_PRIVATE},
    {V4(198, 51, 100, 0), 96 + 24, ADDRESS_PRIVATE},
    {V4(203, 0, 113, 0), 96 + 24, ADDRESS_PRIVATE},
    {{[15] = 1}, 128, ADDRESS_LOOPBACK},
    {{0}, 128, ADDRESS_NEVER},
    {{0xfe, 0x80}, 10, ADDRESS_NEVER},
    {{0xff}, 8, ADDRESS_NEVER},
    {{0xfd, 0, 0x0e, 0xc2}, 32, ADDRESS_NEVER}, /* metadata service over IPv6 */
    {{0xfc}, 7, ADDRESS_PRIVATE},
    {{0xfe, 0xc0}, 10, ADDRESS_PRIVATE},
    {{0x20, 0x01}, 23, ADDRESS_PRIVATE},            /* IETF assignments, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, ADDRESS_PRIVATE},
    {{0x01}, 8, ADDRESS_PRIVATE},                   /* discard-only 100::/64 and what is around it */
};

/* IPv4 inside IPv6: NAT64 (RFC 6052) and 6to4 lead to where the inner address says. */
static bool
inner_v4(const uint8_t a[16], uint8_t out[16])
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    const uint8_t *at = memcmp(a, nat64, 12) == 0 ? a + 12 : a[0] == 0x20 && a[1] == 0x02 ? a + 2 : NULL;
    if (at == NULL && memcmp(a, (const uint8_t[12]){0}, 12) == 0 && (a[12] || a[13] || a[14] > 0 || a[15] > 1))
        at = a + 12; /* ::a.b.c.d, the old compatible form */
    if (at == NULL)
        return false;
    memcpy(out, mapped, 12);
    memcpy(out + 12, at, 4);
    return true;
}

enum address_kind
address_kind(const uint8_t address[16])
{
    uint8_t v4[16];
    if (inner_v4(address, v4))
        return address_kind(v4);
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (within(address, specials[i].at, specials[i].bits))
            return specials[i].kind;
    return ADDRESS_PUBLIC;
}

static bool
as_v6(const struct sockaddr *a, uint8_t out[16])
{
    if (a->sa_family == AF_INET) {
        memcpy(out, mapped, 12);
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
        return true;
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
    return true;
}

static bool
declared(const struct door *o, const uint8_t address[16])
{
    for (size_t i = 0; i < o->n_networks; i++)
        if (within(address, o->networks[i].address, o->networks[i].bits))
            return true;
    return false;
}

static bool
loopback_name(const char *host)
{
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static struct err
may_reach(const struct sockaddr *to, const char *host, void *ctx)
{
    static const char *const kinds[] = {"a public one", "a private one", "this host", "link-local, or no address of a host"};
    const struct door *o = ctx;
    uint8_t address[16];
    char text[INET6_ADDRSTRLEN] = "";
    if (!as_v6(to, address))
        return err_make(E_FORBIDDEN, "%.100s has no address that may be reached", host);
    enum address_kind kind = address_kind(address);
    bool ok = kind == ADDRESS_PUBLIC || declared(o, address) || (kind == ADDRESS_PRIVATE && o->kind == DOOR_STORE) ||
              (kind == ADDRESS_LOOPBACK && o->loopback && loopback_name(host));
    if (ok)
        return err_ok();
    inet_ntop(AF_INET6, address, text, sizeof text);
    return err_make(E_FORBIDDEN, "%.100s has the address %s, %s, which is not declared in server.networks", host,
                    memcmp(address, mapped, 12) == 0 ? text + 7 : text, kinds[kind]);
}

struct err
door_url(const struct door *o, const char *url)
{
    struct url u;
    uint8_t local[16];
    TRY(url_parse(url, &u));
    memcpy(local, mapped, 12);
    memcpy(local + 12, (const uint8_t[4]){127, 0, 0, 1}, 4);
    if (u.unix_socket || strchr(url, '#'))
        return err_make(E_UPSTREAM, "it names an address that cannot be asked");
    if (u.tls || (loopback_name(u.host) && (o->loopback || declared(o, local))))
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
    bool loopback = kind != DOOR_ISSUER && declared_url && !err_failed(url_parse(declared_url, &u)) && loopback_name(u.host);
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
