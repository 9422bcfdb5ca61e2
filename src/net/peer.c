#include "net/conn.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; older kernels answer ENOPROTOOPT */
#endif

/* The peer as it was when it connected: a process id alone may have a new owner by now, a pidfd cannot. */
static void
read_unix(int fd, struct net_peer *p)
{
    struct ucred who;
    socklen_t n = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0) {
        p->pid = who.pid;
        p->uid = (int)who.uid;
        p->gid = (int)who.gid;
    }
    int pidfd;
    n = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &n) == 0)
        p->pidfd = pidfd;
    snprintf(p->text, sizeof p->text, "unix:pid %d uid %d", p->pid, p->uid);
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

static bool
is_loopback(const union address *a)
{
    if (a->any.sa_family == AF_INET)
        return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
    if (a->any.sa_family != AF_INET6)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr) || (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr) && a->v6.sin6_addr.s6_addr[12] == 127);
}

static uint16_t
port_of(const union address *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

static void
read_tcp(int fd, struct net_peer *p)
{
    union address remote = {0}, local = {0};
    socklen_t n = sizeof remote, m = sizeof local;
    if (getpeername(fd, &remote.any, &n) || getsockname(fd, &local.any, &m))
        return;
    char host[INET6_ADDRSTRLEN] = "";
    bool v6 = remote.any.sa_family == AF_INET6;
    inet_ntop(remote.any.sa_family, v6 ? (void *)&remote.v6.sin6_addr : (void *)&remote.v4.sin_addr, host, sizeof host);
    p->remote_port = port_of(&remote);
    p->local_port = port_of(&local);
    p->loopback = is_loopback(&remote);
    p->remote_v4 = v6 ? 0 : remote.v4.sin_addr.s_addr;
    p->local_v4 = local.any.sa_family == AF_INET ? local.v4.sin_addr.s_addr : 0;
    snprintf(p->text, sizeof p->text, v6 ? "[%s]:%u" : "%s:%u", host, p->remote_port);
}

void
peer_read(int fd, bool unix_socket, struct net_peer *p)
{
    *p = (struct net_peer){.unix_socket = unix_socket, .pid = -1, .uid = -1, .gid = -1, .pidfd = -1, .text = "unknown"};
    if (unix_socket)
        read_unix(fd, p);
    else
        read_tcp(fd, p);
}

void
peer_free(struct net_peer *p)
{
    if (p->pidfd >= 0)
        close(p->pidfd);
    p->pidfd = -1;
}
