/* Tokens for one destination, as one person or as Writ: kept until they end, dropped when refused, fetched by one flight at a time. */
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"

uint64_t
creds_now(const struct creds *c)
{
    return c->config.env->mono_ns(c->config.env);
}

struct seat *
seat_find(struct creds *c, const char *destination, const char *person, bool make)
{
    for (struct seat *s = c->seats; s; s = s->next)
        if (strcmp(s->destination, destination) == 0 && strcmp(s->person, person) == 0)
            return s;
    struct seat *s = make && c->n_seats < SEATS_MAX ? calloc(1, sizeof *s) : NULL;
    if (s == NULL)
        return NULL;
    s->creds = c;
    snprintf(s->destination, sizeof s->destination, "%s", destination);
    snprintf(s->person, sizeof s->person, "%s", person);
    s->next = c->seats;
    c->seats = s;
    c->n_seats++;
    return s;
}

void
seat_free(struct seat *s)
{
    seat_cancel_flight(s);
    plan_unref(s->plan);
    secret_free(&s->access);
    free(s);
}

void
seat_drop(struct seat *s)
{
    secret_free(&s->access);
    s->until_ns = s->early_ns = 0;
}

bool
seat_usable(const struct seat *s)
{
    return s->access.at && s->until_ns > creds_now(s->creds);
}

struct err
seat_take(struct seat *s, const struct token_response *t)
{
    uint64_t ms = t->expires_s >= 0 ? (uint64_t)t->expires_s * 1000 : TOKEN_MS, early = ms / 5 < TOKEN_EARLY_MS ? ms / 5 : TOKEN_EARLY_MS;
    struct secret access = secret_make(t->access);
    if (access.at == NULL)
        return err_make(E_MEMORY, "no memory for a token");
    seat_drop(s);
    s->access = access;
    s->serial++;
    s->until_ns = creds_now(s->creds) + ms * 1000000;
    s->early_ns = s->until_ns - early * 1000000;
    s->failed = err_ok();
    s->refreshed_ms = s->creds->config.env->now_ms(s->creds->config.env);
    if (t->has_scope && t->scope.n < sizeof s->scope)
        snprintf(s->scope, sizeof s->scope, "%.*s", BYTES_ARG(t->scope));
    else
        snprintf(s->scope, sizeof s->scope, "%s", s->wanted); /* RFC 6749 §5.1: left out when it is what was asked for */
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------------------ scopes */

void
scope_add(char *to, size_t max, struct bytes scopes)
{
    struct bytes rest = scopes;
    while (rest.n) {
        struct bytes one = bytes_split(&rest, ' '), have = bytes_str(to);
        bool known = one.n == 0;
        while (have.n && !known)
            known = bytes_eq(bytes_split(&have, ' '), one);
        size_t n = strlen(to);
        if (!known && n + one.n + 2 <= max)
            snprintf(to + n, max - n, "%s%.*s", n ? " " : "", BYTES_CUT(one, max));
    }
}

/* MCP 2026-07-28, scope selection: the challenge's scopes; else those of the resource's metadata; and what the estate declares. */
struct err
seat_scope(const struct seat *s, const struct destination *d, const struct plan *plan, char out[SCOPE_MAX])
{
    snprintf(out, SCOPE_MAX, "%s", s->wanted);
    if (s->challenged[0])
        scope_add(out, SCOPE_MAX, bytes_str(s->challenged));
    else if (out[0] == 0)
        scope_add(out, SCOPE_MAX, bytes_str(plan->scopes));
    for (const char **scope = d->oauth->scopes; *scope; scope++)
        scope_add(out, SCOPE_MAX, bytes_str(*scope));
    struct bytes offered = bytes_str(plan->as.scopes);
    while (offered.n && d->oauth->grant == OAUTH_PERSON)
        if (bytes_is(bytes_split(&offered, ' '), "offline_access")) /* the way to a refresh token there */
            scope_add(out, SCOPE_MAX, BYTES("offline_access"));
    return strlen(out) + 1 >= SCOPE_MAX ? err_make(E_LIMIT, "more scopes than fit into %d bytes", SCOPE_MAX) : err_ok();
}

/* ----------------------------------------------------------------------------------------------------------------- waiting */

struct err
seat_need_consent(const struct seat *s)
{
    return err_make(E_CONSENT, "%s has %s for %s; run: writ destination connect %s --as %s", s->person,
                    s->state == SEAT_CONNECTED ? "not allowed enough"
                    : s->state == SEAT_ENDED   ? "no account any more"
                                               : "connected no account",
                    s->destination, s->destination, s->person);
}

/* One that failed a moment ago would fail again, and an authorization server is not to be asked without end. */
static bool
failed_lately(const struct seat *s)
{
    return err_failed(s->failed) && s->failed.code != E_CONSENT && creds_now(s->creds) - s->failed_ns < FAILED_MS * (uint64_t)1000000;
}

struct err
seat_get(struct seat *s, struct creds_account *a, seat_done *done, void *ctx, struct seat_wait **wait)
{
    bool usable = seat_usable(s), undeclared = a->destination->oauth->issuer == NULL && a->destination->oauth->token_endpoint == NULL;
    *wait = NULL;
    if (usable && (creds_now(s->creds) < s->early_ns || s->flight || failed_lately(s)))
        return err_ok();
    if (!usable && undeclared && s->state == SEAT_NONE && s->plan == NULL && !s->rediscover)
        return err_ok(); /* nobody said yet that a token is needed; the server's 401 does, and by whom */
    if (!usable && failed_lately(s))
        return s->failed;
    if (!s->flight)
        TRY(flight_start(s, a));
    if (usable)
        return err_ok(); /* renewed early, in the background */
    struct seat_wait *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_make(E_MEMORY, "no memory for a call");
    *w = (struct seat_wait){s->waiting, done, ctx};
    s->waiting = w;
    *wait = w;
    return err_ok();
}

void
seat_stop_waiting(struct seat *s, struct seat_wait *w)
{
    for (struct seat_wait **at = &s->waiting; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            free(w);
            return;
        }
}

void
seat_landed(struct seat *s, struct err e)
{
    struct seat_wait *list = s->waiting;
    s->waiting = NULL;
    s->flight = NULL;
    s->failed = e;
    s->failed_ns = creds_now(s->creds);
    while (list) {
        struct seat_wait *w = list;
        list = w->next;
        w->done(e, w->ctx);
        free(w);
    }
}

void
seat_cancel_flight(struct seat *s)
{
    if (s->flight)
        flight_cancel(s->flight);
    s->flight = NULL;
    while (s->waiting) {
        struct seat_wait *w = s->waiting;
        s->waiting = w->next;
        free(w);
    }
}

/* ----------------------------------------------------------------------------------------------------------------- refused */

static void
learn(struct seat *s, const struct challenge *c)
{
    snprintf(s->hint, sizeof s->hint, "%s", c->resource_metadata);
    if (c->scope[0])
        snprintf(s->challenged, sizeof s->challenged, "%s", c->scope);
}

static struct err
step_up(struct seat *s, const struct challenge *c, bool *again)
{
    uint64_t now = creds_now(s->creds);
    if (s->step_ups == 0 || now - s->step_up_ns > STEP_UP_MS * (uint64_t)1000000)
        s->step_ups = 0, s->step_up_ns = now;
    if (++s->step_ups > STEP_UPS_MAX)
        return err_make(E_UPSTREAM, "it has asked for more scope %d times within %d minutes and is not content", STEP_UPS_MAX, STEP_UP_MS / 60000);
    learn(s, c);
    scope_add(s->wanted, sizeof s->wanted, bytes_str(s->scope));
    scope_add(s->wanted, sizeof s->wanted, bytes_str(c->scope));
    if (s->person[0]) {
        s->consent_first = true; /* others go on with the token there is */
        return seat_need_consent(s);
    }
    seat_drop(s);
    *again = true;
    return err_ok();
}

struct err
seat_refused(struct seat *s, uint64_t serial, int status, const struct challenge *c, bool *again)
{
    if (status == 403)
        return step_up(s, c, again);
    if (serial && serial != s->serial) { /* another one came meanwhile */
        *again = seat_usable(s);
        return err_ok();
    }
    learn(s, c);
    if (serial) {
        seat_drop(s);
        if (s->flight == NULL)
            s->failed = err_ok();
    }
    s->rediscover = true; /* who gives tokens may have changed, too */
    *again = true;
    return err_ok();
}
