/* What is read of an answer. */
#include "cli/cli.h"

int64_t
json_whole(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, key);
    return json_is(v, JSON_INT) ? v->number : 0;
}

bool
json_truth(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, key);
    return json_is(v, JSON_BOOL) && v->truth;
}

void
answer_put(struct buf *b, const struct json *answer)
{
    json_put(b, answer);
    buf_putc(b, '\n');
}
