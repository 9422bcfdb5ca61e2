/* Inside of `writ adopt`: what its files share. */
#ifndef CLI_ADOPT_H
#define CLI_ADOPT_H

#include "adopt/declare.h"
#include "adopt/file.h"
#include "cli/cli.h"
#include "estate/packs.h"

#define ADOPT_DAYS 14

struct adopt_destination {
    const char *id;
    struct entry *entry;  /* the first that led to it */
    const char *file;     /* where that was read */
    const char *program, *cwd;
    bool reused;          /* it was declared before, by us or like this */
    bool pinned;
    bool written;         /* its file was written now */
    size_t tools, held;   /* pinned tools; of those offered, held back */
    size_t known;         /* tools that a pack knows */
    const struct json *offer; /* what it offered now, or NULL */
    char failed[ERR_TEXT_MAX]; /* why it is not pinned */
};

struct adopt_agent {
    const struct client *client;
    const char *id;
    bool reused, observed;
};

struct adopt_file {
    const char *shown;    /* as found or given */
    struct taken taken;
    bool toml;
    const struct config *doc;
    const struct client_file *rows[4];
    size_t n_rows;
    struct entries entries;
    struct adopt_agent *agent;
    int line;             /* of the problem; 0: none */
    char problem[ERR_TEXT_MAX]; /* why it is not read at all */
    struct bytes changed; /* what it becomes; at == NULL: nothing */
    size_t rewritten;
    bool written;
    char backup[ENV_ID_MAX];
};

struct adoption {
    struct cli *c;
    struct owner person;
    const char *person_id, *full_name;
    bool person_new;
    const char **environment; /* of the person's shell, or none */
    const char *path;         /* their PATH */
    const char *self;         /* this program */
    const char *dir, *state_dir, *run_dir;
    bool fresh;               /* the estate is still to be made */
    struct estate *estate;    /* as it was; NULL: fresh */
    char today[11], until[11];
    bool enforce, start;
    struct adopt_file *files;
    size_t n_files;
    struct adopt_agent *agents;
    size_t n_agents;
    struct adopt_destination *destinations;
    size_t n_destinations;
    struct packs *packs;
    bool serving;             /* a server of our own runs for as long as this takes */
    int server_pid;
};

/* adopt_who.c */
struct err adopt_who(struct adoption *a) MUST_USE;
/* adopt_where(a): the estate, as it is or as it will be made. */
struct err adopt_where(struct adoption *a) MUST_USE;

/* adopt_find.c: read all files and what they name. */
struct err adopt_find(struct adoption *a) MUST_USE;

/* adopt_plan.c: names for agents, destinations and secrets; what each file becomes. */
struct err adopt_plan(struct adoption *a) MUST_USE;
/* adopt_rewrite(a, f): set f->changed for the entries whose destination is good; ${all}: as if every one were. */
struct err adopt_rewrite(struct adoption *a, struct adopt_file *f, bool all) MUST_USE;
struct adopt_destination *adopt_destination(const struct adoption *a, const char *id);

/* adopt_show.c */
void adopt_show_plan(const struct adoption *a, struct buf *b);
void adopt_show_end(const struct adoption *a, struct buf *b);
void adopt_show_json(const struct adoption *a, struct buf *b);

/* adopt_apply.c: the estate, the server, the pins, the files. */
struct err adopt_apply(struct adoption *a) MUST_USE;

/* adopt_server.c */
struct err adopt_server_begin(struct adoption *a) MUST_USE;
void adopt_server_end(struct adoption *a);
struct err adopt_reload(struct adoption *a) MUST_USE;
struct err adopt_seal(struct adoption *a, const char *destination, const struct value *v) MUST_USE;
struct err adopt_pin(struct adoption *a, struct adopt_destination *d) MUST_USE;
struct err adopt_record(struct adoption *a, const char *change, struct bytes what, struct bytes exposed) MUST_USE;
struct err adopt_backup_key(struct adoption *a, const char *why, uint8_t key[32]) MUST_USE;

/* adopt_backup.c */
struct err adopt_backup(struct adoption *a, struct adopt_file *f, const uint8_t key[32]) MUST_USE;
/* adopt_backup_drop(a, f): the file was not changed after all. */
void adopt_backup_drop(struct adoption *a, struct adopt_file *f);
struct err adopt_undo(struct adoption *a) MUST_USE;

#endif
