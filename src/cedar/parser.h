/* What the two halves of the parser share: tokens with one of lookahead, errors at a token, lists. */
#ifndef CEDAR_PARSER_H
#define CEDAR_PARSER_H

#include "cedar/ast.h"

struct parser {
    struct policy_file *file;
    struct arena *a;
    struct lexer lexer;
    struct token now, ahead;
    size_t behind; /* offset of the end of the token before ${now} */
    unsigned depth;
    uint32_t nodes; /* of expressions so far; at most CEDAR_MAX_POLICY_NODES */
    bool stuck;         /* a token could not be read */
    const char *clause; /* "when" or "unless" while inside one */
    struct cedar_error *error;
};

/* All of these return false (or NULL) with the error set when they fail. */
bool parser_step(struct parser *p);
bool parser_take(struct parser *p, enum token_kind kind); /* step over a token of this kind, or fail with "unexpected token" */
bool parser_unexpected(struct parser *p);
bool parser_wrong(struct parser *p, const struct token *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "<before><word><behind>", for words from the text. */
bool parser_wrong_word(struct parser *p, const struct token *at, const char *before, struct cedar_str word, const char *behind);
/* The same with "; did you mean `…`?" behind it, or with ${hint} when nothing in ${list} is near. */
bool parser_wrong_near(struct parser *p, const struct token *at, const char *before, struct cedar_str word, const char *behind, const char *hint,
                       const char *const *list, size_t n);
/* parser_too_many(p, n, at): the error when a list has more than CEDAR_MAX_ELEMENTS, else false and no error. */
bool parser_too_many(struct parser *p, size_t n, const struct token *at);
bool parser_is(const struct parser *p, enum token_kind kind);
bool parser_is_word(const struct parser *p, const char *word);
bool parser_reserved(struct cedar_str word);

/* parser_offset(p, t): where ${t} begins in the text. parser_span(p, t): from there to the end of the token stepped over last. */
uint32_t parser_offset(const struct parser *p, const struct token *t);
struct span parser_span(const struct parser *p, const struct token *t);

/*
 * A name with its path, "A::B". When ${eid} is not NULL the name may go on with ::"id": then *${eid} is that id, else at == NULL.
 * ${name_span} is where the name stands.
 */
bool parser_name(struct parser *p, struct cedar_str *name, struct span *name_span, struct cedar_str *eid);
/* An attribute: no reserved word. */
bool parser_attribute(struct parser *p, struct cedar_str *out);
bool parser_too_deep(struct parser *p);
bool parser_enter(struct parser *p); /* one level deeper; then leave */
void parser_leave(struct parser *p);

const struct expr *parse_expr(struct parser *p);

#endif
