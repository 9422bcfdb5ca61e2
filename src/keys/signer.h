/* The signer's own state and the handlers of its requests (rows of request.h). One thread; nothing here is shared. */
#ifndef KEYS_SIGNER_H
#define KEYS_SIGNER_H

#include "keys/crypto.h"
#include "keys/folder.h"
#include "keys/keys.h"
#include "keys/request.h"
#include "keys/state.h"

struct signer {
    struct env *env;
    bool asked_to_open, is_open;
    struct folder folder;
    struct state state;
    EVP_PKEY *key[STATE_KEYS]; /* enum keys_key */
    struct buf public_der[STATE_KEYS];
    struct buf token_head; /* base64url of the JWS header, which never changes */
    struct rate rate[KEYS_TABLE_SIZE];
    /* Called when everything is read that lies outside the folder: from then on the process may do no more than it must. */
    struct err (*confine)(int folder_fd);
};

/* The start of a ticket and 26 characters of base32 (env_id). */
#define TICKET_LENGTH 29
#define SECRET_PER_MINUTE 600
#define TOKEN_LIFETIME_MAX 900 /* seconds */
#define TOKEN_CLOCK_SKEW 60    /* seconds that iat may lie off */

#define R(name, number, flags, minute, handler, ...) struct err handler(struct signer *s, const struct bytes *field, struct buf *answer);
KEYS_REQUESTS(R)
#undef R

/* signer_close(s): save what counts, wipe everything. */
void signer_close(struct signer *s);

/* token_head(key, to): the JWS header in base64url. token_check: see keys_sign_token; ${now_s} in seconds. */
struct err token_head(EVP_PKEY *key, struct buf *to) MUST_USE;
struct err token_check(struct bytes claims, const char *audience, int64_t now_s) MUST_USE;
/* client_key_name(name): does it end in ".key"? client_key_check(value): is it what keys.h says of such a secret? */
#define CLIENT_ASSERTION_MAX 300 /* seconds */
bool client_key_name(struct bytes name);
struct err client_key_check(struct bytes value) MUST_USE;
/* sealed_open(s, name, destination, value): the secret, after the checks that releasing it needs, and counted. */
struct err sealed_open(struct signer *s, struct bytes name, struct bytes destination, bool key, struct secret *value) MUST_USE;
/* ticket_ok(b, destination): does it look like the id of a writ, call or lease, or, for what is sealed for a webhook, of an alert? */
bool ticket_ok(struct bytes b, struct bytes destination);

#endif
