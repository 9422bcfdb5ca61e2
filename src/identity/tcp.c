#include "identity/proc.h"

#include <stdio.h>

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
