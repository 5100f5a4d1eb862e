/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses; see address.h. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "address.h"
#include "load.h"

static bool set_address(union address *address, const char *text, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->in.sin_addr) == 1) {
		address->in.sin_family = AF_INET;
		address->in.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &address->in6.sin6_addr) == 1) {
		address->in6.sin6_family = AF_INET6;
		address->in6.sin6_port = htons(port);
	} else {
		return false;
	}
	return true;
}

union address parse_address(const char *text, uint16_t port)
{
	union address address;

	if (!set_address(&address, text, port))
		die("'%s' is not an IPv4 or IPv6 address", text);
	return address;
}

union address parse_family(const char *text, int family, uint16_t port)
{
	union address address = parse_address(text, port);

	if (address.sa.sa_family != family)
		die("'%s' is not an IPv%d address", text, family == AF_INET ? 4 : 6);
	return address;
}

socklen_t address_size(const union address *address)
{
	return address->sa.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
}

void set_port(union address *address, uint16_t port)
{
	if (address->sa.sa_family == AF_INET)
		address->in.sin_port = htons(port);
	else
		address->in6.sin6_port = htons(port);
}
