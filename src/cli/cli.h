/* Inside of src/cli: what the commands share. One table (table.c) says what there is; parsing, help, the man page, completion and
 * docs/cli.md come from it. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"
#include "base/json.h"

#define CLI_VERSION "0.1.0"
#define CLI_GIVEN_MAX 64
#define CLI_WORDS_MAX 64

struct option {
    const char *name;  /* without "--" */
    const char *value; /* what it takes, in capitals; NULL: a flag */
    const char *help;
    bool many; /* may be given more than once */
};

/* Options that several commands take; a command says which with these bits. */
enum common_option { COMMON_JSON = 1, COMMON_ESTATE = 2, COMMON_RUN_DIR = 4, COMMON_ALL = 7 };

struct cli;

struct command {
    const char *name;  /* one or two words; NULL ends the table */
    const char *words; /* what follows: "DIR", "[DIR]", "NAME SECRET", "-- COMMAND [ARG]…"; "" for nothing */
    const char *help;  /* one line */
    const char *more;  /* paragraphs with an empty line between them */
    const struct option *options; /* its own; a NULL name ends them */
    unsigned common;
    const char *examples[6]; /* "command line # what for"; a NULL ends them */
    struct err (*run)(struct cli *c);
};
extern const struct command commands[];
/* Common options, in the order of their bits, then help. */
extern const struct option common_options[];

/* One invocation. Everything it allocates lives in ${arena}. */
struct cli {
    const struct command *command;
    struct env *env;
    struct arena arena;
    struct given {
        const struct option *option;
        const char *value; /* "" for a flag */
    } given[CLI_GIVEN_MAX];
    size_t n_given;
    const char *words[CLI_WORDS_MAX + 1]; /* NULL-terminated */
    size_t n_words;
    char **rest; /* of a command that runs another one: its arguments, NULL-terminated */
    bool help;   /* --help was asked for */
    bool json;
    int status;   /* exit code when run() returned without an error */
    int answered; /* HTTP status of the server's last answer; 0: none came */
};

/* cli_main(argc, argv): the whole command; returns the exit code. */
int cli_main(int argc, char **argv);
/* cli_say_error(c, e): on standard error, as --json asks. */
void cli_say_error(const struct cli *c, const struct err *e);

/* ------------------------------------------------------------------------------------------------------ options.c */

/* options_parse(c, argc, argv): find the command and read what was given. ${argv} is that of main and must outlive ${c}.
 * E_USAGE names the nearest known command or option. */
struct err options_parse(struct cli *c, int argc, char **argv) MUST_USE;
/* command_find(name): the row called exactly so, or NULL. */
const struct command *command_find(const char *name);
/* command_words(command, min, max): how many words it takes; true when another command line may follow them. */
bool command_words(const struct command *command, size_t *min, size_t *max);
/* command_option(command, i): its ${i}th option, common ones behind its own; NULL behind the last. */
const struct option *command_option(const struct command *command, size_t i);
/* given(c, "task"): the value of an option (the last one given), "" for a flag, or NULL. */
const char *given(const struct cli *c, const char *name);
/* given_list(c, "read"): all its values, NULL-terminated; NULL when out of memory. */
const char **given_list(struct cli *c, const char *name);
/* given_number(c, name, otherwise, max, out): a whole number of at most ${max}. */
struct err given_number(const struct cli *c, const char *name, uint64_t otherwise, uint64_t max, uint64_t *out) MUST_USE;

/* guess.c: of the words offered one after another, the one that a person most likely meant. */
struct guess {
    struct bytes wanted, best; /* best: empty when none is near */
    size_t distance;
};
struct guess guess_for(struct bytes wanted);
void guess_offer(struct guess *g, struct bytes word);

/* --------------------------------------------------------------------------------------------------------- help.c */

void help_overview(struct buf *b, size_t width, bool colour);
void help_command(struct buf *b, const struct command *command, size_t width, bool colour);
/* help_group(b, word, width, colour): the commands that begin with ${word}; false when there are none. */
bool help_group(struct buf *b, const char *word, size_t width, bool colour);
void help_json(struct buf *b);

/* ---------------------------------------------------------------------------------------------------- help_docs.c */

void help_markdown(struct buf *b);
void help_man(struct buf *b);
void help_completion(struct buf *b);

/* ------------------------------------------------------------------------------------------------------- output.c */

#define OUTPUT_MAX ((size_t)256 << 20)

enum tone { TONE_PLAIN, TONE_STRONG, TONE_DIM, TONE_GOOD, TONE_WARN, TONE_BAD };

/* output_colour(fd): is it a terminal that shows colour, and NO_COLOR not set? output_width(fd): its columns, 60 to 110. */
bool output_colour(int fd);
size_t output_width(int fd);
/* output_tone(b, colour, tone, text): ${text} in that tone. */
void output_tone(struct buf *b, bool colour, enum tone tone, const char *text);
/*
 * output_clean(b, text): what came from elsewhere, made harmless for a terminal and honest for the eye: control bytes, and characters
 * that hide or reorder text, are shown as \x1b, \n or <U+202E>; bad UTF-8 as U+FFFD. ${lines}: line feeds and tabs stay.
 */
void output_clean(struct buf *b, struct bytes text, bool lines);
/* output_wrap(b, text, width, indent): in lines of at most ${width} columns, the first of which goes on where ${b} is. */
void output_wrap(struct buf *b, struct bytes text, size_t width, size_t indent);
/* output_columns(text): the columns it takes on a terminal, one for a character. */
size_t output_columns(struct bytes text);
/* output_send(c, b): to standard output; frees ${b}. E_IO when it could not all be written. */
struct err output_send(struct cli *c, struct buf *b) MUST_USE;

/* A table on a terminal: cells row by row, the first row being its head; columns as wide as they must be. */
struct grid {
    size_t columns, n, cap;
    struct bytes *cells;
    struct arena *arena;
    bool failed;
};
struct grid grid_make(struct arena *arena, size_t columns);
void grid_add(struct grid *g, struct bytes text);
void grid_head(struct grid *g, const char *const *names);
void grid_put(struct grid *g, struct buf *b, bool colour);

/* -------------------------------------------------------------------------------------------------------- where.c */

/* where_estate(c, named, dir): the estate's folder, absolute: ${named} (may be NULL), --estate, $WRIT_ESTATE, the nearest folder upward
 * with a writ.yaml, /etc/writ. One that was only come across must belong to the caller or root. E_NOT_FOUND says what to do. */
struct err where_estate(struct cli *c, const char *named, const char **dir) MUST_USE;
/* where_socket(c, name, path): a socket of the server: in --run-dir, $WRIT_RUN_DIR, or the run_dir of writ.yaml (read alone, so that
 * a broken estate does not keep anyone from revoking). */
struct err where_socket(struct cli *c, const char *name, const char **path) MUST_USE;
/* where_setting(c, estate, key, path): an absolute path that writ.yaml sets, by reading that file alone. */
struct err where_setting(struct cli *c, const char *estate, const char *key, const char **path) MUST_USE;
/* where_file(c, path, max, text): a whole file. */
struct err where_file(struct cli *c, const char *path, size_t max, struct bytes *text) MUST_USE;

/* ------------------------------------------------------------------------------------------------------- socket.c */

/* socket_connect(path, type, out): a non-blocking connection. E_CONNECT says that the server is not running when it is not. */
struct err socket_connect(const char *path, int type, int *out) MUST_USE;
/* mcp_open(c, destination, fd, early): a session at agent.sock, as the options --agent, --task and --purpose say; ${early}: bytes that came with the
 * answer. What the server refuses is its error. mcp_open.c */
#define MCP_HEAD_MAX 32768u
struct err mcp_open(struct cli *c, const char *destination, int *fd, struct buf *early) MUST_USE;
/* A moment to give up at, in milliseconds of a clock that never goes back. */
uint64_t deadline_in(struct env *env, uint64_t ms);
/* socket_wait(env, fd, events, until): until poll(2) says ${events}. E_TIMEOUT. */
struct err socket_wait(struct env *env, int fd, short events, uint64_t until) MUST_USE;
struct err socket_send(struct env *env, int fd, struct bytes b, uint64_t until) MUST_USE;
/* problem_error(status, body): what a refusal says, as the error it is. */
struct err problem_error(struct arena *a, int status, struct bytes body);

/* ------------------------------------------------------------------------------------------------------- client.c */

enum face { FACE_EITHER, FACE_ADMIN, FACE_CONTROL };

struct api_request {
    enum face face; /* FACE_EITHER: admin.sock, and control.sock when that does not answer within 3 s */
    const char *method, *target;
    struct bytes body;   /* JSON, or empty */
    uint64_t timeout_ms; /* 0: 10 s */
};
/* api_call(c, request, answer): ask the server. A refusal comes back as the error it is (code and detail of its problem document). */
struct err api_call(struct cli *c, const struct api_request *request, struct json **answer) MUST_USE;
struct err api_get(struct cli *c, enum face face, const char *target, struct json **answer) MUST_USE;
/* api_id(id): may it stand in a path or query as it is? */
struct err api_id(const char *what, const char *id) MUST_USE;
/* answer_read(c, fd, until, have, status, body): one response; for those who wrote the request themselves. ${have}: bytes read already. */
struct err answer_read(struct cli *c, int fd, uint64_t until, struct bytes have, int *status, struct buf *body) MUST_USE;

/* ------------------------------------------------------------------------------------------------------- answer.c */

/* Members of an answer, forgiving: a missing one is "", 0 or false. */
int64_t json_whole(const struct json *object, const char *key);
bool json_truth(const struct json *object, const char *key);
/* answer_put(b, answer): for --json: the answer as it came, on one line. */
void answer_put(struct buf *b, const struct json *answer);

/* log_line(b, record, colour): a record {"index","leaf"} of the log as one line (log_line.c). */
void log_line(struct buf *b, const struct json *record, bool colour);

/* The commands. */
struct err cmd_init(struct cli *c), cmd_adopt(struct cli *c), cmd_check(struct cli *c), cmd_serve(struct cli *c), cmd_run(struct cli *c),
    cmd_mcp(struct cli *c), cmd_close(struct cli *c), cmd_revoke(struct cli *c), cmd_restore(struct cli *c), cmd_explain(struct cli *c),
    cmd_status(struct cli *c), cmd_writs(struct cli *c), cmd_agent(struct cli *c), cmd_destination_list(struct cli *c),
    cmd_destination_show(struct cli *c), cmd_pin(struct cli *c), cmd_propose(struct cli *c), cmd_pack_list(struct cli *c),
    cmd_pack_show(struct cli *c), cmd_seal(struct cli *c), cmd_secrets(struct cli *c), cmd_forget(struct cli *c), cmd_connect(struct cli *c),
    cmd_disconnect(struct cli *c), cmd_accounts(struct cli *c), cmd_client_key(struct cli *c), cmd_hook_claude_code(struct cli *c),
    cmd_hook_cursor(struct cli *c), cmd_hook_server(struct cli *c), cmd_alert_list(struct cli *c), cmd_alert_test(struct cli *c),
    cmd_alert_seal(struct cli *c), cmd_log(struct cli *c), cmd_log_verify(struct cli *c), cmd_help(struct cli *c), cmd_version(struct cli *c),
    cmd_policy_check(struct cli *c), cmd_policy_test(struct cli *c), cmd_policy_eval(struct cli *c), cmd_policy_format(struct cli *c),
    cmd_policy_eject(struct cli *c), cmd_policy_convert(struct cli *c), cmd_policy_who(struct cli *c);
/* Hidden ones, started by the server itself; they take the arguments of main. */
int cmd_server(int argc, char **argv);

#endif
