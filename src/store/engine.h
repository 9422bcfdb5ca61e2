/*
 * What an engine of the store does (internal to src/store). The writer thread alone calls begin, apply, trim, commit and rollback;
 * get, scan and outbox are called from any thread, also while a batch is open, and see only what was committed.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "store/store.h"

struct store_engine {
    const char *scheme; /* of the URL, with its colon */
    struct err (*open)(struct env *env, const char *where, void **db);
    void (*close)(void *db);

    struct err (*begin)(void *db);
    /* E_STATE: an expectation did not hold; this write alone is undone and the batch goes on. Any other error: roll the batch back. */
    struct err (*apply)(void *db, const struct store_write *w, int64_t *first_seq);
    struct err (*trim)(void *db, int64_t upto);
    struct err (*commit)(void *db); /* returns with the batch on disk, or failed with nothing of it kept */
    void (*rollback)(void *db);

    struct err (*get)(void *db, const char *kind, struct bytes id, struct arena *a, struct bytes *body, int64_t *version);
    struct err (*scan)(void *db, const char *kind, store_visit *fn, void *ctx);
    struct err (*outbox)(void *db, int64_t after, store_outbox_visit *fn, void *ctx);
};

extern const struct store_engine store_sqlite;

#endif
