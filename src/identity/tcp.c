#include "identity/proc.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ESTABLISHED 1 /* as TCP_ESTABLISHED in the kernel */

struct search {
    uint16_t local_port, remote_port;
    int uid;
    bool found, ambiguous;
};

static void
look_at(struct search *s, struct bytes line)
{
    struct proc_socket socket;
    if (!proc_parse_socket(line, &socket) || !socket.loopback || !socket.established)
        return;
    if (socket.local_port != s->remote_port || socket.remote_port != s->local_port)
        return;
    s->ambiguous |= s->found && socket.uid != s->uid;
    s->found = true;
    s->uid = socket.uid;
}

static void
search_file(struct search *s, int pid, const char *name)
{
    char path[48], line[512];
    if (pid)
        snprintf(path, sizeof path, "/proc/%d/net/%s", pid, name);
    else
        snprintf(path, sizeof path, "/proc/thread-self/net/%s", name);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return; /* without IPv6 there is no tcp6 */
    while (fgets(line, sizeof line, f))
        look_at(s, bytes_str(line));
    fclose(f);
}

struct err
tcp_peer_uid(int netns_pid, uint16_t local_port, uint16_t remote_port, int *uid)
{
    struct search s = {.local_port = local_port, .remote_port = remote_port, .uid = -1};
    search_file(&s, netns_pid, "tcp");
    search_file(&s, netns_pid, "tcp6");
    if (!s.found)
        return err_make(E_NOT_FOUND, "no open loopback connection from port %u to port %u", remote_port, local_port);
    if (s.ambiguous)
        return err_make(E_PROOF, "several users have connections from port %u to port %u (on several loopback addresses)", remote_port, local_port);
    *uid = s.uid;
    return err_ok();
}

/* sock_diag(7): one socket by both of its ends. */

static bool
same_network(int pid)
{
    struct stat ours, theirs;
    char path[48];
    if (pid == 0)
        return true;
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    return stat("/proc/thread-self/ns/net", &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 ask;
};

/* The answer to a question for one socket is one message. The kernel answers while it takes the question: no wait. */
static bool
ask_kernel(int fd, const struct question *q, struct inet_diag_msg *found)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK}, from = {0};
    socklen_t n = sizeof from;
    _Alignas(struct nlmsghdr) uint8_t answer[4096];
    struct nlmsghdr head;
    if (sendto(fd, q, sizeof *q, 0, (struct sockaddr *)&kernel, sizeof kernel) != (ssize_t)sizeof *q)
        return false;
    ssize_t got = recvfrom(fd, answer, sizeof answer, MSG_DONTWAIT, (struct sockaddr *)&from, &n);
    if (got < (ssize_t)NLMSG_LENGTH(sizeof *found) || from.nl_pid != 0)
        return false;
    memcpy(&head, answer, sizeof head);
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || head.nlmsg_len < NLMSG_LENGTH(sizeof *found))
        return false;
    memcpy(found, answer + NLMSG_HDRLEN, sizeof *found);
    return true;
}

/* The kernel's socket whose own end is our remote one. False when there is none, or none that a process holds. */
static bool
find_exact(const struct tcp_ends *ends, int *uid)
{
    struct question q = {
        .head = {.nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
        .ask = {.sdiag_family = AF_INET,
                .sdiag_protocol = IPPROTO_TCP,
                .idiag_states = 1u << ESTABLISHED,
                .id = {.idiag_sport = htons(ends->remote_port),
                       .idiag_dport = htons(ends->local_port),
                       .idiag_src = {ends->remote_v4},
                       .idiag_dst = {ends->local_v4},
                       .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    struct inet_diag_msg found;
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    bool ok = fd >= 0 && ask_kernel(fd, &q, &found);
    if (fd >= 0)
        close(fd);
    if (!ok || found.idiag_state != ESTABLISHED || found.idiag_inode == 0 || found.id.idiag_sport != q.ask.id.idiag_sport ||
        found.id.idiag_dport != q.ask.id.idiag_dport)
        return false;
    *uid = (int)found.idiag_uid;
    return true;
}

static bool
is_loopback(uint32_t v4)
{
    return ntohl(v4) >> 24 == 127;
}

struct err
tcp_peer_uid_at(int netns_pid, const struct tcp_ends *ends, int *uid)
{
    if (is_loopback(ends->local_v4) && is_loopback(ends->remote_v4) && same_network(netns_pid) && find_exact(ends, uid))
        return err_ok();
    return tcp_peer_uid(netns_pid, ends->local_port, ends->remote_port, uid);
}
