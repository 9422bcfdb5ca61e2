/* Any bytes as a client's configuration, JSON or TOML by the first of them: the places are true, and an edit of any map leaves all else as it was. */
#include "adopt/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAPS 12
#define STEPS 128

static struct bytes text;
static bool toml;
static unsigned walk[STEPS]; /* the children that lead to a map */
static unsigned left;

static const struct member members[] = {{"command", BYTES("\"writ\"")}, {"args", BYTES("[\"mcp\", \"x\"]")}, {"env", {NULL, 0}}, {"url", {NULL, 0}}};

static struct err
parse(struct arena *a, struct bytes t, struct config **out)
{
    int line = 0;
    struct err e = toml ? config_toml(a, t, out, &line) : config_json(a, t, out, &line);
    if (err_failed(e) && (line < 1 || e.text[0] == 0))
        abort();
    return e;
}

static bool
named(const struct config *m)
{
    for (size_t i = 0; i < 4; i++)
        if (bytes_is(m->key, members[i].key))
            return true;
    return false;
}

static size_t
others(const struct config *map)
{
    size_t n = 0;
    for (const struct config *m = map->child; m; m = m->next)
        n += !named(m);
    return n;
}

static const struct config *
at(const struct config *root, size_t depth)
{
    for (size_t i = 0; i < depth && root; i++) {
        const struct config *m = root->child;
        for (unsigned k = 0; k < walk[i] && m; k++)
            m = m->next;
        root = m;
    }
    return root;
}

static void
try_edit(const struct config *map, size_t depth)
{
    struct arena a = {0};
    struct edits e = {.a = &a};
    struct buf b = buf_make(CONFIG_MAX_BYTES);
    struct config *again;
    if (!edits_members(&e, text, map, toml, members, 4))
        goto done;
    if (err_failed(edits_apply(&e, text, &b)))
        abort();
    if (err_failed(parse(&a, buf_bytes(&b), &again)))
        abort();
    const struct config *now = at(again, depth);
    const struct config *args = now ? config_get(now, "args") : NULL;
    if (now == NULL || now->type != CONFIG_MAP || !bytes_is(config_text(now, "command"), "writ") || args == NULL || args->count != 2)
        abort();
    if (config_get(now, "env") || config_get(now, "url") || others(now) != others(map))
        abort();
done:
    buf_free(&b);
    arena_free(&a);
}

static void
check(const struct config *v, const struct config *above, size_t depth)
{
    size_t n = 0;
    if (v->end > text.n || v->at > v->end || (v->end && v->key_at > v->at))
        abort();
    if (!toml && above && (v->key_at < above->at || v->end > above->end))
        abort();
    if (!toml && v->comma != CONFIG_NONE && (v->comma < v->end || text.at[v->comma] != ','))
        abort();
    if (v->type == CONFIG_MAP && left && depth < STEPS) {
        left--;
        try_edit(v, depth);
    }
    for (const struct config *m = v->child; m; m = m->next, n++) {
        if (depth < STEPS)
            walk[depth] = (unsigned)n;
        check(m, v, depth + 1);
    }
    if (n != v->count)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct config *root;
    if (size == 0)
        return 0;
    toml = data[0] == 't';
    text = bytes_make(data + 1, size - 1);
    left = MAPS;
    if (!err_failed(parse(&a, text, &root)))
        check(root, NULL, 0);
    arena_free(&a);
    return 0;
}
