/*
 * The tree of a policy: what the parser makes, the evaluator walks and the public face answers questions from. Immutable after parsing,
 * all of it in the arena of its file.
 */
#ifndef CEDAR_AST_H
#define CEDAR_AST_H

#include "cedar/ext.h"
#include "cedar/lexer.h"

enum variable { VARIABLE_PRINCIPAL, VARIABLE_ACTION, VARIABLE_RESOURCE, VARIABLE_CONTEXT, VARIABLE_COUNT };

/* The comment is the meaning; "kids" are the operands in order. */
enum expr_op {
    EXPR_LITERAL,       /* literal */
    EXPR_VARIABLE,      /* variable */
    EXPR_AND,           /* kids joined by &&, two or more */
    EXPR_OR,            /* kids joined by || */
    EXPR_NOT,           /* !kid */
    EXPR_NEGATE,        /* -kid */
    EXPR_IF,            /* if kid then kid else kid */
    EXPR_EQUAL,         /* kid == kid */
    EXPR_UNEQUAL,       /* kid != kid */
    EXPR_LESS,          /* kid < kid */
    EXPR_LESS_EQUAL,    /* kid <= kid */
    EXPR_GREATER,       /* kid > kid */
    EXPR_GREATER_EQUAL, /* kid >= kid */
    EXPR_IN,            /* kid in kid */
    EXPR_ARITHMETIC,    /* kids joined by ${operators}, left to right */
    EXPR_CONTAINS,      /* kid.contains(kid) */
    EXPR_CONTAINS_ALL,  /* kid.containsAll(kid) */
    EXPR_CONTAINS_ANY,  /* kid.containsAny(kid) */
    EXPR_IS_EMPTY,      /* kid.isEmpty() */
    EXPR_GET_TAG,       /* kid.getTag(kid) */
    EXPR_HAS_TAG,       /* kid.hasTag(kid) */
    EXPR_ATTRIBUTE,     /* kid.name */
    EXPR_HAS,           /* kid has names[0].names[1]… */
    EXPR_LIKE,          /* kid like names[0]*names[1]*… */
    EXPR_IS,            /* kid is name */
    EXPR_IS_IN,         /* kid is name in kid */
    EXPR_SET,           /* [kids] */
    EXPR_RECORD,        /* {names: kids}, sorted by name */
    EXPR_CALL,          /* function(kids), the receiver of a method first */
    EXPR_COUNT
};

/* Offsets in the text of the file; 0, 0 for what did not come from a text. */
struct span {
    uint32_t start, end;
};

/*
 * Spans are those of the official engine: without the parentheses around an expression; the whole chain for a chain of &&, ||, + and -
 * or *; the whole of a.b.c() for each access in it; without the minus for a negative number.
 */
struct expr {
    enum expr_op op;
    unsigned height; /* 1 for a leaf; at most CEDAR_MAX_DEPTH */
    unsigned line, column;
    bool quoted; /* EXPR_RECORD from a JSON value: all keys are printed as strings */
    uint32_t start, end;
    struct span type; /* the type's name: an entity literal, EXPR_IS, EXPR_IS_IN */
    const struct expr **kid;
    size_t n;
    union {
        const struct cedar_value *literal;
        enum variable variable;
        const char *operators; /* n - 1 of '+', '-', '*' */
        struct cedar_str name;
        struct pieces names;
        enum ext_function function;
    };
};

/* principal and resource: any, == uid, in uid, is type, is type in uid. action: any, == uid, in [uids]. */
enum scope_kind { SCOPE_ANY, SCOPE_EQUAL, SCOPE_IN, SCOPE_IS, SCOPE_IS_IN };

struct scope_place {
    struct span uid, type;
};

struct scope {
    enum scope_kind kind;
    bool slot;   /* stands for uids[0]; the policy is a template */
    bool listed; /* one uid in brackets, where the JSON form had brackets: printed with them */
    struct cedar_str type;
    struct span type_span; /* of ${type} */
    struct span slot_span;
    struct cedar_uid *uids;
    struct scope_place *places; /* of the uids; NULL when they did not come from a text */
    size_t n;
};

struct annotation {
    struct cedar_str key, value;
    bool bare; /* written without a value, which is "" */
    struct annotation *next;
};

struct condition {
    bool unless;
    uint32_t start, end; /* from the word to the closing brace */
    const struct expr *expr;
    struct condition *next;
};

/* One attribute path below `context`, for cedar_policies_walk_context. */
struct context_path {
    struct cedar_str path;
    unsigned line, column;
    struct context_path *next;
};

struct policy_file;

struct policy {
    struct cedar_str id, source;
    const struct policy_file *file;
    unsigned line, column;
    uint32_t start, end; /* from the first annotation to the semicolon, that included */
    enum cedar_effect effect;
    bool template;
    const struct policy *linked; /* a link: its template; the scopes here have their slots filled */
    struct annotation *annotations; /* in the order of the text */
    struct scope principal, action, resource;
    struct condition *conditions;
    struct context_path *paths;
    struct policy *next;
};

/* Where a text was parsed into: shared by the sets that hold its policies. */
struct policy_file {
    int refs;
    struct arena a;
    struct cedar_str name, text;
};

/* parse_policies(file, first, n, error): the policies of file->text, linked in order. */
bool parse_policies(struct policy_file *file, struct policy **first, size_t *n, struct cedar_error *error);
/* parse_errors(file, list, max): cedar_policies_errors of file->text. */
size_t parse_errors(struct policy_file *file, struct cedar_error *list, size_t max);

/* paths_find(p, a): fill p->paths. False when out of memory. */
bool paths_find(struct policy *p, struct arena *a);

#endif
