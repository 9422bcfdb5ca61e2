/* pack list, pack show: what is known of MCP servers. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "decide/decide.h"
#include "estate/packs.h"

/* With the estate's own, where there is one; a broken one is an error, since its packs would silently be missing. */
static struct err
open_packs(struct cli *c, struct packs **out)
{
    struct findings f = {0};
    struct estate *estate = NULL;
    const char *dir;
    struct err e = where_estate(c, NULL, &dir);
    if (err_failed(e) && (e.code != E_NOT_FOUND || given(c, "estate")))
        return e;
    if (!err_failed(e)) {
        e = estate_load(c->env, dir, decide_builtin(), &f, &estate);
        findings_free(&f);
        if (err_failed(e))
            return err_wrap(e, "%.100s (`writ check` says more)", dir);
    }
    e = packs_open(c->env, estate, out);
    estate_unref(estate);
    return e;
}

static size_t
count_names(const struct pack *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_tools; i++)
        n += i == 0 || strcmp(p->tools[i].name, p->tools[i - 1].name) != 0;
    return n;
}

static void
put_texts(struct buf *b, const char *key, const char *const *list)
{
    json_key(b, key);
    json_open(b, '[');
    for (; *list; list++) {
        json_item(b);
        json_put_text(b, bytes_str(*list));
    }
    json_close(b, ']');
}

static void
put_tool(struct buf *b, const struct pack_tool *t)
{
    json_item(b);
    json_open(b, '{');
    json_member_str(b, "tool", t->name);
    if (t->versions)
        json_member_str(b, "versions", t->versions);
    json_member_str(b, "effect", effect_names[t->effect]);
    put_texts(b, "arguments", t->arguments);
    put_texts(b, "outsiders", t->outsiders);
    json_close(b, '}');
}

static void
put_pack(struct buf *b, const struct pack *p, bool tools)
{
    json_open(b, '{');
    json_member_str(b, "pack", p->id);
    json_member_str(b, "about", p->about);
    json_member_str(b, "looked_at", p->looked_at);
    json_member_str(b, "versions", p->versions);
    json_member_bool(b, "own", p->own);
    put_texts(b, "npm", p->npm);
    put_texts(b, "pypi", p->pypi);
    put_texts(b, "images", p->images);
    put_texts(b, "programs", p->programs);
    put_texts(b, "urls", p->urls);
    put_texts(b, "servers", p->servers);
    json_member_str(b, "sensitivity", sensitivity_names[p->sensitivity]);
    if (tools) {
        json_key(b, "tools");
        json_open(b, '[');
        for (size_t i = 0; i < p->n_tools; i++)
            put_tool(b, &p->tools[i]);
        json_close(b, ']');
    }
    json_close(b, '}');
}

static void
put_list(struct cli *c, struct buf *b, const struct packs *packs)
{
    static const char *const head[] = {"PACK", "VERSIONS", "TOOLS", "OF", "ABOUT"};
    struct grid g = grid_make(&c->arena, 5);
    grid_head(&g, head);
    for (size_t i = 0; i < packs->n; i++) {
        const struct pack *p = packs->list[i];
        const char *n = arena_printf(&c->arena, "%zu", count_names(p));
        struct buf about = buf_make(65536);
        output_clean(&about, bytes_str(p->about), false);
        grid_add(&g, bytes_str(p->id));
        grid_add(&g, bytes_str(p->versions));
        grid_add(&g, bytes_str(n ? n : "?"));
        grid_add(&g, p->own ? BYTES("estate") : BYTES("built-in"));
        grid_add(&g, arena_copy(&c->arena, buf_bytes(&about)));
        buf_free(&about);
    }
    grid_put(&g, b, output_colour(STDOUT_FILENO));
}

struct err
cmd_pack_list(struct cli *c)
{
    struct packs *packs;
    struct buf b = buf_make(OUTPUT_MAX);
    TRY(open_packs(c, &packs));
    if (c->json) {
        json_open(&b, '{');
        json_key(&b, "packs");
        json_open(&b, '[');
        for (size_t i = 0; i < packs->n; i++) {
            json_item(&b);
            put_pack(&b, packs->list[i], false);
        }
        json_close(&b, ']');
        json_close(&b, '}');
        buf_putc(&b, '\n');
    } else {
        put_list(c, &b, packs);
    }
    packs_close(packs);
    return output_send(c, &b);
}

static struct err
unknown_pack(const struct packs *packs, const char *id)
{
    struct guess g = guess_for(bytes_str(id));
    for (size_t i = 0; i < packs->n; i++)
        guess_offer(&g, bytes_str(packs->list[i]->id));
    if (g.best.n)
        return err_make(E_NOT_FOUND, "there is no pack '%.64s'; did you mean '%.*s'?", id, BYTES_CUT(g.best, 64));
    return err_make(E_NOT_FOUND, "there is no pack '%.64s'; writ pack list shows all", id);
}

struct err
cmd_pack_show(struct cli *c)
{
    struct packs *packs;
    struct buf b = buf_make(OUTPUT_MAX);
    TRY(open_packs(c, &packs));
    const struct pack *p = packs_find(packs, c->words[0]);
    struct err e = p ? err_ok() : unknown_pack(packs, c->words[0]);
    if (p && c->json) {
        put_pack(&b, p, true);
        buf_putc(&b, '\n');
    } else if (p) {
        output_clean(&b, p->text, true);
    }
    packs_close(packs);
    return err_failed(e) ? e : output_send(c, &b);
}
