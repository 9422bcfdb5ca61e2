/* Where the estate is, and where the server listens. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/yaml.h"

static const char *
joined(struct cli *c, const char *dir, const char *name)
{
    return arena_printf(&c->arena, "%s/%s", dir, name);
}

static bool
has_settings(struct cli *c, const char *dir)
{
    const char *path = joined(c, dir, "writ.yaml");
    return path && access(path, F_OK) == 0;
}

static struct err
absolute(struct cli *c, const char *path, const char **out)
{
    char real[PATH_MAX];
    struct stat st;
    if (realpath(path, real) == NULL || stat(real, &st) != 0)
        return err_system("%.200s", path);
    if (!S_ISDIR(st.st_mode))
        return err_make(E_USAGE, "%.200s is no folder", path);
    *out = arena_str(&c->arena, bytes_str(real));
    return *out ? err_ok() : err_make(E_MEMORY, "out of memory");
}

/*
 * An estate that nobody named says which sockets are spoken to, and with them who gets what is typed here. In a folder that others
 * write to, such as /tmp, that must not be anybody's.
 */
static struct err
trusted(const char *dir, const char *file)
{
    const char *const paths[] = {dir, file};
    for (size_t i = 0; i < 2; i++) {
        struct stat st;
        if (stat(paths[i], &st) != 0)
            return err_system("%.200s", paths[i]);
        if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & S_IWOTH))
            return err_make(E_FORBIDDEN, "%.180s belongs to another user or everyone may write to it; if it is meant, name it: --estate %.80s",
                            paths[i], dir);
    }
    return err_ok();
}

static struct err
upward(struct cli *c, const char **out)
{
    char dir[PATH_MAX];
    if (getcwd(dir, sizeof dir) == NULL)
        return err_system("the current folder");
    for (;;) {
        if (has_settings(c, dir[0] ? dir : "/")) {
            TRY(absolute(c, dir[0] ? dir : "/", out));
            return trusted(*out, joined(c, *out, "writ.yaml"));
        }
        char *slash = strrchr(dir, '/');
        if (slash == NULL || dir[0] == 0)
            return err_ok();
        *slash = 0;
    }
}

struct err
where_estate(struct cli *c, const char *named, const char **dir)
{
    const char *from_env = getenv("WRIT_ESTATE");
    const char *explicitly = named ? named : given(c, "estate") ? given(c, "estate") : from_env && from_env[0] ? from_env : NULL;
    *dir = NULL;
    if (named && given(c, "estate"))
        return err_make(E_USAGE, "the estate is named twice: %.100s and --estate %.100s", named, given(c, "estate"));
    if (explicitly)
        return absolute(c, explicitly, dir);
    TRY(upward(c, dir));
    if (*dir)
        return err_ok();
    if (has_settings(c, "/etc/writ"))
        return absolute(c, "/etc/writ", dir);
    return err_make(
        E_NOT_FOUND,
        "no estate here: no writ.yaml in this folder or above, nor in /etc/writ; name it with --estate, or make one with `writ init DIR`");
}

struct err
where_file(struct cli *c, const char *path, size_t max, struct bytes *text)
{
    struct buf b = buf_make(max);
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct err e = fd < 0 || fstat(fd, &st) != 0 ? err_system("%.200s", path) : err_ok();
    if (!err_failed(e) && !S_ISREG(st.st_mode))
        e = err_make(E_IO, "%.200s is no file", path);
    for (ssize_t n = 1; !err_failed(e) && n > 0;) {
        uint8_t *to = buf_room(&b, 4096);
        n = to ? read(fd, to, 4096) : -1;
        if (to == NULL)
            e = err_make(E_LIMIT, "%.200s is larger than %zu bytes", path, max);
        else if (n < 0)
            e = err_system("%.200s", path);
        else
            b.n += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (!err_failed(e)) {
        *text = arena_copy(&c->arena, buf_bytes(&b));
        if (text->at == NULL)
            e = err_make(E_MEMORY, "out of memory");
    }
    buf_free(&b);
    return e;
}

struct err
where_setting(struct cli *c, const char *estate, const char *key, const char **out)
{
    struct bytes text;
    struct yaml *top;
    struct yaml_mark mark = {0};
    const char *path = joined(c, estate, "writ.yaml");
    if (path == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(where_file(c, path, YAML_MAX_BYTES, &text));
    struct err e = yaml_parse(&c->arena, text, &top, &mark);
    if (err_failed(e))
        return err_wrap(e, "%.160s:%d", path, mark.line);
    const struct yaml *y = yaml_get(top, key);
    if (y == NULL || y->type != YAML_TEXT || y->text.at[0] != '/')
        return err_make(E_ESTATE, "%.160s: %s must be an absolute path", path, key);
    *out = (const char *)y->text.at;
    return err_ok();
}

struct err
where_socket(struct cli *c, const char *name, const char **path)
{
    const char *dir = given(c, "run-dir"), *from_env = getenv("WRIT_RUN_DIR"), *estate;
    if (dir == NULL && from_env && from_env[0] && given(c, "estate") == NULL)
        dir = from_env;
    if (dir == NULL) {
        TRY(where_estate(c, NULL, &estate));
        struct err e = where_setting(c, estate, "run_dir", &dir);
        if (err_failed(e))
            return err_wrap(e, "where the server listens is not known; name the folder with --run-dir");
    }
    *path = joined(c, dir, name);
    return *path ? err_ok() : err_make(E_MEMORY, "out of memory");
}
