/* Inside of src/limits: what is counted for one agent. */
#ifndef LIMITS_AGENTS_H
#define LIMITS_AGENTS_H

#include "limits/limits.h"
#include "limits/repeats.h"

#define USE_BUCKETS 64

/*
 * One thing that has a limit: the agent itself, one of its writs, a destination or a tool as this agent uses it. ${full_ns}: when the bucket is full
 * again (the theoretical arrival time of the generic cell rate algorithm): at or before now, nothing is counted here.
 */
struct limits_use {
    struct limits_use *next;
    uint64_t key;
    uint64_t full_ns;
    uint32_t under_way, waiting;
    uint32_t usual_ms; /* how long a place is taken, about */
};

struct limits_breaker {
    struct limits_breaker *next;
    char destination[65];
    struct breaker breaker;
};

struct limits_agent {
    struct limits_agent *next;
    struct limits *limits;
    char id[65];
    struct limits_use all;
    struct limits_use *uses[USE_BUCKETS];
    size_t n_uses;
    struct repeats repeats;
    struct limits_wait *waiting, **last; /* in order of coming */
    struct limits_breaker *breakers;
    size_t bytes;
    uint64_t records_full_ns; /* of the bucket of refusals that are recorded */
    uint64_t unrecorded;
};

struct limits {
    struct limits_config config;
    uint64_t key[2];
    struct limits_agent *agents;
};

/* use_of(of, key, now_ns): NULL when as many as may be are in use, or there is no memory. */
struct limits_use *use_of(struct limits_agent *of, uint64_t key, uint64_t now_ns);
static inline bool
use_idle(const struct limits_use *u, uint64_t now_ns)
{
    return u->under_way == 0 && u->waiting == 0 && u->full_ns <= now_ns;
}

#endif
