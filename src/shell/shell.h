/*
 * What a shell command runs, as far as that can be known without running it: its programs, what they do at worst, where they write and whom they
 * reach. The language is that of POSIX sh with what bash adds in daily use. What cannot be read with certainty is UNKNOWN, with the reason: a name that
 * comes out of a variable, a script, a build tool, an interpreter, an option that nobody listed.
 *
 * A reading is a claim about text. What a program of this name really does on this host is another question.
 */
#ifndef SHELL_SHELL_H
#define SHELL_SHELL_H

#include "base/arena.h"
#include "base/bytes.h"

/* Ordered: of several commands the strongest counts. */
enum shell_effect { SHELL_READ, SHELL_WRITE, SHELL_NETWORK, SHELL_IRREVERSIBLE, SHELL_UNKNOWN };
extern const char *const shell_effect_names[];

#define SHELL_LIST_MAX 64u
#define SHELL_COMMAND_MAX ((size_t)64 << 10)
struct shell_reading {
    enum shell_effect effect;
    char why[200]; /* what made it so, for people; "" for a read */
    const char *programs[SHELL_LIST_MAX], *writes[SHELL_LIST_MAX], *hosts[SHELL_LIST_MAX]; /* each once, in order; memory of the arena */
    size_t n_programs, n_writes, n_hosts;
    unsigned commands; /* simple ones that were read */
};

/* shell_read(command, a, out): never fails; without memory it is UNKNOWN. */
void shell_read(struct bytes command, struct arena *a, struct shell_reading *out);

/*
 * shell_place(path, write): is it a place where secrets are kept, or, for who writes, one that decides what other programs run (start-up files, hooks,
 * settings of agents and editors, CI)? By its name alone.
 */
enum shell_place { SHELL_PLAIN, SHELL_SECRETS, SHELL_RUNS };
enum shell_place shell_place(struct bytes path, bool write);

#endif
