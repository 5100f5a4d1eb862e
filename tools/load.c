/* SPDX-License-Identifier: GPL-2.0 */
/*
 * load: the traffic of weir's lab, and the servers that answer it.
 *
 * Every kind of traffic is one subcommand: "serve" answers, "send" is the everyday mix, "sweep" is
 * the worm that knocks at every door, "udp" sends an exact number of datagrams, and "vlan" makes
 * tagged frames by hand (no vlan device needed).  It owns no state outside its own sockets and is
 * meant to be run inside the network namespaces that tools/lab makes, nowhere else.
 *
 * Exit codes: 0 done or told to stop, 1 failed (one line on stderr says why), 2 wrong usage.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PORT_HTTP 80
#define PORT_HTTPS 443
#define PORT_DNS 53
#define PORT_BULK 5001

struct options {
	double seconds;	    /* 0: until told to stop */
	unsigned long rate; /* packets per second, 0: the subcommand's own default */
};

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static volatile sig_atomic_t stopped;

/* ---- small things all subcommands use ---- */

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	va_list args;

	fputs("load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t when)
{
	struct timespec ts = { .tv_sec = (time_t)(when / NSEC_PER_SEC),
			       .tv_nsec = (long)(when % NSEC_PER_SEC) };

	while (!stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* The time at which to stop, UINT64_MAX for never. */
static uint64_t deadline_after(double seconds)
{
	return seconds > 0 ? now_ns() + (uint64_t)(seconds * (double)NSEC_PER_SEC) : UINT64_MAX;
}

/* Waits one interval after the last turn; a late turn is never made up for by a burst. */
static void pace(uint64_t *next, uint64_t interval)
{
	uint64_t now = now_ns();

	*next += interval;
	if (*next < now)
		*next = now;
	else
		sleep_until(*next);
}

static uint32_t random32(void)
{
	static uint64_t state;

	if (!state && getrandom(&state, sizeof(state), 0) != sizeof(state))
		state = now_ns();
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

static unsigned long parse_number(const char *text, unsigned long max, const char *what)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > max)
		die("%s: '%s' is not a number from 0 to %lu", what, text, max);
	return value;
}

static double parse_seconds(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value <= 1e6))
		die("'%s' is not a number of seconds", text);
	return value;
}

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

static union address parse_address(const char *text, uint16_t port)
{
	union address address;

	if (!set_address(&address, text, port))
		die("'%s' is not an IPv4 or IPv6 address", text);
	return address;
}

static union address parse_family(const char *text, int family, uint16_t port)
{
	union address address = parse_address(text, port);

	if (address.sa.sa_family != family)
		die("'%s' is not an IPv%d address", text, family == AF_INET ? 4 : 6);
	return address;
}

static socklen_t address_size(const union address *address)
{
	return address->sa.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
}

static void set_port(union address *address, uint16_t port)
{
	if (address->sa.sa_family == AF_INET)
		address->in.sin_port = htons(port);
	else
		address->in6.sin6_port = htons(port);
}

static int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	return fd;
}

static void must_bind(int fd, const union address *address)
{
	if (bind(fd, &address->sa, address_size(address)) < 0)
		die("bind: %s", strerror(errno));
}

static void must_connect(int fd, const union address *address)
{
	if (connect(fd, &address->sa, address_size(address)) < 0)
		die("connect: %s", strerror(errno));
}

/* A full queue, or the report of an earlier packet's fate: nothing was sent, so send again. */
static bool worth_retrying(int error)
{
	return error == ENOBUFS || error == EAGAIN || error == ECONNREFUSED || error == EINTR;
}

static uint32_t sum_words(uint32_t sum, const void *data, size_t length)
{
	const uint8_t *byte = data;
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)byte[i] << 8 | byte[i + 1];
	if (length & 1)
		sum += (uint32_t)byte[length - 1] << 8;
	return sum;
}

/* The Internet checksum in network byte order. */
static uint16_t fold_sum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static uint32_t pseudo_sum(const struct iphdr *ip, size_t length)
{
	uint32_t sum = sum_words(0, &ip->saddr, sizeof(ip->saddr));

	sum = sum_words(sum, &ip->daddr, sizeof(ip->daddr));
	return sum + ip->protocol + (uint32_t)length;
}

static void fill_ip(struct iphdr *ip, uint8_t protocol, struct in_addr src, struct in_addr dst,
		    size_t total)
{
	memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons((uint16_t)total);
	ip->id = htons((uint16_t)random32());
	ip->ttl = 64;
	ip->protocol = protocol;
	ip->saddr = src.s_addr;
	ip->daddr = dst.s_addr;
	ip->check = fold_sum(sum_words(0, ip, sizeof(*ip)));
}

/* ---- serve ---- */

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

static int cmd_serve(char **args, const struct options *options)
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

/* ---- send ---- */

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

static int cmd_send(char **args, const struct options *options)
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

/* ---- sweep ---- */

struct syn_packet {
	struct iphdr ip;
	struct tcphdr tcp;
};

static void fill_syn(struct syn_packet *syn, struct in_addr src, struct in_addr dst, uint16_t port)
{
	memset(syn, 0, sizeof(*syn));
	fill_ip(&syn->ip, IPPROTO_TCP, src, dst, sizeof(*syn));
	syn->tcp.source = htons((uint16_t)(1024 + random32() % (65536 - 1024)));
	syn->tcp.dest = htons(port);
	syn->tcp.seq = random32();
	syn->tcp.doff = sizeof(syn->tcp) / 4;
	syn->tcp.syn = 1;
	syn->tcp.window = htons(64240);
	syn->tcp.check = fold_sum(
		sum_words(pseudo_sum(&syn->ip, sizeof(syn->tcp)), &syn->tcp, sizeof(syn->tcp)));
}

static void send_syn(int fd, const struct syn_packet *syn)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = syn->ip.daddr };

	while (!stopped) {
		if (sendto(fd, syn, sizeof(*syn), 0, (struct sockaddr *)&to, sizeof(to)) ==
		    (ssize_t)sizeof(*syn))
			return;
		if (!worth_retrying(errno))
			die("sending a SYN: %s", strerror(errno));
		sleep_until(now_ns() + NSEC_PER_MSEC);
	}
}

static int cmd_sweep(char **args, const struct options *options)
{
	struct in_addr src = parse_family(args[1], AF_INET, 0).in.sin_addr, dst;
	uint32_t first = ntohl(parse_family(args[2], AF_INET, 0).in.sin_addr.s_addr);
	uint32_t count = (uint32_t)parse_number(args[3], 1 << 24, "COUNT"), i = 0;
	uint16_t port = (uint16_t)parse_number(args[4], 65535, "PORT");
	uint64_t end = deadline_after(options->seconds), next = now_ns(), sent = 0;
	unsigned long rate = options->rate ? options->rate : 500;
	int fd = open_socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	struct syn_packet syn;

	if (!count)
		die("COUNT: at least one address to sweep");
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, args[0], (socklen_t)strlen(args[0])) < 0)
		die("%s: %s", args[0], strerror(errno));
	while (!stopped && now_ns() < end) {
		dst.s_addr = htonl(first + i);
		fill_syn(&syn, src, dst, port);
		send_syn(fd, &syn);
		sent++;
		i = (i + 1) % count;
		pace(&next, NSEC_PER_SEC / rate);
	}
	printf("%llu\n", (unsigned long long)sent);
	return 0;
}

/* ---- udp ---- */

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

static int cmd_udp(char **args, const struct options *options)
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

/* ---- vlan ---- */

#define VLAN_INNER 100
#define VLAN_OUTER 200
#define VLAN_PAYLOAD 64

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	char data[VLAN_PAYLOAD];
};

static void parse_mac(const char *text, uint8_t *mac)
{
	char rest;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &rest) != ETH_ALEN)
		die("'%s' is not a MAC address", text);
}

static void device_mac(int fd, const char *device, uint8_t *mac)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		die("%s: %s", device, strerror(errno));
	memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
}

static size_t put16(uint8_t *frame, size_t at, uint16_t value)
{
	frame[at] = (uint8_t)(value >> 8);
	frame[at + 1] = (uint8_t)value;
	return at + 2;
}

/* Writes what follows the two MAC addresses; returns the frame's length. */
static size_t fill_frame(uint8_t *frame, bool double_tag, const struct datagram *datagram)
{
	size_t at = 2 * ETH_ALEN;

	if (double_tag) {
		at = put16(frame, at, ETH_P_8021AD);
		at = put16(frame, at, VLAN_OUTER);
	}
	at = put16(frame, at, ETH_P_8021Q);
	at = put16(frame, at, VLAN_INNER);
	at = put16(frame, at, ETH_P_IP);
	memcpy(frame + at, datagram, sizeof(*datagram));
	return at + sizeof(*datagram);
}

static void fill_datagram(struct datagram *datagram, struct in_addr src, struct in_addr dst,
			  uint16_t source_port)
{
	size_t length = sizeof(*datagram) - sizeof(datagram->ip);

	memset(datagram, 0, sizeof(*datagram));
	fill_ip(&datagram->ip, IPPROTO_UDP, src, dst, sizeof(*datagram));
	datagram->udp.source = htons(source_port);
	datagram->udp.dest = htons(PORT_BULK);
	datagram->udp.len = htons((uint16_t)length);
	datagram->udp.check =
		fold_sum(sum_words(pseudo_sum(&datagram->ip, length), &datagram->udp, length));
	if (!datagram->udp.check)
		datagram->udp.check = 0xffff;
}

static void send_frame(int fd, const uint8_t *frame, size_t length)
{
	while (!stopped) {
		if (send(fd, frame, length, 0) == (ssize_t)length)
			return;
		if (!worth_retrying(errno))
			die("sending a frame: %s", strerror(errno));
		sleep_until(now_ns() + NSEC_PER_MSEC);
	}
}

static int open_device(const char *device)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(device) };
	int fd = open_socket(AF_PACKET, SOCK_RAW, 0);

	if (!to.sll_ifindex || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("%s: %s", device, strerror(errno));
	return fd;
}

/* Of every four frames three have one tag and the fourth has two; COUNT 0 is "until stopped". */
static int cmd_vlan(char **args, const struct options *options)
{
	int fd = open_device(args[0]);
	struct in_addr src = parse_family(args[2], AF_INET, 0).in.sin_addr;
	struct in_addr dst = parse_family(args[3], AF_INET, 0).in.sin_addr;
	unsigned long count = parse_number(args[4], ULONG_MAX / 2, "COUNT"), sent;
	uint64_t end = deadline_after(options->seconds), next = now_ns();
	unsigned long rate = options->rate ? options->rate : 200;
	uint8_t frame[2 * ETH_ALEN + 10 + sizeof(struct datagram)];
	struct datagram datagram;

	parse_mac(args[1], frame);
	device_mac(fd, args[0], frame + ETH_ALEN);
	for (sent = 0; !stopped && (!count || sent < count) && now_ns() < end; sent++) {
		fill_datagram(&datagram, src, dst, (uint16_t)(40000 + sent % 8));
		send_frame(fd, frame, fill_frame(frame, sent % 4 == 3, &datagram));
		pace(&next, NSEC_PER_SEC / rate);
	}
	printf("%lu\n", sent);
	return 0;
}

/* ---- the command line ---- */

static const struct command {
	const char *name, *usage;
	int min_args, max_args;
	int (*run)(char **args, const struct options *options);
} commands[] = {
	{ "serve", "ADDR4 ADDR6", 2, 2, cmd_serve },
	{ "send", "SRC4 DST4 SRC6 DST6 SECONDS", 5, 5, cmd_send },
	{ "sweep", "DEV SRC4 FIRST4 COUNT PORT", 5, 5, cmd_sweep },
	{ "udp", "SRC DST DPORT COUNT [SIZE]", 4, 5, cmd_udp },
	{ "vlan", "DEV DSTMAC SRC4 DST4 COUNT", 5, 5, cmd_vlan },
};

static int usage(FILE *to)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "%s load %s %s\n", i ? "      " : "usage:", commands[i].name,
			commands[i].usage);
	fputs("options: --seconds N (serve, sweep, vlan; 0: until killed), --rate PPS\n", to);
	return to == stdout ? 0 : 2;
}

/* Returns 0 to go on, else 1 + the exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options->seconds = parse_seconds(optarg);
			break;
		case 'r':
			options->rate = parse_number(optarg, NSEC_PER_SEC, "--rate");
			break;
		case 'h':
			return 1 + usage(stdout);
		default:
			return 1 + usage(stderr);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int status = parse_options(argc, argv, &options), args = argc - optind - 1;
	size_t i;

	if (status)
		return status - 1;
	for (i = 0; args >= 0 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[optind], commands[i].name))
			continue;
		if (args < commands[i].min_args || args > commands[i].max_args)
			break;
		catch_signals();
		return commands[i].run(argv + optind + 1, &options);
	}
	return usage(stderr);
}
