/* The connection to run.sock: while it is open the writ lives. */
#include "cli/run.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX 16384u
#define ANSWER_MS 15000u
#define DONE_MS 3000u

static void
put_message(struct cli *c, const struct run_link *link, const char *op, struct buf *b)
{
    static const char *const texts[][2] = {{"agent", "agent"}, {"task", "task"}, {"purpose", "purpose"}, {"on-behalf-of", "on_behalf_of"}};
    json_open(b, '{');
    json_member_str(b, "op", op);
    if (link->writ[0])
        json_member_str(b, "writ", link->writ);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (given(c, texts[i][0]))
            json_member_str(b, texts[i][1], given(c, texts[i][0]));
    json_member_int(b, "pid", link->child->agent);
    json_member_str(b, "secret", link->secret);
    json_member_int(b, "port", link->child->port);
    json_member_bool(b, "confined", run_confined(link->level));
    json_member_str(b, "confinement", link->level->text);
    json_close(b, '}');
}

/* The listener goes along (SCM_RIGHTS); we keep it for a server that starts again. */
static struct err
send_message(struct run_link *link, struct bytes text)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {(void *)(uintptr_t)text.at, text.n};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &link->child->listener, sizeof(int));
    ssize_t n;
    while ((n = sendmsg(link->fd, &m, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)text.n ? err_ok() : err_make(E_CLOSED, "the server closed the connection");
}

static struct err
wait_answer(struct cli *c, const struct run_link *link, int wake)
{
    uint64_t until = deadline_in(c->env, ANSWER_MS);
    for (;;) {
        struct pollfd p[2] = {{.fd = link->fd, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
        uint64_t now = deadline_in(c->env, 0);
        int n = now < until ? poll(p, 2, (int)(until - now)) : 0;
        if (n == 0)
            return err_make(E_TIMEOUT, "the server did not answer within %u s", ANSWER_MS / 1000);
        if (p[1].revents)
            return err_make(E_STATE, "interrupted before the agent was started");
        if (p[0].revents)
            return err_ok();
    }
}

/* One message; empty when the server closed. */
static struct err
receive(struct cli *c, const struct run_link *link, struct json **m)
{
    char text[MESSAGE_MAX];
    ssize_t n;
    while ((n = recv(link->fd, text, sizeof text, 0)) < 0 && errno == EINTR)
        ;
    if (n <= 0)
        return err_make(E_CLOSED, "the server closed the connection");
    struct bytes copy = arena_copy(&c->arena, bytes_make(text, (size_t)n));
    return copy.at ? json_parse(&c->arena, copy, NULL, m) : err_make(E_MEMORY, "out of memory");
}

static void
copy_text(const struct json *m, const char *key, char *to, size_t room)
{
    struct bytes t = json_text(m, key);
    snprintf(to, room, "%.*s", BYTES_CUT(t, room - 1));
}

static struct err
take_answer(struct cli *c, struct run_link *link)
{
    struct json *m;
    struct err e = receive(c, link, &m);
    if (!err_failed(e) && json_get(m, "error")) {
        struct buf problem = buf_make(MESSAGE_MAX);
        json_put(&problem, json_get(m, "error"));
        e = problem_error(&c->arena, 403, buf_bytes(&problem));
        buf_free(&problem);
    }
    TRY(e);
    copy_text(m, "writ", link->writ, sizeof link->writ);
    copy_text(m, "agent", link->agent, sizeof link->agent);
    copy_text(m, "task", link->task, sizeof link->task);
    copy_text(m, "proof", link->proof, sizeof link->proof);
    link->destinations = json_get(m, "destinations");
    return link->writ[0] ? err_ok() : err_make(E_PROTOCOL, "the server's answer names no writ");
}

static struct err
say(struct cli *c, struct run_link *link, const char *op, int wake)
{
    struct buf b = buf_make(MESSAGE_MAX);
    TRY(socket_connect(link->path, SOCK_SEQPACKET, &link->fd));
    put_message(c, link, op, &b);
    struct err e = b.failed ? err_make(E_LIMIT, "what is said about the task is too long; shorten --purpose") : send_message(link, buf_bytes(&b));
    buf_free(&b);
    if (!err_failed(e))
        e = wait_answer(c, link, wake);
    if (!err_failed(e))
        e = take_answer(c, link);
    if (err_failed(e)) {
        close(link->fd);
        link->fd = -1;
    }
    return e;
}

struct err
run_link_open(struct cli *c, struct run_link *link, int wake)
{
    return say(c, link, "open", wake);
}

struct err
run_link_resume(struct cli *c, struct run_link *link, int wake)
{
    return say(c, link, "resume", wake);
}

bool
run_link_hear(struct run_link *link, char state[32], char why[256])
{
    struct cli c = {.arena = {.max = 1 << 20}};
    struct json *m = NULL;
    struct err e = receive(&c, link, &m);
    bool said = !err_failed(e) && json_text(m, "state").n;
    if (said) {
        copy_text(m, "state", state, 32);
        copy_text(m, "why", why, 256);
    }
    arena_free(&c.arena);
    if (!said || e.code == E_CLOSED) {
        close(link->fd);
        link->fd = -1;
    }
    return said;
}

void
run_link_done(struct cli *c, struct run_link *link, int status)
{
    struct buf b = buf_make(256);
    char state[32], why[256];
    if (link->fd < 0)
        return; /* Behave consistently with free(NULL). */
    json_open(&b, '{');
    json_member_str(&b, "op", "done");
    json_member_int(&b, "exit", status);
    json_close(&b, '}');
    uint64_t until = deadline_in(c->env, DONE_MS);
    if (send(link->fd, b.at, b.n, MSG_NOSIGNAL) > 0)
        while (link->fd >= 0 && !err_failed(socket_wait(c->env, link->fd, POLLIN, until)))
            run_link_hear(link, state, why);
    buf_free(&b);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}
