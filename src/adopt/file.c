#include "adopt/file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "keys/crypto.h"

#define GROUPS_MAX 256

struct self { /* who this process was */
    bool changed;
    gid_t gid, groups[GROUPS_MAX];
    int n_groups;
};

static struct err
become(const struct owner *o, struct self *me)
{
    *me = (struct self){0};
    if (geteuid() != 0 || o->uid == 0)
        return geteuid() == o->uid ? err_ok() : err_make(E_FORBIDDEN, "only root and %s may touch files of %s", o->user, o->user);
    me->gid = getegid();
    me->n_groups = getgroups(GROUPS_MAX, me->groups);
    if (me->n_groups < 0 || initgroups(o->user, o->gid) != 0 || setegid(o->gid) != 0 || seteuid(o->uid) != 0)
        return err_system("becoming user %s", o->user);
    me->changed = true;
    return err_ok();
}

/* What cannot be undone here would leave this process as somebody else. */
static void
back(const struct self *me)
{
    if (!me->changed)
        return;
    if (seteuid(0) != 0 || setegid(me->gid) != 0 || setgroups((size_t)me->n_groups, me->groups) != 0)
        abort();
}

/* -------------------------------------------------------------------------------------------------------------- reading */

static struct err
read_all(int fd, size_t max, struct buf *b)
{
    for (;;) {
        uint8_t *to = b->n > max ? NULL : buf_room(b, 65536);
        ssize_t n = to ? read(fd, to, 65536) : -1;
        if (to == NULL)
            return err_make(E_LIMIT, "is larger than %zu MiB", max >> 20);
        if (n < 0 && errno != EINTR)
            return err_system("cannot be read");
        if (n == 0)
            return b->n > max ? err_make(E_LIMIT, "is larger than %zu MiB", max >> 20) : err_ok();
        b->n += n > 0 ? (size_t)n : 0;
    }
}

static struct err
check_kind(const struct owner *o, const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return err_make(E_FORBIDDEN, "is no file");
    if (st->st_uid != o->uid)
        return err_make(E_FORBIDDEN, "belongs to user %u and not to %s", (unsigned)st->st_uid, o->user);
    if (st->st_nlink > 1)
        return err_make(E_FORBIDDEN, "has a second name (a hard link), where it would stay as it is; remove one of them");
    return err_ok();
}

static struct err
open_and_read(struct arena *a, const struct owner *o, const char *real, size_t max, struct taken *out)
{
    struct stat st;
    struct buf b = buf_make(max + 131072);
    int fd = open(real, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_system("cannot be opened");
    struct err e = fstat(fd, &st) != 0 ? err_system("cannot be looked at") : check_kind(o, &st);
    if (!err_failed(e))
        e = read_all(fd, max, &b);
    close(fd);
    if (!err_failed(e)) {
        out->text = b.n ? arena_copy(a, buf_bytes(&b)) : BYTES("");
        out->mode = st.st_mode & 0777;
        out->gid = st.st_gid;
        crypto_sha256(buf_bytes(&b), out->digest);
        e = out->text.at ? err_ok() : err_make(E_MEMORY, "no memory for the file");
    }
    bytes_wipe(b.at, b.n);
    buf_free(&b);
    return e;
}

static const char *
repository_of(struct arena *a, const char *real)
{
    char dir[PATH_MAX], git[PATH_MAX + 8];
    snprintf(dir, sizeof dir, "%s", real);
    for (char *slash = strrchr(dir, '/'); slash && slash != dir; slash = strrchr(dir, '/')) {
        *slash = 0;
        snprintf(git, sizeof git, "%s/.git", dir);
        if (access(git, F_OK) == 0)
            return arena_str(a, bytes_str(dir));
    }
    return NULL;
}

static struct err
take_as_owner(struct arena *a, const struct owner *o, const char *path, size_t max, struct taken *out)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL)
        return errno == ENOENT || errno == ENOTDIR ? err_make(E_NOT_FOUND, "is not there") : err_system("cannot be followed");
    out->path = arena_str(a, bytes_str(real));
    if (out->path == NULL)
        return err_make(E_MEMORY, "no memory for the file");
    TRY(open_and_read(a, o, real, max, out));
    out->repository = repository_of(a, real);
    return err_ok();
}

struct err
file_take(struct arena *a, const struct owner *o, const char *path, size_t max, struct taken *out)
{
    struct self me;
    *out = (struct taken){.path = path};
    TRY(become(o, &me));
    struct err e = take_as_owner(a, o, path, max, out);
    back(&me);
    return e;
}

/* -------------------------------------------------------------------------------------------------------------- writing */

static struct err
sync_folder(const char *path)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* some file systems have none for folders */
        close(fd);
    }
    return err_ok();
}

/* Beside ${path}, complete and on disk, under a name of its own. */
static struct err
write_beside(const char *path, struct bytes text, mode_t mode, gid_t gid, bool with_gid, char beside[PATH_MAX])
{
    struct env *env = env_real();
    if (snprintf(beside, PATH_MAX, "%s.writ-XXXXXX", path) >= PATH_MAX)
        return err_make(E_LIMIT, "has too long a path");
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return err_system("a file beside it cannot be made");
    if (with_gid && fchown(fd, (uid_t)-1, gid) != 0)
        mode &= ~(mode_t)070; /* another group than the one that was let in */
    bool ok = fchmod(fd, mode) == 0 && env->write(env, fd, text) && env->sync(env, fd);
    struct err e = ok ? err_ok() : err_system("cannot be written");
    close(fd);
    if (err_failed(e))
        unlink(beside);
    return e;
}

static bool
is_taken(const struct owner *o, const struct taken *t, const char *path)
{
    struct arena a = {.max = (size_t)256 << 20};
    struct taken now;
    struct err e = open_and_read(&a, o, path, t->text.n + 1, &now);
    bool same = !err_failed(e) && memcmp(now.digest, t->digest, sizeof t->digest) == 0;
    arena_free(&a);
    return same;
}

static struct err
changed_meanwhile(void)
{
    return err_make(E_STATE, "was changed by another program meanwhile and is left as it is; run this again");
}

/* The two change places; what came out is looked at, and goes back when it is not what was read. */
static struct err
exchange(const struct owner *o, const struct taken *t, const char *beside)
{
    if (renameat2(AT_FDCWD, beside, AT_FDCWD, t->path, RENAME_EXCHANGE) == 0) {
        if (is_taken(o, t, beside))
            return err_ok();
        if (renameat2(AT_FDCWD, beside, AT_FDCWD, t->path, RENAME_EXCHANGE) != 0)
            return err_system("was changed meanwhile; what stood there is now %s", beside);
        return changed_meanwhile();
    }
    if (errno != EINVAL && errno != ENOSYS)
        return err_system("cannot be replaced");
    if (!is_taken(o, t, t->path)) /* this file system cannot exchange; the moment between is short */
        return changed_meanwhile();
    return rename(beside, t->path) == 0 ? err_ok() : err_system("cannot be replaced");
}

static struct err
put_as_owner(const struct owner *o, const struct taken *t, struct bytes text)
{
    char beside[PATH_MAX];
    if (!is_taken(o, t, t->path))
        return changed_meanwhile();
    TRY(write_beside(t->path, text, t->mode, t->gid, true, beside));
    struct err e = exchange(o, t, beside);
    unlink(beside);
    return err_failed(e) ? e : sync_folder(t->path);
}

struct err
file_put(const struct owner *o, const struct taken *t, struct bytes text)
{
    struct self me;
    TRY(become(o, &me));
    struct err e = put_as_owner(o, t, text);
    back(&me);
    return e;
}

static struct err
link_new(const char *beside, const char *path)
{
    struct err e = link(beside, path) == 0 ? err_ok() : errno == EEXIST ? err_make(E_EXISTS, "is there already") : err_system("cannot be written");
    unlink(beside);
    return err_failed(e) ? e : sync_folder(path);
}

struct err
file_make(const struct owner *o, const char *path, struct bytes text, mode_t mode)
{
    struct self me;
    char beside[PATH_MAX];
    TRY(become(o, &me));
    struct err e = write_beside(path, text, mode & 0777, 0, false, beside);
    if (!err_failed(e))
        e = link_new(beside, path);
    back(&me);
    return e;
}

struct err
file_write(const char *path, struct bytes text, mode_t mode, bool may_exist)
{
    char beside[PATH_MAX];
    TRY(write_beside(path, text, mode, 0, false, beside));
    if (!may_exist)
        return link_new(beside, path);
    if (rename(beside, path) == 0)
        return sync_folder(path);
    struct err e = err_system("%s cannot be written", path);
    unlink(beside);
    return e;
}

/* ------------------------------------------------------------------------------------------------------------- programs */

static bool
runs(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static struct err
find(struct arena *a, const char *path, struct bytes name, const char *folder, const char **out)
{
    struct bytes rest = bytes_str(path);
    if (bytes_find(name, '/') < name.n) {
        *out = name.at[0] == '/' ? arena_str(a, name) : folder ? arena_printf(a, "%s/%.*s", folder, BYTES_ARG(name)) : NULL;
        if (*out == NULL)
            return err_make(E_NOT_FOUND, "%.*s depends on the folder that the client is started in; write it absolute", BYTES_CUT(name, 100));
        return runs(*out) ? err_ok() : err_make(E_NOT_FOUND, "there is no program %.150s", *out);
    }
    while (rest.n) {
        struct bytes dir = bytes_split(&rest, ':');
        if (dir.n == 0 || dir.at[0] != '/')
            continue;
        *out = arena_printf(a, "%.*s/%.*s", BYTES_ARG(dir), BYTES_ARG(name));
        if (*out && runs(*out))
            return err_ok();
    }
    return err_make(E_NOT_FOUND, "there is no program %.*s in the PATH; install it, or write its absolute path", BYTES_CUT(name, 100));
}

struct err
file_program(struct arena *a, const struct owner *o, const char *path, struct bytes name, const char *folder, const char **out)
{
    struct self me;
    TRY(become(o, &me));
    struct err e = find(a, path, name, folder, out);
    back(&me);
    return e;
}
