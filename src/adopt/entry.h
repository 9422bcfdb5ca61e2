/*
 * One server of a client's configuration, as it would be started: read from the file, references put in, secrets found. Whatever is wrong with one
 * is said in it and stops no other.
 */
#ifndef ADOPT_ENTRY_H
#define ADOPT_ENTRY_H

#include "adopt/clients.h"
#include "inspect/inspect.h"

#define ENTRIES_MAX 300u /* of one file */
#define VALUES_MAX 100u  /* arguments, variables or headers of one entry */

/* A text of an entry. What the server gets is before + secret + after, or ${text} where nothing of it is secret. */
struct value {
    struct bytes name; /* variable or header; empty: an argument */
    struct bytes text;
    bool secret;
    bool reference;    /* it stood elsewhere, and the file only named it */
    const char *rule;  /* why it is taken for a secret */
    struct bytes before, hidden, after;
    const char *sealed; /* the name it is sealed under; set by who plans */
    int line;
};

enum entry_state { ENTRY_GOOD, ENTRY_LEFT /* nothing to do: off, or through Writ already */, ENTRY_BROKEN };

struct entry {
    const struct client *client;
    const struct client_file *file;
    struct bytes name;
    int line;
    const struct config *node;
    enum entry_state state;
    char problem[300];  /* ENTRY_LEFT, ENTRY_BROKEN: why, and what to do */
    bool http;
    struct value *args; /* [0] is the program */
    size_t n_args;
    struct value *env;
    size_t n_env;
    struct value *headers;
    size_t n_headers;
    struct value url;
    struct bytes cwd;   /* empty: not said */
    char notes[400];    /* what a person should know: unpinned package, loader variables … */
    const char *destination; /* set by who plans */
};

struct entries {
    struct entry *list;
    size_t n;
};

/* Where references lead. */
struct surroundings {
    const char *home;     /* of the person */
    const char *const *environment; /* "NAME=value", NULL-terminated: of the person's shell; may be NULL */
};
/* surroundings_get(s, name): the value of a variable, or NULL. */
const char *surroundings_get(const struct surroundings *s, struct bytes name);

struct finder; /* knows secrets when it sees them; secrets.c */
struct err finder_make(struct finder **out) MUST_USE;
void finder_free(struct finder *f);
/* finder_look(f, a, v): is ${v} a secret, or part of it, by its name or by what it looks like? ${before}: the argument before it, or empty. */
struct err finder_look(struct finder *f, struct arena *a, struct value *v, struct bytes before) MUST_USE;

/*
 * entries_read(a, doc, row, s, folder, f, out): add the servers that ${doc} names by ${row}. ${folder}: of the project that the file is of; empty: none.
 * E_JSON when the way to them is not clear, E_LIMIT, E_MEMORY; all else stands in an entry.
 */
struct err entries_read(struct arena *a, const struct config *doc, const struct client_file *row, const struct surroundings *s, struct bytes folder,
                        struct finder *f, struct entries *out) MUST_USE;

/* entry_rewrite(e, text, toml, member, argv, edits): make the entry start ${argv} (program and arguments, NULL-terminated) and nothing else. False: it is
 * written in a way that cannot be changed in its place. */
bool entry_rewrite(const struct entry *e, struct bytes text, bool toml, const char *const *argv, struct edits *edits);

#endif
