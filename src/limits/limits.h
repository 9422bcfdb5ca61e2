/*
 * Limits: how often, how many at once and how often the same thing an agent may ask, and the circuit breaker before a destination. It knows no
 * protocol. What is declared stands in the estate (docs/limits.md); what is counted is counted here, for one agent: whatever session, writ,
 * instance or connection it comes through counts together, and nothing of one agent is ever counted for another.
 *
 * Integers and the monotonic clock only. A call costs no system call and, once its agent is known here, no memory from the heap. All tables
 * are bounded; what makes room in them has nothing left to count, so making room never widens a limit.
 *
 * Everything belongs to the loop's thread. Nothing survives the process.
 */
#ifndef LIMITS_LIMITS_H
#define LIMITS_LIMITS_H

#include "estate/estate.h"
#include "limits/breaker.h"

#define LIMITS_USES_MAX 4096      /* counted at once for one agent: destinations, tools and writs with limits of their own */
#define LIMITS_CALLS_MAX 16384    /* different calls that are remembered for one agent; more within their windows are refused */
#define LIMITS_HELD_MAX 4         /* places that one call takes: of the agent, the writ, the destination, the tool */
#define LIMITS_BYTES_MAX ((size_t)64 << 20) /* of requests of one agent that are under way */

enum limit_kind { LIMIT_NONE, LIMIT_RATE, LIMIT_CONCURRENCY, LIMIT_REPEATS, LIMIT_VARIETY, LIMIT_BYTES, LIMIT_BREAKER };
extern const char *const limit_names[];

/* Why not, and what to do. */
struct limited {
    enum limit_kind kind;
    uint64_t retry_ms;  /* from now; never 0 with a kind */
    const char *key;    /* what to edit in ${place}, or NULL: nothing is declared about it */
    struct place place;
    char reason[240];   /* for the agent */
};

struct limits;
struct limits_agent;
struct limits_config {
    struct env *env;
    void (*wake)(void *ctx, struct limits_agent *of); /* a place is free and somebody waits: have limits_turns called, soon and not from inside */
    void *ctx;
};
struct err limits_make(const struct limits_config *config, struct limits **out) MUST_USE;
void limits_free(struct limits *l);
/* limits_of(l, agent): what is counted for it; lives as long as ${l}. NULL: out of memory. */
struct limits_agent *limits_of(struct limits *l, const char *agent);

/* Who asks for what. ${tool} NULL: something else of the destination. */
struct limits_ask {
    struct limits_agent *of;
    const struct agent *agent;
    const struct task *task;
    const char *writ;
    const struct destination *destination;
    const struct tool *tool;
};

/* limits_rate(ask, why): one more request, whatever becomes of it. False: it is one too many, and nothing was counted. */
bool limits_rate(const struct limits_ask *ask, struct limited *why);
/*
 * limits_repeats(ask, name, arguments, effect, why): the same ${name} with the same typed ${arguments} (any JSON, or NULL) once more. Order of
 * members, spelling of numbers, escapes and what was left out for its default make no difference.
 */
bool limits_repeats(const struct limits_ask *ask, struct bytes name, const struct json *arguments, enum effect effect, struct limited *why);

/* Places: what is under way. */
struct limits_use;
struct limits_place {
    struct limits_agent *of;
    struct limits_use *held[LIMITS_HELD_MAX];
    unsigned n;
    uint64_t began_ns;
};
/* Someone who waits for one. Embedded in its owner; ${turn} is called from limits_turns, once, with the wait taken out. */
struct limits_wait {
    struct limits_wait *next, **at;
    struct limits_use *on;
    struct limits_agent *of;
    uint64_t bound;
    void (*turn)(struct limits_wait *w);
};
enum limits_place_is { LIMITS_TAKEN, LIMITS_WAITS, LIMITS_FULL };
/*
 * limits_place(ask, turn, place, wait, why): take a place, or stand in line for one when there is room in the line, or neither. ${turn}: its turn has come,
 * it does not stand behind those that wait.
 */
enum limits_place_is limits_place(const struct limits_ask *ask, bool turn, struct limits_place *place, struct limits_wait *wait, struct limited *why);
/* limits_leave(p): the place is free. Harmless when none is held. limits_wait_end(w): it does not wait any more. Harmless when it does not. */
void limits_leave(struct limits_place *p);
void limits_wait_end(struct limits_wait *w);
void limits_turns(struct limits_agent *of);

/* limits_bytes(of, n, why): ${n} bytes of a request are kept until limits_bytes_end. */
bool limits_bytes(struct limits_agent *of, size_t n, struct limited *why);
void limits_bytes_end(struct limits_agent *of, size_t n);

/* limits_record(of, unrecorded): may a refusal be recorded by itself now? Else it is counted, and the next that is says how many were not. */
bool limits_record(struct limits_agent *of, uint64_t *unrecorded);
uint64_t limits_unrecorded(struct limits_agent *of); /* … for whoever records the number alone; starts again at 0 */
/* limits_first, limits_next: all agents that are known here. */
struct limits_agent *limits_first(struct limits *l);
struct limits_agent *limits_next(struct limits_agent *of);
const char *limits_agent_id(const struct limits_agent *of);

/* The breaker between one agent and one destination. limits_breaker: NULL when it never failed there. limits_breaker_make: NULL without memory. */
struct breaker *limits_breaker(struct limits_agent *of, const char *destination);
struct breaker *limits_breaker_make(struct limits_agent *of, const char *destination);
/* limits_breakers(l, destination, fn, ctx): those that are not closed. */
void limits_breakers(struct limits *l, const char *destination, void (*fn)(const char *agent, const struct breaker *b, void *ctx), void *ctx);
void limits_breakers_reset(struct limits *l); /* all of them are closed */

/* limits_digest(key, name, v): a number for a call, by a keyed hash (SipHash-2-4) of what is said. */
uint64_t limits_digest(const uint64_t key[2], struct bytes scope, struct bytes name, const struct json *v);
uint64_t limits_hash(const uint64_t key[2], struct bytes text);

/* retry_after_read(text, now_ms, ms): Retry-After (RFC 9110 §10.2.3), a number of seconds or an IMF-fixdate; false when it is neither. */
bool retry_after_read(struct bytes text, int64_t now_ms, uint64_t *ms);

/* "1.2 s", "340 ms", "3 min": for people. */
#define LIMITS_TIME_MAX 24
void limits_time_text(uint64_t ms, char out[LIMITS_TIME_MAX]);

#endif
