/*
 * Parsers of what /proc says (proc_pid_stat(5), proc_pid_status(5), cgroups(7), /proc/net/tcp). Of this room only. The kernel writes
 * these files, but a process chooses parts of them (its name, its cgroup), so they are read as outside bytes.
 */
#ifndef IDENTITY_PROC_H
#define IDENTITY_PROC_H

#include "identity/identity.h"

struct proc_stat {
    int pid, ppid;
    char state;
    uint64_t start;
};

/* proc_parse_stat(text, out): fields 1, 3, 4 and 22. The name (field 2) may hold spaces, newlines and parentheses: it ends at the
 * last ')'. */
bool proc_parse_stat(struct bytes text, struct proc_stat *out);
/* proc_parse_ids(text, uid, gid): the effective ids, as SO_PEERCRED has them, from /proc/PID/status. */
bool proc_parse_ids(struct bytes text, int *uid, int *gid);
/* proc_parse_cgroup(text, cgroup, unit): the path of hierarchy 0 and its innermost *.service or *.scope. "" when there is none, or it
 * does not fit: a part of a path is another path. */
void proc_parse_cgroup(struct bytes text, char cgroup[256], char unit[128]);
/* proc_cgroup_delegated(path): is it under the control of a user or of a service, which name what is below as they like? */
bool proc_cgroup_delegated(const char *path);

struct proc_socket {
    uint16_t local_port, remote_port;
    bool loopback;    /* both ends */
    bool established; /* state 01 and owned by a process; an orphan shows user 0 */
    int uid;
};

/* proc_parse_socket(line, out): one line of /proc/net/tcp or tcp6; false for the heading and what is not of that form. */
bool proc_parse_socket(struct bytes line, struct proc_socket *out);

/* proc_read(dir, name, buf): a small file under an open /proc/PID. E_PROOF when the process is gone; E_LIMIT over ${buf}->max. */
struct err proc_read(int dir, const char *name, struct buf *buf) MUST_USE;
/* proc_open(pid, dir): /proc/PID, which stays with this one process: after its end every read fails, also when the id is used again. */
struct err proc_open(int pid, int *dir) MUST_USE;
/* proc_stat_at(dir, out) */
struct err proc_stat_at(int dir, struct proc_stat *out) MUST_USE;
/* proc_process_at(dir, out, ppid): as process_read, from an open /proc/PID. */
struct err proc_process_at(int dir, struct process *out, int *ppid) MUST_USE;

#endif
