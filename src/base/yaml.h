/*
 * YAML for configuration, narrowed to what a person can read without surprise (YAML 1.2, core schema): mappings with text keys,
 * sequences, scalars, comments, block scalars, one document. Refused, each with its place: anchors, aliases, tags, merge keys,
 * directives, duplicate keys, a second document, NUL, bad UTF-8, more than the bounds below. So "yes" is a text, never true.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/arena.h"
#include "base/err.h"

#define YAML_MAX_BYTES ((size_t)1 << 20)
#define YAML_MAX_DEPTH 32u
#define YAML_MAX_NODES 50000u

enum yaml_type { YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_type type;
    bool truth;        /* YAML_BOOL */
    int64_t number;    /* YAML_INT; an integer that does not fit is a YAML_FLOAT */
    struct bytes text; /* of any scalar, as written; a zero stands behind it and none within */
    struct bytes key;  /* member of a mapping: its name; a zero stands behind it */
    int line, column;  /* from 1; of the key for a member, else of the value */
    size_t count;      /* children */
    struct yaml *child, *next;
};

struct yaml_mark {
    int line, column;
};

/*
 * yaml_parse(a, text, out, where): read one document into memory of ${a}; nothing points into ${text} afterwards. An empty document is
 * a YAML_NULL. Errors: E_YAML and E_LIMIT say what is wrong, ${where} says at which place; E_MEMORY.
 */
struct err yaml_parse(struct arena *a, struct bytes text, struct yaml **out, struct yaml_mark *where) MUST_USE;

/* yaml_get(map, "key"): the member, or NULL; NULL also when ${map} is NULL or no mapping. */
struct yaml *yaml_get(const struct yaml *map, const char *key);
/* yaml_type_name(type): "a mapping", "a text" …: for "expected a list, got a text". */
const char *yaml_type_name(enum yaml_type type);
/* yaml_to_json(y, b): write the same value as JSON. A number that JSON cannot say (.inf, 0x1f as float) is written as a string. */
void yaml_to_json(const struct yaml *y, struct buf *b);

#endif
