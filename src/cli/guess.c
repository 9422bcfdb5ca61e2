/* Of the words offered one after another, the one that a person most likely meant. */
#include "cli/cli.h"

#define WORD_MAX 48u

/* Edits that turn ${a} into ${b}: insert, delete, replace, swap two neighbours. Both at most WORD_MAX. */
static size_t
distance(struct bytes a, struct bytes b)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t k = 0; k <= b.n; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= b.n; k++) {
            size_t least = before[k - 1] + (a.at[i - 1] != b.at[k - 1]);
            least = now[k - 1] + 1 < least ? now[k - 1] + 1 : least;
            least = before[k] + 1 < least ? before[k] + 1 : least;
            if (i > 1 && k > 1 && a.at[i - 1] == b.at[k - 2] && a.at[i - 2] == b.at[k - 1] && older[k - 2] + 1 < least)
                least = older[k - 2] + 1;
            now[k] = least;
        }
    }
    return rows[a.n % 3][b.n];
}

struct guess
guess_for(struct bytes wanted)
{
    return (struct guess){.wanted = wanted, .distance = wanted.n / 3 + 2}; /* farther away is another word */
}

void
guess_offer(struct guess *g, struct bytes word)
{
    bool begins = g->wanted.n >= 3 && bytes_starts(word, g->wanted); /* cut short */
    if (g->wanted.n > WORD_MAX || word.n > WORD_MAX || word.n == 0)
        return;
    size_t d = begins ? 1 : distance(g->wanted, word);
    if (d >= g->distance)
        return;
    g->distance = d;
    g->best = word;
}
