/*
 * What a member hands to the client to be brought back (requestState of 2026-07-28) goes out sealed: only the member that gave it, for the
 * same writ and the same request, gets it again, and only for an hour. AES-256-GCM under a key that lives as long as the process.
 */
#include <openssl/evp.h>

#include "gate/mcp/hub.h"

#define NONCE 12 /* NIST SP 800-38D §8.2.2: random, so at most 2^32 seals a key */
#define TAG 16
#define STAMP 8
#define LIFETIME_MS (60 * 60 * 1000)
#define HEAD "w1."

static void
put_bound(struct buf *b, const struct hub_bound *to)
{
    struct bytes parts[] = {bytes_str(to->writ), bytes_str(to->destination), to->method, to->name};
    buf_puts(b, "writ request state");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buf_printf(b, ":%zu:", parts[i].n); /* lengths first: no two lists of parts read alike */
        buf_put(b, parts[i]);
    }
}

static bool
encrypt(const uint8_t *key, const uint8_t *nonce, struct bytes aad, struct bytes plain, uint8_t *to)
{
    int n;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 && EVP_EncryptUpdate(c, NULL, &n, aad.at, (int)aad.n) == 1 &&
              EVP_EncryptUpdate(c, to, &n, plain.at, (int)plain.n) == 1 && EVP_EncryptFinal_ex(c, to + plain.n, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, to + plain.n) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

static bool
decrypt(const uint8_t *key, const uint8_t *nonce, struct bytes aad, struct bytes box, uint8_t *to)
{
    int n;
    uint8_t tag[TAG];
    size_t plain = box.n - TAG;
    memcpy(tag, box.at + plain, TAG);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 && EVP_DecryptUpdate(c, NULL, &n, aad.at, (int)aad.n) == 1 &&
              EVP_DecryptUpdate(c, to, &n, box.at, (int)plain) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(c, to + plain, &n) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

struct err
hub_seal(struct env *env, struct hub_key *key, const struct hub_bound *to, struct bytes state, struct buf *out)
{
    if (!key->made && !env->random(env, key->at, sizeof key->at))
        return err_system("random bytes");
    key->made = true;
    struct buf aad = buf_make(MESSAGE_MAX), plain = buf_make(MESSAGE_MAX), box = buf_make(MESSAGE_MAX + 64);
    int64_t now = env->now_ms(env);
    put_bound(&aad, to);
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_putc(&plain, (uint8_t)((uint64_t)now >> shift));
    buf_put(&plain, state);
    uint8_t *room = buf_room(&box, NONCE + plain.n + TAG);
    bool ok = !aad.failed && !plain.failed && room && env->random(env, room, NONCE) &&
              encrypt(key->at, room, buf_bytes(&aad), buf_bytes(&plain), room + NONCE);
    if (ok) {
        box.n += NONCE + plain.n + TAG;
        buf_puts(out, HEAD);
        buf_base64url(out, buf_bytes(&box));
    }
    buf_free(&aad);
    buf_free(&plain);
    buf_free(&box);
    return ok ? err_ok() : err_make(E_LIMIT, "the server's requestState cannot be sealed");
}

bool
hub_unseal(struct env *env, const struct hub_key *key, const struct hub_bound *to, struct bytes sealed, struct buf *out)
{
    struct bytes head = BYTES(HEAD);
    struct buf aad = buf_make(MESSAGE_MAX), box = buf_make(MESSAGE_MAX), plain = buf_make(MESSAGE_MAX);
    size_t n = 0;
    uint8_t *room = key->made && bytes_starts(sealed, head) ? buf_room(&box, sealed.n) : NULL, *to_plain = NULL;
    bool ok = room && bytes_unbase64url(bytes_sub(sealed, head.n, sealed.n), room, &n) && n >= NONCE + STAMP + TAG;
    put_bound(&aad, to);
    if (ok && !aad.failed)
        to_plain = buf_room(&plain, n);
    ok = to_plain && decrypt(key->at, room, buf_bytes(&aad), bytes_make(room + NONCE, n - NONCE), to_plain);
    int64_t made = 0;
    for (size_t i = 0; ok && i < STAMP; i++)
        made = (int64_t)((uint64_t)made << 8 | to_plain[i]);
    ok = ok && env->now_ms(env) - made < LIFETIME_MS;
    if (ok)
        buf_put(out, bytes_make(to_plain + STAMP, n - NONCE - STAMP - TAG));
    buf_free(&aad);
    buf_free(&box);
    buf_free(&plain);
    return ok;
}
