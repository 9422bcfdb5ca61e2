/* What sort of place an address is (RFC 6890 and its registry of special-purpose addresses). */
#include "net/place.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool
net_within(const uint8_t address[16], const uint8_t range[16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(address, range, whole) == 0 && (rest == 0 || ((address[whole] ^ range[whole]) & (0xff00 >> rest) & 0xff) == 0);
}

struct special {
    uint8_t at[16];
    unsigned bits;
    enum net_place kind;
};
#define V4(a, b, c, d) {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}

static const struct special specials[] = {
    {V4(127, 0, 0, 0), 96 + 8, NET_LOOPBACK},
    {V4(0, 0, 0, 0), 96 + 8, NET_NEVER},
    {V4(169, 254, 0, 0), 96 + 16, NET_NEVER}, /* link-local: metadata services of clouds */
    {V4(100, 100, 100, 200), 128, NET_NEVER}, /* metadata service of one more */
    {V4(224, 0, 0, 0), 96 + 3, NET_NEVER},    /* multicast, reserved, broadcast */
    {V4(10, 0, 0, 0), 96 + 8, NET_PRIVATE},
    {V4(100, 64, 0, 0), 96 + 10, NET_PRIVATE},
    {V4(172, 16, 0, 0), 96 + 12, NET_PRIVATE},
    {V4(192, 0, 0, 0), 96 + 24, NET_PRIVATE},
    {V4(192, 0, 2, 0), 96 + 24, NET_PRIVATE},
    {V4(192, 168, 0, 0), 96 + 16, NET_PRIVATE},
    {V4(198, 18, 0, 0), 96 + 15, NET_PRIVATE},
    {V4(198, 51, 100, 0), 96 + 24, NET_PRIVATE},
    {V4(203, 0, 113, 0), 96 + 24, NET_PRIVATE},
    {{[15] = 1}, 128, NET_LOOPBACK},
    {{0}, 128, NET_NEVER},
    {{0xfe, 0x80}, 10, NET_NEVER},
    {{0xff}, 8, NET_NEVER},
    {{0xfd, 0, 0x0e, 0xc2}, 32, NET_NEVER}, /* metadata service over IPv6 */
    {{0xfc}, 7, NET_PRIVATE},
    {{0xfe, 0xc0}, 10, NET_PRIVATE},
    {{0x20, 0x01}, 23, NET_PRIVATE},            /* IETF assignments, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, NET_PRIVATE},
    {{0x01}, 8, NET_PRIVATE},                   /* discard-only 100::/64 and what is around it */
};

/* IPv4 inside IPv6: NAT64 (RFC 6052) and 6to4 lead to where the inner address says. */
static bool
inner_v4(const uint8_t a[16], uint8_t out[16])
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    const uint8_t *at = memcmp(a, nat64, 12) == 0 ? a + 12 : a[0] == 0x20 && a[1] == 0x02 ? a + 2 : NULL;
    if (at == NULL && memcmp(a, (const uint8_t[12]){0}, 12) == 0 && (a[12] || a[13] || a[14] > 0 || a[15] > 1))
        at = a + 12; /* ::a.b.c.d, the old compatible form */
    if (at == NULL)
        return false;
    memcpy(out, mapped, 12);
    memcpy(out + 12, at, 4);
    return true;
}

enum net_place
net_place(const uint8_t address[16])
{
    uint8_t v4[16];
    if (inner_v4(address, v4))
        return net_place(v4);
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (net_within(address, specials[i].at, specials[i].bits))
            return specials[i].kind;
    return NET_PUBLIC;
}

bool
net_address(const struct sockaddr *a, uint8_t out[16])
{
    if (a->sa_family == AF_INET) {
        memcpy(out, mapped, 12);
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
        return true;
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(out, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
    return true;
}

bool
net_loopback_name(const char *host)
{
    struct in_addr v4;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}
