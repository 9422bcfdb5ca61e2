/* The few cryptographic operations the signer is made of, on OpenSSL's EVP. All run in memory: no file, no configuration. */
#ifndef KEYS_CRYPTO_H
#define KEYS_CRYPTO_H

#include <openssl/evp.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

#define CRYPTO_KEY 32   /* AES-256, HKDF output */
#define CRYPTO_NONCE 12 /* NIST SP 800-38D §8.2.2: random, so at most 2^32 boxes a key */
#define CRYPTO_TAG 16

/* crypto_extract(salt, secret, prk): HKDF-Extract with SHA-256 (RFC 5869 §2.2). */
struct err crypto_extract(struct bytes salt, struct bytes secret, uint8_t prk[CRYPTO_KEY]) MUST_USE;
/* crypto_expand(prk, info, out): HKDF-Expand with SHA-256 to 32 bytes (RFC 5869 §2.3); ${info} has at most 128 bytes. */
struct err crypto_expand(const uint8_t prk[CRYPTO_KEY], struct bytes info, uint8_t out[CRYPTO_KEY]) MUST_USE;
/* crypto_scrypt(passphrase, salt, out): RFC 7914 with N = 2^15, r = 8, p = 1 (32 MiB). */
struct err crypto_scrypt(struct bytes passphrase, struct bytes salt, uint8_t out[CRYPTO_KEY]) MUST_USE;

/* AES-256-GCM. ${to} has room for plain.n + CRYPTO_TAG bytes, or for box.n - CRYPTO_TAG. crypto_unbox: false when it is not authentic. */
struct err crypto_box(const uint8_t key[CRYPTO_KEY], const uint8_t nonce[CRYPTO_NONCE], struct bytes aad, struct bytes plain, uint8_t *to) MUST_USE;
bool crypto_unbox(const uint8_t key[CRYPTO_KEY], const uint8_t nonce[CRYPTO_NONCE], struct bytes aad, struct bytes box, uint8_t *to) MUST_USE;

void crypto_sha256(struct bytes b, uint8_t out[32]);

/* crypto_sign_ed25519: RFC 8032. crypto_sign_es256: r and s, 32 bytes each (RFC 7518 §3.4). */
struct err crypto_sign_ed25519(EVP_PKEY *key, struct bytes message, uint8_t sig[64]) MUST_USE;
struct err crypto_sign_es256(EVP_PKEY *key, struct bytes message, uint8_t sig[64]) MUST_USE;
/* crypto_thumbprint(key, to): the JWK thumbprint (RFC 7638) of a P-256 key, base64url, added to ${to}. */
struct err crypto_thumbprint(EVP_PKEY *key, struct buf *to) MUST_USE;

#endif
