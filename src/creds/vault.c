/*
 * Secrets of a KV engine of Vault or OpenBao. A login's token is kept until its lease ends (2/3 of it) and used for all destinations that
 * declare the same; a token file is read anew each time, since an agent beside Writ may have renewed it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"

struct vault_session {
    struct vault_session *next;
    char *key;
    struct secret token;
    uint64_t until_ns;
};

static char *
session_key(const struct vault_access *v)
{
    struct buf b = buf_make(4096);
    buf_printf(&b, "%s %s %d %s %s %s", v->address, v->workspace ? v->workspace : "", v->login, v->login_mount, v->role ? v->role : "", v->file);
    char *key = b.failed ? NULL : strdup(buf_text(&b));
    buf_free(&b);
    return key;
}

static struct vault_session *
session_of(struct creds *c, const struct vault_access *v, bool make)
{
    char *key = session_key(v);
    for (struct vault_session *s = c->vaults; s && key; s = s->next)
        if (strcmp(s->key, key) == 0) {
            free(key);
            return s;
        }
    struct vault_session *s = make && key ? calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        free(key);
        return NULL;
    }
    s->key = key;
    s->next = c->vaults;
    c->vaults = s;
    return s;
}

void
vault_forget_all(struct creds *c)
{
    while (c->vaults) {
        struct vault_session *s = c->vaults;
        c->vaults = s->next;
        secret_free(&s->token);
        free(s->key);
        free(s);
    }
}

static void
fail(struct ask *k, struct err e)
{
    ask_answer(k, err_wrap(e, "%.100s", k->what.destination->vault->address), (struct bytes){NULL, 0}, 0);
}

static struct err log_in(struct ask *k);
static struct err read_value(struct ask *k, struct bytes token);

static struct err
ask(struct ask *k, const char *method, const char *path, struct bytes token, struct bytes body, fetch_done *done)
{
    const struct vault_access *v = k->what.destination->vault;
    struct http_header headers[4] = {{BYTES("X-Vault-Request"), BYTES("true")}};
    size_t n = 1;
    if (token.n)
        headers[n++] = (struct http_header){BYTES("X-Vault-Token"), token};
    if (v->workspace)
        headers[n++] = (struct http_header){BYTES("X-Vault-Namespace"), bytes_str(v->workspace)};
    if (body.n)
        headers[n++] = (struct http_header){BYTES("Content-Type"), BYTES("application/json")};
    struct buf url = buf_make(4096);
    buf_printf(&url, "%s/v1/%s", v->address, path);
    struct http_call_request r = {.method = method, .url = buf_text(&url), .headers = headers, .n = n, .body = body};
    struct err e = fetch_start(k->door, &r, done, k, &k->fetch);
    buf_free(&url);
    return e;
}

/* --------------------------------------------------------------------------------------------------------------- the value */

static uint64_t
until(const struct ask *k, int64_t lease_s)
{
    uint64_t ms = lease_s > 0 ? (uint64_t)lease_s * 1000 : VALUE_SHORT_MS;
    return creds_now(k->what.creds) + (ms < VALUE_MS ? ms : VALUE_MS) * 1000000;
}

static void
got_value(const struct fetched *f, void *ctx)
{
    struct ask *k = ctx;
    const struct vault_access *v = k->what.destination->vault;
    struct arena a = {0};
    struct bytes value = {NULL, 0};
    int64_t lease_s = 0;
    k->fetch = NULL;
    struct vault_session *s = session_of(k->what.creds, v, false);
    if (!err_failed(f->e) && f->status == 403 && v->login != VAULT_TOKEN && !k->logged_in_anew && s) {
        secret_free(&s->token); /* it was revoked, perhaps */
        struct err e = log_in(k);
        if (err_failed(e))
            fail(k, e);
        return;
    }
    struct err e = f->e;
    if (!err_failed(e) && f->status == 404)
        e = err_make(E_NOT_FOUND, "there is no such secret");
    else if (!err_failed(e) && f->status == 403)
        e = err_make(E_FORBIDDEN, "the vault does not let Writ read it (HTTP status 403)");
    else if (!err_failed(e) && f->status != 200)
        e = err_make(E_UPSTREAM, "the vault answered with HTTP status %d", f->status);
    if (!err_failed(e))
        e = vault_value_read(&a, f->body, v->version, k->what.source->field, &value, &lease_s);
    if (err_failed(e))
        fail(k, e);
    else
        ask_answer(k, e, value, until(k, lease_s));
    if (value.n && value.at < f->body.at) /* an unescaped copy of it lies in the arena */
        bytes_wipe((void *)(uintptr_t)value.at, value.n);
    arena_free(&a);
}

static struct err
read_value(struct ask *k, struct bytes token)
{
    const struct vault_access *v = k->what.destination->vault;
    struct buf path = buf_make(2048);
    buf_printf(&path, "%s/%s%s", v->mount, v->version == 2 ? "data/" : "", k->what.source->name);
    struct err e = ask(k, "GET", buf_text(&path), token, (struct bytes){NULL, 0}, got_value);
    buf_free(&path);
    return e;
}

/* --------------------------------------------------------------------------------------------------------------- the login */

static void
got_login(const struct fetched *f, void *ctx)
{
    struct ask *k = ctx;
    const struct vault_access *v = k->what.destination->vault;
    struct arena a = {0};
    struct bytes token = {NULL, 0};
    int64_t lease_s = 0;
    k->fetch = NULL;
    struct err e = f->e;
    if (!err_failed(e) && f->status != 200)
        e = err_make(E_FORBIDDEN, "the vault refused the login at auth/%s (HTTP status %d)", v->login_mount, f->status);
    if (!err_failed(e))
        e = vault_login_read(&a, f->body, &token, &lease_s);
    struct vault_session *s = err_failed(e) ? NULL : session_of(k->what.creds, v, true);
    if (s) {
        secret_free(&s->token);
        s->token = secret_make(token);
        s->until_ns = creds_now(k->what.creds) + (lease_s ? (uint64_t)lease_s * 666666667u : VALUE_MS * (uint64_t)1000000);
    }
    if (!err_failed(e))
        e = read_value(k, token);
    arena_free(&a);
    if (err_failed(e))
        fail(k, e);
}

static struct err
log_in(struct ask *k)
{
    const struct vault_access *v = k->what.destination->vault;
    struct secret secret;
    struct buf body = buf_make(65536), path = buf_make(1024);
    TRY(file_read_secret(v->file, -1, &secret));
    k->logged_in_anew = true;
    if (buf_room(&body, 65536) == NULL) {
        secret_free(&secret);
        return err_make(E_MEMORY, "no memory for a login");
    }
    json_open(&body, '{');
    json_member_str(&body, v->login == VAULT_APPROLE ? "role_id" : "role", v->role);
    json_member_text(&body, v->login == VAULT_APPROLE ? "secret_id" : "jwt", bytes_make(secret.at, secret.n));
    json_close(&body, '}');
    buf_printf(&path, "auth/%s/login", v->login_mount);
    struct err e = ask(k, "POST", buf_text(&path), (struct bytes){NULL, 0}, buf_bytes(&body), got_login);
    bytes_wipe(body.at, body.cap);
    buf_free(&body);
    buf_free(&path);
    secret_free(&secret);
    return e;
}

static struct err
begin(struct ask *k)
{
    const struct vault_access *v = k->what.destination->vault;
    struct vault_session *s = session_of(k->what.creds, v, false);
    if (v->login != VAULT_TOKEN && (s == NULL || s->token.at == NULL || s->until_ns <= creds_now(k->what.creds)))
        return log_in(k);
    if (v->login != VAULT_TOKEN)
        return read_value(k, bytes_make(s->token.at, s->token.n));
    struct secret token;
    TRY(file_read_secret(v->file, -1, &token));
    struct err e = read_value(k, bytes_make(token.at, token.n));
    secret_free(&token);
    return e;
}

struct err
vault_ask(const struct asking *a, ask_done *done, void *ctx, struct ask **out)
{
    const struct vault_access *v = a->destination->vault;
    struct ask *k = ask_make(a, done, ctx);
    if (k == NULL)
        return err_make(E_MEMORY, "no memory for a secret");
    struct err e = door_open(a->creds, DOOR_STORE, a->destination, v->address, v->ca_file, &k->door);
    if (!err_failed(e))
        e = begin(k);
    if (err_failed(e)) {
        ask_cancel(k);
        return err_wrap(e, "the secret %.80s in the vault", a->source->name);
    }
    *out = k;
    return err_ok();
}
