/* Warnings about strings and names that look like others: controls of direction, mixed scripts, characters outside the profile. */
#ifndef CEDAR_TEXT_CHECKS_H
#define CEDAR_TEXT_CHECKS_H

#include "cedar/findings.h"
#include "cedar/term.h"

/* text_checks(l, p, index, t, left): warnings for all texts of policy ${p}; takes its steps from *${left}. */
void text_checks(struct finding_list *l, const struct policy *p, size_t index, const struct term *t, uint64_t *left);

#endif
