/* Inside of the search for what a server's texts hide: what its files share. */
#ifndef ESTATE_SUSPECT_H
#define ESTATE_SUSPECT_H

#include "estate/pin.h"

/* suspect_add(s, level, what, at): one more; NULL when it is only counted. suspect_excerpt(f, text, from, to): shows where in ${text} it is. */
struct suspect *suspect_add(struct suspects *s, enum suspect_level level, const char *what, const char *at);
void suspect_excerpt(struct suspect *f, struct bytes text, size_t from, size_t to);
/* suspect_orders.c: suspect_orders(text, at, s): hints: what reads like orders to a model, or like something wrapped up. */
void suspect_orders(struct bytes text, const char *at, struct suspects *s);

#endif
