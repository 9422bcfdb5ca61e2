/*
 * Documents that are laid out within a width: Wadler's pretty printer, with the choices of the library that the official formatter uses.
 * All of it lives in an arena; a function that finds no memory returns a document that makes doc_render fail.
 */
#ifndef CEDAR_DOC_H
#define CEDAR_DOC_H

#include "base/arena.h"
#include "cedar/text.h"

struct doc;

struct docs {
    struct arena *a;
    bool failed;
};

extern const struct doc doc_nil;
extern const struct doc doc_hardline; /* a new line, always */
extern const struct doc doc_line;     /* a space, or a new line where the group does not fit */
extern const struct doc doc_line_;    /* nothing, or a new line where the group does not fit */
extern const struct doc doc_space;

const struct doc *doc_text(struct docs *d, struct cedar_str text);
const struct doc *doc_append(struct docs *d, const struct doc *a, const struct doc *b);
const struct doc *doc_group(struct docs *d, const struct doc *inner);
/* doc_nest(d, by, inner): new lines in ${inner} are indented by ${by} more. */
const struct doc *doc_nest(struct docs *d, unsigned by, const struct doc *inner);
/* doc_render(d, doc, width, out): false when out of memory. */
bool doc_render(struct docs *d, const struct doc *doc, size_t width, struct buf *out);

#endif
