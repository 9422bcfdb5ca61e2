/*
 * Any bytes as YAML: what is accepted keeps its bounds and its promises (zeros behind texts, no duplicate keys, valid JSON out of it).
 */
#include "base/json.h"
#include "base/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
check_node(const struct yaml *y, unsigned depth)
{
    size_t nodes = 1, children = 0;
    if (depth > YAML_MAX_DEPTH + 1 || y->line < 1 || y->column < 1)
        abort();
    if (y->type < YAML_LIST && y->text.n && (y->text.at[y->text.n] != 0 || memchr(y->text.at, 0, y->text.n) || !bytes_utf8(y->text)))
        abort();
    for (const struct yaml *m = y->child; m; m = m->next, children++) {
        if (y->type == YAML_MAP && (m->key.at[m->key.n] != 0 || bytes_is(m->key, "<<")))
            abort();
        nodes += check_node(m, depth + 1);
    }
    if (children != y->count || (children && y->type < YAML_LIST))
        abort();
    return nodes;
}

/* The strict JSON reader refuses duplicate keys, bad UTF-8 and bad numbers: so does what was accepted here. */
static void
check_json(const struct yaml *y)
{
    static const struct json_limits limits = {.bytes = (size_t)64 << 20, .depth = 64, .nodes = 200000};
    struct arena a = {0};
    struct json *v;
    struct buf b = buf_make((size_t)64 << 20);
    yaml_to_json(y, &b);
    if (!b.failed && err_failed(json_parse(&a, buf_bytes(&b), &limits, &v)))
        abort();
    buf_free(&b);
    arena_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct yaml *y = NULL;
    struct yaml_mark where = {0, 0};
    struct err e = yaml_parse(&a, bytes_make(data, size), &y, &where);
    if (err_failed(e) && (where.line < 1 || where.column < 1 || e.text[0] == 0))
        abort();
    if (!err_failed(e)) {
        if (check_node(y, 0) > YAML_MAX_NODES)
            abort();
        check_json(y);
    }
    arena_free(&a);
    return 0;
}
