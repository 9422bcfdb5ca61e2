/* Reading the JSON form: what its two halves, expressions and policies, share. */
#ifndef CEDAR_POLICY_READ_H
#define CEDAR_POLICY_READ_H

#include "base/json.h"
#include "cedar/policies.h"

struct policy_reader {
    struct arena *a;       /* for what is kept; strings are copied there */
    struct cedar_str text; /* the tree's; places of errors are found in it */
    struct cedar_error *error;
    uint32_t nodes; /* of expressions so far; at most CEDAR_MAX_POLICY_NODES */
};

/* Both return false with the error at the place of ${v} (NULL: no place): "<before>" and, of the other, the word of the text. */
bool reader_wrong(struct policy_reader *r, const struct json *v, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool reader_wrong_word(struct policy_reader *r, const struct json *v, const char *before, struct bytes word, const char *behind);
/* reader_fields(r, v, names, n, required): an object with no members but ${names}, and with the first ${required} of them. */
bool reader_fields(struct policy_reader *r, const struct json *v, const char *const *names, size_t n, size_t required);
/*
 * reader_members(r, v, names, n, required, out): the same, with the members in ${out}, NULL for those left out. As the official reader does
 * for what is no expression, it takes an array of the members in this order, too.
 */
bool reader_members(struct policy_reader *r, const struct json *v, const char *const *names, size_t n, size_t required, const struct json **out);
/* reader_choice(v): the word in "word" or {"word": null}; at == NULL when it is neither. */
struct bytes reader_choice(const struct json *v);
bool reader_copy(struct policy_reader *r, struct bytes from, struct cedar_str *to);
/* reader_uid(r, v, uid): {"type", "id"}, [type, id] or {"__entity": one of these}; other members do not matter. */
bool reader_uid(struct policy_reader *r, const struct json *v, struct cedar_uid *uid);
bool reader_type(struct policy_reader *r, const struct json *v, struct cedar_str *type);

/* reader_expr(r, v): NULL and the error when it is no expression. */
const struct expr *reader_expr(struct policy_reader *r, const struct json *v);

#endif
