/* JSON numbers of any length, exactly. */
#ifndef ESTATE_NUMBER_H
#define ESTATE_NUMBER_H

#include "base/json.h"

/* A JSON number taken apart: value = ±0.<digits> × 10^exponent, without zeros at either end. */
struct decimal {
    int sign; /* -1, 0 or 1 */
    int64_t exponent;
    struct bytes text;  /* whole and fraction as written, with the point */
    size_t first, last; /* range of significant digits in it */
};
struct decimal number_take_apart(struct bytes raw);

#endif
