/*
 * The store: run-time state that must survive (writs, revocations, facts), behind one interface; SQLite now, PostgreSQL later. The
 * store knows no domain word: it keeps records of a kind with an id, a version and a body, and the outbox rows that commit with them.
 *
 * Writes go through one writer thread that commits in batches (each batch one transaction, synced to disk before it is acknowledged).
 * Reads are direct and thread-safe.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"

struct store;

/* store_open(env, url, out): ${url} "sqlite:/path/file.db". Applies migrations; refuses a store of a newer
 * version, one of another program, and one that a process has open already, naming it (E_STORE). The file gets mode 0600. */
struct err store_open(struct env *env, const char *url, struct store **out) MUST_USE;
/* store_close(s): finishes what is queued, then closes. NULL is fine. */
void store_close(struct store *s);

#define STORE_ANY_VERSION (-1)

/*
 * One change; a write holds several (at most 1024, and as many rows), and all commit or none. Bytes are copied. A record begins with
 * version 1 and every change adds 1; after a delete it begins anew.
 */
struct store_put {
    const char *kind; /* at most 32 characters of [a-z_] */
    struct bytes id;         /* 1 to 256 bytes */
    struct bytes body;       /* at most 4 MiB, as is a row; at == NULL: delete */
    int64_t expect_version;  /* the version it must have now: 0 = must not exist, STORE_ANY_VERSION = whatever. Else E_STATE, nothing changed */
};

struct store_write {
    const struct store_put *puts;
    size_t n_puts;
    const struct bytes *outbox; /* rows for the log, in order */
    size_t n_outbox;
};

/*
 * store_commit(s, w, done, ctx): queue a write. ${done} runs on the writer thread after the transaction is on disk or has failed
 * (nothing changed then); it must be quick (loop_post) and must not wait for the store. ${first_seq} is the outbox number of the first row of this write (numbers
 * grow by one and are never used again), or 0. E_BUSY at once when 65,536 writes or 256 MiB of them wait; E_LIMIT for a part that is
 * too large. After a sync that the disk refused every later write is E_STORE until the store is opened anew.
 */
typedef void store_done(struct err e, int64_t first_seq, void *ctx);
struct err store_commit(struct store *s, const struct store_write *w, store_done *done, void *ctx) MUST_USE;
/* store_commit_wait(s, w, first_seq): the same, waiting. For start-up and commands, not for a loop. */
struct err store_commit_wait(struct store *s, const struct store_write *w, int64_t *first_seq) MUST_USE;

/* store_get: body at == NULL and version 0 when there is none. */
struct err store_get(struct store *s, const char *kind, struct bytes id, struct arena *a, struct bytes *body, int64_t *version) MUST_USE;
/* store_scan(s, kind, fn, ctx): every record of a kind in order of id, as of one moment; stops at the first error of ${fn}, which may
 * read the store. Other threads' reads wait meanwhile. */
typedef struct err store_visit(struct bytes id, int64_t version, struct bytes body, void *ctx);
struct err store_scan(struct store *s, const char *kind, store_visit *fn, void *ctx) MUST_USE;

/* store_outbox(s, after, fn, ctx): outbox rows with seq > ${after}, in order. */
typedef struct err store_outbox_visit(int64_t seq, struct bytes row, void *ctx);
struct err store_outbox(struct store *s, int64_t after, store_outbox_visit *fn, void *ctx) MUST_USE;
/* store_outbox_done(s, upto): the log has every row up to and including ${upto} on disk; they may go. Queued; no acknowledgement. */
void store_outbox_done(struct store *s, int64_t upto);

#endif
