/* What one connection holds: the values of its destination's secrets, and a seat where it needs tokens. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/sha.h>

#include "creds/inner.h"

static void step(struct creds_account *a);

/* ---------------------------------------------------------------------------------------------------------------- on record */

struct err
record_secret(struct creds *c, const char *secret, const char *destination, const char *ticket, const char *person, const char *use)
{
    struct buf m = buf_make(2048);
    json_member_str(&m, "secret", secret);
    json_member_str(&m, "destination", destination);
    if (strncmp(ticket, "wr_", 3) == 0)
        json_member_str(&m, "writ", ticket);
    else
        json_member_str(&m, "call", ticket);
    json_member_str(&m, "use", use);
    if (person[0])
        json_member_str(&m, "person", person);
    struct audit_event event = {.kind = AUDIT_SECRET, .members = buf_bytes(&m)};
    struct err e = m.failed ? err_make(E_MEMORY, "no memory for a record") : audit_append(c->config.audit, &event, false, NULL, NULL);
    buf_free(&m);
    return e;
}

/* A connection's use of a secret is one record, and one more whenever its value has changed. */
static struct err
record_value(struct creds_account *a, size_t i, struct bytes value)
{
    struct held *h = &a->held[i];
    const struct secret_use *use = &a->destination->secrets[i];
    uint8_t digest[32];
    SHA256(value.at, value.n, digest);
    if (h->recorded && memcmp(digest, h->digest, 32) == 0)
        return err_ok();
    TRY(record_secret(a->creds, use->secret, a->destination->id, a->ticket, "", use->env ? "env" : "header"));
    memcpy(h->digest, digest, 32);
    h->recorded = true;
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------------------- values */

static struct err
take_value(struct creds_account *a, size_t i, struct bytes value, uint64_t until_ns)
{
    struct held *h = &a->held[i];
    const struct secret_use *use = &a->destination->secrets[i];
    size_t room = strlen(use->prefix ? use->prefix : "") + value.n;
    for (size_t k = 0; k < value.n; k++)
        if (value.at[k] == 0 || (use->header && (value.at[k] < 0x20 || value.at[k] == 0x7f) && value.at[k] != '\t'))
            return err_make(E_KEYS, "the secret %.100s holds a character that %s cannot carry", use->secret, use->header ? "a header" : "a variable");
    TRY(record_value(a, i, value));
    if (a->on_value)
        a->on_value(use->secret, value, a->on_value_ctx);
    struct buf b = buf_make(65536);
    if (buf_room(&b, room + 1) == NULL)
        return err_make(E_MEMORY, "no memory for a secret");
    buf_puts(&b, use->prefix ? use->prefix : "");
    buf_put(&b, value);
    secret_free(&h->value);
    h->value = secret_make(buf_bytes(&b));
    h->until_ns = until_ns;
    bytes_wipe(b.at, b.cap);
    buf_free(&b);
    return h->value.at ? err_ok() : err_make(E_MEMORY, "no memory for a secret");
}

static bool
fresh(const struct creds_account *a, size_t i)
{
    return a->held[i].value.at && (a->held[i].until_ns == UINT64_MAX || a->held[i].until_ns > creds_now(a->creds));
}

static void
done(struct creds_account *a, struct err e)
{
    struct ready *list = a->waiting;
    a->waiting = NULL;
    a->busy = false;
    account_ref(a);
    while (list) {
        struct ready *r = list;
        list = r->next;
        r->fn(e, r->ctx);
        free(r);
    }
    account_unref(a);
}

static void
got_value(struct err e, struct bytes value, uint64_t until_ns, void *ctx)
{
    struct creds_account *a = ctx;
    a->ask = NULL;
    if (!err_failed(e))
        e = take_value(a, a->step, value, until_ns);
    if (err_failed(e)) {
        done(a, e);
        return;
    }
    a->step++;
    step(a);
}

static void
got_token(struct err e, void *ctx)
{
    struct creds_account *a = ctx;
    a->seat_wait = NULL;
    done(a, e);
}

/* One value after the other; true: it goes on later. */
static struct err
values(struct creds_account *a, bool *later)
{
    *later = false;
    for (; a->step < a->destination->n_secrets; a->step++) {
        if (fresh(a, a->step))
            continue;
        struct asking asking = {a->creds, a->destination, &a->destination->secrets[a->step].source, a->ticket};
        struct secret value;
        uint64_t until_ns;
        TRY(source_get(&asking, got_value, a, &value, &until_ns, &a->ask));
        if (a->ask) {
            *later = true;
            return err_ok();
        }
        struct err e = take_value(a, a->step, bytes_make(value.at, value.n), until_ns);
        secret_free(&value);
        TRY(e);
    }
    return err_ok();
}

static struct err
all(struct creds_account *a, bool *later)
{
    TRY(values(a, later));
    if (*later || a->seat == NULL || !a->wants_token)
        return err_ok();
    TRY(seat_get(a->seat, a, got_token, a, &a->seat_wait));
    *later = a->seat_wait != NULL;
    return err_ok();
}

static void
step(struct creds_account *a)
{
    bool later = false;
    struct err e = all(a, &later);
    if (err_failed(e) || !later)
        done(a, e);
}

struct err
account_prepare(struct creds_account *a, bool token, creds_ready *ready, void *ctx, bool *later)
{
    *later = false;
    if (!a->busy) {
        a->step = 0;
        a->wants_token = token;
        TRY(all(a, later));
        if (!*later)
            return err_ok();
        a->busy = true;
    }
    struct ready *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_make(E_MEMORY, "no memory for a call"); /* what is under way goes on by itself */
    *r = (struct ready){a->waiting, ready, ctx};
    a->waiting = r;
    *later = true;
    return err_ok();
}

void
account_stop_waiting(struct creds_account *a, void *ctx)
{
    for (struct ready **at = &a->waiting; *at; at = &(*at)->next)
        if ((*at)->ctx == ctx) {
            struct ready *r = *at;
            *at = r->next;
            free(r);
            return;
        }
}

bool
account_refused(struct creds_account *a)
{
    bool newer = false;
    for (size_t i = 0; i < a->destination->n_secrets; i++) {
        const struct secret_source *s = &a->destination->secrets[i].source;
        if (s->from == SECRET_SEALED || !a->destination->secrets[i].header)
            continue;
        struct asking asking = {a->creds, a->destination, s, a->ticket};
        source_drop(&asking);
        a->held[i].until_ns = 0;
        newer |= s->from == SECRET_VAULT || s->from == SECRET_KUBERNETES;
    }
    return newer;
}

/* ---------------------------------------------------------------------------------------------------------- public face */

static void
account_free(struct creds_account *a)
{
    for (size_t i = 0; a->held && i < a->destination->n_secrets; i++)
        secret_free(&a->held[i].value);
    free(a->held);
    door_close(a->door);
    *a->at = a->next;
    if (a->next)
        a->next->at = a->at;
    estate_unref(a->estate);
    free(a);
}

void
account_ref(struct creds_account *a)
{
    a->refs++;
}

void
account_unref(struct creds_account *a)
{
    if (--a->refs == 0)
        account_free(a);
}

struct err
creds_open(struct creds *c, const struct creds_for *who, struct creds_account **out)
{
    const struct destination *d = who->destination;
    struct creds_account *a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_make(E_MEMORY, "no memory for a connection to %s", d->id);
    *a = (struct creds_account){.refs = 1, .creds = c, .destination = d, .estate = estate_ref(who->estate)};
    snprintf(a->ticket, sizeof a->ticket, "%s", who->ticket);
    snprintf(a->person, sizeof a->person, "%s", who->person);
    a->next = c->accounts;
    a->at = &c->accounts;
    if (a->next)
        a->next->at = &a->next;
    c->accounts = a;
    a->held = calloc(d->n_secrets + 1, sizeof *a->held);
    struct err e = a->held ? err_ok() : err_make(E_MEMORY, "no memory for a connection to %s", d->id);
    if (!err_failed(e) && d->kind == UPSTREAM_HTTP)
        e = door_open(c, DOOR_SERVER, d, d->url, d->ca_file, &a->door);
    if (!err_failed(e) && d->oauth && d->oauth->grant == OAUTH_PERSON && a->person[0] == 0)
        e = err_make(E_FORBIDDEN,
                     "%s is used as a person, and this writ is on behalf of nobody; open it with --on-behalf-of PERSON, or declare acts_for", d->id);
    if (!err_failed(e) && d->oauth) {
        a->seat = seat_find(c, d->id, d->oauth->grant == OAUTH_PERSON ? a->person : "", true);
        if (a->seat == NULL)
            e = err_make(E_LIMIT, "no room for another account; at most %d", SEATS_MAX);
    }
    if (err_failed(e)) {
        account_free(a);
        return e;
    }
    *out = a;
    return err_ok();
}

void
creds_close(struct creds_account *a)
{
    if (a == NULL)
        return; /* Behave consistently with free(NULL). */
    a->closed = true;
    a->on_value = NULL;
    ask_cancel(a->ask);
    a->ask = NULL;
    if (a->seat_wait)
        seat_stop_waiting(a->seat, a->seat_wait);
    a->seat_wait = NULL;
    done(a, err_make(E_CLOSED, "the connection was closed")); /* a last message that still waits */
    for (size_t i = 0; i < a->destination->n_secrets; i++)
        secret_free(&a->held[i].value);
    account_unref(a);
}

void
creds_on_value(struct creds_account *a, creds_value_fn *fn, void *ctx)
{
    a->on_value = fn;
    a->on_value_ctx = ctx;
}

struct err
creds_prepare(struct creds_account *a, creds_ready *ready, void *ctx, bool *later)
{
    return account_prepare(a, false, ready, ctx, later);
}

struct bytes
creds_value(const struct creds_account *a, size_t i)
{
    return bytes_make(a->held[i].value.at, a->held[i].value.n);
}
