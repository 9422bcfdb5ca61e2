/*
 * The HTTP server's cost per request: answers everything with a fixed 200-byte JSON body, or passes it on to another server. It prints
 * its CPU time per request at SIGINT; drive it with wrk:
 *     bench_http 127.0.0.1:4700 & wrk -t1 -c16 -d5 http://127.0.0.1:4700/ ; kill -INT %1
 *     bench_http 127.0.0.1:4700 http://127.0.0.1:8080/     the server and the client: a proxy without decisions
 *     bench_http 127.0.0.1:4700 chain.pem key.pem          TLS
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "net/http.h"

static char body[201];
static unsigned long long requests;

static void
answer(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    (void)r, (void)on, (void)ctx;
    requests++;
    http_respond(x, 200, "application/json", NULL, 0, bytes_make(body, 200));
}

/* ------------------------------------------------------------------------------------------------------------------------ proxy */

static struct http_client *client;
static const char *upstream;

static void
pass_head(struct http_call *c, int status, const struct http_headers *headers, void *ctx)
{
    (void)c;
    http_start(ctx, status, NULL, headers->list, headers->n);
}

static void
pass_body(struct http_call *c, struct bytes part, void *ctx)
{
    (void)c;
    http_write(ctx, part);
}

static void
pass_end(struct http_call *c, void *ctx)
{
    (void)c;
    http_exchange_set(ctx, NULL);
    http_end(ctx);
}

static void
pass_error(struct http_call *c, struct err e, void *ctx)
{
    (void)c;
    http_exchange_set(ctx, NULL);
    http_problem(ctx, e);
}

static void
pass_aborted(struct http_exchange *x, bool aborted)
{
    if (aborted && http_exchange_data(x))
        http_call_cancel(http_exchange_data(x));
}

static void
pass_on(struct http_exchange *x, struct bytes request_body)
{
    static const struct http_call_on on = {pass_head, pass_body, pass_end, pass_error};
    struct http_call_request q = {.method = "GET", .url = upstream, .body = request_body};
    struct http_call *call = NULL;
    struct err e = http_call(client, &q, &on, x, &call);
    if (err_failed(e))
        return http_problem(x, e);
    http_exchange_set(x, call);
}

static void
proxy(struct http_exchange *x, const struct http_request *r, struct http_on *on, void *ctx)
{
    (void)x, (void)r, (void)ctx;
    requests++;
    on->on_complete = pass_on;
    on->on_ended = pass_aborted;
}

/* ------------------------------------------------------------------------------------------------------------------------------ */

static void
on_signal(uv_signal_t *s, int number)
{
    (void)number;
    loop_stop(s->data);
}

static double
cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int
main(int argc, char **argv)
{
    struct loop *l;
    struct http_server *s;
    struct net_tls *tls = NULL;
    memset(body, 'x', 200);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + 198, "\"}", 2);
    struct err e = loop_make(env_real(), &l);
    if (!err_failed(e) && argc > 3)
        e = net_tls_server(argv[2], argv[3], &tls);
    if (!err_failed(e))
        e = http_client_make(l, NULL, &http_limits_default, &client);
    upstream = argc == 3 ? argv[2] : NULL;
    if (!err_failed(e))
        e = http_listen(l, argc > 1 ? argv[1] : "127.0.0.1:0", 0600, tls, &http_limits_default, upstream ? proxy : answer, NULL, &s);
    if (err_failed(e)) {
        fprintf(stderr, "%s\n", e.text);
        return 3;
    }
    uv_signal_t signal_handle;
    uv_signal_init(loop_uv(l), &signal_handle);
    signal_handle.data = l;
    uv_signal_start(&signal_handle, on_signal, SIGINT);
    printf("%s\n", http_server_address(s));
    fflush(stdout);
    double before = cpu_us();
    loop_run(l);
    printf("%llu requests, %.2f us of CPU each\n", requests, requests ? (cpu_us() - before) / (double)requests : 0.0);
    uv_close((uv_handle_t *)&signal_handle, NULL);
    http_server_close(s);
    http_client_close(client);
    net_tls_free(tls);
    loop_free(l);
    return 0;
}
