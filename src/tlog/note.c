/* Tree heads as text: C2SP tlog-checkpoint in a C2SP signed-note v1 with one Ed25519 signature by the log itself. */
#include "tlog/parts.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ALGORITHM_ED25519 1
#define SIGNATURE_BYTES (4 + 64) /* key id and signature */
#define SIGNATURE_TEXT 92        /* their base64 */
#define SIGNATURES_MAX 64        /* signed-note: at least 16 must be taken */
#define DASH "\xe2\x80\x94 "     /* U+2014 and a space begin a signature line */

struct tlog_error
tlog_fail(int code, const char *fmt, ...)
{
    struct tlog_error e;
    va_list args;
    va_start(args, fmt);
    vsnprintf(e.text, sizeof e.text, fmt, args);
    va_end(args);
    e.code = code;
    return e;
}

/* The name is a line of the note and a word of its signature line; a '+' would end it in a verifier key. */
struct tlog_error
tlog_origin_check(const char *origin)
{
    size_t n = strlen(origin);
    if (strspn(origin, "0123456789") == n) /* it could be taken for the line with the size */
        return tlog_fail(TLOG_FORMAT, "the log's origin '%.80s' must be more than digits, such as \"example.com/log\"", origin);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)origin[i] <= ' ' || (unsigned char)origin[i] > '~' || origin[i] == '+')
            return tlog_fail(TLOG_FORMAT, "the log's origin '%.80s' may hold printable ASCII without spaces and '+' only", origin);
    if (n > TLOG_ORIGIN_MAX)
        return tlog_fail(TLOG_FORMAT, "the log's origin must have at most %d characters", TLOG_ORIGIN_MAX);
    return tlog_ok();
}

static bool
key_id(const char *name, const uint8_t public_key[32], uint8_t out[4])
{
    uint8_t text[TLOG_ORIGIN_MAX + 2 + 32], digest[TLOG_HASH];
    size_t n = strlen(name);
    if (n > TLOG_ORIGIN_MAX)
        return false;
    memcpy(text, name, n);
    text[n] = '\n';
    text[n + 1] = ALGORITHM_ED25519;
    memcpy(text + n + 2, public_key, 32);
    if (!EVP_Digest(text, n + 34, digest, NULL, EVP_sha256(), NULL))
        return false;
    memcpy(out, digest, 4);
    return true;
}

static void
base64(const uint8_t *at, size_t n, char *out)
{
    EVP_EncodeBlock((unsigned char *)out, at, (int)n);
}

/* Exactly the canonical base64 of ${n} bytes: libcrypto's reader is lenient, so what it read is written again and compared. */
static bool
unbase64(const char *text, size_t length, uint8_t *out, size_t n)
{
    uint8_t bytes[SIGNATURE_TEXT];
    char again[SIGNATURE_TEXT + 1];
    if (length != (n + 2) / 3 * 4 || length > SIGNATURE_TEXT || EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length) < (int)n)
        return false;
    base64(bytes, n, again);
    if (memcmp(again, text, length) != 0)
        return false;
    memcpy(out, bytes, n);
    return true;
}

static size_t
head_text(const char *origin, uint64_t size, const uint8_t root[TLOG_HASH], char *out, size_t room)
{
    char hash[45];
    base64(root, TLOG_HASH, hash);
    int n = snprintf(out, room, "%s\n%llu\n%s\n", origin, (unsigned long long)size, hash);
    return n < 0 || (size_t)n >= room ? 0 : (size_t)n;
}

size_t
tlog_note(const char *origin, uint64_t size, const uint8_t root[TLOG_HASH], const uint8_t sig[64], const uint8_t public_key[32], char *out,
          size_t room)
{
    uint8_t signature[SIGNATURE_BYTES];
    char text[SIGNATURE_TEXT + 1];
    size_t n = head_text(origin, size, root, out, room);
    if (n == 0 || !key_id(origin, public_key, signature))
        return 0;
    memcpy(signature + 4, sig, 64);
    base64(signature, sizeof signature, text);
    int more = snprintf(out + n, room - n, "\n" DASH "%s %s\n", origin, text);
    return more < 0 || (size_t)more >= room - n ? 0 : n + (size_t)more;
}

size_t
tlog_vkey(const char *origin, const uint8_t public_key[32], char *out, size_t room)
{
    uint8_t id[4], key[33] = {ALGORITHM_ED25519};
    char text[45];
    if (!key_id(origin, public_key, id))
        return 0;
    memcpy(key + 1, public_key, 32);
    base64(key, sizeof key, text);
    int n = snprintf(out, room, "%s+%02x%02x%02x%02x+%s", origin, id[0], id[1], id[2], id[3], text);
    return n < 0 || (size_t)n >= room ? 0 : (size_t)n;
}

static bool
signed_by(const uint8_t public_key[32], const void *text, size_t n, const uint8_t sig[64])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = key != NULL && c != NULL && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 && EVP_DigestVerify(c, sig, 64, text, n) == 1;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    return ok;
}

struct line {
    const char *at;
    size_t n;
};

static bool
next_line(const char **at, const char *end, struct line *out)
{
    const char *stop = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    if (stop == NULL)
        return false;
    *out = (struct line){*at, (size_t)(stop - *at)};
    *at = stop + 1;
    return true;
}

static bool
decimal(struct line l, uint64_t *out)
{
    *out = 0;
    if (l.n == 0 || l.n > 20 || (l.n > 1 && l.at[0] == '0'))
        return false;
    for (size_t i = 0; i < l.n; i++)
        if (l.at[i] < '0' || l.at[i] > '9' || __builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (uint64_t)(l.at[i] - '0'), out))
            return false;
    return true;
}

static bool
line_is(struct line l, const char *text)
{
    return l.n == strlen(text) && memcmp(l.at, text, l.n) == 0;
}

/* "— name base64": is it well formed, and is it by our key? */
static bool
signature_line(struct line l, const char *origin, const uint8_t id[4], bool *ours, uint8_t sig[64])
{
    size_t name = strlen(origin), dash = strlen(DASH);
    uint8_t bytes[SIGNATURE_BYTES];
    if (l.n <= dash || memcmp(l.at, DASH, dash) != 0 || memchr(l.at + dash, ' ', l.n - dash) == NULL)
        return false;
    l.at += dash;
    l.n -= dash;
    *ours = l.n == name + 1 + SIGNATURE_TEXT && memcmp(l.at, origin, name) == 0 && l.at[name] == ' ' &&
            unbase64(l.at + name + 1, SIGNATURE_TEXT, bytes, sizeof bytes) && memcmp(bytes, id, 4) == 0;
    if (*ours)
        memcpy(sig, bytes + 4, 64);
    return true;
}

/* signed-note: signatures by unknown keys are ignored, one by the known key that fails condemns the note. */
static struct tlog_error
check_signatures(const char *at, const char *end, const char *text, size_t n, const char *origin, const uint8_t public_key[32])
{
    struct line l;
    uint8_t id[4], sig[64];
    size_t signatures = 0;
    bool known = false;
    if (!key_id(origin, public_key, id))
        return tlog_fail(TLOG_FORMAT, "the origin is too long");
    while (at < end) {
        bool ours;
        if (!next_line(&at, end, &l) || !signature_line(l, origin, id, &ours, sig) || ++signatures > SIGNATURES_MAX)
            return tlog_fail(TLOG_FORMAT, "the note of %s has a line among its signatures that is none", origin);
        if (ours && !signed_by(public_key, text, n, sig))
            return tlog_fail(TLOG_SIGNER, "the note of %s has a signature in the log's name that is not by the log's key", origin);
        known = known || ours;
    }
    return known ? tlog_ok() : tlog_fail(TLOG_SIGNER, "the note of %s is not signed by the log's key", origin);
}

struct tlog_error
tlog_note_check(const char *text, size_t n, const char *origin, const uint8_t public_key[32], uint64_t *size, uint8_t root[TLOG_HASH])
{
    const char *at = text, *end = text + n;
    struct line name, count, hash, blank;
    TLOG_TRY(tlog_origin_check(origin));
    if (!next_line(&at, end, &name) || !next_line(&at, end, &count) || !next_line(&at, end, &hash))
        return tlog_fail(TLOG_FORMAT, "the note is not whole: origin, size and root must stand on lines of their own");
    size_t signed_bytes = (size_t)(at - text);
    if (!line_is(name, origin))
        return tlog_fail(TLOG_FORMAT, "the note is of another log, not of %s", origin);
    if (!decimal(count, size) || !unbase64(hash.at, hash.n, root, TLOG_HASH))
        return tlog_fail(TLOG_FORMAT, "the note of %s has no proper size or root", origin);
    if (!next_line(&at, end, &blank) || blank.n != 0)
        return tlog_fail(TLOG_FORMAT, "the note of %s has no blank line between its text and its signatures", origin);
    return check_signatures(at, end, text, signed_bytes, origin, public_key);
}
