#include "base/sort.h"

#include "base/err.h"

#include <string.h>

struct heap {
    char *at;
    size_t size;
    int (*compare)(const void *, const void *);
};

static void
swap(const struct heap *h, size_t i, size_t k)
{
    UNINITIALIZED char one[SORT_SIZE_MAX];
    memcpy(one, h->at + i * h->size, h->size);
    memcpy(h->at + i * h->size, h->at + k * h->size, h->size);
    memcpy(h->at + k * h->size, one, h->size);
}

static bool
above(const struct heap *h, size_t i, size_t k)
{
    return h->compare(h->at + i * h->size, h->at + k * h->size) > 0;
}

static void
sift(const struct heap *h, size_t n, size_t at)
{
    for (size_t kid; (kid = 2 * at + 1) < n; at = kid) {
        if (kid + 1 < n && above(h, kid + 1, kid))
            kid++;
        if (!above(h, kid, at))
            return;
        swap(h, at, kid);
    }
}

void
sort_in_place(void *list, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    struct heap h = {list, size, compare};
    if (size > SORT_SIZE_MAX)
        return;
    for (size_t i = n / 2; i-- > 0;)
        sift(&h, n, i);
    for (size_t i = n; i-- > 1;) {
        swap(&h, 0, i);
        sift(&h, i, 0);
    }
}
