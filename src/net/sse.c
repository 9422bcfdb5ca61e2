#include "net/http.h"

void
sse_reader_init(struct sse_reader *r, size_t max)
{
    *r = (struct sse_reader){.line = buf_make(max), .data = buf_make(max), .event = buf_make(max), .id = buf_make(max), .retry_ms = -1, .max = max};
}

void
sse_reader_free(struct sse_reader *r)
{
    buf_free(&r->line);
    buf_free(&r->data);
    buf_free(&r->event);
    buf_free(&r->id);
}

static void
set(struct buf *b, struct bytes value)
{
    b->n = 0;
    buf_put(b, value);
}

static void
take_retry(struct sse_reader *r, struct bytes value)
{
    uint64_t ms;
    if (bytes_u64(value, &ms) && ms <= INT64_MAX)
        r->retry_ms = (int64_t)ms;
}

/* One line that is not empty (§9.2.6): "field: value", one space behind the colon not counting; ":…" is a comment. */
static void
take_line(struct sse_reader *r, struct bytes line)
{
    struct bytes value = line, name = bytes_split(&value, ':');
    if (value.n && value.at[0] == ' ')
        value = bytes_sub(value, 1, SIZE_MAX);
    if (bytes_is(name, "data")) {
        buf_put(&r->data, value);
        buf_putc(&r->data, '\n');
    } else if (bytes_is(name, "event"))
        set(&r->event, value);
    else if (bytes_is(name, "id") && bytes_find(value, 0) == value.n) {
        set(&r->id, value);
        r->has_id = true;
    } else if (bytes_is(name, "retry"))
        take_retry(r, value);
}

static void
dispatch(struct sse_reader *r, void (*on_event)(const struct sse_event *e, void *ctx), void *ctx)
{
    struct bytes data = buf_bytes(&r->data);
    bool given = data.n > 0 || r->has_id || r->retry_ms >= 0;
    struct sse_event e = {
        .event = r->event.n ? buf_bytes(&r->event) : BYTES("message"),
        .data = bytes_sub(data, 0, data.n ? data.n - 1 : 0), /* without the last \n */
        .id = buf_bytes(&r->id),
        .has_id = r->has_id,
        .retry_ms = r->retry_ms,
    };
    if (given)
        on_event(&e, ctx);
    r->data.n = r->event.n = r->id.n = 0;
    r->has_id = false;
    r->retry_ms = -1;
}

static bool
within(const struct sse_reader *r)
{
    if (r->line.failed || r->data.failed || r->event.failed || r->id.failed)
        return false;
    return r->line.n + r->data.n + r->event.n + r->id.n <= r->max;
}

static void
end_line(struct sse_reader *r, void (*on_event)(const struct sse_event *e, void *ctx), void *ctx)
{
    struct bytes line = buf_bytes(&r->line);
    if (!r->started && bytes_starts(line, BYTES("\xef\xbb\xbf"))) /* one byte order mark at the very start */
        line = bytes_sub(line, 3, SIZE_MAX);
    r->started = true;
    if (line.n)
        take_line(r, line);
    else
        dispatch(r, on_event, ctx);
    r->line.n = 0;
}

static size_t
line_end(struct bytes b)
{
    size_t lf = bytes_find(b, '\n');
    return bytes_find(bytes_sub(b, 0, lf), '\r');
}

struct err
sse_feed(struct sse_reader *r, struct bytes part, void (*on_event)(const struct sse_event *e, void *ctx), void *ctx)
{
    while (part.n) {
        if (r->after_cr && part.at[0] == '\n') { /* the second half of CR LF */
            r->after_cr = false;
            part = bytes_sub(part, 1, SIZE_MAX);
            continue;
        }
        size_t n = line_end(part);
        buf_put(&r->line, bytes_sub(part, 0, n));
        if (!within(r))
            return err_make(E_LIMIT, "an event of the stream is larger than %zu bytes", r->max);
        if (n == part.n)
            break;
        r->after_cr = part.at[n] == '\r';
        part = bytes_sub(part, n + 1, SIZE_MAX);
        end_line(r, on_event, ctx);
        if (!within(r))
            return err_make(E_LIMIT, "an event of the stream is larger than %zu bytes", r->max);
    }
    if (part.n)
        r->after_cr = false;
    return err_ok();
}

/* A line break in a name or id would begin another field. */
static void
put_field(struct buf *b, const char *name, struct bytes value)
{
    buf_puts(b, name);
    buf_puts(b, ": ");
    for (size_t i = 0; i < value.n; i++)
        buf_putc(b, value.at[i] == '\r' || value.at[i] == '\n' ? ' ' : value.at[i]);
    buf_putc(b, '\n');
}

void
sse_format(struct buf *b, const char *event, const char *id, struct bytes data)
{
    if (event)
        put_field(b, "event", bytes_str(event));
    if (id)
        put_field(b, "id", bytes_str(id));
    do {
        size_t n = line_end(data);
        buf_puts(b, "data: ");
        buf_put(b, bytes_sub(data, 0, n));
        buf_putc(b, '\n');
        bool pair = n + 1 < data.n && data.at[n] == '\r' && data.at[n + 1] == '\n';
        bool more = n < data.n;
        data = bytes_sub(data, n + 1 + pair, SIZE_MAX);
        if (more && data.n == 0)
            buf_puts(b, "data: \n"); /* the break stood at the end */
    } while (data.n);
    buf_putc(b, '\n');
}
