/*
 * Audit: what happened, in order, so that anyone can check it. Each event is one leaf of the Merkle log: a JSON object with what may be
 * known to every reader (who, what, decision, policies, times) and salted commitments (SHA-256) to what was said (arguments, purpose
 * text); the said itself lies sealed beside the log (AES-256-GCM under a key derived in the signer) and can be deleted on its own.
 *
 * One thread writes (group commit). A decision is on record before its effect: AUDIT_SYNC events call back after fdatasync; others go
 * out with the next flush, at most window_ms later (law 6). When the log fails, every later append fails: nothing takes effect.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"
#include "keys/keys.h"
#include "store/store.h"

struct audit;

struct audit_config {
    const char *dir;    /* folder of the log */
    const char *origin; /* "writ.example/log": name in checkpoints */
    uint64_t window_ms; /* longest time an unsynced record waits; default 100 */
    uint64_t head_ms;   /* a signed tree head at most this long after a record; default 1000 */
    void (*watch)(void *ctx, uint64_t index, struct bytes leaf); /* sees every record as it is written, on the log's thread; or NULL */
    void *watch_ctx;
};

/* audit_open: opens the log, then drains the store's outbox into it (rows the log already has are recognised by their "outbox" number). */
struct err audit_open(struct env *env, const struct audit_config *config, struct keys *keys, struct store *store, struct audit **out) MUST_USE;
/* audit_close(a): flush, sync, last tree head, join the thread. */
void audit_close(struct audit *a);
/* audit_healthy(a): false once writing failed; law 3: then nothing is allowed. Thread-safe, cheap. */
bool audit_healthy(const struct audit *a);

enum audit_kind {
    AUDIT_ESTATE,    /* estate loaded, refused; privilege changes in it */
    AUDIT_WRIT,      /* a writ changed state */
    AUDIT_DECISION,  /* before the effect */
    AUDIT_OUTCOME,   /* after it: status, duration, bytes */
    AUDIT_SECRET,    /* a sealed secret was released */
    AUDIT_PRIVILEGE, /* admin action, observe entered or extended, person or agent state changed */
    AUDIT_REVOCATION,
    AUDIT_SERVER,    /* start, stop, upstream process started or ended */
    AUDIT_PIN,       /* what a server offers is not as it was pinned: held back, let go */
    AUDIT_FINDING,   /* what inspection found in a result, a notification, or of Writ's own tokens anywhere */
    AUDIT_REFUSAL,   /* refused before there was a call to decide */
};
const char *audit_kind_name(enum audit_kind kind);

/* Something said, committed to in the leaf under ${name} and kept sealed. At most AUDIT_SAID of them; each at most 256 KiB (longer is
 * cut in the sealed copy, the commitment covers all of it). */
#define AUDIT_SAID 4
struct audit_said {
    const char *name;
    struct bytes value;
};

struct audit_event {
    enum audit_kind kind;
    /* Members of the leaf as already formatted JSON members without braces: "\"writ\":\"wr_…\",\"decision\":\"allow\"". At most 16 KiB. */
    struct bytes members;
    struct audit_said said[AUDIT_SAID];
    size_t n_said;
};

/*
 * audit_append(a, event, sync, done, ctx): record. With ${sync}, ${done} runs on the audit thread after the record is on disk (or failed).
 * Without, ${done} is NULL and the record is in the journal buffer when this returns. Thread-safe. Errors: E_LOG, E_BUSY, E_LIMIT.
 */
typedef void audit_done(struct err e, uint64_t index, void *ctx);
struct err audit_append(struct audit *a, const struct audit_event *event, bool sync, audit_done *done, void *ctx) MUST_USE;

/*
 * audit_outbox_row(env, event, at, out): format the leaf of ${event} for an outbox row: the state change and its record commit
 * together in the store; ${said} values travel sealed in the same row. audit_drain(a, seq, done, ctx): rows up to ${seq} are to be in the log and
 * on disk before ${done} runs (on the audit thread); it reads them from the store and tells store_outbox_done afterwards.
 */
struct err audit_outbox_row(struct audit *a, const struct audit_event *event, struct arena *arena, struct bytes *row) MUST_USE;
struct err audit_drain(struct audit *a, int64_t seq, audit_done *done, void *ctx) MUST_USE;

/* Leaf, as JSON, in this order: {"v":1,"at":"2026-…Z","kind":"decision", members…, "said":{"arguments":"<hex>"},"outbox":12}. */

/*
 * Reading, for `writ log`: from a folder alone, no server needed. ${filter} members are compared with the leaf's; empty matches all.
 */
struct audit_filter {
    struct bytes kind, writ, agent, call, destination, decision;
    int64_t since_ms, until_ms; /* 0: none */
    uint64_t from;              /* first index */
};
typedef bool audit_visit(uint64_t index, struct bytes leaf, void *ctx); /* false stops */
struct err audit_read(const char *dir, const struct audit_filter *filter, audit_visit *fn, void *ctx) MUST_USE;
/* audit_said(dir, key, index, a, json): what was said in record ${index}, opened with the 32-byte key, as {"arguments":…}, after
 * checking each against its commitment. E_NOT_FOUND when it was deleted; E_TAMPERED when it does not fit. */
struct err audit_said(const char *dir, const uint8_t key[32], uint64_t index, struct arena *a, struct bytes *json) MUST_USE;

#endif
