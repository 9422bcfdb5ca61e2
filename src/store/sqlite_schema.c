#include "store/sqlite_schema.h"

#include <stdio.h>

/* "Writ" in the header of the file (https://www.sqlite.org/fileformat.html §1.3.17): file(1) and we know it again. */
#define APPLICATION_ID 0x57726974

/* Numbered from 1, never edited once released: what changes becomes a new row. user_version holds the number of the last one applied. */
static const struct {
    const char *name, *sql;
} migrations[] = {
    {"records and outbox", "CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_ms INTEGER NOT NULL) STRICT;"
                           "CREATE TABLE record (kind TEXT NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,"
                           " PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;"
     /* AUTOINCREMENT: the number of a row that is gone is never given again (https://www.sqlite.org/autoinc.html). */
                           "CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, row BLOB NOT NULL) STRICT;"},
};
#define NEWEST ((int64_t)(sizeof migrations / sizeof migrations[0]))

static struct err
failed(sqlite3 *db, const char *what)
{
    return err_make(E_STORE, "%s: %s", what, sqlite3_errmsg(db));
}

static struct err
number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    *out = ok ? sqlite3_column_int64(s, 0) : 0;
    struct err e = ok ? err_ok() : failed(db, "the store's header cannot be read");
    sqlite3_finalize(s);
    return e;
}

static struct err
record_migration(struct env *env, sqlite3 *db, int64_t n)
{
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_prepare_v2(db, "INSERT INTO migration VALUES (?1, ?2, ?3)", -1, &s, NULL) == SQLITE_OK &&
              sqlite3_bind_int64(s, 1, n) == SQLITE_OK && sqlite3_bind_text(s, 2, migrations[n - 1].name, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_bind_int64(s, 3, env->now_ms(env)) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    struct err e = ok ? err_ok() : failed(db, "a migration cannot be recorded");
    sqlite3_finalize(s);
    return e;
}

static struct err
migrate_body(struct env *env, sqlite3 *db, int64_t n)
{
    char mark[96];
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID, (int)n);
    if (sqlite3_exec(db, migrations[n - 1].sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(db, migrations[n - 1].name);
    TRY(record_migration(env, db, n));
    return sqlite3_exec(db, mark, NULL, NULL, NULL) == SQLITE_OK ? err_ok() : failed(db, migrations[n - 1].name);
}

static struct err
migrate(struct env *env, sqlite3 *db, int64_t n)
{
    if (sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) != SQLITE_OK)
        return failed(db, "a migration cannot begin");
    struct err e = migrate_body(env, db, n);
    if (err_failed(e)) {
        if (!sqlite3_get_autocommit(db))
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return err_wrap(e, "migration %lld", (long long)n);
    }
    return e;
}

struct err
sqlite_schema(struct env *env, sqlite3 *db, const char *path)
{
    int64_t id, version, tables;
    TRY(number(db, "PRAGMA application_id", &id));
    TRY(number(db, "PRAGMA user_version", &version));
    TRY(number(db, "SELECT count(*) FROM sqlite_master", &tables));
    if (id != APPLICATION_ID && (id != 0 || version != 0 || tables != 0))
        return err_make(E_STORE, "%s is a database of another program, not a Writ store; name another file", path);
    if (version > NEWEST)
        return err_make(E_STORE, "%s was written by a newer Writ (store version %lld, this program knows %lld); use that or a newer one", path,
                        (long long)version, (long long)NEWEST);
    if (version < 0 || (id == APPLICATION_ID && version == 0))
        return err_make(E_STORE, "%s is damaged: its version is %lld; restore it from a backup", path, (long long)version);
    for (int64_t n = version + 1; n <= NEWEST; n++)
        TRY(migrate(env, db, n));
    return err_ok();
}
