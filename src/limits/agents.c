#include "limits/agents.h"

#include <stdio.h>
#include <stdlib.h>

#define RECORDS_A_SECOND 10 /* refusals of one agent with a record of their own … */
#define RECORDS_BURST 50    /* … after so many at once */
#define SECOND_NS 1000000000u

const char *const limit_names[] = {"none", "rate", "concurrency", "repeats", "different calls", "bytes", "breaker", NULL};

struct err
limits_make(const struct limits_config *config, struct limits **out)
{
    struct limits *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_make(E_MEMORY, "no memory for limits");
    l->config = *config;
    if (!config->env->random(config->env, l->key, sizeof l->key)) {
        free(l);
        return err_make(E_SYSTEM, "the system gives no random numbers");
    }
    *out = l;
    return err_ok();
}

static void
agent_free(struct limits_agent *of)
{
    for (size_t i = 0; i < USE_BUCKETS; i++)
        while (of->uses[i]) {
            struct limits_use *u = of->uses[i];
            of->uses[i] = u->next;
            free(u);
        }
    while (of->breakers) {
        struct limits_breaker *b = of->breakers;
        of->breakers = b->next;
        free(b);
    }
    repeats_free(&of->repeats);
    free(of);
}

void
limits_free(struct limits *l)
{
    while (l && l->agents) {
        struct limits_agent *of = l->agents;
        l->agents = of->next;
        agent_free(of);
    }
    free(l);
}

struct limits_agent *
limits_of(struct limits *l, const char *agent)
{
    for (struct limits_agent *of = l->agents; of; of = of->next)
        if (strcmp(of->id, agent) == 0)
            return of;
    struct limits_agent *of = calloc(1, sizeof *of);
    if (of == NULL)
        return NULL;
    snprintf(of->id, sizeof of->id, "%s", agent);
    of->limits = l;
    of->last = &of->waiting;
    of->repeats.max = LIMITS_CALLS_MAX;
    of->next = l->agents;
    l->agents = of;
    return of;
}

struct limits_agent *
limits_first(struct limits *l)
{
    return l->agents;
}

struct limits_agent *
limits_next(struct limits_agent *of)
{
    return of->next;
}

const char *
limits_agent_id(const struct limits_agent *of)
{
    return of->id;
}

/* What counts nothing any more goes: the same key would begin exactly so. */
static void
drop_idle(struct limits_agent *of, uint64_t now_ns)
{
    for (size_t i = 0; i < USE_BUCKETS; i++)
        for (struct limits_use **at = &of->uses[i]; *at;) {
            struct limits_use *u = *at;
            if (!use_idle(u, now_ns)) {
                at = &u->next;
                continue;
            }
            *at = u->next;
            of->n_uses--;
            free(u);
        }
}

struct limits_use *
use_of(struct limits_agent *of, uint64_t key, uint64_t now_ns)
{
    struct limits_use **bucket = &of->uses[key % USE_BUCKETS];
    for (struct limits_use *u = *bucket; u; u = u->next)
        if (u->key == key)
            return u;
    if (of->n_uses >= LIMITS_USES_MAX)
        drop_idle(of, now_ns);
    struct limits_use *u = of->n_uses < LIMITS_USES_MAX ? calloc(1, sizeof *u) : NULL;
    if (u == NULL)
        return NULL;
    *u = (struct limits_use){.next = *bucket, .key = key};
    *bucket = u;
    of->n_uses++;
    return u;
}

/* ------------------------------------------------------------------------------------------------------------ breakers */

struct breaker *
limits_breaker(struct limits_agent *of, const char *destination)
{
    for (struct limits_breaker *b = of->breakers; b; b = b->next)
        if (strcmp(b->destination, destination) == 0)
            return &b->breaker;
    return NULL;
}

struct breaker *
limits_breaker_make(struct limits_agent *of, const char *destination)
{
    struct breaker *have = limits_breaker(of, destination);
    struct limits_breaker *b = have ? NULL : calloc(1, sizeof *b);
    if (b == NULL)
        return have;
    snprintf(b->destination, sizeof b->destination, "%s", destination);
    b->next = of->breakers;
    of->breakers = b;
    return &b->breaker;
}

void
limits_breakers(struct limits *l, const char *destination, void (*fn)(const char *agent, const struct breaker *b, void *ctx), void *ctx)
{
    for (struct limits_agent *of = l->agents; of; of = of->next) {
        const struct breaker *b = limits_breaker(of, destination);
        if (b && b->state != BREAKER_CLOSED)
            fn(of->id, b, ctx);
    }
}

void
limits_breakers_reset(struct limits *l)
{
    for (struct limits_agent *of = l->agents; of; of = of->next)
        for (struct limits_breaker *b = of->breakers; b; b = b->next)
            breaker_good(&b->breaker);
}

/* ------------------------------------------------------------------------------------------------------ bytes, records */

bool
limits_bytes(struct limits_agent *of, size_t n, struct limited *why)
{
    if (n > LIMITS_BYTES_MAX - of->bytes) {
        *why = (struct limited){.kind = LIMIT_BYTES, .retry_ms = 1000};
        snprintf(why->reason, sizeof why->reason, "requests of %zu MiB are under way for this agent; wait for an answer", LIMITS_BYTES_MAX >> 20);
        return false;
    }
    of->bytes += n;
    return true;
}

void
limits_bytes_end(struct limits_agent *of, size_t n)
{
    of->bytes -= n;
}

bool
limits_record(struct limits_agent *of, uint64_t *unrecorded)
{
    struct env *env = of->limits->config.env;
    uint64_t now = env->mono_ns(env), interval = SECOND_NS / RECORDS_A_SECOND, at = of->records_full_ns > now ? of->records_full_ns : now;
    *unrecorded = 0;
    if (at - now > interval * (RECORDS_BURST - 1)) {
        of->unrecorded++;
        return false;
    }
    of->records_full_ns = at + interval;
    *unrecorded = limits_unrecorded(of);
    return true;
}

uint64_t
limits_unrecorded(struct limits_agent *of)
{
    uint64_t n = of->unrecorded;
    of->unrecorded = 0;
    return n;
}
