#include "estate/estate.h"
#include "estate/number.h"

#include <stdlib.h>

static int64_t
exponent_of(struct bytes e)
{
    bool minus = e.n && e.at[0] == '-';
    int64_t v = 0;
    for (size_t i = e.n && (e.at[0] == '-' || e.at[0] == '+'); i < e.n && v < INT32_MAX; i++)
        v = v * 10 + (e.at[i] - '0'); /* past any exponent that the digits could outweigh: texts are shorter than that */
    return minus ? -v : v;
}

struct decimal
number_take_apart(struct bytes t)
{
    struct decimal d = {.sign = 1};
    if (t.n && t.at[0] == '-')
        d.sign = -1, t = bytes_sub(t, 1, t.n);
    size_t e = bytes_find(t, 'e') < bytes_find(t, 'E') ? bytes_find(t, 'e') : bytes_find(t, 'E');
    d.text = bytes_sub(t, 0, e);
    size_t point = bytes_find(d.text, '.');
    while (d.first < d.text.n && (d.text.at[d.first] == '0' || d.first == point))
        d.first++;
    d.last = d.text.n;
    while (d.last > d.first && (d.text.at[d.last - 1] == '0' || d.last - 1 == point))
        d.last--;
    if (d.first == d.last)
        return (struct decimal){.sign = 0};
    d.exponent = (d.first < point ? (int64_t)(point - d.first) : -(int64_t)(d.first - point - 1)) + exponent_of(bytes_sub(t, e + 1, t.n));
    return d;
}

static int
compare_size(const struct decimal *a, const struct decimal *b)
{
    if (a->exponent != b->exponent)
        return a->exponent < b->exponent ? -1 : 1;
    size_t i = a->first, k = b->first;
    for (; i < a->last && k < b->last; i++, k++) {
        i += a->text.at[i] == '.';
        k += b->text.at[k] == '.';
        if (a->text.at[i] != b->text.at[k])
            return a->text.at[i] < b->text.at[k] ? -1 : 1;
    }
    return (i < a->last) - (k < b->last);
}

/* number_compare(a, b): the exact order of two JSON numbers (JSON_INT or JSON_NUMBER), of any length: <0, 0 or >0. */
int
number_compare(const struct json *a, const struct json *b)
{
    if (a->type == JSON_INT && b->type == JSON_INT)
        return (a->number > b->number) - (a->number < b->number);
    struct decimal x = number_take_apart(a->raw), y = number_take_apart(b->raw);
    if (x.sign != y.sign)
        return x.sign < y.sign ? -1 : 1;
    return x.sign == 0 ? 0 : x.sign * compare_size(&x, &y);
}
