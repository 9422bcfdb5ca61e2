/* Who may go, who waits, who comes back later. */
#include "limits/agents.h"

#include <stdio.h>

#define MS 1000000u
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 60000

/* What one request is counted in: whose limits they are, where they stand, in whose words. */
struct scope {
    struct limits_use *use;
    const struct use_limits *limits;
    const char *what; /* "in all", "at fx", … */
};

static uint64_t
now_of(const struct limits_agent *of)
{
    struct env *env = of->limits->config.env;
    return env->mono_ns(env);
}

static bool
has_limits(const struct use_limits *u)
{
    return u->rate.count || u->concurrency;
}

static uint64_t
key_of(const struct limits_agent *of, char kind, const char *one, const char *two)
{
    char text[400];
    int n = snprintf(text, sizeof text, "%c%s%c%s", kind, one, 0, two);
    return limits_hash(of->limits->key, bytes_make(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

/* Without memory, or with more limits in use than may be, the request is counted as the agent's alone and told to wait. */
static bool
add_scope(struct scope *list, unsigned *n, struct limits_use *use, const struct use_limits *limits, const char *what)
{
    list[(*n)++] = (struct scope){use, limits, what};
    return use != NULL;
}

static bool
scopes_of(const struct limits_ask *ask, uint64_t now, struct scope list[LIMITS_HELD_MAX], unsigned *n)
{
    struct limits_agent *of = ask->of;
    const struct destination *d = ask->destination;
    bool ok = true;
    *n = 0;
    if (ask->agent && has_limits(&ask->agent->limits))
        ok = add_scope(list, n, &of->all, &ask->agent->limits, "by this agent");
    if (ok && ask->task && has_limits(&ask->task->limits))
        ok = add_scope(list, n, use_of(of, key_of(of, 'w', ask->writ, ""), now), &ask->task->limits, "under this writ");
    if (ok && d && has_limits(&d->limits))
        ok = add_scope(list, n, use_of(of, key_of(of, 'd', d->id, ""), now), &d->limits, "by this agent at this destination");
    if (ok && ask->tool && has_limits(&ask->tool->limits))
        ok = add_scope(list, n, use_of(of, key_of(of, 't', d->id, ask->tool->name), now), &ask->tool->limits, "by this agent of this tool");
    return ok;
}

static void
too_many_uses(struct limited *why)
{
    *why = (struct limited){.kind = LIMIT_VARIETY, .retry_ms = 1000};
    snprintf(why->reason, sizeof why->reason, "this agent uses more things with limits at once than can be counted; try again in 1 s");
}

static uint64_t
up_to_ms(uint64_t ns)
{
    uint64_t ms = (ns + MS - 1) / MS;
    return ms ? ms : 1;
}

/* ---------------------------------------------------------------------------------------------------------------- rate */

/* One call's share of the bucket, rounded up: rounding never gives more. */
static uint64_t
interval_of(const struct rate *r)
{
    return (r->ms * MS + r->count - 1) / r->count;
}

static bool
bucket_has(const struct scope *s, uint64_t now, uint64_t *wait_ns)
{
    uint64_t interval = interval_of(&s->limits->rate), full = s->use->full_ns > now ? s->use->full_ns : now;
    uint64_t burst = s->limits->burst ? s->limits->burst : s->limits->rate.count, room = interval * (burst - 1);
    *wait_ns = full - now > room ? full - now - room : 0;
    return *wait_ns == 0;
}

static void
bucket_take(const struct scope *s, uint64_t now)
{
    uint64_t full = s->use->full_ns > now ? s->use->full_ns : now;
    s->use->full_ns = full + interval_of(&s->limits->rate);
}

static void
rate_text(const struct rate *r, char out[48])
{
    const char *per = r->ms == 1000 ? "a second" : r->ms == 60000 ? "a minute" : "an hour";
    snprintf(out, 48, "%llu calls %s", (unsigned long long)r->count, per);
}

static void
say_rate(const struct scope *s, uint64_t wait_ns, struct limited *why)
{
    char rate[48], wait[LIMITS_TIME_MAX];
    *why = (struct limited){.kind = LIMIT_RATE, .retry_ms = up_to_ms(wait_ns), .key = "limits: rate", .place = s->limits->place};
    rate_text(&s->limits->rate, rate);
    limits_time_text(why->retry_ms, wait);
    snprintf(why->reason, sizeof why->reason, "more than %s %s; try again in %s", rate, s->what, wait);
}

bool
limits_rate(const struct limits_ask *ask, struct limited *why)
{
    struct scope list[LIMITS_HELD_MAX];
    unsigned n;
    uint64_t now = now_of(ask->of), wait, longest = 0;
    if (!scopes_of(ask, now, list, &n)) {
        too_many_uses(why);
        return false;
    }
    for (unsigned i = 0; i < n; i++)
        if (list[i].limits->rate.count && !bucket_has(&list[i], now, &wait) && wait > longest) {
            longest = wait;
            say_rate(&list[i], wait, why);
        }
    for (unsigned i = 0; i < n && longest == 0; i++)
        if (list[i].limits->rate.count)
            bucket_take(&list[i], now);
    return longest == 0;
}

/* ------------------------------------------------------------------------------------------------------------- repeats */

static void
say_repeats(const struct limits_ask *ask, enum repeated r, const char *key, const struct place *place, uint64_t most, uint64_t wait_ns,
            struct limited *why)
{
    char wait[LIMITS_TIME_MAX], window[LIMITS_TIME_MAX];
    *why = (struct limited){.retry_ms = up_to_ms(wait_ns), .key = key, .place = *place};
    why->kind = r == REPEATED_TOO_OFTEN ? LIMIT_REPEATS : LIMIT_VARIETY;
    limits_time_text(why->retry_ms, wait);
    limits_time_text(ask->destination->repeat_ms, window);
    if (r == REPEATED_TOO_OFTEN)
        snprintf(why->reason, sizeof why->reason,
                 "this agent made the same call %llu times within %s; its answer will not change by asking again; try again in %s",
                 (unsigned long long)most, window, wait);
    else
        snprintf(why->reason, sizeof why->reason, "this agent made more different calls within %s than can be remembered; try again in %s", window,
                 wait);
}

bool
limits_repeats(const struct limits_ask *ask, struct bytes name, const struct json *arguments, enum effect effect, struct limited *why)
{
    const struct destination *d = ask->destination;
    const struct tool *t = ask->tool;
    bool own = t && t->has_repeats;
    uint64_t most = own ? t->repeats : effect == EFFECT_READ ? d->repeats : d->repeated_writes, wait;
    if (most == 0)
        return true;
    struct limits_agent *of = ask->of;
    uint64_t key = limits_digest(of->limits->key, bytes_str(d->id), name, arguments);
    enum repeated r = repeats_count(&of->repeats, key, now_of(of), d->repeat_ms * MS, (uint32_t)most, &wait);
    if (r == REPEATED_COUNTED)
        return true;
    const char *named = own ? "limits: repeats" : effect == EFFECT_READ ? "limits: repeats" : "limits: repeated_writes";
    say_repeats(ask, r, named, own ? &t->limits.place : &d->limits.place, most, wait, why);
    return false;
}

/* -------------------------------------------------------------------------------------------------------------- places */

static bool
has_place(const struct scope *s, bool turn)
{
    uint64_t bound = s->limits->concurrency;
    return bound == 0 || (s->use->under_way < bound && (turn || s->use->waiting == 0));
}

static void
take_all(const struct limits_ask *ask, const struct scope *list, unsigned n, uint64_t now, struct limits_place *place)
{
    *place = (struct limits_place){.of = ask->of, .began_ns = now};
    for (unsigned i = 0; i < n; i++)
        if (list[i].limits->concurrency) {
            list[i].use->under_way++;
            place->held[place->n++] = list[i].use;
        }
}

static void
stand_in_line(struct limits_agent *of, const struct scope *s, struct limits_wait *w)
{
    w->of = of;
    w->on = s->use;
    w->bound = s->limits->concurrency;
    w->next = NULL;
    w->at = of->last;
    *of->last = w;
    of->last = &w->next;
    s->use->waiting++;
}

static void
say_full(const struct scope *s, struct limited *why)
{
    char wait[LIMITS_TIME_MAX];
    uint64_t ms = s->use->usual_ms < RETRY_MIN_MS ? RETRY_MIN_MS : s->use->usual_ms > RETRY_MAX_MS ? RETRY_MAX_MS : s->use->usual_ms;
    *why = (struct limited){.kind = LIMIT_CONCURRENCY, .retry_ms = ms, .key = "limits: concurrency", .place = s->limits->place};
    limits_time_text(ms, wait);
    snprintf(why->reason, sizeof why->reason, "%u calls are under way %s, and %u wait; wait for an answer, or try again in %s", s->use->under_way,
             s->what, s->use->waiting, wait);
}

enum limits_place_is
limits_place(const struct limits_ask *ask, bool turn, struct limits_place *place, struct limits_wait *wait, struct limited *why)
{
    struct scope list[LIMITS_HELD_MAX];
    unsigned n;
    uint64_t now = now_of(ask->of);
    if (!scopes_of(ask, now, list, &n)) {
        too_many_uses(why);
        return LIMITS_FULL;
    }
    for (unsigned i = 0; i < n; i++) {
        if (has_place(&list[i], turn))
            continue;
        say_full(&list[i], why);
        if (wait == NULL || list[i].use->waiting >= list[i].limits->queue)
            return LIMITS_FULL;
        stand_in_line(ask->of, &list[i], wait);
        return LIMITS_WAITS;
    }
    take_all(ask, list, n, now, place);
    return LIMITS_TAKEN;
}

void
limits_leave(struct limits_place *p)
{
    struct limits_agent *of = p->of;
    if (of == NULL)
        return; /* Behave consistently with free(NULL). */
    uint64_t ms = (now_of(of) - p->began_ns) / MS;
    uint32_t took = ms > RETRY_MAX_MS ? RETRY_MAX_MS : (uint32_t)ms;
    for (unsigned i = 0; i < p->n; i++) {
        struct limits_use *u = p->held[i];
        u->under_way--;
        u->usual_ms = u->usual_ms - u->usual_ms / 8 + took / 8;
    }
    *p = (struct limits_place){.of = NULL};
    if (of->waiting)
        of->limits->config.wake(of->limits->config.ctx, of);
}

void
limits_wait_end(struct limits_wait *w)
{
    if (w->of == NULL)
        return; /* Behave consistently with free(NULL). */
    struct limits_agent *of = w->of;
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    else
        of->last = w->at;
    w->on->waiting--;
    w->of = NULL;
    w->on = NULL;
}

/* One round, in order of coming. Whoever finds another place taken stands in line again, behind. */
void
limits_turns(struct limits_agent *of)
{
    size_t n = 0;
    for (struct limits_wait *w = of->waiting; w; w = w->next)
        n++;
    for (struct limits_wait *w = of->waiting; w && n > 0; n--) {
        struct limits_wait *turn = w;
        w = w->next;
        if (turn->on->under_way >= turn->bound)
            continue;
        limits_wait_end(turn);
        turn->turn(turn); /* may end others, so that ${w} is not looked at again */
        w = of->waiting;
    }
}
