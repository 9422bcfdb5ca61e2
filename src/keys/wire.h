/* Fields as the signer's messages and its state file hold them: four bytes of length, big-endian, then the bytes. docs/protocol/keys.md. */
#ifndef KEYS_WIRE_H
#define KEYS_WIRE_H

#include "base/bytes.h"

void wire_put(struct buf *b, struct bytes field);
/* A number is a field of eight bytes, big-endian. */
void wire_put_u64(struct buf *b, uint64_t v);

/* Reading: what is left, and whether anything was not as it must be; that sticks, and everything read afterwards is empty or 0. */
struct wire {
    struct bytes left;
    bool bad;
};
struct bytes wire_take(struct wire *w);
uint64_t wire_take_u64(struct wire *w);
/* wire_take_into(w, at, n): a field of exactly ${n} bytes, copied to ${at} (zeros when it is not). */
void wire_take_into(struct wire *w, void *at, size_t n);
/* wire_end(w): all was well and nothing is left. */
bool wire_end(const struct wire *w);

uint64_t wire_u64(const uint8_t at[8]);

#endif
