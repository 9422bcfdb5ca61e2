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
    struct listing_set **listing; /* listing.c: for each destination and what it offers, the policies that can speak of it */
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

#define CALL_ITEMS_MAX 8 /* pinned templates that one URI may come from; one that more fit is refused */

/* A call of a tool; or the use of a prompt or a resource, whose ${name} is "@prompts" or "@resources" (subject.c fills in what is about it). */
struct call {
    const struct writ *writ;
    const struct destination *destination;
    const struct tool *tool; /* NULL for prompts and resources */
    struct bytes name;
    const struct pinned_extra *items[CALL_ITEMS_MAX]; /* the pinned prompt; the pinned templates that the URI could come from */
    size_t n_items;
    const struct json *arguments; /* typed by the pinned schema, defaults filled in; {name, arguments} or {uri}; NULL: none */
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
    bool ungranted;   /* no grant covers it: a wider task would */
    bool observed;    /* the refusal was only recorded (observe): would_deny, would_ask */
    enum outcome would;
};

/*
 * decide(s, call, scratch, a, d): the decision. Never fails: what goes wrong inside is a deny with its reason. Order: grant and its
 * conditions of the writ as opened and as the template stands now (law 4), then policies. Any thread; ${scratch} is the caller's.
 */
void decide(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a, struct decision *d);

/*
 * decide_listed(s, call, scratch, a): could a call of this tool, prompt or resource be allowed or asked for with *some* arguments, now? What
 * call->arguments has of them is known (NULL: nothing), all others may be anything that the pinned schema and the grant allow. False: no
 * arguments would pass. True: some may; relations between conditions of several policies are not looked at. Any thread; ${call} is of ${s}.
 * decide_usable: the same, but without asking anyone.
 */
bool decide_listed(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a);
bool decide_usable(const struct snapshot *s, const struct call *call, struct cedar_scratch *scratch, struct arena *a);

/*
 * The two halves of a decision on policies alone, for tests of policies and for looking into them: the Cedar requests that a call becomes
 * (E_ARGUMENTS when a number in it has no exact form; memory of ${scratch} and of ${out}), and what an answer of the engine means: outcome,
 * policies, reason and edit of ${d}.
 *
 * A tool's call is one request. A prompt or a resource is asked for as part of all of them ("@prompts": input is {name}, "@resources": {uri})
 * and as each pinned item that it is ("@prompts/NAME": {name, arguments}, "@resources/TEMPLATE": {uri, mime}); what policies say of any of these
 * counts: decide_join puts the answers together, in memory of ${a}.
 */
#define DECISION_ACTION_MAX 256
#define DECISION_REQUESTS (1 + CALL_ITEMS_MAX)
struct decision_requests {
    struct cedar_request at[DECISION_REQUESTS];
    char actions[DECISION_REQUESTS][DECISION_ACTION_MAX];
    size_t n;
};
struct err
decide_requests(const struct call *call, enum tier tier, bool with_input, struct cedar_scratch *scratch, struct decision_requests *out) MUST_USE;
struct err decide_join(const struct cedar_answer *answers, size_t n, struct arena *a, struct cedar_answer *out) MUST_USE;
void decide_answer(const struct cedar_policies *policies, const struct cedar_answer *answer, struct decision *d);

/*
 * subject.c: what a request of a prompt or a resource is about, into name, items and arguments of ${call}, whose destination is set; memory of ${a}.
 * subject_prompt: ${arguments} (NULL: none) as they are to be sent; with ${whole} they are typed by the pin, else they are what is known of them.
 * subject_resource: of this URI, in its one spelling. subject_template: any that a pinned template gives. E_ARGUMENTS says what is wrong;
 * E_NOT_FOUND: the prompt is not pinned.
 */
struct err subject_prompt(struct call *call, struct bytes name, const struct json *arguments, bool whole, struct arena *a) MUST_USE;
struct err subject_resource(struct call *call, struct bytes uri, struct arena *a) MUST_USE;
void subject_template(struct call *call, const struct pinned_extra *template);
/* call_subject(call): what it is called: the tool's name, "@prompts/NAME", "@resources"; memory of the call or the estate. */
struct bytes call_subject(const struct call *call);

/* task_covers(task, call): does the template grant the tool at all, whatever the arguments? */
bool task_covers(const struct task *task, const struct call *call);

/* call_tier(call, why): how much control this call gets (design.md section 1: computed, never declared). */
enum tier call_tier(const struct call *call, char why[160]);

#endif
