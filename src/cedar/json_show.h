/* JSON values in error texts, as the official engine's JSON library words them. */
#ifndef CEDAR_JSON_SHOW_H
#define CEDAR_JSON_SHOW_H

#include "base/json.h"
#include "cedar/text.h"

/* json_show(t, v): on one line, keys in order. */
void json_show(struct text *t, const struct json *v);
/* json_show_string(t, s): in quotes, with JSON's escapes. */
void json_show_string(struct text *t, struct bytes s);
/* json_wrong_type(error, v, expected): "invalid type: string "x", expected a map"; returns false. */
bool json_wrong_type(struct cedar_error *error, const struct json *v, const char *expected);

#endif
