/* Inside of src/writ: the table behind the lock. Functions marked (locked) are called with it held. */
#ifndef WRIT_TABLE_H
#define WRIT_TABLE_H

#include <pthread.h>

#include "writ/writ.h"

#define WRIT_BUCKETS 4096
#define WRITS_MAX 100000      /* active and ended ones that are kept in memory */
#define OPEN_PER_AGENT_MAX 1024 /* pending and active writs of one agent */
#define ENDED_KEPT_MS 86400000 /* an ended writ stays in memory for explain a day; the store keeps it */

/* How many writs an agent has open. Kept for each agent that ever had one; agents are few. */
struct tally {
    struct tally *next;
    char agent[65];
    size_t open;
};

struct block {
    struct block *next;
    enum selector selector;
    char id[128];
    char why[160], by[80];
    int64_t since_ms;
    int64_t version;
};

struct revocation {
    struct revocation *next;
    struct writs *writs;
    struct revoked found;
    uint64_t began_ns;
    size_t waiting; /* effects that have not ended yet */
    bool effects_asked, durable, failed, answered;
    struct err error;
    revocation_done *done;
    void *ctx;
    struct timer *overdue;
    char why[160];
    enum selector selector;
    char target[128];
};

struct writs {
    struct writs_config config;
    pthread_mutex_t lock;
    struct writ *buckets[WRIT_BUCKETS];
    size_t n, active;
    struct instance *instances;
    struct tally *tallies;
    struct block *blocks;
    struct revocation *revocations; /* under way; under the lock */
    struct timer *sweep;
};

int64_t writs_now(const struct writs *w);

/* change.c: commit a state change and its record together, then wait for the log (law 6). */
struct change_put {
    const char *kind;
    struct bytes id, body;
    int64_t expect;
};
typedef void change_done(struct err e, void *ctx);
/* ${direct}: call ${done} on the thread that finished; else on the loop's. On an error at once ${done} is not called. */
struct err change_commit(struct writs *w, const struct change_put *puts, size_t n, const struct audit_event *events, size_t n_events, bool direct,
                         change_done *done, void *ctx) MUST_USE;

/* record.c: what the store holds of a writ (locked), and back. */
void writ_record(const struct writ *writ, struct buf *b);
struct err writ_unrecord(struct writs *w, struct estate *estate, struct bytes body, struct writ **out) MUST_USE;
/* writ_leaf(writ, b): members of the log's record of its present state (locked). */
void writ_leaf(const struct writ *writ, struct buf *b);
/* task_fingerprint(task, out): SHA-256 in hex of what the template grants and limits. */
struct err task_fingerprint(const struct task *task, char out[65]) MUST_USE;

/* instance.c (locked) */
struct instance *
instance_get(struct writs *w, const struct agent *agent, const struct process *process, enum proof_strength strength, const char *why);
void instance_drop(struct writs *w, struct instance *instance);

/* writ.c */
bool writ_insert(struct writs *w, struct writ *writ); /* (locked); false: out of memory */
bool writ_set_texts(struct writ *writ, struct bytes on_behalf_of, struct bytes confinement) MUST_USE; /* false: out of memory */
void writ_free(struct writs *w, struct writ *writ);                                               /* (locked) */
bool writ_end_in_memory(struct writs *w, struct writ *writ, enum writ_state state, const char *why, const char *by); /* (locked) */
struct err writ_save_end(struct writs *w, struct writ *writ, bool direct, change_done *done, void *ctx) MUST_USE;
void writ_effects_stop(struct writs *w, struct writ *writ, const char *why, struct revocation *r); /* loop's thread */

/* blocks.c (locked) */
const struct block *block_against(struct writs *w, const struct agent *agent, const struct instance *instance, const char *destination);
struct err blocks_load(struct writs *w) MUST_USE;

#endif
