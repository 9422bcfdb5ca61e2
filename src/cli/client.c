/* A small blocking client for the local API (docs/protocol/local.md), strict and bounded. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_parse.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define FIRST_TRY_MS 3000u
#define TIMEOUT_MS 10000u

static const struct http_limits limits = {.head_bytes = 32768, .headers = 64, .body_bytes = ANSWER_MAX};
static const struct json_limits answer_limits = {.bytes = ANSWER_MAX, .depth = 64, .nodes = 4000000};

struct reading {
    struct http_parser parser;
    struct buf *body;
    int status;
    bool done;
};

/* Feed what arrived; until the response is complete. */
static struct err
take(struct reading *r, struct bytes in)
{
    struct bytes part;
    for (;;) {
        switch (http_parse(&r->parser, &in, &part)) {
        case HTTP_MORE:
            return err_ok();
        case HTTP_HEAD:
            r->status = r->parser.status;
            break;
        case HTTP_BODY:
            buf_put(r->body, part);
            if (r->body->failed)
                return err_make(E_LIMIT, "the server's answer is larger than %zu MiB; ask for less", ANSWER_MAX >> 20);
            break;
        case HTTP_END:
            r->done = true;
            return err_ok();
        default:
            return err_make(E_HTTP, "the server's answer is no acceptable HTTP: %.200s", r->parser.bad);
        }
    }
}

static struct err
read_on(struct cli *c, int fd, uint64_t until, struct reading *r)
{
    uint8_t part[65536];
    while (!r->done) {
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n > 0) {
            TRY(take(r, bytes_make(part, (size_t)n)));
        } else if (n < 0 && errno == EAGAIN) {
            TRY(socket_wait(c->env, fd, POLLIN, until));
        } else if (n == 0 || errno != EINTR) {
            r->done = n == 0 && r->status && http_parse_close(&r->parser) == HTTP_END;
            if (!r->done)
                return err_make(E_CLOSED, "the server closed the connection in the middle of its answer");
        }
    }
    return err_ok();
}

struct err
answer_read(struct cli *c, int fd, uint64_t until, struct bytes have, int *status, struct buf *body)
{
    struct reading r = {.body = body};
    http_parser_init(&r.parser, &limits, true);
    struct err e = have.n ? take(&r, have) : err_ok();
    if (!err_failed(e))
        e = read_on(c, fd, until, &r);
    *status = r.status;
    http_parser_free(&r.parser);
    return e;
}

static enum err_code
code_named(struct bytes name)
{
    for (int code = E_USAGE; code <= E_SYSTEM; code++)
        if (bytes_is(name, err_name((enum err_code)code)))
            return (enum err_code)code;
    return E_PROTOCOL;
}

struct err
problem_error(struct arena *a, int status, struct bytes body)
{
    struct json *problem = NULL;
    if (err_failed(json_parse(a, body, &answer_limits, &problem)) || !json_is(problem, JSON_OBJECT))
        return err_make(E_PROTOCOL, "the server answered with status %d and no reason", status);
    struct bytes detail = json_text(problem, "detail"), title = json_text(problem, "title");
    return err_make(code_named(json_text(problem, "code")), "%.*s", BYTES_CUT(detail.n ? detail : title, ERR_TEXT_MAX));
}

/* The request, at its full size from the start: it may hold a secret, and a buffer that moves leaves copies behind. */
static struct err
write_request(const struct api_request *q, struct buf *b)
{
    size_t room = strlen(q->target) + q->body.n + 256;
    *b = buf_make(room);
    if (buf_room(b, room) == NULL)
        return err_make(E_MEMORY, "out of memory");
    buf_printf(b, "%s %s HTTP/1.1\r\nHost: writ\r\nConnection: close\r\n", q->method, q->target);
    if (q->body.n)
        buf_printf(b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", q->body.n);
    buf_puts(b, "\r\n");
    buf_put(b, q->body);
    return b->failed ? err_make(E_LIMIT, "the request is too large") : err_ok();
}

static struct err
ask(struct cli *c, const struct api_request *q, const char *name, uint64_t ms, int *status, struct buf *body)
{
    const char *path;
    struct buf request;
    int fd;
    TRY(where_socket(c, name, &path));
    TRY(socket_connect(path, SOCK_STREAM, &fd));
    uint64_t until = deadline_in(c->env, ms);
    struct err e = write_request(q, &request);
    if (!err_failed(e))
        e = socket_send(c->env, fd, buf_bytes(&request), until);
    if (!err_failed(e))
        e = answer_read(c, fd, until, (struct bytes){NULL, 0}, status, body);
    bytes_wipe(request.at, request.cap);
    buf_free(&request);
    close(fd);
    return e;
}

/* When the main loop is stuck or gone, the thread behind control.sock still answers. */
static struct err
ask_either(struct cli *c, const struct api_request *q, uint64_t ms, int *status, struct buf *body)
{
    if (q->face == FACE_CONTROL)
        return ask(c, q, "control.sock", ms, status, body);
    struct err e = ask(c, q, "admin.sock", q->face == FACE_ADMIN ? ms : FIRST_TRY_MS, status, body);
    bool elsewhere = q->face == FACE_EITHER && (e.code == E_TIMEOUT || e.code == E_CLOSED || e.code == E_CONNECT || e.code == E_BUSY);
    if (!elsewhere)
        return e;
    body->n = 0;
    *status = 0;
    struct err second = ask(c, q, "control.sock", ms, status, body);
    return second.code == E_CONNECT ? e : second;
}

struct err
api_call(struct cli *c, const struct api_request *q, struct json **answer)
{
    struct buf body = buf_make(ANSWER_MAX);
    int status = 0;
    struct err e = ask_either(c, q, q->timeout_ms ? q->timeout_ms : TIMEOUT_MS, &status, &body);
    struct bytes text = err_failed(e) ? (struct bytes){NULL, 0} : arena_copy(&c->arena, buf_bytes(&body));
    buf_free(&body);
    c->answered = err_failed(e) ? 0 : status;
    TRY(e);
    if (text.at == NULL)
        return err_make(E_MEMORY, "out of memory");
    if (status < 200 || status > 299)
        return problem_error(&c->arena, status, text);
    e = json_parse(&c->arena, text, &answer_limits, answer);
    if (err_failed(e))
        return err_make(E_PROTOCOL, "the server's answer is not acceptable: %.250s", e.text);
    return json_is(*answer, JSON_OBJECT) ? err_ok() : err_make(E_PROTOCOL, "the server's answer is no JSON object");
}

struct err
api_get(struct cli *c, enum face face, const char *target, struct json **answer)
{
    if (target == NULL)
        return err_make(E_MEMORY, "out of memory");
    struct api_request q = {.face = face, .method = "GET", .target = target};
    return api_call(c, &q, answer);
}

struct err
api_id(const char *what, const char *id)
{
    size_t plain = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    if (id[0] && id[plain] == 0 && plain <= 128)
        return err_ok();
    return err_make(E_USAGE, "'%.60s' is no %s: letters, digits and . _ - only", id, what);
}
