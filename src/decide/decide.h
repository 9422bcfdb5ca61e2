/*
 * Decide: from a call to one of five decisions. Builds the Cedar request, evaluates, and turns satisfied permits, forbids and errors into
 * an outcome (design.md section 3). Knows no protocol.
 *
 * A snapshot is everything a decision needs of the estate, immutable and reference-counted; reloading makes a new one.
 */
#ifndef DECIDE_DECIDE_H
#define DECIDE_DECIDE_H

#include "estate/estate.h"
#include "writ/writ.h"

struct snapshot {
    int refs;
    struct estate *estate;
    struct cedar_entities *entities;
    struct cedar_engine *engine; /* the estate's policies, compiled with its entities */
    struct cedar_policies ***listing; /* listing.c: for each destination and tool those that can speak of it */
};

/* The built-in policies' text (src/decide/builtin.cedar), embedded. */
struct bytes decide_builtin(void);

/* snapshot_make(estate, out): takes its own reference of ${estate}. */
struct err snapshot_make(struct estate *estate, struct snapshot **out) MUST_USE;
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);

enum outcome { OUTCOME_ALLOW, OUTCOME_DENY, OUTCOME_MODIFY, OUTCOME_STEP_UP, OUTCOME_DEFER };
extern const char *const outcome_names[];
enum tier { TIER_LIGHT, TIER_STANDARD, TIER_HIGH };
extern const char *const tier_names[];

struct call {
    const struct writ *writ;
    const struct destination *destination;
    const struct tool *tool; /* NULL for the gate's own: ${name} "@resources" or "@prompts" */
    struct bytes name;
    const struct json *arguments; /* typed by the pinned schema, defaults filled in; NULL: none */
    struct seen seen;
    int64_t now_ms;
    uint64_t calls; /* allowed under the writ so far */
    const char *const *found; /* what inspection saw in the arguments: classes, rules, "secret"; NULL-terminated, or NULL */
};

#define DECISION_POLICIES 16
struct decision {
    enum outcome outcome;
    enum tier tier;
    char tier_why[160];
    struct cedar_str policies[DECISION_POLICIES]; /* ids of those that determined it; memory of the snapshot */
    size_t n_policies;
    char reason[256]; /* a sentence for a person */
    char edit[256];   /* when the answer is no: the one thing to edit, "tasks/pay.yaml:12 (grant)" */
    bool observed;    /* the refusal was only recorded (observe): would_deny, would_ask */
    enum outcome would;
};

/*
 * decide(s, call, scratch, a, d): the decision. Never fails: what goes wrong inside is a deny with its reason. Order: grant and its
 * conditions of the writ as opened and as the template stands now (law 4), then policies. Any thread; ${scratch} is the caller's.
 */
void decide(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a, struct decision *d);

/*
 * decide_listed(s, call, scratch, a): could a call of this tool (or of "@resources", "@prompts") be allowed or asked for with *some* arguments, now?
 * What call->arguments has of them is known (NULL: nothing), all others may be anything that the pinned schema and the grant allow. False: no
 * arguments would pass. True: some may; relations between conditions of several policies are not looked at. Any thread; ${call} is of ${s}.
 */
bool decide_listed(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a);

/*
 * The two halves of a decision on policies alone, for tests of policies and for looking into them: the Cedar request that a call becomes
 * (E_ARGUMENTS when a number in it has no exact form; memory of ${scratch}, and ${action} must live as long), and what an answer of the
 * engine means: outcome, policies, reason and edit of ${d}.
 */
#define DECISION_ACTION_MAX 256
struct err decide_request(const struct call *call, enum tier tier, bool with_input, struct cedar_scratch *scratch, char action[DECISION_ACTION_MAX],
                          struct cedar_request *out) MUST_USE;
void decide_answer(const struct cedar_policies *policies, const struct cedar_answer *answer, struct decision *d);

/* task_covers(task, call): does the template grant the tool at all, whatever the arguments? */
bool task_covers(const struct task *task, const struct call *call);

/* call_tier(call, why): how much control this call gets (design.md section 1: computed, never declared). */
enum tier call_tier(const struct call *call, char why[160]);

#endif
