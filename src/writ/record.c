#include "writ/table.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/json.h"

static void
put_condition(struct buf *b, const struct condition *c)
{
    buf_printf(b, "|%s:%d", c->argument, (int)c->kind);
    for (const char **f = c->folders; f && *f; f++)
        buf_printf(b, ",%s", *f);
    if (c->value)
        buf_put(b, c->value->raw);
}

struct err
task_fingerprint(const struct task *task, char out[65])
{
    struct buf b = buf_make((size_t)1 << 20);
    buf_printf(&b, "%s %llu %llu", task->id, (unsigned long long)task->lifetime_ms, (unsigned long long)task->max_calls);
    for (size_t i = 0; i < task->n_grants; i++) {
        const struct grant *g = &task->grants[i];
        buf_printf(&b, "\n%s/%s %d", g->destination->id, g->tool, (int)g->ceiling);
        for (size_t k = 0; k < g->n_conditions; k++)
            put_condition(&b, &g->conditions[k]);
    }
    uint8_t digest[32];
    bool ok = !b.failed && EVP_Digest(b.at, b.n, digest, NULL, EVP_sha256(), NULL) == 1;
    buf_free(&b);
    if (!ok)
        return err_make(E_LIMIT, "the task template %s is too large", task->id);
    struct buf hex = buf_make(64);
    buf_hex(&hex, bytes_make(digest, 32));
    memcpy(out, buf_text(&hex), 65);
    buf_free(&hex);
    return err_ok();
}

static void
put_instance(struct buf *b, const struct instance *i)
{
    json_key(b, "instance");
    json_open(b, '{');
    json_member_str(b, "id", i->id);
    json_member_int(b, "pid", i->process.pid);
    json_member_int(b, "start", (int64_t)i->process.start);
    json_member_int(b, "uid", i->process.uid);
    json_member_str(b, "exe", i->process.exe);
    json_member_int(b, "exe_device", (int64_t)i->process.exe_device);
    json_member_int(b, "exe_inode", (int64_t)i->process.exe_inode);
    json_member_str(b, "sha256", i->process.sha256);
    json_member_str(b, "unit", i->process.unit);
    json_member_int(b, "strength", i->strength);
    json_member_str(b, "why", i->why);
    json_member_int(b, "seen_level", i->seen.level);
    json_member_bool(b, "seen_untrusted", i->seen.untrusted);
    json_close(b, '}');
}

void
writ_record(const struct writ *writ, struct buf *b)
{
    json_open(b, '{');
    json_member_str(b, "id", writ->id);
    json_member_str(b, "agent", writ->agent->id);
    json_member_str(b, "task", writ->task->id);
    json_member_str(b, "task_digest", writ->task_digest);
    json_member_str(b, "purpose", writ->purpose);
    json_member_int(b, "source", writ->source);
    json_member_int(b, "by", writ->by);
    json_member_str(b, "on_behalf_of", writ->on_behalf_of);
    json_member_str(b, "confinement", writ->confinement);
    json_member_bool(b, "confined", writ->confined);
    json_member_str(b, "session", writ->session);
    json_member_int(b, "opened", writ->opened_ms);
    json_member_int(b, "expires", writ->expires_ms);
    json_member_int(b, "state", writ->state);
    json_member_int(b, "last_use", writ->last_use_ms);
    json_member_int(b, "ended", writ->ended_ms);
    json_member_int(b, "calls", (int64_t)writ->calls);
    json_member_int(b, "refused", (int64_t)writ->refused);
    json_member_str(b, "ended_why", writ->ended_why);
    json_member_str(b, "ended_by", writ->ended_by);
    put_instance(b, writ->instance);
    json_close(b, '}');
}

void
writ_leaf(const struct writ *writ, struct buf *b)
{
    json_member_str(b, "writ", writ->id);
    json_member_str(b, "state", writ_state_names[writ->state == WRIT_PENDING ? WRIT_ACTIVE : writ->state]);
    json_member_str(b, "agent", writ->agent->id);
    json_member_str(b, "instance", writ->instance->id);
    json_member_str(b, "task", writ->task->id);
    json_member_str(b, "owner", writ->agent->owner->id);
    json_member_str(b, "purpose_source", purpose_source_names[writ->source]);
    json_member_str(b, "purpose_by", purpose_by_names[writ->by]);
    json_member_str(b, "estate", writ->opened_under->version);
    if (writ->on_behalf_of[0])
        json_member_str(b, "on_behalf_of", writ->on_behalf_of);
    if (writ->confinement[0])
        json_member_str(b, "confinement", writ->confinement);
    if (writ->state == WRIT_PENDING || writ->state == WRIT_ACTIVE) {
        json_member_str(b, "proof", proof_strength_name(writ->instance->strength));
        json_member_int(b, "uid", writ->instance->process.uid);
        json_member_str(b, "exe", writ->instance->process.exe);
        json_member_int(b, "expires_ms", writ->expires_ms);
    } else {
        json_member_str(b, "why", writ->ended_why);
        json_member_str(b, "by", writ->ended_by);
        json_member_int(b, "calls", (int64_t)writ->calls);
        json_member_int(b, "refused", (int64_t)writ->refused);
    }
}

static int64_t
whole(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, key);
    return v && v->type == JSON_INT ? v->number : 0;
}

static bool
truth(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, key);
    return v && v->type == JSON_BOOL && v->truth;
}

static void
text(const struct json *object, const char *key, char *to, size_t room)
{
    struct bytes t = json_text(object, key);
    size_t n = t.n < room - 1 ? t.n : room - 1;
    if (n)
        memcpy(to, t.at, n);
    to[n] = 0;
}

static struct instance *
read_instance(struct writs *w, const struct agent *agent, const struct json *v)
{
    struct process p = {.pid = (int)whole(v, "pid"),
                        .start = (uint64_t)whole(v, "start"),
                        .uid = (int)whole(v, "uid"),
                        .gid = -1,
                        .exe_device = (uint64_t)whole(v, "exe_device"),
                        .exe_inode = (uint64_t)whole(v, "exe_inode")};
    char why[256];
    text(v, "exe", p.exe, sizeof p.exe);
    text(v, "sha256", p.sha256, sizeof p.sha256);
    text(v, "unit", p.unit, sizeof p.unit);
    text(v, "why", why, sizeof why);
    struct instance *i = instance_get(w, agent, &p, (enum proof_strength)whole(v, "strength"), why);
    if (i == NULL)
        return NULL;
    text(v, "id", i->id, sizeof i->id);
    int64_t level = whole(v, "seen_level");
    if (level > (int64_t)i->seen.level && level <= SENS_RESTRICTED)
        i->seen.level = (enum sensitivity)level;
    i->seen.untrusted |= truth(v, "seen_untrusted");
    return i;
}

static bool
read_fields(struct writ *writ, const struct json *v)
{
    text(v, "id", writ->id, sizeof writ->id);
    text(v, "task_digest", writ->task_digest, sizeof writ->task_digest);
    text(v, "session", writ->session, sizeof writ->session);
    text(v, "ended_why", writ->ended_why, sizeof writ->ended_why);
    text(v, "ended_by", writ->ended_by, sizeof writ->ended_by);
    writ->source = (enum purpose_source)whole(v, "source");
    writ->by = (enum purpose_by)whole(v, "by");
    writ->confined = truth(v, "confined");
    writ->opened_ms = whole(v, "opened");
    writ->expires_ms = whole(v, "expires");
    writ->last_use_ms = whole(v, "last_use");
    writ->ended_ms = whole(v, "ended");
    writ->calls = (uint64_t)whole(v, "calls");
    writ->refused = (uint64_t)whole(v, "refused");
    return writ_set_texts(writ, json_text(v, "on_behalf_of"), json_text(v, "confinement"));
}

/* These index tables of names. */
static bool
origin_known(const struct json *v)
{
    int64_t source = whole(v, "source"), by = whole(v, "by"), strength = whole(json_get(v, "instance"), "strength");
    return source >= 0 && source <= PURPOSE_DEFAULT && by >= 0 && by <= BY_TEMPLATE && strength >= 0 && strength <= PROOF_PROGRAM;
}

struct err
writ_unrecord(struct writs *w, struct estate *estate, struct bytes body, struct writ **out)
{
    struct arena a = {0};
    struct json *v;
    *out = NULL;
    struct err e = json_parse(&a, body, NULL, &v);
    char agent[80], task[80];
    int64_t state = err_failed(e) ? -1 : whole(v, "state");
    if (!err_failed(e) && (state < 0 || state > WRIT_EXPIRED))
        e = err_make(E_STORE, "a writ in the store has no known state");
    if (!err_failed(e) && !origin_known(v))
        e = err_make(E_STORE, "a writ in the store says in no known way where its purpose or its proof came from");
    if (err_failed(e)) {
        arena_free(&a);
        return e;
    }
    text(v, "agent", agent, sizeof agent);
    text(v, "task", task, sizeof task);
    const struct agent *declared = estate_agent(estate, agent);
    const struct task *template = estate_task(estate, task);
    struct writ *writ = declared && template ? calloc(1, sizeof *writ) : NULL;
    if (writ) {
        struct bytes purpose = json_text(v, "purpose");
        bool whole_texts = read_fields(writ, v);
        writ->purpose = purpose.n ? strndup((const char *)purpose.at, purpose.n) : strdup("");
        writ->instance = read_instance(w, declared, json_get(v, "instance"));
        writ->state = (enum writ_state)state;
        writ->agent = declared;
        writ->task = template;
        writ->opened_under = estate_ref(estate);
        writ->refs = 1;
        if (!whole_texts || writ->purpose == NULL || writ->instance == NULL) {
            writ_free(w, writ);
            arena_free(&a);
            return err_make(E_MEMORY, "no memory for a writ");
        }
    }
    *out = writ; /* NULL: its agent or template is no longer declared */
    arena_free(&a);
    return err_ok();
}
