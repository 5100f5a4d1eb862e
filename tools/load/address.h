/* SPDX-License-Identifier: GPL-2.0 */
/* An IPv4 or IPv6 address and a port. Ports are in host byte order where they are numbers. */
#ifndef WEIR_LOAD_ADDRESS_H
#define WEIR_LOAD_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Of what the user wrote, or die(): of either family, or of `family` alone. */
union address parse_address(const char *text, uint16_t port);
union address parse_family(const char *text, int family, uint16_t port);
socklen_t address_size(const union address *address);
void set_port(union address *address, uint16_t port);

#endif
