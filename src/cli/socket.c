/* Unix sockets, with a moment to give up at. */
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct err
connect_error(const char *path)
{
    switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
        return err_make(E_CONNECT,
                        "the server is not running: nobody listens at %.200s (start it with `writ serve`, or name its folder with --run-dir)", path);
    case EACCES:
        return err_make(E_CONNECT, "%.200s may not be used by this user: the run folder is closed to it", path);
    case EAGAIN:
        return err_make(E_BUSY, "the server takes no more connections at %.200s", path);
    default:
        return err_system("connecting to %.200s", path);
    }
}

struct err
socket_connect(const char *path, int type, int *out)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        return err_make(E_USAGE, "the path of a socket is at most %zu bytes: %.200s", sizeof to.sun_path - 1, path);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_system("a socket");
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        struct err e = connect_error(path);
        close(fd);
        return e;
    }
    *out = fd;
    return err_ok();
}

uint64_t
deadline_in(struct env *env, uint64_t ms)
{
    return env->mono_ns(env) / 1000000 + ms;
}

struct err
socket_wait(struct env *env, int fd, short events, uint64_t until)
{
    for (;;) {
        uint64_t now = env->mono_ns(env) / 1000000;
        struct pollfd p = {.fd = fd, .events = events};
        int n = now >= until ? 0 : poll(&p, 1, until - now > 60000 ? 60000 : (int)(until - now));
        if (n > 0)
            return err_ok(); /* an error on the descriptor shows at the next read or write */
        if (n < 0 && errno != EINTR)
            return err_system("waiting for the server");
        if (now >= until)
            return err_make(E_TIMEOUT, "the server did not answer in time");
    }
}

struct err
socket_send(struct env *env, int fd, struct bytes b, uint64_t until)
{
    while (b.n) {
        ssize_t n = send(fd, b.at, b.n, MSG_NOSIGNAL);
        if (n > 0)
            b = bytes_sub(b, (size_t)n, b.n);
        else if (n < 0 && errno == EAGAIN)
            TRY(socket_wait(env, fd, POLLOUT, until));
        else if (n < 0 && errno != EINTR)
            return err_make(E_CLOSED, "the server closed the connection");
    }
    return err_ok();
}
