#include "identity/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A parent that ends while it is looked at is replaced by another; so often is the look repeated. */
#define LINK_TRIES 4

/* "Pid:" of /proc/self/fdinfo/FD is the process of a pidfd in our view: -1 when it was reaped, 0 when it is not in our namespace. */
static struct err
pidfd_is(int pidfd, int pid)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return err_system("reading %s", path);
    char line[128];
    int found = INT_MIN;
    while (found == INT_MIN && fgets(line, sizeof line, f))
        if (sscanf(line, "Pid: %d", &found) != 1)
            found = INT_MIN;
    fclose(f);
    if (found == pid)
        return err_ok();
    return err_make(E_PROOF, found == -1 ? "the peer (process %d) has ended" : "the peer's pidfd is not of process %d", pid);
}

/* Ours to keep: a duplicate of the kernel's (SO_PEERPIDFD), or a new one; -1 where the kernel has none (before 5.3). */
static struct err
own_pidfd(int pid, int given, int *out)
{
    if (given >= 0) {
        TRY(pidfd_is(given, pid));
        *out = fcntl(given, F_DUPFD_CLOEXEC, 3);
        return *out < 0 ? err_system("duplicating the peer's pidfd") : err_ok();
    }
    *out = (int)syscall(SYS_pidfd_open, pid, 0);
    if (*out < 0 && errno != ENOSYS)
        return err_make(E_PROOF, "the peer (process %d) has ended", pid);
    return err_ok();
}

/* Read the parent of the process at ${dir}. A parent is older than its child, and still the parent after it was read. */
static struct err
read_parent(int dir, const struct process *child, int *parent_dir, struct process *parent, int *ppid)
{
    for (int i = 0; i < LINK_TRIES; i++) {
        struct proc_stat before, after;
        TRY(proc_stat_at(dir, &before));
        if (err_failed(proc_open(before.ppid, parent_dir)))
            continue;
        struct err e = proc_process_at(*parent_dir, parent, ppid);
        if (!err_failed(e))
            e = proc_stat_at(dir, &after);
        if (!err_failed(e) && after.ppid == before.ppid && parent->start <= child->start)
            return err_ok();
        close(*parent_dir);
    }
    return err_make(E_PROOF, "the parent of process %d cannot be read", child->pid);
}

/* Parents that cannot be read (hidepid, ended meanwhile) end the chain: what is not seen proves nothing. */
static void
read_parents(int dir, int ppid, struct peer_proof *out)
{
    int child = dup(dir);
    while (child >= 0 && ppid > 0 && out->n < IDENTITY_CHAIN_MAX) {
        int parent = -1;
        struct err e = read_parent(child, &out->chain[out->n - 1], &parent, &out->chain[out->n], &ppid);
        if (err_failed(e))
            break;
        close(child);
        child = parent;
        out->n++;
    }
    if (child >= 0)
        close(child);
}

/* The last look: a pidfd is readable once its process has ended. */
static struct err
still_the_same(int dir, const struct peer_proof *proof)
{
    const struct process *peer = &proof->chain[0];
    struct pollfd p = {.fd = proof->pidfd, .events = POLLIN};
    struct process now;
    int ppid;
    if (proof->pidfd >= 0 && poll(&p, 1, 0) != 0)
        return err_make(E_PROOF, "the peer (process %d) ended while it was looked at", peer->pid);
    TRY(proc_process_at(dir, &now, &ppid));
    if (now.start != peer->start || now.uid != peer->uid || now.exe_device != peer->exe_device || now.exe_inode != peer->exe_inode)
        return err_make(E_PROOF, "the peer (process %d) changed while it was looked at", peer->pid);
    return err_ok();
}

static struct err
read_chain(int dir, int uid, int gid, struct peer_proof *out)
{
    struct process *peer = &out->chain[0];
    int ppid;
    TRY(proc_process_at(dir, peer, &ppid));
    if (peer->uid != uid)
        return err_make(E_PROOF, "process %d belongs to user %d, but user %d connected", peer->pid, peer->uid, uid);
    if (gid >= 0 && peer->gid != gid)
        return err_make(E_PROOF, "process %d belongs to group %d, but group %d connected", peer->pid, peer->gid, gid);
    out->n = 1;
    read_parents(dir, ppid, out);
    return still_the_same(dir, out);
}

struct err
peer_attest(struct env *env, int pid, int uid, int gid, int pidfd, struct peer_proof *out)
{
    (void)env; /* the kernel's facts have no fake; the parameter is kept for attestors that have a clock */
    int dir;
    memset(out, 0, sizeof *out);
    out->pidfd = -1;
    if (pid <= 0)
        return err_make(E_PROOF, "the peer is in a process namespace that cannot be seen from here: run Writ outside of it");
    TRY(own_pidfd(pid, pidfd, &out->pidfd));
    struct err e = proc_open(pid, &dir);
    if (!err_failed(e)) {
        e = read_chain(dir, uid, gid, out);
        close(dir);
    }
    if (err_failed(e))
        peer_proof_free(out);
    return e;
}

void
peer_proof_free(struct peer_proof *p)
{
    if (p->pidfd >= 0)
        close(p->pidfd);
    p->pidfd = -1;
    p->n = 0;
}
