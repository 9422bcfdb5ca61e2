/* Signed notes from outside. What is accepted must be exactly a note by the key: written again it is the same text and signature. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <writ/tlog.h>

#define ORIGIN "writ.example/log"

static EVP_PKEY *key;
static uint8_t public_key[32];

static void
start(void)
{
    uint8_t private_key[32];
    size_t n = 32;
    memset(private_key, 1, sizeof private_key);
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);
    EVP_PKEY_get_raw_public_key(key, public_key, &n);
}

static void
sign(const char *text, size_t n, uint8_t sig[64])
{
    size_t length = 64;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (!EVP_DigestSignInit(c, NULL, NULL, NULL, key) || !EVP_DigestSign(c, sig, &length, (const uint8_t *)text, n))
        abort();
    EVP_MD_CTX_free(c);
}

/* Ed25519 is deterministic, so the note that this key makes of what was read is the only one that may have been accepted. */
static void
check_accepted(const char *text, size_t n, uint64_t size, const uint8_t root[TLOG_HASH])
{
    uint8_t sig[64] = {0};
    char note[1024];
    size_t length = tlog_note(ORIGIN, size, root, sig, public_key, note, sizeof note);
    char *blank = length ? strstr(note, "\n\n") : NULL;
    if (blank == NULL)
        abort();
    size_t signed_bytes = (size_t)(blank - note) + 1;
    if (n < signed_bytes + 1 || memcmp(text, note, signed_bytes) != 0)
        abort();
    sign(note, signed_bytes, sig);
    length = tlog_note(ORIGIN, size, root, sig, public_key, note, sizeof note);
    if (memmem(text, n, note + signed_bytes + 1, length - signed_bytes - 1) == NULL)
        abort();
}

/* The input with a right signature put behind its first three lines, so that the parser behind the signature is reached too. */
static void
try_signed(const uint8_t *data, size_t size_)
{
    char text[4096];
    uint8_t sig[64], root[TLOG_HASH];
    uint64_t size;
    if (size_ > 2048)
        return;
    memcpy(text, data, size_);
    const char *end = text;
    for (int i = 0; i < 3 && end != NULL; i++) {
        end = memchr(end, '\n', size_ - (size_t)(end - text));
        end = end ? end + 1 : NULL;
    }
    if (end == NULL)
        return;
    char note[1024];
    static const uint8_t zero[TLOG_HASH];
    sign(text, (size_t)(end - text), sig);
    size_t n = tlog_note(ORIGIN, 0, zero, sig, public_key, note, sizeof note), head = (size_t)(strstr(note, "\n\n") - note) + 1;
    size_t rest = size_ - (size_t)(end - text);
    char whole[8192];
    memcpy(whole, text, (size_t)(end - text));
    memcpy(whole + (end - text), note + head, n - head);
    memcpy(whole + (end - text) + (n - head), end, rest); /* further signature lines, or rubbish */
    size_t all = (size_t)(end - text) + n - head + rest;
    if (tlog_note_check(whole, all, ORIGIN, public_key, &size, root).code == TLOG_OK)
        check_accepted(whole, all, size, root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t leaves;
    uint8_t root[TLOG_HASH];
    if (key == NULL)
        start();
    char *text = malloc(size ? size : 1); /* exactly as long as it is: reading past it is seen */
    memcpy(text, data, size);
    if (tlog_note_check(text, size, ORIGIN, public_key, &leaves, root).code == TLOG_OK)
        check_accepted(text, size, leaves, root);
    free(text);
    try_signed(data, size);
    return 0;
}
