/*
 * The form of every secret that Writ itself hands out, so that it is recognized wherever it turns up:
 *
 *     writ_KK_ and 38 characters of 0-9 A-Z a-z: 32 random ones (190 bits), then 6 of a checksum (CRC-32 of all that stands before, base 62)
 *
 * KK says what it is: ep, the secret of a private endpoint. The checksum makes a false sighting unlikely (1 in 4 billion) without a look-up.
 */
#ifndef KEYS_OWN_TOKEN_H
#define KEYS_OWN_TOKEN_H

#include "base/env.h"

#define OWN_TOKEN_PREFIX "writ_"
#define OWN_TOKEN_BYTES 46 /* writ_ + kind + _ + 38 */
#define OWN_TOKEN_ENDPOINT "ep"

/* own_token_make(env, kind, out): a new one; ${kind}: two letters. E_SYSTEM without randomness. */
struct err own_token_make(struct env *env, const char *kind, char out[OWN_TOKEN_BYTES + 1]) MUST_USE;
/* own_token_is(text): is all of ${text} a token with a right checksum? Whether it is known to anybody is another question. */
bool own_token_is(struct bytes text);

#endif
