/* SPDX-License-Identifier: GPL-2.0 */
/* The everyday mix: connections, questions, datagrams and pings, over IPv4 and IPv6. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "load.h"
#include "packet.h"
#include "socket.h"

enum mix_kind {
	MIX_TCP,
	MIX_UDP,
	MIX_ICMP,
	MIX_KINDS,
};

static const char *const mix_names[MIX_KINDS] = { "tcp", "udp", "icmp" };

/* One address family's half of the mix; its sockets live as long as the run. */
struct mix_family {
	union address src, dst;
	int bulk, ping;
	uint16_t sequence;
};

struct mix_counts {
	unsigned long done[MIX_KINDS], failed[MIX_KINDS];
	int error[MIX_KINDS]; /* the last one's errno */
};

static void count_result(struct mix_counts *counts, enum mix_kind kind, bool ok)
{
	if (ok) {
		counts->done[kind]++;
	} else if (!stopped) {
		counts->failed[kind]++;
		counts->error[kind] = errno;
	}
}

static void set_timeouts(int fd)
{
	struct timeval limit = { .tv_sec = 2 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* One connected socket to a port, or -1. */
static int connect_port(const struct mix_family *family, int type, uint16_t port)
{
	union address dst = family->dst;
	int fd = open_socket(dst.sa.sa_family, type, 0), on = 1;

	set_port(&dst, port);
	set_timeouts(fd);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, &family->src.sa, address_size(&family->src)) == 0 &&
	    connect(fd, &dst.sa, address_size(&dst)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool receive_exactly(int fd, size_t size)
{
	char data[4096];
	ssize_t length;

	while (size) {
		length = recv(fd, data, size < sizeof(data) ? size : sizeof(data), 0);
		if (length <= 0)
			return false;
		size -= (size_t)length;
	}
	return true;
}

/* A real connection: a few requests and answers, then an orderly end. */
static bool exchange_tcp(const struct mix_family *family, uint16_t port)
{
	static const char request[64] = "GET / HTTP/1.1\r\nHost: lab\r\n\r\n";
	unsigned int requests = 1 + random32() % 5;
	int fd = connect_port(family, SOCK_STREAM, port);
	bool ok = fd >= 0;

	while (ok && requests--)
		ok = send(fd, request, sizeof(request), MSG_NOSIGNAL) == sizeof(request) &&
		     receive_exactly(fd, port == PORT_HTTPS ? 4096 : 600);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* One question from a fresh port and its answer, as a resolver would. */
static bool exchange_dns(const struct mix_family *family)
{
	char question[40] = "\x12\x34\x01", answer[64];
	int fd = connect_port(family, SOCK_DGRAM, PORT_DNS);
	bool ok;

	if (fd < 0)
		return false;
	ok = send(fd, question, sizeof(question), 0) == sizeof(question) &&
	     recv(fd, answer, sizeof(answer), 0) == sizeof(question);
	close(fd);
	return ok;
}

static void send_bulk(struct mix_family *family, struct mix_counts *counts, size_t size)
{
	static const char data[4000];

	count_result(counts, MIX_UDP, send(family->bulk, data, size, 0) == (ssize_t)size);
}

static bool send_ping(struct mix_family *family)
{
	uint16_t id = htons((uint16_t)getpid()), sequence = htons(++family->sequence);
	struct {
		struct icmphdr header;
		char data[56];
	} v4 = { .header = { .type = ICMP_ECHO, .un.echo = { id, sequence } } };
	struct {
		struct icmp6_hdr header;
		char data[56];
	} v6 = { .header = { .icmp6_type = ICMP6_ECHO_REQUEST,
			     .icmp6_dataun.icmp6_un_data16 = { id, sequence } } };

	if (family->dst.sa.sa_family == AF_INET6) /* the kernel fills in the checksum */
		return send(family->ping, &v6, sizeof(v6), 0) == sizeof(v6);
	v4.header.checksum = fold_sum(sum_words(0, &v4, sizeof(v4)));
	return send(family->ping, &v4, sizeof(v4), 0) == sizeof(v4);
}

static void drain(int fd)
{
	char data[2048];

	while (recv(fd, data, sizeof(data), MSG_DONTWAIT) >= 0)
		;
}

static void open_family(struct mix_family *family, const char *src, const char *dst, int kind)
{
	family->src = parse_family(src, kind, 0);
	family->dst = parse_family(dst, kind, 0);
	family->bulk = connect_port(family, SOCK_DGRAM, PORT_BULK);
	if (family->bulk < 0)
		die("cannot send from %s to %s: %s", src, dst, strerror(errno));
	family->ping = open_socket(kind, SOCK_RAW,
				   kind == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	must_bind(family->ping, &family->src);
	must_connect(family->ping, &family->dst);
}

/* About 35 packets both ways per family; every 16th round has a datagram in fragments, too. */
static void mix_round(struct mix_family *family, struct mix_counts *counts, unsigned long round)
{
	int i;

	count_result(counts, MIX_TCP, exchange_tcp(family, PORT_HTTP));
	count_result(counts, MIX_TCP, exchange_tcp(family, PORT_HTTPS));
	count_result(counts, MIX_UDP, exchange_dns(family));
	for (i = 0; i < 8; i++)
		send_bulk(family, counts, 100 + random32() % 1200);
	if (round % 16 == 0)
		send_bulk(family, counts, 4000);
	count_result(counts, MIX_ICMP, send_ping(family));
	drain(family->ping);
}

/* Says what was done; an error unless every kind of traffic got through at least once. */
static int report_mix(const struct mix_counts *counts)
{
	int kind, status = 0;

	for (kind = 0; kind < MIX_KINDS; kind++)
		printf("%s %lu (%lu failed)%s", mix_names[kind], counts->done[kind],
		       counts->failed[kind], kind + 1 < MIX_KINDS ? ", " : "\n");
	for (kind = 0; kind < MIX_KINDS && !status; kind++) {
		if (counts->done[kind] || !counts->failed[kind])
			continue;
		fprintf(stderr, "load: no %s got through: %s\n", mix_names[kind],
			strerror(counts->error[kind]));
		status = 1;
	}
	return status;
}
int cmd_send(char **args, const struct options *options)
{
	struct mix_family family[2] = { 0 };
	struct mix_counts counts = { 0 };
	uint64_t end = deadline_after(parse_seconds(args[4])), next;
	unsigned long rate = options->rate ? options->rate : 3000, round;

	open_family(&family[0], args[0], args[1], AF_INET);
	open_family(&family[1], args[2], args[3], AF_INET6);
	next = now_ns();
	for (round = 0; !stopped && now_ns() < end; round++) {
		mix_round(&family[0], &counts, round);
		mix_round(&family[1], &counts, round);
		pace(&next, 70 * NSEC_PER_SEC / rate);
	}
	return report_mix(&counts);
}
