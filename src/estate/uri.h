/* URIs of resources in one spelling, and the templates they come from. Nothing here is allocated. */
#ifndef ESTATE_URI_H
#define ESTATE_URI_H

#include "estate/pin.h"

#define URI_MAX 4096u
#define URI_WORK ((size_t)4 << 20) /* steps that all templates of a destination together may cost for one URI */

/*
 * uri_fault(uri): why this is not the one spelling of what it names, or NULL: 1 to 4096 bytes of ASCII; scheme and authority in small
 * letters; no dot segments, fragment or empty query; percent-encoding in capitals, only of what needs it, once, of valid UTF-8.
 */
const char *uri_fault(struct bytes uri);
/* uri_has_slash_encoded(uri): "%2F" in it is good only where a pinned template has a value that could hold no plain slash. */
bool uri_has_slash_encoded(struct bytes uri);

/*
 * uri_template_fits(template, uri, left): could the template (RFC 6570, all four levels; names of query members are not looked at) give
 * ${uri}, which has no fault? ${left} counts the steps that may still be taken: at 0 the answer is no, and the caller refuses.
 * uri_template_begins: could it give a URI that starts with ${start}?
 */
bool uri_template_fits(struct bytes template, struct bytes uri, size_t *left);
bool uri_template_begins(struct bytes template, struct bytes start);

#endif
