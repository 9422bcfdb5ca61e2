/* Records, which hold names that agents and servers chose: the quick look never misses what the reader finds, and each message is whole JSON. */
#include <stdlib.h>

#include "alert/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
    if (!ok)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct bytes leaf = bytes_make(data, size);
    struct json *parsed;
    struct alert t;
    if (!alert_read(1, leaf, &t))
        return 0;
    for (int form = ALERT_JSON; form <= ALERT_TEAMS; form++) {
        struct buf body = buf_make((size_t)1 << 20);
        alert_message((enum alert_form)form, "test", "al_1", &t, size % 3, &body);
        must(!body.failed && !err_failed(json_parse(&a, buf_bytes(&body), NULL, &parsed)));
        buf_free(&body);
    }
    arena_free(&a);
    return 0;
}
