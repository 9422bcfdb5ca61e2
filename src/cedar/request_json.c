/* A request in JSON: {"principal", "action", "resource", "context"}. */
#include "cedar/desk.h"
#include "cedar/request_quick.h"
#include "cedar/value_json.h"

#define PART_COUNT 4
static const char *const part_names[PART_COUNT] = {"principal", "action", "resource", "context"};

static bool
unknown(const struct json *v, struct cedar_error *error)
{
    error_set(error, CEDAR_VALUE, 0, 0, "while parsing a request, `");
    struct text t = error_text(error);
    text_str(&t, (struct cedar_str){(const char *)v->key.at, v->key.n < 100 ? v->key.n : 100});
    text_add(&t, "` is none of `principal`, `action`, `resource`, `context`");
    return false;
}

static bool
read_part(struct arena *a, const struct json *v, struct request_parts *parts, bool seen[PART_COUNT], struct cedar_error *error)
{
    int part = 0;
    while (part < PART_COUNT && !bytes_is(v->key, part_names[part]))
        part++;
    if (part == PART_COUNT)
        return unknown(v, error);
    seen[part] = true;
    if (part < 3)
        return value_json_uid(&(struct json_place){.a = a, .name = str_of(part_names[part])}, v, &parts->uid[part], error);
    if (!json_is(v, JSON_OBJECT))
        return error_set(error, CEDAR_VALUE, 0, 0, "while parsing a request, `context` must be an object");
    parts->context = value_json_read(&(struct json_place){.a = a}, v, error);
    return parts->context &&
           (parts->context->kind == VALUE_RECORD || error_set(error, CEDAR_VALUE, 0, 0, "while parsing a request, `context` must be a record"));
}

static bool
read_parts(struct arena *a, const struct json *v, struct request_parts *parts, struct cedar_error *error)
{
    bool seen[PART_COUNT] = {false};
    if (!json_is(v, JSON_OBJECT))
        return error_set(error, CEDAR_VALUE, 0, 0, "a request must be an object");
    for (const struct json *m = v->child; m; m = m->next)
        if (!read_part(a, m, parts, seen, error))
            return false;
    for (int i = 0; i < 3; i++)
        if (!seen[i])
            return error_set(error, CEDAR_VALUE, 0, 0, "a request must have a `%s`", part_names[i]);
    return true;
}

bool
request_whole(struct arena *a, struct cedar_str text, struct request_parts *out, struct cedar_error *error)
{
    struct json *v;
    out->context = NULL;
    return value_json_text(a, text, &v, error) && read_parts(a, v, out, error);
}

bool
cedar_decide_json(const struct cedar_engine *e, struct cedar_str text, const struct cedar_decide_options *options, struct cedar_scratch *scratch,
                  struct cedar_answer *answer, struct cedar_error *error)
{
    struct request_parts parts;
    *answer = (struct cedar_answer){.permits = NULL};
    if (!request_quick(&scratch->a, text, &parts) && !request_whole(&scratch->a, text, &parts, error))
        return false;
    struct cedar_request request = {parts.uid[0], parts.uid[1], parts.uid[2], parts.context};
    return cedar_decide(e, &request, options, scratch, answer) || error_memory(error);
}
