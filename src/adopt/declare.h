/* What adopt writes into the estate, as text: a person reads and edits it afterwards. */
#ifndef ADOPT_DECLARE_H
#define ADOPT_DECLARE_H

#include "adopt/entry.h"

/* declare_id(a, name, otherwise): a name of the estate's own shape made of any text. */
const char *declare_id(struct arena *a, struct bytes name, const char *otherwise);

struct declare_who {
    const char *person, *full_name, *user; /* as people.yaml has them */
    unsigned uid;
    const char *today, *until; /* dates; ${until} NULL: nothing is observed */
};

void declare_settings(struct buf *b, const char *name, const char *state_dir, const char *run_dir);
void declare_person(struct buf *b, const struct declare_who *w);
void declare_agent(struct buf *b, const struct declare_who *w, const struct client *client, const char *id);
/* A task without tools; declare_grants adds the lines of one destination behind it. */
void declare_task(struct buf *b, const struct declare_who *w, const struct client *client);
void declare_grants(struct buf *b, const char *destination);

struct declare_server {
    const struct entry *entry; /* its values have their sealed names */
    const char *file;          /* where it was read */
    const char *program;       /* absolute; NULL: over HTTP */
    const char *path, *cwd, *home; /* PATH, folder and HOME that it gets; ${home} NULL: as the system has it */
    const char *sensitivity;   /* as it seems to be */
};
/* declare_marker(b, file, name): the first line of a destination that comes from this entry; says so to adopt when it runs again. */
void declare_marker(struct buf *b, const char *file, struct bytes name);
void declare_destination(struct buf *b, const struct declare_who *w, const struct declare_server *s);
/* declare_argv(a, s): the command of a server over stdio as it is declared, NULL-terminated. NULL when out of memory. */
const char **declare_argv(struct arena *a, const struct declare_server *s);

/*
 * declare_observe(a, settings, kind, id, until, out): writ.yaml with one more entry of observe ("agent" or "destination"). E_ESTATE when it is written so
 * that a line cannot be added: then the error says what to add by hand.
 */
struct err declare_observe(struct arena *a, struct bytes settings, const char *kind, const char *id, const char *until, struct bytes *out) MUST_USE;

#endif
