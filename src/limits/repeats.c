#include "limits/repeats.h"

#include <stdlib.h>

#define FIRST_CAP 64

/* The place of ${key}, or a free one behind it. The list is never full. */
static struct repeat *
find(const struct repeats *r, uint64_t key)
{
    size_t i = (size_t)key & (r->cap - 1);
    while (r->list[i].key && r->list[i].key != key)
        i = (i + 1) & (r->cap - 1);
    return &r->list[i];
}

static size_t
living(const struct repeats *r, uint64_t now_ns, uint64_t *first_ns)
{
    size_t n = 0;
    *first_ns = UINT64_MAX;
    for (size_t i = 0; i < r->cap; i++) {
        if (r->list[i].key == 0 || r->list[i].ends_ns <= now_ns)
            continue;
        n++;
        if (r->list[i].ends_ns < *first_ns)
            *first_ns = r->list[i].ends_ns;
    }
    return n;
}

/* Without what is over; larger when that is not enough. Happens once for as many new calls as it makes room for. */
static bool
make_room(struct repeats *r, uint64_t now_ns, uint64_t *first_ns)
{
    size_t n = living(r, now_ns, first_ns), cap = r->cap ? r->cap : FIRST_CAP;
    if (n >= r->max)
        return false;
    while (cap < 4 * (n + 1)) /* at most a quarter full, so that it lasts */
        cap *= 2;
    struct repeats more = {.list = calloc(cap, sizeof *more.list), .cap = cap, .used = n, .max = r->max};
    if (more.list == NULL)
        return false;
    for (size_t i = 0; i < r->cap; i++)
        if (r->list[i].key && r->list[i].ends_ns > now_ns)
            *find(&more, r->list[i].key) = r->list[i];
    free(r->list);
    *r = more;
    return true;
}

enum repeated
repeats_count(struct repeats *r, uint64_t key, uint64_t now_ns, uint64_t window_ns, uint32_t most, uint64_t *wait_ns)
{
    key = key ? key : 1;
    struct repeat *at = r->cap ? find(r, key) : NULL;
    if ((at == NULL || at->key == 0) && (r->used + 1) * 2 > r->cap) {
        if (!make_room(r, now_ns, wait_ns)) {
            *wait_ns = *wait_ns == UINT64_MAX || *wait_ns <= now_ns ? window_ns : *wait_ns - now_ns;
            return REPEATED_TOO_MANY;
        }
        at = find(r, key);
    }
    if (at->key == 0) {
        r->used++;
        *at = (struct repeat){.key = key};
    }
    if (at->ends_ns <= now_ns) {
        at->ends_ns = now_ns + window_ns;
        at->count = 0;
    }
    if (at->count >= most) {
        *wait_ns = at->ends_ns - now_ns;
        return REPEATED_TOO_OFTEN;
    }
    at->count++;
    return REPEATED_COUNTED;
}

void
repeats_free(struct repeats *r)
{
    free(r->list);
    *r = (struct repeats){.max = r->max};
}
