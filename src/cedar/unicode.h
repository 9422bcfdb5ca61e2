/*
 * What Unicode says about characters, for warnings about texts that look like others (UTS 39) and for printing strings as the official
 * engine does. The tables are those of its release: scripts/unicode.sh.
 */
#ifndef CEDAR_UNICODE_H
#define CEDAR_UNICODE_H

#include "cedar/text.h"

/* unicode_next(s): the first character of ${s}, which is not empty; ${s} moves behind it. A byte that is no UTF-8 counts as one. */
uint32_t unicode_next(struct cedar_str *s);
/* unicode_escaped(c, first): is it printed as an escape? A mark that joins the character before it is so only as the ${first} one. */
bool unicode_escaped(uint32_t c, bool first);
/* unicode_identifier(c): within the General Security Profile for identifiers? */
bool unicode_identifier(uint32_t c);
/* unicode_single_script(s): is there a script, or a writing system that joins some, to which all characters belong? */
bool unicode_single_script(struct cedar_str s);
/* unicode_bidi(c): a control that changes the direction of the text around it. */
bool unicode_bidi(uint32_t c);
/* unicode_digit(c): a decimal digit of any script. */
bool unicode_digit(uint32_t c);

#endif
