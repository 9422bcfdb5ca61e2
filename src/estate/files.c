/*
 * The files of an estate: which there are, reading them with bounds, and the digest over all of them.
 */
#include "estate/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *ending;
} folders[] = {{"agents", ".yaml"},    {"destinations", ".yaml"}, {"pins", ".json"},  {"tasks", ".yaml"},
               {"policies", ".cedar"}, {"inspection", ".toml"},   {"packs", ".yaml"}, {"alerts", ".yaml"}};

bool
name_ok(struct bytes name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789", rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.at[i] == 0 || !strchr(i ? rest : first, name.at[i]))
            return false;
    return true;
}

const char *
keep(struct loader *l, struct bytes text)
{
    const char *at = arena_str(&l->estate->arena, text);
    if (at == NULL)
        l->memory = true;
    return at ? at : "";
}

const char *
join(struct loader *l, const char *a, struct bytes b)
{
    const char *at = arena_printf(&l->trees, "%s%s%.*s", a ? a : "", a ? "." : "", BYTES_CUT(b, 100));
    return at ? at : "";
}

/* NULL only without memory; then the load fails as a whole. */
void *
estate_list(struct loader *l, size_t count, size_t size)
{
    void *at = arena_list(&l->estate->arena, count ? count : 1, size);
    if (at == NULL)
        l->memory = true;
    return at;
}

#define READ_STEP 65536u

/* Read all of an open file; the size may change meanwhile, the bound may not be passed. */
static bool
read_all(struct loader *l, int fd, const char *path, struct bytes *out)
{
    struct buf b = buf_make(ESTATE_MAX_FILE + READ_STEP);
    ssize_t n = 1;
    while (n > 0 && b.n <= ESTATE_MAX_FILE) {
        uint8_t *to = buf_room(&b, READ_STEP);
        n = to ? read(fd, to, READ_STEP) : -1;
        if (n < 0 && to && errno == EINTR)
            n = 1;
        else if (n > 0)
            b.n += (size_t)n;
    }
    bool ok = n == 0 && b.n <= ESTATE_MAX_FILE;
    if (b.n > ESTATE_MAX_FILE)
        finding_add(l, FINDING_ERROR, path, 0, 0, "the file is larger than %zu bytes", ESTATE_MAX_FILE);
    else if (!ok)
        finding_add(l, FINDING_ERROR, path, 0, 0, "the file cannot be read: %s", strerror(errno));
    if (ok)
        *out = arena_copy(&l->estate->arena, buf_bytes(&b));
    buf_free(&b);
    if (ok && out->at == NULL)
        l->memory = true, ok = false;
    return ok;
}

/* Who may write the estate rules everything: it must not be everybody. */
static void
check_mode(struct loader *l, const char *path, const struct stat *s)
{
    if (s->st_mode & S_IWOTH && !(S_ISDIR(s->st_mode) && s->st_mode & S_ISVTX))
        finding_add(l, FINDING_ERROR, path, 0, 0, "every user of this host may change it; run: chmod o-w %s", path);
}

/* The digest covers each file's name and content: "<sha256 hex>  <path>\n", as sha256sum writes it. */
static void
hash_file(struct loader *l, const struct file *f)
{
    uint8_t sum[SHA256_DIGEST_LENGTH];
    SHA256(f->text.n ? f->text.at : (const uint8_t *)"", f->text.n, sum);
    buf_hex(&l->hashed, bytes_make(sum, sizeof sum));
    buf_printf(&l->hashed, "  %s\n", f->path);
}

static void
set_name(struct loader *l, struct file *f)
{
    const char *slash = strrchr(f->path, '/'), *stem = slash ? slash + 1 : f->path, *dot = strrchr(stem, '.');
    f->name = keep(l, bytes_make(stem, dot ? (size_t)(dot - stem) : strlen(stem)));
}

static bool
over_bounds(struct loader *l, const struct file *f)
{
    l->bytes += f->text.n;
    if (++l->files > ESTATE_MAX_FILES || l->bytes > ESTATE_MAX_BYTES) {
        finding_add(l, FINDING_ERROR, f->path, 0, 0, "the estate has more than %u files or %zu bytes", ESTATE_MAX_FILES, ESTATE_MAX_BYTES);
        return true;
    }
    return false;
}

bool
file_read(struct loader *l, const char *path, bool required, struct file *f)
{
    *f = (struct file){.path = keep(l, bytes_str(path))};
    int fd = openat(l->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not stop us */
    if (fd < 0) {
        if (required || errno != ENOENT)
            finding_add(l, FINDING_ERROR, path, 0, 0, errno == ENOENT ? "the file is missing" : "the file cannot be opened: %s", strerror(errno));
        return false;
    }
    struct stat s;
    bool ok = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    if (!ok)
        finding_add(l, FINDING_ERROR, path, 0, 0, "this is not a regular file");
    else
        check_mode(l, path, &s);
    ok = ok && read_all(l, fd, path, &f->text) && !over_bounds(l, f);
    close(fd);
    if (!ok)
        return false;
    set_name(l, f);
    hash_file(l, f);
    return true;
}

static int
by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* What editors and people leave in a folder besides files of the estate. */
static bool
passed_over(const char *name)
{
    struct bytes n = bytes_str(name);
    return name[0] == '.' || bytes_ends(n, BYTES("~")) || bytes_ends(n, BYTES(".md")) || strcmp(name, "README") == 0;
}

/* Tests of policies lie beside them. */
static bool
test_file(const char *folder, struct bytes name)
{
    return strcmp(folder, "policies") == 0 && bytes_ends(name, BYTES(TEST_ENDING));
}

/* A file that would silently not be read could be a policy that forbids: so it is an error. */
static bool
wanted(struct loader *l, const char *folder, const char *name, const char *ending)
{
    struct bytes n = bytes_str(name), stem = bytes_sub(n, 0, n.n > strlen(ending) ? n.n - strlen(ending) : 0);
    char path[320];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!bytes_ends(n, bytes_str(ending))) {
        if (test_file(folder, n))
            return false; /* listed by itself */
        if (strcmp(ending, TEST_ENDING) == 0)
            return false; /* said when the policies were listed */
        finding_add(l, FINDING_ERROR, path, 0, 0, "the files of %s/ end in %s; rename it or move it out of the estate", folder, ending);
        return false;
    }
    if (!name_ok(stem)) {
        finding_add(l, FINDING_ERROR, path, 0, 0, "'%.*s' is no name: 1 to %u of a-z 0-9 . _ -, beginning with a letter or digit",
                    BYTES_CUT(stem, 80), NAME_MAX_BYTES);
        return false;
    }
    return true;
}

static char **
names_in(struct loader *l, const char *folder, const char *ending, size_t *n)
{
    char **names = NULL;
    size_t cap = 0;
    *n = 0;
    int fd = openat(l->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        if (errno != ENOENT)
            finding_add(l, FINDING_ERROR, folder, 0, 0, "the folder cannot be read: %s", strerror(errno));
        return NULL;
    }
    struct stat s;
    if (fstat(fd, &s) == 0)
        check_mode(l, folder, &s);
    for (struct dirent *d; (d = readdir(dir)) != NULL && *n <= ESTATE_MAX_FILES;) {
        if (passed_over(d->d_name) || (ending && !wanted(l, folder, d->d_name, ending)))
            continue;
        if (*n == cap) {
            char **more = realloc(names, (cap = cap ? cap * 2 : 32) * sizeof *names);
            if (more == NULL)
                break;
            names = more;
        }
        names[*n] = arena_printf(&l->trees, "%s", d->d_name);
        if (names[*n] == NULL)
            break;
        ++*n;
    }
    closedir(dir);
    if (*n)
        qsort(names, *n, sizeof *names, by_name);
    return names;
}

static int
by_file_name(const void *left, const void *right)
{
    return strcmp(((const struct file *)left)->name, ((const struct file *)right)->name);
}

struct file *
files_list(struct loader *l, const char *folder, const char *ending, size_t *n)
{
    size_t found;
    char **names = names_in(l, folder, ending, &found);
    struct file *list = estate_list(l, found, sizeof *list);
    *n = 0;
    for (size_t i = 0; i < found && list && !l->memory; i++) {
        char path[320];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (file_read(l, path, true, &list[*n]))
            ++*n;
    }
    free(names);
    if (*n)
        qsort(list, *n, sizeof *list, by_file_name); /* by id: "a" before "a-b", which "a.yaml" is not */
    return list;
}

const struct yaml *
file_yaml(struct loader *l, const struct file *f)
{
    static const struct yaml empty = {.type = YAML_MAP, .line = 1, .column = 1};
    struct yaml *y;
    struct yaml_mark where = {1, 1};
    l->file = f->path;
    struct err e = yaml_parse(&l->trees, f->text, &y, &where);
    if (e.code == E_MEMORY)
        l->memory = true;
    if (err_failed(e)) {
        finding_add(l, FINDING_ERROR, f->path, where.line, where.column, "%s", e.text);
        return NULL;
    }
    if (y->type == YAML_NULL)
        return &empty;
    if (y->type != YAML_MAP) {
        refuse(l, y, NULL, "expected a mapping (key: value), got %s", yaml_type_name(y->type));
        return NULL;
    }
    return y;
}

/* At the top: a folder or file whose name is nearly one of ours is most likely a slip that would switch something off. */
void
files_check_top(struct loader *l)
{
    size_t n;
    char **names = names_in(l, ".", NULL, &n);
    for (size_t i = 0; i < n; i++) {
        struct nearest near = nearest_for(bytes_str(names[i]));
        nearest_offer(&near, BYTES("writ.yaml"));
        nearest_offer(&near, BYTES("people.yaml"));
        nearest_offer(&near, BYTES("inspection.yaml"));
        for (size_t k = 0; k < sizeof folders / sizeof *folders; k++)
            nearest_offer(&near, bytes_str(folders[k].name));
        if (near.best.n && near.distance > 0)
            finding_add(l, FINDING_ERROR, names[i], 0, 0, "this is not part of an estate; did you mean '%.*s'?", BYTES_CUT(near.best, 64));
    }
    free(names);
}

static struct err
sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    int fd = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_system("%s cannot be opened", folder);
    struct err e = fsync(fd) == 0 ? err_ok() : err_system("%s cannot be synced", folder);
    close(fd);
    return e;
}

/*
 * file_replace(path, text, may_exist): write beside, sync, move into place. Without ${may_exist} a file that is there stays as it is and
 * the error is E_EXISTS; nobody reads half a file at any time.
 */
struct err
file_replace(const char *path, struct bytes text, bool may_exist)
{
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
        return err_make(E_USAGE, "the path %.100s… is too long", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return err_system("%s cannot be written", path);
    struct env *env = env_real();
    bool ok = fchmod(fd, 0644) == 0 && env->write(env, fd, text) && env->sync(env, fd);
    struct err e = ok ? err_ok() : err_system("%s cannot be written", path);
    close(fd);
    if (ok && (may_exist ? rename(beside, path) : link(beside, path)) != 0)
        e = errno == EEXIST ? err_make(E_EXISTS, "%s is there already; move it away first", path) : err_system("%s cannot be written", path);
    if (err_failed(e) || !may_exist)
        unlink(beside);
    return err_failed(e) ? e : sync_folder(path);
}
