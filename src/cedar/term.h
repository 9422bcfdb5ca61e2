/*
 * A policy as the validator sees it: its scope and all its conditions as one expression over fewer operators, as the official engine
 * reads it: a != b is !(a == b), a > b is !(a <= b), "e is T in x" is "e is T && e in x", "e has a.b" is "e has a && e.a has b".
 * Trees share parts. Terms that say the same have the same shape, whatever their places; what is known to exist (attributes and tags)
 * is numbered by shape.
 */
#ifndef CEDAR_TERM_H
#define CEDAR_TERM_H

#include "cedar/ast.h"
#include "cedar/schema.h"

/* The comment is the meaning; "kids" are the operands in order. */
enum term_op {
    TERM_LITERAL,      /* literal */
    TERM_VARIABLE,     /* variable */
    TERM_SLOT,         /* ?principal or ?resource: variable */
    TERM_AND,          /* kids joined by &&, from the left */
    TERM_ALL,          /* kids joined by &&, from the right: the whole policy */
    TERM_OR,           /* kids joined by || */
    TERM_NOT,          /* !kid */
    TERM_NEGATE,       /* -kid */
    TERM_IF,           /* if kid then kid else kid */
    TERM_EQUAL,        /* kid == kid */
    TERM_LESS,         /* kid < kid */
    TERM_LESS_EQUAL,   /* kid <= kid */
    TERM_IN,           /* kid in kid */
    TERM_ARITHMETIC,   /* kids joined by ${operators}, from the left */
    TERM_CONTAINS,     /* kid.contains(kid) */
    TERM_CONTAINS_ALL, /* kid.containsAll(kid) */
    TERM_CONTAINS_ANY, /* kid.containsAny(kid) */
    TERM_IS_EMPTY,     /* kid.isEmpty() */
    TERM_GET_TAG,      /* kid.getTag(kid) */
    TERM_HAS_TAG,      /* kid.hasTag(kid) */
    TERM_ATTRIBUTE,    /* kid.name */
    TERM_HAS,          /* kid has name */
    TERM_LIKE,         /* kid like names[0]*names[1]*… */
    TERM_IS,           /* kid is name */
    TERM_SET,          /* [kids] */
    TERM_RECORD,       /* {names: kids}, sorted by name */
    TERM_CALL,         /* function(kids) */
};

#define TERM_NO_KNOWLEDGE UINT32_MAX

struct term {
    enum term_op op;
    unsigned height;
    uint32_t shape;
    bool of_has; /* part of what "e has a.b" stands for: the AND of all its kids, and each ATTRIBUTE, whose operand stands elsewhere, too */
    uint32_t knowledge; /* ATTRIBUTE and HAS: "kid has name"; GET_TAG and HAS_TAG: "kid.hasTag(kid)"; else TERM_NO_KNOWLEDGE */
    struct span span;   /* 0, 0: it has no place of its own (the scope's parts, policies from JSON) */
    struct span type_span; /* of the type's name: entity literals and IS */
    struct term **kid;
    size_t n;
    union {
        const struct cedar_value *literal; /* never a set or record */
        enum variable variable;
        const char *operators;
        struct cedar_str name;
        struct pieces names;
        enum ext_function function;
    };
    /* What the type checker found in the request environment it looked at last. */
    const struct type *type; /* NULL: none */
    unsigned outcomes; /* for the lint (outcome.h) */
    size_t visited;          /* ALL, AND, OR: kids it looked at before the value was certain */
};

struct terms {
    struct arena *a;
    struct term **at; /* all of them, parts before wholes */
    size_t n, cap;
    uint32_t n_knowledge;
    struct term *whole;  /* TERM_ALL of the parts of the scope, TERM_SCOPE_PARTS of them, and the conditions (or true) */
    bool too_high;       /* higher than TERM_MAX_HEIGHT: not to be walked */
};

#define TERM_SCOPE_PARTS 3u
/* "e has a.b.c" stands for a taller term than expression. */
#define TERM_MAX_HEIGHT (2 * CEDAR_MAX_DEPTH)

/* terms_make(a, p, out): the terms of a policy or template, in memory of ${a}. False when out of memory. */
bool terms_make(struct arena *a, const struct policy *p, struct terms *out);

/* term_text(b, t): as the official engine prints the expression ${t} after checking it. Stops when ${b} is full. */
void term_text(struct buf *b, const struct term *t);

#endif
