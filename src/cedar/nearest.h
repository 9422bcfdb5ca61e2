/* The nearest of many words, for "did you mean": by Levenshtein distance in characters, the first of those that are equally near. */
#ifndef CEDAR_NEAREST_H
#define CEDAR_NEAREST_H

#include "cedar/text.h"

#define NEAREST_MAX 256u /* characters; longer words have no neighbours */

struct nearest {
    struct cedar_str word, best; /* best.at == NULL: none yet */
    size_t distance;
    uint32_t characters[NEAREST_MAX];
    size_t n;
};

/* nearest_to(word): begin. An empty word has no neighbours. */
struct nearest nearest_to(struct cedar_str word);
/* nearest_try(n, candidate, left): takes the product of both lengths from *${left}, and does nothing when it is spent. */
void nearest_try(struct nearest *n, struct cedar_str candidate, uint64_t *left);

#endif
