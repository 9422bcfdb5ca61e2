/*
 * A person's way to the authorization server and back. A consent is good for ten minutes, for one person at one destination, and its
 * ${state} for one return. The listener on this host asks the kernel whose browser it is: a link that one person was talked into opening
 * for another connects nobody's account.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/sha.h>

#include "creds/inner.h"

struct consent {
    struct consent *next;
    struct creds *creds;
    struct estate *estate;
    const struct destination *destination;
    char id[ENV_ID_MAX], pass[ENV_ID_MAX], state[ENV_ID_MAX], ticket[ENV_ID_MAX];
    char person[65], by[65], scope[SCOPE_MAX];
    struct secret verifier;
    struct plan *plan;
    struct door *door;
    struct registering *registering;
    struct fetch *fetch;
    struct http_exchange *x; /* the browser that waits; NULL: it left */
    struct secret access, refresh;
    struct token_response token; /* without its texts */
    char granted[SCOPE_MAX];
    int64_t ends_ms;
    struct err recorded;
    bool returned, recording;
};

static int64_t
now_ms(const struct creds *c)
{
    return c->config.env->now_ms(c->config.env);
}

static void
consent_free(struct consent *k)
{
    registering_cancel(k->registering);
    fetch_cancel(k->fetch);
    secret_free(&k->verifier);
    secret_free(&k->access);
    secret_free(&k->refresh);
    plan_unref(k->plan);
    door_close(k->door);
    if (k->x)
        http_exchange_set(k->x, NULL);
    estate_unref(k->estate);
    free(k);
}

static void
take_out(struct consent *k)
{
    for (struct consent **at = &k->creds->consents; *at; at = &(*at)->next)
        if (*at == k) {
            *at = k->next;
            k->creds->n_consents--;
            return;
        }
}

void
consents_sweep(struct creds *c, bool all)
{
    for (struct consent **at = &c->consents; *at;) {
        struct consent *k = *at;
        if (k->recording || (!all && (k->ends_ms > now_ms(c) || k->fetch || k->registering))) {
            at = &k->next;
            continue;
        }
        *at = k->next;
        c->n_consents--;
        consent_free(k);
    }
}

void
consent_left(struct consent *k)
{
    k->x = NULL;
}

/* ---------------------------------------------------------------------------------------------------------------- beginning */

struct err
plan_for_people(const struct plan *p)
{
    if (!p->as.s256)
        return err_make(E_FORBIDDEN, "the authorization server %.150s does not offer PKCE with S256, without which nobody's account is connected",
                        p->as.issuer);
    return p->as.authorization ? err_ok() : err_make(E_FORBIDDEN, "the authorization server %.150s has no page for people", p->as.issuer);
}

static void
link_of(const struct consent *k, char url[CREDS_URL_MAX])
{
    const struct connect_settings *s = &k->creds->estate->settings.connect;
    snprintf(url, CREDS_URL_MAX, "%s%s/connect/%s", s->url ? "" : "http://", s->url ? s->url : s->listen, k->id);
}

static struct err
make(struct creds *c, const struct destination *d, struct seat *s, const char *by, struct consent **out)
{
    struct consent *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_make(E_MEMORY, "no memory for a consent");
    *k = (struct consent){.creds = c, .estate = estate_ref(c->estate), .plan = plan_ref(s->plan), .ends_ms = now_ms(c) + CONSENT_MS};
    k->destination = estate_destination(k->estate, d->id);
    snprintf(k->person, sizeof k->person, "%s", s->person);
    snprintf(k->by, sizeof k->by, "%s", by);
    struct err e = k->destination && k->destination->oauth ? err_ok() : err_make(E_NOT_FOUND, "%s is no destination that people connect to", d->id);
    if (!err_failed(e))
        e = env_id(c->config.env, "co", k->id);
    if (!err_failed(e))
        e = env_id(c->config.env, "ca", k->ticket);
    if (!err_failed(e))
        e = seat_scope(s, k->destination, k->plan, k->scope);
    if (!err_failed(e))
        e = door_open(c, DOOR_ISSUER, k->destination, NULL, k->destination->ca_file, &k->door);
    if (err_failed(e)) {
        consent_free(k);
        return e;
    }
    k->next = c->consents;
    c->consents = k;
    c->n_consents++;
    *out = k;
    return err_ok();
}

struct err
creds_consent(struct creds *c, const struct destination *d, const char *person, const char *by, char url[CREDS_URL_MAX])
{
    struct seat *s = seat_find(c, d->id, person, false);
    struct consent *k = NULL;
    if (c->face == NULL)
        return err_make(E_STATE, "there is no place where people's browsers come back; add connect: { listen: 127.0.0.1:8931 } to writ.yaml");
    if (s == NULL || s->plan == NULL)
        return err_make(E_STATE, "who authorizes at %s is not known yet", d->id);
    TRY(plan_for_people(s->plan));
    consents_sweep(c, false);
    for (k = c->consents; k; k = k->next)
        if (!k->returned && k->state[0] == 0 && strcmp(k->destination->id, d->id) == 0 && strcmp(k->person, person) == 0 && k->plan == s->plan &&
            strcmp(k->by, by) == 0)
            break;
    if (k == NULL && c->n_consents >= CONSENTS_MAX)
        return err_make(E_BUSY, "%d people are on their way to an authorization server; try again later", CONSENTS_MAX);
    if (k == NULL)
        TRY(make(c, d, s, by, &k));
    link_of(k, url);
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------------- to the server */

/* The kernel says whose browser it is, where it runs on this host and the person has a user here. */
static struct err
check_browser(const struct consent *k, struct http_exchange *x)
{
    const struct net_peer *p = http_exchange_request(x)->peer;
    const struct person *person = estate_person(k->creds->estate, k->person);
    int uid = -1;
    if (person == NULL || !person->active)
        return err_make(E_FORBIDDEN, "%s is no active person here any more", k->person);
    if (k->creds->estate->settings.connect.url || person->uid < 0)
        return err_ok();
    struct tcp_ends ends = {.local_v4 = p->local_v4, .remote_v4 = p->remote_v4, .local_port = p->local_port, .remote_port = p->remote_port};
    TRY(tcp_peer_uid_at(0, &ends, &uid));
    return uid == person->uid ? err_ok() : err_make(E_FORBIDDEN, "this link is for %s, and this is the browser of user %d", k->person, uid);
}

static void
refuse(struct consent *k, struct http_exchange *x, struct err e)
{
    struct seat *s = seat_find(k->creds, k->destination->id, k->person, true);
    if (s)
        kept_record(s, "account refused", k->by, e.text);
    if (x)
        page(x, e.code == E_FORBIDDEN ? 403 : 502, "Not connected", e.text);
}

static struct err
new_state(struct consent *k)
{
    uint8_t random[32];
    struct buf text = buf_make(64);
    TRY(env_id(k->creds->config.env, "st", k->state));
    if (!k->creds->config.env->random(k->creds->config.env, random, sizeof random))
        return err_make(E_CRYPTO, "the system's random generator failed");
    buf_base64url(&text, bytes_make(random, sizeof random)); /* 43 characters, RFC 7636 §4.1 */
    secret_free(&k->verifier);
    k->verifier = secret_make(buf_bytes(&text));
    bytes_wipe(random, sizeof random);
    if (text.at)
        bytes_wipe(text.at, text.cap);
    buf_free(&text);
    return k->verifier.at ? err_ok() : err_make(E_MEMORY, "no memory for a consent");
}

static void
put(struct buf *b, const char *name, struct bytes value)
{
    buf_printf(b, "&%s=", name);
    percent_put(b, value);
}

static struct err
send_away(struct consent *k, const struct client *client)
{
    char redirect[CREDS_URL_MAX];
    uint8_t digest[32];
    struct buf b = buf_make(16384), challenge = buf_make(64);
    TRY(new_state(k));
    SHA256(k->verifier.at, k->verifier.n, digest);
    buf_base64url(&challenge, bytes_make(digest, sizeof digest));
    buf_printf(&b, "%s%cresponse_type=code", k->plan->as.authorization, strchr(k->plan->as.authorization, '?') ? '&' : '?');
    put(&b, "client_id", bytes_str(client->id));
    put(&b, "redirect_uri", bytes_str(redirect_address(k->creds, redirect)));
    put(&b, "state", bytes_str(k->state));
    put(&b, "code_challenge", buf_bytes(&challenge));
    put(&b, "code_challenge_method", BYTES("S256"));
    put(&b, "resource", bytes_str(k->plan->resource));
    if (k->scope[0])
        put(&b, "scope", bytes_str(k->scope));
    struct bytes scopes = bytes_str(k->scope);
    while (scopes.n)
        if (bytes_is(bytes_split(&scopes, ' '), "offline_access"))
            put(&b, "prompt", BYTES("consent")); /* OpenID Connect Core §11: without it, no refresh token */
    struct http_header to[] = {
        {BYTES("Location"), buf_bytes(&b)}, {BYTES("Cache-Control"), BYTES("no-store")}, {BYTES("Referrer-Policy"), BYTES("no-referrer")}};
    if (k->x && !b.failed)
        http_respond(k->x, 302, NULL, to, 3, (struct bytes){NULL, 0});
    buf_free(&b);
    buf_free(&challenge);
    return err_ok();
}

static void registered(struct err e, void *ctx);

/* Known as a client there, or made known first. */
static struct err
go(struct consent *k, bool may_register)
{
    struct client client = {0};
    struct err e = client_find(k->creds, k->destination, k->plan, k->ticket, &client);
    if (e.code == E_NOT_FOUND && may_register && k->plan->as.registration)
        e = client_register(k->creds, k->destination, k->plan, k->ticket, k->door, registered, k, &k->registering);
    else if (!err_failed(e))
        e = send_away(k, &client);
    client_free(&client);
    return e;
}

static void
registered(struct err e, void *ctx)
{
    struct consent *k = ctx;
    k->registering = NULL;
    if (!err_failed(e))
        e = go(k, false);
    if (err_failed(e))
        refuse(k, k->x, e);
}

/* What it is for, before anything leaves this host: a link that somebody was sent says who asks. The way on is good for this showing only. */
static struct err
show(struct consent *k, struct http_exchange *x)
{
    char go_on[2 * ENV_ID_MAX + 16];
    TRY(env_id(k->creds->config.env, "go", k->pass));
    snprintf(go_on, sizeof go_on, "/connect/%s/%s", k->id, k->pass);
    page_ask(x, &(struct consent_shown){.destination = k->destination->id,
                                        .person = k->person,
                                        .by = k->by,
                                        .resource = k->plan->resource,
                                        .issuer = k->plan->as.issuer,
                                        .scope = k->scope,
                                        .go = go_on});
    return err_ok();
}

void
consent_open(struct creds *c, struct bytes path, struct http_exchange *x)
{
    struct consent *k = c->consents;
    struct bytes id = bytes_split(&path, '/');
    while (k && !bytes_is(id, k->id))
        k = k->next;
    bool known = k && !k->returned && k->ends_ms > now_ms(c) && (path.n == 0 || (k->pass[0] && bytes_same_secret(path, bytes_str(k->pass))));
    if (!known) {
        page_refused(c, x, 404, "This link is no longer good",
                     "It was used, or ten minutes have passed. Ask for a new one: writ destination connect");
        return;
    }
    struct err e = k->registering ? err_make(E_BUSY, "this link is open already") : check_browser(k, x);
    if (!err_failed(e) && path.n == 0) {
        e = show(k, x);
        if (!err_failed(e))
            return;
    }
    if (err_failed(e)) {
        refuse(k, x, e);
        return;
    }
    k->pass[0] = 0;
    k->x = x;
    http_exchange_set(x, k);
    e = go(k, true);
    if (err_failed(e))
        refuse(k, x, e);
}

/* ----------------------------------------------------------------------------------------------------------------- and back */

static void
end(struct consent *k, struct err e)
{
    if (err_failed(e))
        refuse(k, k->x, e);
    else if (k->x)
        page(k->x, 200, "Connected", "The account is connected. You can close this page.");
    take_out(k);
    consent_free(k);
}

static struct err
settle(struct consent *k)
{
    struct creds *c = k->creds;
    struct seat *s = seat_find(c, k->destination->id, k->person, true);
    if (s == NULL)
        return err_make(E_LIMIT, "no room for another account; at most %d", SEATS_MAX);
    k->token.access = bytes_make(k->access.at, k->access.n);
    k->token.refresh = bytes_make(k->refresh.at, k->refresh.n);
    k->token.scope = bytes_str(k->granted);
    snprintf(s->wanted, sizeof s->wanted, "%s", k->scope);
    s->state = SEAT_CONNECTED;
    s->consent_first = s->rediscover = false;
    s->error[0] = s->challenged[0] = 0;
    s->failing_ms = 0;
    s->connected_ms = now_ms(c);
    snprintf(s->issuer, sizeof s->issuer, "%s", k->plan->as.issuer);
    snprintf(s->by, sizeof s->by, "%s", k->by);
    TRY(seat_take(s, &k->token));
    return kept_seal(s, k->plan, k->token.refresh);
}

static void
on_record(void *ctx)
{
    struct consent *k = ctx;
    k->recording = false;
    if (k->creds->closing)
        return; /* creds_free has it; the log has what a restart will not find */
    end(k, err_failed(k->recorded) ? k->recorded : settle(k));
}

static void
recorded(struct err e, uint64_t index, void *ctx)
{
    struct consent *k = ctx;
    (void)index;
    k->recorded = e;
    e = loop_post(k->creds->config.loop, on_record, k);
    (void)e; /* out of memory: the account is not connected, the browser runs into its own patience */
}

/* Law 6: a privilege change is on disk before it takes effect. */
static struct err
record(struct consent *k)
{
    struct buf m = buf_make(8192);
    json_member_str(&m, "change", "account connected");
    json_member_str(&m, "destination", k->destination->id);
    json_member_str(&m, "person", k->person);
    json_member_str(&m, "by", k->by);
    json_member_str(&m, "issuer", k->plan->as.issuer);
    json_member_str(&m, "scope", k->token.has_scope ? k->granted : k->scope);
    struct audit_event event = {.kind = AUDIT_PRIVILEGE, .members = buf_bytes(&m)};
    k->recording = true;
    struct err e = m.failed ? err_make(E_LIMIT, "the record is too large") : audit_append(k->creds->config.audit, &event, true, recorded, k);
    if (err_failed(e))
        k->recording = false;
    buf_free(&m);
    return e;
}

static struct err
keep_token(struct consent *k, const struct token_response *t)
{
    if (t->error[0])
        return err_make(E_UPSTREAM, "the authorization server refused (%s)", t->error);
    k->access = secret_make(t->access);
    if (t->refresh.n)
        k->refresh = secret_make(t->refresh);
    k->token = (struct token_response){.has_scope = t->has_scope, .expires_s = t->expires_s};
    snprintf(k->granted, sizeof k->granted, "%.*s", BYTES_CUT(t->scope, sizeof k->granted - 1));
    return k->access.at && (k->refresh.at || !t->refresh.n) ? record(k) : err_make(E_MEMORY, "no memory for a token");
}

static void
got_token(const struct fetched *f, void *ctx)
{
    struct consent *k = ctx;
    struct arena a = {0};
    struct token_response t;
    k->fetch = NULL;
    struct err e = token_answer(f, &a, &t);
    if (!err_failed(e))
        e = keep_token(k, &t);
    arena_free(&a);
    if (err_failed(e))
        end(k, e);
}

static struct err
exchange(struct consent *k, struct bytes code)
{
    char redirect[CREDS_URL_MAX];
    struct client client = {0};
    struct token_form form;
    TRY(client_find(k->creds, k->destination, k->plan, k->ticket, &client));
    form_begin(&form);
    form_put(&form, "grant_type", BYTES("authorization_code"));
    form_put(&form, "code", code);
    form_put(&form, "redirect_uri", bytes_str(redirect_address(k->creds, redirect)));
    form_put(&form, "code_verifier", bytes_make(k->verifier.at, k->verifier.n));
    form_put(&form, "resource", bytes_str(k->plan->resource));
    struct err e = form_prove(&form, k->creds, k->destination, &client, k->plan->as.issuer, k->ticket);
    if (!err_failed(e))
        e = form_send(&form, k->door, k->plan->as.token, got_token, k, &k->fetch);
    form_free(&form);
    client_free(&client);
    return e;
}

/* RFC 9207 §2.4: from the server that was meant, as it says itself, character by character. */
static struct err
check_issuer(const struct consent *k, struct bytes iss)
{
    if (iss.at == NULL && k->plan->as.sends_iss)
        return err_make(E_FORBIDDEN, "the answer does not say which authorization server it is from (iss)");
    if (iss.at && !bytes_is(iss, k->plan->as.issuer))
        return err_make(E_FORBIDDEN, "the answer is from another authorization server than the one that was asked (iss)");
    return err_ok();
}

static struct err
take_answer(struct consent *k, struct bytes query, struct arena *a, struct bytes *code)
{
    struct bytes error, iss;
    if (!query_value(a, query, "iss", &iss) || !query_value(a, query, "error", &error) || !query_value(a, query, "code", code))
        return err_make(E_FORBIDDEN, "the answer of the authorization server cannot be read");
    TRY(check_issuer(k, iss));
    if (error.n)
        return err_make(E_FORBIDDEN, "the authorization server says: %s",
                        bytes_is(error, "access_denied") ? "access was denied" : "it could not be done");
    return code->n && code->n <= 4096 ? err_ok() : err_make(E_FORBIDDEN, "the answer of the authorization server has no code");
}

void
consent_back(struct creds *c, struct bytes query, struct http_exchange *x)
{
    struct bytes state, code;
    struct arena *a = http_exchange_arena(x);
    struct consent *k = c->consents;
    bool readable = query_value(a, query, "state", &state);
    while (k && !(readable && state.n && k->state[0] && bytes_same_secret(state, bytes_str(k->state))))
        k = k->next;
    if (k == NULL || k->returned || k->ends_ms <= now_ms(c)) {
        page_refused(c, x, 400, "This answer belongs to no open link",
                     "It was used, or ten minutes have passed. Ask for a new one: writ destination connect");
        return;
    }
    k->returned = true; /* whatever comes of it: once */
    k->x = x;
    http_exchange_set(x, k);
    struct err e = check_browser(k, x);
    if (!err_failed(e))
        e = take_answer(k, query, a, &code);
    if (!err_failed(e))
        e = exchange(k, code);
    if (err_failed(e))
        end(k, e);
}
