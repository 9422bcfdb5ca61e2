/* Any bytes as TOML: what is accepted keeps its bounds and its promises. */
#include "base/toml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t whole;

static size_t
check_node(const struct toml *t, unsigned depth)
{
    size_t nodes = 1, children = 0;
    const struct toml *last = NULL;
    if (depth > 2 * TOML_MAX_DEPTH + 4 || t->line < 1)
        abort();
    if (t->end && (t->key_at > t->at || t->at > t->end || t->end > whole))
        abort();
    if (t->type == TOML_TEXT && (t->text.at[t->text.n] != 0 || !bytes_utf8(t->text)))
        abort();
    for (const struct toml *m = t->child; m; last = m, m = m->next, children++) {
        for (const struct toml *o = t->child; t->type == TOML_TABLE && o != m; o = o->next)
            if (bytes_eq(o->key, m->key))
                abort();
        nodes += check_node(m, depth + 1);
    }
    if (children != t->count || last != t->last || (children && t->type < TOML_LIST) || (t->type == TOML_TABLE && children > TOML_MAX_MEMBERS))
        abort();
    return nodes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct toml *t = NULL;
    int line = 0;
    whole = size;
    struct err e = toml_parse(&a, bytes_make(data, size), &t, &line);
    if (err_failed(e) && (line < 1 || e.text[0] == 0))
        abort();
    if (!err_failed(e) && check_node(t, 0) > TOML_MAX_NODES + 1)
        abort();
    arena_free(&a);
    return 0;
}
