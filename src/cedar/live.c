/*
 * Replacing an engine under readers. The engine in force and its generation change under one lock; a reader compares the generation that
 * it last saw with the current one, an atomic load of a word that is written only by replacements, and takes the lock when they differ.
 */
#include <pthread.h>
#include <stdlib.h>

#include "cedar/engine.h"

struct cedar_live {
    pthread_mutex_t lock;
    struct cedar_engine *engine;
    uint64_t generation; /* from 1 */
};

struct cedar_reader {
    struct cedar_live *live;
    struct cedar_engine *engine;
    uint64_t generation;
};

struct cedar_live *
cedar_live_new(struct cedar_engine *first)
{
    struct cedar_live *l = calloc(1, sizeof *l);
    if (l == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l);
        return NULL;
    }
    l->engine = cedar_engine_ref(first);
    l->generation = 1;
    return l;
}

void
cedar_live_replace(struct cedar_live *l, struct cedar_engine *next)
{
    cedar_engine_ref(next);
    pthread_mutex_lock(&l->lock);
    struct cedar_engine *before = l->engine;
    l->engine = next;
    __atomic_store_n(&l->generation, l->generation + 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&l->lock);
    cedar_engine_unref(before);
}

void
cedar_live_free(struct cedar_live *l)
{
    if (l == NULL)
        return;
    cedar_engine_unref(l->engine);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

struct cedar_reader *
cedar_reader_new(struct cedar_live *l)
{
    struct cedar_reader *r = calloc(1, sizeof *r);
    if (r)
        r->live = l;
    return r;
}

const struct cedar_engine *
cedar_reader_engine(struct cedar_reader *r)
{
    struct cedar_live *l = r->live;
    if (r->generation == __atomic_load_n(&l->generation, __ATOMIC_ACQUIRE))
        return r->engine;
    pthread_mutex_lock(&l->lock);
    struct cedar_engine *next = cedar_engine_ref(l->engine);
    r->generation = l->generation;
    pthread_mutex_unlock(&l->lock);
    cedar_engine_unref(r->engine);
    return r->engine = next;
}

void
cedar_reader_free(struct cedar_reader *r)
{
    if (r == NULL)
        return;
    cedar_engine_unref(r->engine);
    free(r);
}
