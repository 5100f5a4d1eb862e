/* SPDX-License-Identifier: GPL-2.0 */
/*
 * flood: frames of very many UDP flows out of one interface, for benchmarks of what reads them.
 *
 * First one frame of each flow, then flows at random, at a rate. The frames are for a MAC address
 * that nobody has: they pass the driver of the other end, and its stack drops them at once.
 * Prints "filled" when each flow was sent once, and at the end how many frames went out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define PAYLOAD 18

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	char data[PAYLOAD];
} __attribute__((packed));

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int open_device(const char *device)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(device) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1;

	if (fd < 0 || !to.sll_ifindex || bind(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on))) {
		fprintf(stderr, "flood: %s: %s\n", device, strerror(errno));
		exit(1);
	}
	return fd;
}

static uint16_t header_sum(const void *ip)
{
	const uint16_t *word = ip;
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < sizeof(struct iphdr) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void fill(struct frame *f, uint32_t flow)
{
	static const uint8_t nobody[ETH_ALEN] = { 2, 0, 0, 0, 0, 0x99 };

	memset(f, 0, sizeof(*f));
	memcpy(f->eth.ether_dhost, nobody, ETH_ALEN);
	f->eth.ether_shost[0] = 2;
	f->eth.ether_type = htons(ETHERTYPE_IP);
	f->ip.version = 4;
	f->ip.ihl = 5;
	f->ip.ttl = 64;
	f->ip.protocol = IPPROTO_UDP;
	f->ip.tot_len = htons(sizeof(*f) - sizeof(f->eth));
	/* 1024 flows a host. */
	f->ip.saddr = htonl(0x0a000000 | flow >> 10);
	f->ip.daddr = htonl(0xc0000201);
	f->ip.check = header_sum(&f->ip);
	f->udp.source = htons((uint16_t)(1024 + (flow & 1023)));
	f->udp.dest = htons(9);
	f->udp.len = htons(sizeof(f->udp) + PAYLOAD);
}

static uint32_t any(uint32_t below)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * below >> 32);
}

static unsigned long send_batch(int fd, struct mmsghdr *messages, unsigned int n)
{
	int sent = sendmmsg(fd, messages, n, 0);

	if (sent >= 0)
		return (unsigned long)sent;
	if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
		fprintf(stderr, "flood: sending: %s\n", strerror(errno));
		exit(1);
	}
	return 0;
}

static void pace(double start, unsigned long sent, double rate)
{
	double ahead = rate > 0 ? (double)sent / rate - (now() - start) : 0;

	if (ahead > 0.001)
		usleep((useconds_t)(ahead * 1e6));
}

int main(int argc, char **argv)
{
	static struct frame frames[BATCH];
	struct iovec vectors[BATCH];
	struct mmsghdr messages[BATCH] = { 0 };
	unsigned long flows, filled = 0, sent = 0;
	double end, start, rate;
	int fd;
	uint32_t i;

	if (argc != 5) {
		fprintf(stderr, "usage: flood DEV FLOWS SECONDS RATE\n");
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	fd = open_device(argv[1]);
	flows = strtoul(argv[2], NULL, 10);
	end = now() + strtod(argv[3], NULL);
	rate = strtod(argv[4], NULL);
	for (i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ &frames[i], sizeof(frames[i]) };
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (filled < flows && !stopped) {
		unsigned int n = flows - filled < BATCH ? (unsigned int)(flows - filled) : BATCH;

		for (i = 0; i < n; i++)
			fill(&frames[i], (uint32_t)filled + i);
		filled += send_batch(fd, messages, n);
	}
	printf("filled\n");
	fflush(stdout);
	start = now();
	while (!stopped && now() < end) {
		for (i = 0; i < BATCH; i++)
			fill(&frames[i], any((uint32_t)flows));
		sent += send_batch(fd, messages, BATCH);
		pace(start, sent, rate);
	}
	printf("%lu\n", filled + sent);
	return 0;
}
