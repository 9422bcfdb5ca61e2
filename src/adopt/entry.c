#include "adopt/entry.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "adopt/refer.h"

struct reading {
    struct arena *a;
    const struct surroundings *around;
    struct finder *finder;
    const struct client *client;
    const struct client_file *file;
    struct bytes folder; /* of a project: what workspaceFolder and relative paths mean; empty: none */
    struct entries *out;
    size_t cap;
};

void
entry_broken(struct entry *e, const char *fmt, ...)
{
    va_list ap;
    if (e->state == ENTRY_BROKEN)
        return; /* the first reason is the one to mend */
    e->state = ENTRY_BROKEN;
    va_start(ap, fmt);
    vsnprintf(e->problem, sizeof e->problem, fmt, ap);
    va_end(ap);
}

static void
left(struct entry *e, const char *why)
{
    if (e->state != ENTRY_GOOD)
        return;
    e->state = ENTRY_LEFT;
    snprintf(e->problem, sizeof e->problem, "%s", why);
}

static void
note(struct entry *e, const char *text)
{
    size_t n = strlen(e->notes);
    snprintf(e->notes + n, sizeof e->notes - n, "%s%s", n ? "; " : "", text);
}

/* --------------------------------------------------------------------------------------------------------------- values */

static struct err
take_value(struct reading *r, struct entry *e, const struct config *d, struct bytes name, struct bytes before, struct value *v)
{
    char missing[80];
    *v = (struct value){.name = name, .text = d->text, .line = d->line};
    if (memchr(d->text.at ? d->text.at : (const uint8_t *)"", 0, d->text.n)) {
        entry_broken(e, "line %d: a text with a zero byte in it", d->line);
        return err_ok();
    }
    TRY(refer(r->a, r->around, r->client->references, r->folder, v, missing));
    if (missing[0])
        entry_broken(e,
                     "line %d: it refers to %s, which Writ cannot see; put the value there for as long as this takes, or set the variable in the "
                     "shell that runs this",
                     d->line, missing);
    TRY(finder_look(r->finder, r->a, v, before));
    if (v->reference && !v->secret && name.n) { /* what stood in an environment is not written into a file */
        v->secret = true;
        v->rule = "a reference";
        v->hidden = v->text;
    }
    return err_ok();
}

/* What an estate cannot hold, or what only hides something. */
static bool
odd_text(struct bytes t)
{
    for (size_t i = 0; i < t.n; i++)
        if ((t.at[i] < 0x20 && t.at[i] != '\n' && t.at[i] != '\t') || t.at[i] == 0x7f)
            return true;
    return false;
}

static bool
variable_name(struct bytes n)
{
    for (size_t i = 0; i < n.n; i++)
        if (!isalpha(n.at[i]) && n.at[i] != '_' && (i == 0 || !isdigit(n.at[i])))
            return false;
    return n.n > 0 && n.n <= 128;
}

/* RFC 9110 §5.6.2 */
static bool
header_name(struct bytes n)
{
    for (size_t i = 0; i < n.n; i++)
        if (n.at[i] <= 0x20 || n.at[i] >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", n.at[i]))
            return false;
    return n.n > 0 && n.n <= 128;
}

static void
check_value(struct entry *e, const struct value *v, const char *what)
{
    bool env = strcmp(what, "env") == 0;
    if (env ? !variable_name(v->name) : !header_name(v->name))
        entry_broken(e, "line %d: %s has a name that %s", v->line, what, env ? "no environment variable has" : "no header has");
    else if (odd_text(v->text) || (!env && memchr(v->text.at, '\n', v->text.n)))
        entry_broken(e, "line %d: a value of %s holds control characters", v->line, what);
}

/* Writ says these itself. */
static bool
own_header(struct bytes name)
{
    return bytes_same_case(name, BYTES("accept")) || bytes_same_case(name, BYTES("content-type")) || bytes_same_case(name, BYTES("connection"));
}

static struct err
take_list(struct reading *r, struct entry *e, const struct config *list, struct value *into, size_t *n)
{
    for (const struct config *d = list ? list->child : NULL; d; d = d->next) {
        struct bytes before = *n ? into[*n - 1].text : (struct bytes){NULL, 0};
        if (*n == VALUES_MAX) {
            entry_broken(e, "line %d: more than %u arguments", d->line, VALUES_MAX);
            return err_ok();
        }
        if (d->type != CONFIG_TEXT) {
            entry_broken(e, "line %d: an argument must be a text, not %s", d->line, config_type_name(d->type));
            return err_ok();
        }
        TRY(take_value(r, e, d, (struct bytes){NULL, 0}, before, &into[*n]));
        if (odd_text(into[*n].text))
            entry_broken(e, "line %d: an argument holds control characters", d->line);
        ++*n;
    }
    return err_ok();
}

static struct err
take_map(struct reading *r, struct entry *e, const struct config *map, const char *what, struct value **into, size_t *n)
{
    if (map == NULL || map->type == CONFIG_NULL)
        return err_ok();
    if (map->type != CONFIG_MAP || map->count > VALUES_MAX) {
        entry_broken(e, "line %d: %s must be a map of texts, at most %u", map->line, what, VALUES_MAX);
        return err_ok();
    }
    struct value *list = arena_list(r->a, *n + map->count + 1, sizeof *list);
    if (list == NULL)
        return err_make(E_MEMORY, "no memory for the file");
    if (*n)
        memcpy(list, *into, *n * sizeof *list);
    *into = list;
    for (const struct config *d = map->child; d; d = d->next) {
        if (d->twice)
            entry_broken(e, "line %d: %s names one thing twice; clients differ in which of them counts. Remove one", d->line, what);
        else if (d->type != CONFIG_TEXT)
            entry_broken(e, "line %d: a value of %s must be a text, not %s", d->line, what, config_type_name(d->type));
        if (e->state == ENTRY_BROKEN)
            return err_ok();
        if (strcmp(what, "headers") == 0 && own_header(d->key))
            continue;
        TRY(take_value(r, e, d, d->key, (struct bytes){NULL, 0}, &list[*n]));
        check_value(e, &list[(*n)++], what);
    }
    return err_ok();
}

/* --------------------------------------------------------------------------------------------------------------- command */

/* "npx -y server" in one text: clients that take it split it at blanks. What only a shell could read is not taken. */
static struct err
split_command(struct reading *r, struct entry *e, const struct config *command)
{
    struct bytes rest = e->args[0].text;
    bool path = rest.n && rest.at[0] == '/';
    if (e->n_args != 1 || bytes_find(rest, ' ') == rest.n || path)
        return err_ok();
    for (size_t i = 0; i < rest.n; i++)
        if (strchr(";|&<>$`\"'\\(){}*?!#\n", rest.at[i])) {
            entry_broken(e, "line %d: the command is written for a shell, and clients start programs without one; give command and args apart",
                         command->line);
            return err_ok();
        }
    e->n_args = 0;
    while (rest.n && e->n_args < VALUES_MAX) {
        struct bytes word = bytes_split(&rest, ' '), before = e->n_args ? e->args[e->n_args - 1].text : (struct bytes){NULL, 0};
        struct bytes copy = word.n ? arena_copy(r->a, word) : word;
        if (word.n == 0)
            continue;
        if (copy.at == NULL)
            return err_make(E_MEMORY, "no memory for the file");
        struct value *v = &e->args[e->n_args++];
        *v = (struct value){.text = copy, .line = command->line};
        TRY(finder_look(r->finder, r->a, v, before));
    }
    return err_ok();
}

static struct err
take_command(struct reading *r, struct entry *e, const struct config *command, const struct config *args)
{
    if (args && args->type != CONFIG_LIST && args->type != CONFIG_NULL) {
        entry_broken(e, "line %d: args must be a list of texts", args->line);
        return err_ok();
    }
    if (command->type == CONFIG_LIST) {
        TRY(take_list(r, e, command, e->args, &e->n_args));
    } else if (command->type == CONFIG_TEXT) {
        TRY(take_value(r, e, command, (struct bytes){NULL, 0}, (struct bytes){NULL, 0}, &e->args[0]));
        e->n_args = 1;
    }
    if (e->n_args == 0 || e->args[0].text.n == 0 || e->args[0].secret)
        entry_broken(e, "line %d: command must name a program", command->line);
    if (e->state == ENTRY_BROKEN)
        return err_ok();
    TRY(take_list(r, e, args, e->args, &e->n_args));
    return e->state == ENTRY_GOOD ? split_command(r, e, command) : err_ok();
}

static bool
base_is(struct bytes path, const char *name)
{
    for (size_t i = path.n; i > 0; i--)
        if (path.at[i - 1] == '/')
            return bytes_is(bytes_sub(path, i, SIZE_MAX), name);
    return bytes_is(path, name);
}

static bool
through_writ(const struct entry *e)
{
    return e->n_args >= 2 && base_is(e->args[0].text, "writ") && bytes_is(e->args[1].text, "mcp");
}

/* ----------------------------------------------------------------------------------------------------------------- notes */

static bool
is_loader(struct bytes name)
{
    static const char *const names[] = {
        "NODE_OPTIONS",      "PYTHONPATH",     "PYTHONSTARTUP", "PYTHONHOME",          "BASH_ENV", "ENV", "PERL5OPT", "PERL5LIB", "RUBYOPT",
        "JAVA_TOOL_OPTIONS", "GLIBC_TUNABLES", "NODE_PATH",     "npm_config_registry", NULL};
    if (bytes_starts(name, BYTES("LD_")) || bytes_starts(name, BYTES("DYLD_")))
        return true;
    for (const char *const *n = names; *n; n++)
        if (bytes_is(name, *n))
            return true;
    return false;
}

/* "@scope/name@1.2.3", "name==1.2": of what npx and uvx fetch. */
static bool
unpinned(struct bytes package)
{
    size_t at = bytes_find(bytes_sub(package, 1, SIZE_MAX), '@');
    bool version = at + 1 < package.n && !bytes_is(bytes_sub(package, at + 2, SIZE_MAX), "latest");
    return !version && bytes_search(package, BYTES("==")) == package.n;
}

static void
note_package(struct entry *e)
{
    struct bytes program = e->args[0].text;
    bool fetches = base_is(program, "npx") || base_is(program, "uvx") || base_is(program, "bunx") || base_is(program, "pnpx");
    for (size_t i = 1; fetches && i < e->n_args; i++) {
        struct bytes v = e->args[i].text;
        if (v.n == 0 || v.at[0] == '-' || v.at[0] == '/' || v.at[0] == '.')
            continue;
        if (unpinned(v))
            note(e, "the package is fetched in whatever version is newest; name one, as in name@1.2.3");
        return;
    }
}

static void
note_docker(struct entry *e)
{
    bool docker = base_is(e->args[0].text, "docker") || base_is(e->args[0].text, "podman");
    for (size_t i = 1; docker && i < e->n_args; i++) {
        struct bytes v = e->args[i].text;
        if (bytes_is(v, "--privileged") || bytes_search(v, BYTES("docker.sock")) < v.n)
            note(e, "this container is as strong as the whole host");
    }
}

static void
note_all(struct entry *e, const struct config *node)
{
    static const char *const waving[] = {"trust", "autoApprove", "alwaysAllow", NULL};
    char text[120];
    if (e->n_args) {
        note_package(e);
        note_docker(e);
    }
    for (size_t i = 0; i < e->n_env; i++)
        if (is_loader(e->env[i].name)) {
            snprintf(text, sizeof text, "%.*s decides what is loaded into the server before it runs", BYTES_CUT(e->env[i].name, 40));
            note(e, text);
        }
    for (const char *const *w = waving; *w; w++) {
        const struct config *m = config_get(node, *w);
        if (m && (m->truth || m->count)) {
            snprintf(text, sizeof text, "%s: the client asks nobody before it calls this server's tools", *w);
            note(e, text);
        }
    }
}

/* ---------------------------------------------------------------------------------------------------------------- entries */

static const struct config *
first_of(const struct config *map, const char *a, const char *b, const char *c)
{
    const char *const keys[] = {a, b, c};
    for (size_t i = 0; i < 3; i++) {
        const struct config *m = keys[i] ? config_get(map, keys[i]) : NULL;
        if (m && m->type != CONFIG_NULL)
            return m;
    }
    return NULL;
}

static bool
is_off(const struct config *node)
{
    const struct config *disabled = config_get(node, "disabled"), *enabled = config_get(node, "enabled");
    return (disabled && disabled->truth) || (enabled && enabled->type == CONFIG_BOOL && !enabled->truth);
}

/* Codex names variables of its own environment for headers. */
static struct err
take_codex(struct reading *r, struct entry *e)
{
    const struct config *token = config_get(e->node, "bearer_token_env_var"), *vars = config_get(e->node, "env_vars");
    const struct config *headers = config_get(e->node, "env_http_headers");
    for (const struct config *d = vars ? vars->child : NULL; d; d = d->next) {
        const char *v = d->type == CONFIG_TEXT ? surroundings_get(r->around, d->text) : NULL;
        struct value *list = arena_list(r->a, e->n_env + 1, sizeof *list);
        if (v == NULL)
            continue; /* not set is not passed on */
        if (list == NULL)
            return err_make(E_MEMORY, "no memory for the file");
        if (e->n_env)
            memcpy(list, e->env, e->n_env * sizeof *list);
        list[e->n_env] = (struct value){.name = d->text, .text = bytes_str(v), .reference = true, .line = d->line};
        e->env = list;
        TRY(finder_look(r->finder, r->a, &list[e->n_env++], (struct bytes){NULL, 0}));
    }
    for (const struct config *d = headers ? headers->child : token; d; d = headers ? d->next : NULL) {
        const char *v = d->type == CONFIG_TEXT ? surroundings_get(r->around, d->text) : NULL;
        struct value *list = arena_list(r->a, e->n_headers + 1, sizeof *list);
        if (v == NULL) {
            entry_broken(e, "line %d: it takes a header from the variable %.*s, which is not set here; set it in the shell that runs this", d->line,
                         BYTES_CUT(d->text, 60));
            return err_ok();
        }
        if (list == NULL)
            return err_make(E_MEMORY, "no memory for the file");
        if (e->n_headers)
            memcpy(list, e->headers, e->n_headers * sizeof *list);
        const char *text = headers ? v : arena_printf(r->a, "Bearer %s", v);
        list[e->n_headers] =
            (struct value){.name = headers ? d->key : BYTES("Authorization"), .text = bytes_str(text), .reference = true, .line = d->line};
        e->headers = list;
        TRY(finder_look(r->finder, r->a, &list[e->n_headers++], (struct bytes){NULL, 0}));
    }
    return err_ok();
}

static struct err
take_http(struct reading *r, struct entry *e, const struct config *url)
{
    e->http = true;
    if (url->type != CONFIG_TEXT) {
        entry_broken(e, "line %d: the address must be a text", url->line);
        return err_ok();
    }
    TRY(take_value(r, e, url, (struct bytes){NULL, 0}, (struct bytes){NULL, 0}, &e->url));
    TRY(take_map(r, e, first_of(e->node, "headers", "http_headers", NULL), "headers", &e->headers, &e->n_headers));
    if (e->url.secret)
        entry_broken(
            e, "line %d: a secret stands in the address, where Writ cannot keep it from view yet; if the server takes it in a header, move it there",
            url->line);
    return err_ok();
}

static struct err
take_stdio(struct reading *r, struct entry *e, const struct config *command)
{
    const struct config *args = config_get(e->node, "args"), *env = first_of(e->node, "env", "environment", "envs");
    struct config inner;
    if (r->client->shape == SHAPE_ZED && command->type == CONFIG_MAP) {
        const struct config *path = config_get(command, "path");
        args = config_get(command, "args");
        env = config_get(command, "env");
        inner = path ? *path : *command;
        command = &inner;
    }
    if (command->type != CONFIG_TEXT && command->type != CONFIG_LIST) {
        entry_broken(e, "line %d: command must be a text or a list", command->line);
        return err_ok();
    }
    e->args = arena_list(r->a, VALUES_MAX + 1, sizeof *e->args);
    if (e->args == NULL)
        return err_make(E_MEMORY, "no memory for the file");
    TRY(take_command(r, e, command, args));
    TRY(take_map(r, e, env, "env", &e->env, &e->n_env));
    const struct config *cwd = config_get(e->node, "cwd");
    struct value where;
    if (cwd && cwd->type == CONFIG_TEXT && e->state == ENTRY_GOOD) {
        TRY(take_value(r, e, cwd, (struct bytes){NULL, 0}, (struct bytes){NULL, 0}, &where));
        e->cwd = where.text;
    } else {
        e->cwd = r->folder;
    }
    if (config_get(e->node, "envFile"))
        entry_broken(e, "line %d: envFile: its variables cannot be taken over yet; write them into env for as long as this takes",
                     config_get(e->node, "envFile")->line);
    return err_ok();
}

static struct err
take_entry(struct reading *r, const struct config *node, struct entry *e)
{
    *e = (struct entry){.client = r->client, .file = r->file, .name = node->key, .line = node->line, .node = node};
    if (node->twice)
        entry_broken(e, "this name stands twice; clients differ in which of them counts. Remove one");
    else if (node->type != CONFIG_MAP)
        entry_broken(e, "a server must be a map, not %s", config_type_name(node->type));
    for (const struct config *m = node->type == CONFIG_MAP ? node->child : NULL; m; m = m->next)
        if (m->twice)
            entry_broken(e, "line %d: %.*s stands twice; clients differ in which of them counts. Remove one", m->line, BYTES_CUT(m->key, 40));
    if (e->state == ENTRY_BROKEN)
        return err_ok();
    const struct config *command = first_of(node, "command", "cmd", NULL), *url = first_of(node, "url", "serverUrl", "httpUrl");
    if (command == NULL && url == NULL)
        entry_broken(e, "it has neither command nor url");
    else if (command && url)
        entry_broken(e, "it has both command and url; clients differ in which of them counts. Remove one");
    else
        TRY(command ? take_stdio(r, e, command) : take_http(r, e, url));
    if (e->state == ENTRY_GOOD && r->client->shape == SHAPE_CODEX)
        TRY(take_codex(r, e));
    if (e->state == ENTRY_GOOD && through_writ(e))
        left(e, "goes through Writ already");
    else if (is_off(node))
        left(e, "is switched off");
    note_all(e, node);
    return err_ok();
}

static struct err
take_servers(struct reading *r, const struct config *map)
{
    if (map->type != CONFIG_MAP || map->count == 0)
        return err_ok();
    if (r->out->n + map->count > ENTRIES_MAX)
        return err_make(E_LIMIT, "more than %u servers", ENTRIES_MAX);
    struct entry *list = arena_list(r->a, r->out->n + map->count, sizeof *list);
    if (list == NULL)
        return err_make(E_MEMORY, "no memory for the file");
    if (r->out->n)
        memcpy(list, r->out->list, r->out->n * sizeof *list);
    r->out->list = list;
    for (const struct config *node = map->child; node; node = node->next)
        TRY(take_entry(r, node, &list[r->out->n++]));
    return err_ok();
}

static struct err
walk(struct reading *r, const struct config *at, const char *const *keys, size_t n)
{
    if (n == 0 || keys[0] == NULL)
        return take_servers(r, at);
    if (strcmp(keys[0], "*") == 0) {
        for (const struct config *m = at->type == CONFIG_MAP ? at->child : NULL; m; m = m->next) {
            r->folder = m->key.n && m->key.at[0] == '/' ? m->key : (struct bytes){NULL, 0};
            TRY(walk(r, m, keys + 1, n - 1));
        }
        return err_ok();
    }
    size_t found = 0;
    for (const struct config *m = at->type == CONFIG_MAP ? at->child : NULL; m; m = m->next)
        found += bytes_is(m->key, keys[0]);
    if (found > 1)
        return err_make(E_JSON, "%s stands twice; clients differ in which of them counts. Remove one", keys[0]);
    const struct config *next = config_get(at, keys[0]);
    return next ? walk(r, next, keys + 1, n - 1) : err_ok();
}

struct err
entries_read(struct arena *a, const struct config *doc, const struct client_file *row, const struct surroundings *s, struct bytes folder,
             struct finder *f, struct entries *out)
{
    struct reading r = {.a = a, .around = s, .finder = f, .client = client_named(row->client), .file = row, .folder = folder, .out = out};
    return walk(&r, doc, row->keys, 3);
}
