/*
 * Where the generator's choices come from: a seed, or the bytes of a fuzzer. A fuzzer's bytes run out; from then on the answer is 0,
 * so the first alternative of every choice must lead to an end.
 */
#ifndef CEDAR_CHOICE_H
#define CEDAR_CHOICE_H

#include "base/arena.h"

struct choice {
    uint64_t state;          /* splitmix64; used when at == NULL */
    const uint8_t *at, *end;
};

static inline uint64_t
choice_bits(struct choice *c)
{
    uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* choice_of(c, n): 0 <= it < n; n > 0. */
static inline unsigned
choice_of(struct choice *c, unsigned n)
{
    if (c->at == NULL)
        return (unsigned)(choice_bits(c) >> 32) % n;
    unsigned v = 0;
    for (unsigned range = 1; range < n && c->at < c->end; range <<= 8)
        v = v << 8 | *c->at++;
    return v % n;
}

/* choice_rare(c, percent): true so often; false when a fuzzer has no more bytes. */
static inline bool
choice_rare(struct choice *c, unsigned percent)
{
    return choice_of(c, 100) >= 100 - percent;
}

#define CHOICE_FROM(c, list) ((list)[choice_of((c), (unsigned)(sizeof(list) / sizeof *(list)))])

#endif
