#include "keys/crypto.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

static struct err
failed(const char *what)
{
    return err_make(E_CRYPTO, "%s failed in OpenSSL; is the machine out of memory?", what);
}

struct err
crypto_extract(struct bytes salt, struct bytes secret, uint8_t prk[CRYPTO_KEY])
{
    return HMAC(EVP_sha256(), salt.at, (int)salt.n, secret.at, secret.n, prk, NULL) ? err_ok() : failed("HKDF");
}

struct err
crypto_expand(const uint8_t prk[CRYPTO_KEY], struct bytes info, uint8_t out[CRYPTO_KEY])
{
    uint8_t text[129];
    if (info.n > sizeof text - 1)
        return err_make(E_CRYPTO, "a key label of %zu bytes; at most 128 are possible", info.n);
    memcpy(text, info.at, info.n);
    text[info.n] = 1; /* T(1), the only block that 32 bytes need */
    return HMAC(EVP_sha256(), prk, CRYPTO_KEY, text, info.n + 1, out, NULL) ? err_ok() : failed("HKDF");
}

struct err
crypto_scrypt(struct bytes passphrase, struct bytes salt, uint8_t out[CRYPTO_KEY])
{
    int ok = EVP_PBE_scrypt((const char *)passphrase.at, passphrase.n, salt.at, salt.n, 1 << 15, 8, 1, 64 << 20, out, CRYPTO_KEY);
    return ok == 1 ? err_ok() : failed("scrypt");
}

struct err
crypto_box(const uint8_t key[CRYPTO_KEY], const uint8_t nonce[CRYPTO_NONCE], struct bytes aad, struct bytes plain, uint8_t *to)
{
    int n;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && plain.n <= INT32_MAX && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
              EVP_EncryptUpdate(c, NULL, &n, aad.at, (int)aad.n) == 1 && EVP_EncryptUpdate(c, to, &n, plain.at, (int)plain.n) == 1 &&
              EVP_EncryptFinal_ex(c, to + plain.n, &n) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, CRYPTO_TAG, to + plain.n) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok ? err_ok() : failed("encryption");
}

bool
crypto_unbox(const uint8_t key[CRYPTO_KEY], const uint8_t nonce[CRYPTO_NONCE], struct bytes aad, struct bytes box, uint8_t *to)
{
    if (box.n < CRYPTO_TAG || box.n > INT32_MAX)
        return false;
    int n;
    size_t plain = box.n - CRYPTO_TAG;
    uint8_t tag[CRYPTO_TAG];
    memcpy(tag, box.at + plain, CRYPTO_TAG);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 && EVP_DecryptUpdate(c, NULL, &n, aad.at, (int)aad.n) == 1 &&
              EVP_DecryptUpdate(c, to, &n, box.at, (int)plain) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, CRYPTO_TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(c, to + plain, &n) == 1;
    EVP_CIPHER_CTX_free(c);
    if (!ok)
        bytes_wipe(to, plain); /* what is not authentic is not for anyone's eyes */
    return ok;
}

void
crypto_sha256(struct bytes b, uint8_t out[32])
{
    SHA256(b.at, b.n, out);
}

struct err
crypto_sign_ed25519(EVP_PKEY *key, struct bytes message, uint8_t sig[64])
{
    size_t n = 64;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 && EVP_DigestSign(c, sig, &n, message.at, message.n) == 1 && n == 64;
    EVP_MD_CTX_free(c);
    return ok ? err_ok() : failed("signing");
}

static bool
raw_signature(const uint8_t *der, size_t n, uint8_t sig[64])
{
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool ok = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32;
    ECDSA_SIG_free(s);
    return ok;
}

struct err
crypto_sign_es256(EVP_PKEY *key, struct bytes message, uint8_t sig[64])
{
    uint8_t der[80]; /* a SEQUENCE of two INTEGERs of up to 33 bytes: 72 */
    size_t n = sizeof der;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) == 1 && EVP_DigestSign(c, der, &n, message.at, message.n) == 1 &&
              raw_signature(der, n, sig);
    EVP_MD_CTX_free(c);
    return ok ? err_ok() : failed("signing");
}

struct err
crypto_thumbprint(EVP_PKEY *key, struct buf *to)
{
    uint8_t point[65], digest[32];
    size_t n = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n) != 1 || n != 65 || point[0] != 4)
        return failed("reading a public key");
    struct buf jwk = buf_make(256);
    /* RFC 7638 §3.2: the required members only, in this order, without spaces. */
    buf_puts(&jwk, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
    buf_base64url(&jwk, bytes_make(point + 1, 32));
    buf_puts(&jwk, "\",\"y\":\"");
    buf_base64url(&jwk, bytes_make(point + 33, 32));
    buf_puts(&jwk, "\"}");
    bool ok = !jwk.failed;
    if (ok)
        crypto_sha256(buf_bytes(&jwk), digest);
    buf_free(&jwk);
    if (ok)
        buf_base64url(to, bytes_make(digest, 32));
    return ok && !to->failed ? err_ok() : err_make(E_MEMORY, "no memory for a key's thumbprint");
}
