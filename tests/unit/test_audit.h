/* What the tests of the audit room share: a log with the real signer and store, a disk that can fail, reading back. */
#ifndef TEST_AUDIT_H
#define TEST_AUDIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <writ/tlog.h>

#include "audit/audit.h"
#include "base/json.h"

#define ORIGIN "writ.example/log"

/* An env whose clock stands still and whose disk can fail or hang. */
struct test_env {
    struct env env;
    int64_t now_ms;
    atomic_int fail_write, fail_sync; /* fail when they have counted down to 0; -1: never */
    atomic_bool hang;                 /* sync waits while this is set */
};

static inline int64_t
test_now(struct env *env)
{
    return ((struct test_env *)env)->now_ms;
}

static inline uint64_t
test_mono(struct env *env)
{
    (void)env;
    return env_real()->mono_ns(env_real());
}

static inline bool
test_random(struct env *env, void *at, size_t n)
{
    (void)env;
    return env_real()->random(env_real(), at, n);
}

static inline bool
counted_down(atomic_int *left)
{
    if (atomic_load(left) < 0)
        return false;
    if (atomic_load(left) == 0)
        return true;
    atomic_fetch_sub(left, 1);
    return false;
}

static inline bool
test_write(struct env *env, int fd, struct bytes b)
{
    errno = ENOSPC;
    return !counted_down(&((struct test_env *)env)->fail_write) && env_real()->write(env_real(), fd, b);
}

static inline void
nap(void)
{
    struct timespec t = {0, 1000000};
    nanosleep(&t, NULL);
}

static inline bool
test_sync(struct env *env, int fd)
{
    struct test_env *t = (struct test_env *)env;
    (void)fd;
    while (atomic_load(&t->hang))
        nap();
    errno = EIO;
    return !counted_down(&t->fail_sync);
}

static struct test_env env;
static char folder[64], log_folder[128], store_url[160];
static struct keys *keys;
static struct store *store;
static struct audit *log_;

static inline void
must(struct err e)
{
    if (err_failed(e))
        fail_msg("%s (%s:%d)", e.text, e.file, e.line);
}

static inline void
expect_error(struct err e, enum err_code code, const char *part)
{
    if (e.code != code || strstr(e.text, part) == NULL)
        fail_msg("not %s with '%s' but %s: %s", err_name(code), part, err_name(e.code), e.text);
}

static inline void
remove_tree(const char *dir)
{
    char path[512];
    DIR *d = opendir(dir);
    for (struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%.200s/%.255s", dir, f->d_name);
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0 && unlink(path) != 0)
            remove_tree(path);
    }
    if (d != NULL)
        closedir(d);
    rmdir(dir);
}

static inline void
start_keys(void)
{
    static char path[96], dir[96];
    snprintf(path, sizeof path, "%s/master", folder);
    snprintf(dir, sizeof dir, "%s/keys", folder);
    mkdir(dir, 0700);
    FILE *f = fopen(path, "w");
    fputs("0123456789abcdef0123456789abcdef", f);
    fclose(f);
    chmod(path, 0600);
    struct keys_master master = {KEYS_MASTER_FILE, path};
    must(keys_start(env_real(), dir, &master, NULL, &keys));
}

static inline int
start(void **state)
{
    (void)state;
    env = (struct test_env){{test_now, test_mono, test_random, test_write, test_sync}, 1795641600123, -1, -1, false};
    strcpy(folder, "/tmp/test_audit.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(log_folder, sizeof log_folder, "%s/log", folder);
    snprintf(store_url, sizeof store_url, "sqlite:%s/store.db", folder);
    start_keys();
    must(store_open(env_real(), store_url, &store));
    log_ = NULL;
    return 0;
}

static inline int
end(void **state)
{
    (void)state;
    audit_close(log_);
    store_close(store);
    keys_stop(keys);
    remove_tree(folder);
    return 0;
}

static inline struct err
try_open(struct store *with)
{
    struct audit_config config = {log_folder, ORIGIN, 20, 50};
    return audit_open(&env.env, &config, keys, with, &log_);
}

static inline void
open_log(void)
{
    must(try_open(store));
}

static inline void
reopen(void)
{
    audit_close(log_);
    log_ = NULL;
    open_log();
}

/* Waiting for callbacks. */
struct answer {
    atomic_int count, failed;
    uint64_t index;
    struct err error;
};

static inline void
answered(struct err e, uint64_t index, void *ctx)
{
    struct answer *a = ctx;
    a->index = index;
    a->error = e;
    if (err_failed(e))
        atomic_fetch_add(&a->failed, 1);
    atomic_fetch_add(&a->count, 1);
}

static inline void
await(struct answer *a, int count)
{
    for (int i = 0; i < 20000 && atomic_load(&a->count) < count; i++)
        nap();
    assert_int_equal(atomic_load(&a->count), count);
}

static inline struct audit_event
event(const char *members)
{
    return (struct audit_event){.kind = AUDIT_DECISION, .members = bytes_str(members)};
}

static inline uint64_t
record(struct audit_event e)
{
    struct answer a = {0};
    must(audit_append(log_, &e, true, answered, &a));
    await(&a, 1);
    must(a.error);
    return a.index;
}

/* Leaves as read from the folder. */
struct leaves {
    char text[64][4096];
    uint64_t index[64];
    size_t n;
};
static struct leaves leaves;

static inline bool
collect(uint64_t index, struct bytes leaf, void *ctx)
{
    (void)ctx;
    assert_true(leaves.n < 64);
    snprintf(leaves.text[leaves.n], sizeof leaves.text[0], "%.*s", BYTES_ARG(leaf));
    leaves.index[leaves.n++] = index;
    return true;
}

static inline void
read_leaves(const struct audit_filter *filter)
{
    static const struct audit_filter all;
    leaves.n = 0;
    must(audit_read(log_folder, filter ? filter : &all, collect, NULL));
}

static inline void
expect_verified(uint64_t records)
{
    struct arena a = {0};
    struct bytes der;
    struct tlog_report r;
    must(keys_public(keys, KEYS_LOG, &a, &der));
    assert_int_equal(tlog_verify(log_folder, ORIGIN, der.at + der.n - 32, &r).code, TLOG_OK);
    if (!r.ok)
        fail_msg("%s", r.text);
    assert_int_equal(r.records, records);
    assert_int_equal(r.signed_size, records);
    arena_free(&a);
}

static inline struct bytes
said_of(uint64_t index, struct arena *a, enum err_code code, const char *part)
{
    uint8_t key[32];
    struct bytes json = {NULL, 0};
    must(keys_derive(keys, "log-payload", key));
    struct err e = audit_said(log_folder, key, index, a, &json);
    if (code == E_OK)
        must(e);
    else
        expect_error(e, code, part);
    return json;
}

static inline void
expect_said(uint64_t index, const char *expected)
{
    struct arena a = {0};
    struct bytes json = said_of(index, &a, E_OK, "");
    if (!bytes_is(json, expected))
        fail_msg("%.*s", BYTES_ARG(json));
    arena_free(&a);
}

static inline void
expect_unsaid(uint64_t index, enum err_code code, const char *part)
{
    struct arena a = {0};
    said_of(index, &a, code, part);
    arena_free(&a);
}

struct file {
    uint8_t at[2 << 20];
    size_t n;
};
static struct file file;

static inline void
load(const char *name)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", log_folder, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    file.n = fread(file.at, 1, sizeof file.at, f);
    fclose(f);
}

static inline void
save(const char *name)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", log_folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file.at, 1, file.n, f), file.n);
    fclose(f);
}

static inline uint64_t
say(const char *name, struct bytes value)
{
    struct audit_event e = event("\"n\":1");
    e.said[0] = (struct audit_said){name, value};
    e.n_said = 1;
    return record(e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, end)

#endif
