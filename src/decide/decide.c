#include "decide/decide.h"

#include <stdio.h>

#include "decide/request.h"

const char *const outcome_names[] = {"allow", "deny", "modify", "step_up", "defer", NULL};
const char *const tier_names[] = {"light", "standard", "high", NULL};

/*
 * The tiers. High: what cannot be undone, restricted data, a write by a weakly proven instance. Light: reads of data that is at most
 * internal, from a place that is trusted, by a confined and firmly proven instance (law 11: what is unconfined is never light).
 */
enum tier
call_tier(const struct call *call, char why[160])
{
    enum effect effect = tool_effect(call->tool);
    const struct destination *d = call->destination;
    enum proof_strength proof = call->writ->instance->strength;
    const char *because = NULL;
    if (effect == EFFECT_IRREVERSIBLE)
        because = "the effect cannot be undone";
    else if (d->sensitivity == SENS_RESTRICTED)
        because = "the data is restricted";
    else if (effect == EFFECT_WRITE && proof <= PROOF_WEAK)
        because = "a write by an instance that is known only weakly";
    if (because) {
        bytes_text(bytes_str(because), why, 160);
        return TIER_HIGH;
    }
    if (effect != EFFECT_READ)
        because = "it writes";
    else if (d->sensitivity > SENS_INTERNAL)
        because = "the data is confidential";
    else if (!call->writ->confined)
        because = "the agent is not confined";
    else if (proof <= PROOF_WEAK)
        because = "the instance is known only weakly";
    else if (d->integrity == INTEGRITY_UNTRUSTED)
        because = "the destination returns outsiders' content";
    bytes_text(bytes_str(because ? because : "a read of data that is at most internal, by a confined and proven agent"), why, 160);
    return because ? TIER_STANDARD : TIER_LIGHT;
}

/* What is satisfied counts, and a forbid that errors counts as satisfied (law 3). */
struct tally {
    const struct cedar_policies *policies;
    size_t permits[DECISION_POLICIES], plain[DECISION_POLICIES], asking[DECISION_POLICIES], deferring[DECISION_POLICIES], changing[DECISION_POLICIES];
    size_t n_permits, n_plain, n_asking, n_deferring, n_changing;
};

static void
note(size_t *list, size_t *n, size_t policy)
{
    if (*n < DECISION_POLICIES)
        list[(*n)++] = policy;
}

static void
note_forbid(struct tally *t, size_t policy)
{
    struct cedar_str value;
    if (cedar_policy_annotation(t->policies, policy, "step_up", &value))
        note(t->asking, &t->n_asking, policy);
    else if (cedar_policy_annotation(t->policies, policy, "defer", &value))
        note(t->deferring, &t->n_deferring, policy);
    else if (cedar_policy_annotation(t->policies, policy, "modify", &value) && value.n == 6 && memcmp(value.at, "redact", 6) == 0)
        note(t->changing, &t->n_changing, policy);
    else
        note(t->plain, &t->n_plain, policy); /* also other ways of @modify: the changed call cannot be made here, so the original may not pass */
}

static void
tally(struct tally *t, const struct cedar_policies *policies, const struct cedar_answer *answer)
{
    *t = (struct tally){.policies = policies};
    for (size_t i = 0; i < answer->n_permits; i++)
        note(t->permits, &t->n_permits, answer->permits[i]);
    for (size_t i = 0; i < answer->n_forbids; i++)
        note_forbid(t, answer->forbids[i]);
    for (size_t i = 0; i < answer->n_errors; i++)
        if (cedar_policy_effect(policies, answer->errors[i].policy) == CEDAR_FORBID)
            note_forbid(t, answer->errors[i].policy);
}

static void
determine(struct decision *d, const struct tally *t, enum outcome outcome, const size_t *list, size_t n)
{
    d->outcome = outcome;
    d->n_policies = n;
    for (size_t i = 0; i < n; i++)
        d->policies[i] = cedar_policy_id(t->policies, list[i]);
}

static void
edit_policy(struct decision *d, const struct tally *t, size_t policy)
{
    struct cedar_str file = cedar_policy_file(t->policies, policy), id = cedar_policy_id(t->policies, policy);
    if (file.n == 7 && memcmp(file.at, "builtin", 7) == 0) /* not by its id: an estate's own policy may stand in for a built-in one */
        snprintf(d->edit, sizeof d->edit, "policies/: declare a policy with @id(\"%.*s\") to replace the built-in one", (int)id.n, id.at);
    else
        snprintf(d->edit, sizeof d->edit, "%.*s:%u (policy %.*s)", (int)file.n, file.at, cedar_policy_line(t->policies, policy), (int)id.n, id.at);
}

static const char *
describe(const struct tally *t, size_t policy, char room[200])
{
    struct cedar_str text;
    if (!cedar_policy_annotation(t->policies, policy, "description", &text))
        return "";
    snprintf(room, 200, " (%.*s)", (int)(text.n < 190 ? text.n : 190), text.at);
    return room;
}

/* The order of design.md section 3: no permit, plain forbid, defer, step-up, modify, allow. */
static void
conclude(struct decision *d, const struct tally *t)
{
    char about[200];
    struct cedar_str id;
    if (t->n_permits == 0) {
        determine(d, t, OUTCOME_DENY, NULL, 0);
        snprintf(d->reason, sizeof d->reason, "no policy permits it");
        snprintf(d->edit, sizeof d->edit, "policies/: a permit for this action is missing");
    } else if (t->n_plain) {
        determine(d, t, OUTCOME_DENY, t->plain, t->n_plain);
        id = d->policies[0];
        snprintf(d->reason, sizeof d->reason, "the policy %.*s forbids it%s", (int)(id.n < 60 ? id.n : 60), id.at, describe(t, t->plain[0], about));
        edit_policy(d, t, t->plain[0]);
    } else if (t->n_deferring) {
        determine(d, t, OUTCOME_DEFER, t->deferring, t->n_deferring);
        id = d->policies[0];
        snprintf(d->reason, sizeof d->reason, "the policy %.*s waits for context that is missing", (int)(id.n < 60 ? id.n : 60), id.at);
        edit_policy(d, t, t->deferring[0]);
    } else if (t->n_asking) {
        determine(d, t, OUTCOME_STEP_UP, t->asking, t->n_asking);
        id = d->policies[0];
        snprintf(d->reason, sizeof d->reason, "the policy %.*s asks for a person's approval%s", (int)(id.n < 60 ? id.n : 60), id.at,
                 describe(t, t->asking[0], about));
        edit_policy(d, t, t->asking[0]);
    } else if (t->n_changing) {
        determine(d, t, OUTCOME_MODIFY, t->changing, t->n_changing);
        id = d->policies[0];
        snprintf(d->reason, sizeof d->reason, "the policy %.*s lets it pass without what was found in it%s", (int)(id.n < 60 ? id.n : 60), id.at,
                 describe(t, t->changing[0], about));
        edit_policy(d, t, t->changing[0]);
    } else {
        determine(d, t, OUTCOME_ALLOW, t->permits, t->n_permits);
        id = d->policies[0];
        size_t n = bytes_text(BYTES("permitted by "), d->reason, sizeof d->reason);
        bytes_text(bytes_make(id.at, id.n < 60 ? id.n : 60), d->reason + n, sizeof d->reason - n);
    }
}

void
decide_answer(const struct cedar_policies *policies, const struct cedar_answer *answer, struct decision *d)
{
    UNINITIALIZED struct tally t;
    d->edit[0] = 0;
    tally(&t, policies, answer);
    conclude(d, &t);
}

/* ${more} into ${list}, each once, in the order of the set. */
static size_t
merge(size_t *list, size_t n, const size_t *more, size_t n_more)
{
    for (size_t i = 0; i < n_more; i++) {
        size_t at = n;
        while (at > 0 && list[at - 1] > more[i])
            at--;
        if (at > 0 && list[at - 1] == more[i])
            continue;
        memmove(&list[at + 1], &list[at], (n++ - at) * sizeof *list);
        list[at] = more[i];
    }
    return n;
}

static size_t
merge_errors(struct cedar_policy_error *list, size_t n, const struct cedar_policy_error *more, size_t n_more)
{
    for (size_t i = 0; i < n_more; i++) {
        size_t at = 0;
        while (at < n && list[at].policy != more[i].policy)
            at++;
        if (at == n)
            list[n++] = more[i];
    }
    return n;
}

struct err
decide_join(const struct cedar_answer *answers, size_t n, struct arena *a, struct cedar_answer *out)
{
    size_t permits = 0, forbids = 0, errors = 0;
    *out = answers[0];
    if (n == 1)
        return err_ok();
    for (size_t i = 0; i < n; i++)
        permits += answers[i].n_permits, forbids += answers[i].n_forbids, errors += answers[i].n_errors;
    size_t *p = arena_list(a, permits + 1, sizeof *p), *f = arena_list(a, forbids + 1, sizeof *f);
    struct cedar_policy_error *e = arena_list(a, errors + 1, sizeof *e);
    if (p == NULL || f == NULL || e == NULL)
        return err_make(E_MEMORY, "no memory to decide");
    *out = (struct cedar_answer){.permits = p, .forbids = f, .errors = e};
    for (size_t i = 0; i < n; i++) {
        out->n_permits = merge(p, out->n_permits, answers[i].permits, answers[i].n_permits);
        out->n_forbids = merge(f, out->n_forbids, answers[i].forbids, answers[i].n_forbids);
        out->n_errors = merge_errors(e, out->n_errors, answers[i].errors, answers[i].n_errors);
    }
    return err_ok();
}

static struct err
evaluate(const struct snapshot *s, const struct call *call, enum tier tier, struct cedar_scratch *scratch, struct arena *a,
         struct cedar_answer *answer)
{
    UNINITIALIZED struct decision_requests r;
    struct cedar_answer answers[DECISION_REQUESTS];
    cedar_scratch_reset(scratch);
    TRY(decide_requests(call, tier, true, scratch, &r));
    for (size_t i = 0; i < r.n; i++)
        if (!cedar_decide(s->engine, &r.at[i], NULL, scratch, &answers[i]))
            return err_make(E_MEMORY, "no memory to decide");
    return decide_join(answers, r.n, a, answer);
}

/* The writ as it was opened and the template as it stands now must both grant the call: authority only narrows (law 4). */
static struct err
granted(const struct snapshot *s, const struct call *call, struct arena *a, struct place *where)
{
    TRY(grant_check(call->writ->task, call, a, where));
    const struct task *now = estate_task(s->estate, call->writ->task->id);
    *where = call->writ->task->place;
    if (now == NULL)
        return err_make(E_DENIED, "the task %s is no longer declared", call->writ->task->id);
    return now == call->writ->task ? err_ok() : grant_check(now, call, a, where);
}

bool
decide_observed(const struct snapshot *s, const struct call *call, const struct decision *d)
{
    char today[ENV_TIME_MAX];
    env_time_text(call->now_ms, today);
    today[10] = 0;
    for (size_t i = 0; i < s->estate->n_observes; i++) {
        const struct observe *o = &s->estate->observes[i];
        if (strcmp(today, o->until) > 0)
            continue;
        if ((o->what == OBSERVE_AGENT && strcmp(o->id, call->writ->agent->id) == 0) ||
            (o->what == OBSERVE_DESTINATION && strcmp(o->id, call->destination->id) == 0))
            return true;
        bool all = d->n_policies > 0; /* a policy in observe lifts a refusal only when nothing else refuses */
        for (size_t k = 0; k < d->n_policies && o->what == OBSERVE_POLICY; k++)
            all &= d->policies[k].n == strlen(o->id) && memcmp(d->policies[k].at, o->id, d->policies[k].n) == 0;
        if (o->what == OBSERVE_POLICY && all)
            return true;
    }
    return false;
}

static void
refuse(struct decision *d, struct err e, const struct place *where, const char *what)
{
    d->outcome = OUTCOME_DENY;
    d->n_policies = 0;
    snprintf(d->reason, sizeof d->reason, "%.250s", e.text);
    if (where && where->file)
        snprintf(d->edit, sizeof d->edit, "%s:%d (%s)", where->file, where->line, what);
}

void
decide(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a, struct decision *d)
{
    struct place where = {NULL, 0};
    struct cedar_answer answer;
    d->observed = d->ungranted = false;
    d->n_policies = 0;
    d->edit[0] = 0;
    d->tier = call_tier(call, d->tier_why);
    struct err e = granted(s, call, a, &where);
    if (err_failed(e)) {
        d->ungranted = true;
        refuse(d, e, &where, "grant");
        return;
    }
    e = evaluate(s, call, d->tier, scratch, a, &answer);
    if (err_failed(e)) {
        refuse(d, e, NULL, "");
        return;
    }
    decide_answer(s->estate->policies, &answer, d);
    if (d->outcome != OUTCOME_ALLOW && decide_observed(s, call, d)) {
        d->would = d->outcome;
        d->observed = true;
        d->outcome = OUTCOME_ALLOW;
    }
}

bool
task_covers(const struct task *task, const struct call *call)
{
    for (size_t i = 0; i < task->n_grants; i++)
        if (grant_covers(&task->grants[i], call))
            return true;
    return false;
}
