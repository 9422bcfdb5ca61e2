/*
 * Answers partial requests, a JSON object a line, with cedar_partial_json: {"principal": {"type","id"} or null, "action", "resource",
 * "context", "entities", "policies"}. For cedar_partial_official.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "writ/cedar.h"

static struct cedar_str
str_of(struct bytes b)
{
    return (struct cedar_str){(const char *)b.at, b.n};
}

static struct cedar_partial_uid
read_uid(const struct json *line, const char *key)
{
    const struct json *v = json_get(line, key);
    if (!json_is(v, JSON_OBJECT))
        return (struct cedar_partial_uid){.known = CEDAR_UNKNOWN};
    return (struct cedar_partial_uid){CEDAR_KNOWN, {str_of(json_text(v, "type")), str_of(json_text(v, "id"))}};
}

static void
answer(const struct json *line, struct cedar_scratch *s)
{
    struct cedar_policies *p = NULL;
    struct cedar_entities *e = NULL;
    struct cedar_error error;
    struct cedar_partial_answer a;
    struct cedar_output out = {NULL, 0};
    struct cedar_partial_request q = {read_uid(line, "principal"), read_uid(line, "action"), read_uid(line, "resource"), NULL, NULL, 0};
    bool ok = cedar_policies_parse(str_of(json_text(line, "policies")), "line", false, &p, &error) &&
              cedar_entities_json(str_of(json_get(line, "entities")->raw), &e, &error) &&
              (q.context = cedar_value_json(s, str_of(json_get(line, "context")->raw), &error)) != NULL &&
              cedar_partial(p, e, &q, NULL, s, &a, &error) && cedar_partial_json(p, &a, &out);
    printf("%s\n", ok ? out.at : "{\"refused\":true}");
    cedar_output_free(&out);
    cedar_policies_unref(p);
    cedar_entities_unref(e);
}

int
main(void)
{
    struct cedar_scratch *s = cedar_scratch_new(0);
    struct arena a = {.max = 0};
    char *text = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&text, &room, stdin)) > 0;) {
        struct json *line;
        if (err_failed(json_parse(&a, (struct bytes){(const uint8_t *)text, (size_t)n}, NULL, &line)))
            return 3;
        answer(line, s);
        cedar_scratch_reset(s);
        arena_reset(&a);
    }
    return 0;
}
