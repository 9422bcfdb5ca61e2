/*
 * Inside the estate room: what the loading of one estate shares. A loader lives for one estate_load; problems become findings and
 * loading goes on, so that one run shows them all.
 */
#ifndef ESTATE_LOAD_H
#define ESTATE_LOAD_H

#include "base/yaml.h"
#include "estate/estate.h"

#define ESTATE_MAX_FILES 10000u
#define ESTATE_MAX_FILE ((size_t)4 << 20) /* a pin; YAML files are held to YAML_MAX_BYTES */
#define ESTATE_MAX_BYTES ((size_t)64 << 20)
#define NAME_MAX_BYTES 64u
#define TEST_ENDING ".test.yaml" /* of tests beside policies */

struct claim_note { /* where a claim on a user id stands, for the checks across files */
    const struct agent *agent;
    const struct unix_claim *claim;
    int line, column;
};

struct loader {
    struct env *env;
    struct estate *estate;
    struct findings *findings;
    struct arena trees; /* YAML trees and path texts; gone when the load is over */
    struct buf hashed;  /* names and digests of all files, in order */
    int dir_fd;
    size_t files, bytes;
    const char *file;     /* being read */
    char today[11];       /* YYYY-MM-DD */
    int64_t now_ms;
    bool people_broken;   /* people.yaml could not be read: unknown people are no news */
    const struct yaml *observe; /* the list in writ.yaml, read when all ids are known */
    struct claim_note *notes;
    size_t n_notes, max_notes;
    bool memory; /* out of memory somewhere: the load fails as a whole */
};

/* A file as read: its path relative to the estate and its bytes, both in memory of the estate. */
struct file {
    const char *path, *name; /* name: without folder and ending */
    struct bytes text;
};

/* findings.c */
void finding_add(struct loader *l, enum finding_level level, const char *file, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
/* refuse(l, y, path, fmt…), warn(…): a finding at ${y} of the file being read, its text "path: …". ${path} NULL: without. */
void refuse(struct loader *l, const struct yaml *y, const char *path, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void warn(struct loader *l, const struct yaml *y, const char *path, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void findings_sort(struct findings *f);

/* nearest.c: of the names offered one after another, the one that a person most likely meant. */
struct nearest {
    struct bytes wanted, best;
    size_t distance;
};
struct nearest nearest_for(struct bytes wanted);
void nearest_offer(struct nearest *n, struct bytes name);
/* nearest_hint(n, out): "; did you mean 'x'?" or "". */
#define HINT_MAX 96
const char *nearest_hint(const struct nearest *n, char out[HINT_MAX]);

/* files.c */
/* files_list(l, folder, ending, n): the files FOLDER/NAME<ending>, read and sorted by name; what else lies there is a finding. */
struct file *files_list(struct loader *l, const char *folder, const char *ending, size_t *n);
/* file_read(l, path, f): one file; false with a finding (${required}) when it cannot be read. */
bool file_read(struct loader *l, const char *path, bool required, struct file *f);
/* file_yaml(l, f): its tree, which must be a mapping (an empty file counts as an empty one); NULL with a finding. Sets l->file. */
const struct yaml *file_yaml(struct loader *l, const struct file *f);
void files_check_top(struct loader *l);
/* folder_sync(path): make a rename in the folder of ${path} last; file_replace: write, sync, rename. */
struct err file_replace(const char *path, struct bytes text, bool may_exist);

/* Names of things: [a-z0-9][a-z0-9._-]{0,63}. */
bool name_ok(struct bytes name);
/* keep(l, text): a C string in memory of the estate. join(l, a, b): "a.b", or "b" when ${a} is NULL. */
const char *keep(struct loader *l, struct bytes text);
const char *join(struct loader *l, const char *a, struct bytes b);
void *estate_list(struct loader *l, size_t count, size_t size);

/* The parts, in the order of loading. */
void load_settings(struct loader *l);
void load_people(struct loader *l);
void load_destinations(struct loader *l);
void load_tasks(struct loader *l);
void load_agents(struct loader *l);
void load_observes(struct loader *l);
void load_policies(struct loader *l, struct bytes builtin);
void load_inspection(struct loader *l);
void load_packs(struct loader *l);
/* pack_read(l, file, own, p): one pack; false with findings. */
bool pack_read(struct loader *l, const struct file *file, bool own, struct pack *p);
void load_alerts(struct loader *l);
/* check_users(l): which user id belongs to whom, across people and agents (law 12). */
void check_users(struct loader *l);

/* group_known(e, name): a group that some person is in, or "owners": whoever owns the agent or the destination at hand. */
bool group_known(const struct estate *e, struct bytes name);
void refuse_group(struct loader *l, const struct yaml *y, const char *path, struct bytes group);
/* tool_argument(t, name): may the tool be called with this argument? ${n}, when given, is offered all declared ones. */
bool tool_argument(const struct tool *t, struct bytes name, struct nearest *n);

/* dates: YYYY-MM-DD, whole days since 1970; false when it is no such date. */
bool date_parse(struct bytes text, int64_t *day);

#endif
