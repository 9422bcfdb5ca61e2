/* Inside of src/shell: parse.c finds the simple commands, judge.c says what each does, programs.c knows the programs. */
#ifndef SHELL_INNER_H
#define SHELL_INNER_H

#include "shell/shell.h"

#define DEPTH_MAX 16u
#define WORDS_MAX 512u
#define COMMANDS_MAX 256u

struct word {
    const char *text; /* without quotes; of what is not literal, the literal parts */
    bool literal;     /* it is exactly ${text} when the command runs */
    bool quoted;      /* some of it stood in quotes: no reserved word, no operator */
};

struct shell {
    struct bytes text; /* being parsed */
    size_t at;
    unsigned depth;
    bool fed; /* the command being judged gets words from elsewhere: xargs, find */
    struct arena *a;
    struct shell_reading *out;
    struct heredoc {
        const char *end; /* delimiter */
        bool plain, tabs; /* nothing in it is expanded; leading tabs do not count */
    } heredocs[8];
    size_t n_heredocs;
};

/* worse(s, effect, fmt, …): the reading is at least this. note: one more of a list, once. */
void worse(struct shell *s, enum shell_effect effect, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void note(struct shell *s, const char **list, size_t *n, const char *text);
/* names(s, w): a word that may be a place: what is kept there? */
void names(struct shell *s, const struct word *w);
void wrote(struct shell *s, const struct word *place);
void reached(struct shell *s, const struct word *place);
/* parse_text(s, text): another command in it, such as that of sh -c. */
void parse_text(struct shell *s, struct bytes text);
/* judge(s, words, n): a simple command without its assignments and redirections. */
void judge(struct shell *s, const struct word *words, size_t n);
/* judge_assignment(s, name): of a variable before a command, or for the rest. */
void judge_assignment(struct shell *s, const char *name);

/* programs.c. How a program's arguments are read. */
enum reads_as {
    AS_READ,        /* reads, whatever its arguments (but for ${not}) */
    AS_WRITE,       /* its operands are places that it writes */
    AS_WRITE_LAST,  /* the last operand is */
    AS_IRREVERSIBLE,
    AS_NETWORK,     /* its operands name hosts */
    AS_RUNS,        /* runs the command in its operands */
    AS_SHELL,       /* runs the text behind -c */
    AS_FIND,
    AS_GIT,
    AS_QUIET,       /* only where it is asked for its version or help */
    AS_UNKNOWN,
};
struct program {
    const char *name;
    enum reads_as as;
    const char *takes;  /* options that take a value as the next word: "-n -c --lines" */
    const char *not_;   /* options that make it UNKNOWN */
    const char *writes; /* options whose value is a place it writes */
    const char *harder; /* options that make it irreversible */
};
const struct program *program_find(const char *name);
/* option_in(list, word): is the option (its letters apart, as in -rf, and its "=value" left off) in the list? */
bool option_in(const char *list, const char *word);

#endif
