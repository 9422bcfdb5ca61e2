/*
 * Tokens of a policy text. The text is well-formed UTF-8 (the caller has seen to that). White space is Unicode's; comments run from
 * "//" to the end of the line.
 */
#ifndef CEDAR_LEXER_H
#define CEDAR_LEXER_H

#include "base/arena.h"
#include "cedar/text.h"

/*      token                 as it stands in the text; NULL: words, numbers … */
#define TOKEN_TABLE(T)                                                                                                                               \
    T(TOKEN_END, NULL)                                                                                                                               \
    T(TOKEN_NAME, NULL)                                                                                                                              \
    T(TOKEN_NUMBER, NULL)                                                                                                                            \
    T(TOKEN_STRING, NULL)                                                                                                                            \
    T(TOKEN_SLOT, NULL)                                                                                                                              \
    T(TOKEN_PATH, "::")                                                                                                                              \
    T(TOKEN_EQUAL, "==")                                                                                                                             \
    T(TOKEN_UNEQUAL, "!=")                                                                                                                           \
    T(TOKEN_LESS_EQUAL, "<=")                                                                                                                        \
    T(TOKEN_GREATER_EQUAL, ">=")                                                                                                                     \
    T(TOKEN_OR, "||")                                                                                                                                \
    T(TOKEN_AND, "&&")                                                                                                                               \
    T(TOKEN_LESS, "<")                                                                                                                               \
    T(TOKEN_GREATER, ">")                                                                                                                            \
    T(TOKEN_ASSIGN, "=")                                                                                                                             \
    T(TOKEN_NOT, "!")                                                                                                                                \
    T(TOKEN_PLUS, "+")                                                                                                                               \
    T(TOKEN_MINUS, "-")                                                                                                                              \
    T(TOKEN_TIMES, "*")                                                                                                                              \
    T(TOKEN_DIVIDE, "/")                                                                                                                             \
    T(TOKEN_REMAINDER, "%")                                                                                                                          \
    T(TOKEN_AT, "@")                                                                                                                                 \
    T(TOKEN_DOT, ".")                                                                                                                                \
    T(TOKEN_COMMA, ",")                                                                                                                              \
    T(TOKEN_SEMICOLON, ";")                                                                                                                          \
    T(TOKEN_COLON, ":")                                                                                                                              \
    T(TOKEN_ROUND, "(")                                                                                                                              \
    T(TOKEN_ROUND_END, ")")                                                                                                                          \
    T(TOKEN_SQUARE, "[")                                                                                                                             \
    T(TOKEN_SQUARE_END, "]")                                                                                                                         \
    T(TOKEN_CURLY, "{")                                                                                                                              \
    T(TOKEN_CURLY_END, "}")                                                                                                                          \
    T(TOKEN_QUESTION, "?") /* schemas only */

enum token_kind {
#define T(token, text) token,
    TOKEN_TABLE(T)
#undef T
        TOKEN_COUNT
};

struct token {
    enum token_kind kind;
    struct cedar_str text; /* as written; a string with its quotes */
    unsigned line, column;
};

struct lexer {
    struct cedar_str text;
    size_t at;
    unsigned line, column; /* of ${at}, from 1; columns count characters */
    bool schema;           /* the text is a schema: fewer signs, no slots */
};

/* lexer_next(l, out, error): the next token; TOKEN_END at the end, again and again. */
bool lexer_next(struct lexer *l, struct token *out, struct cedar_error *error);

/* lexer_space(s): the length of the white space character that ${s} begins with, or 0. */
size_t lexer_space(struct cedar_str s);

/* lexer_string(t, a, out, error): the value of a string token, escapes undone, in memory of ${a} or of the text. */
bool lexer_string(const struct token *t, struct arena *a, struct cedar_str *out, struct cedar_error *error);

/* The pieces of a `like` pattern between its wildcards: "a*b" is "a" and "b". Never none. */
struct pieces {
    struct cedar_str *at;
    size_t n;
};
bool lexer_pattern(const struct token *t, struct arena *a, struct pieces *out, struct cedar_error *error);

#endif
