/* Tests of policies in YAML: whatever stands in the file, each test is passed or says what is wrong. */
#include "cli/policy.h"
#include "keys/keys.h"

#include <stdlib.h>

/* The table of commands names it; its own main.c is left out of fuzzing. */
int
keys_main(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 1;
}

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

static const char rules[] = "@id(\"a\") permit (principal == U::\"x\", action, resource) when { context.n < 5 };\n"
                            "@id(\"b\") @step_up(\"g\") forbid (principal, action, resource) when { context has ask };\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli c = {.env = env_real()};
    struct policy_world w = {.c = &c};
    struct policy_verdicts all = {0};
    struct cedar_error error;
    CHECK(cedar_policies_parse((struct cedar_str){rules, sizeof rules - 1}, "rules", true, &w.policies, &error));
    CHECK(cedar_entities_json((struct cedar_str){"[]", 2}, &w.entities, &error));
    CHECK((w.scratch = cedar_scratch_new((size_t)16 << 20)) != NULL);
    struct err e = tests_run(&w, "t.test.yaml", bytes_make(data, size), &all);
    size_t failed = 0;
    for (size_t i = 0; i < all.n; i++) {
        failed += all.list[i].n_wrong > 0;
        CHECK(all.list[i].name && all.list[i].file);
    }
    CHECK(err_failed(e) || failed == all.failed);
    world_close(&w);
    arena_free(&c.arena);
    return 0;
}
