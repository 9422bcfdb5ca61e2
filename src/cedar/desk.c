#include "cedar/desk.h"

#include <stdlib.h>

void
desk_free(struct desk *d)
{
    if (d == NULL)
        return;
    free(d->memos);
    free(d->registers);
    free(d->frames);
    free(d->marks);
    free(d);
}

/* At least ${n} zeroed pieces at *${at}; what was there is not needed. */
static bool
fit(void **at, size_t *have, size_t n, size_t size)
{
    if (n <= *have)
        return true;
    void *more = calloc(n, size);
    if (more == NULL)
        return false;
    free(*at);
    *at = more;
    *have = n;
    return true;
}

struct desk *
desk_fit(struct cedar_scratch *s, size_t memos, size_t registers, size_t frames, size_t policies)
{
    struct desk *d = s->desk;
    size_t words = marks_words(policies), marks = words + marks_words(words);
    if (d && d->n_memos >= memos && d->n_registers >= registers && d->n_frames >= frames && d->n_marks >= marks)
        return d;
    if (d == NULL && (d = s->desk = calloc(1, sizeof *d)) == NULL)
        return NULL;
    bool ok = fit((void **)&d->memos, &d->n_memos, memos, sizeof *d->memos) &&
              fit((void **)&d->registers, &d->n_registers, registers, sizeof *d->registers) &&
              fit((void **)&d->frames, &d->n_frames, frames, sizeof *d->frames) && fit((void **)&d->marks, &d->n_marks, marks, sizeof *d->marks);
    return ok ? d : NULL;
}
