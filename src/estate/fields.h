/*
 * The keys of the estate's files as tables: a row says what a key is called, what it holds, where it goes and what it means. Reading,
 * errors, "did you mean" and docs/estate.md come from the same rows.
 */
#ifndef ESTATE_FIELDS_H
#define ESTATE_FIELDS_H

#include "estate/load.h"
#include "estate/packs.h"

enum field_type {
    FIELD_TEXT,     /* const char *: a text of one or more lines */
    FIELD_BOOL,     /* bool */
    FIELD_COUNT,    /* uint64_t */
    FIELD_DURATION, /* uint64_t, milliseconds: "100ms", "30s", "15m", "1h", "2d" */
    FIELD_SIZE,     /* uint64_t, bytes: 4096, "64KiB", "4MiB" */
    FIELD_RATE,     /* struct rate: "10/s", "300/m", "1000/h", "none" */
    FIELD_CHOICE,   /* int: an enum, by name */
    FIELD_PATH,     /* const char *: absolute, without "." and ".." */
    FIELD_DATE,     /* const char *: YYYY-MM-DD */
    FIELD_NAME,     /* const char *: an id of Writ's own shape */
    FIELD_TEXTS,    /* const char **, NULL-terminated */
    FIELD_PATHS,    /* const char **, NULL-terminated */
    FIELD_NAMES,    /* const char **, NULL-terminated */
    FIELD_PERSON,   /* const struct person * */
    FIELD_TASK,     /* const struct task * */
    FIELD_TASKS,    /* const struct task **, NULL-terminated */
    FIELD_USER,     /* int: user id of a user name of this host */
    FIELD_UID,      /* int: a user id */
    FIELD_USERNAME, /* const char *: a user name of this host */
    FIELD_HASH,     /* const char *: 64 hex digits */
    FIELD_MAP,      /* const struct yaml *: read by code */
    FIELD_LIST,     /* const struct yaml *: read by code */
    FIELD_ANY,      /* const struct yaml *: of any type, read by code */
};

#define FIELD_REQUIRED 1u

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    unsigned flags;
    const char *const *choices; /* FIELD_CHOICE */
    const char *initial;        /* the value when the key is absent, as written; NULL: what the struct held before */
    const char *help;
};

struct table {
    const char *title; /* where these keys stand, for docs/estate.md */
    const struct field *rows; /* ends with a row without key */
};

extern const struct table table_settings, table_master, table_person, table_agent, table_claim, table_destination, table_server, table_limits,
    table_tool_limits, table_use_limits, table_tool, table_sink, table_secret, table_vault, table_kubernetes, table_oauth, table_connect,
    table_authorization, table_task, table_condition, table_any_tool, table_observe, table_inspection, table_found, table_class, table_pack,
    table_known_by, table_pack_tool, table_webhook;
extern const struct table *const all_tables[]; /* ends with NULL */

/*
 * fields_read(l, table, map, path, into): read the members of ${map} into the struct ${into}. ${path}: the dotted keys that lead to
 * ${map}, NULL at the top of a file. Every problem is a finding; what could not be read keeps its initial value.
 */
void fields_read(struct loader *l, const struct table *t, const struct yaml *map, const char *path, void *into);
/* field_type_text(f, out): what the key holds, in words, for docs. */
const char *field_type_text(const struct field *f);

/* is_map(l, y, path), is_list(…): else a finding. */
bool is_map(struct loader *l, const struct yaml *y, const char *path);
bool is_list(struct loader *l, const struct yaml *y, const char *path);
/* text_of(l, y, path): the text, or NULL with a finding. */
const char *text_of(struct loader *l, const struct yaml *y, const char *path);
/* path_of(l, y, path): an absolute, plain path, or NULL with a finding. paths_of: one or a list of them. */
const char *path_of(struct loader *l, const struct yaml *y, const char *path);
const char **paths_of(struct loader *l, const struct yaml *y, const char *path);
/* json_of(l, y): the value as JSON in memory of the estate, or NULL without memory. */
const struct json *json_of(struct loader *l, const struct yaml *y);

/* What the keys that code reads are put into. */
struct settings_file {
    struct settings settings;
    const struct yaml *authorization, *master, *observe, *connect;
};
struct master_file {
    const char *credential, *file;
    bool passphrase;
};
struct person_file {
    struct person person;
    int user, uid;
};
struct agent_file {
    struct agent agent;
    const struct yaml *proves, *limits;
};
struct claim_file {
    struct unix_claim claim;
    int user, uid;
};
struct destination_file {
    struct destination destination;
    const struct yaml *server, *limits, *tools;
    const char **share;
};
struct server_file {
    const char *url, *ca_file, *cwd, *user;
    const char **command, **roots, **networks;
    const struct yaml *env, *headers, *vault, *kubernetes, *oauth;
};
struct limits_file {
    uint64_t call_timeout_ms, result_bytes, repeats, repeated_writes, repeat_ms;
    struct use_limits use;
};
struct tool_file {
    int effect, sensitivity; /* sensitivity -1: not said */
    const struct yaml *sinks, *limits;
    const char **outsiders; /* NULL: not said */
    const char *proposed;
};
struct pack_file {
    struct pack pack;
    int sensitivity;
    const struct yaml *known_by, *tools;
};
struct known_by_file {
    const char **npm, **pypi, **images, **programs, **urls, **servers;
};
struct pack_tool_file {
    struct pack_tool tool;
    int effect;
    const struct yaml *sinks;
};
struct sink_file {
    int kind;
    bool leaves;
};
struct secret_file {
    const char *secret, *file, *vault, *kubernetes, *field, *workspace, *prefix;
    int owner;
};
struct vault_file {
    const char *address, *ca_file, *workspace, *mount, *token_file, *role_id, *secret_id_file, *kubernetes_role, *jwt_role, *jwt_file, *login_mount;
    uint64_t kv;
};
struct kubernetes_file {
    struct kubernetes_access access;
};
struct oauth_file {
    int grant, auth;
    const char *issuer, *token_endpoint, *client_id, *client_secret, *key, *resource;
    const char **scopes;
};
struct task_file {
    struct task task;
    const struct yaml *tools, *limits;
};
struct any_tool_file {
    int up_to;
};
struct inspection_file {
    struct inspection_settings inspection;
    int beyond, binary; /* 0: note, 1: refuse */
    const struct yaml *secrets, *rules, *classes;
};
struct class_file {
    struct data_class class;
    int kind;
};
struct webhook_file {
    struct webhook webhook;
    const char **on, **networks;
    int form;
};
struct observe_file {
    const char *agent, *destination, *policy, *until;
};

/* destinations.c. sink_read(l, y, path, out): one sink, in its short or its long form; false with a finding. */
bool sink_read(struct loader *l, const struct yaml *y, const char *path, struct sink *out);
/* outsiders.c. outsiders_check(l, y, path, parts): a finding for each part that is none. */
void outsiders_check(struct loader *l, const struct yaml *y, const char *path, const char **parts);
#define RANGE_FAULT "'%.60s' is no range of versions; write >=, >, <=, < or = and a version, several with a space between them"
/* limits.c: what stands under ${y}, or what counts when nothing does (NULL). ${top}: the map it would stand in. */
void limits_of_destination(struct loader *l, const struct yaml *top, const struct yaml *y, struct destination *d);
void limits_of_tool(struct loader *l, const struct yaml *y, const char *path, struct tool *t);
void limits_of_use(struct loader *l, const struct yaml *y, struct use_limits *to);

/* credentials.c */
struct server_file;
/* url_fault(url): why a server's address cannot be used, or NULL. */
const char *url_fault(struct bytes url);
void read_credentials(struct loader *l, const struct yaml *server, const struct server_file *s, struct destination *d);
/* read_source(l, y, path, f, out): where the secret lies that was read into ${f}; returns what people call it. */
const char *read_source(struct loader *l, const struct yaml *y, const char *path, const struct secret_file *f, struct secret_source *out);
/* read_networks(l, y, path, texts, n): the ranges written in the NULL-terminated ${texts}, which may be NULL. */
struct net_range *read_networks(struct loader *l, const struct yaml *y, const char *path, const char **texts, size_t *n);
/* check_credentials(l): what can only be said when all files are read. */
void check_credentials(struct loader *l);

#endif
