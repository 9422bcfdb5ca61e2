/*
 * SQLite behind the store: WAL, synchronous=FULL (a commit is on disk when it returns), one connection that writes and one that
 * reads under a mutex. Another process is kept out by a lock file beside the database, since SQLite's own locks would let both in.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/engine.h"
#include "store/sqlite_schema.h"

/* Statements that live as long as their connection. */
enum statement { BEGIN, COMMIT, ROLLBACK, SAVE, UNSAVE, RELEASE, VERSION, INSERT, UPDATE, DELETE, ROW, TRIM, WRITER_STATEMENTS };
static const char *const sql[WRITER_STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVE] = "SAVEPOINT one",
    [UNSAVE] = "ROLLBACK TO one",
    [RELEASE] = "RELEASE one",
    [VERSION] = "SELECT version FROM record WHERE kind = ?1 AND id = ?2",
    [INSERT] = "INSERT INTO record (kind, id, version, body) VALUES (?1, ?2, 1, ?3)",
    [UPDATE] = "UPDATE record SET version = version + 1, body = ?3 WHERE kind = ?1 AND id = ?2",
    [DELETE] = "DELETE FROM record WHERE kind = ?1 AND id = ?2",
    [ROW] = "INSERT INTO outbox (row) VALUES (?1)",
    [TRIM] = "DELETE FROM outbox WHERE seq <= ?1",
};
static const char get_sql[] = "SELECT body, version FROM record WHERE kind = ?1 AND id = ?2";
static const char scan_sql[] = "SELECT id, version, body FROM record WHERE kind = ?1 ORDER BY id";
static const char outbox_sql[] = "SELECT seq, row FROM outbox WHERE seq > ?1 ORDER BY seq";

struct sqlite_store {
    char path[PATH_MAX];
    int lock_fd;
    sqlite3 *writer; /* the writer thread alone */
    sqlite3_stmt *statements[WRITER_STATEMENTS];
    bool broken; /* the writer thread alone: the disk refused a sync, so what it holds is unknown */
    /* Recursive: a visitor of a scan may read further records. */
    pthread_mutex_t read_lock;
    sqlite3 *reader;
    sqlite3_stmt *get;
};

/* ---- opening ---- */

static struct err
in_use(int fd, const char *lock_path, const char *path)
{
    char who[32] = {0};
    ssize_t n = pread(fd, who, sizeof who - 1, 0);
    uint64_t pid;
    if (n > 0 && bytes_u64(bytes_make(who, bytes_find(bytes_make(who, (size_t)n), '\n')), &pid))
        return err_make(E_STORE, "the store %s is in use by process %llu; stop it first", path, (unsigned long long)pid);
    return err_make(E_STORE, "the store %s is in use by another process (it holds %s); stop it first", path, lock_path);
}

/* A lock of the open file (flock), so that it also holds between two stores of one process, and ends with the process however it ends. */
static struct err
take_lock(struct sqlite_store *s)
{
    char lock_path[PATH_MAX + 8];
    snprintf(lock_path, sizeof lock_path, "%s.lock", s->path);
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_make(E_STORE, "the lock file %s cannot be opened: %s", lock_path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        struct err e = errno == EWOULDBLOCK ? in_use(fd, lock_path, s->path)
                                            : err_make(E_STORE, "the lock file %s cannot be locked: %s", lock_path, strerror(errno));
        close(fd);
        return e;
    }
    char who[32];
    int n = snprintf(who, sizeof who, "%d\n", (int)getpid());
    /* Only for the message above; a disk that is full shall not say "in use". */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, who, (size_t)n, 0) != n)
        (void)!ftruncate(fd, 0);
    s->lock_fd = fd;
    return err_ok();
}

/* SQLite makes a new file with the umask's mode and its -wal and -shm files with the mode of the database; so ours is set first. */
static struct err
private_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return err_make(E_STORE, "the store %s cannot be opened for writing: %s", path, strerror(errno));
    struct err e = err_ok();
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        e = err_make(E_STORE, "the store %s is not a plain file", path);
    else if ((st.st_mode & 077) && fchmod(fd, 0600) != 0)
        e = err_make(E_STORE, "the store %s is open to other users and cannot be closed to them (%s); chmod 600 it", path, strerror(errno));
    close(fd);
    return e;
}

static struct err
connect_to(const char *path, bool writes, sqlite3 **out)
{
    static const char for_writer[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864";
    static const char for_reader[] = "PRAGMA query_only = ON";
    static const char for_both[] = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY";
    sqlite3 *db = NULL;
    bool ok = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) == SQLITE_OK &&
              sqlite3_extended_result_codes(db, 1) == SQLITE_OK && sqlite3_busy_timeout(db, 5000) == SQLITE_OK &&
              sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK && sqlite3_exec(db, for_both, NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_exec(db, writes ? for_writer : for_reader, NULL, NULL, NULL) == SQLITE_OK;
    *out = db;
    if (!ok)
        return err_make(E_STORE, "the store %s cannot be opened: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
    return err_ok();
}

static struct err
prepare(sqlite3 *db, const char *text, unsigned flags, sqlite3_stmt **out)
{
    if (sqlite3_prepare_v3(db, text, -1, flags, out, NULL) != SQLITE_OK)
        return err_make(E_STORE, "the store is damaged: %s", sqlite3_errmsg(db));
    return err_ok();
}

static struct err
open_all(struct env *env, struct sqlite_store *s)
{
    TRY(take_lock(s));
    TRY(private_file(s->path));
    TRY(connect_to(s->path, true, &s->writer));
    TRY(sqlite_schema(env, s->writer, s->path));
    for (int i = 0; i < WRITER_STATEMENTS; i++)
        TRY(prepare(s->writer, sql[i], SQLITE_PREPARE_PERSISTENT, &s->statements[i]));
    TRY(connect_to(s->path, false, &s->reader));
    return prepare(s->reader, get_sql, SQLITE_PREPARE_PERSISTENT, &s->get);
}

static void
sqlite_close(void *db)
{
    struct sqlite_store *s = db;
    sqlite3_finalize(s->get);
    sqlite3_close_v2(s->reader);
    for (int i = 0; i < WRITER_STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close_v2(s->writer);
    pthread_mutex_destroy(&s->read_lock);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

static struct err
sqlite_open(struct env *env, const char *where, void **db)
{
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_make(E_MEMORY, "no memory for a store");
    s->lock_fd = -1;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->read_lock, &attr);
    pthread_mutexattr_destroy(&attr);
    struct err e = err_ok();
    if ((size_t)snprintf(s->path, sizeof s->path, "%s", where) >= sizeof s->path || where[0] == 0)
        e = err_make(E_USAGE, "a store needs a path: sqlite:/var/lib/writ/writ.db");
    else
        e = open_all(env, s);
    if (err_failed(e))
        sqlite_close(s);
    else
        *db = s;
    return e;
}

/* ---- writing ---- */

/* After a failed sync the kernel may have dropped pages that SQLite thinks are on disk; only a fresh start reads what really is there. */
static struct err
write_failed(struct sqlite_store *s, const char *what)
{
    int code = sqlite3_extended_errcode(s->writer);
    if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) {
        s->broken = true;
        return err_make(E_STORE, "the disk did not confirm a write to %s; check the disk, then restart", s->path);
    }
    return err_make(E_STORE, "%s %s: %s (%d)", what, s->path, sqlite3_errmsg(s->writer), code);
}

/* Step a statement that gives no row, and make it ready for the next time. */
static struct err
run(struct sqlite_store *s, enum statement which)
{
    int code = sqlite3_step(s->statements[which]);
    struct err e = code == SQLITE_DONE ? err_ok() : write_failed(s, "writing to");
    sqlite3_reset(s->statements[which]);
    sqlite3_clear_bindings(s->statements[which]);
    return e;
}

static bool
bind_blob(sqlite3_stmt *st, int at, struct bytes b)
{
    return sqlite3_bind_blob64(st, at, b.n ? (const void *)b.at : "", b.n, SQLITE_STATIC) == SQLITE_OK;
}

static bool
bind_key(sqlite3_stmt *st, const char *kind, struct bytes id)
{
    return sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC) == SQLITE_OK && bind_blob(st, 2, id);
}

static struct err
version_of(struct sqlite_store *s, const struct store_put *p, int64_t *out)
{
    sqlite3_stmt *st = s->statements[VERSION];
    int code = bind_key(st, p->kind, p->id) ? sqlite3_step(st) : SQLITE_NOMEM;
    *out = code == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    struct err e = code == SQLITE_ROW || code == SQLITE_DONE ? err_ok() : write_failed(s, "reading");
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return e;
}

static struct err
put(struct sqlite_store *s, const struct store_put *p)
{
    int64_t now;
    TRY(version_of(s, p, &now));
    if (p->expect_version != STORE_ANY_VERSION && p->expect_version != now)
        return err_make(E_STATE, "the %s %.*s was changed meanwhile (version %lld, expected %lld); read it again", p->kind, BYTES_CUT(p->id, 64),
                        (long long)now, (long long)p->expect_version);
    enum statement which = p->body.at == NULL ? DELETE : now == 0 ? INSERT : UPDATE;
    sqlite3_stmt *st = s->statements[which];
    if (!bind_key(st, p->kind, p->id) || (which != DELETE && !bind_blob(st, 3, p->body)))
        return write_failed(s, "writing to");
    return run(s, which);
}

static struct err
puts_and_rows(struct sqlite_store *s, const struct store_write *w, int64_t *first_seq)
{
    for (size_t i = 0; i < w->n_puts; i++)
        TRY(put(s, &w->puts[i]));
    for (size_t i = 0; i < w->n_outbox; i++) {
        if (!bind_blob(s->statements[ROW], 1, w->outbox[i]))
            return write_failed(s, "writing to");
        TRY(run(s, ROW));
        if (i == 0)
            *first_seq = sqlite3_last_insert_rowid(s->writer);
    }
    return err_ok();
}

static struct err
sqlite_apply(void *db, const struct store_write *w, int64_t *first_seq)
{
    struct sqlite_store *s = db;
    *first_seq = 0;
    TRY(run(s, SAVE));
    struct err e = puts_and_rows(s, w, first_seq);
    if (e.code == E_STATE) {
        *first_seq = 0;
        TRY(run(s, UNSAVE));
        TRY(run(s, RELEASE));
        return e;
    }
    TRY(e);
    return run(s, RELEASE);
}

static struct err
sqlite_begin(void *db)
{
    struct sqlite_store *s = db;
    if (s->broken)
        return err_make(E_STORE, "the disk did not confirm a write to %s earlier; check the disk, then restart", s->path);
    return run(s, BEGIN);
}

static struct err
sqlite_trim(void *db, int64_t upto)
{
    struct sqlite_store *s = db;
    if (sqlite3_bind_int64(s->statements[TRIM], 1, upto) != SQLITE_OK)
        return write_failed(s, "writing to");
    return run(s, TRIM);
}

static struct err
sqlite_commit(void *db)
{
    struct sqlite_store *s = db;
    return run(s, COMMIT);
}

/* Some errors (a full disk) have rolled back already. */
static void
sqlite_rollback(void *db)
{
    struct sqlite_store *s = db;
    if (sqlite3_get_autocommit(s->writer))
        return;
    struct err e = run(s, ROLLBACK);
    if (err_failed(e))
        s->broken = true;
}

/* ---- reading ---- */

static struct err
read_failed(struct sqlite_store *s)
{
    return err_make(E_STORE, "reading %s: %s", s->path, sqlite3_errmsg(s->reader));
}

static struct bytes
column(sqlite3_stmt *st, int at)
{
    struct bytes b = {sqlite3_column_blob(st, at), (size_t)sqlite3_column_bytes(st, at)};
    return b.n ? b : BYTES("");
}

static struct err
sqlite_get(void *db, const char *kind, struct bytes id, struct arena *a, struct bytes *body, int64_t *version)
{
    struct sqlite_store *s = db;
    struct err e = err_ok();
    *body = (struct bytes){NULL, 0};
    *version = 0;
    pthread_mutex_lock(&s->read_lock);
    int code = bind_key(s->get, kind, id) ? sqlite3_step(s->get) : SQLITE_NOMEM;
    if (code == SQLITE_ROW) {
        *body = arena_copy(a, column(s->get, 0));
        *version = sqlite3_column_int64(s->get, 1);
        if (body->at == NULL)
            e = err_make(E_MEMORY, "no memory for a %s of %d bytes", kind, sqlite3_column_bytes(s->get, 0));
    } else if (code != SQLITE_DONE) {
        e = read_failed(s);
    }
    sqlite3_reset(s->get);
    sqlite3_clear_bindings(s->get);
    pthread_mutex_unlock(&s->read_lock);
    return e;
}

static struct err
visit_records(struct sqlite_store *s, sqlite3_stmt *st, store_visit *fn, void *ctx)
{
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW)
        TRY(fn(column(st, 0), sqlite3_column_int64(st, 1), column(st, 2), ctx));
    return code == SQLITE_DONE ? err_ok() : read_failed(s);
}

static struct err
sqlite_scan(void *db, const char *kind, store_visit *fn, void *ctx)
{
    struct sqlite_store *s = db;
    sqlite3_stmt *st = NULL;
    pthread_mutex_lock(&s->read_lock);
    struct err e = prepare(s->reader, scan_sql, 0, &st);
    if (!err_failed(e))
        e = sqlite3_bind_text(st, 1, kind, -1, SQLITE_STATIC) == SQLITE_OK ? visit_records(s, st, fn, ctx) : read_failed(s);
    sqlite3_finalize(st);
    pthread_mutex_unlock(&s->read_lock);
    return e;
}

static struct err
visit_rows(struct sqlite_store *s, sqlite3_stmt *st, store_outbox_visit *fn, void *ctx)
{
    int code;
    while ((code = sqlite3_step(st)) == SQLITE_ROW)
        TRY(fn(sqlite3_column_int64(st, 0), column(st, 1), ctx));
    return code == SQLITE_DONE ? err_ok() : read_failed(s);
}

static struct err
sqlite_outbox(void *db, int64_t after, store_outbox_visit *fn, void *ctx)
{
    struct sqlite_store *s = db;
    sqlite3_stmt *st = NULL;
    pthread_mutex_lock(&s->read_lock);
    struct err e = prepare(s->reader, outbox_sql, 0, &st);
    if (!err_failed(e))
        e = sqlite3_bind_int64(st, 1, after) == SQLITE_OK ? visit_rows(s, st, fn, ctx) : read_failed(s);
    sqlite3_finalize(st);
    pthread_mutex_unlock(&s->read_lock);
    return e;
}

const struct store_engine store_sqlite = {
    .scheme = "sqlite:",
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .apply = sqlite_apply,
    .trim = sqlite_trim,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .get = sqlite_get,
    .scan = sqlite_scan,
    .outbox = sqlite_outbox,
};
