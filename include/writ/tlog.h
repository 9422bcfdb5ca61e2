/*
 * tlog: an append-only Merkle log of leaves (RFC 6962 §2.1 hashing), tree heads as C2SP checkpoints in signed notes, inclusion and
 * consistency proofs. Usable without the rest of Writ; needs libcrypto only.
 *
 * Not thread-safe: one writer owns a log. Readers (verify, scan) open the files on their own.
 */
#ifndef WRIT_TLOG_H
#define WRIT_TLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLOG_HASH 32
#define TLOG_LEAF_MAX 65535 /* C2SP tlog-tiles: an entry's length fits 16 bits */

/* What went wrong; 0 is success. ${text} says it for a person. */
struct tlog_error {
    int code;
    char text[256];
};
enum { TLOG_OK, TLOG_IO, TLOG_FULL, TLOG_TAMPERED, TLOG_FORMAT, TLOG_SIGNER, TLOG_MEMORY, TLOG_LIMIT };

/* Hashing. */
void tlog_leaf_hash(const void *leaf, size_t n, uint8_t out[TLOG_HASH]);
void tlog_node_hash(const uint8_t left[TLOG_HASH], const uint8_t right[TLOG_HASH], uint8_t out[TLOG_HASH]);

/* Proof checking (RFC 9162 §2.1.3.2, §2.1.4.2): pure functions over n hashes. */
bool tlog_check_inclusion(uint64_t index, uint64_t size, const uint8_t leaf[TLOG_HASH], const uint8_t (*path)[TLOG_HASH], size_t n,
                          const uint8_t root[TLOG_HASH]);
bool tlog_check_consistency(uint64_t old_size, const uint8_t old_root[TLOG_HASH], uint64_t size, const uint8_t root[TLOG_HASH],
                            const uint8_t (*path)[TLOG_HASH], size_t n);

/* Outside effects, replaceable by tests. write/sync return 0 or errno; NULL is write(2) and fdatasync(2). sign makes the Ed25519
 * signature of a note text, and returns 0 or errno; without it there are no tree heads. */
struct tlog_io {
    int (*write)(void *ctx, int fd, const void *at, size_t n);
    int (*sync)(void *ctx, int fd);
    int (*sign)(void *ctx, const char *origin, uint64_t size, const uint8_t root[TLOG_HASH], uint8_t sig[64]);
    void *ctx;
};

struct tlog;

/*
 * tlog_open(dir, origin, public_key, io, out): open or create a log in folder ${dir}. ${origin}: its name in checkpoints, no spaces
 * or '+'. ${public_key}: raw Ed25519, 32 bytes. Recovers from a crash: a torn last record that no checkpoint covers is cut off and
 * reported by tlog_recovered; a journal shorter than, or different from, the newest checkpoint is TLOG_TAMPERED and stays untouched.
 */
struct tlog_error tlog_open(const char *dir, const char *origin, const uint8_t public_key[32], const struct tlog_io *io, struct tlog **out);
/* tlog_close: what was not flushed is forgotten. NULL is fine. */
void tlog_close(struct tlog *t);
uint64_t tlog_size(const struct tlog *t);
uint64_t tlog_recovered(const struct tlog *t); /* bytes cut off at open */

/* tlog_append(t, leaf, n, index): into the buffer; not on disk until tlog_flush. */
struct tlog_error tlog_append(struct tlog *t, const void *leaf, size_t n, uint64_t *index);
/* tlog_flush(t, sync): write the buffer; with ${sync} also fdatasync. After an error nothing that was appended counts as recorded. */
struct tlog_error tlog_flush(struct tlog *t, bool sync);
/*
 * tlog_checkpoint(t): flush, sync, sign the present tree head and write it (atomically, and to the history of tree heads). The first
 * one after opening asks the signer even when this head was signed before, so that a signer that remembers a longer log can object.
 */
struct tlog_error tlog_checkpoint(struct tlog *t);

/* Reading what is on disk, while a writer may be appending. */
typedef int tlog_visit(uint64_t index, const void *leaf, size_t n, void *ctx); /* non-zero stops */
struct tlog_error tlog_scan(const char *dir, uint64_t from, tlog_visit *fn, void *ctx);

/* Proofs from a folder, for the tree of ${size} leaves; at most 64 hashes. */
struct tlog_error tlog_prove_inclusion(const char *dir, uint64_t index, uint64_t size, uint8_t path[64][TLOG_HASH], size_t *n);
struct tlog_error tlog_prove_consistency(const char *dir, uint64_t old_size, uint64_t size, uint8_t path[64][TLOG_HASH], size_t *n);

/*
 * tlog_verify(dir, origin, public_key, out): check a folder from its bytes alone: every record's frame and hash, every signed tree head
 * in the history against the tree it claims, each head an extension of the one before, nothing signed missing. ${out} says what was
 * found; when something is wrong, ${record} names the first record that does not fit as narrowly as the evidence allows.
 */
struct tlog_report {
    bool ok;
    uint64_t records, heads, signed_size;
    bool have_record;
    uint64_t record, record_last; /* the damage is in this record, or between these two */
    char text[512];
};
struct tlog_error tlog_verify(const char *dir, const char *origin, const uint8_t public_key[32], struct tlog_report *out);

/* tlog_note(origin, size, root, sig, public_key, out, room): the signed note as text (C2SP signed-note v1); 0 when it does not fit. */
size_t tlog_note(const char *origin, uint64_t size, const uint8_t root[TLOG_HASH], const uint8_t sig[64], const uint8_t public_key[32], char *out,
                 size_t room);
/* tlog_note_check: parse and verify a note; TLOG_FORMAT or TLOG_SIGNER when it is not right. */
struct tlog_error
tlog_note_check(const char *text, size_t n, const char *origin, const uint8_t public_key[32], uint64_t *size, uint8_t root[TLOG_HASH]);

/* tlog_vkey(origin, public_key, out, room): the log's key for other verifiers, "origin+1a2b3c4d+AT…" (C2SP signed-note); 0 when it does
 * not fit. */
size_t tlog_vkey(const char *origin, const uint8_t public_key[32], char *out, size_t room);

#endif
