#include "keys/own_token.h"

#define RANDOM_CHARACTERS 32
#define SUM_CHARACTERS 6

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* CRC-32 as in IEEE 802.3. Tokens are short and rare: no table. */
static uint32_t
crc32(struct bytes b)
{
    uint32_t c = 0xffffffff;
    for (size_t i = 0; i < b.n; i++) {
        c ^= b.at[i];
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (0xedb88320 & -(c & 1));
    }
    return ~c;
}

static void
put_sum(struct bytes before, char out[SUM_CHARACTERS])
{
    uint32_t sum = crc32(before);
    for (int i = SUM_CHARACTERS; i--; sum /= 62)
        out[i] = digits[sum % 62];
}

/* Bytes of 248 and more are thrown away: each character is as likely as any other. */
static bool
put_random(struct env *env, char out[RANDOM_CHARACTERS])
{
    uint8_t bytes[64];
    size_t n = 0;
    for (int tries = 0; n < RANDOM_CHARACTERS && tries < 100; tries++) {
        if (!env->random(env, bytes, sizeof bytes))
            return false;
        for (size_t i = 0; i < sizeof bytes && n < RANDOM_CHARACTERS; i++)
            if (bytes[i] < 248)
                out[n++] = digits[bytes[i] % 62];
    }
    bytes_wipe(bytes, sizeof bytes);
    return n == RANDOM_CHARACTERS;
}

struct err
own_token_make(struct env *env, const char *kind, char out[OWN_TOKEN_BYTES + 1])
{
    size_t n = sizeof OWN_TOKEN_PREFIX - 1;
    memcpy(out, OWN_TOKEN_PREFIX, n);
    out[n++] = kind[0];
    out[n++] = kind[1];
    out[n++] = '_';
    if (!put_random(env, out + n))
        return err_make(E_SYSTEM, "the system's random generator failed");
    n += RANDOM_CHARACTERS;
    put_sum(bytes_make(out, n), out + n);
    out[OWN_TOKEN_BYTES] = 0;
    return err_ok();
}

bool
own_token_is(struct bytes text)
{
    char sum[SUM_CHARACTERS];
    if (text.n != OWN_TOKEN_BYTES || !bytes_starts(text, BYTES(OWN_TOKEN_PREFIX)) || text.at[7] != '_')
        return false;
    for (size_t i = 0; i < 2; i++)
        if (text.at[5 + i] < 'a' || text.at[5 + i] > 'z')
            return false;
    for (size_t i = 8; i < OWN_TOKEN_BYTES; i++)
        if (text.at[i] == 0 || strchr(digits, text.at[i]) == NULL)
            return false;
    put_sum(bytes_sub(text, 0, OWN_TOKEN_BYTES - SUM_CHARACTERS), sum);
    return memcmp(sum, text.at + OWN_TOKEN_BYTES - SUM_CHARACTERS, SUM_CHARACTERS) == 0;
}
