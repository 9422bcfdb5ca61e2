#include "cedar/nearest.h"

#include "cedar/unicode.h"

struct nearest
nearest_to(struct cedar_str word)
{
    struct nearest n = {.word = word, .distance = SIZE_MAX};
    while (word.n > 0 && n.n < NEAREST_MAX)
        n.characters[n.n++] = unicode_next(&word);
    if (word.n > 0)
        n.n = 0;
    return n;
}

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t
distance(const struct nearest *n, struct cedar_str candidate)
{
    size_t row[NEAREST_MAX + 1];
    for (size_t i = 0; i <= n->n; i++)
        row[i] = i;
    for (size_t j = 1; candidate.n > 0; j++) {
        uint32_t c = unicode_next(&candidate);
        size_t diagonal = row[0];
        row[0] = j;
        for (size_t i = 1; i <= n->n; i++) {
            size_t keep = diagonal;
            diagonal = row[i];
            row[i] = n->characters[i - 1] == c ? keep : 1 + least(keep, least(row[i], row[i - 1]));
        }
    }
    return row[n->n];
}

void
nearest_try(struct nearest *n, struct cedar_str candidate, uint64_t *left)
{
    uint64_t cost = (uint64_t)n->n * (candidate.n + 1);
    if (n->n == 0 || cost >= *left)
        return;
    *left -= cost;
    size_t d = distance(n, candidate);
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}
