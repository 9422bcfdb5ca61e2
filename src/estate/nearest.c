#include "estate/load.h"

#include <stdio.h>

#define WORD_MAX 64u

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits that turn ${a} into ${b}: insert, delete, replace, swap two neighbours (optimal string alignment). Both at most WORD_MAX. */
static size_t
distance(struct bytes a, struct bytes b)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t k = 0; k <= b.n; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= b.n; k++) {
            bool same = a.at[i - 1] == b.at[k - 1];
            now[k] = least(least(now[k - 1], before[k]) + 1, before[k - 1] + !same);
            if (i > 1 && k > 1 && a.at[i - 1] == b.at[k - 2] && a.at[i - 2] == b.at[k - 1])
                now[k] = least(now[k], older[k - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

struct nearest
nearest_for(struct bytes wanted)
{
    return (struct nearest){.wanted = wanted, .distance = wanted.n / 3 + 2}; /* farther away is another word */
}

void
nearest_offer(struct nearest *n, struct bytes name)
{
    if (n->wanted.n > WORD_MAX || name.n > WORD_MAX || name.n == 0)
        return;
    size_t d = distance(n->wanted, name);
    if (d >= n->distance)
        return;
    n->distance = d;
    n->best = name;
}

const char *
nearest_hint(const struct nearest *n, char out[HINT_MAX])
{
    out[0] = 0;
    if (n->best.n)
        snprintf(out, HINT_MAX, "; did you mean '%.*s'?", BYTES_CUT(n->best, WORD_MAX));
    return out;
}
