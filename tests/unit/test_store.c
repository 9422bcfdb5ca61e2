/* The store: versions and expectations, what commits together, and that nothing acknowledged is ever lost. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

static char dir[64], path[128], url[160];

/* SQLite syncs through these; they stand before libc's own. */
static bool disk_refuses_sync;
int
fdatasync(int fd)
{
    if (disk_refuses_sync)
        return errno = EIO, -1;
    return (int)syscall(SYS_fdatasync, fd);
}
int
fsync(int fd)
{
    if (disk_refuses_sync)
        return errno = EIO, -1;
    return (int)syscall(SYS_fsync, fd);
}

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

static int
fresh(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/test_store.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/s.db", dir);
    snprintf(url, sizeof url, "sqlite:%s", path);
    return 0;
}

static int
gone(void **state)
{
    (void)state;
    static const char *const files[] = {"s.db", "s.db-wal", "s.db-shm", "s.db.lock", "link"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char one[128];
        snprintf(one, sizeof one, "%s/%s", dir, files[i]);
        unlink(one);
    }
    return rmdir(dir);
}

static struct err
put_one(struct store *s, const char *kind, const char *id, const char *body, int64_t expect, const char *row, int64_t *seq)
{
    struct store_put p = {kind, bytes_str(id), bytes_str(body), expect};
    struct bytes r = bytes_str(row);
    struct store_write w = {&p, 1, &r, row ? 1 : 0};
    return store_commit_wait(s, &w, seq);
}

static void
expect_record(struct store *s, const char *kind, const char *id, const char *body, int64_t version)
{
    struct arena a = {0};
    struct bytes b;
    int64_t v;
    assert_ok(store_get(s, kind, bytes_str(id), &a, &b, &v));
    assert_int_equal(v, version);
    assert_int_equal(body == NULL, b.at == NULL);
    if (body)
        assert_true(bytes_is(b, body));
    arena_free(&a);
}

static struct err
collect_row(int64_t seq, struct bytes row, void *ctx)
{
    buf_printf(ctx, "%lld=%.*s ", (long long)seq, BYTES_ARG(row));
    return err_ok();
}

static void
expect_outbox(struct store *s, int64_t after, const char *want)
{
    struct buf b = buf_make(4096);
    assert_ok(store_outbox(s, after, collect_row, &b));
    assert_string_equal(buf_text(&b), want);
    buf_free(&b);
}

static void
records_have_versions(void **state)
{
    (void)state;
    struct store *s;
    assert_ok(store_open(env_real(), url, &s));
    expect_record(s, "writ", "wr_1", NULL, 0);
    assert_ok(put_one(s, "writ", "wr_1", "one", 0, NULL, NULL));
    expect_record(s, "writ", "wr_1", "one", 1);
    assert_err(put_one(s, "writ", "wr_1", "again", 0, NULL, NULL), E_STATE, "the writ wr_1 was changed meanwhile (version 1, expected 0)");
    assert_ok(put_one(s, "writ", "wr_1", "", 1, NULL, NULL));
    expect_record(s, "writ", "wr_1", "", 2);
    assert_ok(put_one(s, "writ", "wr_1", "three", STORE_ANY_VERSION, NULL, NULL));
    expect_record(s, "fact", "wr_1", NULL, 0);
    assert_err(put_one(s, "writ", "wr_1", NULL, 2, NULL, NULL), E_STATE, "version 3, expected 2");
    assert_ok(put_one(s, "writ", "wr_1", NULL, 3, NULL, NULL));
    expect_record(s, "writ", "wr_1", NULL, 0);
    assert_err(put_one(s, "writ", "wr_2", "x", 4, NULL, NULL), E_STATE, "version 0, expected 4");
    store_close(s);
}

static void
ids_and_bodies_are_bytes(void **state)
{
    (void)state;
    struct store *s;
    struct arena a = {0};
    struct bytes id = BYTES("a\0b'; DROP TABLE record"), body = BYTES("\0\xff\n"), got;
    struct store_put p = {"writ", id, body, 0};
    struct store_write w = {&p, 1, NULL, 0};
    int64_t v;
    assert_ok(store_open(env_real(), url, &s));
    assert_ok(store_commit_wait(s, &w, NULL));
    assert_ok(store_get(s, "writ", id, &a, &got, &v));
    assert_true(bytes_eq(got, body));
    expect_record(s, "writ", "a", NULL, 0);
    arena_free(&a);
    store_close(s);
}

static void
a_write_is_all_or_nothing(void **state)
{
    (void)state;
    struct store *s;
    struct store_put puts[] = {{"writ", BYTES("a"), BYTES("1"), 0}, {"writ", BYTES("b"), BYTES("1"), 7}};
    struct bytes rows[] = {BYTES("lost"), BYTES("lost too")};
    struct store_write w = {puts, 2, rows, 2};
    int64_t seq = 99;
    assert_ok(store_open(env_real(), url, &s));
    assert_err(store_commit_wait(s, &w, &seq), E_STATE, "the writ b");
    assert_int_equal(seq, 0);
    expect_record(s, "writ", "a", NULL, 0);
    expect_outbox(s, 0, "");
    store_close(s);
}

static void
outbox_numbers_are_never_used_again(void **state)
{
    (void)state;
    struct store *s;
    struct bytes rows[] = {BYTES("x"), BYTES("y")};
    struct store_write w = {NULL, 0, rows, 2};
    int64_t seq;
    assert_ok(store_open(env_real(), url, &s));
    assert_ok(put_one(s, "writ", "a", "1", 0, "r", &seq));
    assert_int_equal(seq, 1);
    assert_err(put_one(s, "writ", "a", "1", 0, "refused", &seq), E_STATE, "");
    assert_ok(store_commit_wait(s, &w, &seq));
    assert_int_equal(seq, 2);
    expect_outbox(s, 0, "1=r 2=x 3=y ");
    expect_outbox(s, 2, "3=y ");
    store_outbox_done(s, 2);
    store_outbox_done(s, 3);
    store_close(s);
    assert_ok(store_open(env_real(), url, &s));
    expect_outbox(s, 0, "");
    assert_ok(put_one(s, "writ", "b", "1", 0, "z", &seq));
    assert_int_equal(seq, 4);
    store_outbox_done(s, INT64_MAX); /* a bound past the end takes what is there, never what comes */
    assert_ok(put_one(s, "writ", "c", "1", 0, "kept", &seq));
    expect_outbox(s, 0, "5=kept ");
    store_close(s);
}

struct nested {
    struct store *s;
    struct buf seen;
};

static struct err
read_inside(struct bytes id, int64_t version, struct bytes body, void *ctx)
{
    struct nested *n = ctx;
    struct arena a = {0};
    struct bytes again;
    int64_t v;
    struct err e = store_get(n->s, "writ", id, &a, &again, &v);
    buf_printf(&n->seen, "%.*s%d%.*s ", BYTES_ARG(id), (int)version, BYTES_ARG(body));
    bool same = v == version && bytes_eq(again, body);
    arena_free(&a);
    TRY(e);
    if (bytes_is(id, "c"))
        return err_make(E_LIMIT, "stop");
    return same ? err_ok() : err_make(E_TAMPERED, "differs");
}

static void
scan_is_in_order_and_may_read(void **state)
{
    (void)state;
    struct nested n = {.seen = buf_make(1000)};
    assert_ok(store_open(env_real(), url, &n.s));
    for (const char *id = "dbac"; *id; id++) {
        char one[2] = {*id, 0};
        assert_ok(put_one(n.s, "writ", one, one, 0, NULL, NULL));
    }
    assert_ok(put_one(n.s, "fact", "aa", "-", 0, NULL, NULL));
    assert_err(store_scan(n.s, "writ", read_inside, &n), E_LIMIT, "stop");
    assert_string_equal(buf_text(&n.seen), "a1a b1b c1c ");
    store_close(n.s);
    buf_free(&n.seen);
}

static void
bounds_are_errors(void **state)
{
    (void)state;
    static char big[300];
    struct store *s;
    struct arena a = {0};
    struct bytes b;
    int64_t v;
    memset(big, 'x', sizeof big - 1);
    uint8_t *huge = calloc(1, ((size_t)4 << 20) + 1);
    struct store_put too_large = {"writ", BYTES("a"), bytes_make(huge, ((size_t)4 << 20) + 1), 0};
    struct store_write w = {&too_large, 1, NULL, 0}, many = {&too_large, 2000, NULL, 0};
    assert_ok(store_open(env_real(), url, &s));
    assert_err(put_one(s, "Writ", "a", "", 0, NULL, NULL), E_USAGE, "no kind of record");
    assert_err(put_one(s, "", "a", "", 0, NULL, NULL), E_USAGE, "no kind of record");
    assert_err(store_get(s, "a-b", BYTES("a"), &a, &b, &v), E_USAGE, "no kind of record");
    assert_err(put_one(s, "writ", "", "", 0, NULL, NULL), E_LIMIT, "0 bytes");
    assert_err(put_one(s, "writ", big, "", 0, NULL, NULL), E_LIMIT, "299 bytes");
    assert_err(put_one(s, "writ", "a", "", -2, NULL, NULL), E_USAGE, "-2");
    assert_err(store_commit_wait(s, &w, NULL), E_LIMIT, "4194305 bytes");
    assert_err(store_commit_wait(s, &many, NULL), E_LIMIT, "2000 records");
    store_close(s);
    free(huge);
}

/* ---- many at once ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int results[E_SYSTEM + 1], answered;

static void
wait_at_gate(struct err e, int64_t seq, void *ctx)
{
    (void)e, (void)seq, (void)ctx;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void
count_result(struct err e, int64_t seq, void *ctx)
{
    (void)ctx;
    results[e.code]++;
    answered++;
    if (err_failed(e) && seq != 0)
        results[E_TAMPERED]++;
}

static void
queue_is_bounded_and_one_bad_write_spoils_no_other(void **state)
{
    (void)state;
    struct store *s;
    memset(results, 0, sizeof results);
    answered = 0;
    assert_ok(store_open(env_real(), url, &s));
    assert_ok(put_one(s, "writ", "taken", "", 0, NULL, NULL));
    pthread_mutex_lock(&gate);
    struct bytes row = BYTES("row");
    struct store_write first = {NULL, 0, &row, 1};
    assert_ok(store_commit(s, &first, wait_at_gate, NULL));
    struct err e = err_ok();
    int queued = 0;
    for (; !err_failed(e) && queued < 70000; queued++) {
        char id[32];
        int n = snprintf(id, sizeof id, "%d", queued);
        bool bad = queued % 100 == 50;
        struct store_put p = {"writ", bad ? BYTES("taken") : bytes_make(id, (size_t)n), BYTES("b"), 0};
        struct store_write w = {&p, 1, queued % 1000 == 0 ? &row : NULL, queued % 1000 == 0};
        e = store_commit(s, &w, count_result, NULL);
    }
    queued--;
    assert_int_equal(e.code, E_BUSY);
    assert_true(queued >= 65536 && queued < 65536 + 256); /* one batch may be on its way */
    pthread_mutex_unlock(&gate);
    store_close(s); /* finishes what is queued */
    assert_int_equal(answered, queued);
    assert_int_equal(results[E_STATE], (queued + 49) / 100);
    assert_int_equal(results[E_OK], queued - results[E_STATE]);
    assert_int_equal(results[E_TAMPERED], 0);
    assert_ok(store_open(env_real(), url, &s));
    expect_record(s, "writ", "49", "b", 1);
    expect_record(s, "writ", "51", "b", 1);
    expect_record(s, "writ", "50", NULL, 0);
    store_close(s);
}

static void *
write_many(void *arg)
{
    struct store *s = arg;
    for (int i = 0; i < 100; i++) {
        struct arena a = {0};
        struct bytes b;
        int64_t v;
        struct err e;
        do {
            assert_ok(store_get(s, "fact", BYTES("counter"), &a, &b, &v));
            struct store_put p = {"fact", BYTES("counter"), BYTES("x"), v};
            struct store_write w = {&p, 1, NULL, 0};
            e = store_commit_wait(s, &w, NULL);
        } while (e.code == E_STATE);
        assert_ok(e);
        arena_free(&a);
    }
    return NULL;
}

static void
expectations_count_right_under_threads(void **state)
{
    (void)state;
    struct store *s;
    pthread_t t[4];
    assert_ok(store_open(env_real(), url, &s));
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, write_many, s);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    expect_record(s, "fact", "counter", "x", 400);
    store_close(s);
}

/* ---- who may open what ---- */

static mode_t
mode_of(const char *suffix)
{
    char one[160];
    struct stat st = {0};
    snprintf(one, sizeof one, "%s%s", path, suffix);
    assert_int_equal(stat(one, &st), 0);
    return st.st_mode & 07777;
}

static void
files_are_private(void **state)
{
    (void)state;
    struct store *s;
    mode_t old = umask(0);
    close(open(path, O_CREAT | O_RDWR, 0666));
    assert_ok(store_open(env_real(), url, &s));
    assert_ok(put_one(s, "writ", "a", "1", 0, NULL, NULL));
    assert_int_equal(mode_of(""), 0600);
    assert_int_equal(mode_of("-wal"), 0600);
    assert_int_equal(mode_of("-shm"), 0600);
    assert_int_equal(mode_of(".lock"), 0600);
    umask(old);
    store_close(s);
}

static void
a_second_opener_is_refused(void **state)
{
    (void)state;
    struct store *s, *second;
    char want[64];
    assert_ok(store_open(env_real(), url, &s));
    snprintf(want, sizeof want, "in use by process %d; stop it first", (int)getpid());
    assert_err(store_open(env_real(), url, &second), E_STORE, want);
    store_close(s);
    assert_ok(store_open(env_real(), url, &s));
    store_close(s);
}

static void
exec_sql(const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void
strangers_and_newer_stores_are_refused(void **state)
{
    (void)state;
    struct store *s;
    exec_sql("CREATE TABLE theirs (x)");
    assert_err(store_open(env_real(), url, &s), E_STORE, "database of another program");
    exec_sql("DROP TABLE theirs");
    assert_ok(store_open(env_real(), url, &s));
    assert_ok(put_one(s, "writ", "a", "1", 0, NULL, NULL));
    store_close(s);
    exec_sql("PRAGMA user_version = 2");
    assert_err(store_open(env_real(), url, &s), E_STORE, "written by a newer Writ (store version 2, this program knows 1)");
    exec_sql("PRAGMA user_version = 0");
    assert_err(store_open(env_real(), url, &s), E_STORE, "is damaged");
    exec_sql("PRAGMA user_version = 1");
    assert_ok(store_open(env_real(), url, &s));
    expect_record(s, "writ", "a", "1", 1);
    store_close(s);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "this is text, not a database, and long enough to be looked at\n", 62), 62);
    close(fd);
    assert_err(store_open(env_real(), url, &s), E_STORE, "not a database");
}

static void
odd_places_are_refused(void **state)
{
    (void)state;
    struct store *s;
    char link[128], link_url[160];
    assert_err(store_open(env_real(), "postgres://x", &s), E_USAGE, "sqlite:/path/to/file.db");
    assert_err(store_open(env_real(), "sqlite:", &s), E_USAGE, "needs a path");
    assert_err(store_open(env_real(), "sqlite:/nonexistent/x.db", &s), E_STORE, "No such file");
    snprintf(link, sizeof link, "%s/link", dir);
    snprintf(link_url, sizeof link_url, "sqlite:%s", link);
    assert_int_equal(symlink(path, link), 0);
    assert_err(store_open(env_real(), link_url, &s), E_STORE, "cannot be opened for writing");
    char lock[160];
    snprintf(lock, sizeof lock, "%s.lock", link);
    unlink(lock);
}

/* ---- disks that fail ---- */

static void
a_full_disk_changes_nothing(void **state)
{
    (void)state;
    struct store *s;
    struct rlimit old, small;
    static char body[200000];
    memset(body, 'x', sizeof body - 1);
    signal(SIGXFSZ, SIG_IGN);
    assert_ok(store_open(env_real(), url, &s));
    assert_ok(put_one(s, "writ", "before", "1", 0, "row", NULL));
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){100000, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    int64_t seq = 7;
    assert_err(put_one(s, "writ", "big", body, 0, "lost", &seq), E_STORE, "");
    assert_int_equal(seq, 0);
    setrlimit(RLIMIT_FSIZE, &old);
    expect_record(s, "writ", "big", NULL, 0);
    assert_ok(put_one(s, "writ", "after", "1", 0, "row", &seq));
    assert_int_equal(seq, 2);
    store_close(s);
    assert_ok(store_open(env_real(), url, &s));
    expect_record(s, "writ", "before", "1", 1);
    expect_record(s, "writ", "big", NULL, 0);
    expect_record(s, "writ", "after", "1", 1);
    store_close(s);
}

/* What was written and not synced may be gone although the kernel says otherwise; so nothing more is acknowledged until a restart. */
static void
a_failed_sync_ends_all_writing(void **state)
{
    (void)state;
    struct store *s;
    assert_ok(store_open(env_real(), url, &s));
    assert_ok(put_one(s, "writ", "a", "1", 0, NULL, NULL));
    disk_refuses_sync = true;
    assert_err(put_one(s, "writ", "b", "1", 0, "row", NULL), E_STORE, "did not confirm");
    disk_refuses_sync = false;
    assert_err(put_one(s, "writ", "c", "1", 0, "row", NULL), E_STORE, "check the disk, then restart");
    expect_record(s, "writ", "a", "1", 1);
    store_close(s);
    assert_ok(store_open(env_real(), url, &s));
    expect_record(s, "writ", "b", NULL, 0);
    expect_record(s, "writ", "c", NULL, 0);
    expect_outbox(s, 0, "");
    store_close(s);
}

static void
a_read_only_file_is_refused(void **state)
{
    (void)state;
    struct store *s;
    if (geteuid() != 0)
        skip();
    assert_ok(store_open(env_real(), url, &s));
    store_close(s);
    assert_int_equal(chmod(path, 0444) | chmod(dir, 0777), 0);
    char lock[160];
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(lock);
    pid_t pid = fork();
    if (pid == 0) {
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
            _exit(9);
        struct err e = store_open(env_real(), url, &s);
        _exit(e.code == E_STORE && strstr(e.text, "cannot be opened for writing: Permission denied") ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

/* ---- being killed ---- */

struct killed {
    struct store *s;
    int pipe;
    _Atomic int flying;
};
struct one {
    struct killed *all;
    int64_t id;
};

static void
acknowledge(struct err e, int64_t seq, void *ctx)
{
    struct one *o = ctx;
    int64_t said[2] = {o->id, seq};
    if (err_failed(e) || write(o->all->pipe, said, sizeof said) != sizeof said)
        _exit(1);
    o->all->flying--;
    free(o);
}

static void
commit_until_killed(int64_t next, int fd)
{
    struct killed k = {.pipe = fd};
    struct err e = store_open(env_real(), url, &k.s);
    while (!err_failed(e)) {
        while (k.flying > 40)
            usleep(50);
        struct one *o = malloc(sizeof *o);
        *o = (struct one){&k, next++};
        struct bytes id = bytes_make(&o->id, 8), row = id;
        struct store_put p = {"writ", id, BYTES("body of some length, so that frames fill"), 0};
        struct store_write w = {&p, 1, &row, 1};
        k.flying++;
        e = store_commit(k.s, &w, acknowledge, o);
    }
    _exit(1);
}

#define IDS 400000
static uint8_t acknowledged[IDS], recorded[IDS], rows[IDS];

static struct err
see_record(struct bytes id, int64_t version, struct bytes body, void *ctx)
{
    (void)version, (void)body, (void)ctx;
    int64_t n;
    memcpy(&n, id.at, 8);
    recorded[n]++;
    return err_ok();
}

static struct err
see_row(int64_t seq, struct bytes row, void *ctx)
{
    int64_t n, *last = ctx;
    memcpy(&n, row.at, 8);
    rows[n]++;
    if (seq != *last + 1)
        return err_make(E_TAMPERED, "a gap");
    *last = seq;
    return err_ok();
}

static int64_t
read_acknowledged(int fd, int64_t greatest)
{
    int64_t said[2];
    while (read(fd, said, sizeof said) == sizeof said) {
        assert_true(said[0] < IDS && said[1] > 0);
        acknowledged[said[0]] = 1;
        if (said[0] > greatest)
            greatest = said[0];
    }
    return greatest;
}

static void
compare(int64_t *next)
{
    struct store *s;
    int64_t last = 0;
    memset(recorded, 0, sizeof recorded);
    memset(rows, 0, sizeof rows);
    assert_ok(store_open(env_real(), url, &s));
    assert_ok(store_scan(s, "writ", see_record, NULL));
    assert_ok(store_outbox(s, 0, see_row, &last));
    store_close(s);
    for (int64_t i = 0; i < IDS; i++) {
        assert_true(recorded[i] >= acknowledged[i]);
        assert_int_equal(recorded[i], rows[i]);
        if (recorded[i] && i >= *next)
            *next = i + 1;
    }
}

static void
killed_at_any_moment_loses_nothing(void **state)
{
    (void)state;
    int64_t next = 0;
    srand(1);
    for (int round = 0; round < 50; round++) {
        int p[2];
        assert_int_equal(pipe(p), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(p[0]);
            commit_until_killed(next, p[1]);
        }
        close(p[1]);
        usleep((useconds_t)(5000 + rand() % 60000));
        kill(pid, SIGKILL);
        int64_t greatest = read_acknowledged(p[0], next - 1);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        close(p[0]);
        next = greatest + 1;
        compare(&next);
    }
    assert_true(next > 500); /* the loop did some work */
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fresh, gone)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(records_have_versions),
        T(ids_and_bodies_are_bytes),
        T(a_write_is_all_or_nothing),
        T(outbox_numbers_are_never_used_again),
        T(scan_is_in_order_and_may_read),
        T(bounds_are_errors),
        T(queue_is_bounded_and_one_bad_write_spoils_no_other),
        T(expectations_count_right_under_threads),
        T(files_are_private),
        T(a_second_opener_is_refused),
        T(strangers_and_newer_stores_are_refused),
        T(odd_places_are_refused),
        T(a_full_disk_changes_nothing),
        T(a_failed_sync_ends_all_writing),
        T(a_read_only_file_is_refused),
        T(killed_at_any_moment_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
