/* destination propose: what packs, names and annotations say about the pinned tools of a destination; written down, and confirmed, when a person says so. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decide/decide.h"
#include "estate/packs.h"

#define FILE_MAX ((size_t)1 << 20)

struct proposing {
    struct cli *c;
    const char *dir;
    struct estate *estate;
    struct packs *packs;
    const struct destination *d;
    struct recognised known;
    struct proposal *list; /* one for each chosen tool, in the order of names */
    const struct tool **tools;
    size_t n;
    size_t added, confirmed;
};

/* ------------------------------------------------------------------------------------------------------------ looking */

static bool
chosen(const struct cli *c, const char *name)
{
    for (size_t i = 1; i < c->n_words; i++)
        if (strcmp(c->words[i], name) == 0)
            return true;
    return c->n_words == 1;
}

static struct err
check_names(const struct proposing *p)
{
    for (size_t i = 1; i < p->c->n_words; i++) {
        struct guess g = guess_for(bytes_str(p->c->words[i]));
        for (size_t k = 0; k < p->d->n_tools; k++)
            guess_offer(&g, bytes_str(p->d->tools[k].name));
        if (destination_tool(p->d, bytes_str(p->c->words[i])))
            continue;
        if (g.best.n)
            return err_make(E_NOT_FOUND, "%s has no pinned tool '%.60s'; did you mean '%.*s'?", p->d->id, p->c->words[i], BYTES_CUT(g.best, 60));
        return err_make(E_NOT_FOUND, "%s has no pinned tool '%.60s'", p->d->id, p->c->words[i]);
    }
    return err_ok();
}

static struct err
find_destination(struct proposing *p)
{
    const char *name = p->c->words[0];
    struct guess g = guess_for(bytes_str(name));
    p->d = estate_destination(p->estate, name);
    for (size_t i = 0; i < p->estate->n_destinations; i++)
        guess_offer(&g, bytes_str(p->estate->destinations[i].id));
    if (p->d == NULL && g.best.n)
        return err_make(E_NOT_FOUND, "the estate has no destination '%.64s'; did you mean '%.*s'?", name, BYTES_CUT(g.best, 64));
    if (p->d == NULL)
        return err_make(E_NOT_FOUND, "the estate has no destination '%.64s'", name);
    if (!p->d->pinned)
        return err_make(E_STATE, "no tools of %s are pinned, so there is nothing to propose; first run: writ destination pin %s", name, name);
    return err_ok();
}

static struct err
look(struct proposing *p)
{
    const struct json *info = json_get(json_get(p->d->pin, "server"), "info");
    struct known_server server = {.command = p->d->kind == UPSTREAM_STDIO ? p->d->command : NULL,
                                  .url = p->d->url,
                                  .name = json_text(info, "name"),
                                  .version = json_text(info, "version")};
    packs_recognise(p->packs, &server, &p->c->arena, &p->known);
    p->list = arena_list(&p->c->arena, p->d->n_tools + 1, sizeof *p->list);
    p->tools = arena_list(&p->c->arena, p->d->n_tools + 1, sizeof *p->tools);
    if (p->list == NULL || p->tools == NULL)
        return err_make(E_MEMORY, "out of memory");
    for (size_t i = 0; i < p->d->n_tools; i++) {
        const struct tool *t = &p->d->tools[i];
        if (!chosen(p->c, t->name))
            continue;
        TRY(propose_tool(&p->known, t->pin, &p->c->arena, &p->list[p->n]));
        p->tools[p->n++] = t;
    }
    return err_ok();
}

/* ------------------------------------------------------------------------------------------------------------ showing */

/* Does destinations/NAME.yaml say anything about it? */
static bool
stated(const struct tool *t)
{
    return strncmp(t->place.file, "destinations/", 13) == 0;
}

static struct bytes
text_of(struct proposing *p, struct buf *b)
{
    struct bytes text = b->failed ? (struct bytes){NULL, 0} : arena_copy(&p->c->arena, buf_bytes(b));
    buf_free(b);
    return text.n ? text : BYTES("-");
}

static struct bytes
sinks_text(struct proposing *p, const struct proposal *q)
{
    struct buf b = buf_make(65536);
    for (size_t i = 0; i < q->n_sinks; i++) {
        buf_puts(&b, i ? ", " : "");
        output_clean(&b, bytes_str(q->sinks[i].argument), false);
        buf_printf(&b, " (%s%s)", sink_kind_names[q->sinks[i].kind], q->sinks[i].leaves ? ", leaves" : "");
    }
    return text_of(p, &b);
}

static struct bytes
outsiders_text(struct proposing *p, const struct proposal *q)
{
    struct buf b = buf_make(65536);
    for (size_t i = 0; q->outsiders[i]; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", strcmp(q->outsiders[i], "*") == 0 ? "all" : q->outsiders[i]);
    return text_of(p, &b);
}

static struct bytes
now_text(struct proposing *p, const struct tool *t)
{
    struct buf b = buf_make(256);
    if (!stated(t))
        return BYTES("-");
    buf_printf(&b, "%s, %s", effect_names[t->effect], t->proposed ? "proposed" : t->changed ? "changed since" : "confirmed");
    return text_of(p, &b);
}

static void
put_head(struct proposing *p, struct buf *b)
{
    enum sensitivity s = propose_sensitivity(&p->known);
    buf_printf(b, "%s: ", p->d->id);
    output_clean(b, bytes_str(p->known.why), false);
    if (p->known.pack) {
        buf_puts(b, "\nabout: ");
        output_clean(b, bytes_str(p->known.pack->about), false);
        buf_puts(b, "\nlooked at: ");
        output_clean(b, bytes_str(p->known.pack->looked_at), false);
        buf_printf(b, "\nsensitivity: %s", sensitivity_names[s]);
        if (s != p->d->sensitivity)
            buf_printf(b, " (destinations/%s.yaml says %s)", p->d->id, sensitivity_names[p->d->sensitivity]);
    }
    buf_puts(b, "\n\n");
}

static void
put_notes(struct proposing *p, struct buf *b)
{
    size_t width = output_width(STDOUT_FILENO);
    struct buf text = buf_make(65536);
    if (p->known.pack && p->known.pack->note)
        buf_printf(&text, "\n%s", p->known.pack->note);
    output_wrap(b, buf_bytes(&text), width, 0);
    buf_puts(b, text.n ? "\n" : "");
    for (size_t i = 0; i < p->n; i++) {
        if (p->list[i].note == NULL)
            continue;
        buf_puts(b, "  ");
        output_clean(b, bytes_str(p->list[i].tool), false);
        buf_puts(b, ": ");
        output_clean(b, bytes_str(p->list[i].note), false);
        buf_putc(b, '\n');
    }
    buf_free(&text);
}

static void
put_table(struct proposing *p, struct buf *b)
{
    static const char *const head[] = {"TOOL", "EFFECT", "SINKS", "OUTSIDERS WROTE", "RESTS ON", "NOW"};
    struct grid g = grid_make(&p->c->arena, 6);
    put_head(p, b);
    grid_head(&g, head);
    for (size_t i = 0; i < p->n; i++) {
        struct buf name = buf_make(1024);
        output_clean(&name, bytes_str(p->list[i].tool), false);
        grid_add(&g, text_of(p, &name));
        grid_add(&g, bytes_str(effect_names[p->list[i].effect]));
        grid_add(&g, sinks_text(p, &p->list[i]));
        grid_add(&g, outsiders_text(p, &p->list[i]));
        grid_add(&g, p->list[i].known ? BYTES("pack") : BYTES("name"));
        grid_add(&g, now_text(p, p->tools[i]));
    }
    grid_put(&g, b, output_colour(STDOUT_FILENO));
    put_notes(p, b);
}

static void
put_tool_json(struct buf *b, const struct proposal *q, const struct tool *t)
{
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "tool", q->tool);
    json_member_str(b, "effect", effect_names[q->effect]);
    json_key(b, "sinks");
    json_open(b, '[');
    for (size_t i = 0; i < q->n_sinks; i++) {
        json_item(b);
        json_open(b, '{');
        json_member_str(b, "argument", q->sinks[i].argument);
        json_member_str(b, "kind", sink_kind_names[q->sinks[i].kind]);
        json_member_bool(b, "leaves", q->sinks[i].leaves);
        json_close(b, '}');
    }
    json_close(b, ']');
    json_key(b, "outsiders");
    json_open(b, '[');
    for (size_t i = 0; q->outsiders[i]; i++) {
        json_item(b);
        json_put_text(b, bytes_str(q->outsiders[i]));
    }
    json_close(b, ']');
    if (q->sensitivity >= 0)
        json_member_str(b, "sensitivity", sensitivity_names[q->sensitivity]);
    json_member_bool(b, "known", q->known);
    json_member_str(b, "why", q->why);
    if (q->note)
        json_member_str(b, "note", q->note);
    json_member_bool(b, "stated", stated(t));
    json_member_bool(b, "confirmed", t->confirmed);
    json_close(b, '}');
}

static void
put_json(struct proposing *p, struct buf *b)
{
    json_open(b, '{');
    json_member_str(b, "destination", p->d->id);
    json_member_str(b, "why", p->known.why);
    if (p->known.pack) {
        json_member_str(b, "pack", p->known.pack->id);
        json_member_bool(b, "doubt", p->known.doubt);
        json_member_str(b, "sensitivity", sensitivity_names[propose_sensitivity(&p->known)]);
    }
    json_key(b, "tools");
    json_open(b, '[');
    for (size_t i = 0; i < p->n; i++)
        put_tool_json(b, &p->list[i], p->tools[i]);
    json_close(b, ']');
    json_member_int(b, "added", (int64_t)p->added);
    json_member_int(b, "confirmed", (int64_t)p->confirmed);
    json_close(b, '}');
    buf_putc(b, '\n');
}

/* ------------------------------------------------------------------------------------------------------------ writing */

/* What a person stated stays as it is; what was only proposed before loses that word when it is confirmed. */
static struct err
changed_text(struct proposing *p, struct bytes text, bool confirm, struct bytes *out)
{
    struct arena *a = &p->c->arena;
    struct bytes *add = arena_list(a, p->n + 1, sizeof *add);
    const char **names = arena_list(a, p->n + 1, sizeof *names);
    struct buf middle = buf_make(FILE_MAX * 2), whole = buf_make(FILE_MAX * 2);
    if (add == NULL || names == NULL)
        return err_make(E_MEMORY, "out of memory");
    for (size_t i = 0; i < p->n; i++) {
        struct buf line = buf_make(65536);
        if (stated(p->tools[i])) {
            if (confirm && p->tools[i]->proposed)
                names[p->confirmed++] = p->tools[i]->name;
            continue;
        }
        proposal_put(&line, &p->list[i], confirm);
        add[p->added++] = text_of(p, &line);
    }
    struct err e = tools_confirm(a, text, names, &middle);
    if (!err_failed(e) && p->added)
        e = tools_add(a, buf_bytes(&middle), add, p->added, &whole);
    struct bytes made = buf_bytes(p->added ? &whole : &middle);
    if (!err_failed(e) && (middle.failed || whole.failed || (*out = arena_copy(a, made)).at == NULL))
        e = err_make(E_LIMIT, "destinations/%s.yaml would become too large", p->d->id);
    buf_free(&middle);
    buf_free(&whole);
    return e;
}

/* An estate that does not load with the change keeps the file as it was. */
static struct err
check_new(struct proposing *p, struct bytes before)
{
    struct findings f = {0};
    struct estate *estate = NULL;
    struct err e = estate_load(p->c->env, p->dir, decide_builtin(), &f, &estate);
    size_t i = 0;
    while (i < f.n && f.list[i].level != FINDING_ERROR)
        i++;
    if (err_failed(e) && i < f.n)
        e = err_make(E_ESTATE, "nothing was written: the estate would not load; %s:%d: %.200s", f.list[i].file, f.list[i].line, f.list[i].text);
    findings_free(&f);
    estate_unref(estate);
    if (!err_failed(e))
        return e;
    struct err back = tools_write(p->dir, p->d->id, before);
    return err_failed(back) ? back : e;
}

static struct err
write_down(struct proposing *p, bool confirm)
{
    struct bytes before, after;
    const char *path = arena_printf(&p->c->arena, "%s/destinations/%s.yaml", p->dir, p->d->id);
    if (path == NULL)
        return err_make(E_MEMORY, "out of memory");
    TRY(where_file(p->c, path, FILE_MAX, &before));
    TRY(err_wrap(changed_text(p, before, confirm, &after), "destinations/%s.yaml", p->d->id));
    if (p->added + p->confirmed == 0)
        return err_ok();
    TRY(tools_write(p->dir, p->d->id, after));
    return check_new(p, before);
}

static void
put_end(const struct proposing *p, struct buf *b, bool write, bool confirm)
{
    if (!write) {
        buf_printf(b, "\nnothing was written; --confirm [TOOL]… states this in destinations/%s.yaml, --write notes it there as proposed\n", p->d->id);
        return;
    }
    if (p->added + p->confirmed == 0) {
        buf_puts(b, "\nnothing was written: all of these are stated already\n");
        return;
    }
    if (confirm)
        buf_printf(b, "\n%zu stated as confirmed in destinations/%s.yaml\n", p->added + p->confirmed, p->d->id);
    else
        buf_printf(b, "\n%zu noted as proposed in destinations/%s.yaml; they count as write at least and ask until --confirm\n", p->added, p->d->id);
}

static struct err
run(struct proposing *p, struct buf *b)
{
    struct cli *c = p->c;
    struct findings f = {0};
    bool confirm = given(c, "confirm"), write = confirm || given(c, "write");
    struct err e = estate_load(c->env, p->dir, decide_builtin(), &f, &p->estate);
    findings_free(&f);
    if (err_failed(e))
        return err_wrap(e, "%.100s (`writ check` says more)", p->dir);
    TRY(packs_open(c->env, p->estate, &p->packs));
    TRY(find_destination(p));
    TRY(check_names(p));
    TRY(look(p));
    if (write)
        TRY(write_down(p, confirm));
    if (c->json) {
        put_json(p, b);
        return output_send(c, b);
    }
    put_table(p, b);
    put_end(p, b, write, confirm);
    return output_send(c, b);
}

struct err
cmd_propose(struct cli *c)
{
    struct proposing p = {.c = c};
    struct buf b = buf_make(OUTPUT_MAX);
    TRY(api_id("destination", c->words[0]));
    TRY(where_estate(c, NULL, &p.dir));
    struct err e = run(&p, &b);
    packs_close(p.packs);
    estate_unref(p.estate);
    buf_free(&b);
    return e;
}
