/* Values as error texts show them. */
#ifndef CEDAR_VALUE_TEXT_H
#define CEDAR_VALUE_TEXT_H

#include "cedar/value.h"

/* value_text(t, v): as an expression; extension values in their shortest form, whatever they were written as. */
void value_text(struct text *t, const struct cedar_value *v);
/* value_text_short(t, v, most): at most ${most} members of every set and record, keys without quotes where they need none. */
void value_text_short(struct text *t, const struct cedar_value *v, size_t most);

#endif
