/*
 * What outlives a restart of a person's account: the refresh token, sealed by the signer for its destination, and facts in the store that
 * anyone who administers may see. The signer's copy is the truth; a fact without it is shown as an account that has ended.
 */
#include <stdio.h>
#include <stdlib.h>

#include "creds/inner.h"

#define KIND "account"

static const char *const state_names[] = {"none", "connected", "failing", "ended"};

/* ------------------------------------------------------------------------------------------------------------------ sealed */

static struct err
seal(struct seat *s, struct bytes text)
{
    char name[SEALED_NAME_MAX];
    sealed_name(name, "oauth-grant", s->destination, s->person);
    return keys_seal(s->creds->config.keys, bytes_str(name), bytes_str(s->destination), text);
}

struct err
kept_seal(struct seat *s, const struct plan *plan, struct bytes refresh)
{
    struct buf b = buf_make(32768);
    if (buf_room(&b, 32000) == NULL)
        return err_make(E_MEMORY, "no memory for an account");
    json_open(&b, '{');
    json_member_str(&b, "issuer", plan->as.issuer);
    json_member_str(&b, "resource", plan->resource);
    json_member_str(&b, "token_endpoint", plan->as.token);
    if (plan->as.revocation)
        json_member_str(&b, "revocation_endpoint", plan->as.revocation);
    json_member_int(&b, "auth_methods", plan->as.auth_methods);
    json_member_bool(&b, "metadata_document", plan->as.metadata_document);
    json_member_text(&b, "refresh_token", refresh);
    json_close(&b, '}');
    struct err e = b.failed ? err_make(E_LIMIT, "the account is too large to be kept") : seal(s, buf_bytes(&b));
    bytes_wipe(b.at, b.cap);
    buf_free(&b);
    TRY(e);
    s->has_refresh = refresh.n > 0;
    kept_store(s);
    return err_ok();
}

static struct err
read_plan(struct json *tree, struct plan *p)
{
    const struct json *methods = json_get(tree, "auth_methods"), *document = json_get(tree, "metadata_document");
    struct bytes revocation = json_text(tree, "revocation_endpoint");
    p->as.issuer = arena_str(&p->arena, json_text(tree, "issuer"));
    p->as.token = arena_str(&p->arena, json_text(tree, "token_endpoint"));
    p->resource = arena_str(&p->arena, json_text(tree, "resource"));
    p->as.revocation = revocation.n ? arena_str(&p->arena, revocation) : NULL;
    p->as.auth_methods = json_is(methods, JSON_INT) ? (unsigned)methods->number : 0;
    p->as.metadata_document = json_is(document, JSON_BOOL) && document->truth;
    return p->as.issuer && p->as.token && p->resource ? err_ok() : err_make(E_MEMORY, "no memory for an account");
}

struct err
kept_open(struct seat *s, const char *ticket, struct secret *refresh, struct plan **plan)
{
    char name[SEALED_NAME_MAX];
    struct secret text;
    struct arena a = {0};
    struct json *tree = NULL;
    struct plan *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_make(E_MEMORY, "no memory for an account");
    p->refs = 1;
    sealed_name(name, "oauth-grant", s->destination, s->person);
    struct err e = keys_release(s->creds->config.keys, bytes_str(name), bytes_str(s->destination), bytes_str(ticket), &text);
    if (!err_failed(e)) {
        e = json_parse(&a, bytes_make(text.at, text.n), NULL, &tree);
        if (!err_failed(e))
            e = read_plan(tree, p);
        if (!err_failed(e) && (*refresh = secret_make(json_text(tree, "refresh_token"))).at == NULL)
            e = err_make(E_NOT_FOUND, "the account has no way to be renewed");
        secret_free(&text);
        arena_free(&a);
    }
    if (err_failed(e))
        plan_unref(p);
    else
        *plan = p;
    return e;
}

/* ------------------------------------------------------------------------------------------------------------------- facts */

static void
put_facts(const struct seat *s, struct buf *b)
{
    json_open(b, '{');
    json_member_str(b, "destination", s->destination);
    json_member_str(b, "person", s->person);
    json_member_str(b, "state", state_names[s->state]);
    json_member_str(b, "issuer", s->issuer);
    json_member_str(b, "scope", s->scope);
    json_member_str(b, "by", s->by);
    json_member_bool(b, "renewable", s->has_refresh);
    env_member_time(b, "connected_at", s->connected_ms);
    env_member_time(b, "refreshed_at", s->refreshed_ms);
    env_member_time(b, "failing_since", s->failing_ms);
    if (s->error[0])
        json_member_str(b, "error", s->error);
    json_close(b, '}');
}

static struct bytes
id_of(const struct seat *s, char out[140])
{
    snprintf(out, 140, "%s/%s", s->destination, s->person);
    return bytes_str(out);
}

/* On the store's thread. Facts are for people's eyes; the log has the changes, the signer the account. */
static void
committed(struct err e, int64_t first_seq, void *ctx)
{
    (void)e, (void)first_seq, (void)ctx;
}

static void
commit(struct seat *s, struct bytes body)
{
    char id[140];
    struct store_put put = {.kind = KIND, .id = id_of(s, id), .body = body, .expect_version = STORE_ANY_VERSION};
    struct store_write w = {.puts = &put, .n_puts = 1};
    struct err e = store_commit(s->creds->config.store, &w, committed, NULL);
    (void)e;
}

void
kept_store(struct seat *s)
{
    struct buf b = buf_make(16384);
    put_facts(s, &b);
    if (!b.failed)
        commit(s, buf_bytes(&b));
    buf_free(&b);
}

void
kept_forget(struct seat *s)
{
    char name[SEALED_NAME_MAX];
    sealed_name(name, "oauth-grant", s->destination, s->person);
    struct err e = keys_forget(s->creds->config.keys, bytes_str(name));
    (void)e; /* there was none */
    s->has_refresh = false;
    if (s->state == SEAT_NONE)
        commit(s, (struct bytes){NULL, 0});
}

static int64_t
time_of(const struct json *tree, const char *key)
{
    int64_t ms = 0;
    return env_time_parse(json_text(tree, key), &ms) ? ms : 0;
}

static void
copy(char *to, size_t room, struct bytes from)
{
    snprintf(to, room, "%.*s", BYTES_CUT(from, room - 1));
}

static struct err
load(struct bytes id, int64_t version, struct bytes body, void *ctx)
{
    struct creds *c = ctx;
    struct arena a = {0};
    struct json *tree = NULL;
    char destination[65], person[65];
    (void)id, (void)version;
    struct err e = json_parse(&a, body, NULL, &tree);
    copy(destination, sizeof destination, json_text(tree, "destination"));
    copy(person, sizeof person, json_text(tree, "person"));
    struct seat *s = err_failed(e) ? NULL : seat_find(c, destination, person, true);
    if (s) {
        for (int i = 0; i < 4; i++)
            if (bytes_is(json_text(tree, "state"), state_names[i]))
                s->state = (enum seat_state)i;
        copy(s->issuer, sizeof s->issuer, json_text(tree, "issuer"));
        copy(s->scope, sizeof s->scope, json_text(tree, "scope"));
        copy(s->wanted, sizeof s->wanted, json_text(tree, "scope"));
        copy(s->by, sizeof s->by, json_text(tree, "by"));
        copy(s->error, sizeof s->error, json_text(tree, "error"));
        const struct json *renewable = json_get(tree, "renewable");
        s->has_refresh = json_is(renewable, JSON_BOOL) && renewable->truth;
        s->connected_ms = time_of(tree, "connected_at");
        s->refreshed_ms = time_of(tree, "refreshed_at");
        s->failing_ms = time_of(tree, "failing_since");
    }
    arena_free(&a);
    return e;
}

struct err
kept_load(struct creds *c)
{
    return store_scan(c->config.store, KIND, load, c);
}

void
kept_record(struct seat *s, const char *change, const char *by, const char *what)
{
    struct buf m = buf_make(4096);
    json_member_str(&m, "change", change);
    json_member_str(&m, "destination", s->destination);
    json_member_str(&m, "person", s->person);
    if (by[0])
        json_member_str(&m, "by", by);
    if (what[0])
        json_member_str(&m, "why", what);
    struct audit_event event = {.kind = AUDIT_PRIVILEGE, .members = buf_bytes(&m)};
    struct err e = audit_append(s->creds->config.audit, &event, false, NULL, NULL);
    (void)e; /* a log that fails has already stopped everything */
    buf_free(&m);
}

void
creds_json(struct creds *c, struct buf *b)
{
    json_open(b, '[');
    for (const struct seat *s = c->seats; s; s = s->next)
        if (s->person[0] && s->state != SEAT_NONE) {
            json_item(b);
            put_facts(s, b);
        }
    json_close(b, ']');
}
