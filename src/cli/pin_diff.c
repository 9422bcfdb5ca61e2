/* What changed between two tool lists, so that a person can judge it. */
#include "cli/cli.h"

#include <stdio.h>

/* What the digest of a tool covers (estate.h: tool_digest); the name is what they are matched by. */
static const struct {
    const char *member, *says;
} parts[] = {
    {"title", "title"},
    {"description", "description"},
    {"inputSchema", "arguments"},
    {"outputSchema", "output schema"},
    {"annotations", "annotations"},
};
#define PARTS (sizeof parts / sizeof *parts)

static const struct json *
tool_named(const struct json *tools, struct bytes name)
{
    for (const struct json *t = tools ? tools->child : NULL; t; t = t->next)
        if (bytes_eq(json_text(t, "name"), name))
            return t;
    return NULL;
}

static bool
same(const struct json *a, const struct json *b)
{
    return a && b ? json_equal(a, b) : a == b;
}

static unsigned
tool_changes(const struct json *old, const struct json *now)
{
    unsigned changes = 0;
    for (size_t i = 0; i < PARTS; i++)
        if (!same(json_get(old, parts[i].member), json_get(now, parts[i].member)))
            changes |= 1u << i;
    return changes;
}

static void
put_value(struct buf *b, const char *before, const struct json *v, size_t width)
{
    struct buf clean = buf_make(OUTPUT_MAX);
    buf_printf(b, "    %s", before);
    if (v == NULL)
        buf_puts(&clean, "(none)");
    else
        output_clean(&clean, v->type == JSON_STRING ? v->text : v->raw, false);
    output_wrap(b, buf_bytes(&clean), width, 4 + output_columns(bytes_str(before)));
    buf_putc(b, '\n');
    b->failed |= clean.failed;
    buf_free(&clean);
}

static void
put_name(struct buf *b, const char *before, struct bytes name)
{
    buf_printf(b, "    %s", before);
    output_clean(b, name, false);
    buf_putc(b, '\n');
}

static bool
lists(const struct json *list, struct bytes text)
{
    for (const struct json *v = list ? list->child : NULL; v; v = v->next)
        if (v->type == JSON_STRING && bytes_eq(v->text, text))
            return true;
    return false;
}

/* Members of ${now} that ${old} has not, or has otherwise. */
static void
put_members(struct buf *b, const struct json *old, const struct json *now, const char *what)
{
    char before[64];
    for (const struct json *m = now ? now->child : NULL; m; m = m->next) {
        const struct json *was = json_find(old, m->key);
        if (was && json_equal(was, m))
            continue;
        snprintf(before, sizeof before, "%s %s: ", what, was ? "changed" : "added");
        put_name(b, before, m->key);
    }
    snprintf(before, sizeof before, "%s removed: ", what);
    for (const struct json *m = old ? old->child : NULL; m; m = m->next)
        if (json_find(now, m->key) == NULL)
            put_name(b, before, m->key);
}

static void
put_required(struct buf *b, const struct json *old, const struct json *now)
{
    for (const struct json *v = now ? now->child : NULL; v; v = v->next)
        if (v->type == JSON_STRING && !lists(old, v->text))
            put_name(b, "argument now required: ", v->text);
    for (const struct json *v = old ? old->child : NULL; v; v = v->next)
        if (v->type == JSON_STRING && !lists(now, v->text))
            put_name(b, "argument no longer required: ", v->text);
}

static bool
other_schema_parts(const struct json *old, const struct json *now)
{
    for (const struct json *m = now ? now->child : NULL; m; m = m->next)
        if (!bytes_is(m->key, "properties") && !bytes_is(m->key, "required") && !same(json_find(old, m->key), m))
            return true;
    return false;
}

static void
put_schema(struct buf *b, const struct json *old, const struct json *now)
{
    put_members(b, json_get(old, "properties"), json_get(now, "properties"), "argument");
    put_required(b, json_get(old, "required"), json_get(now, "required"));
    if (other_schema_parts(old, now) || other_schema_parts(now, old))
        buf_puts(b, "    other parts of the input schema changed\n");
}

static void
put_changed(struct buf *b, const struct json *old, const struct json *now, unsigned changes, size_t width)
{
    char before[64];
    for (size_t i = 0; i < PARTS; i++) {
        const struct json *was = json_get(old, parts[i].member), *is = json_get(now, parts[i].member);
        if (!(changes & 1u << i))
            continue;
        if (i == 2) {
            put_schema(b, was, is);
            continue;
        }
        snprintf(before, sizeof before, "%s was: ", parts[i].says);
        put_value(b, before, was, width);
        snprintf(before, sizeof before, "%s now: ", parts[i].says);
        put_value(b, before, is, width);
    }
}

static void
put_added(struct buf *b, const struct json *tool, size_t width)
{
    const struct json *properties = json_get(json_get(tool, "inputSchema"), "properties");
    if (json_get(tool, "description"))
        put_value(b, "", json_get(tool, "description"), width);
    if (properties == NULL || properties->child == NULL)
        return;
    buf_puts(b, "    arguments: ");
    for (const struct json *p = properties->child; p; p = p->next) {
        output_clean(b, p->key, false);
        buf_puts(b, p->next ? ", " : "\n");
    }
}

static void
put_headline(struct buf *b, bool colour, enum tone tone, const char *sign, struct bytes name)
{
    struct buf line = buf_make(8192);
    buf_printf(&line, "%s ", sign);
    output_clean(&line, name, false);
    output_tone(b, colour, tone, buf_text(&line));
    buf_putc(b, '\n');
    buf_free(&line);
}

struct pin_counts
pin_diff(struct buf *b, const struct json *old, const struct json *now, size_t width, bool colour)
{
    struct pin_counts n = {0};
    for (const struct json *t = now->child; t; t = t->next) {
        const struct json *was = tool_named(old, json_text(t, "name"));
        unsigned changes = was ? tool_changes(was, t) : 0;
        if (was == NULL) {
            put_headline(b, colour, TONE_GOOD, "+", json_text(t, "name"));
            put_added(b, t, width);
            n.added++;
        } else if (changes) {
            put_headline(b, colour, TONE_WARN, "~", json_text(t, "name"));
            put_changed(b, was, t, changes, width);
            n.changed++;
        }
    }
    for (const struct json *t = old ? old->child : NULL; t; t = t->next)
        if (tool_named(now, json_text(t, "name")) == NULL) {
            put_headline(b, colour, TONE_BAD, "-", json_text(t, "name"));
            n.removed++;
        }
    return n;
}

static void
put_missing_json(struct buf *b, const char *key, const struct json *in, const struct json *from, size_t *n)
{
    json_key(b, key);
    json_open(b, '[');
    for (const struct json *t = in ? in->child : NULL; t; t = t->next) {
        if (tool_named(from, json_text(t, "name")))
            continue;
        json_item(b);
        json_put_text(b, json_text(t, "name"));
        ++*n;
    }
    json_close(b, ']');
}

struct pin_counts
pin_diff_json(struct buf *b, const struct json *old, const struct json *now)
{
    struct pin_counts n = {0};
    put_missing_json(b, "added", now, old, &n.added);
    put_missing_json(b, "removed", old, now, &n.removed);
    json_key(b, "changed");
    json_open(b, '[');
    for (const struct json *t = now->child; t; t = t->next) {
        const struct json *was = tool_named(old, json_text(t, "name"));
        unsigned changes = was ? tool_changes(was, t) : 0;
        if (changes == 0)
            continue;
        n.changed++;
        json_item(b);
        json_open(b, '{');
        json_member_text(b, "tool", json_text(t, "name"));
        json_key(b, "what");
        json_open(b, '[');
        for (size_t i = 0; i < PARTS; i++)
            if (changes & 1u << i) {
                json_item(b);
                json_put_text(b, bytes_str(parts[i].member));
            }
        json_close(b, ']');
        json_close(b, '}');
    }
    json_close(b, ']');
    return n;
}
