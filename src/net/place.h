/* What sort of place an address is, for who decides where a connection may go. All addresses have 16 bytes: IPv4 as ::ffff:a.b.c.d. */
#ifndef NET_PLACE_H
#define NET_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum net_place { NET_PUBLIC, NET_PRIVATE, NET_LOOPBACK, NET_NEVER /* link-local, multicast, services of clouds: no host that is meant */ };
enum net_place net_place(const uint8_t address[16]);
/* net_within(address, range, bits): do the first ${bits} agree? */
bool net_within(const uint8_t address[16], const uint8_t range[16], unsigned bits);
/* net_address(a, out): false when it is no address of IP. */
bool net_address(const struct sockaddr *a, uint8_t out[16]);
/* net_loopback_name(host): does it say by itself that it is this host? */
bool net_loopback_name(const char *host);

#endif
