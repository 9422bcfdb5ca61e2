/*
 * A configuration file of a client as a tree in which every part knows where it stands in the text, and edits of that text. JSON as
 * clients take it (comments, trailing commas) and TOML. What is not edited stays byte for byte: comments, order, spaces, line ends.
 */
#ifndef ADOPT_CONFIG_H
#define ADOPT_CONFIG_H

#include "base/arena.h"
#include "base/err.h"

#define CONFIG_MAX_BYTES ((size_t)16 << 20)
#define CONFIG_MAX_DEPTH 100u
#define CONFIG_MAX_NODES 500000u
#define CONFIG_NONE SIZE_MAX

enum config_type { CONFIG_NULL, CONFIG_BOOL, CONFIG_NUMBER, CONFIG_TEXT, CONFIG_LIST, CONFIG_MAP };

struct config {
    enum config_type type;
    bool truth;        /* CONFIG_BOOL */
    bool twice;        /* a member before it in the same map has this key, too */
    struct bytes text; /* CONFIG_TEXT: its value, which may hold zeros; a zero stands behind it */
    struct bytes key;  /* member of a map: its name, likewise */
    size_t key_at;     /* where the member begins, which is its key; of an item: as at */
    size_t at, end;    /* its value. A TOML table with a header: from there to behind its last line; one without a place of its own: 0, 0 */
    size_t comma;      /* JSON: the comma behind it, or CONFIG_NONE */
    int line;          /* of its key, or of the value where it has none; from 1 */
    size_t count;
    struct config *child, *last, *next;
};

/*
 * config_json(a, text, out, line): JSON with // and slash-star comments, and commas before a closing bracket. A byte order mark is passed over. Two members
 * of one name are both kept, the later marked. Refused, with ${line}: bad UTF-8, control characters in texts, lone surrogates, anything else
 * that JSON has not, more than the bounds above. E_JSON, E_LIMIT, E_MEMORY. Nothing points into ${text}.
 */
struct err config_json(struct arena *a, struct bytes text, struct config **out, int *line) MUST_USE;
/* config_toml(a, text, out, line): the same of TOML (base/toml.h). */
struct err config_toml(struct arena *a, struct bytes text, struct config **out, int *line) MUST_USE;

struct config *config_get(const struct config *map, const char *key);
/* config_text(map, "key"): the text member, or at == NULL. */
struct bytes config_text(const struct config *map, const char *key);
const char *config_type_name(enum config_type type);

/* ------------------------------------------------------------------------------------------------------------- edit.c */

/* Changes of a text, collected in any order; they must not overlap. */
struct edit {
    size_t from, to;
    struct bytes text;
};
struct edits {
    struct arena *a;
    struct edit *list;
    size_t n, cap;
    bool failed; /* out of memory */
};
void edits_add(struct edits *e, size_t from, size_t to, struct bytes text);
/* edits_apply(e, text, out): the text with all of them. E_STATE when two overlap; E_LIMIT, E_MEMORY. */
struct err edits_apply(struct edits *e, struct bytes text, struct buf *out) MUST_USE;

/* What becomes of a map: members that stay, members that go, one that is replaced by others. */
struct member {
    const char *key;
    struct bytes value; /* as the file's language has it, JSON or TOML; at == NULL: the member goes */
};
/*
 * edits_members(e, text, map, toml, members, n): give ${map} these members: one that is there gets the new value in its place; one that is
 * not takes the place of one that goes, or comes behind the member before it in ${members}, of which the first has a value. Other members
 * stay. False: the map is written in a way that this cannot be done in (dotted keys of TOML, a member that stands twice).
 */
bool edits_members(struct edits *e, struct bytes text, const struct config *map, bool toml, const struct member *members, size_t n);

#endif
