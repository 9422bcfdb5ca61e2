/*
 * What a scratch holds for the machine from one decision to the next, so that a decision takes no memory from the heap: registers, frames,
 * remembered values, candidates. Only grows. Remembered values and marks of an earlier decision are told by their stamp.
 */
#ifndef CEDAR_DESK_H
#define CEDAR_DESK_H

#include "cedar/value.h"

/* The value of a chunk in the request that has this stamp; NULL: its fault is ${text}. */
struct memo {
    const struct cedar_value *value;
    const char *text;
    uint64_t stamp;
};

/* A chunk in the middle of calling another one. */
struct frame {
    const void *next; /* its next instruction */
    const struct cedar_value **registers;
    uint32_t chunk, d;
};

#define DESK_HELD 20 /* HELD_SLOTS + SLOTS_MAX of code.h */

struct desk {
    uint64_t stamp;
    struct memo *memos;
    const struct cedar_value **registers;
    struct frame *frames;
    uint64_t *marks; /* a bit a policy, all clear between decisions; behind them a bit for each 64 of these */
    size_t n_memos, n_registers, n_frames, n_marks;
    size_t words; /* of ${marks}, for the engine at work */
    uint64_t filled; /* the stamp of the request whose attributes are in the slots */
    const struct cedar_value *held[DESK_HELD]; /* the parts of the request and, where they are there, the attributes in the slots */
    uint32_t hints[DESK_HELD];                 /* where in its record the attribute stood last time */
    uint64_t above[3];                         /* of each part of the request but the context: bit n % 64 for its node n and each above it */
    uint64_t keys;                             /* key_bit of each key of the context, when the program asks for it */
    struct fault fault;
};

/* desk_fit(s, …): room for so many of each; NULL: out of memory. */
struct desk *desk_fit(struct cedar_scratch *s, size_t memos, size_t registers, size_t frames, size_t policies);
void desk_free(struct desk *d);

/* Words of marks for ${policies}, and of the bits above them. */
static inline size_t
marks_words(size_t policies)
{
    return (policies + 63) / 64;
}

#endif
