/* The HTTP server against blocking peers on real sockets. */
#include "test_net_help.h"
#include "test_net_hostile.h"

#include <poll.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_LAST(path) "GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* What the handler below saw. */
static struct seen {
    int requests, ended, aborted, drained, parts;
    size_t body;
    bool full;
    struct http_exchange *x;
    struct net_stream *stream;
    struct buf stream_bytes;
    int stream_closed;
    struct net_peer peer;
} seen;

static struct http_server *server;
static struct http_limits limits;

static void
start_at(const char *where, http_handler *handler)
{
    OK(http_listen(loop, where, 0600, NULL, &limits, handler, NULL, &server));
}

/* ------------------------------------------------------------------------------------------------------------------ the handler */

static void
ended(struct http_exchange *x, bool aborted)
{
    seen.ended++;
    seen.aborted += aborted;
    if (seen.x == x)
        seen.x = NULL;
}

static void
echo(struct http_exchange *x, struct bytes body)
{
    http_respond(x, 200, "text/plain", NULL, 0, body);
}

static void
count_part(struct http_exchange *x, struct bytes part)
{
    (void)x;
    seen.parts++;
    seen.body += part.n;
}

static void
say_count(struct http_exchange *x, struct bytes body)
{
    char text[32];
    (void)body;
    snprintf(text, sizeof text, "%zu", seen.body);
    http_respond(x, 200, NULL, NULL, 0, bytes_str(text));
}

static uint8_t block[65536];

/* 16 MiB in all, as fast as the peer takes them. */
static void
pour(struct http_exchange *x)
{
    while (seen.body < ((size_t)16 << 20)) {
        seen.body += sizeof block;
        if (!http_write(x, bytes_make(block, sizeof block))) {
            seen.full = true;
            return;
        }
    }
    http_end(x);
}

static void
pour_on(struct http_exchange *x)
{
    seen.drained++;
    pour(x);
}

static void
unpause(void *ctx)
{
    assert_int_equal(seen.body, 0);
    http_pause(ctx, false);
}

static void
on_stream(struct net_stream *s, struct bytes part, void *ctx)
{
    (void)ctx;
    buf_put(&seen.stream_bytes, part);
    net_stream_write(s, part);
    if (bytes_ends(part, BYTES("bye")))
        net_stream_close(s);
}

static void
on_stream_closed(struct net_stream *s, void *ctx)
{
    (void)s, (void)ctx;
    seen.stream_closed++;
    seen.stream = NULL;
}

static void
tick(void *ctx)
{
    struct http_exchange *x = ctx;
    http_write(x, BYTES("two"));
    http_end(x);
}

static void
begin_stream(struct http_exchange *x)
{
    http_start(x, 200, "text/event-stream", NULL, 0);
    http_write(x, BYTES("one"));
    loop_after(loop, 20, tick, x);
}

static void
respond_badly(struct http_exchange *x)
{
    struct http_header h = {BYTES("X"), BYTES("a\r\nSet-Cookie: evil")};
    http_respond(x, 200, NULL, &h, 1, BYTES("good"));
}

static void
respond_twice(struct http_exchange *x)
{
    http_start(x, 200, NULL, NULL, 0);
    http_write(x, BYTES("part"));
    http_problem(x, err_make(E_UPSTREAM, "it broke in the middle"));
}

static void
respond_with_own(struct http_exchange *x)
{
    struct http_header h[] = {{BYTES("Content-Length"), BYTES("99")}, {BYTES("transfer-encoding"), BYTES("chunked")}, {BYTES("X-A"), BYTES("b")}};
    http_respond(x, 200, NULL, h, 3, BYTES("four"));
}

static void
hello(struct http_exchange *x)
{
    http_respond(x, 200, "text/plain", NULL, 0, BYTES("hello"));
}

static void
no_content(struct http_exchange *x)
{
    http_respond(x, 204, NULL, NULL, 0, BYTES("never sent"));
}

static void
problem(struct http_exchange *x)
{
    http_problem(x, err_make(E_WRIT_ENDED, "the writ \"w\" ended"));
}

static void
cut(struct http_exchange *x)
{
    http_start(x, 200, NULL, NULL, 0);
    http_write(x, BYTES("secret"));
    http_cut(x);
}

static void
upgrade(struct http_exchange *x)
{
    seen.stream = http_upgrade(x, "test", on_stream, on_stream_closed, NULL);
    if (seen.stream == NULL)
        http_respond(x, 426, NULL, NULL, 0, BYTES(""));
}

static void
pause_body(struct http_exchange *x)
{
    http_pause(x, true);
    loop_after(loop, 50, unpause, x);
}

static void
hang(struct http_exchange *x)
{
    seen.x = x;
}

static void
hold(struct http_exchange *x)
{
    http_pause(x, true);
}

static const struct route {
    const char *path;
    void (*go)(struct http_exchange *x);
    struct http_on on;
} routes[] = {
    {"/", NULL, {.on_complete = echo}},
    {"/hello", hello, {NULL}},
    {"/echo", NULL, {.on_complete = echo}},
    {"/count", NULL, {.on_body = count_part, .on_complete = say_count}},
    {"/pause", pause_body, {.on_body = count_part, .on_complete = say_count}},
    {"/hold", hold, {.on_body = count_part}},
    {"/pour", NULL, {.on_drain = pour_on}},
    {"/stream", begin_stream, {NULL}},
    {"/bad-header", respond_badly, {NULL}},
    {"/twice", respond_twice, {NULL}},
    {"/own", respond_with_own, {NULL}},
    {"/nothing", no_content, {NULL}},
    {"/problem", problem, {NULL}},
    {"/cut", cut, {NULL}},
    {"/upgrade", upgrade, {NULL}},
    {"/hang", hang, {NULL}},
};

static void
handle(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    (void)ctx;
    seen.requests++;
    seen.peer = *r->peer;
    on->on_ended = ended;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!bytes_is(r->path, routes[i].path))
            continue;
        *on = routes[i].on;
        on->on_ended = ended;
        if (routes[i].go)
            routes[i].go(x);
        else if (strcmp(routes[i].path, "/pour") == 0) {
            http_start(x, 200, NULL, NULL, 0);
            pour(x);
        }
        return;
    }
    http_problem(x, err_make(E_NOT_FOUND, "nothing at %.*s", BYTES_ARG(r->path)));
}

static int
begin(void **state)
{
    memset(&seen, 0, sizeof seen);
    seen.stream_bytes = buf_make(1 << 20);
    limits = http_limits_default;
    server = NULL;
    return setup(state);
}

static int
finish(void **state)
{
    http_server_close(server);
    assert_int_equal(seen.ended, seen.requests); /* every exchange ended, exactly once */
    buf_free(&seen.stream_bytes);
    return teardown(state);
}

static struct buf
ask(struct bytes request)
{
    if (server == NULL)
        start_at("127.0.0.1:0", handle);
    return talk(http_server_address(server), request);
}

static void
expect(struct bytes request, int status, const char *text)
{
    struct buf got = ask(request);
    if (status_of(&got) != status || !has(&got, text))
        fail_msg("%.*s\n--- gave ---\n%s\n--- wanted %d %s", BYTES_CUT(request, 200), buf_text(&got), status, text);
    buf_free(&got);
}

/* ------------------------------------------------------------------------------------------------------------------------ tests */

static void
answers(void **state)
{
    (void)state;
    expect(BYTES(GET_LAST("/hello")), 200, "Content-Type: text/plain\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    expect(BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"), 200, "\r\n\r\nabc");
    expect(BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), 200,
           "\r\n\r\nabc");
    expect(BYTES("GET /hello HTTP/1.0\r\n\r\n"), 200, "hello");
    expect(BYTES(GET_LAST("/nothing")), 204, "HTTP/1.1 204 No Content\r\n");
    expect(BYTES(GET_LAST("/none")), 404,
           "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"code\":\"not_found\",\"detail\":\"nothing at /none\"}");
    expect(BYTES(GET_LAST("/problem")), 403, "\"code\":\"writ_ended\",\"detail\":\"the writ \\\"w\\\" ended\"");
    assert_int_equal(seen.aborted, 0);
}

static void
has_date_and_nothing_twice(void **state)
{
    (void)state;
    struct buf got = ask(BYTES(GET_LAST("/own")));
    assert_true(has(&got, "\r\nDate: "));
    assert_true(has(&got, " GMT\r\n"));
    assert_true(has(&got, "Content-Length: 4\r\n"));
    assert_true(has(&got, "X-A: b\r\n"));
    assert_false(has(&got, "99"));
    assert_false(has(&got, "hunked"));
    buf_free(&got);
}

static void
head_has_no_body(void **state)
{
    (void)state;
    struct buf got = ask(BYTES("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert_true(has(&got, "Content-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert_false(has(&got, "hello"));
    assert_false(has(&got, "one"));
    assert_true(bytes_ends(buf_bytes(&got), BYTES("\r\n\r\n")));
    buf_free(&got);
}

static void
streams_before_the_end(void **state)
{
    (void)state;
    expect(BYTES(GET_LAST("/stream")), 200, "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    struct buf got = ask(BYTES("GET /stream HTTP/1.0\r\n\r\n"));
    assert_true(bytes_ends(buf_bytes(&got), BYTES("\r\n\r\nonetwo")));
    assert_false(has(&got, "chunked"));
    buf_free(&got);
}

static void
script_first_part(struct peer *p)
{
    put(p, BYTES(GET("/stream")));
    p->number = get(p, "3\r\none\r\n", 1) && !strstr(buf_text(&p->got), "two") && get(p, "0\r\n\r\n", 1);
}

static void
a_part_leaves_at_once(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_first_part};
    play(&p);
    assert_true(p.number);
    buf_free(&p.got);
}

static void
header_forgery_becomes_500(void **state)
{
    (void)state;
    struct buf got = ask(BYTES(GET_LAST("/bad-header")));
    assert_int_equal(status_of(&got), 500);
    assert_false(has(&got, "evil"));
    buf_free(&got);
}

static void
a_second_answer_breaks_off(void **state)
{
    (void)state;
    struct buf got = ask(BYTES(GET("/twice")));
    assert_false(has(&got, "\r\n0\r\n"));
    assert_int_equal(seen.aborted, 1);
    buf_free(&got);
}

static void
script_keep_alive(struct peer *p)
{
    for (int i = 1; i <= 3; i++) {
        put(p, BYTES(GET("/hello")));
        p->number += get(p, "hello", i);
    }
}

static void
keeps_the_connection(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_keep_alive};
    play(&p);
    assert_int_equal(p.number, 3);
    assert_int_equal(seen.requests, 3);
    assert_false(has(&p.got, "Connection: close"));
    buf_free(&p.got);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct buf in = buf_make(1 << 20);
    for (int i = 0; i < 500; i++)
        buf_printf(&in, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%04d", i);
    buf_puts(&in, GET("/stream") GET_LAST("/hello"));
    struct buf got = ask(buf_bytes(&in));
    const char *at = buf_text(&got);
    for (int i = 0; i < 500; i++) {
        char wanted[16];
        snprintf(wanted, sizeof wanted, "\r\n\r\n%04d", i);
        at = strstr(at, wanted);
        assert_non_null(at);
    }
    assert_non_null(at = strstr(at, "0\r\n\r\nHTTP/1.1 200"));
    assert_non_null(strstr(at, "hello"));
    assert_int_equal(seen.requests, 502);
    buf_free(&in);
    buf_free(&got);
}

static void
bytes_that_drip_in_are_the_same(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct bytes in = BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
    int fd = dial(http_server_address(server));
    for (size_t i = 0; i < in.n; i++) {
        assert_int_equal(send(fd, in.at + i, 1, MSG_NOSIGNAL), 1);
        spin(1);
    }
    spin(20);
    char got[512] = "";
    assert_true(recv(fd, got, sizeof got - 1, 0) > 0);
    assert_non_null(strstr(got, "\r\n\r\nabc"));
    close(fd);
}

static void
hostile_requests_are_refused(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    for (size_t i = 0; i < N_HOSTILE; i++) {
        int before = seen.requests;
        struct buf got = talk(http_server_address(server), hostile[i].request);
        const char *first = strstr(buf_text(&got), "\r\nDate: ");
        bool one_answer = first && strstr(first + 1, "\r\nDate: ") == NULL;
        if (status_of(&got) != hostile[i].status || !has(&got, "application/problem+json") || !has(&got, "Connection: close") || !one_answer)
            fail_msg("request %zu: wanted %d:\n%.*s\n--- got ---\n%s", i, hostile[i].status, BYTES_ARG(hostile[i].request), buf_text(&got));
        if (seen.requests > before) /* the head was fine, the body not */
            assert_int_equal(seen.aborted, seen.requests);
        buf_free(&got);
    }
}

static void
limits_of_a_request(void **state)
{
    (void)state;
    limits.head_bytes = 200;
    limits.headers = 3;
    limits.body_bytes = 10;
    struct buf in = buf_make(4096);
    buf_printf(&in, "GET /%0300d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    expect(buf_bytes(&in), 414, "\"code\":\"limit\"");
    in.n = 0;
    buf_printf(&in, "GET / HTTP/1.1\r\nHost: a\r\nX: %0300d\r\n\r\n", 0);
    expect(buf_bytes(&in), 431, "\"code\":\"limit\"");
    expect(BYTES("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"), 431, "more headers than allowed");
    expect(BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"), 413, "larger than allowed");
    expect(BYTES("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n6\r\n"), 413, "larger than allowed");
    expect(BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789"), 200, "0123456789");
    buf_free(&in);
}

static void
too_many_connections(void **state)
{
    (void)state;
    limits.connections = 2;
    start_at("127.0.0.1:0", handle);
    int first = dial(http_server_address(server)), second = dial(http_server_address(server));
    spin(20);
    struct buf got = ask(BYTES(GET("/hello")));
    assert_true(got.n == 0 || status_of(&got) == 503); /* a reset may overtake the answer */
    assert_int_equal(seen.requests, 0);
    buf_free(&got);
    close(first);
    spin(20);
    expect(BYTES(GET_LAST("/hello")), 200, "hello");
    close(second);
}

/* A connection that says less than it must is told so, or closed when it has not begun to say anything. */
static void
slow_peers(void **state)
{
    (void)state;
    limits.head_ms = 60;
    limits.body_idle_ms = 60;
    limits.keep_alive_ms = 60;
    expect(BYTES("GET / HTTP/1.1\r\nHost"), 408, "\"code\":\"timeout\"");
    expect(BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"), 408, "body of the request did not arrive in time");
    struct buf got = ask(BYTES(""));
    assert_int_equal(got.n, 0);
    buf_free(&got);
    got = ask(BYTES(GET("/hello"))); /* returns only because the idle connection was closed */
    assert_true(bytes_ends(buf_bytes(&got), BYTES("hello")));
    buf_free(&got);
    assert_int_equal(seen.aborted, 1);
}

static void
script_drip(struct peer *p)
{
    struct bytes head = BYTES("GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789012345678901234567890123456789\r\n");
    for (size_t i = 0; i < head.n; i++) {
        struct pollfd wait = {.fd = p->fd, .events = POLLIN};
        if (poll(&wait, 1, 10) || send(p->fd, head.at + i, 1, MSG_NOSIGNAL) != 1)
            break;
        p->number = (int)i;
    }
    get(p, NULL, 0);
}

/* The time of a head is for all of it: bytes that keep dripping buy none. */
static void
dripping_head(void **state)
{
    (void)state;
    limits.head_ms = 100;
    limits.keep_alive_ms = 5000;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_drip};
    play(&p);
    assert_true(p.number < 60);
    assert_int_equal(status_of(&p.got), 408);
    assert_int_equal(seen.requests, 0);
    buf_free(&p.got);
}

static void
script_take_nothing(struct peer *p)
{
    put(p, BYTES(GET("/pour")));
    struct pollfd wait = {.fd = p->fd, .events = POLLERR | POLLHUP};
    p->number = poll(&wait, 1, 4000) == 1;
}

static void
a_peer_that_takes_nothing_is_cut(void **state)
{
    (void)state;
    limits.write_idle_ms = 100;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_take_nothing};
    play(&p);
    assert_true(p.number); /* by a reset: what it did not take must not wait in the kernel for it */
    assert_int_equal(seen.aborted, 1);
    assert_true(seen.full);
    assert_true(seen.body < ((size_t)16 << 20));
    buf_free(&p.got);
}

static void
script_slow_reader(struct peer *p)
{
    put(p, BYTES(GET_LAST("/pour")));
    usleep(50000);
    p->number = get(p, NULL, 0);
}

static void
backpressure(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_slow_reader};
    play(&p);
    assert_true(p.number);
    assert_true(seen.full);
    assert_true(seen.drained > 0);
    assert_true(p.got.n > ((size_t)16 << 20));
    assert_true(bytes_ends(buf_bytes(&p.got), BYTES("\r\n0\r\n\r\n")));
    assert_int_equal(seen.aborted, 0);
    buf_free(&p.got);
}

static void
bodies_in_parts_and_paused(void **state)
{
    (void)state;
    struct buf in = buf_make(2 << 20);
    buf_puts(&in, "POST /pause HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n");
    memset(buf_room(&in, 1000000), 'x', 1000000);
    in.n += 1000000;
    expect(buf_bytes(&in), 200, "\r\n\r\n1000000");
    assert_true(seen.parts > 1);
    buf_free(&in);
}

static void
script_expect(struct peer *p)
{
    put(p, BYTES("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    p->number = get(p, "HTTP/1.1 100 Continue\r\n\r\n", 1);
    put(p, BYTES("abc"));
    p->number += get(p, "\r\n\r\nabc", 1);
    put(p, BYTES(GET("/hello")));
    p->number += get(p, "hello", 1);
}

static void
expect_continue(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_expect};
    play(&p);
    assert_int_equal(p.number, 3);
    buf_free(&p.got);
    /* Answered without the body: it is unknown whether the body will come, so the connection ends. */
    struct buf got = ask(BYTES("POST /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    assert_int_equal(status_of(&got), 200);
    assert_true(has(&got, "Connection: close"));
    buf_free(&got);
}

/* The rest of a small body is read past, and is never taken for the next request. */
static void
an_early_answer(void **state)
{
    (void)state;
    struct buf got = ask(BYTES("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 29\r\n\r\n" GET("/ev") GET_LAST("/hello")));
    assert_int_equal(seen.requests, 2);
    assert_false(has(&got, "404"));
    buf_free(&got);
    got = ask(BYTES("POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"));
    assert_true(has(&got, "Connection: close"));
    buf_free(&got);
    /* What was answered stays answered when the body behind it turns out to be broken; the connection ends. */
    got = ask(BYTES("POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n" GET("/echo")));
    assert_int_equal(status_of(&got), 200);
    assert_false(has(&got, "400"));
    assert_int_equal(seen.requests, 4);
    buf_free(&got);
}

static void
script_leave(struct peer *p)
{
    put(p, BYTES(GET("/hang")));
    usleep(30000);
    close(p->fd);
    p->fd = -1;
    usleep(50000);
}

static void
a_peer_that_leaves_aborts(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_leave};
    play(&p);
    assert_int_equal(seen.requests, 1);
    assert_int_equal(seen.aborted, 1);
    assert_null(seen.x);
    buf_free(&p.got);
}

static void
script_leave_held(struct peer *p)
{
    put(p, BYTES("POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
    usleep(30000);
    close(p->fd);
    p->fd = -1;
    usleep(50000);
}

static void
a_peer_that_leaves_is_noticed_while_its_body_is_held_up(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_leave_held};
    play(&p);
    assert_int_equal(seen.aborted, 1);
    assert_int_equal(seen.body, 0);
    buf_free(&p.got);
}

static void
cutting(void **state)
{
    (void)state;
    struct buf got = ask(BYTES(GET("/cut")));
    assert_int_equal(seen.aborted, 1);
    assert_false(has(&got, "secret")); /* nothing that was not yet sent leaves after the cut */
    buf_free(&got);
}

static void
script_ask_and_wait(struct peer *p)
{
    put(p, BYTES(GET("/hang")));
    get(p, NULL, 0);
}

static void
close_server(void *ctx)
{
    (void)ctx;
    assert_int_equal(seen.requests, 1);
    http_server_close(server);
    server = NULL;
    assert_int_equal(seen.aborted, 1);
}

static void
closing_with_open_exchanges(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_ask_and_wait};
    loop_after(loop, 50, close_server, NULL);
    play(&p);
    buf_free(&p.got);
}

static void
script_upgrade(struct peer *p)
{
    put(p, BYTES("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nfirst"));
    p->number = get(p, "\r\n\r\nfirst", 1);
    put(p, BYTES("second bye"));
    p->number += get(p, NULL, 0);
}

static void
upgrading(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", handle);
    struct peer p = {.address = http_server_address(server), .script = script_upgrade};
    play(&p);
    assert_int_equal(p.number, 2);
    assert_true(has(&p.got, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nfirstsecond bye"));
    assert_int_equal(seen.aborted, 0);
    assert_int_equal(seen.ended, 1);
    assert_int_equal(seen.stream_closed, 1);
    buf_free(&p.got);
    expect(BYTES(GET_LAST("/upgrade")), 426, "");
    expect(BYTES("GET /upgrade HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n"), 426, "");
    expect(BYTES("POST /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: test\r\nContent-Length: 1\r\n\r\nx"), 426, "");
}

static void
unix_peers_are_known(void **state)
{
    (void)state;
    char where[128];
    struct stat st;
    snprintf(where, sizeof where, "unix:%s/s", folder);
    start_at(where, handle);
    assert_int_equal(stat(where + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    expect(BYTES(GET_LAST("/hello")), 200, "hello");
    assert_true(seen.peer.unix_socket);
    assert_int_equal(seen.peer.pid, getpid());
    assert_int_equal(seen.peer.uid, getuid());
    assert_int_equal(seen.peer.gid, getgid());
    char text[64];
    snprintf(text, sizeof text, "unix:pid %d uid %d", (int)getpid(), (int)getuid());
    assert_string_equal(seen.peer.text, text);
    http_server_close(server);
    server = NULL;
    assert_int_not_equal(stat(where + 5, &st), 0);
}

static void
tcp_peers_are_known(void **state)
{
    (void)state;
    expect(BYTES(GET_LAST("/hello")), 200, "hello");
    assert_false(seen.peer.unix_socket);
    assert_int_equal(seen.peer.pid, -1);
    assert_int_equal(seen.peer.pidfd, -1);
    assert_true(seen.peer.loopback);
    assert_int_equal(seen.peer.local_port, atoi(strrchr(http_server_address(server), ':') + 1));
    assert_memory_equal(seen.peer.text, "127.0.0.1:", 10);
}

static void
where_to_listen(void **state)
{
    (void)state;
    struct http_server *other;
    char where[200], path[128];
    start_at("127.0.0.1:0", handle);
    assert_int_equal(http_listen(loop, http_server_address(server), 0, NULL, &limits, handle, NULL, &other).code, E_EXISTS);
    static const char *const bad[] = {"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "localhost:80", ":80", "unix:relative", "[::1:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(http_listen(loop, bad[i], 0, NULL, &limits, handle, NULL, &other).code, E_USAGE);
    snprintf(path, sizeof path, "%s/file", folder);
    FILE *f = fopen(path, "w");
    fclose(f);
    snprintf(where, sizeof where, "unix:%s", path);
    assert_int_equal(http_listen(loop, where, 0600, NULL, &limits, handle, NULL, &other).code, E_EXISTS);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(where, sizeof where, "unix:%s/s", folder);
    OK(http_listen(loop, where, 0600, NULL, &limits, handle, NULL, &other));
    struct http_server *third;
    assert_int_equal(http_listen(loop, where, 0600, NULL, &limits, handle, NULL, &third).code, E_EXISTS);
    http_server_close(other);
}

/* A socket file that a killed process left is no obstacle. */
static void
a_stale_socket_is_replaced(void **state)
{
    (void)state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s/s", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    char where[128];
    snprintf(where, sizeof where, "unix:%s/s", folder);
    start_at(where, handle);
    expect(BYTES(GET_LAST("/hello")), 200, "hello");
}

static void
a_socket_made_elsewhere(void **state)
{
    (void)state;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    OK(http_listen_fd(loop, fd, NULL, &limits, handle, NULL, &server));
    expect(BYTES(GET_LAST("/hello")), 200, "hello");
}

/* ------------------------------------------------------------------------------------------------------------------------- loop */

static int order[64], order_n;

static void
note_order(void *ctx)
{
    order[order_n++] = (int)(intptr_t)ctx;
    if (order_n == 50)
        loop_stop(loop);
}

static void *
post_many(void *ctx)
{
    for (intptr_t i = 0; i < 50; i++)
        if (err_failed(loop_post(ctx, note_order, (void *)i)))
            return ctx;
    return NULL;
}

static struct timer *every, *never;

static void
count_ticks(void *ctx)
{
    int *n = ctx;
    if (++*n == 3) {
        loop_cancel(every);
        loop_cancel(never);
        loop_stop(loop);
    }
}

static void
must_not_run(void *ctx)
{
    (void)ctx;
    fail();
}

static void
posts_and_timers(void **state)
{
    (void)state;
    pthread_t thread;
    order_n = 0;
    pthread_create(&thread, NULL, post_many, loop);
    loop_run(loop);
    pthread_join(thread, NULL);
    for (int i = 0; i < 50; i++)
        assert_int_equal(order[i], i);
    int n = 0;
    never = loop_after(loop, 60000, must_not_run, NULL);
    every = loop_every(loop, 2, count_ticks, &n);
    loop_run(loop);
    assert_int_equal(n, 3);
    spin(10);
    assert_int_equal(n, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers),
        TEST(has_date_and_nothing_twice),
        TEST(head_has_no_body),
        TEST(streams_before_the_end),
        TEST(a_part_leaves_at_once),
        TEST(header_forgery_becomes_500),
        TEST(a_second_answer_breaks_off),
        TEST(keeps_the_connection),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(bytes_that_drip_in_are_the_same),
        TEST(hostile_requests_are_refused),
        TEST(limits_of_a_request),
        TEST(too_many_connections),
        TEST(slow_peers),
        TEST(dripping_head),
        TEST(a_peer_that_takes_nothing_is_cut),
        TEST(backpressure),
        TEST(bodies_in_parts_and_paused),
        TEST(expect_continue),
        TEST(an_early_answer),
        TEST(a_peer_that_leaves_aborts),
        TEST(a_peer_that_leaves_is_noticed_while_its_body_is_held_up),
        TEST(cutting),
        TEST(closing_with_open_exchanges),
        TEST(upgrading),
        TEST(unix_peers_are_known),
        TEST(tcp_peers_are_known),
        TEST(where_to_listen),
        TEST(a_stale_socket_is_replaced),
        TEST(a_socket_made_elsewhere),
        TEST(posts_and_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
