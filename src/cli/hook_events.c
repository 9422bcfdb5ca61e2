/* The hook protocols of Claude Code and Cursor. */
#include <stdio.h>
#include <string.h>

#include "cli/hook.h"
#include "shell/shell.h"

#define TEXT_KEPT 65536u

/* --------------------------------------------------------------------------------------------------------------- tables */

static const struct {
    enum hook_client client;
    const char *name;
    enum hook_event event;
} events[] = {
    {HOOK_CLAUDE_CODE, "SessionStart", HOOK_START},
    {HOOK_CLAUDE_CODE, "SessionEnd", HOOK_END},
    {HOOK_CLAUDE_CODE, "UserPromptSubmit", HOOK_PROMPT},
    {HOOK_CLAUDE_CODE, "PreToolUse", HOOK_BEFORE},
    {HOOK_CLAUDE_CODE, "PostToolUse", HOOK_AFTER},
    {HOOK_CURSOR, "sessionStart", HOOK_START},
    {HOOK_CURSOR, "sessionEnd", HOOK_END},
    {HOOK_CURSOR, "beforeSubmitPrompt", HOOK_PROMPT},
    {HOOK_CURSOR, "preToolUse", HOOK_BEFORE},
    {HOOK_CURSOR, "beforeShellExecution", HOOK_BEFORE},
    {HOOK_CURSOR, "beforeMCPExecution", HOOK_BEFORE},
    {HOOK_CURSOR, "beforeReadFile", HOOK_BEFORE},
    {HOOK_CURSOR, "postToolUse", HOOK_AFTER},
    {HOOK_CURSOR, "afterShellExecution", HOOK_AFTER},
    {HOOK_CURSOR, "afterMCPExecution", HOOK_AFTER},
    {HOOK_CURSOR, "afterFileEdit", HOOK_AFTER},
};

/* How the clients' own tools are decided. ${from}: the argument that says where, ${to}: what it is called here. */
static const struct {
    const char *name, *tool, *from, *to;
} tools[] = {
    {"Read", "read_file", "file_path", "path"},
    {"NotebookRead", "read_file", "notebook_path", "path"},
    {"Write", "write_file", "file_path", "path"},
    {"Edit", "edit_file", "file_path", "path"},
    {"MultiEdit", "edit_file", "file_path", "path"},
    {"StrReplace", "edit_file", "file_path", "path"},
    {"NotebookEdit", "edit_file", "notebook_path", "path"},
    {"Delete", "delete_file", "file_path", "path"},
    {"Glob", "search", "path", "path"},
    {"Grep", "search", "path", "path"},
    {"LS", "search", "path", "path"},
    {"WebFetch", "fetch", "url", "url"},
    {"WebSearch", "web_search", "query", "query"},
};

/* Tools that only talk to the person or keep the client's own lists: what they start is decided by itself. */
static const char *const inner[] = {
    "Agent",        "Task",          "TaskCreate", "TaskUpdate", "TaskList",        "TaskGet", "TaskOutput",   "TaskStop",   "TodoWrite", "TodoRead",
    "ExitPlanMode", "EnterPlanMode", "BashOutput", "KillShell",  "AskUserQuestion", "Skill",   "SlashCommand", "ToolSearch", NULL};

/* -------------------------------------------------------------------------------------------------------------- arguments */

static const char *
text_of(struct cli *c, const struct json *object, const char *key)
{
    struct bytes v = json_text(object, key);
    const char *text = arena_str(&c->arena, v);
    return text ? text : "";
}

struct call {
    struct cli *c;
    struct hook_said *said;
    struct buf b; /* its arguments */
};

static void
as(struct call *k, const char *tool)
{
    k->said->tool = tool;
}

/* Relative paths are meant from where the client stands. */
static struct bytes
absolute(struct call *k, struct bytes path, const char *cwd)
{
    if (path.n == 0 || path.at[0] == '/' || path.at[0] == '~' || cwd[0] == 0)
        return path;
    const char *whole = arena_printf(&k->c->arena, "%s/%.*s", cwd, BYTES_CUT(path, 4096));
    return bytes_str(whole ? whole : "");
}

static void
take_path(struct call *k, const char *tool, struct bytes path, bool write)
{
    enum shell_place place = shell_place(path, write);
    as(k, place == SHELL_PLAIN ? tool : place == SHELL_RUNS || write ? "write_config" : "read_secret");
    json_member_text(&k->b, "path", path);
    if (place != SHELL_PLAIN)
        json_member_str(&k->b, "by", tool);
}

static void
put_list(struct buf *b, const char *name, const char *const *list, size_t n)
{
    json_key(b, name);
    json_open(b, '[');
    for (size_t i = 0; i < n; i++) {
        json_item(b);
        json_put_text(b, bytes_str(list[i]));
    }
    json_close(b, ']');
}

static void
take_shell(struct call *k, struct bytes command, const char *cwd)
{
    static const char *const names[] = {"shell_read", "shell_write", "shell_network", "shell_irreversible", "shell_unknown"};
    struct shell_reading *r = ARENA_NEW(&k->c->arena, struct shell_reading);
    if (r == NULL)
        return;
    shell_read(command, &k->c->arena, r);
    as(k, names[r->effect]);
    json_member_text(&k->b, "command", command);
    json_member_str(&k->b, "cwd", cwd);
    json_member_str(&k->b, "why", r->why);
    put_list(&k->b, "programs", r->programs, r->n_programs);
    put_list(&k->b, "writes", r->writes, r->n_writes);
    put_list(&k->b, "hosts", r->hosts, r->n_hosts);
}

static bool
goes_through(const struct cli *c, struct bytes server)
{
    for (size_t i = 0; i < c->n_given; i++)
        if (strcmp(c->given[i].option->name, "through") == 0 && bytes_is(server, c->given[i].value))
            return true;
    return false;
}

/* An MCP server that goes through Writ is decided there; of others nothing is known but their name. */
static void
take_mcp(struct call *k, struct bytes server, struct bytes tool)
{
    if (goes_through(k->c, server))
        return;
    as(k, "mcp_elsewhere");
    json_member_text(&k->b, "server", server);
    json_member_text(&k->b, "tool", tool);
}

/* mcp__SERVER__TOOL */
static bool
split_mcp(struct bytes name, struct bytes *server, struct bytes *tool)
{
    if (!bytes_starts(name, BYTES("mcp__")))
        return false;
    struct bytes rest = bytes_sub(name, 5, name.n);
    size_t at = bytes_search(rest, BYTES("__"));
    *server = bytes_sub(rest, 0, at);
    *tool = bytes_sub(rest, at + 2, rest.n);
    return true;
}

static bool
write_tool(const char *tool)
{
    return strcmp(tool, "write_file") == 0 || strcmp(tool, "edit_file") == 0 || strcmp(tool, "delete_file") == 0;
}

static void
take_tool(struct call *k, struct bytes name, const struct json *input, const char *cwd)
{
    struct bytes server, tool;
    if (bytes_is(name, "Bash") || bytes_is(name, "Shell")) {
        take_shell(k, json_text(input, "command"), cwd);
        return;
    }
    if (split_mcp(name, &server, &tool)) {
        take_mcp(k, server, tool);
        return;
    }
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        if (!bytes_is(name, tools[i].name))
            continue;
        struct bytes value = json_text(input, tools[i].from);
        if (strcmp(tools[i].to, "path") == 0) {
            take_path(k, tools[i].tool, absolute(k, value.n ? value : json_text(input, "path"), cwd), write_tool(tools[i].tool));
        } else {
            as(k, tools[i].tool);
            json_member_text(&k->b, tools[i].to, value);
        }
        return;
    }
    for (const char *const *own = inner; *own; own++)
        if (bytes_is(name, *own)) {
            as(k, "plan");
            json_member_text(&k->b, "tool", name);
            return;
        }
    as(k, "other_tool");
    json_member_text(&k->b, "tool", name);
    json_member_text(&k->b, "arguments", bytes_sub(input ? input->raw : BYTES("{}"), 0, TEXT_KEPT));
}

static void
take_before(struct call *k, const struct json *m)
{
    const char *cwd = text_of(k->c, m, "cwd");
    const struct json *input = json_get(m, "tool_input");
    if (strcmp(k->said->name, "beforeShellExecution") == 0)
        take_shell(k, json_text(m, "command"), cwd);
    else if (strcmp(k->said->name, "beforeReadFile") == 0)
        take_path(k, "read_file", absolute(k, json_text(m, "file_path"), cwd), false);
    else if (strcmp(k->said->name, "beforeMCPExecution") == 0)
        take_mcp(k, json_text(m, "command").n ? json_text(m, "command") : json_text(m, "url"), json_text(m, "tool_name"));
    else
        take_tool(k, json_text(m, "tool_name"), input, cwd);
}

static void
take_after(struct call *k, const struct json *m)
{
    static const char *const keys[] = {"tool_response", "tool_output", "output", "result_json", "edits"};
    struct bytes name = json_text(m, "tool_name"), text = {NULL, 0}, server, tool;
    if (split_mcp(name, &server, &tool) && goes_through(k->c, server))
        return;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && text.n == 0; i++) {
        const struct json *v = json_get(m, keys[i]);
        text = json_is(v, JSON_STRING) ? v->text : v ? v->raw : text;
    }
    as(k, "result");
    json_member_text(&k->b, "tool", name.n ? name : bytes_str(k->said->name));
    json_member_text(&k->b, "text", bytes_sub(text, 0, TEXT_KEPT));
}

static struct err
read_event(struct cli *c, const struct json *m, struct hook_said *out)
{
    struct bytes name = json_text(m, "hook_event_name"), session = json_text(m, out->client == HOOK_CURSOR ? "conversation_id" : "session_id");
    if (name.n == 0 || session.n == 0 || session.n > 256)
        return err_make(E_USAGE, "this is no hook event: it has no hook_event_name or no id of a session");
    out->event = HOOK_IGNORED;
    out->name = text_of(c, m, "hook_event_name");
    out->session = arena_str(&c->arena, session);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i].client == out->client && bytes_is(name, events[i].name))
            out->event = events[i].event;
    return out->session ? err_ok() : err_make(E_MEMORY, "out of memory");
}

struct err
hook_read(struct cli *c, enum hook_client client, struct bytes text, struct hook_said *out)
{
    static const struct json_limits limits = {.bytes = (size_t)16 << 20, .depth = 64, .nodes = 500000};
    struct json *m;
    *out = (struct hook_said){.client = client, .event = HOOK_IGNORED, .name = "", .session = ""};
    TRY(json_parse(&c->arena, text, &limits, &m));
    TRY(read_event(c, m, out));
    struct call k = {c, out, buf_make((size_t)4 << 20)};
    json_open(&k.b, '{');
    if (out->event == HOOK_PROMPT) {
        as(&k, "prompt");
        json_member_text(&k.b, "text", bytes_sub(json_text(m, "prompt"), 0, TEXT_KEPT));
    } else if (out->event == HOOK_BEFORE) {
        take_before(&k, m);
    } else if (out->event == HOOK_AFTER) {
        take_after(&k, m);
    }
    json_close(&k.b, '}');
    out->arguments = arena_copy(&c->arena, buf_bytes(&k.b));
    bool ok = !k.b.failed && out->arguments.at;
    buf_free(&k.b);
    return ok ? err_ok() : err_make(E_LIMIT, "the event is too large");
}

/* ----------------------------------------------------------------------------------------------------------------- answers */

static void
answer_claude(const struct hook_said *said, const struct err *e, struct buf *b)
{
    if (said->event == HOOK_BEFORE && err_failed(*e)) {
        json_key(b, "hookSpecificOutput");
        json_open(b, '{');
        json_member_str(b, "hookEventName", "PreToolUse");
        json_member_str(b, "permissionDecision", "deny");
        json_member_str(b, "permissionDecisionReason", e->text);
        json_close(b, '}');
    } else if (said->event == HOOK_AFTER && err_failed(*e)) {
        json_member_str(b, "decision", "block");
        json_member_str(b, "reason", e->text);
    }
}

static void
answer_cursor(const struct hook_said *said, const struct err *e, struct buf *b)
{
    if (said->event == HOOK_PROMPT)
        json_member_bool(b, "continue", true);
    if (said->event != HOOK_BEFORE)
        return;
    json_member_str(b, "permission", err_failed(*e) ? "deny" : "allow");
    if (err_failed(*e)) {
        json_member_str(b, "user_message", e->text);
        json_member_str(b, "agent_message", e->text);
    }
}

/*
 * Claude Code goes on as it would have without a hook when nothing is said: a yes of Writ never takes away a question that the client itself would
 * have put to the person.
 */
void
hook_answer(const struct hook_said *said, const struct err *e, struct buf *b)
{
    json_open(b, '{');
    if (said->client == HOOK_CLAUDE_CODE)
        answer_claude(said, e, b);
    else
        answer_cursor(said, e, b);
    json_close(b, '}');
    buf_putc(b, '\n');
}
