#include "keys/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "WRITKEY1"; /* no final zero */
#define HEAD (sizeof magic + 8 + CRYPTO_NONCE)
#define TEMPORARY "new" /* one name is enough: the lock lets one signer in, and it has one thread */

static struct err
failed(const char *what, const char *name)
{
    return err_make(E_KEYS, "the key folder's file %s cannot be %s: %s", name, what, strerror(errno));
}

/* ---- opening ---- */

static struct err
check_folder(struct folder *f, const char *path)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return err_make(E_KEYS, "the key folder %s cannot be looked at: %s", path, strerror(errno));
    if (st.st_uid != geteuid())
        return err_make(E_KEYS, "the key folder %s belongs to user %u, not to %u; chown it", path, (unsigned)st.st_uid, (unsigned)geteuid());
    if (st.st_mode & 077)
        return err_make(E_KEYS, "the key folder %s is open to others (mode %03o); chmod 700 it", path, (unsigned)st.st_mode & 0777);
    return err_ok();
}

/* A signer that is just ending holds its lock a moment longer than the server that restarts waits for. */
#define LOCK_TRIES 100
#define LOCK_PAUSE_US 20000

static bool
lock_taken(int fd)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        usleep(LOCK_PAUSE_US);
    }
    return false;
}

/* Two signers on one folder could each sign a tree head the other does not know of. */
static struct err
lock_folder(struct folder *f, const char *path)
{
    f->lock_fd = openat(f->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock_fd < 0)
        return failed("opened", "lock");
    if (!lock_taken(f->lock_fd))
        return err_make(E_KEYS, "another signer uses the key folder %s; stop that Writ first", path);
    return err_ok();
}

struct err
folder_open(struct folder *f, struct env *env, const char *path)
{
    *f = (struct folder){.env = env, .fd = -1, .lock_fd = -1};
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_make(E_KEYS, "the key folder %s cannot be made: %s", path, strerror(errno));
    f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (f->fd < 0)
        return err_make(E_KEYS, "the key folder %s cannot be opened: %s", path, strerror(errno));
    struct err e = check_folder(f, path);
    if (!err_failed(e))
        e = lock_folder(f, path);
    if (err_failed(e))
        folder_close(f);
    return e;
}

void
folder_close(struct folder *f)
{
    bytes_wipe(f->wrap, sizeof f->wrap);
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = f->lock_fd = -1;
}

struct err
folder_unlock(struct folder *f, struct bytes master)
{
    uint8_t root[CRYPTO_KEY], name[CRYPTO_KEY];
    struct err e = crypto_extract(BYTES("writ keys 1"), master, root);
    if (!err_failed(e))
        e = crypto_expand(root, BYTES("wrapping key"), f->wrap);
    if (!err_failed(e))
        e = crypto_expand(root, BYTES("name of the wrapping key"), name);
    if (!err_failed(e))
        memcpy(f->wrap_name, name, sizeof f->wrap_name);
    bytes_wipe(root, sizeof root);
    return e;
}

/* ---- files as they lie there ---- */

struct err
folder_has(struct folder *f, const char *name, bool *has)
{
    struct stat st;
    *has = fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    return *has || errno == ENOENT ? err_ok() : failed("looked at", name);
}

static struct err
read_fd(int fd, const char *name, struct buf *to)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_make(E_KEYS, "the key folder's file %s is not a plain file", name);
    for (;;) {
        uint8_t *at = buf_room(to, 4096);
        ssize_t n = at ? read(fd, at, 4096) : -1;
        if (at == NULL)
            return err_make(E_KEYS, "the key folder's file %s is larger than any of ours; restore it from a backup", name);
        if (n < 0)
            return failed("read", name);
        if (n == 0)
            return err_ok();
        to->n += (size_t)n;
    }
}

static struct err
read_plain(struct folder *f, const char *name, struct buf *to)
{
    int fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return err_make(E_NOT_FOUND, "the key folder has no file %s", name);
    if (fd < 0)
        return failed("opened", name);
    struct err e = read_fd(fd, name, to);
    close(fd);
    return e;
}

static struct err
write_temporary(struct folder *f, const char *name, struct bytes all)
{
    int fd = openat(f->fd, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed("written", name);
    struct err e = f->env->write(f->env, fd, all) && f->env->sync(f->env, fd) ? err_ok() : failed("written", name);
    close(fd);
    return e;
}

static struct err
write_plain(struct folder *f, const char *name, struct bytes all)
{
    TRY(write_temporary(f, name, all));
    if (renameat(f->fd, TEMPORARY, f->fd, name) != 0)
        return failed("put in its place", name);
    return fsync(f->fd) == 0 ? err_ok() : failed("put on disk", name);
}

struct err
folder_remove(struct folder *f, const char *name)
{
    if (unlinkat(f->fd, name, 0) != 0 && errno != ENOENT)
        return failed("removed", name);
    return fsync(f->fd) == 0 ? err_ok() : failed("removed", name);
}

static struct err
visit_entries(DIR *d, struct err (*fn)(const char *name, void *ctx), void *ctx)
{
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            TRY(fn(entry->d_name, ctx));
    return err_ok();
}

struct err
folder_visit(struct folder *f, struct err (*fn)(const char *name, void *ctx), void *ctx)
{
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        struct err e = failed("listed", ".");
        if (fd >= 0)
            close(fd);
        return e;
    }
    struct err e = visit_entries(d, fn, ctx);
    closedir(d);
    return e;
}

/* ---- boxes ---- */

/* What is authenticated beside the contents: head and name, so that no file can stand in for another. */
static struct bytes
associated(const struct folder *f, const char *name, uint8_t to[16 + FOLDER_NAME_MAX])
{
    size_t n = strnlen(name, FOLDER_NAME_MAX);
    memcpy(to, magic, 8);
    memcpy(to + 8, f->wrap_name, 8);
    memcpy(to + 16, name, n);
    return bytes_make(to, 16 + n);
}

static struct err
unbox(struct folder *f, const char *name, struct bytes file, struct secret *out)
{
    uint8_t aad[16 + FOLDER_NAME_MAX];
    if (file.n < HEAD + CRYPTO_TAG || memcmp(file.at, magic, 8) != 0)
        return err_make(E_KEYS, "the key folder's file %s is damaged or cut short; restore it from a backup", name);
    if (memcmp(file.at + 8, f->wrap_name, 8) != 0)
        return err_make(E_KEYS, "wrong master key: the key folder's file %s was made with another; nothing was changed", name);
    struct bytes box = bytes_sub(file, HEAD, file.n);
    *out = secret_make(box); /* room for the plain bytes; the tag's 16 are cut below */
    if (out->at == NULL)
        return err_make(E_MEMORY, "no memory for the key folder's file %s", name);
    if (!crypto_unbox(f->wrap, file.at + 16, associated(f, name, aad), box, out->at)) {
        secret_free(out);
        return err_make(E_KEYS, "the key folder's file %s was changed by something else; restore it from a backup", name);
    }
    out->n = box.n - CRYPTO_TAG;
    return err_ok();
}

struct err
folder_read(struct folder *f, const char *name, struct secret *out)
{
    *out = (struct secret){NULL, 0};
    struct buf file = buf_make(FOLDER_FILE_MAX + 4096);
    struct err e = read_plain(f, name, &file);
    if (!err_failed(e))
        e = unbox(f, name, buf_bytes(&file), out);
    buf_free(&file);
    return e;
}

static struct err
box(struct folder *f, const char *name, struct bytes plain, struct buf *file)
{
    uint8_t aad[16 + FOLDER_NAME_MAX], nonce[CRYPTO_NONCE];
    if (!f->env->random(f->env, nonce, sizeof nonce))
        return err_make(E_KEYS, "the system's random generator failed");
    buf_put(file, bytes_make(magic, 8));
    buf_put(file, bytes_make(f->wrap_name, 8));
    buf_put(file, bytes_make(nonce, sizeof nonce));
    uint8_t *to = buf_room(file, plain.n + CRYPTO_TAG);
    if (to == NULL)
        return err_make(E_LIMIT, "the key folder's file %s would be too large", name);
    file->n += plain.n + CRYPTO_TAG;
    return crypto_box(f->wrap, nonce, associated(f, name, aad), plain, to);
}

struct err
folder_write(struct folder *f, const char *name, struct bytes plain)
{
    struct buf file = buf_make(FOLDER_FILE_MAX);
    struct err e = box(f, name, plain, &file);
    if (!err_failed(e))
        e = write_plain(f, name, buf_bytes(&file));
    buf_free(&file);
    return e;
}

/* ---- salt ---- */

static struct err
make_salt(struct folder *f, uint8_t salt[FOLDER_SALT])
{
    if (!f->env->random(f->env, salt, FOLDER_SALT))
        return err_make(E_KEYS, "the system's random generator failed");
    return write_plain(f, "salt", bytes_make(salt, FOLDER_SALT));
}

struct err
folder_salt(struct folder *f, bool make, uint8_t salt[FOLDER_SALT])
{
    struct buf file = buf_make(FOLDER_FILE_MAX + 4096);
    struct err e = read_plain(f, "salt", &file);
    if (!err_failed(e) && file.n != FOLDER_SALT)
        e = err_make(E_KEYS, "the key folder's file salt is damaged; restore it from a backup");
    else if (!err_failed(e))
        memcpy(salt, file.at, FOLDER_SALT);
    else if (e.code == E_NOT_FOUND && make)
        e = make_salt(f, salt);
    else if (e.code == E_NOT_FOUND)
        e = err_make(E_KEYS, "the key folder was made without a passphrase, or its file salt is lost; use its key file or restore it");
    buf_free(&file);
    return e;
}
