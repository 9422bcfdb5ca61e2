/*
 * How a token comes: who gives it (a plan), then the token endpoint. As Writ by client credentials; as a person by their refresh token,
 * which is released by the signer for just this, sent, and replaced when the answer brings a newer one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"

struct flight {
    struct seat *seat;
    struct creds_account *account; /* keeps the declaration while others wait, too */
    struct door *door;
    struct discovery *discovery;
    struct fetch *fetch;
    struct plan *plan; /* the one of this request */
    bool refreshing;
};

static void
flight_free(struct flight *f)
{
    discovery_cancel(f->discovery);
    fetch_cancel(f->fetch);
    plan_unref(f->plan);
    door_close(f->door);
    account_unref(f->account);
    free(f);
}

void
flight_cancel(struct flight *f)
{
    flight_free(f);
}

static void
land(struct flight *f, struct err e)
{
    struct seat *s = f->seat;
    if (err_failed(e) && e.code != E_CONSENT)
        e = err_wrap(e, "an access token for %s%s%s", s->destination, s->person[0] ? " as " : "", s->person);
    if (err_failed(e) && e.code != E_CONSENT && s->person[0] && s->state != SEAT_NONE && s->state != SEAT_ENDED) {
        if (s->state == SEAT_CONNECTED)
            s->failing_ms = s->creds->config.env->now_ms(s->creds->config.env);
        s->state = SEAT_FAILING;
        snprintf(s->error, sizeof s->error, "%.230s", e.text);
        kept_record(s, "account fails", "", e.text);
        kept_store(s);
    }
    s->flight = NULL; /* whoever waits may start the next one */
    f->discovery = NULL;
    f->fetch = NULL;
    flight_free(f);
    seat_landed(s, e);
}

/* ----------------------------------------------------------------------------------------------------------------- the answer */

/* The account is gone upstream: said once on record, shown until the person connects again, and the useless token is forgotten. */
static struct err
account_ended(struct seat *s, const char *why)
{
    s->state = SEAT_ENDED;
    s->has_refresh = false;
    s->failing_ms = s->creds->config.env->now_ms(s->creds->config.env);
    snprintf(s->error, sizeof s->error, "its authorization server refused to renew it (%s)", why);
    seat_drop(s);
    kept_forget(s);
    kept_record(s, "account ended", "", s->error);
    kept_store(s);
    return seat_need_consent(s);
}

static struct err
refusal(struct flight *f, const char *error)
{
    struct seat *s = f->seat;
    if (f->refreshing && strcmp(error, "invalid_grant") == 0)
        return account_ended(s, error);
    if (strcmp(error, "invalid_client") == 0 || strcmp(error, "unauthorized_client") == 0) {
        client_forget(s->creds, f->account->destination, f->plan->as.issuer);
        return f->refreshing ? account_ended(s, error)
                             : err_make(E_FORBIDDEN, "the authorization server does not accept Writ as a client (%s)", error);
    }
    return err_make(E_UPSTREAM, "the authorization server refused (%s)", error);
}

static struct err
take(struct flight *f, const struct token_response *t)
{
    struct seat *s = f->seat;
    struct creds_account *a = f->account;
    TRY(record_secret(s->creds, "oauth", s->destination, a->ticket, s->person, f->refreshing ? "token refreshed" : "token"));
    if (f->refreshing) {
        s->state = SEAT_CONNECTED; /* sealed before it is used: a rotated token that is lost would end the account */
        s->error[0] = 0;
        s->failing_ms = 0;
    }
    TRY(seat_take(s, t));
    if (f->refreshing && t->refresh.n)
        TRY(kept_seal(s, f->plan, t->refresh));
    else if (f->refreshing)
        kept_store(s);
    return err_ok();
}

static void
got_token(const struct fetched *r, void *ctx)
{
    struct flight *f = ctx;
    struct arena a = {0};
    struct token_response t;
    f->fetch = NULL;
    struct err e = token_answer(r, &a, &t);
    if (!err_failed(e))
        e = t.error[0] ? refusal(f, t.error) : take(f, &t);
    arena_free(&a);
    land(f, e);
}

/* ---------------------------------------------------------------------------------------------------------------- the request */

static struct err
request(struct flight *f, struct bytes refresh)
{
    struct seat *s = f->seat;
    const struct destination *d = f->account->destination;
    struct client k = {0};
    struct token_form form;
    char scope[SCOPE_MAX] = "";
    TRY(client_find(s->creds, d, f->plan, f->account->ticket, &k));
    form_begin(&form);
    struct err e = refresh.n ? err_ok() : seat_scope(s, d, f->plan, scope);
    form_put(&form, "grant_type", refresh.n ? BYTES("refresh_token") : BYTES("client_credentials"));
    if (refresh.n)
        form_put(&form, "refresh_token", refresh);
    if (scope[0])
        form_put(&form, "scope", bytes_str(scope));
    form_put(&form, "resource", bytes_str(f->plan->resource));
    if (!err_failed(e))
        e = form_prove(&form, s->creds, d, &k, f->plan->as.issuer, f->account->ticket);
    if (!err_failed(e))
        e = form_send(&form, f->door, f->plan->as.token, got_token, f, &f->fetch);
    if (!refresh.n)
        snprintf(s->wanted, sizeof s->wanted, "%s", scope);
    form_free(&form);
    client_free(&k);
    return e;
}

static struct err
refresh(struct flight *f)
{
    struct secret token = {NULL, 0};
    struct plan *kept = NULL;
    f->refreshing = true;
    TRY(kept_open(f->seat, f->account->ticket, &token, &kept));
    if (f->plan == NULL)
        f->plan = plan_ref(kept);
    /* What a person allowed is for one server at one authorization server (MCP: bound to the issuer), wherever the estate points now. */
    const struct destination *d = f->account->destination;
    struct err e = err_ok();
    if (strcmp(f->plan->as.issuer, kept->as.issuer) != 0)
        e = account_ended(f->seat, "another authorization server is named now");
    else if (!url_covers(kept->resource, server_resource(d)))
        e = account_ended(f->seat, "the destination has another address now");
    else
        e = request(f, bytes_make(token.at, token.n));
    plan_unref(kept);
    secret_free(&token);
    return e;
}

static struct err
as_whom(struct flight *f)
{
    struct seat *s = f->seat;
    if (s->person[0] == 0)
        return request(f, (struct bytes){NULL, 0});
    if (!s->has_refresh || s->consent_first) {
        TRY(plan_for_people(f->plan));
        return seat_need_consent(s);
    }
    return refresh(f);
}

static void
planned(struct err e, struct plan *plan, void *ctx)
{
    struct flight *f = ctx;
    struct seat *s = f->seat;
    f->discovery = NULL;
    if (!err_failed(e)) {
        plan_unref(s->plan);
        s->plan = plan_ref(plan);
        f->plan = plan_ref(plan);
        s->rediscover = false;
        e = as_whom(f);
    }
    if (err_failed(e))
        land(f, e);
}

static struct err
begin(struct flight *f)
{
    struct seat *s = f->seat;
    const struct destination *d = f->account->destination;
    if (d->oauth->token_endpoint) {
        f->plan = plan_declared(d);
        return f->plan ? request(f, (struct bytes){NULL, 0}) : err_make(E_MEMORY, "no memory for a token");
    }
    if (s->person[0] && s->has_refresh && !s->rediscover && !s->consent_first)
        return refresh(f);
    if (s->plan == NULL || s->rediscover)
        return discover(s->creds, d, f->door, s->hint, planned, f, &f->discovery);
    f->plan = plan_ref(s->plan);
    return as_whom(f);
}

struct err
flight_start(struct seat *s, struct creds_account *a)
{
    const struct destination *d = a->destination;
    struct flight *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_make(E_MEMORY, "no memory for a token");
    f->seat = s;
    f->account = a;
    account_ref(a);
    struct err e = door_open(s->creds, DOOR_ISSUER, d, NULL, d->ca_file, &f->door);
    if (!err_failed(e))
        e = begin(f);
    if (err_failed(e)) {
        flight_free(f);
        return e;
    }
    s->flight = f;
    return err_ok();
}
