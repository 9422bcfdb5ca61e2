/* At most so many of something in any 60 seconds, counted by the second. */
#ifndef KEYS_RATE_H
#define KEYS_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* 61 slots: the present second is not over, so the one a minute ago still counts. Never too many; at worst a second too strict. */
#define RATE_SLOTS 61

struct rate {
    uint32_t slot[RATE_SLOTS];
    uint64_t second; /* the newest that was counted */
    uint64_t sum;
};

/* rate_take(r, limit, mono_ns): count one, unless ${limit} were passed: then false. Zero-initialised is a rate with nothing counted. */
bool rate_take(struct rate *r, uint32_t limit, uint64_t mono_ns);

#endif
