#include "confine/plan.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMESPACES (CONFINE_NETNS | CONFINE_PIDNS | CONFINE_MOUNTNS)

/* These are made anew inside, or are everything. */
static const char *const refused_paths[] = {"/", "/proc", "/dev", "/sys"};

static struct err
resolve(struct arena *a, const char *path, struct wall_path *out)
{
    char real[PATH_MAX];
    struct stat st;
    if (path[0] != '/')
        return err_make(E_USAGE, "the path %.200s must be absolute", path);
    if (realpath(path, real) == NULL || stat(real, &st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return err_make(E_NOT_FOUND, "%.200s does not exist: make it first, or take it out of the plan", path);
        return err_make(E_FORBIDDEN, "%.200s may not be looked at by this user", path);
    }
    out->given = path;
    out->real = arena_str(a, bytes_str(real));
    out->folder = S_ISDIR(st.st_mode);
    return out->real ? err_ok() : err_make(E_MEMORY, "out of memory");
}

static struct err
add_allowed(struct arena *a, const char *const *list, bool write, struct walls *w)
{
    for (size_t i = 0; list && list[i]; i++) {
        struct wall_path p = {.write = write};
        if (i == PATHS_MAX)
            return err_make(E_LIMIT, "more than %d paths in one list of the plan", PATHS_MAX);
        TRY(resolve(a, list[i], &p));
        for (size_t k = 0; k < sizeof refused_paths / sizeof *refused_paths; k++)
            if (strcmp(p.real, refused_paths[k]) == 0)
                return err_make(E_USAGE, "%s cannot be given to an agent as a whole: name the folders below that it needs", p.real);
        w->allowed[w->n++] = p;
    }
    return err_ok();
}

/* A path that this user cannot even look at is out of the agent's reach as well, unless it runs as another user. */
static struct err
add_hidden(struct arena *a, const struct confine_plan *plan, struct walls *w)
{
    const char *const *list = plan->hidden;
    for (size_t i = 0; list && list[i]; i++) {
        if (i == PATHS_MAX)
            return err_make(E_LIMIT, "more than %d hidden paths in the plan", PATHS_MAX);
        struct err e = resolve(a, list[i], &w->hidden[w->hidden_n]);
        if (!err_failed(e))
            w->hidden_n++;
        else if (e.code != E_FORBIDDEN || plan->uid >= 0)
            return err_wrap(e, "a path to hide");
    }
    return err_ok();
}

static bool
lies_in(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    return strcmp(folder, "/") == 0 || (strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0));
}

static struct err
no_conflict(const struct walls *w)
{
    for (size_t h = 0; h < w->hidden_n; h++)
        for (size_t i = 0; i < w->n; i++)
            if (lies_in(w->allowed[i].real, w->hidden[h].real))
                return err_make(E_USAGE, "%.120s is to be used, but lies in %.120s, which is to be hidden", w->allowed[i].real, w->hidden[h].real);
    return err_ok();
}

/* Parents before what they hold, and the list that grants more before the one that grants less: a later mount covers an earlier one. */
static int
by_depth(const void *a, const void *b)
{
    const struct wall_path *x = a, *y = b;
    size_t n = strlen(x->real), k = strlen(y->real);
    return n != k ? (n > k) - (n < k) : (int)y->write - (int)x->write;
}

/* In the words of capability(7): may this process become another user? */
static bool
can_switch(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    unsigned needed = 1u << CAP_SETUID | 1u << CAP_SETGID;
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & needed) == needed;
}

static struct err
check_user(const struct confine_plan *plan, struct walls *w)
{
    if (plan->uid >= 0 && plan->gid < 0)
        return err_make(E_USAGE, "a user to run as needs a group too");
    bool other = plan->uid >= 0 && (uid_t)plan->uid != geteuid();
    w->switch_user = other && ((plan->want | plan->require) & CONFINE_USER) && can_switch();
    w->agent_is_root = (w->switch_user ? (uid_t)plan->uid : geteuid()) == 0;
    return err_ok();
}

static struct err
check_cwd(struct arena *a, const struct confine_plan *plan, struct walls *w)
{
    struct wall_path p;
    w->cwd = plan->cwd ? plan->cwd : plan->read_write && plan->read_write[0] ? plan->read_write[0] : "/";
    TRY(resolve(a, w->cwd, &p));
    w->cwd = p.real;
    for (size_t h = 0; h < w->hidden_n; h++)
        if (lies_in(p.real, w->hidden[h].real))
            return err_make(E_USAGE, "the working folder %.120s lies in %.120s, which is to be hidden", p.real, w->hidden[h].real);
    return err_ok();
}

struct err
plan_check(struct arena *a, const struct confine_plan *plan, struct walls *w)
{
    memset(w, 0, sizeof *w);
    w->plan = plan;
    if (plan->argv == NULL || plan->argv[0] == NULL || plan->argv[0][0] == 0)
        return err_make(E_USAGE, "no program to start was named");
    TRY(check_user(plan, w));
    TRY(add_allowed(a, plan->read_write, true, w));
    TRY(add_allowed(a, plan->read_only, false, w));
    TRY(add_hidden(a, plan, w));
    TRY(no_conflict(w));
    qsort(w->allowed, w->n, sizeof w->allowed[0], by_depth);
    return check_cwd(a, plan, w);
}

/* Every wall in words: when it stands, when it does not, and what a person can do about it. */
static const struct {
    enum confine_part part;
    const char *name, *none, *remedy;
} parts[] = {
    {CONFINE_NETNS, "own network (loopback only)", "no own network", "run as root, or allow user namespaces"},
    {CONFINE_PIDNS, "own processes", "no own process tree", "run as root, or allow user namespaces"},
    {CONFINE_MOUNTNS, "own file tree", "no own file tree", "run as root, or allow user namespaces"},
    {CONFINE_USER, "own user", "no own user", "run as root, with a user for the agent"},
    {CONFINE_LANDLOCK, "Landlock", "no Landlock", "boot with lsm=landlock,…"},
    {CONFINE_NO_NEW_PRIVS, "no new privileges", "no no_new_privs", "use a newer kernel"},
    {CONFINE_SECCOMP, "system call filter", "no system call filter", "use a kernel with seccomp"},
};
#define PARTS (sizeof parts / sizeof *parts)

const char *
confine_part_name(enum confine_part part)
{
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i].part == part)
            return parts[i].name;
    return "unknown wall";
}

static void
add(char *text, size_t room, const char *separator, const char *more)
{
    size_t n = strlen(text);
    snprintf(text + n, room - n, "%s%s", n ? separator : "", more);
}

static void
tell_reached(struct confine_level *level)
{
    char landlock[64];
    level->text[0] = 0;
    for (size_t i = 0; i < PARTS; i++) {
        if (!(level->reached & parts[i].part))
            continue;
        snprintf(landlock, sizeof landlock, "Landlock ABI %d%s", level->landlock_abi,
                 !(level->reached & CONFINE_NETNS) && level->landlock_abi < 4 ? " (no network rules)" : "");
        add(level->text, sizeof level->text, ", ", parts[i].part == CONFINE_LANDLOCK ? landlock : parts[i].name);
    }
    if (level->reached & CONFINE_PIDNS && !level->own_proc)
        add(level->text, sizeof level->text, ", ", "but the machine's /proc");
    if (level->text[0] == 0)
        add(level->text, sizeof level->text, "", "unconfined");
}

void
level_tell(const struct confine_plan *plan, const char *no_namespaces, const char *no_landlock, struct confine_level *level)
{
    unsigned missing = (plan->want | plan->require) & ~level->reached;
    bool told = false;
    tell_reached(level);
    level->missing[0] = 0;
    for (size_t i = 0; i < PARTS; i++) {
        if (!(missing & parts[i].part))
            continue;
        add(level->missing, sizeof level->missing, "; ", parts[i].none);
        const char *why = parts[i].part == CONFINE_LANDLOCK                ? no_landlock
                          : parts[i].part == CONFINE_USER && plan->uid < 0 ? "none was named"
                          : parts[i].part == CONFINE_USER                  ? "needs root"
                          : (parts[i].part & NAMESPACES) && !told          ? no_namespaces
                                                                           : "";
        told |= (parts[i].part & NAMESPACES) != 0;
        if (why[0])
            add(level->missing, sizeof level->missing, ": ", why);
    }
}

struct err
level_suffices(const struct confine_plan *plan, const struct confine_level *level)
{
    unsigned short_of = plan->require & ~level->reached;
    for (size_t i = 0; i < PARTS; i++)
        if (short_of & parts[i].part)
            return err_make(E_FORBIDDEN, "this machine confines less than is required: %s; to have it: %s", level->missing, parts[i].remedy);
    return err_ok();
}
