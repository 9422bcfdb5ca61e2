/*
 * destinations/NAME.yaml with pins/NAME.json: what a system is, how it is reached, what its tools do.
 */
#include "estate/fields.h"
#include "estate/pins.h"
#include "estate/schema.h"

#include <arpa/inet.h>

bool
tool_argument(const struct tool *t, struct bytes name, struct nearest *n)
{
    return t->schema && schema_argument(t->schema, name, n);
}

/* ------------------------------------------------------------------------------------------------------------------- server */

/* http://127.0.0.1…, http://[::1]…, http://localhost…: plain HTTP never leaves the host. */
static bool
loopback(struct bytes authority)
{
    char host[64];
    struct in_addr four;
    if (bytes_starts(authority, BYTES("[::1]")))
        return authority.n == 5 || authority.at[5] == ':';
    struct bytes name = bytes_sub(authority, 0, bytes_find(authority, ':'));
    if (bytes_is(name, "localhost"))
        return true;
    if (name.n == 0 || name.n >= sizeof host)
        return false;
    memcpy(host, name.at, name.n);
    host[name.n] = 0;
    return inet_pton(AF_INET, host, &four) == 1 && (ntohl(four.s_addr) >> 24) == 127;
}

const char *
url_fault(struct bytes url)
{
    bool plain = bytes_starts(url, BYTES("http://")), tls = bytes_starts(url, BYTES("https://"));
    struct bytes rest = bytes_sub(url, plain ? 7 : 8, url.n), authority = bytes_sub(rest, 0, bytes_find(rest, '/'));
    if (!plain && !tls)
        return "must start with https:// (or http:// for a server on this host)";
    for (size_t i = 0; i < url.n; i++)
        if (url.at[i] <= 0x20 || url.at[i] >= 0x7f || strchr("\"<>\\^`{|}#", url.at[i]))
            return "has a character that no URL has unescaped, or a fragment";
    if (authority.n == 0 || authority.at[0] == ':' || bytes_find(authority, '?') < authority.n)
        return "names no host";
    if (bytes_find(authority, '@') < authority.n)
        return "must not carry a user or password; seal the secret and use headers";
    return plain && !loopback(authority) ? "goes over the network without encryption; use https://" : NULL;
}

static bool
environment_name(struct bytes n)
{
    bool ok = n.n > 0 && n.n <= 128 && !(n.at[0] >= '0' && n.at[0] <= '9');
    for (size_t i = 0; ok && i < n.n; i++)
        ok = n.at[i] == '_' || (n.at[i] >= '0' && n.at[i] <= '9') || ((n.at[i] | 32) >= 'a' && (n.at[i] | 32) <= 'z');
    return ok;
}

/* RFC 9110 §5.6.2 token; what frames the message or names the peer is not a header of the estate's (RFC 9110 §7.2, RFC 9112 §6). */
static bool
header_name(struct bytes n)
{
    static const char *const own[] = {"host",
                                      "content-length",
                                      "transfer-encoding",
                                      "connection",
                                      "te",
                                      "trailer",
                                      "upgrade",
                                      "accept",
                                      "content-type",
                                      "mcp-session-id",
                                      "expect",
                                      "keep-alive",
                                      "mcp-protocol-version",
                                      "proxy-authorization",
                                      NULL};
    bool ok = n.n > 0 && n.n <= 128;
    for (size_t i = 0; ok && i < n.n; i++)
        ok = n.at[i] > 0x20 && n.at[i] < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", n.at[i]);
    for (const char *const *o = own; ok && *o; o++)
        ok = !bytes_same_case(n, bytes_str(*o));
    return ok;
}

static bool
looks_secret(const char *name)
{
    static const char *const words[] = {"token", "key", "secret", "password", "passwd", "credential", NULL};
    for (const char *const *w = words; *w; w++)
        if (strcasestr(name, *w))
            return true;
    return false;
}

static struct secret_use *
read_secret(struct loader *l, const struct yaml *y, const char *path, struct destination *d)
{
    struct secret_file f = {.owner = -1};
    fields_read(l, &table_secret, y, path, &f);
    for (const char *c = f.prefix; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) {
            refuse(l, yaml_get(y, "prefix"), join(l, path, BYTES("prefix")), "must be printable ASCII");
            break;
        }
    struct secret_use *s = &d->secrets[d->n_secrets++];
    s->secret = read_source(l, y, path, &f, &s->source);
    s->prefix = f.prefix;
    return s;
}

static void
read_variable(struct loader *l, const struct yaml *y, const char *path, struct destination *d, size_t *n)
{
    if (!environment_name(y->key)) {
        refuse(l, y, path, "this is no name of an environment variable");
        return;
    }
    if (y->type == YAML_MAP) {
        struct secret_use *s = read_secret(l, y, path, d);
        s->env = keep(l, y->key);
        if (s->prefix[0])
            refuse(l, yaml_get(y, "prefix"), join(l, path, BYTES("prefix")), "only headers have a prefix");
        return;
    }
    const char *value = text_of(l, y, path), *name = keep(l, y->key);
    if (value == NULL)
        return;
    if (value[0] && looks_secret(name))
        warn(l, y, path, "looks like a secret in plain text; seal it (writ destination seal) and write { secret: NAME }");
    char *both = arena_printf(&l->estate->arena, "%s=%s", name, value);
    l->memory = l->memory || both == NULL;
    d->env[(*n)++] = both;
}

static void
read_header(struct loader *l, const struct yaml *y, const char *path, struct destination *d)
{
    if (!header_name(y->key))
        refuse(l, y, path, "this header cannot be set here");
    else if (y->type != YAML_MAP)
        refuse(l, y, path, "expected { secret: NAME, prefix: … }: headers carry secrets only, sealed or by reference");
    else
        read_secret(l, y, path, d)->header = keep(l, y->key);
}

static void
read_environment(struct loader *l, const struct server_file *s, struct destination *d)
{
    size_t variables = s->env ? s->env->count : 0, headers = s->headers ? s->headers->count : 0, n = 0;
    d->env = estate_list(l, variables + 1, sizeof *d->env);
    d->secrets = estate_list(l, variables + headers, sizeof *d->secrets);
    if (d->env == NULL || d->secrets == NULL)
        return;
    for (const struct yaml *y = s->env ? s->env->child : NULL; y; y = y->next)
        read_variable(l, y, join(l, "server.env", y->key), d, &n);
    for (const struct yaml *y = s->headers ? s->headers->child : NULL; y; y = y->next)
        read_header(l, y, join(l, "server.headers", y->key), d);
}

static void
check_command(struct loader *l, const struct yaml *y, struct destination *d)
{
    const struct yaml *command = yaml_get(y, "command");
    if (d->command[0] == NULL)
        refuse(l, command, "server.command", "is empty; write the program and its arguments as a list");
    else if (d->command[0][0] != '/' && strchr(d->command[0], '/'))
        refuse(l, command, "server.command", "'%s' depends on the folder Writ was started in; write it absolute", d->command[0]);
    else if (d->command[0][0] != '/')
        warn(l, command, "server.command", "'%s' is looked up in PATH; an absolute path says which program it is", d->command[0]);
    if (d->cwd && d->roots[0] && strcmp(d->cwd, d->roots[0]) != 0)
        refuse(l, yaml_get(y, "cwd"), "server.cwd",
               "differs from the first of roots (%s), so that the server would read relative paths otherwise than Writ; make them the same",
               d->roots[0]);
    if (d->cwd == NULL)
        d->cwd = d->roots[0];
}

/* Keys that mean nothing for the other kind of server. */
static void
refuse_keys(struct loader *l, const struct yaml *y, const char *const *keys, const char *with)
{
    for (; *keys; keys++)
        if (yaml_get(y, *keys))
            refuse(l, yaml_get(y, *keys), join(l, "server", bytes_str(*keys)), "has no meaning with %s; remove it", with);
}

static void
read_server(struct loader *l, const struct yaml *y, struct destination *d)
{
    static const char *const for_stdio[] = {"cwd", "user", "env", NULL}, *const for_http[] = {"ca_file", "headers", "networks", "oauth", NULL};
    static const char *none[] = {NULL};
    struct server_file s = {.roots = none, .command = none};
    fields_read(l, &table_server, y, "server", &s);
    *d = (struct destination){.id = d->id,
                              .owner = d->owner,
                              .environment = d->environment,
                              .sensitivity = d->sensitivity,
                              .integrity = d->integrity,
                              .tools = d->tools,
                              .n_tools = d->n_tools,
                              .extras = d->extras,
                              .n_extras = d->n_extras,
                              .pinned = d->pinned,
                              .held = d->held,
                              .pin = d->pin,
                              .pin_server = d->pin_server,
                              .place = d->place,
                              .url = s.url,
                              .ca_file = s.ca_file,
                              .command = s.command,
                              .cwd = s.cwd,
                              .roots = s.roots,
                              .user = s.user,
                              .kind = s.url ? UPSTREAM_HTTP : UPSTREAM_STDIO};
    if (!!yaml_get(y, "url") + !!yaml_get(y, "command") != 1) {
        refuse(l, y, "server", "give either command (a server over stdio) or url (a server over HTTP)");
    } else if (yaml_get(y, "url")) {
        const char *fault = s.url ? url_fault(bytes_str(s.url)) : NULL;
        if (fault)
            refuse(l, yaml_get(y, "url"), "server.url", "%s", fault);
        refuse_keys(l, y, for_stdio, "url");
    } else {
        refuse_keys(l, y, for_http, "command");
        if (s.command != none)
            check_command(l, y, d);
    }
    read_environment(l, &s, d);
    read_credentials(l, y, &s, d);
}

/* -------------------------------------------------------------------------------------------------------------------- tools */

bool
sink_read(struct loader *l, const struct yaml *y, const char *path, struct sink *out)
{
    struct sink_file f = {.kind = -1};
    /* "path: path" is short for "path: { kind: path }" */
    struct yaml kind = {.type = YAML_TEXT, .text = y->text, .key = BYTES("kind"), .line = y->line, .column = y->column};
    struct yaml whole = {.type = YAML_MAP, .child = &kind, .count = 1, .line = y->line, .column = y->column};
    if (y->type != YAML_TEXT && !is_map(l, y, path))
        return false;
    fields_read(l, &table_sink, y->type == YAML_TEXT ? &whole : y, path, &f);
    if (f.kind < 0)
        return false;
    enum sink_kind is = (enum sink_kind)(f.kind + 1); /* the table leaves out SINK_NONE */
    bool said = y->type == YAML_MAP && yaml_get(y, "leaves");
    bool leaves = said ? f.leaves : is == SINK_URL || is == SINK_RECIPIENT;
    *out = (struct sink){keep(l, y->key), is, leaves};
    return true;
}

static void
read_sink(struct loader *l, const struct yaml *y, const char *path, struct tool *t)
{
    char hint[HINT_MAX];
    struct nearest n = nearest_for(y->key);
    if (!tool_argument(t, y->key, &n))
        refuse(l, y, path, "the tool has no such argument%s", nearest_hint(&n, hint));
    if (sink_read(l, y, path, &t->sinks[t->n_sinks]))
        t->n_sinks++;
}

/* A read with a sink that leaves the house is a write (design.md section 1). */
static void
raise_effect(struct loader *l, const struct yaml *y, const char *path, struct tool *t)
{
    for (size_t i = 0; i < t->n_sinks && t->effect == EFFECT_READ; i++)
        if (t->sinks[i].leaves) {
            warn(l, yaml_get(y, "effect"), join(l, path, BYTES("effect")), "counts as write: its argument '%s' can carry data out of the house",
                 t->sinks[i].argument);
            t->effect = EFFECT_WRITE;
        }
}

static void
read_tool(struct loader *l, const struct yaml *y, struct destination *d)
{
    char hint[HINT_MAX];
    const char *path = join(l, "tools", y->key);
    struct tool_file f = {.effect = -1, .sensitivity = -1};
    struct tool *t = (struct tool *)(uintptr_t)destination_tool(d, y->key);
    struct nearest n = nearest_for(y->key);
    for (size_t i = 0; i < d->n_tools; i++)
        nearest_offer(&n, bytes_str(d->tools[i].name));
    if (t == NULL)
        refuse(l, y, path, "is not among the pinned tools (pins/%s.json)%s", d->id, nearest_hint(&n, hint));
    if (!is_map(l, y, path))
        return;
    fields_read(l, &table_tool, y, path, &f);
    if (t == NULL || f.effect < 0)
        return;
    t->proposed = f.proposed;
    t->confirmed = !t->changed && f.proposed == NULL;
    t->effect = !t->confirmed && f.effect == EFFECT_READ ? EFFECT_WRITE : (enum effect)f.effect;
    t->outsiders = f.outsiders;
    t->sensitivity = f.sensitivity;
    outsiders_check(l, yaml_get(y, "outsiders"), join(l, path, BYTES("outsiders")), t->outsiders);
    if (t->changed)
        warn(l, yaml_get(y, "effect"), join(l, path, BYTES("effect")),
             "was stated before the tool changed and counts as unconfirmed; if it still holds: writ destination pin %s %s --confirm-effects", d->id,
             t->name);
    t->place = (struct place){l->file, y->line};
    if (f.limits)
        limits_of_tool(l, f.limits, join(l, path, BYTES("limits")), t);
    t->sinks = estate_list(l, f.sinks ? f.sinks->count : 0, sizeof *t->sinks);
    for (const struct yaml *s = f.sinks ? f.sinks->child : NULL; s && t->sinks; s = s->next)
        read_sink(l, s, join(l, join(l, path, BYTES("sinks")), s->key), t);
    raise_effect(l, y, path, t);
}

static void
read_tools(struct loader *l, const struct yaml *top, const struct yaml *tools, struct destination *d)
{
    size_t unconfirmed = 0;
    for (const struct yaml *y = tools ? tools->child : NULL; y; y = y->next)
        read_tool(l, y, d);
    for (size_t i = 0; i < d->n_tools; i++)
        unconfirmed += !d->tools[i].confirmed;
    if (unconfirmed)
        warn(l, tools ? tools : top, "tools",
             "%zu of %zu pinned tools have no confirmed effect; they count as write, and each call asks; look: writ destination propose %s",
             unconfirmed, d->n_tools, d->id);
}

/* -------------------------------------------------------------------------------------------------------------- the whole file */

static void
read_share(struct loader *l, const struct yaml *top, const char **share, struct destination *d)
{
    for (; share && *share; share++) {
        if (strcmp(*share, "resources") == 0)
            d->share_resources = true;
        else if (strcmp(*share, "prompts") == 0)
            d->share_prompts = true;
        else
            refuse(l, yaml_get(top, "share"), "share", "'%s' is none of: resources, prompts", *share);
    }
}

static void
check_owner(struct loader *l, const struct yaml *top, const struct destination *d)
{
    if (d->owner && !d->owner->active)
        warn(l, yaml_get(top, "owner"), "owner", "'%s' is no longer active (%s:%d); name another owner", d->owner->id, d->owner->place.file,
             d->owner->place.line);
}

static void
fill_gaps(struct destination *d)
{
    static const char *none[] = {NULL};
    d->command = d->command ? d->command : none;
    d->env = d->env ? d->env : none;
    d->roots = d->roots ? d->roots : none;
}

static void
read_destination(struct loader *l, const struct file *file, bool pin, struct destination *d)
{
    struct destination_file f = {.destination = *d};
    const struct yaml *top = file_yaml(l, file);
    if (top == NULL)
        return;
    f.destination.environment = "production";
    f.destination.integrity = INTEGRITY_UNTRUSTED;
    fields_read(l, &table_destination, top, NULL, &f);
    *d = f.destination;
    if (f.server)
        read_server(l, f.server, d);
    limits_of_destination(l, top, f.limits, d);
    read_share(l, top, f.share, d);
    check_owner(l, top, d);
    if (d->pinned)
        read_tools(l, top, f.tools, d);
    else if (!pin)
        warn(l, top, NULL, "no tools are pinned, so none can be called; run: writ destination pin %s", d->id);
}

static const struct file *
take_pin(struct file *pins, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (pins[i].name && strcmp(pins[i].name, name) == 0)
            return &pins[i];
    return NULL;
}

void
load_destinations(struct loader *l)
{
    struct estate *e = l->estate;
    size_t n, n_pins;
    struct file *files = files_list(l, "destinations", ".yaml", &n), *pins = files_list(l, "pins", ".json", &n_pins);
    e->destinations = estate_list(l, n, sizeof *e->destinations);
    for (size_t i = 0; i < n && e->destinations && !l->memory; i++) {
        struct destination *d = &e->destinations[e->n_destinations++];
        const struct file *pin = take_pin(pins, n_pins, files[i].name);
        *d = (struct destination){.id = files[i].name, .place = {files[i].path, 1}};
        if (pin)
            pin_load(l, pin, d);
        read_destination(l, &files[i], pin != NULL, d);
        fill_gaps(d);
    }
    for (size_t i = 0; i < n_pins && !l->memory; i++)
        if (estate_destination(e, pins[i].name) == NULL)
            finding_add(l, FINDING_WARNING, pins[i].path, 1, 0, "there is no destination '%s'; remove the pin, or add destinations/%s.yaml",
                        pins[i].name, pins[i].name);
}
