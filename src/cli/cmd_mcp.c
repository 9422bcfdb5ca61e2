/*
 * mcp: what an MCP client starts in place of a server. Opens a writ by connecting, then passes bytes on, both ways. It reads nothing of
 * what goes through: the gate does, on the other side of the socket.
 */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPEN_MS 30000u
#define LINE_MAX_BYTES ((size_t)4 << 20)
#define PART 65536u
/* What a pipe takes at once without blocking when poll(2) says it takes any (pipe(7)); our standard output may be shared, and stays as it is. */
#define PIPE_PART 4096u

/* ------------------------------------------------------------------------------------------------------------ refusing */

/* The id of the first request in ${b}, as it stood there; false when there is none yet. Whole lines are taken off. */
static bool
first_request(struct cli *c, struct buf *b, struct bytes *id)
{
    for (size_t end; (end = bytes_find(buf_bytes(b), '\n')) < b->n; buf_drop(b, end + 1)) {
        struct json *m;
        struct bytes line = arena_copy(&c->arena, bytes_sub(buf_bytes(b), 0, end));
        if (line.at == NULL || err_failed(json_parse(&c->arena, line, NULL, &m)))
            continue;
        const struct json *v = json_get(m, "id");
        if (json_text(m, "method").n && (json_is(v, JSON_STRING) || json_is(v, JSON_INT))) {
            *id = v->raw;
            return true;
        }
    }
    return false;
}

/* MCP clients show what comes as an answer, and few show standard error: tell it in both. */
static void
answer_refusal(struct cli *c, const struct err *e)
{
    struct buf in = buf_make(LINE_MAX_BYTES), out = buf_make(65536);
    struct bytes id = {NULL, 0};
    uint64_t until = deadline_in(c->env, OPEN_MS);
    bool found = false, more = !isatty(STDIN_FILENO);
    while (more && !found) {
        uint8_t *to = buf_room(&in, PART);
        more = to && !err_failed(socket_wait(c->env, STDIN_FILENO, POLLIN, until));
        ssize_t n = more ? read(STDIN_FILENO, to, PART) : 0;
        more = n > 0;
        in.n += more ? (size_t)n : 0;
        found = more && first_request(c, &in, &id);
    }
    if (found) {
        json_open(&out, '{');
        json_member_str(&out, "jsonrpc", "2.0");
        json_member_raw(&out, "id", id);
        json_key(&out, "error");
        json_open(&out, '{');
        json_member_int(&out, "code", -32001);
        json_member_str(&out, "message", e->text);
        json_key(&out, "data");
        json_open(&out, '{');
        json_member_str(&out, "code", err_name(e->code));
        json_close(&out, '}');
        json_close(&out, '}');
        json_close(&out, '}');
        buf_putc(&out, '\n');
        struct err told = output_send(c, &out);
        (void)told; /* the client has left: standard error has it too */
    }
    buf_free(&in);
    buf_free(&out);
}

/* ------------------------------------------------------------------------------------------------------------ passing on */

struct way {
    int from, to;
    uint8_t at[PART];
    size_t n, sent;
    size_t part; /* at most so much at once */
    bool ended;  /* nothing more comes from there */
};

static bool
empty(const struct way *w)
{
    return w->sent == w->n;
}

static void
way_read(struct way *w)
{
    ssize_t n = read(w->from, w->at, sizeof w->at);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    w->sent = 0;
    w->n = n > 0 ? (size_t)n : 0;
    w->ended = n <= 0;
}

/* False when the side it goes to takes nothing any more. */
static bool
way_write(struct way *w)
{
    size_t left = w->n - w->sent;
    ssize_t n = write(w->to, w->at + w->sent, left < w->part ? left : w->part);
    if (n > 0)
        w->sent += (size_t)n;
    return n >= 0 || errno == EINTR || errno == EAGAIN;
}

static struct err
server_gone(void)
{
    return err_make(E_CLOSED, "the server ended the session: the writ was ended, or the server stopped (`writ log --kind writ` says which)");
}

/*
 * Until either side is done. The client's end of input is passed on, and what is under way still answered. An entry of -1 is not
 * looked at: each way either waits to read or to write.
 */
static struct err
relay(int fd, struct way *up, struct way *down)
{
    bool shut = false;
    for (;;) {
        if (down->ended && empty(down))
            return up->ended ? err_ok() : server_gone();
        if (up->ended && empty(up) && !shut)
            shut = shutdown(fd, SHUT_WR) == 0 || errno != EINTR;
        struct pollfd p[4] = {
            {.fd = empty(up) && !up->ended ? up->from : -1, .events = POLLIN},
            {.fd = empty(up) ? -1 : up->to, .events = POLLOUT},
            {.fd = empty(down) && !down->ended ? down->from : -1, .events = POLLIN},
            {.fd = empty(down) ? -1 : down->to, .events = POLLOUT},
        };
        if (poll(p, 4, -1) < 0 && errno != EINTR)
            return err_system("waiting");
        if (p[3].revents && !way_write(down))
            return err_ok(); /* the client is gone, and with the connection its writ */
        if (p[2].revents)
            way_read(down);
        if (p[1].revents && !way_write(up))
            *up = (struct way){.from = -1, .to = -1}; /* what the server said before it closed is still to be passed on */
        if (p[0].revents)
            way_read(up);
    }
}

static struct err
pass_on(struct cli *c, int fd, const struct buf *early)
{
    struct way *up = ARENA_NEW(&c->arena, struct way), *down = ARENA_NEW(&c->arena, struct way);
    if (up == NULL || down == NULL)
        return err_make(E_MEMORY, "out of memory");
    *up = (struct way){.from = STDIN_FILENO, .to = fd, .part = PART};
    *down = (struct way){.from = fd, .to = STDOUT_FILENO, .part = PIPE_PART, .n = early->n};
    if (early->n)
        memcpy(down->at, early->at, early->n);
    return relay(fd, up, down);
}

struct err
cmd_mcp(struct cli *c)
{
    struct buf early = buf_make(MCP_HEAD_MAX);
    int fd = -1;
    struct err e = mcp_open(c, c->words[0], &fd, &early);
    if (err_failed(e)) {
        cli_say_error(c, &e);
        answer_refusal(c, &e);
        c->status = err_exit_code(e.code);
        e = err_ok();
    } else {
        e = pass_on(c, fd, &early);
    }
    if (fd >= 0)
        close(fd);
    buf_free(&early);
    return e;
}
