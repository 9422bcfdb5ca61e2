/* A loop for each test, and blocking peers on threads of their own that say what bytes really went over the wire. */
#ifndef TEST_NET_HELP_H
#define TEST_NET_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "net/http.h"

static struct loop *loop;
static char folder[64];

#define OK(expr)                                                                                                                                     \
    do {                                                                                                                                             \
        struct err ok_err_ = (expr);                                                                                                                 \
        if (err_failed(ok_err_))                                                                                                                     \
            fail_msg("%s: %s", #expr, ok_err_.text);                                                                                                 \
    } while (0)

static int
setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/writ-net-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    return err_failed(loop_make(env_real(), &loop)) ? -1 : 0;
}

static int
teardown(void **state)
{
    (void)state;
    loop_free(loop);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* What a script on the other side did and saw. Asserts are for the main thread, after the script. */
struct peer {
    const char *address;
    struct bytes send;
    void (*script)(struct peer *p);
    struct buf got;
    int fd, number;
};

static int
dial(const char *address)
{
    struct timeval tv = {5, 0};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET};
    bool local = strncmp(address, "unix:", 5) == 0;
    int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    if (local)
        snprintf(un.sun_path, sizeof un.sun_path, "%s", address + 5);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    if (connect(fd, local ? (struct sockaddr *)&un : (struct sockaddr *)&in, local ? sizeof un : sizeof in) == 0)
        return fd;
    close(fd);
    return -1;
}

static void
put(struct peer *p, struct bytes b)
{
    while (b.n) {
        ssize_t n = send(p->fd, b.at, b.n, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        b = bytes_sub(b, (size_t)n, SIZE_MAX);
    }
}

/* Reads until ${text} stands in what came, ${times} times; or to the end of the connection (NULL). False: that was not to be. */
static bool
get(struct peer *p, const char *text, int times)
{
    for (;;) {
        struct bytes rest = buf_bytes(&p->got);
        int seen = 0;
        while (text && rest.n) {
            size_t at = bytes_search(rest, bytes_str(text));
            seen += at < rest.n;
            rest = bytes_sub(rest, at + strlen(text), SIZE_MAX);
        }
        if (text && seen >= times)
            return true;
        uint8_t *to = buf_room(&p->got, 65536);
        ssize_t n = to ? recv(p->fd, to, 65536, 0) : -1;
        if (n <= 0)
            return text == NULL && n == 0;
        p->got.n += (size_t)n;
    }
}

static void
stop_loop(void *ctx)
{
    loop_stop(ctx);
}

static void *
run_peer(void *ctx)
{
    struct peer *p = ctx;
    if (p->address)
        p->fd = dial(p->address);
    p->script(p);
    if (p->fd >= 0)
        close(p->fd);
    struct err e = loop_post(loop, stop_loop, loop);
    return err_failed(e) ? p : NULL;
}

/* Runs the loop until the script is through. */
static void
play(struct peer *p)
{
    pthread_t thread;
    p->fd = -1;
    p->got = buf_make((size_t)64 << 20);
    assert_int_equal(pthread_create(&thread, NULL, run_peer, p), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
}

static void
script_to_end(struct peer *p)
{
    put(p, p->send);
    p->number = get(p, NULL, 0);
}

/* Sends ${request}, returns all that comes until the server closes; buf_free it. */
static inline struct buf
talk(const char *address, struct bytes request)
{
    struct peer p = {.address = address, .send = request, .script = script_to_end};
    play(&p);
    return p.got;
}

static inline int
status_of(struct buf *b)
{
    return b->n > 12 ? atoi(buf_text(b) + 9) : 0;
}

static inline bool
has(struct buf *b, const char *text)
{
    return strstr(buf_text(b), text) != NULL;
}

static void
spin_end(void *ctx)
{
    loop_stop(ctx);
}

/* Runs the loop for some milliseconds. */
static inline void
spin(uint64_t ms)
{
    assert_non_null(loop_after(loop, ms, spin_end, loop));
    loop_run(loop);
}

#endif
