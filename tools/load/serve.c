/* SPDX-License-Identifier: GPL-2.0 */
/* What answers in the lab: HTTP and HTTPS by size alone, an echo of datagrams, a sink for them. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "load.h"
#include "socket.h"

enum server_kind {
	SERVER_LISTEN,
	SERVER_HTTP,
	SERVER_HTTPS,
	SERVER_ECHO,
	SERVER_SINK,
};

/* What epoll remembers of a socket: its number, what it is, and what accept() makes of it. */
static uint64_t server_tag(int fd, enum server_kind kind, enum server_kind child)
{
	return (uint64_t)(uint32_t)fd | (uint64_t)kind << 32 | (uint64_t)child << 40;
}

static bool watch(int epoll, int fd, enum server_kind kind, enum server_kind child)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = server_tag(fd, kind, child) };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void add_server(int epoll, const char *text, int family, uint16_t port, int type,
		       enum server_kind kind)
{
	union address address = parse_family(text, family, port);
	int fd = open_socket(family, type | SOCK_NONBLOCK, 0), on = 1;
	bool tcp = type == SOCK_STREAM;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &address.sa, address_size(&address)) < 0 || (tcp && listen(fd, 512) < 0))
		die("cannot serve %s port %u: %s", text, port, strerror(errno));
	if (!watch(epoll, fd, tcp ? SERVER_LISTEN : kind, kind))
		die("epoll_ctl: %s", strerror(errno));
}

static void accept_all(int epoll, int listener, enum server_kind kind)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (!watch(epoll, fd, kind, kind))
			close(fd);
	}
}

static void answer_tcp(int fd, enum server_kind kind)
{
	static const char answer[4096];
	char request[4096];
	ssize_t length = recv(fd, request, sizeof(request), 0);
	size_t size = kind == SERVER_HTTPS ? sizeof(answer) : 600;

	if (length < 0 && worth_retrying(errno))
		return;
	if (length <= 0 || send(fd, answer, size, MSG_NOSIGNAL) != (ssize_t)size)
		close(fd);
}

/* A datagram's answer may be lost like any other datagram: nothing to do about a failed send. */
static void answer_udp(int fd, bool echo)
{
	char data[65536];
	union address peer;
	socklen_t size = sizeof(peer);
	ssize_t length;
	int turn;

	for (turn = 0; turn < 256; turn++) {
		length = recvfrom(fd, data, sizeof(data), 0, &peer.sa, &size);
		if (length < 0)
			return;
		if (echo)
			(void)!sendto(fd, data, (size_t)length, 0, &peer.sa, size);
		size = sizeof(peer);
	}
}

static void serve_event(int epoll, uint64_t tag)
{
	int fd = (int)(uint32_t)tag;
	enum server_kind kind = tag >> 32 & 0xff;

	switch (kind) {
	case SERVER_LISTEN:
		accept_all(epoll, fd, tag >> 40 & 0xff);
		break;
	case SERVER_HTTP:
	case SERVER_HTTPS:
		answer_tcp(fd, kind);
		break;
	case SERVER_ECHO:
	case SERVER_SINK:
		answer_udp(fd, kind == SERVER_ECHO);
		break;
	}
}

static void add_family(int epoll, const char *address, int family)
{
	add_server(epoll, address, family, PORT_HTTP, SOCK_STREAM, SERVER_HTTP);
	add_server(epoll, address, family, PORT_HTTPS, SOCK_STREAM, SERVER_HTTPS);
	add_server(epoll, address, family, PORT_DNS, SOCK_DGRAM, SERVER_ECHO);
	add_server(epoll, address, family, PORT_BULK, SOCK_DGRAM, SERVER_SINK);
}
int cmd_serve(char **args, const struct options *options)
{
	struct epoll_event events[64];
	uint64_t end = deadline_after(options->seconds);
	int epoll = epoll_create1(EPOLL_CLOEXEC), i, count;

	if (epoll < 0)
		die("epoll_create1: %s", strerror(errno));
	add_family(epoll, args[0], AF_INET);
	add_family(epoll, args[1], AF_INET6);
	puts("serving");
	fflush(stdout);
	while (!stopped && now_ns() < end) {
		count = epoll_wait(epoll, events, ARRAY_SIZE(events), 200);
		if (count < 0 && errno != EINTR)
			die("epoll_wait: %s", strerror(errno));
		for (i = 0; i < count; i++)
			serve_event(epoll, events[i].data.u64);
	}
	return 0;
}
