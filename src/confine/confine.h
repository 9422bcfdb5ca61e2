/*
 * Confine: start an agent so that its only way out is the private endpoint (law 11). Every wall this machine can build is built, the
 * level reached is reported in words, and a wall that is required and missing is an error. docs/confinement.md says what each wall stops.
 *
 *     confine_prepare()  forks a supervisor, builds the walls, makes a listening socket inside them; the agent waits, confined
 *     confine_go()       starts the program
 *     confine_wait()     until it ends by itself; or confine_kill(): end the whole tree now, measured
 *     confine_free()
 *
 * Linux only. Call from a process that holds no secrets (`writ run` does not): the supervisor is a copy of it. If the caller dies,
 * the supervisor notices its closed socket and ends the agent. Not for two threads at once on one child.
 */
#ifndef CONFINE_CONFINE_H
#define CONFINE_CONFINE_H

#include "base/env.h"
#include "base/err.h"

#include <sys/types.h>

/* The walls. A set of them is an or of these bits. */
enum confine_part {
    CONFINE_NETNS = 1,         /* a network of its own that has nothing but loopback */
    CONFINE_PIDNS = 2,         /* sees and signals only its own processes; all of them die with the run */
    CONFINE_MOUNTNS = 4,       /* a file tree that holds only system folders (read-only), the planned ones and a private /tmp, /dev */
    CONFINE_LANDLOCK = 8,      /* kernel file (and, without CONFINE_NETNS, TCP) rules by path */
    CONFINE_USER = 16,         /* runs as another user than the caller */
    CONFINE_NO_NEW_PRIVS = 32, /* set-user-ID programs and file capabilities give nothing; no capabilities */
    CONFINE_SECCOMP = 64,      /* system calls of the deny list fail with EPERM */
    CONFINE_ALL = 127,
};

#define CONFINE_PORTS_MAX 8

/*
 * What to start and within which walls. Paths are absolute; lists end with NULL and may be NULL. All is borrowed until
 * confine_prepare returns.
 *
 * Without being listed an agent may read and execute the system folders (/usr, /lib…, /bin, /sbin, /etc, /opt, …) and use the harmless
 * devices. A path of ${hidden} is out of reach even when it lies in an allowed folder; it must exist (what is made later could not be
 * hidden), and neither ${cwd} nor an allowed folder may lie in it. A program outside of all these folders cannot be started.
 */
struct confine_plan {
    const char *const *argv;       /* argv[0] is looked up in PATH of the agent's environment, inside the walls */
    const char *const *env;        /* "NAME=value": set whatever the name; over what is kept of the caller's (confine_env_keeps) */
    const char *cwd;               /* NULL: the first of ${read_write}, or / */
    int uid, gid;                  /* run as (with CONFINE_USER), without supplementary groups; -1: as the caller */
    unsigned want, require;        /* enum confine_part bits; what is required is wanted too */
    const char *const *read_only;  /* folders or files the agent may read and execute */
    const char *const *read_write; /* … and change */
    const char *const *hidden;     /* state directory, run directory, roots of destinations */
    uint16_t tcp_ports[CONFINE_PORTS_MAX]; /* without CONFINE_NETNS: ports Landlock lets it connect to besides its endpoint; 0: unused */
};

/* What was reached. ${text} reads "own network (loopback only), own processes, …"; ${missing} "no own user (none was named)…" or "". */
struct confine_level {
    unsigned reached; /* enum confine_part bits */
    int landlock_abi; /* 0: no Landlock */
    bool own_proc;    /* /proc shows only the agent's processes */
    char text[256];
    char missing[256];
};

struct confine_child {
    pid_t pid;      /* of the supervisor (init of the pid namespace, if there is one), in the caller's view */
    pid_t agent;    /* of the program itself, in the caller's view; what peer_attest would see */
    int pidfd;      /* of the supervisor: readable when the whole tree is gone (poll it in a loop, then call confine_wait) */
    int listener;   /* TCP, 127.0.0.1, non-blocking; inside the agent's network. Owned; set to -1 when you take it over */
    uint16_t port;  /* of the listener */
    int control;    /* private */
    int start;      /* private */
    bool pidns;     /* private */
};

/*
 * confine_prepare(plan, level, child): build the walls around a waiting process. On failure nothing is left running and ${child}
 * needs no free; ${level} says what was reached, also when that was less than required. Errors: E_USAGE (a path is not absolute, in
 * conflict with a hidden one …), E_NOT_FOUND (a path of the plan), E_FORBIDDEN (less than required: names the wall, why, what to do),
 * E_STATE (the working folder cannot be entered inside; a standard descriptor is closed), E_SYSTEM, E_LIMIT.
 */
struct err confine_prepare(const struct confine_plan *plan, struct confine_level *level, struct confine_child *child) MUST_USE;
/* confine_go(child, env): run the program, with "NAME=value" entries of ${env} (may be NULL; 32 KiB in all) over those of the plan,
 * e.g. the address of its endpoint. E_NOT_FOUND, E_SYSTEM: it could not be started, and why; the child is to be killed then. */
struct err confine_go(struct confine_child *child, const char *const *env) MUST_USE;
/* confine_wait(child, status): block until the program ended and nothing of its tree is left. ${status} as of waitpid(2). */
struct err confine_wait(struct confine_child *child, int *status) MUST_USE;
/*
 * confine_kill(env, child, ns): end every process of the tree, return when the kernel says that they are gone, with the time that took
 * in nanoseconds. Killing what has ended is not an error. E_TIMEOUT after 5 s: not confirmed; call again.
 */
struct err confine_kill(struct env *env, struct confine_child *child, uint64_t *ns) MUST_USE;
/* confine_free(child): close what is open; kills what still runs. */
void confine_free(struct confine_child *child);

/* confine_env_keeps(entry): is "NAME=value" of the caller's environment passed on? Not WRIT_*, nor what looks like a credential or
 * leads to one (…TOKEN, …SECRET…, AWS_*, SSH_AUTH_SOCK, a URL with a password in it). */
bool confine_env_keeps(const char *entry);
/* confine_part_name(part): "own network" …, for one bit. */
const char *confine_part_name(enum confine_part part);

#endif
