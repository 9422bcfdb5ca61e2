/* Private keys that prove Writ as a client of an authorization server (RFC 7523): they sign assertions in here and never leave. */
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include "base/json.h"
#include "keys/signer.h"
#include "keys/wire.h"

#define AUDIENCES_MAX 8
#define RSA_BITS_LEAST 2048
#define RSA_BITS_MOST 8192

enum algorithm { ALG_ES256, ALG_EDDSA, ALG_RS256 };
static const char *const algorithms[] = {"ES256", "EdDSA", "RS256"};

struct client_key {
    EVP_PKEY *key;
    enum algorithm algorithm;
    struct bytes audience[AUDIENCES_MAX]; /* of the sealed value */
    size_t n_audiences;
};

bool
client_key_name(struct bytes name)
{
    return bytes_ends(name, BYTES(".key"));
}

static struct err
algorithm_of(EVP_PKEY *key, enum algorithm *out)
{
    char group[32] = "";
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "ED25519"))
        *out = ALG_EDDSA;
    else if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 && strcmp(group, "prime256v1") == 0)
        *out = ALG_ES256;
    else if (EVP_PKEY_is_a(key, "RSA") && bits >= RSA_BITS_LEAST && bits <= RSA_BITS_MOST)
        *out = ALG_RS256;
    else
        return err_make(E_KEYS, "the private key must be P-256, Ed25519, or RSA of %d to %d bits", RSA_BITS_LEAST, RSA_BITS_MOST);
    return err_ok();
}

static bool
audience_ok(struct bytes line)
{
    if (line.n > 512 || !(bytes_starts(line, BYTES("https://")) || bytes_starts(line, BYTES("http://127.0.0.1")) ||
                          bytes_starts(line, BYTES("http://localhost")) || bytes_starts(line, BYTES("http://[::1]"))))
        return false;
    for (size_t i = 0; i < line.n; i++)
        if (line.at[i] <= ' ' || line.at[i] >= 0x7f || line.at[i] == '"' || line.at[i] == '\\')
            return false;
    return true;
}

static EVP_PKEY *
read_pem(struct bytes pem)
{
    BIO *in = BIO_new_mem_buf(pem.at, (int)pem.n);
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, (void *)(uintptr_t)"") : NULL; /* an encrypted one is no use here */
    BIO_free(in);
    return key;
}

/* "https://as.example\n-----BEGIN PRIVATE KEY-----…". ${out}->key is to be freed. */
static struct err
open_key(struct bytes value, struct client_key *out)
{
    struct bytes rest = value;
    *out = (struct client_key){0};
    while (rest.n && !bytes_starts(rest, BYTES("-----BEGIN "))) {
        struct bytes line = bytes_split(&rest, '\n');
        if (out->n_audiences == AUDIENCES_MAX || !audience_ok(line))
            return err_make(E_KEYS, "before the key stand 1 to %d lines, each an issuer it may be used at (https://…)", AUDIENCES_MAX);
        out->audience[out->n_audiences++] = line;
    }
    if (out->n_audiences == 0)
        return err_make(E_KEYS, "a private key is sealed for an issuer: writ destination seal … --audience https://…");
    out->key = read_pem(rest);
    if (out->key == NULL)
        return err_make(E_KEYS, "this is no private key in PEM without a passphrase");
    struct err e = algorithm_of(out->key, &out->algorithm);
    if (err_failed(e))
        EVP_PKEY_free(out->key);
    return e;
}

struct err
client_key_check(struct bytes value)
{
    struct client_key k;
    TRY(open_key(value, &k));
    EVP_PKEY_free(k.key);
    return err_ok();
}

/* ---- the public half ---- */

static void
put_number(struct buf *b, EVP_PKEY *key, const char *member, const char *param, size_t width)
{
    BIGNUM *n = NULL;
    uint8_t bytes[RSA_BITS_MOST / 8];
    if (EVP_PKEY_get_bn_param(key, param, &n) != 1 || BN_num_bytes(n) > (int)sizeof bytes) {
        b->failed = true;
    } else {
        size_t len = width ? width : (size_t)BN_num_bytes(n);
        if (BN_bn2binpad(n, bytes, (int)len) != (int)len)
            b->failed = true;
        json_key(b, member);
        buf_putc(b, '"');
        buf_base64url(b, bytes_make(bytes, len));
        buf_putc(b, '"');
    }
    BN_free(n);
}

/* The members that RFC 7638 hashes, in its order. */
static void
put_members(struct buf *b, const struct client_key *k)
{
    uint8_t raw[32];
    size_t n = sizeof raw;
    switch (k->algorithm) {
    case ALG_ES256:
        json_member_str(b, "crv", "P-256");
        json_member_str(b, "kty", "EC");
        put_number(b, k->key, "x", OSSL_PKEY_PARAM_EC_PUB_X, 32);
        put_number(b, k->key, "y", OSSL_PKEY_PARAM_EC_PUB_Y, 32);
        return;
    case ALG_EDDSA:
        b->failed |= EVP_PKEY_get_raw_public_key(k->key, raw, &n) != 1;
        json_member_str(b, "crv", "Ed25519");
        json_member_str(b, "kty", "OKP");
        json_key(b, "x");
        buf_putc(b, '"');
        buf_base64url(b, bytes_make(raw, n));
        buf_putc(b, '"');
        return;
    case ALG_RS256:
        put_number(b, k->key, "e", OSSL_PKEY_PARAM_RSA_E, 0);
        json_member_str(b, "kty", "RSA");
        put_number(b, k->key, "n", OSSL_PKEY_PARAM_RSA_N, 0);
        return;
    }
}

static void
put_kid(struct buf *b, const struct client_key *k)
{
    struct buf members = buf_make(4096);
    uint8_t digest[32];
    json_open(&members, '{');
    put_members(&members, k);
    json_close(&members, '}');
    crypto_sha256(buf_bytes(&members), digest);
    b->failed |= members.failed;
    buf_free(&members);
    buf_base64url(b, bytes_make(digest, sizeof digest));
}

struct err
signer_client_key(struct signer *s, const struct bytes *field, struct buf *answer)
{
    struct secret value;
    struct client_key k;
    TRY(sealed_open(s, field[0], field[1], true, &value));
    struct err e = open_key(bytes_make(value.at, value.n), &k);
    if (!err_failed(e)) {
        struct buf b = buf_make(8192);
        json_open(&b, '{');
        put_members(&b, &k);
        json_key(&b, "kid");
        buf_putc(&b, '"');
        put_kid(&b, &k);
        buf_putc(&b, '"');
        json_member_str(&b, "use", "sig");
        json_member_str(&b, "alg", algorithms[k.algorithm]);
        json_close(&b, '}');
        wire_put(answer, buf_bytes(&b));
        if (b.failed)
            e = err_make(E_CRYPTO, "the public half of %.*s cannot be written", BYTES_ARG(field[0]));
        buf_free(&b);
        EVP_PKEY_free(k.key);
    }
    secret_free(&value);
    return e;
}

/* ---- signing ---- */

static struct err
refuse(const char *why)
{
    return err_make(E_KEYS, "the signer refused a client assertion: %s", why);
}

static struct err
check_times(const struct json *claims, int64_t now_s)
{
    const struct json *iat = json_get(claims, "iat"), *exp = json_get(claims, "exp");
    if (!json_is(iat, JSON_INT) || !json_is(exp, JSON_INT))
        return refuse("iat and exp must be integers");
    if (iat->number < now_s - TOKEN_CLOCK_SKEW || iat->number > now_s + TOKEN_CLOCK_SKEW)
        return refuse("iat is not now");
    if (exp->number <= now_s || exp->number > iat->number + CLIENT_ASSERTION_MAX)
        return refuse("exp must lie ahead, at most 300 seconds behind iat");
    return err_ok();
}

static struct err
check_claims(const struct json *claims, const struct client_key *k, int64_t now_s)
{
    struct bytes iss = json_text(claims, "iss"), aud = json_text(claims, "aud");
    bool known = false;
    if (!json_is(claims, JSON_OBJECT) || iss.n == 0 || !bytes_eq(iss, json_text(claims, "sub")) || json_text(claims, "jti").n == 0)
        return refuse("iss and sub must be the same, and jti must be there");
    for (size_t i = 0; i < k->n_audiences; i++)
        known |= aud.n && bytes_eq(aud, k->audience[i]);
    if (!known)
        return refuse("aud is no issuer that this key was sealed for");
    return check_times(claims, now_s);
}

static struct err
sign_rs256(EVP_PKEY *key, struct bytes message, struct buf *sig)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t n = RSA_BITS_MOST / 8;
    uint8_t *to = buf_room(sig, n);
    bool ok = c && to && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) == 1 && EVP_DigestSign(c, to, &n, message.at, message.n) == 1;
    EVP_MD_CTX_free(c);
    sig->n += ok ? n : 0;
    return ok ? err_ok() : err_make(E_CRYPTO, "a client assertion cannot be signed");
}

static struct err
sign(const struct client_key *k, struct bytes message, struct buf *sig)
{
    if (k->algorithm == ALG_RS256)
        return sign_rs256(k->key, message, sig);
    uint8_t *to = buf_room(sig, 64);
    if (to == NULL)
        return err_make(E_MEMORY, "no memory for a signature");
    sig->n += 64;
    return k->algorithm == ALG_ES256 ? crypto_sign_es256(k->key, message, to) : crypto_sign_ed25519(k->key, message, to);
}

static struct err
make_jws(const struct client_key *k, struct bytes claims, struct buf *answer)
{
    struct buf head = buf_make(512), jws = buf_make(16384), sig = buf_make(2048);
    buf_printf(&head, "{\"alg\":\"%s\",\"kid\":\"", algorithms[k->algorithm]);
    put_kid(&head, k);
    buf_puts(&head, "\",\"typ\":\"JWT\"}");
    buf_base64url(&jws, buf_bytes(&head));
    buf_putc(&jws, '.');
    buf_base64url(&jws, claims);
    struct err e = head.failed || jws.failed ? err_make(E_MEMORY, "no memory for a client assertion") : sign(k, buf_bytes(&jws), &sig);
    if (!err_failed(e)) {
        buf_putc(&jws, '.');
        buf_base64url(&jws, buf_bytes(&sig));
        wire_put(answer, buf_bytes(&jws));
        if (jws.failed)
            e = err_make(E_MEMORY, "no memory for a client assertion");
    }
    buf_free(&head), buf_free(&jws), buf_free(&sig);
    return e;
}

static struct err
check_and_sign(struct signer *s, const struct client_key *k, struct bytes claims, struct buf *answer)
{
    static const struct json_limits limits = {.bytes = 4096, .depth = 4, .nodes = 100};
    struct arena a = {.max = (size_t)1 << 18};
    struct json *tree = NULL;
    struct err e = json_parse(&a, claims, &limits, &tree);
    e = err_failed(e) ? refuse(e.text) : check_claims(tree, k, s->env->now_ms(s->env) / 1000);
    arena_free(&a);
    return err_failed(e) ? e : make_jws(k, claims, answer);
}

struct err
signer_sign_client(struct signer *s, const struct bytes *field, struct buf *answer)
{
    struct secret value;
    struct client_key k;
    if (!ticket_ok(field[2], field[1]))
        return err_make(E_KEYS, "a client assertion is signed for a writ, a call or a lease only");
    TRY(sealed_open(s, field[0], field[1], true, &value));
    struct err e = open_key(bytes_make(value.at, value.n), &k);
    if (!err_failed(e)) {
        e = check_and_sign(s, &k, field[3], answer);
        EVP_PKEY_free(k.key);
    }
    secret_free(&value);
    return e;
}
