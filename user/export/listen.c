/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses to listen on; see listen.h. */
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "export/listen.h"

#define BACKLOG 1024

/* getaddrinfo() takes any number, and what is left of it in 16 bits. */
static bool is_port(const char *text)
{
	unsigned int n = 0;

	if (!*text)
		return false;
	for (; *text >= '0' && *text <= '9' && n < 65536; text++)
		n = n * 10 + (unsigned int)(*text - '0');
	return !*text && n < 65536;
}

/* The caller frees *to by freeaddrinfo(). */
static int parse(const char *target, struct addrinfo **to, char *why, size_t size)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(target, ':'), *from = target;
	const char *port = colon ? colon + 1 : target;
	size_t n = colon ? (size_t)(colon - target) : 0;
	char host[256];
	int err;

	if (n >= 2 && *from == '[' && from[n - 1] == ']')
		from++, n -= 2;
	if (!is_port(port) || n >= sizeof(host)) {
		snprintf(why, size, "%.100s is not ADDR:PORT, an IPv6 address in brackets", target);
		return -EINVAL;
	}
	snprintf(host, sizeof(host), "%.*s", (int)n, from);
	err = getaddrinfo(*host ? host : "127.0.0.1", port, &hints, to);
	if (!err)
		return 0;
	snprintf(why, size, "%.100s is no address to listen on: %s", target, gai_strerror(err));
	return -EADDRNOTAVAIL;
}

/* A socket bound to `target`. */
static int bind_to(const char *target, char *why, size_t size)
{
	struct addrinfo *to;
	int fd, on = 1, err = parse(target, &to, why, size);

	if (err)
		return err;
	fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = fd < 0 ? -errno : 0;
	if (!err)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!err && bind(fd, to->ai_addr, to->ai_addrlen))
		err = -errno;
	freeaddrinfo(to);
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

static void tell(const char *target, int err, char *why, size_t size)
{
	snprintf(why, size, "cannot listen on %.100s: %s%s", target, strerror(-err),
		 err == -EADDRINUSE ? "; another daemon has the port" : "");
}

int listen_on(const char *target, char *why, size_t size)
{
	int fd, err;

	*why = 0;
	fd = bind_to(target, why, size);
	err = fd < 0 ? fd : 0;
	if (!err && listen(fd, BACKLOG)) {
		err = -errno;
		close(fd);
	}
	if (err && !*why)
		tell(target, err, why, size);
	return err ? err : fd;
}

int listen_check(const char *target, bool taken, char *why, size_t size)
{
	int fd;

	*why = 0;
	fd = bind_to(target, why, size);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || (taken && fd == -EADDRINUSE))
		return 0;
	if (!*why)
		tell(target, fd, why, size);
	return fd;
}

/* Without a port of its own choice the kernel gives each another one. */
static uint16_t port_of(const struct sockaddr *a)
{
	return a->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)(const void *)a)->sin6_port
					: ((const struct sockaddr_in *)(const void *)a)->sin_port;
}

static bool is_any(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(
			&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
	return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr == INADDR_ANY;
}

/* Whether [::] here is all of IPv4, too. */
static bool any_is_both(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), only = 1;
	socklen_t size = sizeof(only);

	if (fd < 0)
		return false;
	getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size);
	close(fd);
	return !only;
}

static bool addresses_meet(const struct addrinfo *a, const struct addrinfo *b)
{
	const struct sockaddr *six = a->ai_family == AF_INET6 ? a->ai_addr : b->ai_addr;

	if (!port_of(a->ai_addr) || port_of(a->ai_addr) != port_of(b->ai_addr))
		return false;
	if (a->ai_family != b->ai_family)
		return is_any(six) && any_is_both();
	return is_any(a->ai_addr) || is_any(b->ai_addr) ||
	       (a->ai_addrlen == b->ai_addrlen && !memcmp(a->ai_addr, b->ai_addr, a->ai_addrlen));
}

bool listen_same(const char *a, const char *b)
{
	struct addrinfo *of_a = NULL, *of_b = NULL;
	char why[200];
	bool same = !parse(a, &of_a, why, sizeof(why)) && !parse(b, &of_b, why, sizeof(why)) &&
		    addresses_meet(of_a, of_b);

	if (of_a)
		freeaddrinfo(of_a);
	if (of_b)
		freeaddrinfo(of_b);
	return same;
}

const char *listen_address(int fd, char *to, size_t size)
{
	struct sockaddr_storage ss;
	socklen_t length = sizeof(ss);
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE] = "?", port[8] = "?";
	bool v6;

	if (!getsockname(fd, (struct sockaddr *)&ss, &length))
		getnameinfo((struct sockaddr *)&ss, length, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	v6 = strchr(host, ':');
	snprintf(to, size, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
	return to;
}
