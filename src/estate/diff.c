/*
 * What changed between two estates, as lines for the record. Each estate is written down as facts (subject, what, value), sorted; two
 * sorted lists are then compared. So a new key needs one line here, and no case of "added" or "removed" can be forgotten.
 */
#include "estate/load.h"
#include "estate/pin.h"

#include <arpa/inet.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES 1024

struct fact {
    const char *subject, *what, *value;
};

struct facts {
    struct arena a;
    struct fact *list;
    size_t n, cap;
    bool failed;
};

static void fact(struct facts *f, const char *subject, const char *what, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
fact(struct facts *f, const char *subject, const char *what, const char *fmt, ...)
{
    char value[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 256;
        struct fact *list = realloc(f->list, cap * sizeof *list);
        if (list == NULL) {
            f->failed = true;
            return;
        }
        f->list = list;
        f->cap = cap;
    }
    struct fact *at = &f->list[f->n++];
    *at = (struct fact){subject, arena_str(&f->a, bytes_str(what)), arena_str(&f->a, bytes_str(value))};
    f->failed = f->failed || !subject || !at->what || !at->value;
    f->n -= f->failed;
}

/* "a, b" of a NULL-terminated list, in memory of the facts. */
static const char *
list_text(struct facts *f, const char *const *list)
{
    struct buf b = buf_make(LINE_MAX_BYTES);
    for (; list && *list; list++)
        buf_printf(&b, "%s%s", b.n ? ", " : "", *list);
    const char *text = arena_str(&f->a, bytes_str(b.failed ? "…" : buf_text(&b)));
    buf_free(&b);
    return text ? text : "";
}

static const char *
or_none(const char *text)
{
    return text ? text : "none";
}

static void
person_facts(struct facts *f, const struct person *p)
{
    const char *s = arena_printf(&f->a, "person %s", p->id);
    fact(f, s, "active", "%s", p->active ? "yes" : "no");
    fact(f, s, "admin", "%s", p->admin ? "yes" : "no");
    fact(f, s, "user id", "%d", p->uid);
    fact(f, s, "groups", "%s", list_text(f, p->groups));
}

static void
claim_fact(struct facts *f, const char *subject, const struct unix_claim *c)
{
    const struct {
        const char *name, *value;
    } parts[] = {{"exe", c->exe}, {"sha256", c->sha256}, {"client", c->client}, {"unit", c->unit}, {"cgroup", c->cgroup}};
    struct buf b = buf_make(LINE_MAX_BYTES);
    if (c->uid >= 0)
        buf_printf(&b, "uid %d%s", c->uid, c->dedicated_user ? " (dedicated)" : "");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].value)
            buf_printf(&b, "%s%s %s", b.n ? ", " : "", parts[i].name, parts[i].value);
    fact(f, subject, "proves", "%s", buf_text(&b));
    buf_free(&b);
}

static void
limit_facts(struct facts *f, const char *subject, const char *what, const struct use_limits *u)
{
    const struct {
        const char *name;
        uint64_t value;
    } parts[] = {{"burst", u->burst}, {"concurrency", u->concurrency}, {"queue", u->queue}};
    if (u->rate.count)
        fact(f, subject, arena_printf(&f->a, "%s rate", what), "%llu in %llu ms", (unsigned long long)u->rate.count, (unsigned long long)u->rate.ms);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].value)
            fact(f, subject, arena_printf(&f->a, "%s %s", what, parts[i].name), "%llu", (unsigned long long)parts[i].value);
}

static void
agent_facts(struct facts *f, const struct agent *a)
{
    const char *s = arena_printf(&f->a, "agent %s", a->id);
    fact(f, s, "owner", "%s", a->owner->id);
    fact(f, s, "backup", "%s", a->backup ? a->backup->id : "none");
    fact(f, s, "kind", "%s", agent_kind_names[a->kind]);
    fact(f, s, "state", "%s", agent_state_names[a->state]);
    fact(f, s, "environment", "%s", a->environment);
    fact(f, s, "acts_for", "%s", a->acts_for ? a->acts_for->id : "nobody");
    fact(f, s, "accept_weak_proof", "%s", a->accept_weak_proof ? "yes" : "no");
    fact(f, s, "default_task", "%s", a->default_task ? a->default_task->id : "none");
    limit_facts(f, s, "limit", &a->limits);
    for (size_t i = 0; i < a->n_claims; i++)
        claim_fact(f, s, &a->claims[i]);
    for (const struct task **t = a->tasks; *t; t++)
        fact(f, s, "task", "%s", (*t)->id);
}

static const char *
hex_start(struct facts *f, const uint8_t *sum)
{
    const char *text = arena_printf(&f->a, "%02x%02x%02x%02x%02x%02x", sum[0], sum[1], sum[2], sum[3], sum[4], sum[5]);
    return text ? text : "";
}

static void
tool_facts(struct facts *f, const char *subject, const struct tool *t)
{
    const char *what = arena_printf(&f->a, "tool %s", t->name);
    struct buf b = buf_make(LINE_MAX_BYTES);
    for (size_t i = 0; i < t->n_sinks; i++)
        buf_printf(&b, ", sink %s (%s%s)", t->sinks[i].argument, sink_kind_names[t->sinks[i].kind], t->sinks[i].leaves ? ", leaves" : "");
    for (size_t i = 0; t->outsiders && (i == 0 || t->outsiders[i]); i++)
        buf_printf(&b, "%s%s", i ? " " : ", outsiders: ", t->outsiders[i] ? t->outsiders[i] : "none");
    if (t->sensitivity >= 0)
        buf_printf(&b, ", %s", sensitivity_names[t->sensitivity]);
    if (what)
        fact(f, subject, what, "%s%s%s, pin %s", effect_names[t->effect], t->confirmed ? "" : " (unconfirmed)", buf_text(&b),
             hex_start(f, t->digest));
    f->failed = f->failed || what == NULL;
    buf_free(&b);
    if (what == NULL)
        return;
    limit_facts(f, subject, arena_printf(&f->a, "%s limit", what), &t->limits);
    if (t->has_repeats)
        fact(f, subject, arena_printf(&f->a, "%s repeats", what), "%llu", (unsigned long long)t->repeats);
    if (t->call_timeout_ms || t->result_bytes)
        fact(f, subject, arena_printf(&f->a, "%s bounds", what), "%llu ms, %llu bytes", (unsigned long long)t->call_timeout_ms,
             (unsigned long long)t->result_bytes);
}

/* What is pinned besides tools. */
static void
pin_facts(struct facts *f, const char *subject, const struct destination *d)
{
    const struct json *accepted = json_get(d->pin, "accepted_findings"), *instructions = json_get(json_get(d->pin, "server"), "instructions");
    uint8_t sum[32];
    fact(f, subject, "pinned server", "%s", or_none(d->pin_server));
    if (d->pin && !err_failed(server_digest(json_get(d->pin, "server"), true, sum)))
        fact(f, subject, "pinned identity", "%s", hex_start(f, sum));
    if (json_is(instructions, JSON_STRING)) {
        SHA256(instructions->text.at, instructions->text.n, sum);
        fact(f, subject, "pinned instructions", "%s", hex_start(f, sum));
    }
    for (size_t i = 0; i < d->n_extras; i++) {
        const struct pinned_extra *x = &d->extras[i];
        const char *what = arena_printf(&f->a, "%s %.*s", x->prompt ? "prompt" : "template", BYTES_CUT(x->name, 200));
        fact(f, subject, what ? what : "", "pin %s", hex_start(f, x->digest));
    }
    for (const struct json *v = accepted ? accepted->child : NULL; v; v = v->next)
        if (v->type == JSON_STRING)
            fact(f, subject, "accepted findings of", "%.*s", BYTES_CUT(v->text, 200));
}

static void
credential_facts(struct facts *f, const char *s, const struct destination *d)
{
    char text[INET6_ADDRSTRLEN];
    for (size_t i = 0; i < d->n_networks; i++)
        fact(f, s, "network", "%s/%u", inet_ntop(AF_INET6, d->networks[i].address, text, sizeof text), d->networks[i].bits);
    if (d->vault)
        fact(f, s, "vault", "%s %s (KV %u), login %s", d->vault->address, d->vault->mount, d->vault->version, or_none(d->vault->role));
    if (d->kubernetes)
        fact(f, s, "kubernetes", "%s", d->kubernetes->address);
    if (d->oauth)
        fact(f, s, "oauth", "%s, issuer %s, client %s, key %s, resource %s, scopes %s", oauth_grant_names[d->oauth->grant],
             d->oauth->issuer ? d->oauth->issuer : "as the server says", or_none(d->oauth->client_id), or_none(d->oauth->key),
             d->oauth->resource ? d->oauth->resource : "its address", list_text(f, d->oauth->scopes));
}

static void
destination_facts(struct facts *f, const struct destination *d)
{
    const char *s = arena_printf(&f->a, "destination %s", d->id);
    fact(f, s, "owner", "%s", d->owner->id);
    fact(f, s, "environment", "%s", d->environment);
    fact(f, s, "sensitivity", "%s", sensitivity_names[d->sensitivity]);
    fact(f, s, "integrity", "%s", integrity_names[d->integrity]);
    fact(f, s, "server", "%s", d->kind == UPSTREAM_HTTP ? d->url : list_text(f, (const char *const *)d->command));
    fact(f, s, "certificates", "%s", or_none(d->ca_file));
    fact(f, s, "folder", "%s", or_none(d->cwd));
    fact(f, s, "user", "%s", or_none(d->user));
    fact(f, s, "roots", "%s", list_text(f, d->roots));
    fact(f, s, "shares", "%s%s", d->share_resources ? "resources " : "", d->share_prompts ? "prompts" : "");
    for (const char **e = d->env; *e; e++) /* the value may be a secret that somebody wrote in plain text */
        fact(f, s, "environment variable", "%.*s", (int)strcspn(*e, "="), *e);
    for (size_t i = 0; i < d->n_secrets; i++)
        fact(f, s, "secret", "%s as %s", d->secrets[i].secret, d->secrets[i].env ? d->secrets[i].env : d->secrets[i].header);
    credential_facts(f, s, d);
    limit_facts(f, s, "limit", &d->limits);
    fact(f, s, "call_timeout", "%llu ms", (unsigned long long)d->call_timeout_ms);
    fact(f, s, "result_bytes", "%llu", (unsigned long long)d->result_bytes);
    fact(f, s, "repeats", "%llu reads, %llu others in %llu ms", (unsigned long long)d->repeats, (unsigned long long)d->repeated_writes,
         (unsigned long long)d->repeat_ms);
    for (size_t i = 0; i < d->n_tools; i++)
        tool_facts(f, s, &d->tools[i]);
    pin_facts(f, s, d);
}

static void
put_condition(struct facts *f, struct buf *b, const struct condition *c)
{
    static const char *const words[] = {"under", "is", "one of", "at most", "at least", "starts", "absent"};
    buf_printf(b, "%s%s %s ", b->n ? ", " : "", c->argument, words[c->kind]);
    if (c->kind == COND_UNDER)
        buf_puts(b, list_text(f, c->folders));
    else if (c->value)
        json_put(b, c->value);
}

static void
grant_fact(struct facts *f, const char *subject, const struct grant *g)
{
    struct buf b = buf_make(LINE_MAX_BYTES);
    const char *what = arena_printf(&f->a, "grant %s/%s", g->destination->id, g->tool);
    if (strcmp(g->tool, "*") == 0)
        buf_printf(&b, "up to %s", effect_names[g->ceiling]);
    for (size_t i = 0; i < g->n_conditions; i++)
        put_condition(f, &b, &g->conditions[i]);
    const char *text = b.failed ? "(long)" : buf_text(&b);
    if (what)
        fact(f, subject, what, "%s", text[0] ? text : "any arguments");
    f->failed = f->failed || what == NULL;
    buf_free(&b);
}

static void
task_facts(struct facts *f, const struct task *t)
{
    const char *s = arena_printf(&f->a, "task %s", t->id);
    fact(f, s, "lifetime", "%llu ms", (unsigned long long)t->lifetime_ms);
    fact(f, s, "idle", "%llu ms", (unsigned long long)t->idle_ms);
    fact(f, s, "max_calls", "%llu", (unsigned long long)t->max_calls);
    fact(f, s, "approvers", "%s", list_text(f, t->approvers));
    limit_facts(f, s, "limit", &t->limits);
    for (size_t i = 0; i < t->n_grants; i++)
        grant_fact(f, s, &t->grants[i]);
}

static void
policy_fact(struct facts *f, const struct cedar_policies *set, size_t i)
{
    uint8_t sum[32];
    struct cedar_str id = cedar_policy_id(set, i), text = cedar_policy_source(set, i);
    const char *s = arena_printf(&f->a, "policy %.*s", (int)(id.n > 200 ? 200 : id.n), id.at);
    SHA256((const uint8_t *)text.at, text.n, sum);
    fact(f, s, "text", "%s %s", cedar_policy_effect(set, i) == CEDAR_PERMIT ? "permit" : "forbid", hex_start(f, sum));
}

static void
act_fact(struct facts *f, const char *subject, const struct found_do *act)
{
    fact(f, subject, "found", "in arguments %s, in results %s, %s", found_action_names[act->arguments], found_action_names[act->results],
         sensitivity_names[act->sensitivity]);
}

static void
inspection_facts(struct facts *f, const struct inspection_settings *s)
{
    fact(f, "inspection", "builtin_rules", "%s", s->builtin_rules ? "yes" : "no");
    fact(f, "inspection", "disabled_rules", "%s", list_text(f, s->disabled));
    fact(f, "inspection", "max_bytes", "%llu", (unsigned long long)s->max_bytes);
    fact(f, "inspection", "beyond", "%s", found_action_names[s->beyond]);
    fact(f, "inspection", "binary", "%s", found_action_names[s->binary]);
    act_fact(f, "inspection secrets", &s->secrets);
    for (size_t i = 0; i < s->n_rules; i++)
        act_fact(f, arena_printf(&f->a, "inspection rule %s", s->rules[i].id), &s->rules[i].act);
    for (size_t i = 0; i < s->n_classes; i++) {
        const struct data_class *c = &s->classes[i];
        const char *subject = arena_printf(&f->a, "inspection class %s", c->id);
        act_fact(f, subject, &c->act);
        fact(f, subject, "kind", "%s %s%s", class_kind_names[c->kind], c->regex ? c->regex : "", list_text(f, c->words));
    }
    for (size_t i = 0; i < s->n_files; i++) {
        uint8_t sum[32];
        SHA256(s->files[i].text.at, s->files[i].text.n, sum);
        fact(f, arena_printf(&f->a, "inspection %s", s->files[i].file), "text", "%s", hex_start(f, sum));
    }
}

static void
webhook_facts(struct facts *f, const struct webhook *w)
{
    const char *subject = arena_printf(&f->a, "alerts %s", w->id);
    struct buf kinds = buf_make(512);
    for (size_t i = 0; i < ALERT_KINDS; i++)
        if (w->kinds & 1u << i)
            buf_printf(&kinds, "%s%s", kinds.n ? ", " : "", alert_kind_names[i]);
    fact(f, subject, "to", "%s", w->url ? w->url : arena_printf(&f->a, "the address sealed as %s", w->url_secret));
    fact(f, subject, "of", "%s", buf_text(&kinds));
    fact(f, subject, "signed", "%s", or_none(w->sign));
    fact(f, subject, "at_most", "%llu a minute, again after %llu s", (unsigned long long)w->per_minute, (unsigned long long)w->repeat_ms / 1000);
    buf_free(&kinds);
}

static void
settings_facts(struct facts *f, const struct settings *s)
{
    fact(f, "settings", "state_dir", "%s", s->state_dir);
    fact(f, "settings", "run_dir", "%s", s->run_dir);
    fact(f, "settings", "store", "%s", s->store_url);
    fact(f, "settings", "master", "%s", or_none(s->master.name));
    fact(f, "settings", "log_window", "%llu ms", (unsigned long long)s->log_window_ms);
    fact(f, "settings", "authorization.servers", "%s", list_text(f, s->authorization.servers));
    fact(f, "settings", "builtin_policies", "%s", s->builtin_policies ? "yes" : "no");
}

static int
by_text(const void *left, const void *right)
{
    const struct fact *a = left, *b = right;
    int d = strcmp(a->subject, b->subject);
    if (d == 0)
        d = strcmp(a->what, b->what);
    return d ? d : strcmp(a->value, b->value);
}

static void
collect(struct facts *f, const struct estate *e)
{
    static const char *const kinds[] = {"agent", "destination", "policy"};
    for (size_t i = 0; i < e->n_people; i++)
        person_facts(f, &e->people[i]);
    for (size_t i = 0; i < e->n_agents; i++)
        agent_facts(f, &e->agents[i]);
    for (size_t i = 0; i < e->n_destinations; i++)
        destination_facts(f, &e->destinations[i]);
    for (size_t i = 0; i < e->n_tasks; i++)
        task_facts(f, &e->tasks[i]);
    for (size_t i = 0; e->policies && i < cedar_policies_count(e->policies); i++)
        policy_fact(f, e->policies, i);
    for (size_t i = 0; i < e->n_observes; i++)
        fact(f, arena_printf(&f->a, "observe %s %s", kinds[e->observes[i].what], e->observes[i].id), "until", "%s", e->observes[i].until);
    for (size_t i = 0; i < e->n_webhooks; i++)
        webhook_facts(f, &e->webhooks[i]);
    settings_facts(f, &e->settings);
    inspection_facts(f, &e->inspection);
    if (f->n)
        qsort(f->list, f->n, sizeof *f->list, by_text);
}

static bool
same_key(const struct fact *a, const struct fact *b)
{
    return strcmp(a->subject, b->subject) == 0 && strcmp(a->what, b->what) == 0;
}

static void
say(void (*line)(const char *text, void *ctx), void *ctx, const struct fact *was, const struct fact *is)
{
    char text[3 * LINE_MAX_BYTES];
    const struct fact *f = was ? was : is;
    if (was && is)
        snprintf(text, sizeof text, "%s: %s: %s → %s", f->subject, f->what, was->value, is->value);
    else
        snprintf(text, sizeof text, "%s: %s: %s %s", f->subject, f->what, was ? "removed" : "added", f->value);
    line(text, ctx);
}

/* Of facts with the same key (two tasks of an agent), equal values meet first; what is left over is a change, an addition or a removal. */
static void
compare(const struct facts *old, const struct facts *new, void (*line)(const char *text, void *ctx), void *ctx)
{
    size_t i = 0, k = 0;
    while (i < old->n || k < new->n) {
        const struct fact *was = i < old->n ? &old->list[i] : NULL, *is = k < new->n ? &new->list[k] : NULL;
        int d = was && is ? by_text(was, is) : was ? -1 : 1;
        if (d == 0) {
            i++, k++;
            continue;
        }
        bool repeated = (was && i + 1 < old->n && same_key(was, was + 1)) || (is && k + 1 < new->n &&same_key(is, is + 1)) ||
                        (was && i && same_key(was, was - 1)) || (is && k && same_key(is, is - 1));
        if (was && is && same_key(was, is) && !repeated)
            say(line, ctx, was, is), i++, k++;
        else if (d < 0)
            say(line, ctx, was, NULL), i++;
        else
            say(line, ctx, NULL, is), k++;
    }
}

void
estate_diff(const struct estate *old, const struct estate *new, void (*line)(const char *text, void *ctx), void *ctx)
{
    struct facts before = {.a = {.max = (size_t)512 << 20}}, after = before;
    collect(&before, old);
    collect(&after, new);
    if (before.failed || after.failed)
        line("the estates are too large to compare; what changed is not known in full", ctx);
    compare(&before, &after, line, ctx);
    free(before.list);
    free(after.list);
    arena_free(&before.a);
    arena_free(&after.a);
}
