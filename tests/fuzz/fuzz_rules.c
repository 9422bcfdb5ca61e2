/* Any bytes as a rule file: every refusal has a reason and a line, and what is taken can be matched by vectorscan or is refused by it with the rule. */
#include <stdlib.h>

#include "inspect/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t errors;

static void
note(enum finding_level level, const char *file, int line, const char *text, void *ctx)
{
    (void)file, (void)ctx;
    errors += level == FINDING_ERROR;
    if (line < 0 || text[0] == 0)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rule_file f = {"f.toml", bytes_make(data, size)};
    struct inspection_settings s = {.files = &f, .n_files = 1, .max_bytes = 1 << 20, .place = {"f", 1}};
    struct inspect *in = NULL;
    errors = 0;
    struct err e = inspect_make(&s, NULL, note, NULL, &in);
    if (err_failed(e) != (in == NULL) || (errors > 0 && !err_failed(e)) || (in && inspect_rules(in) == 0))
        abort();
    inspect_unref(in);
    return 0;
}
