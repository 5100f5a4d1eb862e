// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets of the sinks that send messages. All are non-blocking; time spent in poll() is the
 * caller's to give. UDP sockets are connected and keep an error queue (IP_RECVERR): the kernel puts
 * the datagram that an ICMP error names there, so refused messages can be told from others. A
 * datagram larger than the path's MTU is sent in fragments.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/sockios.h>

#include "sinks/peer.h"

#define UDP_SEND_BUFFER (1 << 20)
#define TCP_SEND_BUFFER (256 << 10) /* what has to be kept until it is acknowledged */
#define TCP_SILENT_MS 30000	    /* an unacknowledged segment this old: the host is gone */

static bool numeric_port(const char *port)
{
	unsigned int n = 0;

	for (; *port >= '0' && *port <= '9' && n < 65536; port++)
		n = n * 10 + (unsigned int)(*port - '0');
	return !*port && n && n < 65536;
}

static const char *scheme(struct peer *p, const char *target)
{
	p->tcp = !strncmp(target, "tcp:", 4);
	return p->tcp || !strncmp(target, "udp:", 4) ? target + 4 : target;
}

int peer_parse(struct peer *p, const char *target, bool tcp, char *why, size_t size)
{
	const char *rest, *colon, *host;
	size_t length;

	*p = (struct peer){ .fd = -1 };
	rest = scheme(p, target);
	colon = strrchr(rest, ':');
	host = rest;
	length = colon ? (size_t)(colon - rest) : 0;
	if (length > 2 && rest[0] == '[' && rest[length - 1] == ']') {
		host++;
		length -= 2;
	} else if (length && (memchr(rest, ':', length) || *rest == '[')) {
		length = 0;
	}
	if (!length || length >= sizeof(p->host) || strlen(colon + 1) >= sizeof(p->port) ||
	    !numeric_port(colon + 1) || (p->tcp && !tcp)) {
		snprintf(why, size, "%s is not %sHOST:PORT, an IPv6 address in brackets", target,
			 tcp ? "[udp:|tcp:]" : "[udp:]");
		return -EINVAL;
	}
	memcpy(p->host, host, length);
	p->host[length] = 0;
	strcpy(p->port, colon + 1);
	return 0;
}

int peer_resolves(const char *host, char *why, size_t size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int err = getaddrinfo(host, NULL, &hints, &list);

	if (!err) {
		freeaddrinfo(list);
		return 0;
	}
	snprintf(why, size, "the name %.200s does not resolve: %s; a daemon goes on trying", host,
		 gai_strerror(err));
	return -EADDRNOTAVAIL;
}

int peer_check(const char *target, bool tcp, bool names, char *why, size_t size)
{
	struct peer p;
	int err = peer_parse(&p, target, tcp, why, size);

	return err || !names ? err : peer_resolves(p.host, why, size);
}

static void set_options(const struct peer *p, int fd, int family)
{
	int size = p->tcp ? TCP_SEND_BUFFER : UDP_SEND_BUFFER;
	int on = 1, silent = TCP_SILENT_MS;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (p->tcp) {
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent, sizeof(silent));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	} else if (family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	}
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
		return -errno;
	return -error;
}

/* A connected socket to one address, or a negative errno. */
static int connect_to(const struct peer *p, const struct addrinfo *a, int timeout_ms)
{
	struct pollfd wait = { .events = POLLOUT };
	int fd, err = 0;

	fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (fd < 0)
		return -errno;
	set_options(p, fd, a->ai_family);
	if (connect(fd, a->ai_addr, a->ai_addrlen))
		err = -errno;
	if (err == -EINPROGRESS) {
		wait.fd = fd;
		err = poll(&wait, 1, timeout_ms) > 0 ? socket_error(fd) : -ETIMEDOUT;
	}
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

const char *peer_strerror(int err)
{
	if (err == -EADDRNOTAVAIL)
		return "the name does not resolve";
	return err == -EAGAIN ? "the collector takes nothing" : strerror(-err);
}

int peer_open(struct peer *p, int timeout_ms)
{
	struct addrinfo hints = { .ai_socktype = p->tcp ? SOCK_STREAM : SOCK_DGRAM };
	struct addrinfo *list, *a;
	int fd = -EADDRNOTAVAIL;

	peer_close(p);
	if (getaddrinfo(p->host, p->port, &hints, &list))
		return -EADDRNOTAVAIL;
	for (a = list; a && fd < 0; a = a->ai_next)
		fd = connect_to(p, a, timeout_ms);
	freeaddrinfo(list);
	if (fd < 0)
		return fd;
	p->fd = fd;
	return 0;
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->written = 0;
}

int peer_send(struct peer *p, const void *data, size_t size, int timeout_ms)
{
	struct pollfd wait = { .fd = p->fd, .events = POLLOUT };
	ssize_t n;

	if (p->fd < 0)
		return -ENOTCONN;
	while (p->written < size) {
		n = send(p->fd, (const char *)data + p->written, size - p->written, MSG_NOSIGNAL);
		if (n >= 0)
			p->written += (size_t)n;
		else if (errno == EAGAIN || errno == ENOBUFS) {
			if (poll(&wait, 1, timeout_ms) <= 0)
				return -EAGAIN;
		} else if (errno != EINTR)
			return -errno;
	}
	p->written = 0;
	return 0;
}

ssize_t peer_returned(struct peer *p, void *head, size_t size, int *error)
{
	struct iovec io = { .iov_base = head, .iov_len = size };
	char control[512];
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct sock_extended_err ee = { .ee_errno = ECONNREFUSED };
	struct cmsghdr *c;
	ssize_t n = p->fd < 0 ? -1 : recvmsg(p->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);

	if (n < 0)
		return -EAGAIN;
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	*error = -(int)ee.ee_errno;
	return n;
}

size_t peer_unacknowledged(const struct peer *p)
{
	int bytes = 0;

	if (p->fd < 0 || ioctl(p->fd, SIOCOUTQ, &bytes) || bytes < 0)
		return 0;
	return (size_t)bytes;
}

bool peer_wait_error(const struct peer *p, int timeout_ms)
{
	struct pollfd wait = { .fd = p->fd };

	return poll(&wait, 1, timeout_ms) > 0;
}

bool peer_gone(const struct peer *p)
{
	char c[256];
	ssize_t n;

	/* A collector says nothing: what it says is thrown away, so that its end is seen. */
	do
		n = recv(p->fd, c, sizeof(c), MSG_DONTWAIT);
	while (n > 0);
	return !n || (errno != EAGAIN && errno != EINTR);
}
