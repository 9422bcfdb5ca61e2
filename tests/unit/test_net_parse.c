/* The pure parts of src/net: the HTTP reader, URLs, server-sent events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/http_head.h"
#include "net/url.h"
#include "test_net_hostile.h"

/* What the reader made of some bytes, as text: "H GET / 1" (head), "B 5" never split, "E" (end), "400" (refused). */
struct trace {
    struct buf text, body;
};

static void
note_head(struct trace *t, const struct http_parser *p)
{
    if (p->response)
        buf_printf(&t->text, "H %d %zu;", p->status, p->headers.n);
    else
        buf_printf(&t->text, "H %.*s %.*s %zu;", BYTES_ARG(p->method), BYTES_ARG(p->target), p->headers.n);
}

static bool
feed(struct http_parser *p, struct bytes in, struct trace *t)
{
    struct bytes part;
    for (;;) {
        switch (http_parse(p, &in, &part)) {
        case HTTP_MORE:
            assert_int_equal(in.n, 0);
            return true;
        case HTTP_HEAD:
            note_head(t, p);
            break;
        case HTTP_BODY:
            buf_put(&t->body, part);
            break;
        case HTTP_END:
            buf_printf(&t->text, "E %.*s;", BYTES_ARG(buf_bytes(&t->body)));
            t->body.n = 0;
            http_parser_next(p);
            break;
        case HTTP_BAD:
            buf_printf(&t->text, "%d", p->bad_status);
            return false;
        }
    }
}

/* The whole run, in parts of ${step} bytes (0: all at once); the text is malloc'd. */
static char *
run(struct bytes in, size_t step, bool response, bool no_body, const struct http_limits *limits)
{
    struct http_parser p;
    struct trace t = {buf_make(1 << 20), buf_make(1 << 20)};
    http_parser_init(&p, limits ? limits : &http_limits_default, response);
    p.no_body = no_body;
    bool ok = true;
    for (size_t at = 0; ok && at < in.n; at += step ? step : in.n)
        ok = feed(&p, bytes_sub(in, at, step ? step : in.n), &t);
    if (ok && response)
        buf_puts(&t.text, http_parse_close(&p) == HTTP_END ? "C" : "T");
    char *text = strdup(buf_text(&t.text));
    buf_free(&t.text);
    buf_free(&t.body);
    http_parser_free(&p);
    return text;
}

static void
assert_run(struct bytes in, bool response, bool no_body, const struct http_limits *limits, const char *wanted)
{
    for (size_t step = 0; step < 4; step++) {
        char *got = run(in, step, response, no_body, limits);
        if (strcmp(got, wanted) != 0)
            print_message("%.*s", BYTES_ARG(in));
        assert_string_equal(got, wanted);
        free(got);
    }
}

static void
hostile_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_HOSTILE; i++)
        for (size_t step = 0; step < 4; step++) {
            char *got = run(hostile[i].request, step, false, false, NULL);
            const char *last = strrchr(got, ';');
            if (atoi(last ? last + 1 : got) != hostile[i].status)
                fail_msg("request %zu, parts of %zu: %s, wanted %d:\n%.*s", i, step, got, hostile[i].status, BYTES_ARG(hostile[i].request));
            free(got);
        }
}

static void
good_requests(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } good[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "H GET / 1;E ;"},
        {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "H GET / 1;E ;"},
        {"GET / HTTP/1.0\r\n\r\n", "H GET / 0;E ;"},
        {"GET /a?b=c%20d&e HTTP/1.1\r\nHost: [::1]:8080\r\nX:\r\nY: \t y \t\r\n\r\n", "H GET /a?b=c%20d&e 3;E ;"},
        {"GET http://A:1/x?y HTTP/1.1\r\nHost: a:1\r\n\r\n", "H GET /x?y 1;E ;"},
        {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", "H GET / 1;E ;"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "H POST / 2;E hello;H GET /2 1;E ;"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\nX: y\r\n\r\n",
         "H POST / 2;E hello world;"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n00\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
         "H POST / 2;E 0123456789;H GET / 1;E ;"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", "H POST / 2;"},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n\r\n", "H GET / 2;E ;"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_run(bytes_str(good[i].in), false, false, NULL, good[i].out);
}

static void
responses(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        bool no_body;
    } list[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "H 200 1;E ok;C", false},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "H 200 1;E ;C", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "H 200 1;T", false},
        {"HTTP/1.1 200 OK\r\n\r\nall the rest", "H 200 0;C", false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "H 200 1;E ok;C", false},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "H 200 1;T", false},
        {"HTTP/1.1 204 No Content\r\n\r\n", "H 204 0;E ;C", false},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "H 304 1;E ;C", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "H 200 1;E ;C", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "H 200 1;E ;C", true},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "H 200 1;E x;C", false},
        {"HTTP/1.1 101 Switching\r\n\r\n", "400", false},
        {"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n", "400", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "400", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "400", false},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "400", false},
        {"HTTP/1.1 20 OK\r\n\r\n", "400", false},
        {"HTTP/1.1 2000 OK\r\n\r\n", "400", false},
        {"HTTP/1.1 600 OK\r\n\r\n", "400", false},
        {"HTTP/1.1  200 OK\r\n\r\n", "400", false},
        {"HTTP/2 200\r\n\r\n", "400", false},
        {"ICY 200 OK\r\n\r\n", "400", false},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", "400", false},
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "400", false},
        {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "400", false},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        assert_run(bytes_str(list[i].in), true, list[i].no_body, NULL, list[i].out);
}

static void
interim_responses_are_bounded(void **state)
{
    (void)state;
    struct buf b = buf_make(4096);
    for (int i = 0; i < 9; i++)
        buf_puts(&b, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_run(buf_bytes(&b), true, false, NULL, "400");
    buf_free(&b);
}

static void
limits_hold_exactly(void **state)
{
    (void)state;
    struct bytes head = BYTES("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
    struct http_limits l = http_limits_default;
    l.head_bytes = head.n;
    l.headers = 2;
    assert_run(head, false, false, &l, "H GET / 2;E ;");
    l.head_bytes = head.n - 1;
    assert_run(head, false, false, &l, "431");
    l.head_bytes = 10;
    assert_run(head, false, false, &l, "414");
    l = http_limits_default;
    l.headers = 1;
    assert_run(head, false, false, &l, "431");
    l = http_limits_default;
    l.body_bytes = 4;
    assert_run(BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"), false, false, &l, "H POST / 2;E abcd;");
    assert_run(BYTES("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde"), false, false, &l, "413");
    assert_run(BYTES(CHUNKED "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"), false, false, &l, "H POST / 2;E abcd;");
    assert_run(BYTES(CHUNKED "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"), false, false, &l, "H POST / 2;413");
}

/* Extensions and trailers are read past, but not without end: a byte of body for kilobytes of them would be an attack. */
static void
chunk_overhead_is_bounded(void **state)
{
    (void)state;
    struct buf b = buf_make(1 << 20);
    buf_puts(&b, CHUNKED);
    for (int i = 0; i < 40; i++)
        buf_printf(&b, "1;%01000d\r\nx\r\n", 0);
    char *got = run(buf_bytes(&b), 0, false, false, NULL);
    assert_string_equal(got, "H POST / 2;431");
    free(got);
    buf_free(&b);
}

static void
head_fields(void **state)
{
    (void)state;
    struct http_parser p;
    struct bytes part, in = BYTES("GET /a/b?c?d HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: x\r\nA: 1\r\na: 2\r\nE:\r\n\r\n");
    http_parser_init(&p, &http_limits_default, false);
    assert_int_equal(http_parse(&p, &in, &part), HTTP_HEAD);
    assert_true(bytes_is(p.path, "/a/b"));
    assert_true(bytes_is(p.query, "c?d"));
    assert_true(p.upgrade);
    assert_false(p.close);
    assert_true(bytes_is(http_header(&p.headers, "a"), "1"));
    assert_int_equal(http_header_count(&p.headers, "A"), 2);
    assert_non_null(http_header(&p.headers, "e").at);
    assert_null(http_header(&p.headers, "f").at);
    http_parser_free(&p);
}

static void
urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *origin, *host, *target;
        uint16_t port;
    } good[] = {
        {"http://a", "http://a", "a", "/", 80},
        {"http://a/b?c", "http://a", "a", "/b?c", 80},
        {"https://a.b:8443/x", "https://a.b:8443", "a.b", "/x", 8443},
        {"https://a/", "https://a", "a", "/", 443},
        {"http://[::1]:81/", "http://[::1]:81", "::1", "/", 81},
        {"http://[::1]/", "http://[::1]", "::1", "/", 80},
        {"unix:/run/a.sock:/b", "unix:/run/a.sock:", "/run/a.sock", "/b", 0},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct url u;
        assert_false(err_failed(url_parse(good[i].url, &u)));
        assert_true(bytes_is(u.origin, good[i].origin));
        assert_string_equal(u.host, good[i].host);
        assert_true(bytes_is(u.target, good[i].target));
        assert_int_equal(u.port, good[i].port);
    }
    static const char *const bad[] = {"",
                                      "a",
                                      "ftp://a/",
                                      "http://",
                                      "http:///x",
                                      "http://u:p@a/",
                                      "http://a b/",
                                      "http://a:0/",
                                      "http://a:x/",
                                      "http://a:/",
                                      "http://[::1",
                                      "http://a/ b",
                                      "http://a/\r\nX: y",
                                      "http://a/%0",
                                      "unix:a:/b",
                                      "unix:",
                                      "http://a#b",
                                      "HTTP://a/",
                                      "http://a/\xc3\xa4",
                                      "http://a?b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct url u;
        if (!err_failed(url_parse(bad[i], &u)))
            fail_msg("taken: %s", bad[i]);
    }
    struct url u;
    char path[200] = "unix:/";
    memset(path + 6, 'a', 150);
    assert_int_equal(url_parse(path, &u).code, E_USAGE);
}

static void
headers_to_be_written_are_checked(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"X\r\nY", "a"}, {"X", "a\r\nY: b"}, {"X", "a\nb"}, {"", "a"}, {"X:", "a"}, {"X y", "a"}, {"X", "\x01"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_header h = {bytes_str(bad[i][0]), bytes_str(bad[i][1])};
        assert_false(http_headers_ok(&h, 1));
    }
    struct http_header own[] = {{BYTES("CONNECTION"), BYTES("x")}, {BYTES("Content-length"), BYTES("3")}, {BYTES("X-A"), BYTES("b")}};
    struct buf b = buf_make(1000);
    assert_true(http_headers_ok(own, 3));
    http_put_headers(&b, own, 3);
    assert_string_equal(buf_text(&b), "X-A: b\r\n");
    buf_free(&b);
}

/* ------------------------------------------------------------------------------------------------------------------------------ */

static void
note_event(const struct sse_event *e, void *ctx)
{
    buf_printf(ctx, "[%.*s|%.*s|%s%.*s|%lld]", BYTES_ARG(e->event), BYTES_ARG(e->data), e->has_id ? "#" : "", BYTES_ARG(e->id),
               (long long)e->retry_ms);
}

static void
events(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } list[] = {
        {"data: a\n\n", "[message|a||-1]"},
        {"data:a\r\n\r\ndata: b\r\rdata:c\n\n", "[message|a||-1][message|b||-1][message|c||-1]"},
        {"\xef\xbb\xbf"
         "data: a\n\n",
         "[message|a||-1]"},
        {"data: a\ndata:  b\ndata\n\n", "[message|a\n b\n||-1]"},
        {"event: x\nid: 7\ndata: a\n\ndata: b\n\n", "[x|a|#7|-1][message|b||-1]"},
        {"id: 1\nretry: 50\ndata:\n\n", "[message||#1|50]"},
        {"id: 1\n\n", "[message||#1|-1]"},
        {"retry: 5\n\n", "[message|||5]"},
        {"retry: 5x\n\n", ""},
        {": comment\n\nevent: x\n\ndata: a\n", ""},
        {"id\ndata: a\n\n", "[message|a|#|-1]"},
        {"Data: a\nunknown: b\n\n", ""},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        for (size_t step = 1; step < 12; step++) {
            struct sse_reader r;
            struct buf got = buf_make(4096);
            struct bytes in = bytes_str(list[i].in);
            sse_reader_init(&r, 1000);
            for (size_t at = 0; at < in.n; at += step)
                assert_false(err_failed(sse_feed(&r, bytes_sub(in, at, step), note_event, &got)));
            assert_string_equal(buf_text(&got), list[i].out);
            sse_reader_free(&r);
            buf_free(&got);
        }
}

static void
events_are_bounded(void **state)
{
    (void)state;
    static const char *const parts[] = {"data: 0123456789\n", "dat0123456789", ": 0123456789", "id: 0123\ndata: 0123\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct sse_reader r;
        struct buf got = buf_make(4096);
        sse_reader_init(&r, 40);
        struct err e = err_ok();
        for (int k = 0; k < 12 && !err_failed(e); k++)
            e = sse_feed(&r, bytes_str(parts[i]), note_event, &got);
        assert_int_equal(e.code, E_LIMIT);
        assert_int_equal(got.n, 0);
        sse_reader_free(&r);
        buf_free(&got);
    }
}

static void
events_come_back_as_written(void **state)
{
    (void)state;
    struct buf b = buf_make(4096), got = buf_make(4096);
    sse_format(&b, "note", "1\n2", BYTES("a\r\nb\n\nc\n"));
    sse_format(&b, NULL, NULL, BYTES(""));
    struct sse_reader r;
    sse_reader_init(&r, 1000);
    assert_false(err_failed(sse_feed(&r, buf_bytes(&b), note_event, &got)));
    assert_string_equal(buf_text(&got), "[note|a\nb\n\nc\n|#1 2|-1][message|||-1]");
    sse_reader_free(&r);
    buf_free(&b);
    buf_free(&got);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_requests),
        cmocka_unit_test(good_requests),
        cmocka_unit_test(responses),
        cmocka_unit_test(interim_responses_are_bounded),
        cmocka_unit_test(limits_hold_exactly),
        cmocka_unit_test(chunk_overhead_is_bounded),
        cmocka_unit_test(head_fields),
        cmocka_unit_test(urls),
        cmocka_unit_test(headers_to_be_written_are_checked),
        cmocka_unit_test(events),
        cmocka_unit_test(events_are_bounded),
        cmocka_unit_test(events_come_back_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
