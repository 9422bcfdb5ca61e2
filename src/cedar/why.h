/* Values as a person reads them, of bounded size. */
#ifndef CEDAR_WHY_H
#define CEDAR_WHY_H

#include "cedar/policies.h"

/* why_value(b, v, max): ${v} in Cedar's words, dates as dates; what is past ${max} bytes is left out, and then false is returned. */
bool why_value(struct buf *b, const struct cedar_value *v, size_t max);

#endif
