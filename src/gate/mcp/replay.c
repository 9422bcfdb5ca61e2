/*
 * Streams of 2025-11-25 that can be taken up again (Last-Event-ID): every event has an id, STREAM-NUMBER, and the last ones of a session are
 * kept. Stream 0 is the one that belongs to no request.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate/mcp/mcp.h"

#define KEPT_MAX 512 /* events of one session */
#define KEPT_BYTES ((size_t)4 << 20)

struct kept {
    struct kept *next; /* oldest first */
    unsigned stream;
    uint64_t number;
    size_t n;
    uint8_t text[];
};

static void
drop_oldest(struct session *s)
{
    struct kept *k = s->kept;
    s->kept = k->next;
    if (s->kept == NULL)
        s->kept_last = &s->kept;
    s->n_kept--;
    s->kept_bytes -= k->n;
    free(k);
}

void
replay_next(struct session *s, unsigned stream, struct bytes message, char id[REPLAY_ID_MAX])
{
    uint64_t number = ++s->next_event;
    snprintf(id, REPLAY_ID_MAX, "%u-%llu", stream, (unsigned long long)number);
    if (s->kept_last == NULL)
        s->kept_last = &s->kept;
    struct kept *k = message.n <= KEPT_BYTES ? malloc(sizeof *k + message.n) : NULL;
    if (k == NULL) { /* this one cannot be replayed; who comes back for it, or for one before it, is told so */
        replay_free(s);
        return;
    }
    *k = (struct kept){.stream = stream, .number = number, .n = message.n};
    memcpy(k->text, message.at, message.n);
    *s->kept_last = k;
    s->kept_last = &k->next;
    s->n_kept++;
    s->kept_bytes += k->n;
    while (s->kept && (s->n_kept > KEPT_MAX || s->kept_bytes > KEPT_BYTES))
        drop_oldest(s);
}

bool
replay_read(struct bytes id, unsigned *stream, uint64_t *after)
{
    uint64_t n;
    size_t dash = bytes_find(id, '-');
    if (dash == id.n || !bytes_u64(bytes_sub(id, 0, dash), &n) || n > UINT32_MAX || !bytes_u64(bytes_sub(id, dash + 1, id.n), after))
        return false;
    *stream = (unsigned)n;
    return true;
}

bool
replay_whole(const struct session *s, uint64_t after)
{
    uint64_t oldest = s->kept ? s->kept->number : s->next_event + 1;
    return after <= s->next_event && after + 1 >= oldest;
}

void
replay_give(struct session *s, unsigned stream, uint64_t after, void (*give)(void *ctx, const char *id, struct bytes message), void *ctx)
{
    for (const struct kept *k = s->kept; k; k = k->next) {
        char id[REPLAY_ID_MAX];
        if (k->stream != stream || k->number <= after)
            continue;
        snprintf(id, sizeof id, "%u-%llu", stream, (unsigned long long)k->number);
        give(ctx, id, bytes_make(k->text, k->n));
    }
}

void
replay_free(struct session *s)
{
    while (s->kept)
        drop_oldest(s);
}
