/* What adopt would do, what it did, and what that means. Of a secret nothing is shown, not even its length; of an environment only names. */
#include "cli/adopt.h"

#include <stdio.h>
#include <unistd.h>

#define SECRET_SHOWN "[secret]"

static void
put_clean(struct buf *b, struct bytes text)
{
    output_clean(b, text, false);
}

static void
put_str(struct buf *b, const char *text)
{
    put_clean(b, bytes_str(text));
}

/* Below the home folder as people write it. */
static void
put_path(const struct adoption *a, struct buf *b, const char *path)
{
    size_t n = strlen(a->person.home);
    bool below = n > 1 && strncmp(path, a->person.home, n) == 0 && path[n] == '/';
    if (below)
        buf_putc(b, '~');
    put_str(b, below ? path + n : path);
}

static void
put_word(struct buf *b, const struct value *v)
{
    if (v->secret) {
        put_clean(b, v->before);
        buf_puts(b, SECRET_SHOWN);
        return;
    }
    bool plain = v->text.n > 0;
    for (size_t i = 0; i < v->text.n; i++)
        plain = plain && v->text.at[i] > 0x20 && !strchr("'\"\\$`;|&<>()*?", v->text.at[i]);
    if (!plain)
        buf_putc(b, '\'');
    put_clean(b, bytes_sub(v->text, 0, 200));
    buf_puts(b, v->text.n > 200 ? "…" : "");
    if (!plain)
        buf_putc(b, '\'');
}

static void
put_command(struct buf *b, const struct entry *e)
{
    if (e->http) {
        put_clean(b, bytes_sub(e->url.text, 0, bytes_find(e->url.text, '?')));
        return;
    }
    for (size_t i = 0; i < e->n_args; i++) {
        buf_puts(b, i ? " " : "");
        put_word(b, &e->args[i]);
    }
}

#define INDENT "        "

static void
put_values(const struct value *list, size_t n, const char *what, struct buf *b, bool colour)
{
    for (size_t i = 0; i < n; i++) {
        const struct value *v = &list[i];
        if (v->sealed == NULL)
            continue;
        buf_puts(b, INDENT);
        output_tone(b, colour, TONE_WARN, "secret ");
        buf_printf(b, "%s ", what);
        put_clean(b, v->name.n ? v->name : BYTES(""));
        buf_printf(b, "%sline %d: sealed as %s", v->name.n ? ", " : "", v->line, v->sealed);
        if (v->reference)
            buf_puts(b, "; it was a reference to your environment, and is sealed as it stands there now\n");
        else if (v->secret)
            buf_printf(b, " (%s); rotate it, since it stood in clear\n", v->rule ? v->rule : "by its name");
        else
            buf_puts(b, "\n");
    }
}

static void
put_kept(const struct entry *e, struct buf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_env; i++)
        if (!e->env[i].secret) {
            buf_puts(b, n++ ? ", " : INDENT "env ");
            put_clean(b, e->env[i].name);
        }
    if (n)
        buf_puts(b, ": go along as they are\n");
}

static void
put_entry(const struct adoption *a, const struct adopt_file *f, const struct entry *e, struct buf *b, bool colour)
{
    const struct adopt_destination *d = adopt_destination(a, e->destination);
    const struct entry *first = d ? d->entry : e;
    buf_printf(b, "  %4d  ", e->line);
    output_tone(b, colour, TONE_STRONG, "");
    put_clean(b, bytes_sub(e->name, 0, 100));
    buf_putc(b, '\n');
    if (e->state != ENTRY_GOOD) {
        buf_puts(b, INDENT);
        output_tone(b, colour, e->state == ENTRY_BROKEN ? TONE_BAD : TONE_DIM, e->state == ENTRY_BROKEN ? "left as it is: " : "");
        put_str(b, e->problem);
        buf_putc(b, '\n');
        return;
    }
    buf_puts(b, INDENT);
    output_tone(b, colour, TONE_BAD, "- ");
    put_command(b, e);
    buf_puts(b, "\n" INDENT);
    output_tone(b, colour, TONE_GOOD, "+ ");
    buf_printf(b, "writ mcp %s --agent %s\n", e->destination, f->agent->id);
    put_values(first->args, first->n_args, "in the arguments", b, colour);
    put_values(first->env, first->n_env, "env", b, colour);
    put_values(first->headers, first->n_headers, "header", b, colour);
    put_kept(first, b);
    if (e->notes[0]) {
        buf_puts(b, INDENT);
        output_tone(b, colour, TONE_WARN, "note ");
        put_str(b, e->notes);
        buf_putc(b, '\n');
    }
}

static void
put_file(const struct adoption *a, const struct adopt_file *f, struct buf *b, bool colour)
{
    const char *path = f->taken.text.at ? f->taken.path : f->shown;
    if (f->problem[0] == 0 && f->entries.n == 0)
        return;
    output_tone(b, colour, TONE_STRONG, f->n_rows ? client_named(f->rows[0]->client)->name : "?");
    buf_puts(b, "  ");
    put_path(a, b, path);
    if (f->agent)
        buf_printf(b, "  (agent %s)", f->agent->id);
    buf_putc(b, '\n');
    if (f->problem[0]) {
        buf_puts(b, "  ");
        output_tone(b, colour, TONE_BAD, "left as it is: ");
        if (f->line)
            buf_printf(b, "line %d: ", f->line);
        put_str(b, f->problem);
        buf_putc(b, '\n');
    }
    for (size_t i = 0; i < f->entries.n; i++)
        put_entry(a, f, &f->entries.list[i], b, colour);
    if (f->taken.repository && f->changed.at) {
        buf_puts(b, "        ");
        output_tone(b, colour, TONE_WARN, "note ");
        buf_puts(b, "the file lies in a Git repository (");
        put_path(a, b, f->taken.repository);
        buf_puts(b, "): what was committed stays in its history, and others who use the file have no Writ\n");
    }
    if ((f->taken.mode & 077) && f->changed.at) {
        buf_printf(b, "        ");
        output_tone(b, colour, TONE_WARN, "note ");
        buf_printf(b, "other users of this host could read it (mode %03o)\n", (unsigned)f->taken.mode);
    }
    buf_putc(b, '\n');
}

static size_t
count_started(const struct adoption *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_destinations; i++) {
        const struct destination *there = a->estate ? estate_destination(a->estate, a->destinations[i].id) : NULL;
        n += a->destinations[i].entry->state == ENTRY_GOOD && !a->destinations[i].entry->http && !(there && there->pinned);
    }
    return n;
}

static size_t
count_good(const struct adoption *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_files; i++)
        for (size_t k = 0; k < a->files[i].entries.n; k++)
            n += a->files[i].entries.list[k].state == ENTRY_GOOD;
    return n;
}

/* What holds afterwards and what does not, before anybody says yes (law 5, law 11, law 12). */
static void
put_meaning(const struct adoption *a, struct buf *b, bool colour)
{
    size_t starts = count_started(a);
    output_tone(b, colour, TONE_STRONG, "What this means\n");
    buf_puts(b, a->fresh ? "- a new estate is made in " : "- the estate is ");
    put_str(b, a->dir);
    buf_printf(b, "; the owner is %s\n", a->person_id);
    if (a->start && starts)
        buf_printf(b, "- %zu server%s started once, as the user %s, to see what %s; what is offered is pinned\n", starts,
                   starts == 1 ? " is" : "s are", a->person.user, starts == 1 ? "it offers" : "they offer");
    else if (starts)
        buf_printf(b, "- no server is started (--no-start), so nothing can be pinned: destinations are declared and secrets sealed, and the clients' "
                      "files stay as "
                      "they are\n");
    buf_printf(b,
               "- the servers run as %s, as before: they reach what %s reaches, and a program of %s that wants to can read the secrets from a "
               "server's memory (law 5). Secrets of servers over HTTP stay out of its reach\n",
               a->person.user, a->person.user, a->person.user);
    buf_printf(b,
               "- any program of %s can say it is one of these agents (a weak proof), and could start a server without Writ (law 11): `writ run` "
               "closes both\n",
               a->person.user);
    buf_printf(b, "- %s administers nothing here: root does. If sudo asks %s for no password, neither does it ask an agent\n", a->person.user,
               a->person.user);
    if (a->enforce)
        buf_puts(b, "- enforced from the first call: tools whose effect nobody confirmed ask, and nothing can answer until approvals are set up\n");
    else
        buf_printf(b, "- observed until %s: what policies would refuse or ask is recorded and goes through\n", a->until);
}

void
adopt_show_plan(const struct adoption *a, struct buf *b)
{
    bool colour = output_colour(STDOUT_FILENO);
    for (size_t i = 0; i < a->n_files; i++)
        put_file(a, &a->files[i], b, colour);
    if (a->n_files == 0)
        buf_printf(b, "no configuration of a known MCP client below %s\n", a->person.home);
    else if (count_good(a) == 0)
        buf_puts(b, "nothing to adopt\n");
    else
        put_meaning(a, b, colour);
}

/* -------------------------------------------------------------------------------------------------------------- the end */

static void
put_failed(const struct adoption *a, struct buf *b, bool colour)
{
    for (size_t i = 0; i < a->n_destinations; i++) {
        const struct adopt_destination *d = &a->destinations[i];
        if (d->failed[0] == 0)
            continue;
        output_tone(b, colour, TONE_BAD, "left as it is: ");
        put_clean(b, d->entry->name);
        buf_puts(b, " of ");
        put_path(a, b, d->file);
        buf_printf(b, ":%d: ", d->entry->line);
        put_str(b, d->failed);
        buf_putc(b, '\n');
    }
}

static void
put_held(const struct adoption *a, struct buf *b, bool colour)
{
    for (size_t i = 0; i < a->n_destinations; i++) {
        const struct adopt_destination *d = &a->destinations[i];
        if (d->held == 0 || !d->pinned)
            continue;
        output_tone(b, colour, TONE_BAD, "held back: ");
        buf_printf(b, "%zu of what %s offers hides something or cannot be named; look: writ destination pin %s\n", d->held, d->id, d->id);
    }
}

static void
put_rotate(const struct adoption *a, struct buf *b, bool colour)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_destinations; i++) {
        const struct adopt_destination *d = &a->destinations[i];
        const struct value *lists[] = {d->entry->args, d->entry->env, d->entry->headers};
        const size_t counts[] = {d->entry->n_args, d->entry->n_env, d->entry->n_headers};
        for (size_t l = 0; l < 3; l++)
            for (size_t k = 0; k < counts[l] && d->pinned; k++)
                if (lists[l][k].secret && !lists[l][k].reference) {
                    if (n++ == 0)
                        output_tone(b, colour, TONE_WARN,
                                    "to be rotated, since these stood in clear (then: sudo writ destination seal DESTINATION SECRET)\n");
                    buf_printf(b, "  %s %s\n", d->id, lists[l][k].sealed);
                }
    }
}

static void
put_next(const struct adoption *a, struct buf *b, size_t written, bool colour)
{
    if (written == 0)
        return;
    if (a->serving) {
        output_tone(b, colour, TONE_STRONG, "next: start the server, without which these clients reach nothing\n");
        buf_printf(b, "  sudo %s serve %s\n", a->self, a->dir);
    }
    buf_printf(b, "then restart the clients. Back to how it was, byte for byte: sudo writ adopt --undo%s%s\n",
               strcmp(a->dir, "/etc/writ") ? " --estate " : "", strcmp(a->dir, "/etc/writ") ? a->dir : "");
}

void
adopt_show_end(const struct adoption *a, struct buf *b)
{
    bool colour = output_colour(STDOUT_FILENO);
    size_t written = 0, entries = 0, pinned = 0, tools = 0;
    for (size_t i = 0; i < a->n_files; i++) {
        const struct adopt_file *f = &a->files[i];
        written += f->written;
        entries += f->written ? f->rewritten : 0;
        if (f->problem[0] && f->agent) {
            output_tone(b, colour, TONE_BAD, "left as it is: ");
            put_path(a, b, f->taken.path);
            buf_puts(b, ": ");
            put_str(b, f->problem);
            buf_putc(b, '\n');
        }
    }
    for (size_t i = 0; i < a->n_destinations; i++) {
        pinned += a->destinations[i].pinned;
        tools += a->destinations[i].pinned ? a->destinations[i].tools : 0;
    }
    put_failed(a, b, colour);
    put_held(a, b, colour);
    put_rotate(a, b, colour);
    output_tone(b, colour, written ? TONE_GOOD : TONE_WARN, "adopted: ");
    buf_printf(b, "%zu servers in %zu files; %zu destinations with %zu tools are pinned\n", entries, written, pinned, tools);
    if (!a->enforce && written)
        buf_printf(b, "observed until %s\n", a->until);
    if (written)
        buf_puts(
            b, "what their tools do is proposed, and counts as writing until you confirm it: sudo writ destination propose DESTINATION --confirm\n");
    put_next(a, b, written, colour);
}

/* ------------------------------------------------------------------------------------------------------------------ JSON */

static void
put_secrets_json(const struct entry *e, struct buf *b)
{
    const struct value *lists[] = {e->args, e->env, e->headers};
    const size_t n[] = {e->n_args, e->n_env, e->n_headers};
    static const char *const where[] = {"arguments", "env", "headers"};
    json_key(b, "secrets");
    json_open(b, '[');
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; i < n[l]; i++) {
            const struct value *v = &lists[l][i];
            if (v->sealed == NULL)
                continue;
            json_item(b);
            json_open(b, '{');
            json_member_str(b, "where", where[l]);
            if (v->name.n)
                json_member_text(b, "name", v->name);
            json_member_int(b, "line", v->line);
            json_member_str(b, "sealed", v->sealed);
            json_member_bool(b, "rotate", v->secret && !v->reference);
            if (v->rule)
                json_member_str(b, "rule", v->rule);
            json_close(b, '}');
        }
    json_close(b, ']');
}

static void
put_entry_json(const struct adoption *a, const struct entry *e, struct buf *b)
{
    static const char *const states[] = {"good", "left", "broken"};
    const struct adopt_destination *d = adopt_destination(a, e->destination);
    json_item(b);
    json_open(b, '{');
    json_member_text(b, "name", e->name);
    json_member_int(b, "line", e->line);
    json_member_str(b, "state", d && d->failed[0] ? "failed" : states[e->state]);
    if (e->problem[0] || (d && d->failed[0]))
        json_member_str(b, "problem", e->problem[0] ? e->problem : d->failed);
    if (e->notes[0])
        json_member_str(b, "notes", e->notes);
    if (d) {
        json_member_str(b, "destination", d->id);
        json_member_bool(b, "pinned", d->pinned);
        json_member_int(b, "tools", (int64_t)d->tools);
        json_member_int(b, "held", (int64_t)d->held);
        put_secrets_json(d->entry, b);
    }
    json_close(b, '}');
}

void
adopt_show_json(const struct adoption *a, struct buf *b)
{
    json_open(b, '{');
    json_member_str(b, "estate", a->dir);
    json_member_str(b, "person", a->person_id);
    json_member_str(b, "user", a->person.user);
    if (!a->enforce)
        json_member_str(b, "observe_until", a->until);
    json_member_bool(b, "server_runs", !a->serving);
    json_key(b, "files");
    json_open(b, '[');
    for (size_t i = 0; i < a->n_files; i++) {
        const struct adopt_file *f = &a->files[i];
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "path", f->taken.text.at ? f->taken.path : f->shown);
        if (f->n_rows)
            json_member_str(b, "client", f->rows[0]->client);
        if (f->agent)
            json_member_str(b, "agent", f->agent->id);
        if (f->problem[0])
            json_member_str(b, "problem", f->problem);
        if (f->line)
            json_member_int(b, "line", f->line);
        json_member_bool(b, "written", f->written);
        json_key(b, "entries");
        json_open(b, '[');
        for (size_t k = 0; k < f->entries.n; k++)
            put_entry_json(a, &f->entries.list[k], b);
        json_close(b, ']');
        json_close(b, '}');
    }
    json_close(b, ']');
    json_close(b, '}');
    buf_putc(b, '\n');
}
