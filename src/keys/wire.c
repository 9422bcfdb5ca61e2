#include "keys/wire.h"

static void
put_big_endian(struct buf *b, uint64_t v, unsigned n)
{
    while (n--)
        buf_putc(b, (uint8_t)(v >> (8 * n)));
}

void
wire_put(struct buf *b, struct bytes field)
{
    if (field.n > UINT32_MAX)
        b->failed = true;
    put_big_endian(b, field.n, 4);
    buf_put(b, field);
}

void
wire_put_u64(struct buf *b, uint64_t v)
{
    put_big_endian(b, 8, 4);
    put_big_endian(b, v, 8);
}

struct bytes
wire_take(struct wire *w)
{
    struct bytes all = w->left;
    if (w->bad || all.n < 4)
        goto bad;
    size_t n = (size_t)all.at[0] << 24 | (size_t)all.at[1] << 16 | (size_t)all.at[2] << 8 | all.at[3];
    if (n > all.n - 4)
        goto bad;
    w->left = (struct bytes){all.at + 4 + n, all.n - 4 - n};
    return (struct bytes){all.at + 4, n};
bad:
    w->bad = true;
    return (struct bytes){NULL, 0};
}

uint64_t
wire_u64(const uint8_t at[8])
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | at[i];
    return v;
}

void
wire_take_into(struct wire *w, void *at, size_t n)
{
    struct bytes f = wire_take(w);
    if (f.n != n)
        w->bad = true;
    if (w->bad)
        memset(at, 0, n);
    else if (n)
        memcpy(at, f.at, n);
}

uint64_t
wire_take_u64(struct wire *w)
{
    uint8_t at[8];
    wire_take_into(w, at, sizeof at);
    return wire_u64(at);
}

bool
wire_end(const struct wire *w)
{
    return !w->bad && w->left.n == 0;
}
