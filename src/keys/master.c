#include "keys/master.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * systemd gives a service its credentials by an ACL, whose mask shows as the group's bits (systemd.exec(5), LoadCredential=): only
 * the others' bits say something there.
 */
static struct err
check_file(int fd, const char *path, int source)
{
    struct stat st;
    mode_t open_to = source == KEYS_MASTER_CREDENTIAL ? 007 : 077;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return err_make(E_KEYS, "the master key %s is not a plain file", path);
    if (st.st_mode & open_to)
        return err_make(E_KEYS, "the master key %s is open to others (mode %03o); chmod 600 it", path, (unsigned)st.st_mode & 0777);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return err_make(E_KEYS, "the master key %s belongs to another user (%u)", path, (unsigned)st.st_uid);
    return err_ok();
}

static struct err
read_all(int fd, const char *path, struct secret *out)
{
    uint8_t all[MASTER_MAX + 1];
    size_t n = 0;
    ssize_t got;
    while (n < sizeof all && (got = read(fd, all + n, sizeof all - n)) > 0)
        n += (size_t)got;
    struct err e = err_ok();
    if (n < MASTER_MIN || n > MASTER_MAX)
        e = err_make(E_KEYS, "the master key %s has %s bytes; %d to %d random ones are needed: head -c 32 /dev/urandom", path,
                     n < MASTER_MIN ? "too few" : "too many", MASTER_MIN, MASTER_MAX);
    else if ((*out = secret_make(bytes_make(all, n))).at == NULL)
        e = err_make(E_MEMORY, "no memory for the master key");
    bytes_wipe(all, sizeof all);
    return e;
}

static struct err
from_file(int source, const char *path, struct secret *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_make(E_KEYS, "the master key %s cannot be opened: %s", path, strerror(errno));
    struct err e = check_file(fd, path, source);
    if (!err_failed(e))
        e = read_all(fd, path, out);
    close(fd);
    return e;
}

static struct err
from_passphrase(struct folder *f, struct bytes passphrase, bool fresh, struct secret *out)
{
    uint8_t salt[FOLDER_SALT], key[CRYPTO_KEY];
    if (passphrase.n < PASSPHRASE_MIN)
        return err_make(E_KEYS, "the passphrase is too short; at least %d bytes are needed", PASSPHRASE_MIN);
    TRY(folder_salt(f, fresh, salt));
    TRY(crypto_scrypt(passphrase, bytes_make(salt, sizeof salt), key));
    *out = secret_make(bytes_make(key, sizeof key));
    bytes_wipe(key, sizeof key);
    return out->at ? err_ok() : err_make(E_MEMORY, "no memory for the master key");
}

struct err
master_load(struct folder *f, int source, const char *name, struct bytes passphrase, bool fresh, struct secret *out)
{
    *out = (struct secret){NULL, 0};
    if (source == KEYS_MASTER_PASSPHRASE)
        return from_passphrase(f, passphrase, fresh, out);
    return from_file(source, name, out);
}
