/* The HTTP client and TLS, against our own server and against blocking peers that misbehave. */
#include "test_net_help.h"

#include <openssl/ssl.h>

static struct http_limits limits;
static struct http_server *server;
static struct http_client *client;

/* What the server below saw. */
static struct {
    int requests, aborted, full;
    int ports[8], ports_n; /* distinct connections */
    struct buf head;
    size_t poured;
} seen;

/* What became of a call. */
struct result {
    struct http_call *call;
    int status, ended, failed, heads;
    struct buf body;
    size_t bytes;
    struct err e;
    bool stop_at_head, cancel_at_head, cancel_at_body, again, close_client, pause_at_head;
};

/* ----------------------------------------------------------------------------------------------------------------------- server */

static uint8_t block[65536];

static void
pour(struct http_exchange *x)
{
    while (seen.poured < ((size_t)8 << 20)) {
        seen.poured += sizeof block;
        if (!http_write(x, bytes_make(block, sizeof block))) {
            seen.full++;
            return;
        }
    }
    http_end(x);
}

static void
echo(struct http_exchange *x, struct bytes body)
{
    http_respond(x, 200, "text/plain", NULL, 0, body);
}

static void
exchange_ended(struct http_exchange *x, bool aborted)
{
    (void)x;
    seen.aborted += aborted;
}

static void
note_request(const struct http_request *r)
{
    seen.requests++;
    seen.head.n = 0;
    buf_printf(&seen.head, "%.*s %.*s", BYTES_ARG(r->method), BYTES_ARG(r->target));
    for (size_t i = 0; i < r->headers.n; i++)
        buf_printf(&seen.head, "|%.*s: %.*s", BYTES_ARG(r->headers.list[i].name), BYTES_ARG(r->headers.list[i].value));
    for (int i = 0; i < seen.ports_n; i++)
        if (seen.ports[i] == r->peer->remote_port)
            return;
    if (seen.ports_n < 8)
        seen.ports[seen.ports_n++] = r->peer->remote_port;
}

static void
handle(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    (void)ctx;
    note_request(r);
    on->on_ended = exchange_ended;
    if (bytes_is(r->path, "/echo"))
        on->on_complete = echo;
    else if (bytes_is(r->path, "/pour")) {
        on->on_drain = pour;
        http_start(x, 200, NULL, NULL, 0);
        pour(x);
    } else if (bytes_is(r->path, "/begin")) {
        http_start(x, 200, NULL, NULL, 0);
        http_write(x, BYTES("begun"));
    } else if (bytes_is(r->path, "/close")) {
        http_start(x, 200, NULL, NULL, 0);
        http_write(x, BYTES("begun"));
        http_cut(x);
    } else if (!bytes_is(r->path, "/hang"))
        http_respond(x, 200, NULL, NULL, 0, BYTES("hello"));
}

/* ------------------------------------------------------------------------------------------------------------------------ calls */

static void call(struct result *r, const char *method, const char *url, const struct http_header *headers, size_t n, const char *body);

static void
on_head(struct http_call *c, int status, const struct http_headers *headers, void *ctx)
{
    struct result *r = ctx;
    (void)headers;
    r->status = status;
    r->heads++;
    if (r->pause_at_head)
        http_call_pause(c, true);
    if (r->cancel_at_head)
        http_call_cancel(c);
    if (r->cancel_at_head || r->stop_at_head)
        loop_stop(loop);
}

static void
on_body(struct http_call *c, struct bytes part, void *ctx)
{
    struct result *r = ctx;
    r->bytes += part.n;
    if (r->body.n < 4096)
        buf_put(&r->body, bytes_sub(part, 0, 4096));
    if (r->cancel_at_body) {
        http_call_cancel(c);
        loop_stop(loop);
    }
}

static void
on_end(struct http_call *c, void *ctx)
{
    struct result *r = ctx;
    r->ended++;
    http_call_cancel(c); /* too late to matter, and harmless */
    if (r->close_client) {
        http_client_close(client);
        client = NULL;
    }
    if (r->again) {
        char url[128];
        r->again = false;
        snprintf(url, sizeof url, "http://%s/echo", http_server_address(server));
        return call(r, "POST", url, NULL, 0, "again");
    }
    loop_stop(loop);
}

static void
on_error(struct http_call *c, struct err e, void *ctx)
{
    (void)c;
    struct result *r = ctx;
    r->failed++;
    r->e = e;
    loop_stop(loop);
}

static const struct http_call_on on = {on_head, on_body, on_end, on_error};

static struct err
try_call(struct result *r, struct http_call_request *q)
{
    r->body.max = 1 << 20;
    return http_call(client, q, &on, r, &r->call);
}

static void
call(struct result *r, const char *method, const char *url, const struct http_header *headers, size_t n, const char *body)
{
    struct http_call_request q = {.method = method, .url = url, .headers = headers, .n = n, .body = bytes_str(body)};
    OK(try_call(r, &q));
}

static const char *
at(const char *path)
{
    static char url[300];
    const char *address = http_server_address(server);
    snprintf(url, sizeof url, "%s%s%s%s", strncmp(address, "unix:", 5) ? "http://" : "", address, strncmp(address, "unix:", 5) ? "" : ":", path);
    return url;
}

/* A call to the end, and nothing must be left of it. */
static struct result
fetch(const char *method, const char *url, const char *body)
{
    struct result r = {0};
    call(&r, method, url, NULL, 0, body);
    loop_run(loop);
    assert_int_equal(r.ended + r.failed, 1);
    return r;
}

static void
expect(const char *method, const char *url, const char *body, int status, const char *answer)
{
    struct result r = fetch(method, url, body);
    if (r.failed)
        fail_msg("%s %s: %s", method, url, r.e.text);
    assert_int_equal(r.status, status);
    assert_string_equal(buf_text(&r.body), answer);
    buf_free(&r.body);
}

static void
expect_error(const char *url, enum err_code code, const char *text)
{
    struct result r = fetch("GET", url, "");
    if (!r.failed || r.e.code != code || strstr(r.e.text, text) == NULL)
        fail_msg("%s: wanted %s with \"%s\", got %s: %s", url, err_name(code), text, err_name(r.e.code), r.e.text);
    buf_free(&r.body);
}

static int
begin(void **state)
{
    memset(&seen, 0, sizeof seen);
    seen.head = buf_make(1 << 16);
    limits = http_limits_default;
    server = NULL;
    client = NULL;
    return setup(state);
}

static int
finish(void **state)
{
    http_client_close(client);
    http_server_close(server);
    buf_free(&seen.head);
    return teardown(state);
}

static void
start_at(const char *where)
{
    OK(http_listen(loop, where, 0600, NULL, &limits, handle, NULL, &server));
    OK(http_client_make(loop, NULL, &limits, &client));
}

static void
start(void)
{
    start_at("127.0.0.1:0");
}

/* ------------------------------------------------------------------------------------------------------------------------ tests */

static void
calls(void **state)
{
    (void)state;
    start();
    expect("GET", at("/"), "", 200, "hello");
    assert_non_null(strstr(buf_text(&seen.head), "GET /|Host: 127.0.0.1:"));
    expect("POST", at("/echo?x=1"), "body", 200, "body");
    assert_non_null(strstr(buf_text(&seen.head), "POST /echo?x=1|"));
    expect("POST", at("/echo"), "", 200, "");
    assert_non_null(strstr(buf_text(&seen.head), "|Content-Length: 0"));
    expect("HEAD", at("/"), "", 200, "");
    expect("GET", at("/"), "", 200, "hello");
    assert_int_equal(seen.ports_n, 1); /* one connection served them all */
}

static void
calls_over_a_unix_socket(void **state)
{
    (void)state;
    char where[128];
    snprintf(where, sizeof where, "unix:%s/s", folder);
    start_at(where);
    expect("POST", at("/echo"), "over the file", 200, "over the file");
    assert_non_null(strstr(buf_text(&seen.head), "|Host: localhost"));
    expect_error("unix:/nowhere/s:/", E_CONNECT, "connecting to unix:/nowhere/s:");
}

static void
calls_by_name(void **state)
{
    (void)state;
    start();
    char url[64];
    snprintf(url, sizeof url, "http://localhost%s/", strrchr(http_server_address(server), ':'));
    expect("GET", url, "", 200, "hello"); /* ::1 comes first in many places, and refuses */
    expect_error("http://no-such-name.invalid/", E_CONNECT, "cannot be resolved");
}

static void
request_headers(void **state)
{
    (void)state;
    start();
    struct http_header h[] = {
        {BYTES("Host"), BYTES("other:1")}, {BYTES("Content-Length"), BYTES("9")}, {BYTES("X-A"), BYTES("b")}, {BYTES("Connection"), BYTES("x-a")}};
    struct result r = {0};
    call(&r, "GET", at("/"), h, 4, "");
    loop_run(loop);
    assert_int_equal(r.status, 200);
    assert_string_equal(buf_text(&seen.head), "GET /|Host: other:1|X-A: b");
    buf_free(&r.body);
}

static void
forged_requests_are_refused(void **state)
{
    (void)state;
    start();
    struct result r = {0};
    struct http_header bad[] = {{BYTES("X"), BYTES("a\r\nY: b")}, {BYTES("X y"), BYTES("a")}, {BYTES("Host"), BYTES("a\tb")}};
    for (size_t i = 0; i < 3; i++) {
        struct http_call_request q = {.method = "GET", .url = at("/"), .headers = bad + i, .n = 1};
        assert_int_equal(try_call(&r, &q).code, E_USAGE);
    }
    static const char *const methods[] = {"", "GET /x", "GET\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct http_call_request q = {.method = methods[i], .url = at("/")};
        assert_int_equal(try_call(&r, &q).code, E_USAGE);
    }
    struct http_call_request q = {.method = "GET", .url = at("/a b?secret")};
    struct err e = try_call(&r, &q);
    assert_int_equal(e.code, E_USAGE);
    assert_null(strstr(e.text, "secret"));
    assert_int_equal(seen.requests, 0);
}

static void
large_bodies_both_ways(void **state)
{
    (void)state;
    limits.body_bytes = (size_t)32 << 20;
    start();
    size_t n = (size_t)8 << 20;
    char *body = malloc(n + 1);
    memset(body, 'b', n);
    body[n] = 0;
    struct result r = fetch("POST", at("/echo"), body);
    assert_int_equal(r.ended, 1);
    assert_int_equal(r.bytes, n);
    buf_free(&r.body);
    free(body);
}

static struct result *held;

static void
let_go(void *ctx)
{
    (void)ctx;
    assert_true(held->bytes < ((size_t)4 << 20));
    assert_true(seen.full > 0);
    assert_true(seen.poured < ((size_t)8 << 20)); /* the server was held up, not our memory */
    http_call_pause(held->call, false);
}

static void
pausing_holds_the_server_up(void **state)
{
    (void)state;
    start();
    struct result r = {.pause_at_head = true};
    held = &r;
    call(&r, "GET", at("/pour"), NULL, 0, "");
    loop_after(loop, 100, let_go, NULL);
    loop_run(loop);
    assert_int_equal(r.ended, 1);
    assert_int_equal(r.bytes, (size_t)8 << 20);
    buf_free(&r.body);
}

static void
cancelling(void **state)
{
    (void)state;
    start();
    struct result r = {.cancel_at_head = true}, b = {.cancel_at_body = true}, c = {0};
    call(&r, "GET", at("/pour"), NULL, 0, "");
    loop_run(loop);
    seen.poured = 0;
    call(&b, "GET", at("/pour"), NULL, 0, "");
    loop_run(loop);
    call(&c, "GET", at("/hang"), NULL, 0, "");
    http_call_cancel(c.call); /* before it is even connected */
    call(&c, "GET", at("/hang"), NULL, 0, "");
    spin(30);
    http_call_cancel(c.call);
    call(&c, "GET", "http://localhost:1/", NULL, 0, "");
    http_call_cancel(c.call); /* while its name is being looked up */
    spin(30);
    assert_int_equal(r.ended + r.failed + b.ended + b.failed + c.ended + c.failed, 0);
    assert_int_equal(seen.aborted, seen.requests);
    assert_int_equal(seen.requests, 3);
    buf_free(&b.body);
}

static void
the_next_call_from_the_end_of_one(void **state)
{
    (void)state;
    start();
    struct result r = {.again = true};
    call(&r, "GET", at("/"), NULL, 0, "");
    loop_run(loop);
    assert_int_equal(r.ended, 2);
    assert_string_equal(buf_text(&r.body), "helloagain");
    assert_int_equal(seen.ports_n, 1);
    buf_free(&r.body);
}

static void
timeouts(void **state)
{
    (void)state;
    limits.answer_ms = 60;
    limits.body_idle_ms = 60;
    start();
    expect_error(at("/hang"), E_TIMEOUT, "sent no answer for 60 ms");
    expect_error(at("/begin"), E_TIMEOUT, "sent no more of its answer for 60 ms");
    struct result r = {0};
    struct http_call_request q = {.method = "GET", .url = at("/begin"), .body_idle_ms = UINT64_MAX};
    OK(try_call(&r, &q));
    spin(150);
    assert_int_equal(r.failed, 0);
    http_call_cancel(r.call);
    buf_free(&r.body);
}

static void
failures(void **state)
{
    (void)state;
    start();
    expect_error("http://127.0.0.1:1/", E_CONNECT, "connecting to http://127.0.0.1:1: connection refused");
    expect_error(at("/close"), E_CLOSED, "");
    struct result r = {0};
    struct http_call_request q = {.method = "GET", .url = "https://127.0.0.1:1/"};
    assert_int_equal(try_call(&r, &q).code, E_TLS); /* no trust store was given */
}

static void
closing_the_client(void **state)
{
    (void)state;
    start();
    struct result a = {.stop_at_head = true}, b = {0};
    call(&b, "GET", at("/hang"), NULL, 0, "");
    call(&a, "GET", at("/begin"), NULL, 0, "");
    loop_run(loop);
    http_client_close(client);
    client = NULL;
    assert_int_equal(a.e.code, E_CLOSED);
    assert_int_equal(b.e.code, E_CLOSED);
    assert_int_equal(a.failed + b.failed, 2);
    buf_free(&a.body);
}

static void
closing_the_client_from_a_callback(void **state)
{
    (void)state;
    start();
    struct result a = {.close_client = true}, b = {0};
    call(&b, "GET", at("/hang"), NULL, 0, "");
    call(&a, "GET", at("/"), NULL, 0, "");
    loop_run(loop);
    assert_int_equal(a.ended, 1);
    assert_int_equal(b.e.code, E_CLOSED);
    buf_free(&a.body);
}

static void
connections_are_bounded(void **state)
{
    (void)state;
    limits.connections = 2;
    start();
    struct result a = {0}, b = {0}, c = {0};
    call(&a, "GET", at("/hang"), NULL, 0, "");
    call(&b, "GET", at("/hang"), NULL, 0, "");
    struct http_call_request q = {.method = "GET", .url = at("/")};
    assert_int_equal(try_call(&c, &q).code, E_BUSY);
    http_call_cancel(a.call);
    http_call_cancel(b.call);
}

/* ------------------------------------------------------------------------------------------------------------ peers that misbehave */

static int
listen_here(char url[64])
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&in, &n);
    snprintf(url, 64, "http://127.0.0.1:%u/", ntohs(in.sin_port));
    return fd;
}

/* A server on a thread: for each connection one string of what it does: 'r' read a request, 'a' answer, 'p' half an answer. */
struct fake {
    int listener, requests;
    const char *const *plan;
    const char *answer;
    pthread_t thread;
};

static void *
run_fake(void *ctx)
{
    struct fake *f = ctx;
    for (const char *const *plan = f->plan; *plan; plan++) {
        struct peer p = {.got = buf_make(1 << 20)};
        p.fd = accept(f->listener, NULL, NULL);
        for (const char *step = *plan; *step; step++) {
            p.got.n = *step == 'r' ? 0 : p.got.n;
            if (*step == 'r')
                f->requests += get(&p, "\r\n\r\n", 1);
            else if (*step == 'a')
                put(&p, bytes_str(f->answer ? f->answer : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
            else if (*step == 'p')
                put(&p, BYTES("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok"));
            else
                usleep(50000);
        }
        close(p.fd);
        buf_free(&p.got);
    }
    return NULL;
}

static struct fake
fake_start(struct fake f, char url[64])
{
    f.listener = listen_here(url);
    return f;
}

static void
fake_end(struct fake *f)
{
    pthread_join(f->thread, NULL);
    close(f->listener);
}

static void
a_dead_kept_connection_is_tried_again_once(void **state)
{
    (void)state;
    static const char *const plan[] = {"rar", "ra", NULL};
    char url[64];
    struct fake f = fake_start((struct fake){.plan = plan}, url);
    OK(http_client_make(loop, NULL, &limits, &client));
    pthread_create(&f.thread, NULL, run_fake, &f);
    expect("GET", url, "", 200, "ok");
    expect("GET", url, "", 200, "ok");
    fake_end(&f);
    assert_int_equal(f.requests, 3);
}

static void
but_not_when_it_must_not(void **state)
{
    (void)state;
    static const char *const plan[] = {"rar", NULL};
    char url[64];
    struct fake f = fake_start((struct fake){.plan = plan}, url);
    OK(http_client_make(loop, NULL, &limits, &client));
    pthread_create(&f.thread, NULL, run_fake, &f);
    expect("GET", url, "", 200, "ok");
    struct result r = {0};
    struct http_call_request q = {.method = "POST", .url = url, .no_retry = true};
    OK(try_call(&r, &q));
    loop_run(loop);
    fake_end(&f);
    assert_int_equal(r.e.code, E_CLOSED);
    assert_int_equal(f.requests, 2);
}

/* A new connection that dies, a second one that dies, and half an answer: each time the request may have been acted upon. */
static void
nor_otherwise(void **state)
{
    (void)state;
    static const char *const fresh[] = {"r", NULL}, *const twice[] = {"rar", "r", NULL}, *const half[] = {"rarp", NULL};
    static const struct {
        const char *const *plan;
        int requests;
        const char *text;
    } cases[] = {{fresh, 1, "did not answer"}, {twice, 3, "did not answer"}, {half, 2, "broke off its answer"}};
    for (size_t i = 0; i < 3; i++) {
        char url[64];
        struct fake f = fake_start((struct fake){.plan = cases[i].plan}, url);
        OK(http_client_make(loop, NULL, &limits, &client));
        pthread_create(&f.thread, NULL, run_fake, &f);
        if (i)
            expect("GET", url, "", 200, "ok");
        expect_error(url, E_CLOSED, cases[i].text);
        fake_end(&f);
        assert_int_equal(f.requests, cases[i].requests);
        http_client_close(client);
        client = NULL;
    }
}

/* A server that closed while the connection was idle is noticed before a request is spent on it. */
static void
a_closed_idle_connection_is_not_used(void **state)
{
    (void)state;
    static const char *const plan[] = {"ra", "ra", NULL};
    char url[64];
    struct fake f = fake_start((struct fake){.plan = plan}, url);
    OK(http_client_make(loop, NULL, &limits, &client));
    pthread_create(&f.thread, NULL, run_fake, &f);
    expect("GET", url, "", 200, "ok");
    usleep(30000); /* the loop does not run: it cannot have seen the end */
    struct result r = {0};
    struct http_call_request q = {.method = "POST", .url = url, .no_retry = true};
    OK(try_call(&r, &q));
    loop_run(loop);
    fake_end(&f);
    assert_int_equal(r.ended, 1);
    buf_free(&r.body);
}

/* Bytes behind an answer could pass for the next one: such a connection is never used again. */
static void
a_second_answer_is_not_taken(void **state)
{
    (void)state;
    static const char *const plan[] = {"rar", "ra", NULL};
    char url[64];
    struct fake f = fake_start(
        (struct fake){.plan = plan, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"}, url);
    OK(http_client_make(loop, NULL, &limits, &client));
    pthread_create(&f.thread, NULL, run_fake, &f);
    expect("GET", url, "", 200, "ok");
    expect("GET", url, "", 200, "ok");
    fake_end(&f);
    assert_int_equal(f.requests, 2);
}

static void
bad_answers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum err_code code;
        const char *text;
    } bad[] = {
        {"SSH-2.0-OpenSSH\r\n\r\n", E_HTTP, "the first line does not name an HTTP version"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", E_HTTP, "more than once"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", E_HTTP, "side by side"},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", E_HTTP, "nobody asked for"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", E_HTTP, "not exactly"},
        {"HTTP/1.1 200 OK\nX: y\n\n", E_HTTP, "without CR LF"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", E_HTTP, "hexadecimal"},
    };
    static const char *const plan[] = {"ra", NULL};
    OK(http_client_make(loop, NULL, &limits, &client));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char url[64];
        struct fake f = fake_start((struct fake){.plan = plan, .answer = bad[i].answer}, url);
        pthread_create(&f.thread, NULL, run_fake, &f);
        expect_error(url, bad[i].code, bad[i].text);
        fake_end(&f);
    }
}

static void
an_answer_that_ends_with_its_connection(void **state)
{
    (void)state;
    static const char *const plan[] = {"ra", NULL};
    char url[64];
    struct fake f = fake_start((struct fake){.plan = plan, .answer = "HTTP/1.0 200 OK\r\n\r\nto the end"}, url);
    OK(http_client_make(loop, NULL, &limits, &client));
    pthread_create(&f.thread, NULL, run_fake, &f);
    expect("GET", url, "", 200, "to the end");
    fake_end(&f);
}

/* -------------------------------------------------------------------------------------------------------------------------- TLS */

static char ca[96], chain[96], key[96], other_ca[96];

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
shell(const char *format, ...)
{
    char command[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

/* A CA, a certificate of it for localhost and 127.0.0.1, and another CA. */
static void
make_certificates(void)
{
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    snprintf(chain, sizeof chain, "%s/server.pem", folder);
    snprintf(key, sizeof key, "%s/server.key", folder);
    snprintf(other_ca, sizeof other_ca, "%s/other.pem", folder);
    static const char *const ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    shell("openssl req -x509 %s -subj /CN=ca -keyout %s/ca.key -out %s 2>/dev/null", ec, folder, ca);
    shell("openssl req -x509 %s -subj /CN=other -keyout %s/other.key -out %s 2>/dev/null", ec, folder, other_ca);
    shell("openssl req %s -subj /CN=server -keyout %s -out %s/server.csr 2>/dev/null", ec, key, folder);
    shell("printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > %s/ext", folder);
    shell("openssl x509 -req -in %s/server.csr -CA %s -CAkey %s/ca.key -CAcreateserial -days 2 -extfile %s/ext -out %s 2>/dev/null", folder, ca,
          folder, folder, chain);
}

static struct net_tls *server_tls, *client_tls;

static int
begin_tls(void **state)
{
    if (begin(state))
        return -1;
    make_certificates();
    OK(net_tls_server(chain, key, &server_tls));
    OK(net_tls_client(ca, &client_tls));
    OK(http_listen(loop, "127.0.0.1:0", 0, server_tls, &limits, handle, NULL, &server));
    OK(http_client_make(loop, client_tls, &limits, &client));
    return 0;
}

static int
finish_tls(void **state)
{
    int failed = finish(state);
    net_tls_free(server_tls);
    net_tls_free(client_tls);
    return failed;
}

static const char *
secure(const char *host, const char *path)
{
    static char url[200];
    snprintf(url, sizeof url, "https://%s%s%s", host, strrchr(http_server_address(server), ':'), path);
    return url;
}

static void
tls_calls(void **state)
{
    (void)state;
    expect("POST", secure("127.0.0.1", "/echo"), "sealed", 200, "sealed");
    expect("GET", secure("127.0.0.1", "/"), "", 200, "hello");
    assert_int_equal(seen.ports_n, 1);
    expect("GET", secure("localhost", "/"), "", 200, "hello");
}

static void
tls_large_both_ways(void **state)
{
    (void)state;
    size_t n = (size_t)3 << 20;
    char *body = malloc(n + 1);
    memset(body, 'b', n);
    body[n] = 0;
    struct result r = fetch("POST", secure("127.0.0.1", "/echo"), body);
    assert_int_equal(r.bytes, n);
    buf_free(&r.body);
    r = fetch("GET", secure("127.0.0.1", "/pour"), "");
    assert_int_equal(r.bytes, (size_t)8 << 20);
    assert_true(seen.full > 0);
    buf_free(&r.body);
    free(body);
}

static void
tls_wrong_host(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.2%s/", strrchr(http_server_address(server), ':'));
    http_server_close(server);
    server = NULL;
    char where[64];
    snprintf(where, sizeof where, "0.0.0.0%s", strrchr(url, ':'));
    where[strlen(where) - 1] = 0;
    OK(http_listen(loop, where, 0, server_tls, &limits, handle, NULL, &server));
    expect_error(url, E_TLS, "IP address mismatch");
    assert_int_equal(seen.requests, 0);
}

static void
tls_unknown_ca(void **state)
{
    (void)state;
    struct net_tls *stranger;
    struct http_client *mine = client;
    OK(net_tls_client(other_ca, &stranger));
    OK(http_client_make(loop, stranger, &limits, &client));
    expect_error(secure("127.0.0.1", "/"), E_TLS, "the certificate of 127.0.0.1 is not acceptable");
    assert_int_equal(seen.requests, 0);
    http_client_close(client);
    net_tls_free(stranger);
    client = mine;
}

static void
script_handshake(struct peer *p)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (p->number == TLS1_2_VERSION)
        SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
    if (p->number == 2)
        SSL_CTX_set_alpn_protos(c, (const unsigned char *)"\x02h2", 3);
    if (p->number == 11)
        SSL_CTX_set_alpn_protos(c, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    SSL *s = SSL_new(c);
    SSL_set_fd(s, p->fd);
    p->number = SSL_connect(s) == 1;
    SSL_free(s);
    SSL_CTX_free(c);
}

static int
shakes(int how)
{
    struct peer p = {.address = http_server_address(server), .script = script_handshake, .number = how};
    play(&p);
    buf_free(&p.got);
    return p.number;
}

static void
tls_versions_and_protocols(void **state)
{
    (void)state;
    assert_int_equal(shakes(0), 1);
    assert_int_equal(shakes(11), 1);
    assert_int_equal(shakes(TLS1_2_VERSION), 0);
    assert_int_equal(shakes(2), 0);
}

static void
tls_and_plain_text_do_not_mix(void **state)
{
    (void)state;
    struct buf got = talk(http_server_address(server), BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(status_of(&got), 0);
    assert_int_equal(seen.requests, 0);
    buf_free(&got);
    http_server_close(server);
    OK(http_listen(loop, "127.0.0.1:0", 0, NULL, &limits, handle, NULL, &server));
    expect_error(secure("127.0.0.1", "/"), E_TLS, "connecting to https://127.0.0.1:");
}

static int tls_fake_version;

static void *
run_tls_fake(void *ctx)
{
    struct fake *f = ctx;
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(c, chain);
    SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM);
    if (tls_fake_version)
        SSL_CTX_set_max_proto_version(c, tls_fake_version);
    int fd = accept(f->listener, NULL, NULL);
    SSL *s = SSL_new(c);
    SSL_set_fd(s, fd);
    char in[4096];
    if (SSL_accept(s) == 1 && SSL_read(s, in, sizeof in) > 0) {
        f->requests++;
        SSL_write(s, f->answer, (int)strlen(f->answer));
        if (f->plan)
            SSL_shutdown(s);
    }
    close(fd);
    SSL_free(s);
    SSL_CTX_free(c);
    return NULL;
}

/* Cutting the connection must not look like the end of the answer: only the closing alert may (RFC 9112 §9.8). */
static void
tls_truncation_is_noticed(void **state)
{
    (void)state;
    static const char *const polite[] = {"", NULL};
    for (int said = 0; said < 2; said++) {
        char plain[64], url[80];
        struct fake f = fake_start((struct fake){.answer = "HTTP/1.1 200 OK\r\n\r\npay 10", .plan = said ? polite : NULL}, plain);
        snprintf(url, sizeof url, "https%s", plain + 4);
        tls_fake_version = 0;
        pthread_create(&f.thread, NULL, run_tls_fake, &f);
        if (said)
            expect("GET", url, "", 200, "pay 10");
        else
            expect_error(url, E_CLOSED, "broke off its answer");
        fake_end(&f);
    }
}

static void
tls_old_servers_are_refused(void **state)
{
    (void)state;
    char plain[64], url[80];
    struct fake f = fake_start((struct fake){.answer = ""}, plain);
    snprintf(url, sizeof url, "https%s", plain + 4);
    tls_fake_version = TLS1_2_VERSION;
    pthread_create(&f.thread, NULL, run_tls_fake, &f);
    expect_error(url, E_TLS, "");
    fake_end(&f);
    assert_int_equal(f.requests, 0);
}

static void
tls_files(void **state)
{
    (void)state;
    struct net_tls *t;
    struct err e = net_tls_server("/nowhere.pem", key, &t);
    assert_int_equal(e.code, E_TLS);
    assert_non_null(strstr(e.text, "/nowhere.pem"));
    assert_int_equal(net_tls_server(other_ca, key, &t).code, E_TLS);
    assert_int_equal(net_tls_client("/nowhere.pem", &t).code, E_TLS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, begin_tls, finish_tls)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls),
        TEST(calls_over_a_unix_socket),
        TEST(calls_by_name),
        TEST(request_headers),
        TEST(forged_requests_are_refused),
        TEST(large_bodies_both_ways),
        TEST(pausing_holds_the_server_up),
        TEST(cancelling),
        TEST(the_next_call_from_the_end_of_one),
        TEST(timeouts),
        TEST(failures),
        TEST(closing_the_client),
        TEST(closing_the_client_from_a_callback),
        TEST(connections_are_bounded),
        TEST(a_dead_kept_connection_is_tried_again_once),
        TEST(but_not_when_it_must_not),
        TEST(nor_otherwise),
        TEST(a_closed_idle_connection_is_not_used),
        TEST(a_second_answer_is_not_taken),
        TEST(bad_answers_are_refused),
        TEST(an_answer_that_ends_with_its_connection),
        TLS_TEST(tls_calls),
        TLS_TEST(tls_large_both_ways),
        TLS_TEST(tls_wrong_host),
        TLS_TEST(tls_unknown_ca),
        TLS_TEST(tls_versions_and_protocols),
        TLS_TEST(tls_and_plain_text_do_not_mix),
        TLS_TEST(tls_truncation_is_noticed),
        TLS_TEST(tls_old_servers_are_refused),
        TLS_TEST(tls_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
