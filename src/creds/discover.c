/*
 * Who gives tokens for a server: its protected resource metadata (RFC 9728) names authorization servers, the metadata of one of those
 * (RFC 8414, OpenID Connect Discovery) names its endpoints. Each address is tried in the order of MCP's authorization chapter; what
 * contradicts itself ends the search, what is not there only goes on to the next.
 */
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"
#include "net/url.h"

#define PLACES_MAX 4

struct discovery {
    struct creds *creds;
    const struct destination *destination; /* whoever waits keeps it */
    struct door *door;
    struct plan *plan;
    struct fetch *fetch;
    const char *places[PLACES_MAX];
    size_t n, at;
    const char *issuer;  /* that is wanted */
    bool asking_issuer;
    struct err last;
    discovered *done;
    void *ctx;
};

struct plan *
plan_ref(struct plan *p)
{
    if (p)
        p->refs++;
    return p;
}

void
plan_unref(struct plan *p)
{
    if (p == NULL || --p->refs)
        return;
    arena_free(&p->arena);
    free(p);
}

static struct plan *
plan_make(void)
{
    struct plan *p = calloc(1, sizeof *p);
    if (p)
        p->refs = 1, p->arena.max = (size_t)4 << 20;
    return p;
}

const char *
server_resource(const struct destination *d)
{
    return d->oauth->resource ? d->oauth->resource : d->url;
}

struct plan *
plan_declared(const struct destination *d)
{
    struct plan *p = plan_make();
    if (p == NULL)
        return NULL;
    p->resource = arena_str(&p->arena, bytes_str(server_resource(d)));
    p->as.token = arena_str(&p->arena, bytes_str(d->oauth->token_endpoint));
    p->as.issuer = p->as.token; /* the audience of an assertion, RFC 7523 §3 */
    if (p->resource && p->as.token)
        return p;
    plan_unref(p);
    return NULL;
}

static void
discovery_free(struct discovery *s)
{
    fetch_cancel(s->fetch);
    plan_unref(s->plan);
    free(s);
}

void
discovery_cancel(struct discovery *s)
{
    if (s)
        discovery_free(s);
}

static void
finish(struct discovery *s, struct err e)
{
    struct plan *p = plan_ref(s->plan);
    discovered *done = s->done;
    void *ctx = s->ctx;
    discovery_free(s);
    done(e, p, ctx);
    plan_unref(p);
}

static struct err next(struct discovery *s);

/* ---------------------------------------------------------------------------------------------- the authorization server's */

static struct err
check_endpoints(const struct discovery *s, const struct issuer_metadata *m)
{
    const char *const all[] = {m->authorization, m->token, m->registration, m->revocation};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            TRY(err_wrap(door_url(s->door, all[i]), "the authorization server's metadata"));
    return err_ok();
}

static struct err
take_issuer(struct discovery *s, struct bytes body)
{
    struct plan *p = s->plan;
    TRY(issuer_metadata_read(&p->arena, body, &p->as));
    /* RFC 8414 §3.3: identical, not merely alike; or one authorization server could speak for another. */
    if (strcmp(p->as.issuer, s->issuer) != 0)
        return err_make(E_FORBIDDEN, "the metadata of the authorization server %.100s says it is %.100s", s->issuer, p->as.issuer);
    return check_endpoints(s, &p->as);
}

static struct err
ask_issuer(struct discovery *s, const char *issuer)
{
    struct arena *a = &s->plan->arena;
    static const char oauth[] = "oauth-authorization-server", openid[] = "openid-configuration";
    s->asking_issuer = true;
    s->issuer = issuer;
    s->n = s->at = 0;
    s->places[s->n++] = well_known(a, issuer, oauth, WELL_KNOWN_INSERTED);
    s->places[s->n++] = well_known(a, issuer, openid, WELL_KNOWN_INSERTED);
    if (url_has_path(issuer))
        s->places[s->n++] = well_known(a, issuer, openid, WELL_KNOWN_APPENDED);
    return next(s);
}

/* 2025-03-26: the server's own origin is the authorization server, with these endpoints when it says nothing at all. */
static struct err
assume_endpoints(struct discovery *s)
{
    struct plan *p = s->plan;
    if (p->found || s->destination->oauth->issuer)
        return err_make(E_UPSTREAM, "the authorization server %.150s has no metadata that can be used%s%.100s", s->issuer,
                        err_failed(s->last) ? ": " : "", err_failed(s->last) ? s->last.text : "");
    p->as = (struct issuer_metadata){.issuer = s->issuer,
                                     .authorization = arena_printf(&p->arena, "%s/authorize", s->issuer),
                                     .token = arena_printf(&p->arena, "%s/token", s->issuer),
                                     .registration = arena_printf(&p->arena, "%s/register", s->issuer),
                                     .s256 = true};
    return p->as.authorization && p->as.token && p->as.registration ? err_ok() : err_make(E_MEMORY, "no memory for metadata");
}

/* ---------------------------------------------------------------------------------------------------------- the resource's */

static struct err
take_resource(struct discovery *s, struct bytes body)
{
    struct resource_metadata m;
    struct plan *p = s->plan;
    const struct oauth_use *o = s->destination->oauth;
    const char *issuer = NULL;
    TRY(resource_metadata_read(&p->arena, body, &m));
    if (!url_covers(m.resource, s->destination->url))
        return err_make(E_FORBIDDEN, "its protected resource metadata is about %.150s, which is another server", m.resource);
    for (const char **server = m.servers; *server && issuer == NULL; server++)
        if (o->issuer == NULL || strcmp(o->issuer, *server) == 0)
            issuer = *server;
    if (issuer == NULL)
        return err_make(E_FORBIDDEN, "it names the authorization server %.120s, not %.120s as declared", m.servers[0], o->issuer);
    p->found = true;
    p->scopes = m.scopes;
    p->resource = o->resource ? o->resource : m.resource;
    return ask_issuer(s, issuer);
}

static struct err
no_resource(struct discovery *s)
{
    struct url u;
    const struct oauth_use *o = s->destination->oauth;
    s->plan->resource = server_resource(s->destination);
    if (o->issuer)
        return ask_issuer(s, o->issuer);
    TRY(url_parse(s->destination->url, &u));
    const char *origin = arena_str(&s->plan->arena, u.origin);
    return origin ? ask_issuer(s, origin) : err_make(E_MEMORY, "no memory for metadata");
}

/* -------------------------------------------------------------------------------------------------------- one after another */

static void
got(const struct fetched *f, void *ctx)
{
    struct discovery *s = ctx;
    s->fetch = NULL;
    struct err e = err_ok();
    if (err_failed(f->e)) {
        e = f->e; /* a server that cannot be asked is no server without metadata */
    } else if (f->status == 200) {
        e = s->asking_issuer ? take_issuer(s, f->body) : take_resource(s, f->body);
        if (!err_failed(e) && s->asking_issuer && s->plan->as.issuer) {
            finish(s, e);
            return;
        }
    } else {
        s->last = err_make(E_UPSTREAM, "HTTP status %d", f->status);
        e = next(s);
        if (!err_failed(e) && s->fetch == NULL) {
            finish(s, e);
            return;
        }
    }
    if (err_failed(e))
        finish(s, e);
}

/* The next place; behind the last one, what follows from nothing having been there. */
static struct err
next(struct discovery *s)
{
    static const struct http_header accept[] = {{{(const uint8_t *)"Accept", 6}, {(const uint8_t *)"application/json", 16}},
                                                {{(const uint8_t *)"MCP-Protocol-Version", 20}, {(const uint8_t *)"2026-07-28", 10}}};
    if (s->at == s->n)
        return s->asking_issuer ? assume_endpoints(s) : no_resource(s);
    const char *url = s->places[s->at++];
    if (url == NULL)
        return err_make(E_UPSTREAM, "no address for its metadata can be made");
    struct http_call_request r = {.method = "GET", .url = url, .headers = accept, .n = 2};
    return fetch_start(s->door, &r, got, s, &s->fetch);
}

struct err
discover(struct creds *c, const struct destination *d, struct door *door, const char *hint, discovered *done, void *ctx, struct discovery **out)
{
    struct discovery *s = calloc(1, sizeof *s);
    if (s == NULL || (s->plan = plan_make()) == NULL) {
        free(s);
        return err_make(E_MEMORY, "no memory for metadata");
    }
    s->creds = c;
    s->destination = d;
    s->door = door;
    s->done = done;
    s->ctx = ctx;
    struct arena *a = &s->plan->arena;
    if (hint[0]) {
        s->places[s->n++] = arena_str(a, bytes_str(hint));
    } else {
        s->places[s->n++] = well_known(a, d->url, "oauth-protected-resource", WELL_KNOWN_INSERTED);
        if (url_has_path(d->url))
            s->places[s->n++] = well_known(a, d->url, "oauth-protected-resource", WELL_KNOWN_ROOT);
    }
    struct err e = next(s);
    if (err_failed(e)) {
        discovery_free(s);
        return e;
    }
    *out = s;
    return err_ok();
}
