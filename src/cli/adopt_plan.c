/* What everything will be called, and what each file becomes. */
#include "cli/adopt.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "adopt/refer.h"

#define DESTINATIONS_MAX 1000u
#define AGENTS_MAX 64u

struct adopt_destination *
adopt_destination(const struct adoption *a, const char *id)
{
    for (size_t i = 0; id && i < a->n_destinations; i++)
        if (strcmp(a->destinations[i].id, id) == 0)
            return &a->destinations[i];
    return NULL;
}

/* --------------------------------------------------------------------------------------------------------------- agents */

static bool
is_ours(const struct adoption *a, const struct agent *g)
{
    bool uid = false;
    for (size_t i = 0; i < g->n_claims; i++)
        uid = uid || g->claims[i].uid == (int)a->person.uid;
    return uid && g->owner && strcmp(g->owner->id, a->person_id) == 0 && g->default_task && g->state == AGENT_ACTIVE;
}

static bool
is_observed(const struct adoption *a, const char *id)
{
    for (size_t i = 0; i < a->estate->n_observes; i++) {
        const struct observe *o = &a->estate->observes[i];
        if (o->what == OBSERVE_AGENT && strcmp(o->id, id) == 0 && strcmp(a->today, o->until) <= 0)
            return true;
    }
    return false;
}

/* Its own name, that with the person behind it, that with a number: the first that is free or theirs already. */
static struct err
name_agent(struct adoption *a, struct adopt_agent *g)
{
    for (int i = 0; i < 100; i++) {
        const char *id = i == 0   ? g->client->id
                         : i == 1 ? arena_printf(&a->c->arena, "%s-%s", g->client->id, a->person_id)
                                  : arena_printf(&a->c->arena, "%s-%s-%d", g->client->id, a->person_id, i);
        const struct agent *there = id && a->estate ? estate_agent(a->estate, id) : NULL;
        if (id == NULL)
            return err_make(E_MEMORY, "out of memory");
        if (there == NULL && a->estate && estate_task(a->estate, id))
            continue;
        if (there && !is_ours(a, there))
            continue;
        g->id = id;
        g->reused = there != NULL;
        g->observed = there && is_observed(a, id);
        return err_ok();
    }
    return err_make(E_STATE, "no name is free for the agent of %s", g->client->name);
}

static struct err
agent_for(struct adoption *a, const struct client *client, struct adopt_agent **out)
{
    for (size_t i = 0; i < a->n_agents; i++)
        if (a->agents[i].client == client) {
            *out = &a->agents[i];
            return err_ok();
        }
    if (a->n_agents == AGENTS_MAX)
        return err_make(E_LIMIT, "more than %u clients at once", AGENTS_MAX);
    *out = &a->agents[a->n_agents++];
    **out = (struct adopt_agent){.client = client};
    return name_agent(a, *out);
}

/* ---------------------------------------------------------------------------------------------------------- destinations */

static bool
same_values(const struct value *x, size_t n, const struct value *y, size_t m)
{
    for (size_t i = 0; n == m && i < n; i++)
        if (!bytes_eq(x[i].name, y[i].name) || !bytes_eq(x[i].text, y[i].text))
            return false;
    return n == m;
}

static bool
same_entry(const struct entry *x, const struct entry *y)
{
    return x->http == y->http && bytes_eq(x->url.text, y->url.text) && bytes_eq(x->cwd, y->cwd) &&
           same_values(x->args, x->n_args, y->args, y->n_args) && same_values(x->env, x->n_env, y->env, y->n_env) &&
           same_values(x->headers, x->n_headers, y->headers, y->n_headers);
}

static bool
has_secret(const struct entry *e)
{
    bool found = e->n_headers > 0;
    for (size_t i = 0; i < e->n_args; i++)
        found = found || e->args[i].secret;
    for (size_t i = 0; i < e->n_env; i++)
        found = found || e->env[i].secret;
    return found;
}

/* Declared with our first line for this very entry of this file? */
static bool
is_marked(struct adoption *a, const char *id, const struct adopt_file *f, const struct entry *e)
{
    struct bytes text;
    struct buf marker = buf_make(4096);
    const char *path = arena_printf(&a->c->arena, "%s/destinations/%s.yaml", a->dir, id);
    declare_marker(&marker, f->taken.path, e->name);
    bool same = path && !err_failed(where_file(a->c, path, (size_t)1 << 20, &text)) && bytes_starts(text, buf_bytes(&marker));
    buf_free(&marker);
    return same;
}

/* Declared like this before, for another client; without secrets, of which nobody knows any more whether they are the same. */
static bool
is_alike(const struct adoption *a, const struct destination *d, const struct adopt_destination *wanted)
{
    const struct entry *e = wanted->entry;
    size_t n = 0;
    if (has_secret(e) || d->n_secrets || (d->kind == UPSTREAM_HTTP) != e->http || e->n_env)
        return false;
    if (e->http)
        return bytes_is(e->url.text, d->url);
    for (; d->command[n] && n < e->n_args; n++)
        if (!(n == 0 ? strcmp(wanted->program, d->command[0]) == 0 : bytes_is(e->args[n].text, d->command[n])))
            return false;
    return n == e->n_args && d->command[n] == NULL && d->user && strcmp(d->user, a->person.user) == 0 && d->cwd && strcmp(d->cwd, wanted->cwd) == 0 &&
           d->pinned;
}

static struct err
name_destination(struct adoption *a, struct adopt_file *f, struct adopt_destination *d)
{
    const char *base = declare_id(&a->c->arena, d->entry->name, "server");
    for (int i = 0; base && i < 200; i++) {
        const char *id = i == 0   ? base
                         : i == 1 ? arena_printf(&a->c->arena, "%.40s-%s", base, f->agent->client->id)
                                  : arena_printf(&a->c->arena, "%.40s-%d", base, i);
        if (id == NULL)
            return err_make(E_MEMORY, "out of memory");
        if (adopt_destination(a, id))
            continue;
        const struct destination *there = a->estate ? estate_destination(a->estate, id) : NULL;
        if (there && !is_marked(a, id, f, d->entry) && !is_alike(a, there, d))
            continue;
        d->id = id;
        d->reused = there != NULL;
        return err_ok();
    }
    return err_make(E_STATE, "no name is free for the server %.60s", base ? base : "?");
}

static struct err
folder_of(struct adoption *a, struct entry *e, const char **out)
{
    char real[PATH_MAX];
    const char *cwd = e->cwd.n ? arena_str(&a->c->arena, e->cwd) : a->person.home;
    if (cwd == NULL)
        return err_make(E_MEMORY, "out of memory");
    if (cwd[0] != '/' || realpath(cwd, real) == NULL) {
        entry_broken(e, "the folder that it is to be started in, %.150s, is not there", cwd);
        return err_ok();
    }
    *out = arena_str(&a->c->arena, bytes_str(real));
    return *out ? err_ok() : err_make(E_MEMORY, "out of memory");
}

/* Everything that must hold before it gets a name. */
static struct err
look_for_program(struct adoption *a, struct adopt_destination *d)
{
    struct entry *e = d->entry;
    if (e->http)
        return err_ok();
    TRY(folder_of(a, e, &d->cwd));
    if (e->state != ENTRY_GOOD)
        return err_ok();
    struct err found = file_program(&a->c->arena, &a->person, a->path, e->args[0].text, e->cwd.n ? d->cwd : NULL, &d->program);
    if (found.code == E_NOT_FOUND)
        entry_broken(e, "line %d: %s", e->args[0].line, found.text);
    else if (err_failed(found))
        return found;
    return err_ok();
}

static struct err
place_entry(struct adoption *a, struct adopt_file *f, struct entry *e)
{
    struct adopt_destination d = {.entry = e, .file = f->taken.path};
    TRY(look_for_program(a, &d));
    if (e->state != ENTRY_GOOD)
        return err_ok();
    for (size_t i = 0; i < a->n_destinations; i++)
        if (same_entry(a->destinations[i].entry, e)) {
            e->destination = a->destinations[i].id;
            return err_ok();
        }
    if (a->n_destinations == DESTINATIONS_MAX)
        return err_make(E_LIMIT, "more than %u servers at once", DESTINATIONS_MAX);
    TRY(name_destination(a, f, &d));
    e->destination = d.id;
    a->destinations[a->n_destinations++] = d;
    return err_ok();
}

/* --------------------------------------------------------------------------------------------------------------- secrets */

static bool
taken_name(const struct entry *e, const struct value *but, const char *name)
{
    const struct value *lists[] = {e->args, e->env, e->headers};
    const size_t n[] = {e->n_args, e->n_env, e->n_headers};
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; i < n[l]; i++)
            if (&lists[l][i] != but && lists[l][i].sealed && strcmp(lists[l][i].sealed, name) == 0)
                return true;
    return false;
}

/* "github-token" for GITHUB_TOKEN of github: the destination's name once. Never ".key" at its end, which means a private key. */
static struct err
name_secret(struct adoption *a, const struct adopt_destination *d, struct value *v)
{
    const char *part = declare_id(&a->c->arena, v->name.n ? v->name : BYTES("argument"), "secret");
    struct buf b = buf_make(128);
    for (const char *p = part; part && *p; p++)
        buf_putc(&b, *p == '_' || *p == '.' ? '-' : (uint8_t)*p);
    struct bytes rest = buf_bytes(&b), id = bytes_str(d->id);
    if (bytes_starts(rest, id) && rest.n > id.n + 1 && rest.at[id.n] == '-')
        rest = bytes_sub(rest, id.n + 1, SIZE_MAX);
    const char *name = arena_printf(&a->c->arena, "%.30s-%.*s", d->id, BYTES_CUT(rest, 28));
    for (int i = 2; name && taken_name(d->entry, v, name); i++)
        name = arena_printf(&a->c->arena, "%.28s-%.*s-%d", d->id, BYTES_CUT(rest, 26), i);
    buf_free(&b);
    v->sealed = name;
    return name ? err_ok() : err_make(E_MEMORY, "out of memory");
}

static struct err
name_secrets(struct adoption *a, struct adopt_destination *d)
{
    struct entry *e = d->entry;
    for (size_t i = 0; i < e->n_args; i++)
        if (e->args[i].secret)
            TRY(name_secret(a, d, &e->args[i]));
    for (size_t i = 0; i < e->n_env; i++)
        if (e->env[i].secret)
            TRY(name_secret(a, d, &e->env[i]));
    for (size_t i = 0; i < e->n_headers; i++) {
        struct value *v = &e->headers[i];
        if (!v->secret) /* the estate's headers carry secrets only */
            v->hidden = v->text, v->before = (struct bytes){NULL, 0};
        TRY(name_secret(a, d, v));
    }
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------------------ files */

struct err
adopt_rewrite(struct adoption *a, struct adopt_file *f, bool all)
{
    struct edits edits = {.a = &a->c->arena};
    f->changed = (struct bytes){NULL, 0};
    f->rewritten = 0;
    for (size_t i = 0; i < f->entries.n; i++) {
        struct entry *e = &f->entries.list[i];
        const struct adopt_destination *d = adopt_destination(a, e->destination);
        if (e->state != ENTRY_GOOD || d == NULL || (!all && !d->pinned))
            continue;
        const char *const argv[] = {a->self, "mcp", d->id, "--agent", f->agent->id, "--run-dir", a->run_dir, NULL};
        if (entry_rewrite(e, f->taken.text, f->toml, argv, &edits))
            f->rewritten++;
        else
            entry_broken(e, f->toml ? "it is written with dotted keys; give it a table of its own: [mcp_servers.NAME]"
                                    : "it is written in a way that cannot be changed in its place");
    }
    if (f->rewritten == 0)
        return err_ok();
    struct buf b = buf_make(CONFIG_MAX_BYTES + 1048576);
    struct err e = edits_apply(&edits, f->taken.text, &b);
    if (e.code == E_STATE) { /* this file's trouble alone */
        snprintf(f->problem, sizeof f->problem, "cannot be changed in its place: %.200s", e.text);
        f->rewritten = 0;
        buf_free(&b);
        return err_ok();
    }
    if (!err_failed(e) && (f->changed = arena_copy(&a->c->arena, buf_bytes(&b))).at == NULL)
        e = err_make(E_MEMORY, "out of memory");
    buf_free(&b);
    return e;
}

/* What was written must be read as it is meant, by the very reader that will see it the next time. */
static struct err
verify(struct adoption *a, struct adopt_file *f)
{
    struct config *doc = NULL;
    int line;
    if (f->changed.at == NULL)
        return err_ok();
    struct err e = f->toml ? config_toml(&a->c->arena, f->changed, &doc, &line) : config_json(&a->c->arena, f->changed, &doc, &line);
    if (!err_failed(e))
        return err_ok();
    f->line = line;
    f->changed = (struct bytes){NULL, 0};
    snprintf(f->problem, sizeof f->problem, "cannot be changed in its place: %.200s", e.text);
    for (size_t i = 0; i < f->entries.n; i++)
        entry_broken(&f->entries.list[i], "its file cannot be changed in its place");
    return e.code == E_MEMORY ? e : err_ok();
}

static struct err
plan_file(struct adoption *a, struct adopt_file *f)
{
    bool any = false;
    for (size_t i = 0; i < f->entries.n; i++)
        any = any || f->entries.list[i].state == ENTRY_GOOD;
    if (!any)
        return err_ok();
    TRY(agent_for(a, client_named(f->rows[0]->client), &f->agent));
    for (size_t i = 0; i < f->entries.n; i++)
        if (f->entries.list[i].state == ENTRY_GOOD)
            TRY(place_entry(a, f, &f->entries.list[i]));
    return err_ok();
}

struct err
adopt_plan(struct adoption *a)
{
    a->agents = arena_list(&a->c->arena, AGENTS_MAX, sizeof *a->agents);
    a->destinations = arena_list(&a->c->arena, DESTINATIONS_MAX, sizeof *a->destinations);
    if (a->agents == NULL || a->destinations == NULL)
        return err_make(E_MEMORY, "out of memory");
    for (size_t i = 0; i < a->n_files; i++)
        TRY(plan_file(a, &a->files[i]));
    for (size_t i = 0; i < a->n_destinations; i++)
        TRY(name_secrets(a, &a->destinations[i]));
    for (size_t i = 0; i < a->n_files; i++) {
        TRY(adopt_rewrite(a, &a->files[i], true));
        TRY(verify(a, &a->files[i]));
    }
    return err_ok();
}
