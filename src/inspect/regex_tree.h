/* Inside of the regular expressions: the tree between its parser and what is made of it. */
#ifndef INSPECT_REGEX_TREE_H
#define INSPECT_REGEX_TREE_H

#include "inspect/regex.h"

enum re_kind {
    RE_EMPTY,
    RE_CLASS,
    RE_CAT,    /* children in order */
    RE_ALT,    /* the first child that fits is preferred */
    RE_REPEAT, /* of its one child */
    RE_GROUP,  /* of its one child */
    RE_BEGIN_LINE,
    RE_END_LINE,
    RE_BEGIN_TEXT,
    RE_END_TEXT,
    RE_WORD,
    RE_NOT_WORD,
};

struct re_range {
    uint32_t from, to;
};

/* A set of characters. ASCII as bits, beyond as sorted ranges. */
struct re_class {
    uint64_t ascii[2];
    struct re_range *beyond;
    size_t n_beyond;
};

#define RE_ENDLESS UINT32_MAX

struct re_node {
    enum re_kind kind;
    struct re_class *set; /* RE_CLASS */
    uint32_t min, max;    /* RE_REPEAT; max RE_ENDLESS: no bound */
    bool lazy;
    unsigned group;       /* RE_GROUP */
    struct re_node *child, *last, *next;
};

enum re_op { OP_CLASS, OP_ANY, OP_SPLIT, OP_JUMP, OP_SAVE, OP_ASSERT, OP_MATCH };

struct re_step {
    enum re_op op;
    uint32_t to, other; /* OP_SPLIT prefers ${to}; OP_SAVE: slot; OP_ASSERT: enum re_kind */
    const struct re_class *set;
};

struct regex {
    struct re_node *root;
    unsigned groups;
    size_t min, max;
    bool anchored;
    struct re_step *steps;
    size_t n_steps;
    uint8_t first[256]; /* bytes that a match can begin with; all of them when it may begin with an assertion */
};

struct err regex_compile(struct arena *a, struct regex *r) MUST_USE;

#endif
