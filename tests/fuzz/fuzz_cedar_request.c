/* Requests in JSON: where the quick reader answers, the one that knows everything gives the same. */
#include "cedar/request_quick.h"

#include <stdlib.h>

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = {.max = (size_t)1 << 26};
    struct cedar_str text = {(const char *)data, n};
    struct request_parts quick, full;
    struct cedar_error error;
    if (request_quick(&a, text, &quick)) {
        CHECK(request_whole(&a, text, &full, &error));
        for (int i = 0; i < 3; i++)
            CHECK(uid_eq(&quick.uid[i], &full.uid[i]));
        CHECK((quick.context == NULL) == (full.context == NULL));
        CHECK(full.context == NULL || (value_eq(quick.context, full.context) && quick.context->depth == full.context->depth));
    }
    arena_free(&a);
    return 0;
}
