/* What a person or an administrator asks for: connect an account, and disconnect it. */
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"

struct connecting {
    struct connecting *next;
    struct creds *creds;
    struct creds_account *account; /* of this act */
    struct door *door;
    struct fetch *fetch;
    struct discovery *discovery;
    struct seat *seat;
    char by[65];
    creds_connecting *connected;
    creds_disconnected *disconnected;
    void *ctx;
};

static void
forget(struct connecting *k)
{
    fetch_cancel(k->fetch);
    discovery_cancel(k->discovery);
    door_close(k->door);
    creds_close(k->account);
    free(k);
}

static void
take_out(struct connecting *k)
{
    for (struct connecting **at = &k->creds->connecting; *at; at = &(*at)->next)
        if (*at == k) {
            *at = k->next;
            return;
        }
}

void
connects_cancel(struct creds *c)
{
    while (c->connecting) {
        struct connecting *k = c->connecting;
        c->connecting = k->next;
        forget(k);
    }
}

static struct err
make(struct creds *c, struct estate *estate, const struct destination *d, const char *person, const char *by, void *ctx, struct connecting **out)
{
    char ticket[ENV_ID_MAX];
    if (d->oauth == NULL || d->oauth->grant != OAUTH_PERSON)
        return err_make(E_USAGE, "%s is not used as a person (server.oauth: grant: person)", d->id);
    TRY(env_id(c->config.env, "ca", ticket));
    struct connecting *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_make(E_MEMORY, "no memory for an account");
    k->creds = c;
    k->ctx = ctx;
    snprintf(k->by, sizeof k->by, "%s", by);
    struct creds_for who = {estate, d, ticket, person};
    struct err e = creds_open(c, &who, &k->account);
    if (!err_failed(e))
        e = door_open(c, DOOR_ISSUER, d, NULL, d->ca_file, &k->door);
    if (err_failed(e)) {
        forget(k);
        return e;
    }
    k->seat = k->account->seat;
    k->next = c->connecting;
    c->connecting = k;
    *out = k;
    return err_ok();
}

/* --------------------------------------------------------------------------------------------------------------- connecting */

static void
connected(struct connecting *k, struct err e)
{
    char url[CREDS_URL_MAX] = "";
    take_out(k);
    if (!err_failed(e))
        e = creds_consent(k->creds, k->account->destination, k->account->person, k->by, url);
    k->connected(e, url, k->ctx);
    forget(k);
}

static void
found(struct err e, struct plan *plan, void *ctx)
{
    struct connecting *k = ctx;
    k->discovery = NULL;
    if (!err_failed(e)) {
        plan_unref(k->seat->plan);
        k->seat->plan = plan_ref(plan);
        k->seat->rediscover = false;
    }
    connected(k, e);
}

/* What the server says to someone without a token: who gives them, and for which scope. */
static void
probed(const struct fetched *f, void *ctx)
{
    struct connecting *k = ctx;
    struct seat *s = k->seat;
    k->fetch = NULL;
    struct err e = f->e;
    if (!err_failed(e) && f->challenge.bearer) {
        snprintf(s->hint, sizeof s->hint, "%s", f->challenge.resource_metadata);
        snprintf(s->challenged, sizeof s->challenged, "%s", f->challenge.scope);
    }
    if (!err_failed(e))
        e = discover(k->creds, k->account->destination, k->door, s->hint, found, k, &k->discovery);
    if (err_failed(e))
        connected(k, e);
}

struct err
creds_connect(struct creds *c, struct estate *estate, const struct destination *d, const char *person, const char *by, creds_connecting *done,
              void *ctx)
{
    static const struct http_header headers[] = {{{(const uint8_t *)"Content-Type", 12}, {(const uint8_t *)"application/json", 16}},
                                                 {{(const uint8_t *)"Accept", 6}, {(const uint8_t *)"application/json, text/event-stream", 35}},
                                                 {{(const uint8_t *)"MCP-Protocol-Version", 20}, {(const uint8_t *)"2025-11-25", 10}}};
    struct connecting *k;
    TRY(make(c, estate, d, person, by, ctx, &k));
    k->connected = done;
    struct http_call_request r = {
        .method = "POST", .url = d->url, .headers = headers, .n = 3, .body = BYTES("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}")};
    struct err e = fetch_start(k->account->door, &r, probed, k, &k->fetch);
    if (err_failed(e)) {
        take_out(k);
        forget(k);
    }
    return e;
}

/* ------------------------------------------------------------------------------------------------------------ disconnecting */

static void
disconnected(struct connecting *k, const char *note)
{
    struct seat *s = k->seat;
    take_out(k);
    seat_cancel_flight(s);
    seat_drop(s);
    s->state = SEAT_NONE;
    s->wanted[0] = s->error[0] = 0;
    kept_forget(s);
    kept_record(s, "account disconnected", k->by, note);
    k->disconnected(err_ok(), note, k->ctx);
    forget(k);
}

static void
revoked(const struct fetched *f, void *ctx)
{
    struct connecting *k = ctx;
    char note[240];
    k->fetch = NULL;
    if (err_failed(f->e))
        snprintf(note, sizeof note, "not revoked upstream: %.200s", f->e.text);
    else if (f->status != 200) /* RFC 7009 §2.2: 200, also for a token that is unknown there */
        snprintf(note, sizeof note, "not revoked upstream: HTTP status %d", f->status);
    else
        snprintf(note, sizeof note, "revoked upstream");
    disconnected(k, note);
}

static struct err
revoke_there(struct connecting *k, const struct plan *plan, struct bytes token)
{
    struct client client = {0};
    struct token_form form;
    const struct destination *d = k->account->destination;
    TRY(client_find(k->creds, d, plan, k->account->ticket, &client));
    form_begin(&form);
    form_put(&form, "token", token);
    form_put(&form, "token_type_hint", BYTES("refresh_token"));
    struct err e = form_prove(&form, k->creds, d, &client, plan->as.issuer, k->account->ticket);
    if (!err_failed(e))
        e = form_send(&form, k->door, plan->as.revocation, revoked, k, &k->fetch);
    form_free(&form);
    client_free(&client);
    return e;
}

static void
nothing_to_revoke(void *ctx)
{
    disconnected(ctx, "it offers no revocation; what it gave ends by itself");
}

struct err
creds_disconnect(struct creds *c, struct estate *estate, const struct destination *d, const char *person, const char *by, creds_disconnected *done,
                 void *ctx)
{
    struct connecting *k;
    struct secret token = {NULL, 0};
    struct plan *plan = NULL;
    struct seat *known = seat_find(c, d->id, person, false);
    if (known == NULL || known->state == SEAT_NONE)
        return err_make(E_NOT_FOUND, "%s has connected no account for %s", person, d->id);
    TRY(make(c, estate, d, person, by, ctx, &k));
    k->disconnected = done;
    seat_drop(k->seat); /* from now on nothing is done with it, whatever the other side says */
    struct err e = kept_open(k->seat, k->account->ticket, &token, &plan);
    if (!err_failed(e) && plan->as.revocation)
        e = revoke_there(k, plan, bytes_make(token.at, token.n));
    plan_unref(plan);
    secret_free(&token);
    if (k->fetch == NULL && loop_after(c->config.loop, 0, nothing_to_revoke, k) == NULL)
        nothing_to_revoke(k);
    (void)e; /* what could not be revoked is forgotten all the same */
    return err_ok();
}
