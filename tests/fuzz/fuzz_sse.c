/* Event streams: any split gives the same events, bounded, without line breaks in names; and what is written is read back. */
#include <stdlib.h>

#include "net/http.h"

#define EVENT_MAX 512
#define MUST(cond)                                                                                                                                   \
    do {                                                                                                                                             \
        if (!(cond))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
note(const struct sse_event *e, void *ctx)
{
    struct buf *t = ctx;
    /* An event without a name gets one, which the reader did not have to hold. */
    size_t name = bytes_is(e->event, "message") ? 0 : e->event.n;
    MUST(e->event.n > 0 && name + e->data.n + e->id.n <= EVENT_MAX);
    MUST(bytes_find(e->event, '\n') == e->event.n && bytes_find(e->event, '\r') == e->event.n);
    MUST(bytes_find(e->data, '\r') == e->data.n && bytes_find(e->id, 0) == e->id.n);
    MUST(e->retry_ms >= -1);
    buf_put(t, e->event);
    buf_putc(t, 0);
    buf_put(t, e->data);
    buf_putc(t, 0);
    buf_put(t, e->id);
    buf_printf(t, "%d %lld;", e->has_id, (long long)e->retry_ms);
}

static struct buf
run(struct bytes in, size_t step)
{
    struct buf t = buf_make((size_t)1 << 22);
    struct sse_reader r;
    sse_reader_init(&r, EVENT_MAX);
    for (size_t at = 0; at < in.n; at += step) {
        struct err e = sse_feed(&r, bytes_sub(in, at, step), note, &t);
        if (!err_failed(e))
            continue;
        MUST(e.code == E_LIMIT);
        buf_puts(&t, "!");
        break;
    }
    sse_reader_free(&r);
    return t;
}

static void
note_data(const struct sse_event *e, void *ctx)
{
    buf_put(ctx, e->data);
    buf_puts(ctx, "|");
}

static void
written_is_read(struct bytes data)
{
    struct buf wire = buf_make((size_t)1 << 22), plain = buf_make((size_t)1 << 22), got = buf_make((size_t)1 << 22);
    for (size_t i = 0; i < data.n; i++) {
        if (data.at[i] == '\r' && i + 1 < data.n && data.at[i + 1] == '\n')
            continue;
        buf_putc(&plain, data.at[i] == '\r' ? '\n' : data.at[i]);
    }
    buf_puts(&plain, "|");
    sse_format(&wire, "e", "1", data);
    struct sse_reader r;
    sse_reader_init(&r, (size_t)1 << 22);
    struct err e = sse_feed(&r, buf_bytes(&wire), note_data, &got);
    MUST(!err_failed(e) && bytes_eq(buf_bytes(&plain), buf_bytes(&got)));
    sse_reader_free(&r);
    buf_free(&wire);
    buf_free(&plain);
    buf_free(&got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_make(data, size);
    struct buf whole = run(in, 1);
    static const size_t steps[] = {2, 7, 64};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct buf other = run(in, steps[i]);
        /* Where the limit falls within a piece, the same events came before it. */
        MUST(bytes_eq(buf_bytes(&whole), buf_bytes(&other)));
        buf_free(&other);
    }
    buf_free(&whole);
    written_is_read(in);
    return 0;
}
