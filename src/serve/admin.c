/* The admin API (docs/protocol/local.md). One table of routes, served on two sockets: admin.sock by the main loop, control.sock by a thread of
 * its own. What must run on the main loop is posted there, and the answer posted back. */
#include <stdio.h>
#include <stdlib.h>

#include "serve/ask.h"
#include "writ/tlog.h"

#define SLOW_MS 2000 /* control.sock: then the answer says that the main loop does not answer */

static void
unref(struct ask *k)
{
    if (--k->refs)
        return;
    if (k->slow)
        loop_cancel(k->slow);
    buf_free(&k->answer);
    free(k);
}

static void
respond(struct ask *k)
{
    if (k->slow)
        loop_cancel(k->slow);
    k->slow = NULL;
    if (k->x == NULL)
        return;
    if (!err_failed(k->e) && k->answer.failed)
        k->e = err_make(E_LIMIT, "the answer is too large; ask for less");
    if (err_failed(k->e))
        http_problem(k->x, k->e);
    else
        http_respond(k->x, 200, "application/json", NULL, 0, buf_bytes(&k->answer));
}

/* On the face's thread again: the answer is there. */
static void
answered(void *ctx)
{
    struct ask *k = ctx;
    respond(k);
    unref(k);
}

/* From the main loop's thread, or right away when that is the face's. */
void
ask_answer_from_main(struct ask *k)
{
    if (!k->face->control) {
        answered(k);
        return;
    }
    struct err e = loop_post(k->face->loop, answered, k);
    (void)e; /* out of memory: the asker runs into its own timeout */
}

static void
too_slow(void *ctx)
{
    struct ask *k = ctx;
    k->slow = NULL;
    if (k->x)
        http_problem(k->x,
                     err_make(E_TIMEOUT, "authority was cut in memory, but the main loop has not confirmed the end of what was running within %d s",
                              SLOW_MS / 1000));
}

/* ----------------------------------------------------------------------------------------------------------- looking */

static struct err
put_status(struct serve *s, const struct snapshot *snap, struct buf *b)
{
    char since[ENV_TIME_MAX];
    pthread_mutex_lock(&s->lock);
    env_time_text(s->loaded_ms, since);
    json_open(b, '{');
    json_member_str(b, "version", WRIT_VERSION);
    json_member_str(b, "name", snap->estate->settings.name);
    json_key(b, "estate");
    json_open(b, '{');
    json_member_str(b, "version", snap->estate->version);
    json_member_str(b, "folder", s->options.estate_dir);
    json_member_str(b, "since", since);
    if (s->reload_error[0])
        json_member_str(b, "refused", s->reload_error);
    json_close(b, '}');
    pthread_mutex_unlock(&s->lock);
    json_member_bool(b, "log_healthy", audit_healthy(s->audit));
    json_member_int(b, "log_window_ms", (int64_t)snap->estate->settings.log_window_ms);
    json_member_int(b, "active_writs", (int64_t)writs_active(s->writs));
    json_key(b, "blocks");
    writs_blocks_json(s->writs, b);
    json_key(b, "observe");
    json_open(b, '[');
    for (size_t i = 0; i < snap->estate->n_observes; i++) {
        static const char *const what[] = {"agent", "destination", "policy"};
        json_item(b);
        json_open(b, '{');
        json_member_str(b, what[snap->estate->observes[i].what], snap->estate->observes[i].id);
        json_member_str(b, "until", snap->estate->observes[i].until);
        json_close(b, '}');
    }
    json_close(b, ']');
    return err_ok();
}

static struct err
get_status(struct ask *k)
{
    struct serve *s = k->face->serve;
    struct snapshot *snap = serve_snapshot(s);
    struct err e = put_status(s, snap, &k->answer);
    if (!k->face->control) {
        json_key(&k->answer, "destinations");
        gate_json(s->gate, &k->answer);
        json_key(&k->answer, "accounts");
        creds_json(s->creds, &k->answer);
    }
    json_close(&k->answer, '}');
    snapshot_unref(snap);
    return e;
}

/* A value of the query string; ids need no percent-encoding. */
static struct bytes
query_get(struct bytes query, const char *name)
{
    struct bytes rest = query;
    while (rest.n) {
        struct bytes pair = bytes_split(&rest, '&');
        struct bytes key = bytes_split(&pair, '=');
        if (bytes_is(key, name))
            return pair;
    }
    return (struct bytes){NULL, 0};
}

static struct err
get_writs(struct ask *k)
{
    char agent[80];
    struct bytes given = query_get(k->query, "agent");
    snprintf(agent, sizeof agent, "%.*s", BYTES_CUT(given, 64));
    json_open(&k->answer, '{');
    json_key(&k->answer, "writs");
    writs_json(k->face->serve->writs, agent, bytes_is(query_get(k->query, "ended"), "1"), &k->answer);
    json_close(&k->answer, '}');
    return err_ok();
}

static void
put_agent(struct serve *s, const struct estate *e, const struct agent *a, struct buf *b)
{
    struct buf writs = buf_make((size_t)64 << 20);
    struct arena arena = {.max = (size_t)128 << 20};
    struct json *list = NULL;
    char why[256];
    int64_t active = 0;
    struct bytes last = {NULL, 0};
    writs_json(s->writs, a->id, true, &writs);
    if (!err_failed(json_parse(&arena, buf_bytes(&writs), NULL, &list)))
        for (const struct json *w = list->child; w; w = w->next) {
            active += bytes_is(json_text(w, "state"), "active");
            if (bytes_cmp(json_text(w, "last_use"), last) > 0)
                last = json_text(w, "last_use");
        }
    json_open(b, '{');
    json_member_str(b, "id", a->id);
    json_member_str(b, "purpose", a->purpose);
    json_member_str(b, "owner", a->owner->id);
    if (a->backup)
        json_member_str(b, "backup", a->backup->id);
    json_member_str(b, "kind", agent_kind_names[a->kind]);
    json_member_str(b, "environment", a->environment);
    json_member_str(b, "state", agent_state_names[a->state]);
    json_key(b, "tasks");
    json_open(b, '[');
    for (const struct task **t = a->tasks; t && *t; t++) {
        json_item(b);
        json_put_text(b, bytes_str((*t)->id));
    }
    json_close(b, ']');
    if (a->default_task)
        json_member_str(b, "default_task", a->default_task->id);
    if (a->review)
        json_member_str(b, "review", a->review);
    const char *until = estate_observed(e, OBSERVE_AGENT, a->id, s->env->now_ms(s->env));
    if (until)
        json_member_str(b, "observed_until", until);
    json_member_int(b, "active_writs", active);
    if (last.n)
        json_member_text(b, "last_use", last);
    if (writs_blocked(s->writs, a, NULL, NULL, why))
        json_member_str(b, "blocked", why);
    json_close(b, '}');
    arena_free(&arena);
    buf_free(&writs);
}

static struct err
get_agents(struct ask *k)
{
    struct snapshot *snap = serve_snapshot(k->face->serve);
    json_open(&k->answer, '{');
    json_key(&k->answer, "agents");
    json_open(&k->answer, '[');
    for (size_t i = 0; i < snap->estate->n_agents; i++) {
        json_item(&k->answer);
        put_agent(k->face->serve, snap->estate, &snap->estate->agents[i], &k->answer);
    }
    json_close(&k->answer, ']');
    json_close(&k->answer, '}');
    snapshot_unref(snap);
    return err_ok();
}

static struct err
get_explain(struct ask *k)
{
    struct serve *s = k->face->serve;
    struct bytes rest = bytes_str(k->rest), kind = bytes_split(&rest, '/');
    struct snapshot *snap = serve_snapshot(s);
    struct err e;
    if (bytes_is(kind, "agent"))
        e = explain_agent(s, snap, rest, &k->answer);
    else if (bytes_is(kind, "writ"))
        e = explain_writ(s, snap, rest, &k->answer);
    else if (!bytes_is(kind, "call"))
        e = err_make(E_NOT_FOUND, "explain agent/ID, writ/ID or call/ID");
    else if (!k->face->control)
        e = err_make(E_USAGE, "ask control.sock about a call: finding it reads the log");
    else
        e = explain_call(s, rest, &k->answer);
    snapshot_unref(snap);
    return e;
}

/* ---------------------------------------------------------------------------------------------------------- changing */

static void
revoked_answer(struct err e, const struct revoked *r, void *ctx)
{
    struct ask *k = ctx;
    struct buf *b = &k->answer;
    k->e = e;
    json_open(b, '{');
    json_member_str(b, "revocation", r->id);
    json_member_int(b, "writs", (int64_t)r->writs);
    json_member_int(b, "calls", (int64_t)r->calls);
    json_member_int(b, "streams", (int64_t)r->streams);
    json_member_int(b, "processes", (int64_t)r->processes);
    json_member_int(b, "memory_us", (int64_t)(r->memory_ns / 1000));
    json_member_int(b, "effect_us", (int64_t)(r->effect_ns / 1000));
    json_member_int(b, "durable_us", (int64_t)(r->durable_ns / 1000));
    json_member_bool(b, "confirmed", r->confirmed);
    json_close(b, '}');
    ask_answer_from_main(k);
}

static struct err
read_selector(const struct json *body, enum selector *out)
{
    struct bytes name = json_text(body, "selector");
    for (int i = 0; selector_names[i]; i++)
        if (bytes_is(name, selector_names[i])) {
            *out = (enum selector)i;
            return err_ok();
        }
    return err_make(E_USAGE, "\"selector\" must be call, writ, instance, agent, owner, destination or everything");
}

static struct err
known_target(struct serve *s, enum selector selector, struct bytes id)
{
    char name[80];
    struct snapshot *snap = serve_snapshot(s);
    snprintf(name, sizeof name, "%.*s", BYTES_CUT(id, 64));
    bool whole = id.n <= 64 && bytes_find(id, 0) == id.n; /* a part of a name is another name */
    bool known = !whole                       ? false
                 : selector == BY_THE_AGENT   ? estate_agent(snap->estate, name) != NULL
                 : selector == BY_OWNER       ? estate_person(snap->estate, name) != NULL
                 : selector == BY_DESTINATION ? estate_destination(snap->estate, name) != NULL
                                              : true;
    const char *kind = selector == BY_OWNER ? "person" : selector_names[selector];
    const char *near = known ? NULL : estate_nearest(snap->estate, kind, name);
    struct err e =
        known ? err_ok()
              : err_make(E_NOT_FOUND, "there is no %s %s%s%s%s", kind, name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    snapshot_unref(snap);
    return e;
}

static struct err
post_revoke(struct ask *k)
{
    struct serve *s = k->face->serve;
    enum selector selector;
    char why[160];
    TRY(read_selector(k->body, &selector));
    struct bytes id = json_text(k->body, "id"), reason = json_text(k->body, "why");
    if (id.n == 0 && selector != BY_EVERYTHING)
        return err_make(E_USAGE, "\"id\" is missing");
    TRY(known_target(s, selector, id));
    snprintf(why, sizeof why, "%.*s", reason.n ? (int)(reason.n < 150 ? reason.n : 150) : 15, reason.n ? (const char *)reason.at : "no reason given");
    k->refs++;
    if (k->face->control)
        k->slow = loop_after(k->face->loop, SLOW_MS, too_slow, k);
    struct err e = writs_revoke(s->writs, selector, selector == BY_EVERYTHING ? BYTES("everything") : id, why, k->who, revoked_answer, k);
    if (err_failed(e))
        k->refs--;
    return e;
}

static void
changed_answer(struct err e, void *ctx)
{
    struct ask *k = ctx;
    k->e = e;
    ask_answer_from_main(k);
}

static struct err
post_restore(struct ask *k)
{
    enum selector selector;
    TRY(read_selector(k->body, &selector));
    struct bytes id = selector == BY_EVERYTHING ? BYTES("everything") : json_text(k->body, "id");
    buf_puts(&k->answer, "{\"restored\":true}");
    k->refs++;
    struct err e = writs_restore(k->face->serve->writs, selector, id, k->who, changed_answer, k);
    if (err_failed(e))
        k->refs--;
    return e;
}

static struct err
post_close(struct ask *k)
{
    struct serve *s = k->face->serve;
    struct writ *writ = writ_find(s->writs, json_text(k->body, "writ"));
    char why[160];
    struct bytes reason = json_text(k->body, "why");
    if (writ == NULL)
        return err_make(E_NOT_FOUND, "there is no such writ");
    snprintf(why, sizeof why, "%.*s", reason.n ? (int)(reason.n < 150 ? reason.n : 150) : 16, reason.n ? (const char *)reason.at : "closed by admin");
    buf_puts(&k->answer, "{\"state\":\"completed\"}");
    k->refs++;
    writ_close(s->writs, writ, WRIT_COMPLETED, why, k->who, changed_answer, k);
    writ_unref(s->writs, writ);
    return err_ok();
}

static void
reload_answer(struct err e, struct buf *findings, void *ctx)
{
    struct ask *k = ctx;
    k->e = err_failed(e) ? err_make(e.code, "%.60s\n%.240s", e.text, buf_text(findings)) : e;
    if (!err_failed(e)) {
        json_open(&k->answer, '{');
        json_member_str(&k->answer, "estate", k->face->serve->snapshot->estate->version);
        json_close(&k->answer, '}');
    }
    ask_answer_from_main(k);
}

static struct err
post_reload(struct ask *k)
{
    k->refs++;
    struct err e = serve_load_aside(k->face->serve, true, reload_answer, k);
    if (err_failed(e))
        k->refs--;
    return e;
}

static void
probe_answer(struct err e, struct bytes offer, void *ctx)
{
    struct ask *k = ctx;
    k->e = e;
    if (!err_failed(e))
        buf_put(&k->answer, offer);
    ask_answer_from_main(k);
}

static struct err
post_probe(struct ask *k)
{
    struct serve *s = k->face->serve;
    char name[80];
    struct bytes id = json_text(k->body, "destination");
    snprintf(name, sizeof name, "%.*s", BYTES_CUT(id, 64));
    TRY(known_target(s, BY_DESTINATION, id));
    k->refs++;
    struct err e = gate_probe(s->gate, estate_destination(gate_snapshot(s->gate)->estate, name), k->who, probe_answer, k);
    if (err_failed(e))
        k->refs--;
    return e;
}

static struct err
get_destination(struct ask *k)
{
    return pins_show(k->face->serve, bytes_str(k->rest), &k->answer);
}

static struct err
post_accept(struct ask *k)
{
    TRY(known_target(k->face->serve, BY_DESTINATION, json_text(k->body, "destination")));
    return pins_accept(k->face->serve, k->body, k->who, &k->answer);
}

static struct err
record_admin(struct ask *k, const char *change, struct bytes what)
{
    struct buf m = buf_make(1024);
    json_member_str(&m, "change", change);
    json_member_text(&m, "what", bytes_sub(what, 0, 100));
    json_member_str(&m, "by", k->who);
    struct audit_event event = {.kind = AUDIT_PRIVILEGE, .members = buf_bytes(&m)};
    struct err e = serve_record(k->face->serve, &event);
    buf_free(&m);
    return e;
}

static struct err
known_webhook(struct serve *s, struct bytes id, char binding[ALERT_BINDING_MAX])
{
    char name[80];
    struct snapshot *snap = serve_snapshot(s);
    snprintf(name, sizeof name, "%.*s", BYTES_CUT(id, 64));
    bool known = bytes_is(id, name) && estate_webhook(snap->estate, name);
    const char *near = known ? NULL : estate_nearest(snap->estate, "webhook", name);
    struct err e =
        known ? err_ok()
              : err_make(E_NOT_FOUND, "there is no alerts/%s.yaml%s%s%s", name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    snapshot_unref(snap);
    alert_binding(name, binding);
    return e;
}

static struct err
post_secret(struct ask *k)
{
    struct bytes name = json_text(k->body, "name"), value = json_text(k->body, "value");
    struct bytes destination = json_text(k->body, "destination"), webhook = json_text(k->body, "webhook");
    char binding[ALERT_BINDING_MAX];
    if (value.n == 0)
        return err_make(E_USAGE, "\"value\" is missing");
    if (webhook.n && k->face->control)
        return err_make(E_USAGE, "ask admin.sock to seal a secret of a webhook");
    if (webhook.n) {
        TRY(known_webhook(k->face->serve, webhook, binding));
        destination = bytes_str(binding);
    } else {
        TRY(known_target(k->face->serve, BY_DESTINATION, destination));
    }
    TRY(record_admin(k, "secret sealed", name));
    TRY(keys_seal(k->face->serve->keys, name, destination, value));
    if (webhook.n)
        alerts_sealed(k->face->serve->alerts, arena_str(http_exchange_arena(k->x), webhook));
    buf_puts(&k->answer, "{\"sealed\":true}");
    return err_ok();
}

static struct err
get_secrets(struct ask *k)
{
    struct arena a = {0};
    struct bytes list;
    struct err e = keys_list(k->face->serve->keys, &a, &list);
    if (!err_failed(e)) {
        json_open(&k->answer, '{');
        json_member_raw(&k->answer, "secrets", list);
        json_close(&k->answer, '}');
    }
    arena_free(&a);
    return e;
}

static struct err
delete_secret(struct ask *k)
{
    TRY(record_admin(k, "secret forgotten", bytes_str(k->rest)));
    TRY(keys_forget(k->face->serve->keys, bytes_str(k->rest)));
    buf_puts(&k->answer, "{\"forgotten\":true}");
    return err_ok();
}

/* ----------------------------------------------------------------------------------------------------------- the log */

struct reading {
    struct ask *k;
    uint64_t left, next;
};

static bool
put_record(uint64_t index, struct bytes leaf, void *ctx)
{
    struct reading *r = ctx;
    struct buf *b = &r->k->answer;
    if (r->left-- == 0)
        return false;
    r->next = index + 1;
    json_item(b);
    json_open(b, '{');
    json_member_int(b, "index", (int64_t)index);
    json_member_raw(b, "leaf", leaf);
    json_close(b, '}');
    return true;
}

static struct err
get_log(struct ask *k)
{
    struct bytes q = k->query;
    uint64_t from = 0, limit = 1000;
    bytes_u64(query_get(q, "from"), &from);
    bytes_u64(query_get(q, "limit"), &limit);
    struct audit_filter filter = {.kind = query_get(q, "kind"),
                                  .writ = query_get(q, "writ"),
                                  .agent = query_get(q, "agent"),
                                  .call = query_get(q, "call"),
                                  .destination = query_get(q, "destination"),
                                  .decision = query_get(q, "decision"),
                                  .from = from};
    struct reading r = {k, limit < 5000 ? limit : 5000, from};
    json_open(&k->answer, '{');
    json_key(&k->answer, "records");
    json_open(&k->answer, '[');
    struct err e = audit_read(k->face->serve->log_dir, &filter, put_record, &r);
    json_close(&k->answer, ']');
    json_member_int(&k->answer, "next", (int64_t)r.next);
    json_close(&k->answer, '}');
    return e;
}

static struct err
get_said(struct ask *k)
{
    struct serve *s = k->face->serve;
    uint64_t index;
    uint8_t key[32];
    struct arena a = {0};
    struct bytes said;
    if (!bytes_u64(bytes_str(k->rest), &index))
        return err_make(E_USAGE, "name a record by its number");
    TRY(record_admin(k, "said was read", bytes_str(k->rest)));
    TRY(keys_derive(s->keys, "log-payload", key));
    struct err e = audit_said(s->log_dir, key, index, &a, &said);
    bytes_wipe(key, sizeof key);
    if (!err_failed(e))
        buf_put(&k->answer, said);
    arena_free(&a);
    return e;
}

static struct err
get_log_key(struct ask *k)
{
    struct serve *s = k->face->serve;
    struct arena a = {0};
    struct bytes der;
    struct err e = keys_public(s->keys, KEYS_LOG, &a, &der);
    if (!err_failed(e) && der.n < 32)
        e = err_make(E_CRYPTO, "the log's public key is not Ed25519");
    if (!err_failed(e)) {
        struct buf hex = buf_make(80);
        buf_hex(&hex, bytes_sub(der, der.n - 32, 32)); /* RFC 8410: the raw key ends the SubjectPublicKeyInfo */
        json_open(&k->answer, '{');
        json_member_str(&k->answer, "origin", s->log_origin);
        json_member_str(&k->answer, "public_key", buf_text(&hex));
        json_member_str(&k->answer, "folder", s->log_dir);
        json_close(&k->answer, '}');
        buf_free(&hex);
    }
    arena_free(&a);
    return e;
}

/* ------------------------------------------------------------------------------------------------------------ routes */

enum {
    OWN = 16 /* also for people who administer nothing, about themselves */,
    ANY = 0,
    MAIN_ONLY = 1,
    CONTROL_ONLY = 2,
    PREFIX = 4,
    LATER = 8 /* answers by itself when it returned without an error */
};

static const struct route_row {
    const char *method, *path;
    int flags;
    struct err (*fn)(struct ask *k);
} routes[] = {
    {"GET", "/v1/status", ANY, get_status},
    {"GET", "/v1/writs", ANY, get_writs},
    {"GET", "/v1/agents", ANY, get_agents},
    {"GET", "/v1/explain/", PREFIX, get_explain},
    {"POST", "/v1/revoke", LATER, post_revoke},
    {"POST", "/v1/restore", LATER, post_restore},
    {"POST", "/v1/close", LATER | MAIN_ONLY, post_close},
    {"POST", "/v1/reload", LATER | MAIN_ONLY, post_reload},
    {"POST", "/v1/probe", LATER | MAIN_ONLY, post_probe},
    {"POST", "/v1/accept", MAIN_ONLY, post_accept},
    {"GET", "/v1/destinations/", PREFIX | MAIN_ONLY, get_destination},
    {"POST", "/v1/secrets", ANY, post_secret},
    {"GET", "/v1/secrets", ANY, get_secrets},
    {"DELETE", "/v1/secrets/", PREFIX, delete_secret},
    {"POST", "/v1/backup-key", ANY, post_backup_key},
    {"POST", "/v1/adopted", ANY, post_adopted},
    {"GET", "/v1/client-keys/", PREFIX, get_client_key},
    {"POST", "/v1/connect", LATER | MAIN_ONLY | OWN, post_connect},
    {"POST", "/v1/disconnect", LATER | MAIN_ONLY | OWN, post_disconnect},
    {"GET", "/v1/accounts", MAIN_ONLY, get_accounts},
    {"GET", "/v1/alerts", MAIN_ONLY, get_alerts},
    {"POST", "/v1/alerts/test", LATER | MAIN_ONLY, post_alerts_test},
    {"GET", "/v1/log/key", ANY, get_log_key},
    {"GET", "/v1/log/said/", PREFIX | CONTROL_ONLY, get_said},
    {"GET", "/v1/log", CONTROL_ONLY, get_log},
};

static const struct route_row *
find_route(const struct http_request *r, struct err *e)
{
    *e = err_make(E_NOT_FOUND, "there is no %.*s %.*s", BYTES_CUT(r->method, 10), BYTES_CUT(r->path, 100));
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const struct route_row *row = &routes[i];
        bool path = row->flags & PREFIX ? bytes_starts(r->path, bytes_str(row->path)) && r->path.n > strlen(row->path) : bytes_is(r->path, row->path);
        if (path && bytes_is(r->method, row->method))
            return row;
    }
    return NULL;
}

static void
run_route(struct ask *k, const struct route_row *row)
{
    k->refs++;
    k->e = row->fn(k);
    if (err_failed(k->e) || !(row->flags & LATER))
        respond(k);
    unref(k);
}

static void
on_complete(struct http_exchange *x, struct bytes body)
{
    struct ask *k = http_exchange_data(x);
    struct err e;
    const struct route_row *row = find_route(http_exchange_request(x), &e);
    e = body.n ? json_parse(http_exchange_arena(x), body, NULL, &k->body) : err_ok();
    if (!err_failed(e) && bytes_is(http_exchange_request(x)->method, "POST") && row->fn != post_reload && !json_is(k->body, JSON_OBJECT))
        e = err_make(E_USAGE, "send a JSON object");
    if (err_failed(e))
        http_problem(x, e);
    else
        run_route(k, row);
}

static void
on_ended(struct http_exchange *x, bool aborted)
{
    struct ask *k = http_exchange_data(x);
    (void)aborted;
    if (k == NULL)
        return;
    k->x = NULL;
    unref(k);
}

static struct err
admit(struct serve *s, const struct http_request *r, bool own, char who[80], bool *admin)
{
    struct snapshot *snap = serve_snapshot(s);
    bool may = r->peer->unix_socket && may_administer(snap->estate, r->peer->uid);
    const struct person *person = person_of(snap->estate, r->peer->uid);
    snprintf(who, 80, "%.60s", person ? person->id : "root");
    *admin = may;
    may = may || (own && r->peer->unix_socket && person && person->active);
    snapshot_unref(snap);
    return may ? err_ok() : err_make(E_FORBIDDEN, "user %d is not a declared admin (people.yaml: admin: true), or runs agents", r->peer->uid);
}

void
admin_handler(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    struct admin_face *face = ctx;
    char who[80];
    bool admin;
    struct err missing;
    const struct route_row *row = find_route(r, &missing);
    struct err e = admit(face->serve, r, row && row->flags & OWN, who, &admin);
    if (!err_failed(e) && row == NULL)
        e = missing;
    if (!err_failed(e) && (row->flags & (face->control ? MAIN_ONLY : CONTROL_ONLY)))
        e = err_make(E_USAGE, "ask %s for this", face->control ? "admin.sock" : "control.sock");
    struct ask *k = err_failed(e) ? NULL : calloc(1, sizeof *k);
    if (k == NULL) {
        http_problem(x, err_failed(e) ? e : err_make(E_MEMORY, "no memory for a request"));
        return;
    }
    *k = (struct ask){.face = face, .x = x, .refs = 1, .admin = admin, .query = r->query, .answer = buf_make((size_t)64 << 20)};
    snprintf(k->who, sizeof k->who, "%s", who);
    struct bytes rest = row->flags & PREFIX ? bytes_sub(r->path, strlen(row->path), r->path.n) : (struct bytes){NULL, 0};
    snprintf(k->rest, sizeof k->rest, "%.*s", BYTES_CUT(rest, sizeof k->rest - 1));
    http_exchange_set(x, k);
    on->on_ended = on_ended;
    on->on_complete = on_complete;
}
