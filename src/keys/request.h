/*
 * What may be asked of the signer: this table and nothing else. One row is one request: its number on the wire, when it is permitted,
 * how often, and the bounds of its fields, all of which are checked before its handler runs. docs/protocol/keys.md shows the messages.
 */
#ifndef KEYS_REQUEST_H
#define KEYS_REQUEST_H

#include "base/bytes.h"
#include "base/err.h"

#define KEYS_MESSAGE_MAX 65536 /* bytes of a request or an answer */
#define KEYS_FIELDS_MAX 5
#define KEYS_CLAIMS_MAX 16384
#define KEYS_SECRET_MAX 32768

enum keys_flag {
    KEYS_FIRST = 1, /* permitted once, before the folder is open; everything else only afterwards */
};

/*  request            number  flags       a minute  handler                fields: {least, most} bytes */
#define KEYS_REQUESTS(R)                                                                                                                             \
    R(KEYS_OPEN, 1, KEYS_FIRST, 0, signer_open, {1, 4000}, {1, 1}, {0, 4000}, {0, 1024}) /* folder, source, name, passphrase */                      \
    R(KEYS_PUBLIC, 2, 0, 0, signer_public, {1, 1})                        /* which key */                                                                                   \
    R(KEYS_SIGN_CHECKPOINT, 3, 0, 600000, signer_sign_checkpoint, {1, 128}, {8, 8}, {32, 32})    /* origin, size, root */                               \
    R(KEYS_SIGN_TOKEN, 4, 0, 600000, signer_sign_token, {2, KEYS_CLAIMS_MAX})          /* claims */                                                           \
    R(KEYS_SEAL, 5, 0, 6000, signer_seal, {1, 64}, {1, 64}, {1, KEYS_SECRET_MAX}) /* name, destination, value */                                     \
    R(KEYS_RELEASE, 6, 0, 60000, signer_release, {1, 64}, {1, 64}, {29, 29})    /* name, destination, ticket */                                         \
    R(KEYS_FORGET, 7, 0, 6000, signer_forget, {1, 64})                       /* name */                                                                                    \
    R(KEYS_LIST, 8, 0, 0, signer_list, {8, 8})                        /* from which on */                                                                                   \
    R(KEYS_DERIVE, 9, 0, 0, signer_derive, {1, 32})                       /* label */                                                                                      \
    R(KEYS_SIGN_CLIENT, 10, 0, 6000, signer_sign_client, {1, 64}, {1, 64}, {29, 29}, {2, 4096}) /* name, destination, ticket, claims */              \
    R(KEYS_CLIENT_KEY, 11, 0, 6000, signer_client_key, {1, 64}, {1, 64})    /* name, destination */

enum keys_request_number {
#define R(name, number, flags, minute, handler, ...) name = number,
    KEYS_REQUESTS(R)
#undef R
};

struct signer;
struct request {
    uint8_t number; /* 0: no row of the table */
    unsigned flags;
    uint32_t per_minute;
    const char *name;
    /* Fills ${answer} with fields, or gives an error, which is sent instead. */
    struct err (*handle)(struct signer *s, const struct bytes *field, struct buf *answer);
    struct {
        uint32_t least, most;
    } field[KEYS_FIELDS_MAX]; /* most == 0: no such field */
};
#define KEYS_TABLE_SIZE 16
extern const struct request request_table[KEYS_TABLE_SIZE];

/* A request is four bytes that its answer repeats, the number, and the fields. */
#define KEYS_HEAD 5

/* request_read(message, row, field): decode; E_KEYS when it is not exactly a request of the table. Slices point into ${message}. */
struct err request_read(struct bytes message, const struct request **row, struct bytes field[KEYS_FIELDS_MAX]) MUST_USE;

/* request_answer(s, message, answer): do what ${message} asks if it is permitted; ${answer} is always a whole answer. */
void request_answer(struct signer *s, struct bytes message, struct buf *answer);

#endif
