#include "cedar/sieve.h"

#include "base/err.h"
#include "cedar/operate.h"

#define ELEMENTS_MAX 16u

/* ------------------------------------------------------------------------------------------------------------------ running */

/* Each lets a grain through by a condition on it; without a branch. */
#define LET_THROUGH(condition)                                                                                                                       \
    do {                                                                                                                                             \
        for (uint32_t i = 0; i < n; i++) {                                                                                                           \
            out[some] = at[i].policy;                                                                                                                \
            some += (condition);                                                                                                                     \
        }                                                                                                                                            \
        return some;                                                                                                                                 \
    } while (0)

static size_t
all(const struct grain *at, uint32_t n, uint32_t *out)
{
    size_t some = 0;
    LET_THROUGH(true);
}

static size_t
equal(const struct grain *at, uint32_t n, uint32_t hash, uint32_t *out)
{
    size_t some = 0;
    LET_THROUGH(at[i].hash == hash);
}

static size_t
with_bit(const struct grain *at, uint32_t n, uint64_t bits, uint32_t *out)
{
    size_t some = 0;
    LET_THROUGH(bits >> at[i].hash & 1);
}

static size_t
ordered(const struct run *r, const struct grain *at, int64_t v, uint32_t *out)
{
    size_t some = 0;
    uint32_t n = r->n;
    switch (r->kind) {
    case TRIAL_LESS:
        LET_THROUGH(v < (int64_t)at[i].number);
    case TRIAL_LESS_EQUAL:
        LET_THROUGH(v <= (int64_t)at[i].number);
    case TRIAL_GREATER:
        LET_THROUGH(v > (int64_t)at[i].number);
    default:
        LET_THROUGH(v >= (int64_t)at[i].number);
    }
}

/* The first eight bytes of a text, fewer with zeros behind. */
static uint64_t
beginning(struct cedar_str text)
{
    uint64_t first = 0;
    memcpy(&first, text.at, text.n < 8 ? text.n : 8);
    return first;
}

/* The first ${n} bytes of eight, at most all. */
static inline uint64_t
first_bytes(uint32_t n)
{
    uint64_t none = n < 8 ? UINT64_MAX : 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return ~(none << (n & 7) * 8);
#else
    return ~(none >> (n & 7) * 8);
#endif
}

static size_t
begins(const struct grain *at, uint32_t n, struct cedar_str text, uint32_t *out)
{
    uint64_t first = text.n ? beginning(text) : 0;
    size_t some = 0;
    LET_THROUGH(((first ^ at[i].number) & first_bytes(at[i].hash)) == 0);
}

static size_t
contains(const struct machine *m, const struct grain *at, uint32_t n, const struct value_set *set, uint32_t *out)
{
    uint32_t hashes[ELEMENTS_MAX];
    size_t some = 0;
    if (set->n > ELEMENTS_MAX)
        return all(at, n, out);
    for (size_t i = 0; i < set->n; i++)
        hashes[i] = value_hash_in(m->table->seed, set->at[i]);
    for (uint32_t i = 0; i < n; i++) {
        bool has = false;
        for (size_t k = 0; k < set->n; k++)
            has |= hashes[k] == at[i].hash;
        out[some] = at[i].policy;
        some += has;
    }
    return some;
}

size_t
sieve_run(const struct machine *m, const struct run *r, const struct grain *grains, uint32_t *out)
{
    const struct grain *at = &grains[r->from];
    const struct cedar_value *v = m->desk->held[r->a];
    if (r->kind == TRIAL_HAS)
        return with_bit(at, r->n, m->desk->keys, out);
    if (r->kind == TRIAL_IN)
        return with_bit(at, r->n, m->desk->above[r->a], out);
    if (v == NULL || r->kind == RUN_ALL)
        return all(at, r->n, out);
    if (r->kind == TRIAL_EQUAL)
        return equal(at, r->n, value_hash_in(m->table->seed, v), out);
    if (r->kind == TRIAL_TRUE)
        return v->kind == VALUE_BOOL && v->truth != r->want ? 0 : all(at, r->n, out);
    if (r->kind == TRIAL_CONTAINS)
        return v->kind == VALUE_SET ? contains(m, at, r->n, &v->set, out) : all(at, r->n, out);
    if (r->kind == TRIAL_LIKE)
        return v->kind == VALUE_STRING ? begins(at, r->n, v->text, out) : all(at, r->n, out);
    return v->kind == r->ordered ? ordered(r, at, v->number, out) : all(at, r->n, out);
}

/* ------------------------------------------------------------------------------------------------------------------- making */

struct sieved {
    struct run run;
    struct grain grain;
};

static uint32_t
hash_of(const struct cedar_value *v)
{
    return v->hash; /* literals are interned; bools are not, and have another trial */
}

/* What a policy is sieved by; RUN_ALL where there is nothing quick. */
static struct sieved
sieved_by(const struct trial *t, uint32_t policy)
{
    struct sieved s = {{.kind = t->kind, .a = t->a}, {.policy = policy}};
    const struct cedar_value *literal = t->kind == TRIAL_LIKE || t->kind == TRIAL_HAS ? NULL : t->literal;
    bool can = t->want && literal && literal->interned;
    if (t->more)
        return (struct sieved){{.kind = RUN_ALL}, {.policy = policy}};
    switch ((enum trial_kind)t->kind) {
    case TRIAL_TRUE:
        s.run.want = t->want;
        return s;
    case TRIAL_EQUAL:
    case TRIAL_CONTAINS:
        s.grain.hash = can ? hash_of(literal) : 0;
        break;
    case TRIAL_LESS:
    case TRIAL_LESS_EQUAL:
    case TRIAL_GREATER:
    case TRIAL_GREATER_EQUAL:
        can = can && operate_ordered(literal->kind);
        s.run.ordered = can ? (uint8_t)literal->kind : 0;
        s.grain.number = can ? (uint64_t)literal->number : 0;
        break;
    case TRIAL_IN:
        can = can && t->bit != NO_BIT;
        s.grain.hash = t->bit;
        break;
    case TRIAL_HAS:
        can = t->want;
        s.grain.hash = t->bit;
        break;
    case TRIAL_LIKE:
        can = t->want;
        s.grain.hash = t->pattern->at[0].n < 8 ? (uint32_t)t->pattern->at[0].n : 8;
        s.grain.number = t->pattern->at[0].n ? beginning(t->pattern->at[0]) : 0;
        break;
    case TRIAL_AMONG:
    case TRIAL_CALL:
        can = false;
        break;
    }
    return can ? s : (struct sieved){{.kind = RUN_ALL}, {.policy = policy}};
}

static int
by_run(const void *a, const void *b)
{
    const struct sieved *x = a, *y = b;
    int c = x->run.kind - y->run.kind;
    c = c ? c : x->run.a - y->run.a;
    c = c ? c : x->run.want - y->run.want;
    c = c ? c : x->run.ordered - y->run.ordered;
    return c ? c : x->grain.policy < y->grain.policy ? -1 : x->grain.policy > y->grain.policy;
}

static bool
same_run(const struct run *a, const struct run *b)
{
    return a->kind == b->kind && a->a == b->a && a->want == b->want && a->ordered == b->ordered;
}

void
sieve_make(struct growing *runs, struct growing *grains, const struct trial *const *trials, const uint32_t *policies, size_t n)
{
    struct sieved *list = calloc(n + 1, sizeof *list);
    struct grain *to = growing_add(grains, n, sizeof *to);
    uint32_t from = (uint32_t)(grains->n - n);
    runs->failed |= list == NULL;
    for (size_t i = 0; list && i < n; i++)
        list[i] = sieved_by(trials[i], policies[i]);
    if (list)
        qsort(list, n, sizeof *list, by_run);
    for (size_t i = 0; list && to && i < n; i++) {
        struct run *last =
            i && same_run(&list[i - 1].run, &list[i].run) ? &((struct run *)runs->at)[runs->n - 1] : growing_add(runs, 1, sizeof *last);
        if (last == NULL)
            break;
        if (last->n == 0)
            *last = list[i].run, last->from = from + (uint32_t)i;
        last->n++;
        to[i] = list[i].grain;
    }
    free(list);
}
