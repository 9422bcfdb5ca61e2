/*
 * Files of a person, read and replaced as that person: whatever stands at a path, a link to somebody else's file included, nothing is
 * read or written that the person could not read or write themselves. For one thread: the effective user of the process changes meanwhile.
 */
#ifndef ADOPT_FILE_H
#define ADOPT_FILE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

struct owner { /* the person whose files these are */
    uid_t uid;
    gid_t gid;
    const char *user, *home;
};

struct taken { /* a file as it was read */
    const char *path;    /* without links */
    struct bytes text;
    uint8_t digest[32];  /* SHA-256 of it */
    mode_t mode;
    gid_t gid;
    const char *repository; /* the folder above it with a .git, or NULL */
};

/*
 * file_take(a, o, path, max, out): read a regular file of the owner's own. Links are followed as the owner; E_NOT_FOUND when nothing is there;
 * E_FORBIDDEN when it belongs to another user or has a second name; E_LIMIT past ${max} bytes.
 */
struct err file_take(struct arena *a, const struct owner *o, const char *path, size_t max, struct taken *out) MUST_USE;
/*
 * file_put(o, t, text): replace what was taken, in one step, with the mode it had. E_STATE when it is not what was taken any more: then it
 * stays as it is, also when it changed at the last moment.
 */
struct err file_put(const struct owner *o, const struct taken *t, struct bytes text) MUST_USE;
/* file_make(o, path, text, mode): as file_put, where nothing is now. E_EXISTS. */
struct err file_make(const struct owner *o, const char *path, struct bytes text, mode_t mode) MUST_USE;
/* file_program(a, o, path, name, folder, out): where the owner's shell would find a program; ${path} as in $PATH. */
struct err file_program(struct arena *a, const struct owner *o, const char *path, struct bytes name, const char *folder, const char **out) MUST_USE;

/* file_write(path, text, mode, may_exist): a file of Writ's own, as this process; atomically. */
struct err file_write(const char *path, struct bytes text, mode_t mode, bool may_exist) MUST_USE;

#endif
