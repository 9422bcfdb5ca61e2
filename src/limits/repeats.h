/* Which calls an agent has made within the window, and how often each. Inside of src/limits. */
#ifndef LIMITS_REPEATS_H
#define LIMITS_REPEATS_H

#include "base/bytes.h"

struct repeat {
    uint64_t key;     /* 0: the place is empty */
    uint64_t ends_ns; /* of its window */
    uint32_t count;
};
struct repeats {
    struct repeat *list; /* open addressing; a power of two */
    size_t cap, used;    /* used: places that were ever taken since it was last made anew */
    size_t max;
};

enum repeated { REPEATED_COUNTED, REPEATED_TOO_OFTEN, REPEATED_TOO_MANY };
/*
 * repeats_count(r, key, now_ns, window_ns, most, wait_ns): once more. TOO_OFTEN: more than ${most} within its window, which ends in *${wait_ns}.
 * TOO_MANY: more different calls than can be remembered are within their windows (or there is no memory); the first is forgotten in *${wait_ns}.
 * Neither counts it.
 */
enum repeated repeats_count(struct repeats *r, uint64_t key, uint64_t now_ns, uint64_t window_ns, uint32_t most, uint64_t *wait_ns);
void repeats_free(struct repeats *r);

#endif
