/* Shared by the two HTTP fuzzers: a run of the reader over some bytes, cut where the input says, as a trace to compare. */
#ifndef FUZZ_HTTP_H
#define FUZZ_HTTP_H

#include <stdlib.h>

#include "net/http_parse.h"

#define MUST(cond)                                                                                                                                   \
    do {                                                                                                                                             \
        if (!(cond))                                                                                                                                 \
            abort();                                                                                                                                 \
    } while (0)

static const struct http_limits fuzz_limits = {.head_bytes = 2048, .headers = 8, .body_bytes = 4096};

/* What a head promises to those who use it without another look. */
static void
check_head(const struct http_parser *p)
{
    MUST(p->headers.n <= fuzz_limits.headers);
    MUST(!(p->chunked && p->has_length));
    MUST(p->head.n <= fuzz_limits.head_bytes);
    for (size_t i = 0; i < p->headers.n; i++) {
        struct http_header h = p->headers.list[i];
        MUST(h.name.n > 0 && http_token_ok(h.name) && http_value_ok(h.value));
        MUST(h.value.n == 0 || (h.value.at[0] != ' ' && h.value.at[h.value.n - 1] != ' '));
    }
    MUST(http_header_count(&p->headers, "content-length") <= 1);
    MUST(http_header_count(&p->headers, "transfer-encoding") <= 1);
    MUST(!p->chunked || bytes_same_case(http_header(&p->headers, "transfer-encoding"), BYTES("chunked")));
    if (p->response) {
        MUST(p->status >= 200 && p->status <= 599);
        return;
    }
    MUST(http_token_ok(p->method));
    MUST(http_target_ok(p->target) && p->path.n >= 1 && p->path.at[0] == '/');
    MUST(p->http10 || http_header_count(&p->headers, "host") == 1);
    MUST(!p->has_length || p->left <= fuzz_limits.body_bytes);
}

static void
put_head(struct buf *t, const struct http_parser *p)
{
    buf_printf(t, "H%d%d%d%d%d%d", p->status, p->close, p->chunked, p->until_close, p->expect_continue, p->upgrade);
    buf_put(t, p->method);
    buf_putc(t, 0);
    buf_put(t, p->target);
    for (size_t i = 0; i < p->headers.n; i++) {
        buf_putc(t, 0);
        buf_put(t, p->headers.list[i].name);
        buf_putc(t, 0);
        buf_put(t, p->headers.list[i].value);
    }
}

/* False once refused. Body parts follow one another in the trace, so that only their sum counts. */
static bool
feed(struct http_parser *p, struct bytes in, struct buf *t)
{
    struct bytes part;
    for (;;) {
        struct bytes before = in;
        switch (http_parse(p, &in, &part)) {
        case HTTP_MORE:
            MUST(in.n == 0);
            return true;
        case HTTP_HEAD:
            check_head(p);
            put_head(t, p);
            buf_puts(t, "\nB");
            break;
        case HTTP_BODY:
            MUST(part.n > 0 && part.at >= before.at && (in.n == 0 || part.at + part.n == in.at));
            MUST(p->response || p->body <= fuzz_limits.body_bytes);
            buf_put(t, part);
            break;
        case HTTP_END:
            MUST(http_parser_ended(p));
            buf_puts(t, "E\n");
            http_parser_next(p);
            break;
        case HTTP_BAD:
            MUST(p->bad_status >= 400 && p->bad_status <= 505 && p->bad);
            MUST(http_parse(p, &in, &part) == HTTP_BAD);
            buf_printf(t, "!%d %s", p->bad_status, p->bad);
            return false;
        }
    }
}

/* ${step} 0: in one piece; otherwise pieces of varying length up to it. */
static struct buf
run(struct bytes in, unsigned step, bool response, bool no_body)
{
    struct buf t = buf_make((size_t)1 << 24);
    struct http_parser p;
    http_parser_init(&p, &fuzz_limits, response);
    p.no_body = no_body;
    bool ok = true;
    unsigned seed = step;
    while (ok && in.n) {
        seed = seed * 1103515245u + 12345u;
        size_t n = step == 0 ? in.n : 1 + (seed >> 16) % step;
        /* A copy of its own: reading past a piece is an error that the sanitizer sees. */
        struct bytes piece = bytes_sub(in, 0, n);
        uint8_t *copy = malloc(piece.n);
        MUST(copy);
        memcpy(copy, piece.at, piece.n);
        ok = feed(&p, bytes_make(copy, piece.n), &t);
        free(copy);
        in = bytes_sub(in, n, SIZE_MAX);
    }
    if (ok)
        buf_puts(&t, http_parse_close(&p) == HTTP_END ? "C" : "T");
    http_parser_free(&p);
    return t;
}

static void
same_however_split(struct bytes in, bool response, bool no_body)
{
    static const unsigned steps[] = {1, 3, 17, 200};
    struct buf whole = run(in, 0, response, no_body);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct buf other = run(in, steps[i], response, no_body);
        MUST(bytes_eq(buf_bytes(&whole), buf_bytes(&other)));
        buf_free(&other);
    }
    buf_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
