/*
 * TOML 1.0 for configuration that others write too (rule files in gitleaks' format). All of TOML but dates and the floats inf and nan,
 * which nothing here needs. Refused, each with its line: duplicate keys, a table that is defined twice, bad UTF-8, control characters,
 * more than the bounds below.
 */
#ifndef BASE_TOML_H
#define BASE_TOML_H

#include "base/arena.h"
#include "base/err.h"

#define TOML_MAX_BYTES ((size_t)4 << 20)
#define TOML_MAX_DEPTH 16u
#define TOML_MAX_NODES 100000u
#define TOML_MAX_MEMBERS 1000u /* of one table */

enum toml_type { TOML_TEXT, TOML_INT, TOML_FLOAT, TOML_BOOL, TOML_LIST, TOML_TABLE };

struct toml {
    enum toml_type type;
    bool truth;        /* TOML_BOOL */
    int64_t number;    /* TOML_INT */
    double real;       /* TOML_FLOAT, and TOML_INT as the nearest one */
    struct bytes text; /* TOML_TEXT: its value; a zero stands behind it */
    struct bytes key;  /* member of a table */
    int line;          /* from 1 */
    size_t key_at, at, end; /* offsets of its key, and of the value; of a table with a header: from there to behind its last line */
    size_t count;      /* children */
    struct toml *child, *last, *next;
    unsigned char how; /* the reader's own: how a table came to be */
};

/*
 * toml_parse(a, text, out, line): read one document into memory of ${a}; nothing points into ${text} afterwards. The document is a
 * TOML_TABLE. Errors: E_TOML and E_LIMIT say what is wrong, ${line} where; E_MEMORY.
 */
struct err toml_parse(struct arena *a, struct bytes text, struct toml **out, int *line) MUST_USE;

/* toml_get(table, "key"): the member, or NULL; NULL also when ${table} is NULL or no table. */
struct toml *toml_get(const struct toml *table, const char *key);
/* toml_type_name(type): "a text", "a table" …: for "expected a list, got a text". */
const char *toml_type_name(enum toml_type type);

#endif
