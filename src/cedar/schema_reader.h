/* What the reader of schemas in Cedar syntax is made of: tokens, words and names (schema_reader.c), declarations (schema_parse.c). */
#ifndef CEDAR_SCHEMA_READER_H
#define CEDAR_SCHEMA_READER_H

#include "cedar/parser.h"
#include "cedar/schema_source.h"

/* Of the first thing that is wrong behind the grammar, per namespace: entity types are looked at before actions, those before types. */
enum late { LATE_ENTITY, LATE_ACTION, LATE_TYPE, LATE_NONE };

struct space {
    struct cedar_str name; /* first member: see source_list_sort */
    unsigned line, column;
    struct source_annotations annotations;
    struct source_list commons, entities, actions;
    enum late late;
    const struct cedar_error *wrong;
};

struct reader {
    struct arena *a;
    struct lexer lexer;
    struct token now;
    unsigned depth;
    struct space outside; /* declarations in no namespace */
    struct source_list spaces;
    struct cedar_error *error;
    /* What is wrong with a word or string just read. It is reported once the token behind it may stand there: the official parser looks at
       that first. */
    struct cedar_error pending;
};

/* All of these return false with the error set when they fail. */
bool reader_step(struct reader *r);
bool reader_is(const struct reader *r, enum token_kind kind);
bool reader_is_word(const struct reader *r, const char *word);
/* "unexpected token", with what was expected as help. */
bool reader_unexpected(struct reader *r, const char *expected);
extern const char reader_needs_applies[]; /* help: `appliesTo` before the braces of an action */
bool reader_take(struct reader *r, enum token_kind kind, const char *expected);
/* reader_maybe(r, kind, there): step over the token if it is there. */
bool reader_maybe(struct reader *r, enum token_kind kind, bool *there);
bool reader_keep(struct reader *r, struct cedar_str from, struct cedar_str *to);
void *reader_add(struct reader *r, struct source_list *l);
bool reader_any_word(struct reader *r, struct cedar_str *out);
bool reader_word(struct reader *r, struct cedar_str *out); /* not a reserved one */
bool reader_string(struct reader *r, struct cedar_str *out);
bool reader_name(struct reader *r, struct cedar_str *out); /* a word or a string */
/* reader_path(r, name, id): "A::B"; with ${id} not NULL it may go on with ::"id", else id->at == NULL. */
bool reader_path(struct reader *r, struct cedar_str *name, struct cedar_str *id);

#endif
