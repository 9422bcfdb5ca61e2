/* Whether a match of a rule's expression is a finding: what gitleaks asks after the match, in its order. */
#include <math.h>

#include "inspect/rules.h"

/* Bits a byte (Shannon). */
static double
entropy_of(struct bytes b)
{
    unsigned counts[256] = {0};
    double bits = 0;
    for (size_t i = 0; i < b.n; i++)
        counts[b.at[i]]++;
    for (size_t c = 0; c < 256; c++)
        if (counts[c])
            bits -= (double)counts[c] / (double)b.n * log2((double)counts[c] / (double)b.n);
    return bits;
}

static uint8_t
low(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* ${word} is in lower case. */
static bool
contains(struct bytes text, struct bytes word)
{
    for (size_t i = 0; i + word.n <= text.n; i++) {
        size_t k = 0;
        while (k < word.n && low(text.at[i + k]) == word.at[k])
            k++;
        if (k == word.n)
            return true;
    }
    return false;
}

static bool
has_keyword(const struct rule *r, struct bytes text)
{
    for (size_t i = 0; i < r->n_keywords; i++)
        if (contains(text, r->keywords[i]))
            return true;
    return r->n_keywords == 0;
}

#define LINE_REACH 2048u /* of a line, to both sides of the match */

static struct bytes
line_of(struct bytes text, size_t from, size_t to)
{
    size_t start = from, end = to;
    while (start > 0 && text.at[start - 1] != '\n' && from - start < LINE_REACH)
        start--;
    while (end < text.n && text.at[end] != '\n' && end - to < LINE_REACH)
        end++;
    return bytes_sub(text, start, end - start);
}

static bool
allowed_by(const struct allow *a, struct regex_room *room, struct bytes secret, struct bytes match, struct bytes line, uint64_t *budget)
{
    struct bytes target = a->target == ALLOW_MATCH ? match : a->target == ALLOW_LINE ? line : secret;
    bool regex = false, word = false;
    for (size_t i = 0; i < a->n_regexes && !regex; i++)
        regex = regex_test(a->regexes[i], room, target, budget);
    for (size_t i = 0; i < a->n_stopwords && !word; i++)
        word = contains(secret, a->stopwords[i]);
    *budget -= a->n_stopwords < *budget ? a->n_stopwords : *budget;
    return a->all ? (regex || a->n_regexes == 0) && (word || a->n_stopwords == 0) : regex || word;
}

static struct hit
secret_in(const struct rule *r, const struct regex_match *m)
{
    size_t g = r->group;
    for (size_t i = 1; g == 0 && i <= regex_groups(r->regex); i++)
        if (m->from[i] != SIZE_MAX && m->to[i] > m->from[i])
            g = i;
    if (m->from[g] == SIZE_MAX)
        g = 0;
    return (struct hit){m->from[g], m->to[g]};
}

bool
rule_hit(const struct inspect *in, const struct rule *r, struct regex_room *room, struct bytes text, const struct regex_match *m, uint64_t *budget,
         struct hit *out)
{
    struct bytes match = bytes_sub(text, m->from[0], m->to[0] - m->from[0]);
    *out = secret_in(r, m);
    struct bytes secret = bytes_sub(text, out->from, out->to - out->from), line = line_of(text, m->from[0], m->to[0]);
    if (secret.n == 0 || (r->check && !r->check(secret)))
        return false;
    if (r->entropy > 0 && entropy_of(secret) <= r->entropy)
        return false;
    if (!has_keyword(r, match) && !has_keyword(r, text))
        return false;
    if (r->kind != SIGHT_SECRET)
        return true;
    for (size_t i = 0; i < in->n_allows; i++)
        if (allowed_by(&in->allows[i], room, secret, match, line, budget))
            return false;
    for (size_t i = 0; i < r->n_allows; i++)
        if (allowed_by(&r->allows[i], room, secret, match, line, budget))
            return false;
    return true;
}
