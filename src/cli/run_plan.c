/* What walls an agent gets, and what it may see: from the command line and the estate. */
#include "cli/run.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decide/decide.h"
#include "estate/estate.h"

#define HIDDEN_MAX 60
#define LIST_MAX 62

static const struct {
    const char *name;
    unsigned want, require;
} levels[] = {
    {"auto", CONFINE_ALL, 0},
    {"network", CONFINE_ALL, CONFINE_NETNS},
    {"full", CONFINE_ALL, CONFINE_ALL},
    {"none", CONFINE_USER, 0},
};

static struct err
read_level(struct cli *c, struct run_plan *p)
{
    const char *name = given(c, "confine") ? given(c, "confine") : "auto";
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(name, levels[i].name) != 0)
            continue;
        p->plan.want = levels[i].want;
        p->plan.require = levels[i].require;
        p->full = strcmp(name, "full") == 0;
        p->walls = strcmp(name, "none") != 0;
        return err_ok();
    }
    return err_make(E_USAGE, "--confine: '%.40s' is none of auto, full, network and none", name);
}

/* An agent as another user gets that user's surroundings. Who asks for another user means it: less is refused. */
static struct err
read_user(struct cli *c, struct run_plan *p)
{
    const char *name = given(c, "user"), **env;
    uint64_t id = 0;
    p->plan.uid = p->plan.gid = -1;
    if (name == NULL)
        return err_ok();
    errno = 0;
    static char root[] = "/";
    struct passwd *user = getpwnam(name), nameless;
    if (user == NULL && bytes_u64(bytes_str(name), &id) && id < INT32_MAX && (user = getpwuid((uid_t)id)) == NULL) {
        nameless = (struct passwd){.pw_name = arena_str(&c->arena, bytes_str(name)), .pw_uid = (uid_t)id, .pw_gid = (gid_t)id, .pw_dir = root};
        user = &nameless; /* a number of its own needs no entry in passwd(5) */
    }
    if (user == NULL)
        return err_make(E_NOT_FOUND, "--user: there is no user '%.60s' on this host", name);
    p->plan.uid = (int)user->pw_uid;
    p->plan.gid = (int)user->pw_gid;
    if (user->pw_uid != geteuid())
        p->plan.require |= CONFINE_USER;
    env = arena_list(&c->arena, 4, sizeof *env);
    if (env == NULL)
        return err_make(E_MEMORY, "out of memory");
    env[0] = arena_printf(&c->arena, "HOME=%s", user->pw_dir);
    env[1] = arena_printf(&c->arena, "USER=%s", user->pw_name);
    env[2] = arena_printf(&c->arena, "LOGNAME=%s", user->pw_name);
    p->plan.env = env;
    return env[0] && env[1] && env[2] ? err_ok() : err_make(E_MEMORY, "out of memory");
}

/* ------------------------------------------------------------------------------------------------------ what is hidden */

struct hidden {
    struct cli *c;
    const char **list;
    size_t n;
    bool full;
};

/* A path that is not there yet cannot be hidden; what is made later in a folder the agent sees would be seen. */
static struct err
hide(struct hidden *h, const char *path)
{
    struct stat st;
    if (path == NULL || strcmp(path, "/") == 0)
        return err_ok();
    if (stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        if (h->full)
            return err_make(E_NOT_FOUND, "%.200s is not there, so it cannot be hidden from the agent: make it, or start the server first", path);
        fprintf(stderr, "writ: %s is not there, so it is not hidden from the agent\n", path);
        return err_ok();
    }
    if (h->n == HIDDEN_MAX)
        return err_make(E_LIMIT, "more than %d folders to hide from an agent", HIDDEN_MAX);
    h->list[h->n] = arena_str(&h->c->arena, bytes_str(path));
    return h->list[h->n++] ? err_ok() : err_make(E_MEMORY, "out of memory");
}

static struct err
hide_estate(struct hidden *h, const struct estate *e)
{
    TRY(hide(h, e->settings.state_dir));
    TRY(hide(h, e->settings.run_dir));
    for (size_t i = 0; i < e->n_destinations; i++) {
        for (const char **root = e->destinations[i].roots; root && *root; root++)
            TRY(hide(h, *root));
        TRY(hide(h, e->destinations[i].cwd));
    }
    return err_ok();
}

/* Law 11: the only way to a destination is Writ, so its folders are none of the agent's; nor is what Writ keeps. */
static struct err
read_hidden(struct cli *c, struct run_plan *p)
{
    struct findings f = {0};
    struct estate *estate = NULL;
    const char *dir = NULL;
    struct hidden h = {.c = c, .list = arena_list(&c->arena, HIDDEN_MAX + 1, sizeof *h.list), .full = p->full};
    if (!p->walls)
        return err_ok();
    if (h.list == NULL)
        return err_make(E_MEMORY, "out of memory");
    struct err e = where_estate(c, NULL, &dir);
    if (!err_failed(e))
        e = estate_load(c->env, dir, decide_builtin(), &f, &estate);
    findings_free(&f);
    if (err_failed(e)) {
        e = err_wrap(e, "what to hide from the agent is not known, since the estate cannot be read");
        if (p->full)
            return e;
        cli_say_error(c, &e);
        e = dir ? hide(&h, dir) : err_ok();
    } else {
        e = hide(&h, dir);
        if (!err_failed(e))
            e = hide_estate(&h, estate);
        estate_unref(estate);
    }
    p->plan.hidden = h.list;
    return e;
}

/* ------------------------------------------------------------------------------------------------------ what it may use */

static bool
lies_in(const char *path, const char *const *list)
{
    for (; list && *list; list++)
        if (path_under(path, *list))
            return true;
    return false;
}

static struct err
resolve_list(struct cli *c, const char *name, size_t room, const char ***out)
{
    const char **list = given_list(c, name), **all = arena_list(&c->arena, LIST_MAX + 3, sizeof *all);
    char real[PATH_MAX];
    size_t n = 0;
    if (list == NULL || all == NULL)
        return err_make(E_MEMORY, "out of memory");
    for (; list[n]; n++) {
        if (n + room > LIST_MAX)
            return err_make(E_LIMIT, "--%s is given more than %zu times", name, LIST_MAX - room);
        if (realpath(list[n], real) == NULL)
            return err_system("--%s %.200s", name, list[n]);
        if ((all[n] = arena_str(&c->arena, bytes_str(real))) == NULL)
            return err_make(E_MEMORY, "out of memory");
    }
    *out = all;
    return err_ok();
}

static const char *
first_folder(const char *const *list)
{
    struct stat st;
    for (; *list; list++)
        if (stat(*list, &st) == 0 && S_ISDIR(st.st_mode))
            return *list;
    return NULL;
}

/* Where it starts. A folder that was not named is never opened to it only because the person stood there. */
static struct err
read_cwd(struct cli *c, struct run_plan *p, const char **read_only, const char *const *read_write)
{
    char real[PATH_MAX];
    const char *named = given(c, "cwd");
    size_t n = 0;
    if (realpath(named ? named : ".", real) == NULL)
        return err_system("%.200s", named ? named : "the current folder");
    const char *cwd = arena_str(&c->arena, bytes_str(real));
    if (cwd == NULL)
        return err_make(E_MEMORY, "out of memory");
    bool open = lies_in(cwd, read_only) || lies_in(cwd, read_write);
    if (named || open || !p->walls)
        p->plan.cwd = cwd;
    else
        p->plan.cwd = first_folder(read_write) ? first_folder(read_write) : first_folder(read_only) ? first_folder(read_only) : "/";
    while (read_only[n])
        n++;
    if (named && !open && strcmp(cwd, "/") != 0)
        read_only[n] = cwd;
    return err_ok();
}

struct err
run_plan_make(struct cli *c, struct run_plan *p)
{
    const char **read_only, **read_write;
    size_t n = 0;
    *p = (struct run_plan){.plan = {.argv = (const char *const *)c->rest}, .lock = -1};
    TRY(read_level(c, p));
    TRY(read_user(c, p));
    TRY(read_hidden(c, p));
    TRY(resolve_list(c, "read", 2, &read_only));
    TRY(resolve_list(c, "write", 0, &read_write));
    TRY(read_cwd(c, p, read_only, read_write));
    TRY(run_folder_make(c->env, p));
    while (read_only[n])
        n++;
    read_only[n] = p->folder;
    p->plan.read_only = read_only;
    p->plan.read_write = read_write;
    return err_ok();
}

bool
run_confined(const struct confine_level *level)
{
    const unsigned least = CONFINE_NETNS | CONFINE_NO_NEW_PRIVS, files = CONFINE_MOUNTNS | CONFINE_LANDLOCK;
    return (level->reached & least) == least && (level->reached & files);
}
