/* A pin against what a server offers: which items are new, gone, other, or the same under another name. */
#include <stdlib.h>

#include "estate/pin.h"

#define RENAMES_MAX 64u /* of each kind, gone and new ones that are looked at for likeness */
#define ALIKE_LEAST 60u /* percent; below, it is another item */

const char *const change_names[] = {"changed", "added", "removed", "renamed", "twice", NULL};

struct side { /* one item of the pin or of the offer */
    struct bytes name;
    const struct json *item;
    bool twice, met;
};

struct sides {
    struct side *list;
    size_t n;
};

static int
by_name(const void *left, const void *right)
{
    return bytes_cmp(((const struct side *)left)->name, ((const struct side *)right)->name);
}

static struct err
sides_of(struct arena *a, const struct json *offer, enum item_kind kind, struct sides *out)
{
    const struct json *list = offer_list(offer, kind);
    *out = (struct sides){0};
    if (list == NULL)
        return err_ok();
    if (list->count > OFFER_ITEMS_MAX)
        return err_make(E_LIMIT, "%zu %ss are offered; at most %u are looked at", list->count, item_kind_names[kind], OFFER_ITEMS_MAX);
    out->list = arena_list(a, list->count + 1, sizeof *out->list);
    if (out->list == NULL)
        return err_make(E_MEMORY, "no memory to compare a pin");
    for (const struct json *t = list->child; t; t = t->next) /* what has no name can be neither called nor got */
        if (item_name(kind, t).n)
            out->list[out->n++] = (struct side){.name = item_name(kind, t), .item = t};
    qsort(out->list, out->n, sizeof *out->list, by_name);
    for (size_t i = 1; i < out->n; i++)
        if (bytes_eq(out->list[i - 1].name, out->list[i].name))
            out->list[i - 1].twice = out->list[i].twice = true;
    return err_ok();
}

static struct side *
find(struct sides *s, struct bytes name)
{
    struct side key = {.name = name};
    return s->n ? bsearch(&key, s->list, s->n, sizeof *s->list, by_name) : NULL;
}

static bool
same(const struct json *x, const struct json *y)
{
    return x && y ? json_equal(x, y) : x == y;
}

/* Percent: the same but for the name is 100; otherwise the arguments count as much as the words of the description. */
static unsigned
likeness(const struct json *was, const struct json *now)
{
    static const char *const members[] = {"title", "description", "inputSchema", "outputSchema", "annotations", "arguments", "mimeType"};
    bool all = true;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        all = all && same(json_get(was, members[i]), json_get(now, members[i]));
    if (all)
        return 100;
    unsigned words = words_alike(json_text(was, "description"), json_text(now, "description"));
    bool arguments = same(json_get(was, "inputSchema"), json_get(now, "inputSchema")) && same(json_get(was, "arguments"), json_get(now, "arguments"));
    unsigned percent = words / 2 + (arguments ? 50 : 0);
    return percent > 99 ? 99 : percent;
}

static void
add(struct item_changes *out, struct item_change c)
{
    out->list[out->n++] = c;
}

/* Of two names for one thing, the new one is shown, and what it was called. */
static void
put_renamed(struct sides *old, struct sides *new, enum item_kind kind, struct item_changes *out)
{
    size_t tried = 0;
    for (size_t i = 0; i < old->n && tried < RENAMES_MAX; i++) {
        struct side *best = NULL;
        unsigned most = 0;
        size_t seen = 0;
        if (old->list[i].met || find(new, old->list[i].name))
            continue;
        tried++;
        for (size_t k = 0; k < new->n &&seen < RENAMES_MAX; k++) {
            if (new->list[k].met || new->list[k].twice)
                continue;
            seen++;
            unsigned alike = likeness(old->list[i].item, new->list[k].item);
            if (alike > most)
                best = &new->list[k], most = alike;
        }
        if (best == NULL || most < ALIKE_LEAST)
            continue;
        best->met = old->list[i].met = true;
        add(out, (struct item_change){.kind = kind,
                                      .what = CHANGE_RENAMED,
                                      .name = best->name,
                                      .was = old->list[i].item,
                                      .now = best->item,
                                      .from = old->list[i].name,
                                      .alike = most});
    }
}

static void
put_same_names(struct sides *old, struct sides *new, enum item_kind kind, struct item_changes *out)
{
    for (size_t i = 0; i < new->n; i++) {
        struct side *is = &new->list[i], *was = find(old, is->name);
        if (was)
            was->met = is->met = true;
        if (is->twice) {
            if (i == 0 || !bytes_eq(new->list[i - 1].name, is->name))
                add(out, (struct item_change){.kind = kind, .what = CHANGE_TWICE, .name = is->name, .was = is->item, .now = new->list[i + 1].item});
            is->met = true;
        } else if (was && !json_equal(was->item, is->item)) {
            add(out, (struct item_change){.kind = kind, .what = CHANGE_CHANGED, .name = is->name, .was = was->item, .now = is->item});
        }
    }
}

static void
put_rest(struct sides *old, struct sides *new, enum item_kind kind, struct item_changes *out)
{
    for (size_t i = 0; i < new->n; i++)
        if (!new->list[i].met)
            add(out, (struct item_change){.kind = kind, .what = CHANGE_ADDED, .name = new->list[i].name, .now = new->list[i].item});
    for (size_t i = 0; i < old->n; i++)
        if (!old->list[i].met && find(new, old->list[i].name) == NULL)
            add(out, (struct item_change){.kind = kind, .what = CHANGE_REMOVED, .name = old->list[i].name, .was = old->list[i].item});
}

static struct err
compare_lists(struct arena *a, const struct json *pin, const struct json *offer, enum item_kind kind, struct item_changes *out)
{
    struct sides old, new;
    TRY(sides_of(a, pin, kind, &old));
    TRY(sides_of(a, offer, kind, &new));
    put_same_names(&old, &new, kind, out);
    put_renamed(&old, &new, kind, out);
    put_rest(&old, &new, kind, out);
    return err_ok();
}

static struct err
compare_servers(const struct json *pin, const struct json *offer, struct item_changes *out)
{
    const struct json *was = json_get(pin, "server"), *is = json_get(offer, "server");
    bool reached = json_get(was, "reached") != NULL && json_get(is, "reached") != NULL;
    uint8_t before[32], after[32];
    struct item_change c = {.what = was ? CHANGE_CHANGED : CHANGE_ADDED, .was = was, .now = is};
    if (is == NULL)
        return err_ok();
    if (was) {
        TRY(server_digest(was, reached, before));
        TRY(server_digest(is, reached, after));
    }
    c.kind = ITEM_SERVER;
    if (was == NULL || memcmp(before, after, 32) != 0)
        add(out, c);
    c.kind = ITEM_VERSION;
    if (was && !same(json_get(json_get(was, "info"), "version"), json_get(json_get(is, "info"), "version")))
        add(out, c);
    c.kind = ITEM_INSTRUCTIONS;
    if (was && !same(json_get(was, "instructions"), json_get(is, "instructions")))
        add(out, c);
    return err_ok();
}

static size_t
count(const struct json *list)
{
    return list ? list->count : 0;
}

struct err
pin_compare(struct arena *a, const struct json *pin, const struct json *offer, struct item_changes *out)
{
    size_t most = 3;
    for (int kind = ITEM_TOOL; kind < ITEM_KINDS; kind++)
        most += count(offer_list(pin, (enum item_kind)kind)) + count(offer_list(offer, (enum item_kind)kind));
    *out = (struct item_changes){.list = arena_list(a, most, sizeof *out->list)};
    if (out->list == NULL)
        return err_make(E_MEMORY, "no memory to compare a pin");
    TRY(compare_servers(pin, offer, out));
    for (int kind = ITEM_TOOL; kind < ITEM_KINDS; kind++)
        TRY(compare_lists(a, pin, offer, (enum item_kind)kind, out));
    return err_ok();
}
