/* Whose clients these are, what their shell looks like, and where the estate is. */
#include "cli/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/yaml.h"
#include "decide/decide.h"

#define ENVIRONMENT_MAX ((size_t)1 << 20)
#define ANCESTORS_MAX 16

static struct err
take_person(struct adoption *a, const struct passwd *p)
{
    struct arena *m = &a->c->arena;
    const char *home = given(a->c, "home") ? given(a->c, "home") : p->pw_dir;
    struct bytes gecos = bytes_str(p->pw_gecos), name = bytes_sub(gecos, 0, bytes_find(gecos, ','));
    a->person = (struct owner){p->pw_uid, p->pw_gid, arena_str(m, bytes_str(p->pw_name)), arena_str(m, bytes_str(home))};
    a->full_name = arena_str(m, name.n && bytes_utf8(name) ? name : bytes_str(p->pw_name));
    if (a->person.user == NULL || a->person.home == NULL || a->full_name == NULL)
        return err_make(E_MEMORY, "out of memory");
    return home[0] == '/' ? err_ok() : err_make(E_USAGE, "the user %.60s has no home folder; name one with --home", p->pw_name);
}

/* A user id that no list of users has, as in a container: then its home must be named. */
static struct err
take_number(struct adoption *a, const char *named)
{
    uint64_t uid;
    char name[32];
    if (!bytes_u64(bytes_str(named), &uid) || uid >= UINT32_MAX || given(a->c, "home") == NULL)
        return err_make(E_USAGE, "there is no user %.60s on this host", named);
    snprintf(name, sizeof name, "%u", (unsigned)uid);
    struct passwd p = {.pw_name = name, .pw_uid = (uid_t)uid, .pw_gid = (gid_t)uid, .pw_gecos = name, .pw_dir = name};
    return uid == 0 ? err_make(E_FORBIDDEN, "root administers Writ") : take_person(a, &p);
}

/* sudo, doas and pkexec say who asked; a name given here counts more. */
static struct err
find_person(struct adoption *a)
{
    static const char *const ids[] = {"SUDO_UID", "PKEXEC_UID", NULL};
    const char *named = given(a->c, "user");
    struct passwd *p = NULL;
    uint64_t uid = geteuid();
    if (named == NULL && geteuid() == 0) {
        for (const char *const *v = ids; *v && p == NULL; v++)
            if (getenv(*v) && bytes_u64(bytes_str(getenv(*v)), &uid) && uid <= UINT32_MAX - 2)
                p = getpwuid((uid_t)uid);
        if (p == NULL && getenv("DOAS_USER"))
            p = getpwnam(getenv("DOAS_USER"));
        if (p == NULL)
            return err_make(E_USAGE, "whose clients? Run it as yourself with sudo (sudo writ adopt), or say --user NAME");
    } else {
        p = named ? getpwnam(named) : getpwuid(geteuid());
        if (p == NULL && named)
            return take_number(a, named);
        if (p == NULL)
            return err_make(E_USAGE, "your user id has no name on this host; say --user and --home");
    }
    if (p->pw_uid == 0)
        return err_make(E_FORBIDDEN, "root administers Writ, so no agent of root can be adopted (law 12); name the person whose clients these are: "
                                     "--user NAME");
    return take_person(a, p);
}

/* ------------------------------------------------------------------------------------------------- the person's environment */

/*
 * The person's variables, from where only they can have put them: what sudo (a program of root's that only root can have installed) was started with, or a
 * process of theirs above it. Never from our own environment, which is root's: a configuration could name a secret of root's.
 */
static bool
is_asker(int pid, const struct owner *o, bool *exact)
{
    char path[64], exe[PATH_MAX];
    struct stat st, own;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t n = readlink(path, exe, sizeof exe - 1);
    if (n <= 0 || stat(path, &st) != 0)
        return false;
    exe[n] = 0;
    const char *slash = strrchr(exe, '/'), *base = slash ? slash + 1 : exe;
    *exact = st.st_uid == 0 && (st.st_mode & S_ISUID) && (strcmp(base, "sudo") == 0 || strcmp(base, "doas") == 0);
    snprintf(path, sizeof path, "/proc/%d", pid);
    return *exact || (stat(path, &own) == 0 && own.st_uid == o->uid);
}

static int
parent_of(int pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC), parent = 0;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *close_paren = strrchr(text, ')'); /* the name before it may hold anything */
    return close_paren && sscanf(close_paren + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static const char **
split_environment(struct arena *m, struct bytes all)
{
    size_t n = 0, cap = 1;
    for (size_t i = 0; i < all.n; i++)
        cap += all.at[i] == 0;
    const char **list = arena_list(m, cap + 1, sizeof *list);
    for (struct bytes rest = all; list && rest.n;) {
        struct bytes one = bytes_split(&rest, 0);
        if (one.n && bytes_find(one, '=') < one.n && bytes_utf8(one) && n < cap)
            list[n++] = arena_str(m, one);
    }
    return list;
}

static const char **
own_environment(struct arena *m)
{
    size_t n = 0;
    while (environ[n])
        n++;
    const char **list = arena_list(m, n + 1, sizeof *list);
    for (size_t i = 0; list && i < n; i++)
        list[i] = environ[i];
    return list;
}

static struct err
find_environment(struct adoption *a)
{
    static const char *none[] = {NULL};
    struct bytes text;
    int best = 0;
    a->environment = none;
    if (geteuid() != 0) {
        a->environment = own_environment(&a->c->arena);
    } else {
        bool exact = false;
        for (int pid = getppid(), i = 0; pid > 1 && i < ANCESTORS_MAX && !exact; pid = parent_of(pid), i++)
            if (is_asker(pid, &a->person, &exact) && (best == 0 || exact))
                best = pid;
        const char *path = best ? arena_printf(&a->c->arena, "/proc/%d/environ", best) : NULL;
        if (path && !err_failed(where_file(a->c, path, ENVIRONMENT_MAX, &text)))
            a->environment = split_environment(&a->c->arena, text);
    }
    if (a->environment == NULL)
        return err_make(E_MEMORY, "out of memory");
    struct surroundings s = {a->person.home, a->environment};
    const char *path = surroundings_get(&s, BYTES("PATH"));
    if (path == NULL || path[0] == 0)
        path = getenv("PATH");
    a->path = path && path[0] ? path : "/usr/local/bin:/usr/bin:/bin";
    return err_ok();
}

struct err
adopt_who(struct adoption *a)
{
    char self[PATH_MAX], time[ENV_TIME_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return err_system("the path of this program (/proc must be mounted)");
    self[n] = 0;
    a->self = arena_str(&a->c->arena, bytes_str(self));
    int64_t now = a->c->env->now_ms(a->c->env);
    env_time_text(now, time);
    snprintf(a->today, sizeof a->today, "%.10s", time);
    env_time_text(now + (int64_t)ADOPT_DAYS * 86400000, time);
    snprintf(a->until, sizeof a->until, "%.10s", time);
    TRY(find_person(a));
    return find_environment(a);
}

/* ------------------------------------------------------------------------------------------------------------- the estate */

static const char *
beside(struct adoption *a, const char *name)
{
    const char *slash = strrchr(a->dir, '/');
    return arena_printf(&a->c->arena, "%.*s/%s", (int)(slash - a->dir), a->dir, name);
}

static struct err
absolute(struct adoption *a, const char *path, const char **out)
{
    char cwd[PATH_MAX];
    if (path[0] == '/') {
        *out = path;
        return err_ok();
    }
    if (getcwd(cwd, sizeof cwd) == NULL)
        return err_system("the current folder");
    *out = arena_printf(&a->c->arena, "%s/%s", cwd, path);
    return *out ? err_ok() : err_make(E_MEMORY, "out of memory");
}

static struct err
new_estate(struct adoption *a, const char *named)
{
    a->fresh = true;
    TRY(absolute(a, named, &a->dir));
    bool system = strcmp(a->dir, "/etc/writ") == 0;
    a->state_dir = given(a->c, "state-dir") ? given(a->c, "state-dir") : system ? "/var/lib/writ" : beside(a, "writ-state");
    a->run_dir = given(a->c, "run-dir") ? given(a->c, "run-dir") : system ? "/run/writ" : beside(a, "writ-run");
    if (a->state_dir == NULL || a->run_dir == NULL)
        return err_make(E_MEMORY, "out of memory");
    return a->state_dir[0] == '/' && a->run_dir[0] == '/' ? err_ok() : err_make(E_USAGE, "--state-dir and --run-dir must be absolute");
}

/* Who the person is in an estate that is there. */
static struct err
find_in_estate(struct adoption *a)
{
    for (size_t i = 0; i < a->estate->n_people; i++) {
        const struct person *p = &a->estate->people[i];
        if (p->uid != (int)a->person.uid)
            continue;
        if (p->admin)
            return err_make(E_FORBIDDEN,
                            "%.60s administers Writ (%s:%d); a user that runs agents never does (law 12). Take admin away there, or let "
                            "the clients run as another user",
                            p->id, p->place.file, p->place.line);
        if (!p->active)
            return err_make(E_FORBIDDEN, "%.60s is no longer active (%s:%d) and can own nothing new", p->id, p->place.file, p->place.line);
        a->person_id = p->id;
        a->full_name = p->name;
    }
    return err_ok();
}

static struct err
name_person(struct adoption *a)
{
    a->person_new = true;
    const char *id = declare_id(&a->c->arena, bytes_str(a->person.user), "owner");
    for (int i = 2; id && a->estate && estate_person(a->estate, id); i++)
        id = arena_printf(&a->c->arena, "%s-%d", declare_id(&a->c->arena, bytes_str(a->person.user), "owner"), i);
    a->person_id = id;
    return id ? err_ok() : err_make(E_MEMORY, "out of memory");
}

static struct err
load(struct adoption *a)
{
    struct findings f = {0};
    struct err e = estate_load(a->c->env, a->dir, decide_builtin(), &f, &a->estate);
    if (err_failed(e))
        for (size_t i = 0; i < f.n; i++)
            if (f.list[i].level == FINDING_ERROR) {
                e = err_make(E_ESTATE, "the estate %.100s has errors (`writ check` shows all), the first at %s:%d: %.200s", a->dir, f.list[i].file,
                             f.list[i].line, f.list[i].text);
                break;
            }
    findings_free(&f);
    TRY(e);
    a->state_dir = a->estate->settings.state_dir;
    a->run_dir = a->estate->settings.run_dir;
    return find_in_estate(a);
}

struct err
adopt_where(struct adoption *a)
{
    const char *named = given(a->c, "estate"), *from_env = getenv("WRIT_ESTATE");
    if (named == NULL && from_env && from_env[0])
        named = from_env;
    const char *settings = arena_printf(&a->c->arena, "%s/writ.yaml", named ? named : "");
    if (settings == NULL)
        return err_make(E_MEMORY, "out of memory");
    struct err e = named && access(settings, F_OK) != 0 ? err_make(E_NOT_FOUND, "none yet") : where_estate(a->c, NULL, &a->dir);
    if (e.code == E_NOT_FOUND || geteuid() != 0) /* who may only look at the plan need not be able to read the estate */
        TRY(new_estate(a, named ? named : "/etc/writ"));
    else if (err_failed(e))
        return e;
    else
        TRY(load(a));
    return a->person_id ? err_ok() : name_person(a);
}
