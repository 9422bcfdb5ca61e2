/* One change, written down for people and programs: texts word by word, schemas by the path of what differs. */
#include <stdio.h>
#include <stdlib.h>

#include "estate/pin.h"

#define PARTS_MAX 200u /* of one change; the rest is counted */
#define PATH_MAX_BYTES 512u
#define VALUE_MAX 2000u /* bytes of one value that is shown */

struct parts {
    struct buf *b;
    size_t n, more;
};

static bool
begin(struct parts *p, const char *path)
{
    if (p->n >= PARTS_MAX) {
        p->more++;
        return false;
    }
    p->n++;
    json_item(p->b);
    json_open(p->b, '{');
    json_member_str(p->b, "at", path);
    return true;
}

static void
put_value(struct buf *b, const char *key, const struct json *v)
{
    json_key(b, key);
    if (v->raw.n <= VALUE_MAX) {
        canonical_put(b, v, -1);
        return;
    }
    char text[64];
    snprintf(text, sizeof text, "(%zu bytes)", v->raw.n);
    json_put_text(b, bytes_str(text));
}

static void
put_part(struct parts *p, const char *path, const struct json *was, const struct json *now)
{
    if (!begin(p, path))
        return;
    if (json_is(was, JSON_STRING) && json_is(now, JSON_STRING)) {
        json_key(p->b, "words");
        words_put(p->b, was->text, now->text);
    } else {
        if (was)
            put_value(p->b, "was", was);
        if (now)
            put_value(p->b, "now", now);
    }
    json_close(p->b, '}');
}

/* A key is a server's text: shown so that it can be told from another, and from the dots between keys. */
static void
join_key(char out[PATH_MAX_BYTES], const char *path, struct bytes key)
{
    struct buf b = buf_make(PATH_MAX_BYTES);
    suspect_escape(&b, bytes_sub(key, 0, 100));
    const char *text = b.failed ? "…" : buf_text(&b);
    bool odd = key.n == 0 || strpbrk(text, ". []") != NULL;
    snprintf(out, PATH_MAX_BYTES, odd ? "%.300s%s[\"%.200s\"]" : "%.300s%s%.200s", path, path[0] && !odd ? "." : "", text);
    buf_free(&b);
}

/* Where the order means nothing. */
static bool
is_set(const char *path)
{
    static const char *const sets[] = {"required", "enum", "type"};
    const char *dot = strrchr(path, '.'), *last = dot ? dot + 1 : path;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (strcmp(last, sets[i]) == 0)
            return true;
    return false;
}

static bool
all_scalars(const struct json *list)
{
    for (const struct json *v = list->child; v; v = v->next)
        if (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
            return false;
    return true;
}

static bool
holds(const struct json *list, const struct json *wanted)
{
    for (const struct json *v = list->child; v; v = v->next)
        if (json_equal(v, wanted))
            return true;
    return false;
}

static void differ(struct parts *p, const char *path, const struct json *was, const struct json *now);

/* required, enum and the like: what came and what went, wherever it stands. */
static void
differ_sets(struct parts *p, const char *path, const struct json *was, const struct json *now)
{
    size_t before = p->n + p->more;
    if (was->count > 1000 || now->count > 1000) {
        put_part(p, path, was, now);
        return;
    }
    for (const struct json *v = was->child; v; v = v->next)
        if (!holds(now, v))
            put_part(p, path, v, NULL);
    for (const struct json *v = now->child; v; v = v->next)
        if (!holds(was, v))
            put_part(p, path, NULL, v);
    if (p->n + p->more == before) /* another order, or one of them twice */
        put_part(p, path, was, now);
}

static void
differ_lists(struct parts *p, const char *path, const struct json *was, const struct json *now)
{
    char deeper[PATH_MAX_BYTES];
    const struct json *x = was->child, *y = now->child;
    if (is_set(path) && all_scalars(was) && all_scalars(now)) {
        differ_sets(p, path, was, now);
        return;
    }
    for (size_t i = 0; x || y; i++) {
        snprintf(deeper, sizeof deeper, "%.480s[%zu]", path, i);
        differ(p, deeper, x, y);
        x = x ? x->next : NULL;
        y = y ? y->next : NULL;
    }
}

static void
differ_objects(struct parts *p, const char *path, const struct json *was, const struct json *now)
{
    char deeper[PATH_MAX_BYTES];
    for (const struct json *m = was->child; m; m = m->next) {
        join_key(deeper, path, m->key);
        differ(p, deeper, m, json_find(now, m->key));
    }
    for (const struct json *m = now->child; m; m = m->next)
        if (json_find(was, m->key) == NULL) {
            join_key(deeper, path, m->key);
            differ(p, deeper, NULL, m);
        }
}

/* Depth is bounded by the JSON reader. */
static void
differ(struct parts *p, const char *path, const struct json *was, const struct json *now)
{
    if (was && now && json_equal(was, now))
        return;
    if (json_is(was, JSON_OBJECT) && json_is(now, JSON_OBJECT))
        differ_objects(p, path, was, now);
    else if (json_is(was, JSON_ARRAY) && json_is(now, JSON_ARRAY))
        differ_lists(p, path, was, now);
    else
        put_part(p, path, was, now);
}

/* What of the server this change is about. */
static void
differ_servers(struct parts *p, const struct item_change *c)
{
    static const struct {
        enum item_kind kind;
        const char *member;
    } members[] = {{ITEM_SERVER, "reached"}, {ITEM_INSTRUCTIONS, "instructions"}};
    const struct json *was = json_get(c->was, "info"), *now = json_get(c->now, "info");
    bool version = c->kind == ITEM_VERSION;
    char path[PATH_MAX_BYTES];
    for (const struct json *m = c->kind == ITEM_INSTRUCTIONS || was == NULL ? NULL : was->child; m; m = m->next) {
        join_key(path, "", m->key);
        if (bytes_is(m->key, "version") == version)
            differ(p, path, m, json_find(now, m->key));
    }
    for (const struct json *m = c->kind == ITEM_INSTRUCTIONS || now == NULL ? NULL : now->child; m; m = m->next) {
        join_key(path, "", m->key);
        if ((bytes_is(m->key, "version") == version || c->was == NULL) && json_find(was, m->key) == NULL)
            differ(p, path, NULL, m);
    }
    for (size_t i = 0; i < 2; i++) {
        const struct json *before = json_get(c->was, members[i].member), *after = json_get(c->now, members[i].member);
        bool asked =
            members[i].kind == c->kind && (c->kind != ITEM_SERVER || before || c->was == NULL); /* a pin that says nothing was not compared */
        if (asked || (c->was == NULL && !version))
            differ(p, members[i].member, before, after);
    }
}

static void
look(const struct item_change *c, const struct estate *e, const char *destination, struct suspects *found)
{
    if (c->now == NULL || c->kind == ITEM_VERSION)
        return;
    suspect_item(c->now, true, found);
    if (c->what == CHANGE_TWICE)
        suspect_item(c->was, true, found);
    if (e && c->kind >= ITEM_TOOL) {
        suspect_name(e, destination, c->kind, c->name, found);
        suspect_mentions(e, destination, c->now, found);
    }
}

void
change_put(struct buf *b, const struct item_change *c, const struct estate *e, const char *destination, struct suspects *found)
{
    struct parts p = {.b = b};
    *found = (struct suspects){0};
    json_open(b, '{');
    json_member_str(b, "kind", item_kind_names[c->kind]);
    if (c->name.n)
        json_member_text(b, "name", c->name);
    json_member_str(b, "change", change_names[c->what]);
    if (c->what == CHANGE_RENAMED) {
        json_member_text(b, "from", c->from);
        json_member_int(b, "alike", c->alike);
    }
    json_key(b, "parts");
    json_open(b, '[');
    if (c->kind < ITEM_TOOL)
        differ_servers(&p, c);
    else if (c->was && c->now)
        differ(&p, "", c->was, c->now);
    else if (c->now)
        differ_objects(&p, "", &(struct json){.type = JSON_OBJECT}, c->now);
    json_close(b, ']');
    if (p.more)
        json_member_int(b, "more_parts", (int64_t)p.more);
    look(c, e, destination, found);
    json_key(b, "findings");
    suspect_put(b, found);
    json_close(b, '}');
}
