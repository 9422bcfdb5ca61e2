/*
 * Writs: one task of one instance each; the root of everything handed out. This room owns the table of writs, the instances they belong
 * to, the blocks that revocations leave behind, and the effects under way that a revocation must stop.
 *
 * One lock guards the table (any thread may look and revoke). Effects, and the callbacks of changes, belong to the loop's thread. A
 * change of state is made in memory first when it takes authority away, and last when it gives any (laws 1, 2 and 7): it is then committed
 * to the store together with its record, the record reaches the log, and only then it is acknowledged.
 */
#ifndef WRIT_WRIT_H
#define WRIT_WRIT_H

#include "audit/audit.h"
#include "estate/estate.h"
#include "identity/identity.h"
#include "net/loop.h"
#include "store/store.h"

enum writ_state { WRIT_PENDING, WRIT_ACTIVE, WRIT_FROZEN, WRIT_COMPLETED, WRIT_REVOKED, WRIT_EXPIRED };
extern const char *const writ_state_names[];

/* Where the purpose text came from, and who delivered it (law 12). */
enum purpose_source { PURPOSE_STATED, PURPOSE_DERIVED, PURPOSE_DEFAULT };
enum purpose_by { BY_OPERATOR, BY_AGENT, BY_TEMPLATE };
extern const char *const purpose_source_names[], *const purpose_by_names[];

/* What an instance has touched. It stays with the instance across its writs (design.md section 3). */
struct seen {
    enum sensitivity level;
    bool untrusted; /* content of a destination whose integrity is not trusted */
};

/* One running copy of an agent: the process that proved itself. Shared by its writs. */
struct instance {
    struct instance *next;
    unsigned refs;
    char id[ENV_ID_MAX];
    char agent[65];
    struct process process;
    enum proof_strength strength;
    char why[256]; /* what the proof was */
    struct seen seen;
};

#define WRIT_TURNED_AWAY 12

struct writ {
    struct writ *next; /* in its bucket */
    struct tally *tally; /* of its agent, once it is in the table */
    unsigned refs;
    char id[ENV_ID_MAX];
    struct instance *instance;
    struct estate *opened_under; /* keeps ${task} as it was when the writ was opened: authority never widens */
    const struct agent *agent;
    const struct task *task;
    char task_digest[65]; /* of the template's grants and limits at opening */
    char *purpose;
    enum purpose_source source;
    enum purpose_by by;
    const char *on_behalf_of; /* person, or "" */
    const char *confinement;  /* in words; "" when unconfined */
    bool confined;
    char session[65];   /* client session it was opened for, or "" */
    int64_t opened_ms, expires_ms;
    /* Below: under the lock. */
    enum writ_state state;
    int64_t last_use_ms, ended_ms;
    uint64_t calls, refused;
    char ended_why[160], ended_by[80];
    int64_t version; /* of its record in the store; 0: not there yet */
    bool unsaved;    /* the end is not durable yet: retried until it is */
    struct running *effects; /* loop's thread only */
    uint16_t turned_away[WRIT_TURNED_AWAY]; /* so too: by kind, what the gate refused that was no call (gate/mcp/refusal.h) */
};

struct writs;
struct writs_config {
    struct env *env;
    struct loop *loop;
    struct store *store;
    struct audit *audit;
};

struct err writs_make(const struct writs_config *config, struct writs **out) MUST_USE;
void writs_free(struct writs *w);

/*
 * writs_load(w, estate): what the store holds, at start. Writs whose process is gone, whose time is over, whose template changed or whose
 * agent or task no longer exists are ended with that reason; nothing revoked comes back.
 */
struct err writs_load(struct writs *w, struct estate *estate) MUST_USE;

struct writ_request {
    struct estate *estate;
    const struct agent *agent;
    const struct task *task;
    const struct peer_proof *proof;
    enum proof_strength strength;
    const char *why; /* of the proof */
    struct bytes purpose; /* empty: the template's */
    enum purpose_by by;
    const char *on_behalf_of, *session, *confinement;
    bool confined;
};

/*
 * writ_open(w, r, done, ctx): check and open. ${done} runs on the loop's thread with an active writ (a reference that the callee owns) when it is on
 * disk and in the log, or with the error and NULL. Refusals: E_FORBIDDEN (agent not active, no living owner, task not the agent's, blocked),
 * E_BUSY (the agent, or all of them together, have as many open as may be).
 */
typedef void writ_opened(struct err e, struct writ *writ, void *ctx);
struct err writ_open(struct writs *w, const struct writ_request *r, writ_opened *done, void *ctx) MUST_USE;

/* writ_find(w, id): a reference or NULL. writ_ref, writ_unref. Any thread. */
struct writ *writ_find(struct writs *w, struct bytes id);
struct writ *writ_ref(struct writs *w, struct writ *writ);
void writ_unref(struct writs *w, struct writ *writ);

/* writ_alive(w, writ, estate, e): law 1 for a call about to happen: active, not expired, not blocked, owner living, agent active. */
struct err writ_alive(struct writs *w, struct writ *writ, const struct estate *estate, const char *destination) MUST_USE;
/* writ_count(w, writ, allowed): a call was decided; E_LIMIT when the template's number of calls is used up (then nothing is counted). */
struct err writ_count(struct writs *w, struct writ *writ, bool allowed) MUST_USE;
/* writ_saw(w, writ, destination): what came from there has reached the instance. */
void writ_saw(struct writs *w, struct writ *writ, const struct destination *destination);
/* writ_saw_result(w, writ, level, untrusted): a result of this sensitivity; ${untrusted}: outsiders wrote some of it. */
void writ_saw_result(struct writs *w, struct writ *writ, enum sensitivity level, bool untrusted);
/* writ_saw_data(w, writ, level): data of this sensitivity, wherever it came from, has reached the instance. */
void writ_saw_data(struct writs *w, struct writ *writ, enum sensitivity level);
struct seen writ_seen(struct writs *w, const struct writ *writ);
enum writ_state writ_state(struct writs *w, const struct writ *writ);

/*
 * writ_close(w, writ, state, why, by, done, ctx): end the task (completed or expired) and stop what runs under it. No call can start
 * under it when this returns; ${done} (may be NULL) runs on the loop's thread when the end is durable. Closing a closed writ is fine.
 */
typedef void writ_closed(struct err e, void *ctx);
void writ_close(struct writs *w, struct writ *writ, enum writ_state state, const char *why, const char *by, writ_closed *done, void *ctx);

/* ------------------------------------------------------------------------------------------------------- effects */

/*
 * Something under way that has an effect outside: a call waiting for its answer, an open stream, a server process. Embedded in its
 * owner. ${stop} is called once, on the loop's thread, when a revocation or the end of the writ cuts it; the owner calls running_ended when the effect has
 * really stopped (the connection closed, the process reaped), at once or later.
 */
enum running_kind { RUNNING_CALL, RUNNING_STREAM, RUNNING_PROCESS };
struct running {
    struct running *next, **at;
    struct writ *writ;
    enum running_kind kind;
    char call[ENV_ID_MAX]; /* "" unless it is of one call */
    char destination[65];
    int pid;               /* RUNNING_PROCESS */
    void (*stop)(struct running *e, const char *why);
    void (*hush)(struct running *e, const char *why); /* NULL, or: its agent gets the last byte now; nothing ends yet, stop follows */
    struct revocation *by; /* being stopped by */
    bool stopping;
};
void running_begin(struct writs *w, struct writ *writ, struct running *e);
void running_ended(struct writs *w, struct running *e);

/* --------------------------------------------------------------------------------------------------- revocations */

enum selector { BY_CALL, BY_WRIT, BY_INSTANCE, BY_THE_AGENT, BY_OWNER, BY_DESTINATION, BY_EVERYTHING };
extern const char *const selector_names[];

/* What a revocation found and how long it took; nanoseconds from the moment the request was read. */
struct revoked {
    char id[ENV_ID_MAX];
    size_t writs, calls, streams, processes;
    uint64_t memory_ns; /* until no new call could start */
    uint64_t effect_ns; /* until the last effect stopped; 0 when none ran */
    uint64_t durable_ns; /* until it was on disk and in the log */
    bool confirmed;     /* every effect has ended; else it is still "revoking" and goes on */
};

/*
 * writs_revoke(w, selector, id, why, by, done, ctx): cut now. Agent, owner, instance, destination and everything also leave a block, so that no new writ
 * can be opened until writs_restore lifts it. Any thread; ${done} runs on the loop's thread.
 * E_NOT_FOUND when the selector names nothing known; nothing was changed then.
 */
typedef void revocation_done(struct err e, const struct revoked *r, void *ctx);
struct err
writs_revoke(struct writs *w, enum selector selector, struct bytes id, const char *why, const char *by, revocation_done *done, void *ctx) MUST_USE;
/* writs_restore: lift the block that a revocation left. What it ended stays ended. E_NOT_FOUND when there is none. */
struct err writs_restore(struct writs *w, enum selector selector, struct bytes id, const char *by, writ_closed *done, void *ctx) MUST_USE;

/* ---------------------------------------------------------------------------------------------------------- views */

/* writ_json(w, writ, b): one JSON object for people and programs. writs_json: an array of those that match (agent "" all; ended too?). */
void writ_json(struct writs *w, const struct writ *writ, struct buf *b);
void writs_json(struct writs *w, const char *agent, bool ended, struct buf *b);
/* writs_blocks_json(w, b): array of {selector,id,why,by,since}. */
void writs_blocks_json(struct writs *w, struct buf *b);
size_t writs_active(struct writs *w);
/* writs_blocked(w, agent, …): the block that stands against this, as a sentence, or false. Lock taken inside. */
bool writs_blocked(struct writs *w, const struct agent *agent, const struct instance *instance, const char *destination, char why[256]);
/* writs_sweep(w): end what expired, went idle or lost its process. Called by a timer on the loop's thread. */
void writs_sweep(struct writs *w);

#endif
