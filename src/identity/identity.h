/*
 * Identity: from what the kernel says about a peer to an instance of a declared agent. First form: Unix peers (SO_PEERCRED). What a
 * process claims about itself counts for nothing; what counts is its user, the executable it runs (path and SHA-256), its parents up to
 * the declared client, and its systemd unit or cgroup. A pidfd and the start time guard against a process id used again.
 */
#ifndef IDENTITY_IDENTITY_H
#define IDENTITY_IDENTITY_H

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"

#define IDENTITY_CHAIN_MAX 16

/* One process as the kernel shows it now. */
struct process {
    int pid, uid, gid;
    uint64_t start;         /* field 22 of /proc/PID/stat: clock ticks after boot; with pid it names one process for ever */
    char exe[512];          /* readlink of /proc/PID/exe; " (deleted)" kept */
    char sha256[65];        /* of the executable's bytes; "" until process_hash */
    char unit[128];         /* systemd unit from the cgroup path, "" when in none */
    char cgroup[256];       /* path in the unified hierarchy */
    bool interpreter;       /* node, python3, bash, java …: what runs is a script, not this file */
    uint64_t exe_device, exe_inode; /* of the running executable, for the hash cache */
};

/* What a peer proved: the process itself and its parents, nearest first, as far as they could be read. */
struct peer_proof {
    struct process chain[IDENTITY_CHAIN_MAX]; /* [0] is the peer */
    size_t n;
    int pidfd; /* of chain[0]; -1 when the kernel has none; owned */
};

/*
 * peer_attest(env, pid, uid, gid, pidfd, out): read the peer and its parents. ${pidfd} (may be -1) is duplicated. Checks after reading
 * that the process still runs with the same start time; E_PROOF when it ended or changed meanwhile, or belongs to another uid (or gid,
 * unless that is -1) than the kernel said when it connected, or ${pidfd} (SO_PEERPIDFD) is not of ${pid}. Without a pidfd from the kernel
 * a number used again between connect and this call is not noticed, but for its uid.
 */
struct err peer_attest(struct env *env, int pid, int uid, int gid, int pidfd, struct peer_proof *out) MUST_USE;
void peer_proof_free(struct peer_proof *p);
/* process_read(pid, out): one process, without hash. process_hash(p): SHA-256 through /proc/PID/exe (not the path: it may be replaced);
 * cached by device, inode, size, mtime, ctime of the open file; at most 512 MiB. */
struct err process_read(int pid, struct process *out) MUST_USE;
struct err process_hash(struct process *p) MUST_USE;
/* file_hash(path, sha256): of a regular file of at most 512 MiB, in hex; remembered until the file changes. E_IO, E_LIMIT. */
struct err file_hash(const char *path, char sha256[65]) MUST_USE;
/* proc_is_interpreter(exe): does a program of this name run whatever script it is given? */
bool proc_is_interpreter(const char *exe);
/* process_alive(p): the very same process (pid and start time) still runs, and still the same executable: a program that connects and
 * then becomes another has to prove itself again. */
bool process_alive(const struct process *p);
/* tcp_peer_uid(local_port, remote_port, uid): the user that owns the other end of a loopback TCP connection (/proc/net/tcp, tcp6 of the
 * network namespace of ${netns_pid}, 0: ours). E_NOT_FOUND; E_PROOF when several users have that port, on several loopback addresses. */
struct err tcp_peer_uid(int netns_pid, uint16_t local_port, uint16_t remote_port, int *uid) MUST_USE;
/* tcp_peer_uid_at(netns_pid, ends, uid): the same for exactly these addresses. Asks the kernel for the one socket where it can (IPv4, our
 * own network namespace: microseconds); else as tcp_peer_uid, which reads the table of all connections (milliseconds). */
struct tcp_ends {
    uint32_t local_v4, remote_v4; /* network order; 0: not IPv4 */
    uint16_t local_port, remote_port;
};
struct err tcp_peer_uid_at(int netns_pid, const struct tcp_ends *ends, int *uid) MUST_USE;

/* How an agent proves itself, as declared in the estate. Every field that is set must match (-1 / NULL: not asked for). */
struct unix_claim {
    int uid;             /* of the peer or of the process matched by ${exe} */
    const char *exe;     /* absolute path of an executable in the chain; the file must be the one that is there for us too */
    const char *sha256;  /* of that executable; without ${exe}: of the peer's, which any copy under any name satisfies (weak) */
    const char *client;  /* absolute path of an executable that must stand further up the chain: the agent's client */
    const char *unit;    /* systemd unit; one that a user or a service made itself counts only with ${uid}, and as that user */
    const char *cgroup;  /* path or its start, at a '/' */
    bool dedicated_user; /* the estate says this uid is the agent's alone (no other agent and no person has it) */
};

/* What a match is worth. Weak: an interpreter under a shared user; such a proof never reaches tier light nor irreversible effects. */
enum proof_strength { PROOF_NONE, PROOF_WEAK, PROOF_USER /* dedicated user */, PROOF_PROGRAM /* hash of a program, unit or cgroup */ };
const char *proof_strength_name(enum proof_strength s);

/*
 * claim_match(claim, proof, strength, why): does the chain satisfy the claim? ${why} gets one sentence, either way, for explain: what
 * matched, or the first thing that did not and what it was instead.
 */
bool claim_match(const struct unix_claim *claim, struct peer_proof *proof, enum proof_strength *strength, char why[256]);

#endif
