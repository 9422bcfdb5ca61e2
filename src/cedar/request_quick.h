/*
 * The plain form of a request in JSON, read straight into values that point into the text. What is not plain (escapes in strings, long
 * numbers, members in another shape, errors of any kind) is left to the reader that knows everything: it gives the same values and the
 * errors. So both agree wherever this one answers.
 */
#ifndef CEDAR_REQUEST_QUICK_H
#define CEDAR_REQUEST_QUICK_H

#include "cedar/value.h"

struct request_parts {
    struct cedar_uid uid[3];
    const struct cedar_value *context; /* NULL: left out */
};

/* request_quick(a, text, out): false: not plain, or memory ran out; what ${a} got stays. */
bool request_quick(struct arena *a, struct cedar_str text, struct request_parts *out);
/* request_whole(a, text, out, error): the reader that knows everything. */
bool request_whole(struct arena *a, struct cedar_str text, struct request_parts *out, struct cedar_error *error);

#endif
