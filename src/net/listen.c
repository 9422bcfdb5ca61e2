#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static struct err
open_socket(int family, int *fd)
{
    *fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *fd < 0 ? err_system("making a socket") : err_ok();
}

/* --------------------------------------------------------------------------------------------------------------- Unix sockets */

/* Is anybody there? A socket file that refuses is what a process left that did not end well. */
static struct err
clear_path(const union address *a)
{
    struct stat st;
    if (lstat(a->un.sun_path, &st))
        return errno == ENOENT ? err_ok() : err_system("looking at %s", a->un.sun_path);
    if (!S_ISSOCK(st.st_mode))
        return err_make(E_EXISTS, "%s exists and is not a socket; choose another path or remove it", a->un.sun_path);
    int fd;
    TRY(open_socket(AF_UNIX, &fd));
    int failed = connect(fd, &a->any, sizeof a->un) ? errno : 0;
    close(fd);
    if (failed != ECONNREFUSED && failed != ENOENT)
        return err_make(E_EXISTS, "somebody listens on %s already", a->un.sun_path);
    if (unlink(a->un.sun_path) && errno != ENOENT)
        return err_system("removing the old socket %s", a->un.sun_path);
    return err_ok();
}

/* The mode is set on the socket before bind makes the file from it: at no time may anyone open it who should not. */
static struct err
bind_unix(int fd, const union address *a, unsigned mode, struct listen_place *place)
{
    struct stat st;
    if (fchmod(fd, mode))
        return err_system("setting the mode of %s", a->un.sun_path);
    if (bind(fd, &a->any, sizeof a->un))
        return err_system("binding %s", a->un.sun_path);
    memccpy(place->path, a->un.sun_path, 0, sizeof place->path - 1);
    if (chmod(place->path, mode) || lstat(place->path, &st)) { /* what the umask took away */
        struct err e = err_system("setting the mode of %s", place->path);
        unlink(place->path);
        return e;
    }
    place->dev = st.st_dev;
    place->ino = st.st_ino;
    return err_ok();
}

static struct err
open_unix(const char *path, unsigned mode, int *fd, struct listen_place *place)
{
    union address a = {.un = {.sun_family = AF_UNIX}};
    size_t n = strlen(path);
    if (path[0] != '/' || n >= sizeof a.un.sun_path)
        return err_make(E_USAGE, "unix:%s: the path must start with '/' and be shorter than %zu bytes", path, sizeof a.un.sun_path);
    memcpy(a.un.sun_path, path, n);
    TRY(clear_path(&a));
    TRY(open_socket(AF_UNIX, fd));
    struct err e = bind_unix(*fd, &a, mode, place);
    if (err_failed(e))
        close(*fd);
    return e;
}

/* ------------------------------------------------------------------------------------------------------------------------- TCP */

static struct err
parse_tcp(const char *where, union address *a, socklen_t *n)
{
    struct bytes w = bytes_str(where), host, port;
    size_t colon = w.n;
    while (colon > 0 && w.at[colon - 1] != ':')
        colon--;
    host = bytes_sub(w, 0, colon ? colon - 1 : 0);
    port = bytes_sub(w, colon, SIZE_MAX);
    char text[64];
    uint64_t number;
    bool v6 = host.n > 2 && host.at[0] == '[' && host.at[host.n - 1] == ']';
    if (v6)
        host = bytes_sub(host, 1, host.n - 2);
    snprintf(text, sizeof text, "%.*s", BYTES_CUT(host, 60));
    *a = (union address){.any = {.sa_family = v6 ? AF_INET6 : AF_INET}};
    *n = v6 ? sizeof a->v6 : sizeof a->v4;
    void *to = v6 ? (void *)&a->v6.sin6_addr : (void *)&a->v4.sin_addr;
    if (!bytes_u64(port, &number) || number > 65535 || inet_pton(a->any.sa_family, text, to) != 1)
        return err_make(E_USAGE, "\"%s\" is no place to listen; write 127.0.0.1:8080, [::1]:8080 or unix:/path", where);
    *(v6 ? &a->v6.sin6_port : &a->v4.sin_port) = htons((uint16_t)number);
    return err_ok();
}

static struct err
open_tcp(const char *where, int *fd)
{
    union address a;
    socklen_t n;
    int one = 1;
    TRY(parse_tcp(where, &a, &n));
    TRY(open_socket(a.any.sa_family, fd));
    bool ok = setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0;
    if (ok && a.any.sa_family == AF_INET6)
        ok = setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0;
    if (ok && bind(*fd, &a.any, n) == 0)
        return err_ok();
    struct err e = errno == EADDRINUSE ? err_make(E_EXISTS, "somebody listens on %s already", where) : err_system("binding %s", where);
    close(*fd);
    return e;
}

/* ------------------------------------------------------------------------------------------------------------------------------ */

struct err
listen_describe(int fd, struct listen_place *place)
{
    union address a = {0};
    socklen_t n = sizeof a;
    char host[INET6_ADDRSTRLEN] = "";
    *place = (struct listen_place){0};
    if (getsockname(fd, &a.any, &n))
        return err_system("looking at the address of descriptor %d", fd);
    place->unix_socket = a.any.sa_family == AF_UNIX;
    bool v6 = a.any.sa_family == AF_INET6;
    if (place->unix_socket)
        snprintf(place->address, sizeof place->address, "unix:%.*s", (int)sizeof a.un.sun_path, a.un.sun_path);
    else if ((a.any.sa_family == AF_INET || v6) &&
             inet_ntop(a.any.sa_family, v6 ? (void *)&a.v6.sin6_addr : (void *)&a.v4.sin_addr, host, sizeof host))
        snprintf(place->address, sizeof place->address, v6 ? "[%s]:%u" : "%s:%u", host, ntohs(v6 ? a.v6.sin6_port : a.v4.sin_port));
    else
        return err_make(E_USAGE, "descriptor %d is no TCP or Unix socket", fd);
    return err_ok();
}

struct err
listen_open(const char *where, unsigned mode, int *fd, struct listen_place *place)
{
    if (strncmp(where, "unix:", 5) != 0) {
        TRY(open_tcp(where, fd));
        struct err e = listen_describe(*fd, place);
        if (err_failed(e))
            close(*fd);
        return e;
    }
    struct listen_place made = {.unix_socket = true};
    TRY(open_unix(where + 5, mode, fd, &made));
    snprintf(made.address, sizeof made.address, "%s", where);
    *place = made;
    return err_ok();
}

void
listen_remove(const struct listen_place *place)
{
    struct stat st;
    if (place->path[0] && lstat(place->path, &st) == 0 && st.st_dev == place->dev && st.st_ino == place->ino)
        unlink(place->path);
}
