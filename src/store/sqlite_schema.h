/* The tables of an SQLite store and how older ones become newer (internal to src/store). */
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "base/env.h"
#include "base/err.h"

/* sqlite_schema(env, db, path): check that ${db} is a store of ours and bring it to the newest version, each step a transaction. */
struct err sqlite_schema(struct env *env, sqlite3 *db, const char *path) MUST_USE;

#endif
