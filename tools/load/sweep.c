/* SPDX-License-Identifier: GPL-2.0 */
/* The worm that knocks at every door: a SYN to one port of each address in turn. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "load.h"
#include "packet.h"
#include "socket.h"

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
int cmd_sweep(char **args, const struct options *options)
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
