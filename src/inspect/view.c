#include <stdio.h>
#include <stdlib.h>

#include "inspect/room.h"

#define DEPTH_MAX 256u /* as the JSON reader's */
#define KEPT_BYTES ((size_t)1 << 20)

void *
room_grow(struct inspect_room *r, void **list, size_t n, size_t *cap, size_t size)
{
    if (n == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        void *at = realloc(*list, more * size);
        if (at == NULL) {
            r->incomplete = "no memory to look at all of it";
            return NULL;
        }
        *list = at;
        *cap = more;
    }
    return (char *)*list + n * size;
}

struct inspect_room *
inspect_room_make(void)
{
    struct inspect_room *r = calloc(1, sizeof *r);
    if (r && (r->regex = regex_room_make()) == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

void
inspect_room_free(struct inspect_room *r)
{
    if (r == NULL)
        return;
    if (r->stream)
        hs_close_stream(r->stream, NULL, NULL, NULL);
    hs_free_scratch(r->scratch);
    regex_room_free(r->regex);
    buf_free(&r->view);
    buf_free(&r->decoded);
    buf_free(&r->joined);
    free(r->segments);
    free(r->frames);
    free(r->origins);
    free(r->parts);
    free(r->found);
    free(r->next);
    free(r);
}

/* A large message is rare: its room is not kept. */
void
view_trim(struct inspect_room *r)
{
    struct buf *const bufs[] = {&r->view, &r->decoded, &r->joined};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        if (bufs[i]->cap > KEPT_BYTES)
            buf_free(bufs[i]);
    if (r->cap_segments * sizeof *r->segments > KEPT_BYTES) {
        free(r->segments);
        r->segments = NULL;
        r->cap_segments = 0;
    }
    r->n_segments = r->n_frames = r->n_origins = r->n_found = 0;
}

struct cursor {
    const struct json *holder, *next;
    uint32_t frame, index;
};

struct writer {
    struct inspect_room *r;
    struct cursor stack[DEPTH_MAX];
    size_t depth, max;
};

static bool
fits(struct writer *w, size_t n)
{
    struct inspect_room *r = w->r;
    if (r->view.n + n + 8 > w->max && r->incomplete == NULL)
        r->incomplete = "it is larger than max_bytes of inspection.yaml";
    return r->incomplete == NULL;
}

static void
put_segment(struct writer *w, const struct json *node, struct bytes text, uint32_t frame, uint32_t index, enum segment_kind kind)
{
    struct inspect_room *r = w->r;
    struct segment *s = fits(w, text.n) ? ROOM_PUSH(r, segments, n_segments, cap_segments) : NULL;
    if (s == NULL)
        return;
    bool quoted = kind != SEGMENT_NUMBER;
    if (quoted)
        buf_putc(&r->view, '"');
    *s = (struct segment){.at = r->view.n, .n = text.n, .node = node, .frame = frame, .index = index, .kind = kind};
    r->n_segments++;
    buf_put(&r->view, text);
    if (quoted)
        buf_putc(&r->view, '"');
    buf_putc(&r->view, kind == SEGMENT_KEY ? ':' : '\n');
}

static void
open_frame(struct writer *w, const struct json *node, uint32_t parent, uint32_t index, uint32_t key)
{
    struct inspect_room *r = w->r;
    if (w->depth == DEPTH_MAX)
        r->incomplete = "it is nested too deep";
    struct frame *f = r->incomplete ? NULL : ROOM_PUSH(r, frames, n_frames, cap_frames);
    if (f == NULL)
        return;
    *f = (struct frame){node, parent, index, key};
    w->stack[w->depth++] = (struct cursor){node, node->child, (uint32_t)r->n_frames++, 0};
    if (key != UINT32_MAX)
        buf_putc(&r->view, '\n');
}

static void
put_value(struct writer *w, const struct json *v, uint32_t frame, uint32_t index, uint32_t key)
{
    switch (v->type) {
    case JSON_STRING:
        put_segment(w, v, v->text, frame, index, SEGMENT_TEXT);
        break;
    case JSON_INT:
    case JSON_NUMBER:
        put_segment(w, v, v->raw, frame, index, SEGMENT_NUMBER);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        open_frame(w, v, frame, index, key);
        break;
    default:
        buf_putc(&w->r->view, '\n');
    }
}

void
view_build(struct inspect_room *r, const struct json *value, size_t max)
{
    UNINITIALIZED struct writer w; /* of its stack, only what is under ${depth} counts */
    w.r = r;
    w.max = max;
    w.depth = 0;
    r->n_segments = r->n_frames = 0;
    r->view.n = 0;
    r->view.failed = false;
    r->view.max = max + 64;
    put_value(&w, value, UINT32_MAX, 0, UINT32_MAX);
    while (w.depth && r->incomplete == NULL) {
        struct cursor *c = &w.stack[w.depth - 1];
        const struct json *v = c->next;
        if (v == NULL) {
            w.depth--;
            continue;
        }
        uint32_t frame = c->frame, index = c->index++, key = UINT32_MAX;
        c->next = v->next;
        if (c->holder->type == JSON_OBJECT) {
            key = (uint32_t)r->n_segments;
            put_segment(&w, v, v->key, frame, index, SEGMENT_KEY);
        }
        put_value(&w, v, frame, index, key);
    }
    if (r->view.failed && r->incomplete == NULL)
        r->incomplete = "no memory to look at all of it";
}

size_t
view_segment(const struct inspect_room *r, size_t at)
{
    size_t low = 0, high = r->n_segments;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->segments[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : r->n_segments;
}

/* ---------------------------------------------------------------------------------------------------------- places */

#define NAME_SHOWN 40u /* longer names of members are not shown: they are data */

static void
put_step(const struct inspect_room *r, const struct json *holder, const struct json *node, uint32_t index, bool hidden, struct buf *b)
{
    (void)r;
    buf_putc(b, '/');
    if (holder->type != JSON_OBJECT) {
        buf_printf(b, "%u", index);
    } else if (hidden || node->key.n > NAME_SHOWN) {
        buf_putc(b, '*');
    } else {
        for (size_t i = 0; i < node->key.n; i++)
            if (node->key.at[i] == '~' || node->key.at[i] == '/')
                buf_puts(b, node->key.at[i] == '~' ? "~0" : "~1");
            else
                buf_putc(b, node->key.at[i] < 0x20 ? '?' : node->key.at[i]);
    }
}

void
view_place(const struct inspect_room *r, const struct segment *s, char out[PLACE_MAX])
{
    uint32_t chain[DEPTH_MAX];
    size_t n = 0;
    struct buf b = buf_make(PLACE_MAX - 1);
    for (uint32_t f = s->frame; f != UINT32_MAX && n < DEPTH_MAX; f = r->frames[f].parent)
        chain[n++] = f;
    while (n--) {
        const struct frame *f = &r->frames[chain[n]];
        if (f->parent != UINT32_MAX)
            put_step(r, r->frames[f->parent].node, f->node, f->index, f->key != UINT32_MAX && r->segments[f->key].tainted, &b);
    }
    if (s->frame != UINT32_MAX) {
        size_t own = (size_t)(s - r->segments);
        bool hidden = s->tainted || (s->kind != SEGMENT_KEY && own && r->segments[own - 1].kind == SEGMENT_KEY && r->segments[own - 1].tainted);
        put_step(r, r->frames[s->frame].node, s->node, s->index, hidden, &b);
    }
    size_t kept = b.n;
    while (kept && !bytes_utf8(bytes_make(b.at, kept))) /* cut at the end of its room */
        kept--;
    snprintf(out, PLACE_MAX, "%.*s", (int)kept, kept ? (const char *)b.at : "");
    buf_free(&b);
}
