/*
 * What the files of this room share. docs/protocol/log.md has the bytes: leaf, said, outbox row.
 */
#ifndef AUDIT_PARTS_H
#define AUDIT_PARTS_H

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <writ/tlog.h>

#include "audit/audit.h"

#define AUDIT_MEMBERS_MAX ((size_t)16 << 10)
#define AUDIT_NAME_MAX 32
#define AUDIT_KEPT_MAX ((size_t)256 << 10) /* of one value in its sealed copy */
#define AUDIT_BOX_MAX ((size_t)3 << 20)    /* AUDIT_SAID values, each escaped to at most twice its length */
#define AUDIT_SALT 32
#define AUDIT_TAG 16
#define AUDIT_SEGMENT_BITS 16              /* one file `said.N` for so many records: N = index >> 16 */

/* leaf.c */

/*
 * audit_leaf(env, key, event, leaf, box): the leaf of ${event} without its closing brace (an outbox number may follow) and the sealed box
 * of what was said, empty when nothing was. Errors: E_LIMIT, E_JSON, E_USAGE for members or names that are not acceptable.
 */
struct err audit_leaf(struct env *env, const uint8_t key[32], const struct audit_event *event, struct buf *leaf, struct buf *box) MUST_USE;
/* audit_leaf_outbox(leaf): the outbox number a leaf ends with, or 0. */
int64_t audit_leaf_outbox(struct bytes leaf);
/* Commitment to a value: SHA-256(salt, value); past AUDIT_KEPT_MAX bytes the rest enters as its own SHA-256 (${rest}). */
bool audit_commit(const uint8_t salt[AUDIT_SALT], struct bytes kept, const uint8_t *rest, uint8_t out[32]);

/* said.c */

/* audit_sha256(parts, n, out): SHA-256 of one text in ${n} parts. False when libcrypto cannot. */
bool audit_sha256(const struct bytes *parts, size_t n, uint8_t out[32]) MUST_USE;
struct err audit_seal(const uint8_t key[32], const uint8_t salt[AUDIT_SALT], struct bytes plain, struct buf *box) MUST_USE;
struct err audit_unseal(const uint8_t key[32], struct bytes box, struct buf *plain) MUST_USE;

/* The newest `said.N` being written. Owned by the thread that writes the log. */
struct said_file {
    struct env *env;
    int dir, fd;
    uint64_t segment;
    struct buf waiting;
    bool unsynced;
};
/* said_open(f, env, dir, size): cut what belongs to records from ${size} on: their leaves never reached the log. */
struct err said_open(struct said_file *f, struct env *env, const char *dir, uint64_t size) MUST_USE;
struct err said_put(struct said_file *f, uint64_t index, struct bytes box) MUST_USE;
struct err said_write(struct said_file *f) MUST_USE;
struct err said_sync(struct said_file *f) MUST_USE;
void said_close(struct said_file *f);
/* said_find(dir, index, box): the box of a record; E_NOT_FOUND when it is not there or was overwritten with zeros. */
struct err said_find(const char *dir, uint64_t index, struct buf *box) MUST_USE;

/* audit.c and outbox.c */

/* One thing for the thread to do: a record, or (drain > 0) the outbox rows up to a number. */
struct item {
    size_t size; /* of all of it, a multiple of ITEM_ALIGN: the next one stands behind */
    audit_done *done;
    void *ctx;
    int64_t drain;
    uint64_t index;
    bool failed; /* with the batch's drain error */
    size_t n_leaf, n_box; /* the bytes of both follow */
};

#define ITEM_ALIGN 16

/* Items one behind another: what goes through here for each call is copied once and costs no allocation. */
struct queue {
    struct buf items;
    size_t count;
    bool urgent;    /* someone waits */
    uint64_t since; /* mono_ns when the first came in */
};

struct audit {
    struct env *env;
    struct audit_config config;
    char *dir, *origin;
    struct keys *keys;
    struct store *store;
    uint8_t key[32]; /* for what was said */
    atomic_bool failed;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of queue and stopping */
    pthread_cond_t wake;
    struct queue queue;
    struct buf spare; /* the room of the batch before */
    bool stopping;
    /* The thread's own from here on. */
    struct tlog *log;
    struct said_file said;
    size_t pending;       /* bytes appended since the last flush */
    uint64_t head_due;    /* mono_ns; 0: every record is under a head */
    int64_t outbox;       /* highest number in the log … */
    uint64_t outbox_index; /* … and the record that has it */
    int64_t outbox_at_open;
    struct err sign_error;
};

/* audit_flush(a): everything appended is on disk. audit_put(a, leaf, box, index): append one record. */
struct err audit_flush(struct audit *a) MUST_USE;
struct err audit_put(struct audit *a, struct bytes leaf, struct bytes box, uint64_t *index) MUST_USE;
struct err audit_log_error(const struct audit *a, struct tlog_error e) MUST_USE;

/* outbox.c */
struct err outbox_load(struct audit *a) MUST_USE;
/* outbox_save(a): remember in the file `outbox` where to look from. It is only a hint, so nothing waits for it and nothing fails by it. */
void outbox_save(struct audit *a);
/* outbox_drain(a): append every row that the log does not have. */
struct err outbox_drain(struct audit *a) MUST_USE;
/* outbox_check_store(a): rows that the store still has and the log has too must be the same. */
struct err outbox_check_store(struct audit *a) MUST_USE;

#endif
