/*
 * The hidden command "server UID GID -- COMMAND [ARG]…": the last moments of a destination's server before it becomes itself. Started
 * by the gate; "-" for UID means to stay who we are. It dies with its parent and can gain nothing. Its environment comes with a "+" before
 * each name, so that nothing in it works on this program while it is still root.
 */
#include "cli/cli.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOT_STARTED 127

/* A user id must be written out: what is no number would otherwise be 0, which is root. */
static struct err
read_id(const char *text, id_t *id)
{
    uint64_t v;
    if (!bytes_u64(bytes_str(text), &v) || v >= UINT32_MAX)
        return err_make(E_USAGE, "'%.20s' is no user or group id", text);
    *id = (id_t)v;
    return err_ok();
}

static struct err
become(const char *uid_text, const char *gid_text)
{
    uid_t uid, r, e, s;
    gid_t gid, gr, ge, gs;
    if (strcmp(uid_text, "-") == 0)
        return err_ok();
    TRY(read_id(uid_text, &uid));
    TRY(read_id(gid_text, &gid));
    if (geteuid() != 0 && getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid)
        return err_ok(); /* that user already, and without the right to change its groups */
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return err_system("becoming user %u, group %u", uid, gid);
    if (getresuid(&r, &e, &s) != 0 || getresgid(&gr, &ge, &gs) != 0 || r != uid || e != uid || s != uid || gr != gid || ge != gid || gs != gid)
        return err_make(E_SYSTEM, "this process is not wholly user %u, group %u", uid, gid);
    if (uid != 0 && setuid(0) == 0)
        return err_make(E_SYSTEM, "user %u could become root again", uid);
    return err_ok();
}

/* After the change of user, which clears the death signal (prctl(2)). */
static struct err
die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return err_system("tying this process to its parent");
    if (getppid() != parent)
        return err_make(E_STATE, "the process that asked for it is gone");
    return err_ok();
}

static struct err
make_small(void)
{
    struct rlimit none = {0, 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_system("setting no_new_privs");
    if (setrlimit(RLIMIT_CORE, &none) != 0) /* its environment may hold a secret */
        return err_system("switching core dumps off");
    if (close_range(3, ~0u, 0) != 0)
        return err_system("closing what it must not inherit");
    return err_ok();
}

static void
unmark_environment(void)
{
    size_t n = 0;
    for (char **e = environ; *e; e++)
        if ((*e)[0] == '+')
            environ[n++] = *e + 1;
    environ[n] = NULL;
}

static struct err
start(int argc, char **argv, pid_t parent)
{
    if (argc < 6 || strcmp(argv[4], "--") != 0)
        return err_make(E_USAGE, "server UID GID -- COMMAND [ARG]…: the gate starts this, not a person");
    TRY(become(argv[2], argv[3]));
    TRY(die_with(parent));
    TRY(make_small());
    unmark_environment();
    execvp(argv[5], argv + 5);
    return err_system("cannot start %.200s", argv[5]);
}

int
cmd_server(int argc, char **argv)
{
    struct err e = start(argc, argv, getppid());
    fprintf(stderr, "writ: %s\n", e.text);
    return NOT_STARTED;
}
