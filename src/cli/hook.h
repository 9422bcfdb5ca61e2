/*
 * Hooks of coding agents: their own tools (shell, edit, read, web) are decided as calls of one destination, whose server is this command again and does
 * nothing: the client runs the tool itself once it is allowed. docs/hooks.md.
 *
 *   hook_events.c   what a client says (its published hook protocol) becomes a call; what came of it becomes what the client reads
 *   hook_link.c     the session's link to the server, held by a process in the background, so that a session is one writ
 *   hook_server.c   the destination's server
 */
#ifndef CLI_HOOK_H
#define CLI_HOOK_H

#include "cli/cli.h"

enum hook_client { HOOK_CLAUDE_CODE, HOOK_CURSOR };
enum hook_event { HOOK_START, HOOK_END, HOOK_PROMPT, HOOK_BEFORE, HOOK_AFTER, HOOK_IGNORED };

struct hook_said { /* an event, as far as it is understood */
    enum hook_client client;
    enum hook_event event;
    const char *name;    /* the client's name of it */
    const char *session; /* its id of the session */
    const char *tool;    /* of the destination: "read_file"; NULL: nothing is to be decided */
    struct bytes arguments; /* JSON object */
};

/* hook_read(c, client, text, out): memory of the cli's arena. ${through}: names of MCP servers that go through Writ already. */
struct err hook_read(struct cli *c, enum hook_client client, struct bytes text, struct hook_said *out) MUST_USE;
/* hook_answer(said, e, b): what the client is to read. ${e}: an error refuses; its text is the reason. */
void hook_answer(const struct hook_said *said, const struct err *e, struct buf *b);

/* hook_ask(c, destination, said): have it decided. An error is a refusal, or that nobody could decide: both mean no. */
struct err hook_ask(struct cli *c, const char *destination, const struct hook_said *said) MUST_USE;

#endif
