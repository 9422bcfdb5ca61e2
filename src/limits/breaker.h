/*
 * A circuit breaker: closed, then open after failures in a row, then half open, when one request is let through to see. Every answer that is
 * neither closes it. While it is open, callers are told when to come back; it never lets a call pass that it should not, whatever the clock does.
 */
#ifndef LIMITS_BREAKER_H
#define LIMITS_BREAKER_H

#include "base/env.h"

#define BREAKER_FAILURES 3     /* in a row */
#define BREAKER_FIRST_MS 5000  /* open for so long at first, then twice as long each time … */
#define BREAKER_LAST_MS 60000  /* … up to this; and up to a quarter longer, so that not all come back at once */
#define BREAKER_PROBE_MS 1000  /* what others are told to wait while one request is out to see */
#define BREAKER_ASKED_MS 600000 /* a server that says when to come back is believed so far */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF };
extern const char *const breaker_names[];

struct breaker {
    enum breaker_state state;
    unsigned failures; /* in a row */
    unsigned opened;   /* in a row without an answer between */
    bool probing;      /* half open: one request is out */
    uint64_t until_ns; /* open: then it is half open */
    char why[160];
};

/*
 * breaker_pass(b, now_ns, probe, wait_ms): may a request go? *${probe}: it is the one that sees, and breaker_good, breaker_bad or breaker_lapsed must
 * follow. False: come back in *${wait_ms}.
 */
bool breaker_pass(struct breaker *b, uint64_t now_ns, bool *probe, uint64_t *wait_ms);
/* breaker_wait(b, now_ns): ms until a request has a chance, 0 when it has one now. Changes nothing. */
uint64_t breaker_wait(const struct breaker *b, uint64_t now_ns);
/* These give true when the state has changed, for the record. */
bool breaker_good(struct breaker *b);
bool breaker_bad(struct breaker *b, struct env *env, uint64_t now_ns, const char *why);
/* breaker_asked(b, now_ns, ms, why): the server itself says to wait. */
bool breaker_asked(struct breaker *b, uint64_t now_ns, uint64_t ms, const char *why);
/* breaker_lapsed(b): the request that was out to see ended without telling anything. */
void breaker_lapsed(struct breaker *b);

#endif
