#include "limits/breaker.h"

#include <stdio.h>

#define MS 1000000u

const char *const breaker_names[] = {"closed", "open", "half open", NULL};

uint64_t
breaker_wait(const struct breaker *b, uint64_t now_ns)
{
    if (b->state == BREAKER_OPEN)
        return b->until_ns > now_ns ? (b->until_ns - now_ns + MS - 1) / MS : 0;
    return b->state == BREAKER_HALF && b->probing ? BREAKER_PROBE_MS : 0;
}

bool
breaker_pass(struct breaker *b, uint64_t now_ns, bool *probe, uint64_t *wait_ms)
{
    *probe = false;
    *wait_ms = breaker_wait(b, now_ns);
    if (*wait_ms)
        return false;
    if (b->state == BREAKER_CLOSED)
        return true;
    b->state = BREAKER_HALF;
    b->probing = *probe = true;
    return true;
}

bool
breaker_good(struct breaker *b)
{
    bool changed = b->state != BREAKER_CLOSED;
    *b = (struct breaker){.state = BREAKER_CLOSED};
    return changed;
}

static void
open_until(struct breaker *b, uint64_t until_ns, const char *why)
{
    b->state = BREAKER_OPEN;
    b->probing = false;
    b->until_ns = until_ns;
    snprintf(b->why, sizeof b->why, "%s", why);
}

/* Twice as long each time, and up to a quarter more at random: without randomness it is the longest. */
static uint64_t
backoff_ms(struct breaker *b, struct env *env)
{
    uint64_t ms = BREAKER_FIRST_MS;
    uint16_t r = UINT16_MAX;
    for (unsigned i = 0; i < b->opened && ms < BREAKER_LAST_MS; i++)
        ms *= 2;
    if (ms > BREAKER_LAST_MS)
        ms = BREAKER_LAST_MS;
    if (!env->random(env, &r, sizeof r))
        r = UINT16_MAX;
    return ms + ms * r / (4 * (uint64_t)UINT16_MAX);
}

bool
breaker_bad(struct breaker *b, struct env *env, uint64_t now_ns, const char *why)
{
    bool was_open = b->state == BREAKER_OPEN;
    if (b->failures < UINT32_MAX)
        b->failures++;
    if (was_open) /* what was sent before it opened comes back now */
        return false;
    if (b->state == BREAKER_CLOSED && b->failures < BREAKER_FAILURES) {
        snprintf(b->why, sizeof b->why, "%s", why);
        return false;
    }
    open_until(b, now_ns + backoff_ms(b, env) * MS, why);
    if (b->opened < 32)
        b->opened++;
    return true;
}

bool
breaker_asked(struct breaker *b, uint64_t now_ns, uint64_t ms, const char *why)
{
    uint64_t until = now_ns + (ms < 1000 ? 1000 : ms > BREAKER_ASKED_MS ? BREAKER_ASKED_MS : ms) * MS;
    bool changed = b->state != BREAKER_OPEN;
    if (!changed && until <= b->until_ns)
        return false;
    open_until(b, until, why);
    return changed;
}

void
breaker_lapsed(struct breaker *b)
{
    b->probing = false;
}
