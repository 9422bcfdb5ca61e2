#include "keys/rate.h"

#include <string.h>

static void
advance(struct rate *r, uint64_t second)
{
    if (second >= r->second + RATE_SLOTS) {
        memset(r->slot, 0, sizeof r->slot);
        r->sum = 0;
        r->second = second;
    }
    while (r->second < second) {
        uint32_t *oldest = &r->slot[++r->second % RATE_SLOTS];
        r->sum -= *oldest;
        *oldest = 0;
    }
}

bool
rate_take(struct rate *r, uint32_t limit, uint64_t mono_ns)
{
    advance(r, mono_ns / 1000000000u);
    if (r->sum >= limit)
        return false;
    r->slot[r->second % RATE_SLOTS]++;
    r->sum++;
    return true;
}
