/*
 * A schema and arguments, separated by a zero byte. What is accepted is an object, satisfies the schema, and is accepted again unchanged:
 * the bytes forwarded are the bytes checked (law 8). Nothing hangs: the steps are bounded.
 */
#include "estate/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every member at the top is declared, or the schema lets undeclared ones in. */
static void
check_declared(const struct json *schema, const struct json *out)
{
    for (const struct json *m = out->child; m; m = m->next)
        if (!schema_argument(schema, m->key, NULL))
            abort();
}

static void
check_accepted(const struct json *schema, const struct json *out, struct arena *a)
{
    struct json *again;
    if (out->type != JSON_OBJECT)
        abort();
    struct err e = arguments_check(schema, out, a, &again);
    if (e.code == E_LIMIT || e.code == E_MEMORY)
        return;
    if (err_failed(e) || !bytes_eq(out->raw, again->raw))
        abort();
    check_declared(schema, out);
}

static void
check_digest(const struct json *tool)
{
    uint8_t first[32], second[32];
    if (err_failed(tool_digest(tool, first)))
        return;
    if (err_failed(tool_digest(tool, second)) || memcmp(first, second, 32) != 0)
        abort();
}

static void
check_numbers(const struct json *x, const struct json *y)
{
    bool numbers = (x->type == JSON_INT || x->type == JSON_NUMBER) && (y->type == JSON_INT || y->type == JSON_NUMBER);
    if (numbers && number_compare(x, y) != -number_compare(y, x))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct bytes rest = bytes_make(data, size), first = bytes_split(&rest, 0);
    rest = rest.n ? rest : BYTES("");
    struct json *schema, *args, *out;
    if (!err_failed(json_parse(&a, first, NULL, &schema)) && !err_failed(json_parse(&a, rest, NULL, &args))) {
        check_digest(schema);
        check_numbers(schema, args);
        struct err e = arguments_check(schema, args, &a, &out);
        if (err_failed(e) != (out == NULL))
            abort();
        if (out)
            check_accepted(schema, out, &a);
    }
    arena_free(&a);
    return 0;
}
