/*
 * The signer: a process of its own that holds the signing keys and the sealed secrets, and enforces what it signs and releases
 * (law 10). It has no name in any file system: the only way to it is the socket pair its parent made. docs/protocol/keys.md is the
 * wire format; src/keys/request.h holds the table of permitted requests.
 *
 * Client side: a struct keys is used by any thread (one request at a time, serialised inside; a round trip is some microseconds).
 */
#ifndef KEYS_KEYS_H
#define KEYS_KEYS_H

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"

/* Where the key that encrypts everything at rest comes from. */
struct keys_master {
    enum { KEYS_MASTER_CREDENTIAL, KEYS_MASTER_FILE, KEYS_MASTER_PASSPHRASE } source;
    const char *name; /* credential name below $CREDENTIALS_DIRECTORY, or path of a file (32 bytes or more, mode 0600 or stricter) */
};

struct keys;

/*
 * keys_start(env, dir, master, passphrase, out): start the signer as a child (this same executable, argv "keys" and the socket's
 * number), on the key folder ${dir} (mode 0700; made when it is not there). ${passphrase} (8 bytes or more) only for
 * KEYS_MASTER_PASSPHRASE. On first use it makes the keys. One signer a folder. The child ignores SIGTERM, SIGINT and SIGHUP.
 * Errors: E_KEYS with the reason (wrong master key, folder readable by others, damaged file).
 */
struct err
keys_start(struct env *env, const char *dir, const struct keys_master *master, const struct secret *passphrase, struct keys **out) MUST_USE;
/* keys_stop(k): the signer wipes its memory and ends; it also ends by itself when its parent dies. */
void keys_stop(struct keys *k);
int keys_pid(const struct keys *k);
/* keys_audience(k): this installation's audience, which every token it signs must name ("urn:writ:" and 26 characters); made once. */
const char *keys_audience(const struct keys *k);
/* keys_main(argc, argv): the signer process itself; the cli calls it for the hidden command "keys". Returns the exit code. */
int keys_main(int argc, char **argv);

enum keys_key { KEYS_LOG /* Ed25519: tree heads */, KEYS_TOKEN /* ES256: writ tokens */ };

/* keys_public(k, key, a, spki_der): the public key as DER SubjectPublicKeyInfo. */
struct err keys_public(struct keys *k, enum keys_key key, struct arena *a, struct bytes *spki_der) MUST_USE;

/*
 * keys_sign_checkpoint(k, origin, size, root, sig): sign the tree head (C2SP signed note text "origin\nsize\nroot\n") with
 * KEYS_LOG. The signer remembers, on disk before it answers, the greatest size it signed and its root: a smaller size, or another
 * root for the same size, is refused with E_KEYS. That a bigger tree contains the smaller one is the log's duty; its verifier checks.
 * ${origin} is 1 to 128 bytes without spaces; the first one is the only one from then on. ${sig}: 64 bytes Ed25519.
 */
struct err keys_sign_checkpoint(struct keys *k, struct bytes origin, uint64_t size, const uint8_t root[32], uint8_t sig[64]) MUST_USE;

/*
 * keys_sign_token(k, claims, a, jws): a compact JWS (ES256, typ at+jwt, kid) over the JSON object ${claims}. The signer enforces:
 * aud is exactly its own audience, iat and exp are integers around now, exp - iat <= 900 s, jti and sub present.
 */
struct err keys_sign_token(struct keys *k, struct bytes claims, struct arena *a, struct bytes *jws) MUST_USE;

/*
 * Sealed secrets of destinations, by name ([a-z0-9._-], at most 64 characters). Encrypted at rest (AES-256-GCM, the name as associated
 * data). keys_release gives one only with a ticket: the id of the active lease or call it is for, the destination, and the purpose
 * ("spawn", "header"); the signer counts and rate-limits releases and binds each secret to the destination it was sealed for (sealing
 * again replaces both). Values have 1 to 32768 bytes; at most 1024 secrets. E_NOT_FOUND: no such secret; E_BUSY: more than 600 releases
 * of one within a minute; E_KEYS: everything else that is refused.
 */
struct err keys_seal(struct keys *k, struct bytes name, struct bytes destination, struct bytes value) MUST_USE;
struct err keys_release(struct keys *k, struct bytes name, struct bytes destination, struct bytes ticket, struct secret *out) MUST_USE;
struct err keys_forget(struct keys *k, struct bytes name) MUST_USE;
/* keys_list(k, a, json): JSON array of {name, destination, sealed_at, releases}; never values. */
struct err keys_list(struct keys *k, struct arena *a, struct bytes *json) MUST_USE;

/*
 * Private keys that prove Writ as a client of an authorization server (RFC 7523). A secret whose name ends in ".key" is one: it is sealed
 * as lines that each name an audience (the issuer, https://…), then the key in PEM (P-256, Ed25519, or RSA of 2048 bits and more). It is
 * never released; keys_sign_client makes a JWS with it over the JSON object ${claims}, of which the signer enforces: iss and sub are the
 * same, aud is exactly one of those audiences, jti is there, iat is now, exp at most 300 s behind it.
 */
struct err keys_sign_client(struct keys *k, struct bytes name, struct bytes destination, struct bytes ticket, struct bytes claims, struct arena *a,
                            struct bytes *jws) MUST_USE;
/* keys_client_key(k, name, destination, a, jwk): its public half as a JWK with alg, kid and use, to be registered there. */
struct err keys_client_key(struct keys *k, struct bytes name, struct bytes destination, struct arena *a, struct bytes *jwk) MUST_USE;

/* keys_derive(k, label, out): 32 bytes derived (HKDF-SHA256) for a fixed table of labels ("log-payload", "adopt-backup"); others are refused. */
struct err keys_derive(struct keys *k, const char *label, uint8_t out[32]) MUST_USE;

#endif
