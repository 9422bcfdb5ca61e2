/* The token endpoint: forms, how a client proves itself (RFC 6749 §2.3, RFC 7523 §2.2), and answers. */
#include <stdio.h>

#include "creds/inner.h"

#define FORM_MAX 65536
#define ASSERTION_S 60

void
form_begin(struct token_form *f)
{
    *f = (struct token_form){buf_make(FORM_MAX), buf_make(FORM_MAX)};
    buf_room(&f->body, FORM_MAX - 1); /* at once, so that no copy of a secret stays behind */
    buf_room(&f->authorization, 16384);
}

void
form_put(struct token_form *f, const char *name, struct bytes value)
{
    if (f->body.n)
        buf_putc(&f->body, '&');
    buf_puts(&f->body, name);
    buf_putc(&f->body, '=');
    percent_put(&f->body, value);
}

void
form_free(struct token_form *f)
{
    if (f->body.at)
        bytes_wipe(f->body.at, f->body.cap);
    if (f->authorization.at)
        bytes_wipe(f->authorization.at, f->authorization.cap);
    buf_free(&f->body);
    buf_free(&f->authorization);
}

/* RFC 6749 §2.3.1: both are form-encoded before they are joined. */
static void
prove_basic(struct token_form *f, const struct client *k)
{
    struct buf pair = buf_make(FORM_MAX);
    if (buf_room(&pair, 16384) == NULL) {
        f->body.failed = true;
        return;
    }
    percent_put(&pair, bytes_str(k->id));
    buf_putc(&pair, ':');
    percent_put(&pair, bytes_make(k->secret.at, k->secret.n));
    buf_puts(&f->authorization, "Basic ");
    buf_base64(&f->authorization, buf_bytes(&pair));
    f->body.failed |= pair.failed;
    bytes_wipe(pair.at, pair.cap);
    buf_free(&pair);
}

static struct err
prove_jwt(struct token_form *f, struct creds *c, const struct destination *d, const struct client *k, const char *audience, const char *ticket)
{
    char id[ENV_ID_MAX];
    int64_t now = c->config.env->now_ms(c->config.env) / 1000;
    struct buf claims = buf_make(4096);
    struct arena a = {0};
    struct bytes jws = {NULL, 0};
    TRY(env_id(c->config.env, "ja", id));
    json_open(&claims, '{');
    json_member_str(&claims, "iss", k->id);
    json_member_str(&claims, "sub", k->id);
    json_member_str(&claims, "aud", audience);
    json_member_str(&claims, "jti", id);
    json_member_int(&claims, "iat", now);
    json_member_int(&claims, "exp", now + ASSERTION_S);
    json_close(&claims, '}');
    struct err e = claims.failed
                       ? err_make(E_LIMIT, "the client's id is too long")
                       : keys_sign_client(c->config.keys, bytes_str(k->key), bytes_str(d->id), bytes_str(ticket), buf_bytes(&claims), &a, &jws);
    if (!err_failed(e)) {
        form_put(f, "client_id", bytes_str(k->id));
        form_put(f, "client_assertion_type", BYTES("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        form_put(f, "client_assertion", jws);
    }
    arena_free(&a);
    buf_free(&claims);
    return e;
}

struct err
form_prove(struct token_form *f, struct creds *c, const struct destination *d, const struct client *k, const char *audience, const char *ticket)
{
    switch (k->auth) {
    case OAUTH_AUTH_BASIC:
        prove_basic(f, k);
        return err_ok();
    case OAUTH_AUTH_POST:
        form_put(f, "client_id", bytes_str(k->id));
        form_put(f, "client_secret", bytes_make(k->secret.at, k->secret.n));
        return err_ok();
    case OAUTH_AUTH_JWT:
        return prove_jwt(f, c, d, k, audience, ticket);
    case OAUTH_AUTH_NONE:
        form_put(f, "client_id", bytes_str(k->id));
        return err_ok();
    }
    return err_make(E_ESTATE, "no way to prove the client");
}

struct err
form_send(const struct token_form *f, struct door *door, const char *url, fetch_done *done, void *ctx, struct fetch **out)
{
    struct http_header headers[] = {{BYTES("Content-Type"), BYTES("application/x-www-form-urlencoded")},
                                    {BYTES("Accept"), BYTES("application/json")},
                                    {BYTES("Authorization"), buf_bytes(&f->authorization)}};
    struct http_call_request r = {
        .method = "POST", .url = url, .headers = headers, .n = f->authorization.n ? 3 : 2, .body = buf_bytes(&f->body), .no_retry = true};
    if (f->body.failed || f->authorization.failed)
        return err_make(E_LIMIT, "the request for a token is too large");
    return fetch_start(door, &r, done, ctx, out);
}

struct err
token_answer(const struct fetched *f, struct arena *a, struct token_response *out)
{
    TRY(f->e);
    return token_response_read(a, f->body, f->status, out);
}
