/* SPDX-License-Identifier: GPL-2.0 */
/* An exact number of datagrams: what was not sent is sent again, and what is printed was sent. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "clock.h"
#include "load.h"
#include "socket.h"

/*
 * Few enough at once for a veth ring of 256, and sent only as fast as the pace allows: what the
 * receiver counts must be what was sent.
 */
#define UDP_BATCH 16

/*
 * Linux reports a datagram dropped by the local queue only to sockets that ask for errors; then
 * ENOBUFS means "not sent", and sending it again keeps the count exact.
 */
static int open_exact_udp(const union address *src, const union address *dst)
{
	bool v4 = dst->sa.sa_family == AF_INET;
	int fd = open_socket(dst->sa.sa_family, SOCK_DGRAM, 0), on = 1;

	if (setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &on,
		       sizeof(on)) < 0)
		die("setsockopt: %s", strerror(errno));
	must_bind(fd, src);
	must_connect(fd, dst);
	return fd;
}

/* Empties the error queue, which would otherwise eat into the socket's memory. */
static void drain_errors(int fd)
{
	char data[2048];

	while (recv(fd, data, sizeof(data), MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
		;
}

/* Sends some of the datagrams; returns how many really went out, possibly none. */
static unsigned long send_batch(int fd, struct mmsghdr *messages, unsigned long count, size_t size)
{
	unsigned int limit = count < UDP_BATCH ? (unsigned int)count : UDP_BATCH;
	int sent = sendmmsg(fd, messages, limit, 0), i;

	if (sent < 0) {
		if (!worth_retrying(errno))
			die("sendmmsg: %s", strerror(errno));
		drain_errors(fd);
		sleep_until(now_ns() + NSEC_PER_MSEC / 10);
		return 0;
	}
	for (i = 0; i < sent; i++) {
		if (messages[i].msg_len != size)
			die("sent %u bytes of a datagram of %zu", messages[i].msg_len, size);
	}
	return (unsigned long)sent;
}

/* The first one goes alone: while the neighbour is being looked up, only a short queue waits. */
static unsigned long send_counted(int fd, unsigned long count, size_t size, unsigned long rate)
{
	static char data[65536];
	struct iovec vector = { .iov_base = data, .iov_len = size };
	struct mmsghdr messages[UDP_BATCH] = { 0 };
	unsigned long sent = 0, batch;
	uint64_t next;
	size_t i;

	for (i = 0; i < UDP_BATCH; i++) {
		messages[i].msg_hdr.msg_iov = &vector;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (count && !sent && !stopped)
		sent = send_batch(fd, messages, 1, size);
	next = now_ns() + 50 * NSEC_PER_MSEC;
	sleep_until(next);
	while (sent < count && !stopped) {
		batch = send_batch(fd, messages, count - sent, size);
		sent += batch;
		pace(&next, batch * NSEC_PER_SEC / rate);
	}
	return sent;
}
int cmd_udp(char **args, const struct options *options)
{
	union address src = parse_address(args[0], 0);
	union address dst = parse_address(args[1], (uint16_t)parse_number(args[2], 65535, "DPORT"));
	unsigned long count = parse_number(args[3], ULONG_MAX / 2, "COUNT");
	size_t size = args[4] ? parse_number(args[4], 65507, "SIZE") : 18;
	unsigned long sent;
	int fd;

	if (src.sa.sa_family != dst.sa.sa_family)
		die("'%s' and '%s' are not of one family", args[0], args[1]);
	fd = open_exact_udp(&src, &dst);
	prctl(PR_SET_TIMERSLACK, 1UL);
	sent = send_counted(fd, count, size, options->rate ? options->rate : 200000);
	printf("%lu\n", sent);
	if (sent != count) {
		fprintf(stderr, "load: stopped before all were sent\n");
		return 1;
	}
	return 0;
}
