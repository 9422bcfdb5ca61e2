/*
 * From a pack to proposals, and from a proposal to its line in destinations/NAME.yaml.
 */
#include <stdio.h>

#include "estate/packs.h"

/* All that the tool takes now is known to the pack: it is the tool that was looked at, or one with less. */
static bool
same_arguments(const struct pack_tool *t, const struct json *tool)
{
    const struct json *schema = json_get(tool, "inputSchema"), *properties = json_get(schema, "properties");
    const struct json *more = json_get(schema, "additionalProperties");
    if (json_get(schema, "patternProperties") || json_is(more, JSON_OBJECT) || (json_is(more, JSON_BOOL) && more->truth && t->arguments[0]))
        return false;
    for (const struct json *p = json_is(properties, JSON_OBJECT) ? properties->child : NULL; p; p = p->next) {
        const char **a = t->arguments;
        while (*a && !bytes_is(p->key, *a))
            a++;
        if (*a == NULL)
            return false;
    }
    return true;
}

/* Of several forms that fit the version (or of all, when that is not known) the one that has these arguments; else the last that fits. */
static const struct pack_tool *
form_of(const struct recognised *r, const struct json *tool)
{
    const struct pack *p = r->pack;
    const struct pack_tool *fits = NULL;
    for (size_t i = 0; p && i < p->n_tools; i++) {
        const struct pack_tool *t = &p->tools[i];
        if (!bytes_is(json_text(tool, "name"), t->name) || (r->version[0] && !range_holds(t->versions, bytes_str(r->version))))
            continue;
        if (same_arguments(t, tool))
            return t;
        fits = t;
    }
    return fits;
}

static void
from_pack(const struct recognised *r, const struct pack_tool *t, struct proposal *out)
{
    out->effect = t->effect;
    out->sinks = t->sinks;
    out->n_sinks = t->n_sinks;
    out->outsiders = t->outsiders;
    out->sensitivity = t->sensitivity;
    out->note = t->note;
    out->known = true;
    out->why = r->why;
}

/* Sinks of both; where both name one, it leaves when either says so. Arguments the tool does not have are left out. */
static struct err
join_sinks(const struct pack_tool *t, const struct json *tool, struct arena *a, struct proposal *out)
{
    const struct json *properties = json_get(json_get(tool, "inputSchema"), "properties");
    struct sink *list = arena_list(a, t->n_sinks + out->n_sinks + 1, sizeof *list);
    size_t n = 0;
    if (list == NULL)
        return err_make(E_MEMORY, "no memory for a proposal");
    for (size_t i = 0; i < t->n_sinks; i++)
        if (json_get(properties, t->sinks[i].argument))
            list[n++] = t->sinks[i];
    for (size_t i = 0; i < out->n_sinks; i++) {
        size_t k = 0;
        while (k < n && strcmp(list[k].argument, out->sinks[i].argument) != 0)
            k++;
        if (k == n)
            list[n++] = out->sinks[i];
        else
            list[k].leaves = list[k].leaves || out->sinks[i].leaves;
    }
    out->sinks = list;
    out->n_sinks = n;
    return err_ok();
}

/* The stricter of the pack and a guess: what a claim, another version or another form of the tool may do. */
static struct err
narrowed(const struct recognised *r, const struct pack_tool *t, const struct json *tool, struct arena *a, struct proposal *out)
{
    if (t->effect > out->effect)
        out->effect = t->effect;
    out->sensitivity = t->sensitivity;
    out->note = t->note;
    out->why = arena_printf(a, "the stricter of its name and %s%s", r->why, r->doubt ? "" : "; but it takes other arguments than the pack knows");
    if (out->why == NULL)
        return err_make(E_MEMORY, "no memory for a proposal");
    TRY(join_sinks(t, tool, a, out));
    for (size_t i = 0; i < out->n_sinks && out->effect == EFFECT_READ; i++)
        if (out->sinks[i].leaves)
            out->effect = EFFECT_WRITE;
    return err_ok();
}

struct err
propose_tool(const struct recognised *r, const struct json *tool, struct arena *a, struct proposal *out)
{
    const struct pack_tool *t = form_of(r, tool);
    TRY(guess_tool(tool, r->remote, a, out));
    if (t == NULL && r->pack)
        out->why = arena_printf(a, "by its name and annotations; the pack %s does not know this tool", r->pack->id);
    if (t == NULL)
        return out->why ? err_ok() : err_make(E_MEMORY, "no memory for a proposal");
    if (r->doubt || !same_arguments(t, tool))
        return narrowed(r, t, tool, a, out);
    from_pack(r, t, out);
    return err_ok();
}

enum sensitivity
propose_sensitivity(const struct recognised *r)
{
    enum sensitivity s = r->pack ? r->pack->sensitivity : SENS_INTERNAL;
    return r->doubt && s < SENS_INTERNAL ? SENS_INTERNAL : s;
}

/* ------------------------------------------------------------------------------------------------------------ the line */

static bool
plain(const char *text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", NULL}; /* for other readers' sake */
    bool letters = (text[0] | 0x20) >= 'a' && (text[0] | 0x20) <= 'z';
    for (const char *c = text; *c && letters; c++)
        letters = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./", *c) != NULL;
    for (const char *const *w = words; *w && letters; w++)
        letters = !bytes_same_case(bytes_str(text), bytes_str(*w));
    return letters;
}

static void
put_name(struct buf *b, const char *text)
{
    if (plain(text))
        buf_puts(b, text);
    else
        json_put_text(b, bytes_str(text));
}

static void
put_sinks(struct buf *b, const struct proposal *p)
{
    buf_puts(b, ", sinks: { ");
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sink *s = &p->sinks[i];
        bool usual = s->leaves == (s->kind == SINK_URL || s->kind == SINK_RECIPIENT);
        buf_puts(b, i ? ", " : "");
        put_name(b, s->argument);
        if (usual)
            buf_printf(b, ": %s", sink_kind_names[s->kind]);
        else
            buf_printf(b, ": { kind: %s, leaves: %s }", sink_kind_names[s->kind], s->leaves ? "true" : "false");
    }
    buf_puts(b, " }");
}

void
proposal_put(struct buf *b, const struct proposal *p, bool confirmed)
{
    put_name(b, p->tool);
    buf_printf(b, ": { effect: %s", effect_names[p->effect]);
    if (p->n_sinks)
        put_sinks(b, p);
    buf_puts(b, ", outsiders: [");
    for (size_t i = 0; p->outsiders[i]; i++) {
        buf_puts(b, i ? ", " : "");
        put_name(b, p->outsiders[i]);
    }
    buf_puts(b, "]");
    if (p->sensitivity >= 0)
        buf_printf(b, ", sensitivity: %s", sensitivity_names[p->sensitivity]);
    if (!confirmed) {
        buf_puts(b, ", proposed: ");
        json_put_text(b, bytes_str(p->why));
    }
    buf_puts(b, " }");
}
