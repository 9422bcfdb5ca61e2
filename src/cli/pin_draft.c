/* The pin that comes of a person's choice: what was taken as it is offered now, all else as it was. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/pin.h"

#define DRAFT_MAX ((size_t)32 << 20)

bool
choice_names(const struct choice *c, enum item_kind kind, struct bytes name)
{
    if (c->names == NULL || c->names[0] == NULL)
        return true;
    for (const char *const *n = c->names; *n; n++)
        if (bytes_is(kind < ITEM_TOOL ? bytes_str(item_kind_names[kind]) : name, *n))
            return true;
    return false;
}

/* The change that was taken for an item of the pin, by its name or the one it had; NULL: it stays. */
static const struct item_change *
taken(const struct choice *c, enum item_kind kind, struct bytes name)
{
    for (size_t i = 0; i < c->changes.n; i++) {
        const struct item_change *k = &c->changes.list[i];
        struct bytes was = k->what == CHANGE_RENAMED ? k->from : k->name;
        if (c->taken[i] && k->kind == kind && bytes_eq(was, name))
            return k;
    }
    return NULL;
}

static bool
took(const struct choice *c, enum item_kind kind)
{
    return c->old == NULL || taken(c, kind, (struct bytes){NULL, 0}) != NULL;
}

static bool
took_any(const struct choice *c)
{
    for (size_t i = 0; i < c->changes.n; i++)
        if (c->taken[i])
            return true;
    return c->old == NULL;
}

static void
put_info(struct buf *b, const struct json *info, const struct json *version)
{
    json_open(b, '{');
    for (const struct json *m = info ? info->child : NULL; m; m = m->next)
        if (!bytes_is(m->key, "version")) {
            json_key_bytes(b, m->key);
            buf_put(b, m->raw);
        }
    if (version)
        json_member_raw(b, "version", version->raw);
    json_close(b, '}');
}

/* The version goes along with whatever is taken; a pin that does not say yet how its server is reached says so from now on. */
static void
put_server(struct buf *b, const struct choice *c)
{
    const struct json *was = json_get(c->old, "server"), *is = json_get(c->offer, "server");
    bool server = took(c, ITEM_SERVER), any = took_any(c);
    const struct json *info = json_get(server ? is : was, "info"), *version = json_get(json_get(any ? is : was, "info"), "version");
    const struct json *instructions = json_get(took(c, ITEM_INSTRUCTIONS) ? is : was, "instructions"),
                      *reached = json_get(server ? is : was, "reached");
    json_open(b, '{');
    json_key(b, "info");
    put_info(b, info, version);
    if (instructions)
        json_member_raw(b, "instructions", instructions->raw);
    if (reached == NULL && any)
        reached = json_get(is, "reached");
    if (reached)
        json_member_raw(b, "reached", reached->raw);
    json_close(b, '}');
}

static void
put_item(struct buf *b, const struct json *item)
{
    json_item(b);
    buf_put(b, item->raw);
}

static void
put_list(struct buf *b, const char *key, enum item_kind kind, const struct choice *c)
{
    const struct json *old = offer_list(c->old, kind);
    json_key(b, key);
    json_open(b, '[');
    for (const struct json *t = old ? old->child : NULL; t; t = t->next) {
        const struct item_change *k = taken(c, kind, item_name(kind, t));
        if (k == NULL)
            put_item(b, t);
        else if (k->now)
            put_item(b, k->now);
    }
    for (size_t i = 0; i < c->changes.n; i++)
        if (c->taken[i] && c->changes.list[i].kind == kind && c->changes.list[i].what == CHANGE_ADDED)
            put_item(b, c->changes.list[i].now);
    json_close(b, ']');
}

static bool
holds_text(const struct json *list, struct bytes text)
{
    for (const struct json *v = list ? list->child : NULL; v; v = v->next)
        if (v->type == JSON_STRING && bytes_eq(v->text, text))
            return true;
    return false;
}

bool
pin_unconfirmed(const struct json *pin, struct bytes name)
{
    return holds_text(json_get(pin, "unconfirmed"), name);
}

static void
put_key_of(struct buf *b, enum item_kind kind, struct bytes name)
{
    struct buf text = buf_make(4096);
    buf_printf(&text, "%s%s", item_kind_names[kind], name.n ? " " : "");
    buf_put(&text, name);
    json_item(b);
    json_put_text(b, buf_bytes(&text));
    buf_free(&text);
}

static bool
was_accepted(const struct choice *c, enum item_kind kind, struct bytes name)
{
    struct buf text = buf_make(4096);
    buf_printf(&text, "%s%s", item_kind_names[kind], name.n ? " " : "");
    buf_put(&text, name);
    bool found = holds_text(json_get(c->old, "accepted_findings"), buf_bytes(&text));
    buf_free(&text);
    return found;
}

static void
put_accepted(struct buf *b, const struct choice *c, const struct json *draft)
{
    struct suspects *s = calloc(1, sizeof *s);
    b->failed |= s == NULL;
    json_open(b, '[');
    for (int k = ITEM_SERVER; s && k < ITEM_KINDS; k++) {
        enum item_kind kind = (enum item_kind)k;
        const struct json *list = offer_list(draft, kind), *first = kind == ITEM_SERVER ? json_get(draft, "server") : list ? list->child : NULL;
        for (const struct json *t = first; t; t = kind == ITEM_SERVER ? NULL : t->next) {
            struct bytes name = kind == ITEM_SERVER ? (struct bytes){NULL, 0} : item_name(kind, t);
            bool stays = was_accepted(c, kind, name) && taken(c, kind, name) == NULL;
            *s = (struct suspects){0};
            suspect_item(t, false, s);
            if (stays || (s->dangers && c->accept_findings && choice_names(c, kind, name)))
                put_key_of(b, kind, name);
        }
    }
    json_close(b, ']');
    free(s);
}

/* An effect was stated about the tool as it was; until somebody says that it holds, it counts as unconfirmed. */
static void
put_unconfirmed(struct buf *b, const struct choice *c, const struct json *draft)
{
    const struct json *tools = offer_list(draft, ITEM_TOOL);
    json_open(b, '[');
    for (const struct json *t = tools ? tools->child : NULL; t; t = t->next) {
        struct bytes name = item_name(ITEM_TOOL, t);
        const struct item_change *k = NULL;
        for (size_t i = 0; i < c->changes.n && k == NULL; i++)
            if (c->taken[i] && c->changes.list[i].kind == ITEM_TOOL && bytes_eq(c->changes.list[i].name, name))
                k = &c->changes.list[i];
        bool changed = k && k->what != CHANGE_ADDED;
        bool confirmed = c->confirm_effects && choice_names(c, ITEM_TOOL, name);
        if (!confirmed && (changed || pin_unconfirmed(c->old, name)) && c->old) {
            json_item(b);
            json_put_text(b, name);
        }
    }
    json_close(b, ']');
}

struct err
pin_draft(struct arena *a, const struct choice *c, const struct json **out)
{
    struct buf b = buf_make(DRAFT_MAX);
    struct json *lists, *whole;
    static const struct json_limits limits = {.bytes = DRAFT_MAX, .depth = 64, .nodes = 800000};
    json_open(&b, '{');
    json_key(&b, "server");
    put_server(&b, c);
    put_list(&b, "tools", ITEM_TOOL, c);
    put_list(&b, "prompts", ITEM_PROMPT, c);
    put_list(&b, "resource_templates", ITEM_TEMPLATE, c);
    json_close(&b, '}');
    struct bytes text = arena_copy(a, buf_bytes(&b));
    struct err e = b.failed || text.at == NULL ? err_make(E_LIMIT, "the pin is too large") : json_parse(a, text, &limits, &lists);
    if (!err_failed(e)) {
        b.n--; /* what a person said about it goes in before the closing brace */
        json_key(&b, "accepted_findings");
        put_accepted(&b, c, lists);
        json_key(&b, "unconfirmed");
        put_unconfirmed(&b, c, lists);
        json_close(&b, '}');
        text = arena_copy(a, buf_bytes(&b));
        e = b.failed || text.at == NULL ? err_make(E_LIMIT, "the pin is too large") : json_parse(a, text, &limits, &whole);
        *out = whole;
    }
    buf_free(&b);
    return e;
}
