/* Values from parsed JSON, shared by the readers of contexts and of entities. */
#ifndef CEDAR_VALUE_JSON_H
#define CEDAR_VALUE_JSON_H

#include "base/json.h"
#include "cedar/ext.h"

/*
 * What is being read, for error texts: "in attribute `x` on `U::"a"`, …". Everything that is kept goes to ${a}; with ${copy} strings
 * are copied there, too.
 */
enum json_within { JSON_IN_VALUE, JSON_IN_UID, JSON_IN_PARENTS };

struct json_place {
    struct arena *a;
    const struct cedar_uid *uid; /* NULL: a context */
    struct cedar_str name;
    bool tag;
    enum json_within at;
};

/* value_json_text(a, text, out, error): parse ${text}; the tree points into it. */
bool value_json_text(struct arena *a, struct cedar_str text, struct json **out, struct cedar_error *error);
/* value_json_read(p, v, error): NULL and ${error} when it is no value. Depth is bounded by the JSON reader. */
const struct cedar_value *value_json_read(const struct json_place *p, const struct json *v, struct cedar_error *error);
/*
 * value_json_typed(p, type, v, error): the same where a schema says what is expected: an entity and an extension value need no escape
 * there. What the types of other values are is not looked at. ${type} NULL: nothing is expected.
 */
struct type;
const struct cedar_value *value_json_typed(const struct json_place *p, const struct type *type, const struct json *v, struct cedar_error *error);

/* For that: "in attribute `x` on `U`, "; a call of an extension function; has ${v} the shape of one? */
bool value_json_begin(const struct json_place *p, struct cedar_error *error, enum cedar_code code);
const struct cedar_value *
value_json_call(const struct json_place *p, enum ext_function f, const struct cedar_value *const *args, size_t n, struct cedar_error *error);
bool value_json_is_call(const struct json *v);
/* The function that ${v} calls, EXT_COUNT when there is none of that name; false when it is no name. value_json_no_function: then, to be added. */
bool value_json_function(const struct json_place *p, const struct json *v, enum ext_function *f, struct cedar_error *error);
/* The error for a number that is no integer; ${what}: the type of the official reader. */
bool value_json_no_integer(const struct json *v, const char *what, struct cedar_error *error);
bool value_json_no_expr(const struct json_place *p, struct cedar_error *error);
bool value_json_no_function(const struct json *v, struct cedar_error *error);

/* json_name_ok(name): is it a name as Cedar prints it? json_name_why(name, t): why it is none, in the official words. In name_check.c. */
struct text;
bool json_name_ok(struct bytes name);
void json_name_why(struct bytes name, struct text *t);

/* value_json_uid(p, v, out, error): {"type","id"} or {"__entity":{…}}, and, as for the official reader, ["type", "id"] in both places. */
bool value_json_uid(const struct json_place *p, const struct json *v, struct cedar_uid *out, struct cedar_error *error);

#endif
