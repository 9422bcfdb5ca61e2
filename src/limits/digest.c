/*
 * A number for a call. SipHash-2-4 (Aumasson, Bernstein 2012) under a key of the process over tokens of the value, so that nobody can look for two
 * calls with one number. Members of an object are added up, each under its own hash: their order makes no difference, and nothing is sorted.
 */
#include "limits/limits.h"

#include "estate/number.h"

struct sip {
    uint64_t v0, v1, v2, v3, tail;
    uint64_t n;
};

static uint64_t
rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void
sip_round(struct sip *s)
{
    s->v0 += s->v1, s->v1 = rotate(s->v1, 13) ^ s->v0, s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3, s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3, s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1, s->v1 = rotate(s->v1, 17) ^ s->v2, s->v2 = rotate(s->v2, 32);
}

static void
sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

static struct sip
sip_begin(const uint64_t key[2])
{
    return (struct sip){
        .v0 = key[0] ^ 0x736f6d6570736575, .v1 = key[1] ^ 0x646f72616e646f6d, .v2 = key[0] ^ 0x6c7967656e657261, .v3 = key[1] ^ 0x7465646279746573};
}

static void
sip_byte(struct sip *s, uint8_t b)
{
    s->tail |= (uint64_t)b << (8 * (s->n & 7));
    if ((++s->n & 7) == 0) {
        sip_word(s, s->tail);
        s->tail = 0;
    }
}

static void
sip_bytes(struct sip *s, struct bytes b)
{
    size_t i = 0;
    for (; (s->n & 7) == 0 && i + 8 <= b.n; i += 8, s->n += 8) {
        uint64_t m;
        memcpy(&m, b.at + i, 8);
        sip_word(s, m);
    }
    for (; i < b.n; i++)
        sip_byte(s, b.at[i]);
}

static void
sip_number(struct sip *s, uint64_t n)
{
    sip_bytes(s, bytes_make(&n, sizeof n));
}

static uint64_t
sip_end(struct sip *s)
{
    sip_word(s, s->tail | s->n << 56);
    s->v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* 1, 1.0, 10e-1 and 0.01E+2 are one number: its sign, its digits and its exponent. */
static void
put_number(struct sip *s, const struct json *v)
{
    struct decimal d = number_take_apart(v->raw);
    sip_byte(s, (uint8_t)(d.sign + 1));
    sip_number(s, (uint64_t)d.exponent);
    for (size_t i = d.first; i < d.last; i++)
        if (d.text.at[i] != '.')
            sip_byte(s, d.text.at[i]);
    sip_byte(s, 0);
}

/* From a whole word on, so that eight bytes are taken at a time. */
static void
put_text(struct sip *s, struct bytes text)
{
    while (s->n & 7)
        sip_byte(s, 0);
    sip_number(s, text.n);
    sip_bytes(s, text);
}

/* Depth is bounded by the JSON reader, so recursion is. */
static void
put_value(struct sip *s, const uint64_t key[2], const struct json *v)
{
    enum json_type type = v->type == JSON_INT ? JSON_NUMBER : v->type;
    uint64_t sum = 0;
    sip_byte(s, (uint8_t)type);
    switch (type) {
    case JSON_NULL:
        break;
    case JSON_BOOL:
        sip_byte(s, v->truth);
        break;
    case JSON_INT:
    case JSON_NUMBER:
        put_number(s, v);
        break;
    case JSON_STRING:
        put_text(s, v->text);
        break;
    case JSON_ARRAY:
        sip_number(s, v->count);
        for (const struct json *m = v->child; m; m = m->next)
            put_value(s, key, m);
        break;
    case JSON_OBJECT:
        sip_number(s, v->count);
        for (const struct json *m = v->child; m; m = m->next) {
            struct sip one = sip_begin(key);
            put_text(&one, m->key);
            put_value(&one, key, m);
            sum += sip_end(&one);
        }
        sip_number(s, sum);
        break;
    }
}

uint64_t
limits_digest(const uint64_t key[2], struct bytes scope, struct bytes name, const struct json *v)
{
    struct sip s = sip_begin(key);
    put_text(&s, scope);
    put_text(&s, name);
    if (v)
        put_value(&s, key, v);
    return sip_end(&s);
}

uint64_t
limits_hash(const uint64_t key[2], struct bytes text)
{
    struct sip s = sip_begin(key);
    sip_bytes(&s, text);
    return sip_end(&s);
}
