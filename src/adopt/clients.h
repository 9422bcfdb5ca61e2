/* The clients whose configurations are adopted: where their files are, what in them names servers, and how they write references. */
#ifndef ADOPT_CLIENTS_H
#define ADOPT_CLIENTS_H

#include "adopt/config.h"

enum shape {
    SHAPE_PLAIN,    /* command, args, env, cwd; or url (serverUrl, httpUrl), headers */
    SHAPE_OPENCODE, /* type local: command is a list, environment; type remote: url, headers */
    SHAPE_ZED,      /* as plain; command may also be a map of path, args, env */
    SHAPE_CODEX,    /* TOML: as plain; http_headers, env_http_headers, bearer_token_env_var, env_vars */
};

/* How a client writes a reference to what stands elsewhere. What it does not know it passes on as it is. */
enum reference {
    REF_BRACES = 1, /* ${NAME}, ${NAME:-otherwise} */
    REF_EDITOR = 2, /* ${env:NAME}, ${userHome}, ${workspaceFolder}, ${input:ID} */
    REF_DOLLAR = 4, /* $NAME */
    REF_CURLY = 8,  /* {env:NAME}, {file:PATH} */
};

struct client {
    const char *id, *name;
    enum shape shape;
    unsigned references;
};

struct client_file {
    const char *client; /* id */
    const char *path;   /* below the person's home; of a project's file: how its path ends */
    const char *keys[3]; /* the way to the map of servers; "*": of each member */
    bool project;
    const char *unread; /* not NULL: why Writ cannot rewrite it */
};

extern const struct client clients[];           /* ends with an id of NULL */
extern const struct client_file client_files[]; /* ends with a path of NULL */

const struct client *client_named(const char *id);
/*
 * client_of_path(path, home, from): the next row that fits a path, from row ${from} on, or NULL. ${home} may be NULL. What fits no row: see
 * client_guess.
 */
const struct client_file *client_of_path(const char *path, const char *home, const struct client_file *from);
/* client_guess(doc): the row for a file of an unknown client, by the keys that it has; NULL when it names no servers. */
const struct client_file *client_guess(const struct config *doc);

#endif
