/*
 * What the files of this room share: the checked plan, and the steps that the supervisor and the agent take on their side of the
 * walls. Everything below runs in a child of its own that has one thread.
 */
#ifndef CONFINE_INSIDE_H
#define CONFINE_INSIDE_H

#include "base/arena.h"
#include "confine/confine.h"

#define PATHS_MAX 64
#define GO_MAX 32768
/* Where the two sockets to the caller are in the child. */
#define CONTROL_FD 3
#define START_FD 4

/* A path of the plan: as it was given, and without symbolic links. */
struct wall_path {
    const char *given, *real;
    bool write, folder;
};

/* One attempt to build the walls. */
struct walls {
    const struct confine_plan *plan;
    struct wall_path allowed[2 * PATHS_MAX], hidden[PATHS_MAX]; /* allowed: parents before what they hold */
    size_t n, hidden_n;
    const char *cwd;
    unsigned namespaces;       /* of CONFINE_NETNS, _PIDNS, _MOUNTNS */
    bool userns;               /* they come with a user namespace */
    uid_t uid;                 /* that makes it; inside, nobody has a name until it is mapped */
    gid_t gid;
    bool switch_user, agent_is_root;
    uint16_t port;             /* of the endpoint */
    bool own_proc;
};

/* What a child says to the caller, over its socket. ${failed}: this attempt is at an end. */
struct report {
    unsigned reached;
    int landlock_abi;
    bool own_proc, failed;
    char text[ERR_TEXT_MAX];
};

extern const char *const confine_system_folders[]; /* readable and executable without being listed; ends with NULL */
extern const char *const confine_devices[];        /* under /dev, harmless; ends with NULL */

/* supervisor_run(w): the first process inside; sends reports to CONTROL_FD, forks the agent, ends when it or the caller has ended. */
void supervisor_run(struct walls *w) __attribute__((noreturn));
/* agent_run(w): the waiting agent: drops all, reports to START_FD, and executes when told. */
void agent_run(struct walls *w) __attribute__((noreturn));
/* agent_switch_user(w): to the user of the plan, without supplementary groups. */
struct err agent_switch_user(const struct walls *w) MUST_USE;
/* report_send(fd, r, pass): ${pass} (a descriptor, or -1) goes along. */
bool report_send(int fd, const struct report *r, int pass);

/* path_open(root, path): O_PATH, refusing symbolic links on the whole way: they were resolved when the plan was checked, and one that
 * has appeared since is an attempt to redirect us. An absolute ${path} starts at ${root} (AT_FDCWD: at /). -1 and errno. */
int path_open(int root, const char *path);
/* mounts_build(w): a new file tree becomes the root. Sets w->own_proc. */
struct err mounts_build(struct walls *w) MUST_USE;
/* landlock_enter(w, abi): binds the calling process and its children; abi 0 when there is none. */
struct err landlock_enter(const struct walls *w, int *abi) MUST_USE;
/* seccomp_enter(namespaces): the deny list; what a missing wall would have to stop is denied too. Needs no_new_privs. */
struct err seccomp_enter(unsigned namespaces) MUST_USE;
/* environ_build(plan, more, n): what is kept of ours, the plan's, and ${n} bytes of zero-ended entries. NULL: out of memory. Never freed. */
char **environ_build(const struct confine_plan *plan, const char *more, size_t n);

#endif
