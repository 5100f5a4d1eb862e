/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets; see socket.h. */
#include <errno.h>
#include <string.h>

#include "load.h"
#include "socket.h"

int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	return fd;
}

void must_bind(int fd, const union address *address)
{
	if (bind(fd, &address->sa, address_size(address)) < 0)
		die("bind: %s", strerror(errno));
}

void must_connect(int fd, const union address *address)
{
	if (connect(fd, &address->sa, address_size(address)) < 0)
		die("connect: %s", strerror(errno));
}

bool worth_retrying(int error)
{
	return error == ENOBUFS || error == EAGAIN || error == ECONNREFUSED || error == EINTR;
}
