/* What both evaluators, the tree walker and the compiled engine, say and do alike: the official texts of faults, and `like`. */
#ifndef CEDAR_OPERATE_H
#define CEDAR_OPERATE_H

#include "cedar/lexer.h"
#include "cedar/value.h"

/* All of these return NULL. */
void *fault_kind(struct fault *f, enum value_kind expected, const struct cedar_value *got);
void *fault_no_entity(struct fault *f, const struct cedar_uid *uid);
/* ${uid} NULL: a record; ${what}: "attribute" or "tag". */
void *fault_lacks(struct fault *f, const struct cedar_uid *uid, const char *what, struct cedar_str name);
void *fault_no_attributes(struct fault *f, const struct cedar_value *got);
void *fault_not_in(struct fault *f, const struct cedar_value *got);
/* Which operand a failed comparison complains about: a long asks for longs before an extension type asks for its own. */
void *fault_not_comparable(struct fault *f, const struct cedar_value *a, const struct cedar_value *b);
void *fault_negate(struct fault *f, int64_t v);
void *fault_overflow(struct fault *f, char operator, int64_t a, int64_t b);

/* operate_arithmetic(f, '+', a, b, out): false and the fault when the result is no 64-bit integer. */
bool operate_arithmetic(struct fault *f, char operator, int64_t a, int64_t b, int64_t *out);
bool operate_ordered(enum value_kind kind);
/* operate_like(text, pieces): is ${text} the pieces with anything between them? */
bool operate_like(struct bytes text, const struct pieces *p);

#endif
