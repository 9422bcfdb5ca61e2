/*
 * Partial evaluation: what is left, completed, comes to what the whole comes to, and everything said of a policy holds. The first 160
 * bytes choose the world and what is unknown, the rest is the policies.
 */
#include "../unit/partial_cases.h"

#define CHOICES 160

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct partial_case c;
    struct case_counts n = {.cases = 0};
    struct dice d = {.state = 0x9e3779b97f4a7c15u, .bytes = data, .n = CHOICES};
    if (size <= CHOICES)
        return 0;
    memset(&c, 0, sizeof c);
    if (!case_from(&d, &c, (struct cedar_str){(const char *)data + CHOICES, size - CHOICES}))
        return 0;
    d.bytes = NULL;
    for (size_t i = 0; i < CHOICES; i++)
        d.state = d.state * 31 + data[i] + 1;
    d.state |= 1;
    const char *law = case_laws(&d, &c, 4, &n);
    /* What is left may be nested deeper than a policy may be: that is said, and all it says. */
    if (law && strstr(law, "nested") == NULL) {
        fprintf(stderr, "%s\n", law);
        abort();
    }
    case_free(&c);
    return 0;
}
