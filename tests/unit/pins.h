/* For tests that need a pin: of a server that is called "test 1", with these tools. */
#ifndef TEST_PINS_H
#define TEST_PINS_H

#include "estate/pin.h"

static inline struct err
pin_tools(const char *dir, const char *destination, const struct json *tools)
{
    struct arena a = {0};
    struct json *draft = NULL;
    struct buf b = buf_make((size_t)4 << 20);
    buf_puts(&b, "{\"server\":{\"info\":{\"name\":\"test\",\"version\":\"1\"}},\"tools\":");
    json_put(&b, tools);
    buf_puts(&b, "}");
    struct err e = json_parse(&a, buf_bytes(&b), NULL, &draft);
    if (!err_failed(e))
        e = pin_write(dir, destination, draft);
    arena_free(&a);
    buf_free(&b);
    return e;
}

#endif
