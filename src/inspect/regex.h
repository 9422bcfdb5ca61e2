/*
 * Regular expressions in Go's RE2 syntax, as rule files in gitleaks' format have them. Parsed here into a tree; from it come a program that
 * finds a match with its groups in time linear in text and program (so no pattern and no text can make it explode), and a text that
 * vectorscan takes, which matches at least wherever the expression does.
 *
 * Not taken, each with a reason: \C, Unicode classes (\pN), (?i) with letters beyond ASCII, more than the bounds below. One difference stays:
 * (?i) folds ASCII only, so k does not match the Kelvin sign, nor s the long s.
 */
#ifndef INSPECT_REGEX_H
#define INSPECT_REGEX_H

#include "base/arena.h"
#include "base/err.h"

#define REGEX_MAX_BYTES 16384u
#define REGEX_MAX_DEPTH 50u
#define REGEX_MAX_REPEAT 1000u /* as Go's */
#define REGEX_MAX_PROGRAM 20000u
#define REGEX_MAX_GROUPS 64u
#define REGEX_NO_WIDTH SIZE_MAX

struct regex;

/* regex_parse(a, pattern, out): E_USAGE with what is wrong and at which byte; E_LIMIT; E_MEMORY. Memory of ${a}. */
struct err regex_parse(struct arena *a, struct bytes pattern, struct regex **out) MUST_USE;
/*
 * regex_trim(a, r): forget what may be missing at the very start (as in \w{0,50}?key=…): matches begin later then, and there are as many as
 * before. Looking for them costs much less.
 */
struct err regex_trim(struct arena *a, struct regex *r) MUST_USE;
size_t regex_groups(const struct regex *r);    /* without the whole match */
size_t regex_min_bytes(const struct regex *r); /* of a match */
size_t regex_max_bytes(const struct regex *r); /* of a match; REGEX_NO_WIDTH: no bound */
size_t regex_steps(const struct regex *r);     /* of its program: what it costs */
bool regex_anchored(const struct regex *r);    /* asks somewhere for the start or the end of the text */

/* regex_scan_text(r, b): the same for vectorscan, without groups and without what may be missing at both ends: what it finds is only where to look. */
void regex_scan_text(const struct regex *r, struct buf *b);

/* regex_reach(r): how many bytes before the end of what vectorscan reports a match begins at most; REGEX_NO_WIDTH: no bound. */
size_t regex_reach(const struct regex *r);

/* Room for matching, kept between matches. */
struct regex_room;
struct regex_room *regex_room_make(void);
void regex_room_free(struct regex_room *room);

struct regex_match {
    size_t from[REGEX_MAX_GROUPS], to[REGEX_MAX_GROUPS]; /* [0]: all of it; from == SIZE_MAX: the group took no part */
};
/*
 * regex_find(r, room, text, from, last, budget, m): the leftmost match, of those the one that Go would prefer, that begins at an offset of
 * ${from} to ${last}. What stands before ${from} counts for \b. Each step takes from *${budget}; at 0 it gives up. Bytes that are no UTF-8
 * count as U+FFFD. False: no match, or the budget is used up, or no memory (then *${budget} is 0).
 */
bool regex_find(const struct regex *r, struct regex_room *room, struct bytes text, size_t from, size_t last, uint64_t *budget, struct regex_match *m);
/* regex_test(r, room, text, budget): is there a match anywhere in ${text}? */
bool regex_test(const struct regex *r, struct regex_room *room, struct bytes text, uint64_t *budget);

#endif
