/*
 * What the signer remembers, in the folder's file `state`: that its keys were made and which they are, the greatest tree head it
 * signed, and which sealed secrets there are. A state that is missing beside other files is an error, never a new beginning.
 */
#ifndef KEYS_STATE_H
#define KEYS_STATE_H

#include "keys/folder.h"
#include "keys/rate.h"

#define STATE_NAME_MAX 64       /* of a secret or destination */
#define STATE_SECRETS_MAX 1024
#define STATE_ORIGIN_MAX 128
#define STATE_AUDIENCE_MAX 48
#define STATE_KEYS 2

struct sealed {
    char name[STATE_NAME_MAX + 1], destination[STATE_NAME_MAX + 1];
    uint64_t sealed_ms, releases;
    uint64_t generation; /* the value lies in the file secret.<name>.<generation> */
    struct rate rate;    /* in memory only */
};

struct state {
    bool made; /* the keys are on disk; until then nothing was ever answered, and they may be made again */
    uint8_t seed[CRYPTO_KEY]; /* of keys_derive: random, so that it outlives a change of the master key */
    char audience[STATE_AUDIENCE_MAX];
    uint8_t public_sha256[STATE_KEYS][32]; /* of the SubjectPublicKeyInfo: another key file of ours cannot take its place */
    char origin[STATE_ORIGIN_MAX + 1];     /* "" before the first tree head */
    uint64_t size;
    uint8_t root[32];
    uint64_t next_generation; /* greater than that of any secret ever recorded */
    struct sealed *secrets;
    size_t n_secrets, cap_secrets;
    bool unsaved; /* release counts that are not on disk yet */
};

/* state_read(b, s): decode; E_KEYS when ${b} is not exactly a state. ${s} needs state_free either way. */
struct err state_read(struct bytes b, struct state *s) MUST_USE;
void state_write(const struct state *s, struct buf *b);
struct err state_load(struct folder *f, struct state *s) MUST_USE; /* E_NOT_FOUND when there is none */
struct err state_save(struct folder *f, struct state *s) MUST_USE;
void state_free(struct state *s);

struct sealed *state_find(const struct state *s, struct bytes name);
/* state_add(s): room for one more secret, zeroed, or NULL: no memory, or STATE_SECRETS_MAX. It counts when n_secrets is raised. */
struct sealed *state_add(struct state *s);
void state_remove(struct state *s, struct sealed *at);
/* state_name_ok(b): 1 to 64 characters of a-z, 0-9, '.', '_' and '-'. */
bool state_name_ok(struct bytes b);

#endif
