/* Values from parsed JSON, shared by the readers of contexts and of entities. */
#ifndef CEDAR_VALUE_JSON_H
#define CEDAR_VALUE_JSON_H

#include "base/json.h"
#include "cedar/value.h"

/*
 * What is being read, for error texts: "in attribute `x` on `U::"a"`, …". Everything that is kept goes to ${a}; with ${copy} strings
 * are copied there, too.
 */
struct json_place {
    struct arena *a;
    const struct cedar_uid *uid; /* NULL: a context */
    struct cedar_str name;
    bool tag;
};

/* value_json_text(a, text, out, error): parse ${text}; the tree points into it. */
bool value_json_text(struct arena *a, struct cedar_str text, struct json **out, struct cedar_error *error);
/* value_json_read(p, v, error): NULL and ${error} when it is no value. Depth is bounded by the JSON reader. */
const struct cedar_value *value_json_read(const struct json_place *p, const struct json *v, struct cedar_error *error);
/* value_json_uid(p, v, out, error): {"type","id"} or {"__entity":{…}}. */
bool value_json_uid(const struct json_place *p, const struct json *v, struct cedar_uid *out, struct cedar_error *error);

#endif
