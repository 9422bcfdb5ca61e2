/* Who or what, why, and what to edit when the answer was no: in sentences. Facts travel beside them for programs. */
#include <stdio.h>
#include <unistd.h>

#include "serve/inner.h"

struct sentences {
    struct buf text; /* JSON strings with commas between */
};

__attribute__((format(printf, 2, 3))) static void
say(struct sentences *s, const char *fmt, ...)
{
    char line[2600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    json_item(&s->text);
    json_put_text(&s->text, bytes_str(line));
}

static void
finish(struct sentences *s, struct buf *b, const char *kind, struct bytes id, const char *edit, struct bytes facts)
{
    json_open(b, '{');
    json_member_str(b, "kind", kind);
    json_member_text(b, "id", id);
    json_key(b, "sentences");
    buf_printf(b, "[%.*s]", (int)s->text.n, s->text.n ? (const char *)s->text.at : "");
    if (edit && edit[0])
        json_member_str(b, "edit", edit);
    json_member_raw(b, "facts", facts);
    json_close(b, '}');
    buf_free(&s->text);
}

static void
say_owner(struct sentences *s, const struct agent *a)
{
    char backup[160] = "";
    if (a->backup)
        snprintf(backup, sizeof backup, ", in their absence %.60s%s", a->backup->name ? a->backup->name : a->backup->id,
                 a->backup->active ? "" : " (no longer active)");
    say(s, "It is owned by %.80s (%s)%s%s.", a->owner->name ? a->owner->name : a->owner->id, a->owner->id,
        a->owner->active ? "" : " who is no longer active", backup);
}

static void
say_tasks(struct sentences *s, const struct agent *a)
{
    for (const struct task **t = a->tasks; t && *t; t++) {
        struct buf list = buf_make(1200);
        for (size_t i = 0; i < (*t)->n_grants && list.n < 900; i++)
            buf_printf(&list, "%s%s/%s%s", i ? ", " : "", (*t)->grants[i].destination->id, (*t)->grants[i].tool,
                       (*t)->grants[i].n_conditions ? " (with conditions)" : "");
        say(s, "It may take the task %s%s (%s:%d): %s. Such a task ends after %llu minutes at the latest.", (*t)->id,
            *t == a->default_task ? ", its default" : "", (*t)->place.file, (*t)->place.line, buf_text(&list),
            (unsigned long long)((*t)->lifetime_ms / 60000));
        buf_free(&list);
    }
}

static bool
runs_as(const struct agent *a, int uid)
{
    for (size_t i = 0; i < a->n_claims; i++)
        if (a->claims[i].uid == uid)
            return true;
    return false;
}

/* Law 5: where a server runs under the agent's own user, its secrets are the agent's to read, and that has to be said. */
static void
say_server(struct sentences *s, const struct agent *a, const struct destination *d)
{
    if (d->kind != UPSTREAM_STDIO)
        return;
    if (d->user)
        say(s, "The server of %s runs as %s, so its secrets are not the agent's to read.", d->id, d->user);
    else if (runs_as(a, (int)geteuid()))
        say(s,
            "The server of %s runs under the agent's own user: whatever secrets it is given, the agent can read them. Declare `user` for it (%s:%d).",
            d->id, d->place.file, d->place.line);
    else
        say(s, "The server of %s runs as Writ's own user.", d->id);
}

static void
say_servers(struct sentences *s, const struct estate *e, const struct agent *a)
{
    for (size_t i = 0; i < e->n_destinations; i++) {
        bool used = false;
        for (const struct task **t = a->tasks; t && *t; t++)
            for (size_t k = 0; k < (*t)->n_grants; k++)
                used |= (*t)->grants[k].destination == &e->destinations[i];
        if (used)
            say_server(s, a, &e->destinations[i]);
    }
}

static void
say_observe(struct sentences *s, const struct estate *e, const char *agent, int64_t now_ms)
{
    for (size_t i = 0; i < e->n_observes && estate_observed(e, OBSERVE_AGENT, agent, now_ms); i++)
        if (e->observes[i].what == OBSERVE_AGENT && strcmp(e->observes[i].id, agent) == 0)
            say(s, "Until %s it is only observed: refusals of policies are recorded, not enforced (%s:%d).", e->observes[i].until,
                e->observes[i].place.file, e->observes[i].place.line);
}

static size_t
count_items(struct bytes json, struct arena *a, struct json **list)
{
    return err_failed(json_parse(a, json, NULL, list)) ? 0 : (*list)->count;
}

static void
say_access(struct sentences *s, const struct agent *agent, struct bytes writs)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct json *list = NULL;
    size_t n = count_items(writs, &a, &list), active = 0;
    struct bytes last = {NULL, 0};
    for (const struct json *w = n ? list->child : NULL; w; w = w->next) {
        struct bytes used = json_text(w, "last_use");
        bool is_active = bytes_is(json_text(w, "state"), "active");
        active += is_active;
        if (bytes_cmp(used, last) > 0)
            last = used;
        if (is_active)
            say(s, "Right now %.*s is open for the task %.*s, purpose \"%.*s\" (%.*s, given by the %.*s), %lld calls so far, until %.*s.",
                BYTES_CUT(json_text(w, "id"), 40), BYTES_CUT(json_text(w, "task"), 64), BYTES_CUT(json_text(w, "purpose"), 200),
                BYTES_CUT(json_text(w, "purpose_source"), 20), BYTES_CUT(json_text(w, "purpose_by"), 20), (long long)json_get(w, "calls")->number,
                BYTES_CUT(json_text(w, "expires"), 30));
    }
    if (active == 0)
        say(s, "Right now it has no open writ, so it can reach nothing.");
    if (last.n)
        say(s, "It was last used at %.*s.", BYTES_CUT(last, 30));
    else
        say(s, "It was not used within the last day.");
    say(s, "`writ revoke --agent %s` cuts all of it at once and says how long that took.", agent->id);
    arena_free(&a);
}

struct err
explain_agent(struct serve *sv, const struct snapshot *snap, struct bytes id, struct buf *b)
{
    char name[80], edit[200], why[256];
    snprintf(name, sizeof name, "%.*s", BYTES_CUT(id, 64));
    const struct agent *a = estate_agent(snap->estate, name);
    if (a == NULL) {
        const char *near = estate_nearest(snap->estate, "agent", name);
        return err_make(E_NOT_FOUND, "there is no agent %s%s%s%s", name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    struct sentences s = {.text = buf_make(1 << 20)};
    struct buf writs = buf_make(64 << 20);
    say(&s, "%s is %s agent (%s, %s), declared at %s:%d to: %s", a->id, a->kind == AGENT_ASSISTANT || a->kind == AGENT_AUTONOMOUS ? "an" : "a",
        agent_kind_names[a->kind], a->environment, a->place.file, a->place.line, a->purpose);
    say_owner(&s, a);
    if (a->state != AGENT_ACTIVE)
        say(&s, "It is %s: it gets no writ.", agent_state_names[a->state]);
    if (writs_blocked(sv->writs, a, NULL, NULL, why))
        say(&s, "It can do nothing: %s. `writ restore` lifts that.", why);
    say_observe(&s, snap->estate, a->id, sv->env->now_ms(sv->env));
    say_tasks(&s, a);
    say_servers(&s, snap->estate, a);
    writs_json(sv->writs, a->id, true, &writs);
    say_access(&s, a, buf_bytes(&writs));
    snprintf(edit, sizeof edit, "%s:%d (agent)", a->place.file, a->place.line);
    finish(&s, b, "agent", id, edit, buf_bytes(&writs));
    buf_free(&writs);
    return b->failed ? err_make(E_LIMIT, "too much to explain at once") : err_ok();
}

static void
say_writ(struct sentences *s, const struct json *w, const struct writ *writ)
{
    struct bytes state = json_text(w, "state");
    say(s, "%s is one task of %s: %s, opened at %.*s from the template %s (%s:%d).", writ->id, writ->agent->id,
        writ->purpose[0] ? writ->purpose : "(no purpose)", BYTES_CUT(json_text(w, "opened"), 30), writ->task->id, writ->task->place.file,
        writ->task->place.line);
    say(s, "The purpose was %s%s.", purpose_source_names[writ->source],
        writ->by == BY_OPERATOR ? " by the operator who started it"
        : writ->by == BY_AGENT  ? " by the agent itself, so it proves nothing"
                                : " of the template");
    say(s, "It answers to %.*s.", BYTES_CUT(json_text(w, "owner"), 64));
    if (writ->on_behalf_of[0])
        say(s, "It was opened on behalf of %s.", writ->on_behalf_of);
    say(s, "The instance is process %d (uid %d, %s); proof: %s, %s.", writ->instance->process.pid, writ->instance->process.uid,
        writ->instance->process.exe[0] ? writ->instance->process.exe : "executable unreadable", proof_strength_name(writ->instance->strength),
        writ->instance->why);
    say(s, "Confinement: %s.", writ->confinement[0] ? writ->confinement : "none, so no call of it is ever light");
    say(s, "It has seen %.*s data%s.", BYTES_CUT(json_text(w, "seen"), 20), json_get(w, "seen_untrusted")->truth ? " and outsiders' content" : "");
    say(s, "%lld calls were allowed and %lld refused; last use %.*s.", (long long)json_get(w, "calls")->number,
        (long long)json_get(w, "refused")->number, BYTES_CUT(json_text(w, "last_use"), 30));
    if (bytes_is(state, "active"))
        say(s, "It ends at %.*s at the latest; `writ revoke --writ %s` ends it now.", BYTES_CUT(json_text(w, "expires"), 30), writ->id);
    else
        say(s, "It is %.*s since %.*s: %.*s (by %.*s). It can do nothing.", BYTES_CUT(state, 20), BYTES_CUT(json_text(w, "ended"), 30),
            BYTES_CUT(json_text(w, "ended_why"), 160), BYTES_CUT(json_text(w, "ended_by"), 80));
}

struct err
explain_writ(struct serve *sv, const struct snapshot *snap, struct bytes id, struct buf *b)
{
    struct writ *writ = writ_find(sv->writs, id);
    char edit[200];
    if (writ == NULL)
        return err_make(E_NOT_FOUND, "no writ %.*s is open or ended within the last day; `writ log --writ` knows older ones", BYTES_CUT(id, 40));
    struct sentences s = {.text = buf_make(1 << 20)};
    struct buf facts = buf_make(1 << 20);
    struct arena a = {0};
    struct json *w;
    (void)snap;
    writ_json(sv->writs, writ, &facts);
    struct err e = json_parse(&a, buf_bytes(&facts), NULL, &w);
    if (!err_failed(e)) {
        say_writ(&s, w, writ);
        say(&s, "Decisions of tier high are on disk before their effect; others within %llu ms.",
            (unsigned long long)snap->estate->settings.log_window_ms);
        snprintf(edit, sizeof edit, "%s:%d (task)", writ->task->place.file, writ->task->place.line);
        finish(&s, b, "writ", id, edit, buf_bytes(&facts));
    }
    arena_free(&a);
    buf_free(&facts);
    writ_unref(sv->writs, writ);
    return e;
}

/* ---------------------------------------------------------------------------------------------------------- a call */

struct found {
    struct buf decision, outcome, findings; /* of the findings: leaves with commas between */
    uint64_t index;
};

static bool
visit(uint64_t index, struct bytes leaf, void *ctx)
{
    struct found *f = ctx;
    struct arena a = {0};
    struct json *v;
    if (!err_failed(json_parse(&a, leaf, NULL, &v))) {
        bool decision = bytes_is(json_text(v, "kind"), "decision"), finding = bytes_is(json_text(v, "kind"), "finding");
        struct buf *to = decision ? &f->decision : finding ? &f->findings : &f->outcome;
        if (decision)
            f->index = index;
        if (finding)
            json_item(to);
        if (to->n == 0 || finding)
            buf_put(to, leaf);
    }
    arena_free(&a);
    return true;
}

static void
say_decision(struct sentences *s, const struct json *d, uint64_t index)
{
    struct bytes decision = json_text(d, "decision"), observed = json_text(d, "observed");
    say(s, "At %.*s %.*s (under %.*s) asked for %.*s/%.*s.", BYTES_CUT(json_text(d, "at"), 30), BYTES_CUT(json_text(d, "agent"), 64),
        BYTES_CUT(json_text(d, "writ"), 40), BYTES_CUT(json_text(d, "destination"), 64), BYTES_CUT(json_text(d, "tool"), 100));
    say(s, "The decision was %.*s: %.*s.", BYTES_CUT(decision, 20), BYTES_CUT(json_text(d, "reason"), 256));
    if (observed.n)
        say(s, "It was let through only because of observe; enforced, it would have been %s.",
            bytes_is(observed, "would_ask") ? "held for an approval" : "denied");
    struct buf list = buf_make(2048);
    const struct json *policies = json_get(d, "policies");
    for (const struct json *p = policies ? policies->child : NULL; p; p = p->next)
        buf_printf(&list, "%s%.*s", list.n ? ", " : "", BYTES_CUT(p->text, 100));
    if (list.n)
        say(s, "Policies that determined it: %s.", buf_text(&list));
    buf_free(&list);
    say(s, "Its tier was %.*s, because %.*s; the estate was version %.*s.", BYTES_CUT(json_text(d, "tier"), 20),
        BYTES_CUT(json_text(d, "tier_why"), 160), BYTES_CUT(json_text(d, "estate"), 20));
    say(s, "It is record %llu of the log.", (unsigned long long)index);
}

/* What inspection found: by rule and place; nobody wrote down what. */
static void
say_found(struct sentences *s, const struct json *leaf, const char *where)
{
    const struct json *list = json_get(leaf, "found"), *total = json_get(leaf, "found_total");
    for (const struct json *f = list ? list->child : NULL; f; f = f->next) {
        struct bytes how = json_text(f, "how"), action = json_text(f, "action");
        say(s, "In %s, at %.*s, there was what the rule %.*s looks for%s%.*s: %s.", where,
            BYTES_CUT(json_text(f, "place").n ? json_text(f, "place") : BYTES("/"), PLACE_MAX), BYTES_CUT(json_text(f, "rule"), 64),
            how.n ? ", " : "", BYTES_CUT(how, 20),
            bytes_is(action, "note")     ? "it was noted and passed"
            : bytes_is(action, "redact") ? "it was taken out"
                                         : "nothing passed");
    }
    if (json_is(total, JSON_INT))
        say(s, "%lld places in all; the first are listed.", (long long)total->number);
    if (json_text(leaf, "incomplete").n)
        say(s, "Not all of it was looked at: %.*s.", BYTES_CUT(json_text(leaf, "incomplete"), 160));
    if (json_text(leaf, "modified").n)
        say(s, "A policy changed the call before it was decided again: %.*s.", BYTES_CUT(json_text(leaf, "modified"), 160));
}

static void
say_findings(struct sentences *s, struct arena *a, struct bytes leaves)
{
    struct buf b = buf_make((size_t)1 << 20);
    struct json *list;
    buf_printf(&b, "[%.*s]", (int)leaves.n, leaves.n ? (const char *)leaves.at : "");
    struct bytes kept = b.failed ? (struct bytes){NULL, 0} : arena_copy(a, buf_bytes(&b));
    if (kept.at && !err_failed(json_parse(a, kept, NULL, &list)))
        for (const struct json *leaf = list->child; leaf; leaf = leaf->next) {
            char where[40];
            snprintf(where, sizeof where, "%.*s", BYTES_CUT(json_text(leaf, "direction"), 39));
            say_found(s, leaf, where);
        }
    buf_free(&b);
}

struct err
explain_call(struct serve *sv, struct bytes id, struct buf *b)
{
    struct found f = {.decision = buf_make(65536), .outcome = buf_make(65536), .findings = buf_make(262144)};
    struct audit_filter filter = {.call = id};
    struct arena a = {0};
    struct json *d, *o;
    struct err e = audit_read(sv->log_dir, &filter, visit, &f);
    if (!err_failed(e) && f.decision.n == 0)
        e = err_make(E_NOT_FOUND, "the log knows no call %.*s", BYTES_CUT(id, 40));
    if (!err_failed(e))
        e = json_parse(&a, buf_bytes(&f.decision), NULL, &d);
    if (!err_failed(e)) {
        struct sentences s = {.text = buf_make(1 << 20)};
        char edit[300];
        say_decision(&s, d, f.index);
        say_found(&s, d, "the arguments");
        say_findings(&s, &a, buf_bytes(&f.findings));
        if (f.outcome.n && !err_failed(json_parse(&a, buf_bytes(&f.outcome), NULL, &o)))
            say(&s, "It ended as %.*s after %lld µs.", BYTES_CUT(json_text(o, "status"), 40),
                json_is(json_get(o, "us"), JSON_INT) ? (long long)json_get(o, "us")->number : 0);
        else if (bytes_is(json_text(d, "decision"), "allow"))
            say(&s, "No end of it is on record: it is still running, or the server stopped meanwhile.");
        struct bytes place = json_text(d, "edit");
        snprintf(edit, sizeof edit, "%.*s", BYTES_CUT(place, 280));
        finish(&s, b, "call", id, edit, buf_bytes(&f.decision));
    }
    arena_free(&a);
    buf_free(&f.decision);
    buf_free(&f.outcome);
    buf_free(&f.findings);
    return e;
}
