/*
 * What a tool nobody knows does: by the words of its name and of its arguments. Whatever is in doubt is a write. What the server says about it
 * (annotations) is believed only where it makes the tool look worse.
 */
#include "estate/packs.h"

#include <stdio.h>

#define WORDS_MAX 16u

/* ------------------------------------------------------------------------------------------------------------- words */

struct words {
    char text[160];
    const char *list[WORDS_MAX];
    size_t n;
};

static bool
upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* "browser_navigateBack" → browser, navigate, back; "HTTPGet" → http, get. Digits end a word, too. */
static void
words_of(struct bytes name, struct words *w)
{
    size_t at = 0;
    bool open = false;
    w->n = 0;
    for (size_t i = 0; i < name.n && at + 2 < sizeof w->text; i++) {
        uint8_t c = name.at[i];
        bool starts = upper(c) && i && (!upper(name.at[i - 1]) || (i + 1 < name.n && letter(name.at[i + 1]) && !upper(name.at[i + 1])));
        if (open && (!letter(c) || starts)) {
            w->text[at++] = 0;
            open = false;
        }
        if (!letter(c))
            continue;
        if (!open && w->n == WORDS_MAX)
            return;
        if (!open)
            w->list[w->n++] = w->text + at;
        open = true;
        w->text[at++] = (char)(c | 0x20);
    }
    w->text[at] = 0;
}

static bool
word_in(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

/* ------------------------------------------------------------------------------------------------------------- effect */

static const char *const reads[] = {"get",     "list",      "read",     "search",   "find",    "fetch",   "show",   "describe", "lookup",
                                    "view",    "count",     "status",   "diff",     "log",     "logs",    "check",  "stat",     "stats",
                                    "info",    "explain",   "browse",   "inspect",  "compare", "preview", "whoami", "health",   "ping",
                                    "echo",    "version",   "tree",     "head",     "tail",    "cat",     "grep",   "glob",     "resolve",
                                    "analyze", "summarize", "validate", "retrieve", "exists",  "ls",      NULL};
static const char *const finals[] = {"delete",   "remove",  "drop",    "purge",   "destroy", "wipe",      "erase",    "send",     "pay",
                                     "transfer", "charge",  "refund",  "publish", "email",   "execute",   "exec",     "run",      "eval",
                                     "evaluate", "shell",   "command", "merge",   "deploy",  "terminate", "kill",     "truncate", "uninstall",
                                     "revoke",   "ban",     "invite",  "share",   "submit",  "buy",       "purchase", "order",    "book",
                                     "reply",    "forward", "post",    "tweet",   "force",   "reset",     "rm",       "trash",    "unpublish",
                                     "cancel",   "approve", "grant",   "click",   "type",    "press",     "payout",   "withdraw", NULL};
static const char *const writes[] = {
    "create",  "add",     "update",   "edit",    "write",   "set",       "put",         "insert",  "append",   "move",      "rename",   "copy",
    "upload",  "import",  "save",     "store",   "assign",  "unassign",  "mark",        "label",   "archive",  "close",     "open",     "reopen",
    "comment", "commit",  "push",     "pull",    "clone",   "checkout",  "branch",      "tag",     "upsert",   "patch",     "modify",   "change",
    "enable",  "disable", "start",    "stop",    "restart", "scale",     "apply",       "install", "register", "configure", "schedule", "attach",
    "detach",  "link",    "unlink",   "sync",    "migrate", "generate",  "make",        "mkdir",   "touch",    "replace",   "draft",    "download",
    "export",  "stage",   "revert",   "restore", "undo",    "subscribe", "unsubscribe", "lock",    "unlock",   "pin",       "query",    "call",
    "invoke",  "request", "navigate", "visit",   "toggle",  "accept",    "reject",      "dismiss", "trigger",  NULL};

/* The first verb says what it does; any stronger word behind a reading one leaves it in doubt. */
static enum effect
effect_by_name(struct bytes name)
{
    struct words w;
    bool read = false;
    words_of(name, &w);
    for (size_t i = 0; i < w.n; i++) {
        bool final = word_in(w.list[i], finals), other = word_in(w.list[i], writes);
        if (!read && final)
            return EFFECT_IRREVERSIBLE;
        if (final || other)
            return EFFECT_WRITE;
        read = read || word_in(w.list[i], reads);
    }
    return read && w.n < WORDS_MAX ? EFFECT_READ : EFFECT_WRITE;
}

static bool
hint(const struct json *annotations, const char *key, bool value)
{
    const struct json *v = json_get(annotations, key);
    return json_is(v, JSON_BOOL) && v->truth == value;
}

static enum effect
stricter(enum effect a, enum effect b)
{
    return a > b ? a : b;
}

static enum effect
effect_of(const struct json *tool)
{
    const struct json *annotations = json_get(tool, "annotations");
    enum effect e = effect_by_name(json_text(tool, "name"));
    if (hint(annotations, "readOnlyHint", false))
        e = stricter(e, EFFECT_WRITE);
    if (hint(annotations, "destructiveHint", true) && !hint(annotations, "readOnlyHint", true))
        e = stricter(e, EFFECT_IRREVERSIBLE);
    return e;
}

/* -------------------------------------------------------------------------------------------------------------- sinks */

/* By any word of an argument's name. ${leaves}: always outside the house; ${remote}: outside when its server is, or says that its world is open. */
static const struct {
    enum sink_kind kind;
    bool leaves, remote;
    const char *words[24];
} sink_words[] = {
    {SINK_URL,
     true,
     false,
     {"url", "uri", "urls", "uris", "href", "link", "endpoint", "webhook", "callback", "host", "hostname", "domain", "origin", NULL}},
    {SINK_RECIPIENT, true, false, {"to",       "cc",          "bcc",       "recipient", "recipients", "email",   "emails",      "channel",
                                   "channels", "chat",        "attendees", "attendee",  "invitees",   "phone",   "destination", "receiver",
                                   "iban",     "beneficiary", "payee",     "address",   "addresses",  "mailbox", "customer",    NULL}},
    {SINK_AMOUNT, false, false, {"amount", "price", "total", "quantity", "budget", "cost", "sum", NULL}},
    {SINK_PATH, false, false, {"path", "paths", "file", "files", "filename", "filepath", "directory", "dir", "folder", "cwd", "workdir", NULL}},
    {SINK_OTHER, false, true, {"repo",         "repository", "owner",   "project",    "workspace", "team",   "bucket", "table",
                               "database",     "branch",     "index",   "collection", "user",      "thread", "issue",  "org",
                               "organization", "query",      "command", "sql",        "script",    NULL}},
};

static bool
sink_of(struct bytes argument, bool outside, struct sink *out)
{
    struct words w;
    words_of(argument, &w);
    for (size_t row = 0; row < sizeof sink_words / sizeof *sink_words; row++)
        for (size_t i = 0; i < w.n; i++)
            if (word_in(w.list[i], sink_words[row].words)) {
                out->kind = sink_words[row].kind;
                out->leaves = sink_words[row].leaves || (sink_words[row].remote && outside);
                return true;
            }
    return false;
}

static struct err
set_sinks(const struct json *tool, bool outside, struct arena *a, struct proposal *out)
{
    const struct json *properties = json_get(json_get(tool, "inputSchema"), "properties");
    size_t n = json_is(properties, JSON_OBJECT) ? properties->count : 0;
    out->sinks = arena_list(a, n + 1, sizeof *out->sinks);
    if (out->sinks == NULL)
        return err_make(E_MEMORY, "no memory for a proposal");
    for (const struct json *p = n ? properties->child : NULL; p; p = p->next) {
        struct sink *s = &out->sinks[out->n_sinks];
        if (!sink_of(p->key, outside, s))
            continue;
        if ((s->argument = arena_str(a, p->key)) == NULL)
            return err_make(E_MEMORY, "no memory for a proposal");
        out->n_sinks++;
    }
    return err_ok();
}

struct err
guess_tool(const struct json *tool, bool remote, struct arena *a, struct proposal *out)
{
    static const char *all[] = {"*", NULL};
    const struct json *annotations = json_get(tool, "annotations");
    *out = (struct proposal){.outsiders = all, .sensitivity = -1, .why = "by its name and annotations"};
    if ((out->tool = arena_str(a, json_text(tool, "name"))) == NULL)
        return err_make(E_MEMORY, "no memory for a proposal");
    out->effect = effect_of(tool);
    TRY(set_sinks(tool, remote || hint(annotations, "openWorldHint", true), a, out));
    for (size_t i = 0; i < out->n_sinks && out->effect == EFFECT_READ; i++)
        if (out->sinks[i].leaves)
            out->effect = EFFECT_WRITE; /* a read with a way out is a write */
    return err_ok();
}
