#include "adopt/declare.h"

#include <stdio.h>

#include "base/yaml.h"
#include "estate/pin.h"

#define ID_MAX 40u

const char *
declare_id(struct arena *a, struct bytes name, const char *otherwise)
{
    struct buf b = buf_make(ID_MAX + 2);
    for (size_t i = 0; i < name.n && b.n < ID_MAX; i++) {
        uint8_t c = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (uint8_t)(name.at[i] + 32) : name.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain || (b.n && (c == '_' || c == '.')))
            buf_putc(&b, c);
        else if (b.n && b.at[b.n - 1] != '-')
            buf_putc(&b, '-');
    }
    while (b.n && strchr("-._", b.at[b.n - 1]))
        b.n--;
    const char *id = arena_str(a, b.n ? buf_bytes(&b) : bytes_str(otherwise));
    buf_free(&b);
    return id;
}

/* A JSON string is a double-quoted one of YAML. */
static void
put(struct buf *b, const char *text)
{
    json_put_text(b, bytes_str(text));
}

/* On one line of a comment: nothing that ends it, hides or reorders. */
static void
put_remark(struct buf *b, struct bytes text)
{
    suspect_escape(b, bytes_sub(text, 0, 300));
}

void
declare_settings(struct buf *b, const char *name, const char *state_dir, const char *run_dir)
{
    buf_puts(b, "# Writ's own settings. Every key: docs/estate.md.\nname: ");
    put(b, name);
    buf_puts(b, "\n# the store, the log and the keys: readable by the server's user only\nstate_dir: ");
    put(b, state_dir);
    buf_puts(b, "\n# the sockets\nrun_dir: ");
    put(b, run_dir);
    buf_puts(b, "\n# encrypts everything in state_dir; keep a copy elsewhere\nmaster: { file: ");
    struct buf path = buf_make(8192);
    buf_printf(&path, "%s/master.key", state_dir);
    put(b, buf_text(&path));
    buf_free(&path);
    buf_puts(b, " }\n");
}

void
declare_person(struct buf *b, const struct declare_who *w)
{
    buf_printf(b, "# %s runs agents, so this user administers nothing (law 12): root does, through sudo\n\"%s\": { name: ", w->person, w->person);
    put(b, w->full_name);
    buf_printf(b, ", uid: %u }\n", w->uid);
}

void
declare_agent(struct buf *b, const struct declare_who *w, const struct client *client, const char *id)
{
    buf_printf(b, "# Adopted on %s. Its client runs as the user %s, and any program of that user can say it is this agent: a weak proof.\n", w->today,
               w->user);
    buf_puts(b, "purpose: ");
    struct buf purpose = buf_make(1024);
    buf_printf(&purpose, "%s, as %s used it before it was adopted", client->name, w->full_name);
    put(b, buf_text(&purpose));
    buf_free(&purpose);
    buf_printf(b, "\nowner: \"%s\"\nkind: assistant\nenvironment: workstation\nproves:\n  - unix: { uid: %u }\naccept_weak_proof: true\n", w->person,
               w->uid);
    buf_printf(b, "tasks: [\"%s\"]\ndefault_task: \"%s\"\nacts_for: \"%s\"\n", id, id, w->person);
    if (w->until)
        buf_printf(b, "review: %s # observe ends\n", w->until);
}

void
declare_task(struct buf *b, const struct declare_who *w, const struct client *client)
{
    buf_printf(b, "# Adopted on %s: all that the client's servers offer. Narrow it when you know what is needed.\npurpose: ", w->today);
    struct buf purpose = buf_make(1024);
    buf_printf(&purpose, "Whatever %s is used for", client->name);
    put(b, buf_text(&purpose));
    buf_free(&purpose);
    buf_puts(b, "\nlifetime: 24h\nidle: 8h\ntools:\n");
}

void
declare_grants(struct buf *b, const char *destination)
{
    buf_printf(b, "  \"%s/*\": { up_to: irreversible }\n  \"%s/@resources\": {}\n  \"%s/@prompts\": {}\n", destination, destination, destination);
}

/* ---------------------------------------------------------------------------------------------------------- destinations */

void
declare_marker(struct buf *b, const char *file, struct bytes name)
{
    buf_puts(b, "# Adopted from ");
    put_remark(b, bytes_str(file));
    buf_puts(b, ": ");
    put_remark(b, name);
    buf_putc(b, '\n');
}

static void
put_secret(struct buf *b, const struct declare_who *w, const struct declare_server *s, const struct value *v, bool prefix)
{
    buf_printf(b, "{ secret: \"%s\"", v->sealed);
    if (prefix && v->before.n) {
        buf_puts(b, ", prefix: ");
        json_put_text(b, v->before);
    }
    buf_printf(b, " } # %s", v->reference ? "from the environment of " : "rotate it: it stood in clear in ");
    if (v->reference)
        buf_printf(b, "%s, on %s", w->user, w->today);
    else
        put_remark(b, bytes_str(s->file));
    buf_putc(b, '\n');
}

static bool
hides(const struct value *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].secret)
            return true;
    return false;
}

/* "${3}${s1}": an argument with a secret in it, put together by the shell at the last moment; all else are arguments of the shell. */
static void
put_script(struct buf *b, const struct entry *e)
{
    size_t hidden = 0;
    for (size_t i = 0; i < e->n_args; i++)
        if (e->args[i].secret) {
            hidden++;
            buf_printf(b, "s%zu=$WRIT_ARG_%zu; unset WRIT_ARG_%zu; ", hidden, hidden, hidden);
        }
    buf_puts(b, "exec");
    hidden = 0;
    for (size_t i = 0; i < e->n_args; i++)
        if (e->args[i].secret)
            buf_printf(b, " \"${%zu}$s%zu\"", i + 1, ++hidden);
        else
            buf_printf(b, " \"${%zu}\"", i + 1);
}

const char **
declare_argv(struct arena *a, const struct declare_server *s)
{
    const struct entry *e = s->entry;
    const char **argv = arena_list(a, e->n_args + 5, sizeof *argv);
    size_t n = 0;
    if (argv == NULL)
        return NULL;
    if (hides(e->args, e->n_args)) {
        struct buf script = buf_make(65536);
        put_script(&script, e);
        argv[n++] = "/bin/sh";
        argv[n++] = "-c";
        argv[n++] = script.failed ? NULL : arena_str(a, buf_bytes(&script));
        argv[n++] = "sh";
        buf_free(&script);
        if (argv[2] == NULL)
            return NULL;
    }
    argv[n++] = s->program;
    for (size_t i = 1; i < e->n_args; i++) {
        const struct value *v = &e->args[i];
        struct bytes text = v->secret ? v->before : v->text;
        if ((argv[n++] = text.n ? arena_str(a, text) : "") == NULL)
            return NULL;
    }
    return argv;
}

static void
put_command(struct buf *b, const struct declare_server *s)
{
    struct arena a = {0};
    const char **argv = declare_argv(&a, s);
    b->failed |= argv == NULL;
    buf_puts(b, "  command: [");
    for (size_t i = 0; argv && argv[i]; i++) {
        buf_puts(b, i ? ", " : "");
        put(b, argv[i]);
    }
    buf_puts(b, "]\n");
    arena_free(&a);
}

static void
put_variable(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, "    %s: ", name);
    put(b, value);
    buf_putc(b, '\n');
}

static void
put_environment(struct buf *b, const struct declare_who *w, const struct declare_server *s)
{
    const struct entry *e = s->entry;
    bool path = false, home = false;
    size_t hidden = 0;
    buf_puts(b, "  env:\n");
    for (size_t i = 0; i < e->n_env; i++) {
        const struct value *v = &e->env[i];
        path = path || bytes_is(v->name, "PATH");
        home = home || bytes_is(v->name, "HOME");
        buf_puts(b, "    ");
        json_put_text(b, v->name);
        buf_puts(b, ": ");
        if (v->secret) {
            put_secret(b, w, s, v, false);
        } else {
            json_put_text(b, v->text);
            buf_putc(b, '\n');
        }
    }
    for (size_t i = 0; i < e->n_args; i++)
        if (e->args[i].secret) {
            buf_printf(b, "    WRIT_ARG_%zu: ", ++hidden);
            put_secret(b, w, s, &e->args[i], false);
        }
    if (!path)
        put_variable(b, "PATH", s->path);
    if (!home && s->home)
        put_variable(b, "HOME", s->home);
}

static void
put_http(struct buf *b, const struct declare_who *w, const struct declare_server *s)
{
    const struct entry *e = s->entry;
    buf_puts(b, "  url: ");
    json_put_text(b, e->url.text);
    buf_putc(b, '\n');
    if (e->n_headers)
        buf_puts(b, "  headers:\n");
    for (size_t i = 0; i < e->n_headers; i++) {
        buf_puts(b, "    ");
        json_put_text(b, e->headers[i].name);
        buf_puts(b, ": ");
        put_secret(b, w, s, &e->headers[i], true);
    }
}

void
declare_destination(struct buf *b, const struct declare_who *w, const struct declare_server *s)
{
    declare_marker(b, s->file, s->entry->name);
    buf_printf(b, "owner: \"%s\"\nenvironment: workstation\nsensitivity: %s # a guess; say restricted or confidential where it is\n", w->person,
               s->sensitivity);
    buf_puts(b, "integrity: untrusted\nshare: [resources, prompts]\n");
    buf_puts(b, "limits: { call_timeout: 10m, result_bytes: 32MiB }\nserver:\n");
    if (s->entry->http) {
        put_http(b, w, s);
        return;
    }
    put_command(b, s);
    buf_puts(b, "  user: ");
    put(b, w->user);
    buf_puts(b, " # as before: it reaches what this user reaches, and this user's programs reach its memory (law 5)\n  cwd: ");
    put(b, s->cwd);
    buf_putc(b, '\n');
    put_environment(b, w, s);
}

/* --------------------------------------------------------------------------------------------------------------- observe */

static size_t
line_offset(struct bytes text, int line)
{
    size_t at = 0;
    for (int i = 1; i < line && at < text.n; i++)
        at += bytes_find(bytes_sub(text, at, SIZE_MAX), '\n') + 1;
    return at < text.n ? at : text.n;
}

struct err
declare_observe(struct arena *a, struct bytes settings, const char *kind, const char *id, const char *until, struct bytes *out)
{
    struct yaml *top;
    struct yaml_mark mark = {0};
    char entry[200];
    TRY(yaml_parse(a, settings, &top, &mark));
    const struct yaml *list = yaml_get(top, "observe");
    int column = list && list->child ? list->child->column : 5;
    snprintf(entry, sizeof entry, "%*s- { %s: \"%s\", until: %s }\n", column > 2 ? column - 3 : 0, "", kind, id, until);
    size_t at = list ? line_offset(settings, list->line + 1) : settings.n;
    bool flow = list && list->child && list->child->line == list->line;
    if (list && (flow || (list->type != YAML_NULL && list->type != YAML_LIST) || (list->type == YAML_LIST && list->count == 0)))
        return err_make(E_ESTATE, "a line cannot be added to observe in writ.yaml, line %d; write there: - { %s: %s, until: %s }", list->line, kind,
                        id, until);
    struct buf b = buf_make(YAML_MAX_BYTES);
    buf_put(&b, bytes_sub(settings, 0, at));
    if (b.n && b.at[b.n - 1] != '\n')
        buf_putc(&b, '\n');
    if (list == NULL)
        buf_puts(&b, "# what is only observed: refusals are recorded and not enforced, until the end of that day\nobserve:\n");
    buf_puts(&b, entry);
    buf_put(&b, bytes_sub(settings, at, SIZE_MAX));
    *out = b.failed ? (struct bytes){NULL, 0} : arena_copy(a, buf_bytes(&b));
    buf_free(&b);
    return out->at ? err_ok() : err_make(E_LIMIT, "writ.yaml would become too large");
}
