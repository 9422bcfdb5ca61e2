/* Opening a session at agent.sock: the request, the upgrade, and what a refusal says. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPEN_MS 30000u
#define LINE_MAX_BYTES ((size_t)4 << 20)

static struct err
put_header(struct buf *b, const char *name, const char *value)
{
    if (value)
        TRY(api_id(name, value));
    if (value)
        buf_printf(b, "%s: %s\r\n", name, value);
    return err_ok();
}

static struct err
write_request(const struct cli *c, const char *one, struct buf *b)
{
    if (one)
        TRY(api_id("destination", one));
    buf_printf(b, "GET /v1/mcp%s%s HTTP/1.1\r\nHost: writ\r\nConnection: Upgrade\r\nUpgrade: mcp-lines\r\n", one ? "/" : "", one ? one : "");
    TRY(put_header(b, "Writ-Agent", given(c, "agent")));
    TRY(put_header(b, "Writ-Task", given(c, "task")));
    if (given(c, "purpose")) {
        buf_puts(b, "Writ-Purpose: ");
        buf_base64url(b, bytes_str(given(c, "purpose")));
        buf_puts(b, "\r\n");
    }
    buf_puts(b, "\r\n");
    return b->failed ? err_make(E_LIMIT, "--purpose is too long") : err_ok();
}

/* Until the empty line that ends the head. What the server says behind it stays in ${b}. */
static struct err
read_head(struct cli *c, int fd, uint64_t until, struct buf *b, size_t *end)
{
    for (;;) {
        *end = bytes_search(buf_bytes(b), BYTES("\r\n\r\n"));
        if (*end < b->n)
            return err_ok();
        uint8_t *to = buf_room(b, 2048);
        if (to == NULL)
            return err_make(E_HTTP, "the server's answer has no end of its head");
        ssize_t n = recv(fd, to, 2048, 0);
        if (n > 0)
            b->n += (size_t)n;
        else if (n == 0)
            return err_make(E_CLOSED, "the server closed the connection without an answer");
        else if (errno == EAGAIN)
            TRY(socket_wait(c->env, fd, POLLIN, until));
        else if (errno != EINTR)
            return err_system("reading the server's answer");
    }
}

static struct err
refusal(struct cli *c, int fd, uint64_t until, struct bytes have)
{
    struct buf body = buf_make(LINE_MAX_BYTES);
    int status = 0;
    struct err e = answer_read(c, fd, until, have, &status, &body);
    if (!err_failed(e))
        e = problem_error(&c->arena, status, buf_bytes(&body));
    buf_free(&body);
    return e;
}

/* ${early}: what the server has said already in the new protocol. */
static struct err
upgrade(struct cli *c, const char *destination, int fd, struct buf *early)
{
    uint64_t until = deadline_in(c->env, OPEN_MS);
    struct buf request = buf_make(8192);
    size_t end;
    struct err e = write_request(c, destination, &request);
    if (!err_failed(e))
        e = socket_send(c->env, fd, buf_bytes(&request), until);
    buf_free(&request);
    if (!err_failed(e))
        e = read_head(c, fd, until, early, &end);
    TRY(e);
    if (!bytes_starts(buf_bytes(early), BYTES("HTTP/1.1 101 ")))
        return refusal(c, fd, until, buf_bytes(early));
    buf_drop(early, end + 4);
    return err_ok();
}

struct err
mcp_open(struct cli *c, const char *destination, int *fd, struct buf *early)
{
    const char *path;
    TRY(where_socket(c, "agent.sock", &path));
    TRY(socket_connect(path, SOCK_STREAM, fd));
    return upgrade(c, destination, *fd, early);
}
