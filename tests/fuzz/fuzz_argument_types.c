/*
 * A tool's schema and arguments, separated by a zero byte: the Cedar schema made of it resolves, and the request that accepted arguments
 * become is what that schema says, down to the last member. What policies cannot look at may be anything.
 */
#include "cedar/schema.h"
#include "decide/request.h"
#include "estate/schema.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what)                                                                                                                                   \
    do                                                                                                                                               \
        if (!(what)) {                                                                                                                               \
            fprintf(stderr, "not so: %s\n", #what);                                                                                                  \
            abort();                                                                                                                                 \
        }                                                                                                                                            \
    while (0)

static void
conforms(const struct cedar_value *v, const struct type *t)
{
    static const enum type_kind kinds[] = {
        [VALUE_BOOL] = TYPE_BOOL, [VALUE_LONG] = TYPE_LONG,     [VALUE_STRING] = TYPE_STRING,      [VALUE_ENTITY] = TYPE_ENTITY,
        [VALUE_SET] = TYPE_SET,   [VALUE_RECORD] = TYPE_RECORD, [VALUE_DATETIME] = TYPE_EXTENSION, [VALUE_DECIMAL] = TYPE_EXTENSION};
    MUST(kinds[v->kind] == t->kind);
    MUST(t->kind != TYPE_EXTENSION || v->kind == t->extension);
    for (size_t i = 0; v->kind == VALUE_SET && i < v->set.n; i++)
        conforms(v->set.at[i], t->element);
    for (size_t i = 0; v->kind == VALUE_RECORD && i < v->record.n; i++) {
        const struct type_attribute *a = type_attribute(t, v->record.at[i].key);
        if (a)
            conforms(v->record.at[i].value, a->type);
    }
    for (size_t i = 0; t->kind == TYPE_RECORD && i < t->attributes.n; i++)
        MUST(!t->attributes.at[i].required || value_get(v, t->attributes.at[i].name));
}

static void
check_request(struct cedar_schema *schema, const struct tool *tool, const struct json *arguments)
{
    char empty[] = "";
    struct instance instance = {.strength = PROOF_USER};
    struct agent agent = {.id = "a"};
    struct task task = {.id = "t"};
    struct writ writ = {.instance = &instance, .agent = &agent, .task = &task, .purpose = empty, .on_behalf_of = empty};
    struct call call = {.writ = &writ, .destination = tool->destination, .tool = tool, .name = bytes_str(tool->name), .arguments = arguments};
    struct cedar_scratch *scratch = cedar_scratch_new((size_t)16 << 20);
    static struct decision_requests r;
    if (scratch && !err_failed(decide_requests(&call, TIER_STANDARD, true, scratch, &r))) {
        const struct schema_action *known = schema_find_action(schema, &r.at[0].action);
        MUST(known && r.n == 1);
        conforms(r.at[0].context, known->context);
    }
    cedar_scratch_free(scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {.max = (size_t)64 << 20};
    struct bytes rest = bytes_make(data, size), first = bytes_split(&rest, 0);
    struct buf text = buf_make(CEDAR_MAX_SCHEMA_BYTES);
    struct json *schema, *args, *out = NULL;
    struct cedar_schema *types = NULL;
    struct cedar_error error;
    rest = rest.n ? rest : BYTES("");
    if (!err_failed(json_parse(&a, first, NULL, &schema)) && !err_failed(json_parse(&a, rest, NULL, &args))) {
        char why[160];
        MUST(schema_marks_ok(schema, why, sizeof why) == (why[0] == 0));
        struct destination d = {.id = "d"};
        struct tool tool = {.name = "t", .destination = &d, .schema = schema};
        struct estate e = {.destinations = &d, .n_destinations = 1};
        d.tools = &tool, d.n_tools = 1;
        policy_schema_text(&e, &text);
        bool ok = cedar_schema_parse((struct cedar_str){buf_text(&text), text.n}, "d", &types, &error);
        MUST(ok || text.failed || error.code == CEDAR_LIMIT || error.code == CEDAR_MEMORY);
        if (ok && !err_failed(arguments_check(schema, args, &a, &out)))
            check_request(types, &tool, out);
    }
    cedar_schema_unref(types);
    buf_free(&text);
    arena_free(&a);
    return 0;
}
