/* What the tests of the signer share: a folder and a master key of their own for each, and ways to start and look. */
#ifndef TEST_KEYS_H
#define TEST_KEYS_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "keys/keys.h"

#define assert_ok(expr)                                                                                                                              \
    do {                                                                                                                                             \
        struct err ok_err_ = (expr);                                                                                                                 \
        if (err_failed(ok_err_))                                                                                                                     \
            fail_msg("%s: %s: %s", #expr, err_name(ok_err_.code), ok_err_.text);                                                                     \
    } while (0)
#define assert_err(expr, want, part)                                                                                                                 \
    do {                                                                                                                                             \
        struct err bad_err_ = (expr);                                                                                                                \
        if (bad_err_.code != (want) || strstr(bad_err_.text, (part)) == NULL)                                                                        \
            fail_msg("%s: %s: %s", #expr, err_name(bad_err_.code), bad_err_.text);                                                                   \
    } while (0)

static char dir[64], folder[96], master_file[96];
static struct keys_master master = {KEYS_MASTER_FILE, master_file};
static const struct bytes origin = {(const uint8_t *)"writ.test/log", 13};
static const struct bytes ticket = {(const uint8_t *)"ca_abcdefghijklmnopqrstuvwxyz", 29};
static const uint8_t root_a[32] = {1};

/* ---- helpers ---- */

static void
write_file(const char *path, struct bytes b, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0 && write(fd, b.at, b.n) == (ssize_t)b.n && fchmod(fd, mode) == 0);
    close(fd);
}

static size_t
read_file(const char *path, uint8_t *to, size_t room)
{
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, to, room);
    close(fd);
    assert_true(n >= 0);
    return (size_t)n;
}

static const char *
in_folder(const char *name)
{
    static char both[4][400];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(both[turn], sizeof both[turn], "%s/%s", folder, name);
    return both[turn];
}

static void
clear_folder(void)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            unlink(in_folder(e->d_name));
    if (d)
        closedir(d);
    rmdir(folder);
}

static int
fresh(void **state)
{
    (void)state;
    uint8_t key[32];
    snprintf(dir, sizeof dir, "/tmp/test_keys.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(folder, sizeof folder, "%s/keys", dir);
    snprintf(master_file, sizeof master_file, "%s/master", dir);
    env_real()->random(env_real(), key, sizeof key);
    write_file(master_file, bytes_make(key, sizeof key), 0600);
    return 0;
}

static int
gone(void **state)
{
    (void)state;
    clear_folder();
    unlink(master_file);
    return rmdir(dir);
}

static struct keys *
start(void)
{
    struct keys *k = NULL;
    assert_ok(keys_start(env_real(), folder, &master, NULL, &k));
    return k;
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fresh, gone)

#endif
