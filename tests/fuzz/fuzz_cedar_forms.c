/*
 * The JSON form and the formatter. A text that parses must say the same after formatting, and formatting must change nothing the second
 * time; the JSON form must survive being read. Input that begins with '{' is read as JSON, else as text.
 */
#include "writ/cedar.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(truth)                                                                                                                                 \
    do {                                                                                                                                             \
        if (!(truth))                                                                                                                                \
            abort();                                                                                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same(const struct cedar_output *a, const struct cedar_output *b)
{
    return a->n == b->n && memcmp(a->at, b->at, a->n) == 0;
}

static struct cedar_str
str(const struct cedar_output *o)
{
    return (struct cedar_str){o->at, o->n};
}

/* A chain nests deeper in JSON than the reader goes; that is the only reason not to be read again. */
static void
check_json(const struct cedar_policies *p)
{
    struct cedar_output json, again;
    struct cedar_policies *q;
    struct cedar_error error;
    CHECK(cedar_policies_to_json(p, &json, &error));
    if (cedar_policies_json(str(&json), "again", &q, &error)) {
        CHECK(cedar_policies_to_json(q, &again, &error));
        CHECK(same(&json, &again));
        cedar_output_free(&again);
        cedar_policies_unref(q);
    } else {
        CHECK(error.code == CEDAR_LIMIT);
    }
    cedar_output_free(&json);
}

static void
check_format(struct cedar_str text, const struct cedar_policies *p)
{
    struct cedar_output once, twice, before, after;
    struct cedar_policies *q;
    struct cedar_error error;
    CHECK(cedar_format(text, 80, 2, &once, &error));
    if (cedar_policies_parse(str(&once), "formatted", false, &q, &error)) {
        CHECK(cedar_policies_to_json(p, &before, &error) && cedar_policies_to_json(q, &after, &error));
        CHECK(same(&before, &after));
        CHECK(cedar_format(str(&once), 80, 2, &twice, &error));
        cedar_output_free(&before);
        cedar_output_free(&after);
        cedar_output_free(&twice);
        cedar_policies_unref(q);
    } else {
        CHECK(error.code == CEDAR_LIMIT);
    }
    cedar_output_free(&once);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cedar_str text = {(const char *)data, size};
    struct cedar_policies *p;
    struct cedar_error error;
    bool json = size > 0 && data[0] == '{';
    if (json ? !cedar_policies_json(text, "fuzz", &p, &error) : !cedar_policies_parse(text, "fuzz", false, &p, &error))
        return 0;
    check_json(p);
    if (!json)
        check_format(text, p);
    cedar_policies_unref(p);
    return 0;
}
