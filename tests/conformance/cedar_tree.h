/*
 * Expressions as the generator makes them, and their two written forms: Cedar text and the JSON of policies.
 */
#ifndef CEDAR_TREE_H
#define CEDAR_TREE_H

#include "cedar_choice.h"

enum tree_kind {
    TREE_BOOL,
    TREE_LONG,
    TREE_STRING,
    TREE_ENTITY,
    TREE_VARIABLE,
    TREE_UNARY,  /* text: "!" or "-" */
    TREE_BINARY, /* text: the operator */
    TREE_METHOD, /* text: its name; args[0] is what it is called on */
    TREE_CALL,   /* text: the function */
    TREE_ATTRIBUTE,
    TREE_HAS,  /* names: one or more */
    TREE_LIKE, /* names: literal pieces, a wildcard between each two */
    TREE_IS,   /* text: the type; a second argument is what it must be in */
    TREE_IF,
    TREE_SET,
    TREE_RECORD
};

struct tree {
    enum tree_kind kind;
    int64_t number;    /* LONG, BOOL */
    const char *text;  /* STRING, VARIABLE, operators, names; ENTITY: its type */
    const char *id;    /* ENTITY */
    struct tree **args;
    const char **names; /* HAS, LIKE, RECORD */
    size_t n_args, n_names;
};

struct tree *tree_new(struct arena *a, enum tree_kind kind, const char *text, size_t n_args);
struct tree *tree_pair(struct arena *a, enum tree_kind kind, const char *text, struct tree *left, struct tree *right);
struct tree *tree_one(struct arena *a, enum tree_kind kind, const char *text, struct tree *arg);
void tree_names(struct arena *a, struct tree *t, size_t n);

/* tree_put(b, c, t): as Cedar text. Brackets, spaces and escapes vary by ${c}. */
void tree_put(struct buf *b, struct choice *c, const struct tree *t);
void tree_put_json(struct buf *b, const struct tree *t);
void tree_put_string(struct buf *b, struct choice *c, const char *text, bool pattern);
bool tree_is_name(const char *text);

#endif
