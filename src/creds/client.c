/*
 * Who Writ is at an authorization server. MCP 2026-07-28 orders it: what was registered beforehand (declared in the estate), a client id
 * metadata document where the authorization server reads those, dynamic registration (RFC 7591) where there is nothing better.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/sha.h>

#include "creds/inner.h"

void
client_free(struct client *k)
{
    secret_free(&k->secret);
}

void
sealed_name(char out[SEALED_NAME_MAX], const char *kind, const char *a, const char *b)
{
    struct buf both = buf_make(2048), hex = buf_make(128);
    uint8_t digest[32];
    buf_printf(&both, "%s\n%s", a, b);
    SHA256(both.at, both.n, digest);
    buf_hex(&hex, bytes_make(digest, 20));
    snprintf(out, SEALED_NAME_MAX, "%s.%s", kind, buf_text(&hex));
    buf_free(&both);
    buf_free(&hex);
}

const char *
redirect_address(const struct creds *c, char out[CREDS_URL_MAX])
{
    const struct connect_settings *s = &c->estate->settings.connect;
    snprintf(out, CREDS_URL_MAX, "%s%s/callback", s->url ? "" : "http://", s->url ? s->url : s->listen ? s->listen : "");
    return out;
}

/* The address of our metadata document, or false. */
static bool
document_address(const struct creds *c, char out[512])
{
    const struct connect_settings *s = &c->estate->settings.connect;
    if (s->client_metadata)
        snprintf(out, 512, "%s", s->client_metadata);
    else if (s->url)
        snprintf(out, 512, "%s/client.json", s->url);
    return s->client_metadata || s->url;
}

static enum oauth_auth
choose_auth(const struct issuer_metadata *m, bool has_secret)
{
    if (!has_secret)
        return OAUTH_AUTH_NONE;
    if (m->auth_methods == 0 || m->auth_methods & (1u << OAUTH_AUTH_BASIC))
        return OAUTH_AUTH_BASIC; /* RFC 8414 §2: the default */
    return m->auth_methods & (1u << OAUTH_AUTH_POST) ? OAUTH_AUTH_POST : OAUTH_AUTH_BASIC;
}

static struct err
find_declared(struct creds *c, const struct destination *d, const struct plan *plan, const char *ticket, struct client *k)
{
    const struct oauth_use *o = d->oauth;
    snprintf(k->id, sizeof k->id, "%s", o->client_id);
    k->key = o->key;
    k->auth = o->auth >= 0 ? (enum oauth_auth)o->auth : o->key ? OAUTH_AUTH_JWT : choose_auth(&plan->as, o->client_secret != NULL);
    if (o->client_secret == NULL)
        return err_ok();
    TRY(keys_release(c->config.keys, bytes_str(o->client_secret), bytes_str(d->id), bytes_str(ticket), &k->secret));
    return record_secret(c, o->client_secret, d->id, ticket, "", "client_secret");
}

static struct err
find_registered(struct creds *c, const struct destination *d, const struct plan *plan, const char *ticket, struct client *k)
{
    char name[SEALED_NAME_MAX];
    struct secret text;
    struct arena a = {0};
    struct json *tree = NULL;
    sealed_name(name, "oauth-client", d->id, plan->as.issuer);
    struct err e = keys_release(c->config.keys, bytes_str(name), bytes_str(d->id), bytes_str(ticket), &text);
    if (e.code == E_NOT_FOUND)
        return plan->as.registration
                   ? err_make(E_NOT_FOUND, "Writ is not registered at %.150s yet", plan->as.issuer)
                   : err_make(
                         E_UPSTREAM,
                         "the authorization server %.120s takes no new clients by itself; register Writ there and declare server.oauth.client_id",
                         plan->as.issuer);
    TRY(e);
    e = json_parse(&a, bytes_make(text.at, text.n), NULL, &tree);
    if (!err_failed(e)) {
        struct bytes secret = json_text(tree, "client_secret");
        const struct json *auth = json_get(tree, "auth");
        snprintf(k->id, sizeof k->id, "%.*s", BYTES_CUT(json_text(tree, "client_id"), sizeof k->id - 1));
        k->auth = json_is(auth, JSON_INT) && auth->number <= OAUTH_AUTH_NONE ? (enum oauth_auth)auth->number : OAUTH_AUTH_NONE;
        k->secret = secret.n ? secret_make(secret) : (struct secret){NULL, 0};
        k->registered = true;
    }
    secret_free(&text);
    arena_free(&a);
    return e;
}

struct err
client_find(struct creds *c, const struct destination *d, const struct plan *plan, const char *ticket, struct client *k)
{
    *k = (struct client){.auth = OAUTH_AUTH_NONE};
    snprintf(k->issuer, sizeof k->issuer, "%s", plan->as.issuer);
    if (d->oauth->client_id)
        return find_declared(c, d, plan, ticket, k);
    if (plan->as.metadata_document && document_address(c, k->id))
        return err_ok();
    return find_registered(c, d, plan, ticket, k);
}

void
client_forget(struct creds *c, const struct destination *d, const char *issuer)
{
    char name[SEALED_NAME_MAX];
    sealed_name(name, "oauth-client", d->id, issuer);
    struct err e = keys_forget(c->config.keys, bytes_str(name));
    (void)e; /* it was declared, then, and not ours to forget */
}

/* ------------------------------------------------------------------------------------------------------------ registration */

struct registering {
    struct creds *creds;
    const struct destination *destination;
    struct plan *plan;
    struct fetch *fetch;
    client_registered *done;
    void *ctx;
};

static void
registering_free(struct registering *r)
{
    fetch_cancel(r->fetch);
    plan_unref(r->plan);
    free(r);
}

void
registering_cancel(struct registering *r)
{
    if (r)
        registering_free(r);
}

static enum oauth_auth
wanted_auth(const struct issuer_metadata *m)
{
    if (m->auth_methods == 0)
        return OAUTH_AUTH_BASIC;
    for (int i = OAUTH_AUTH_NONE; i >= 0; i--) /* without a secret where that is offered: PKCE protects the code */
        if (i != OAUTH_AUTH_JWT && m->auth_methods & (1u << i))
            return (enum oauth_auth)i;
    return OAUTH_AUTH_BASIC;
}

static struct err
keep_client(struct registering *r, const struct registration *made)
{
    char name[SEALED_NAME_MAX];
    struct buf b = buf_make(32768);
    enum oauth_auth auth = made->auth >= 0 ? (enum oauth_auth)made->auth : made->secret.n ? wanted_auth(&r->plan->as) : OAUTH_AUTH_NONE;
    if (auth != OAUTH_AUTH_NONE && made->secret.n == 0)
        return err_make(E_UPSTREAM, "the registration gave no client secret, and wants one to be used");
    if (buf_room(&b, 32000) == NULL)
        return err_make(E_MEMORY, "no memory for a registration");
    json_open(&b, '{');
    json_member_str(&b, "issuer", r->plan->as.issuer);
    json_member_text(&b, "client_id", made->id);
    json_member_text(&b, "client_secret", made->secret);
    json_member_int(&b, "auth", auth);
    json_close(&b, '}');
    sealed_name(name, "oauth-client", r->destination->id, r->plan->as.issuer);
    struct err e = b.failed ? err_make(E_LIMIT, "the registration is too large")
                            : keys_seal(r->creds->config.keys, bytes_str(name), bytes_str(r->destination->id), buf_bytes(&b));
    bytes_wipe(b.at, b.cap);
    buf_free(&b);
    return e;
}

static void
got_registration(const struct fetched *f, void *ctx)
{
    struct registering *r = ctx;
    struct arena a = {0};
    struct registration made;
    r->fetch = NULL;
    struct err e = f->e;
    if (!err_failed(e) && f->status != 201 && f->status != 200)
        e = err_make(E_UPSTREAM, "HTTP status %d", f->status);
    if (!err_failed(e))
        e = registration_read(&a, f->body, &made);
    if (!err_failed(e))
        e = keep_client(r, &made);
    if (err_failed(e))
        e = err_wrap(e, "registering at %.100s", r->plan->as.issuer);
    arena_free(&a);
    client_registered *done = r->done;
    void *done_ctx = r->ctx;
    registering_free(r);
    done(e, done_ctx);
}

void
client_document(const struct creds *c, struct buf *b, const char *client_id, int auth, const char *scope)
{
    char redirect[CREDS_URL_MAX];
    json_open(b, '{');
    if (client_id)
        json_member_str(b, "client_id", client_id);
    json_key(b, "client_name");
    struct buf name = buf_make(256);
    buf_printf(&name, "Writ (%s)", c->estate->settings.name);
    json_put_text(b, buf_bytes(&name));
    buf_free(&name);
    json_key(b, "redirect_uris");
    json_open(b, '[');
    json_item(b);
    json_put_text(b, bytes_str(redirect_address(c, redirect)));
    json_close(b, ']');
    json_member_raw(b, "grant_types", BYTES("[\"authorization_code\",\"refresh_token\"]"));
    json_member_raw(b, "response_types", BYTES("[\"code\"]"));
    json_member_str(b, "token_endpoint_auth_method", oauth_auth_names[auth]);
    json_member_str(b, "application_type", c->estate->settings.connect.url ? "web" : "native");
    if (scope && scope[0])
        json_member_str(b, "scope", scope);
    json_close(b, '}');
}

struct err
client_register(struct creds *c, const struct destination *d, struct plan *plan, const char *ticket, struct door *door, client_registered *done,
                void *ctx, struct registering **out)
{
    static const struct http_header headers[] = {{{(const uint8_t *)"Content-Type", 12}, {(const uint8_t *)"application/json", 16}},
                                                 {{(const uint8_t *)"Accept", 6}, {(const uint8_t *)"application/json", 16}}};
    struct registering *r = calloc(1, sizeof *r);
    (void)ticket;
    if (r == NULL)
        return err_make(E_MEMORY, "no memory for a registration");
    *r = (struct registering){c, d, plan_ref(plan), NULL, done, ctx};
    struct buf body = buf_make(8192);
    client_document(c, &body, NULL, wanted_auth(&plan->as), NULL);
    struct http_call_request q = {
        .method = "POST", .url = plan->as.registration, .headers = headers, .n = 2, .body = buf_bytes(&body), .no_retry = true};
    struct err e = fetch_start(door, &q, got_registration, r, &r->fetch);
    buf_free(&body);
    if (err_failed(e)) {
        registering_free(r);
        return e;
    }
    *out = r;
    return err_ok();
}
