/* Listening sockets by name: "HOST:PORT" with a numeric address, or "unix:/path". */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include <limits.h>
#include <sys/types.h>

#include "net/http.h"

struct listen_place {
    char address[160];
    char path[128]; /* of a Unix socket that we made and remove again, or "" */
    dev_t dev;      /* which file that was */
    ino_t ino;
    bool unix_socket;
};

/* listen_open(where, mode, fd, place): a bound socket. Errors: E_USAGE, E_EXISTS (somebody listens there), E_SYSTEM. */
struct err listen_open(const char *where, unsigned mode, int *fd, struct listen_place *place) MUST_USE;
/* listen_describe(fd, place): of a socket made elsewhere. */
struct err listen_describe(int fd, struct listen_place *place) MUST_USE;
/* listen_remove(place): the socket file, if it is still the one we made. */
void listen_remove(const struct listen_place *place);

#endif
