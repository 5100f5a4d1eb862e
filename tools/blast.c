/* SPDX-License-Identifier: GPL-2.0 */
/*
 * blast: UDP packets out of an interface, as fast as one CPU makes them, or at a rate.
 *
 * The kernel runs bpf/blast.bpf.c on frames of its own and transmits each (BPF_PROG_TEST_RUN with
 * BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18), many a system call: no socket, no copy. Stays on the
 * CPU it is told, and says as JSON what it sent, exactly, whatever ended it. Every packet is a
 * valid one, with correct checksums.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "../bpf/blast.h"
#include "blast.skel.h"

#define SIZE_MIN 62 /* Ethernet, IPv6, UDP; IPv4 takes 60 */
#define SIZE_MAX_LIVE 3000
#define PORT 5001

struct options {
	const char *device;
	unsigned char to[ETH_ALEN];
	int ipv6;
	enum blast_order order;
	__u32 flows;
	__u32 size;
	__u32 batch;
	double seconds;
	__u64 rate;
	__u32 follow; /* id of the map that the receiver counts in, 0: none */
	__u64 count;
	int cpu;
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("blast: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static volatile sig_atomic_t stopped;
static timer_t timer; /* its signal makes the kernel return */

/* Again and again, for a signal just before the system call is none to it. */
static void ring_after(double seconds)
{
	struct itimerspec when = { .it_interval = { .tv_nsec = 50000000 } };

	when.it_value.tv_sec = (time_t)seconds;
	when.it_value.tv_nsec = (long)((seconds - (double)when.it_value.tv_sec) * 1e9) + 1;
	timer_settime(timer, 0, &when, NULL);
}

static void on_signal(int sig)
{
	if (sig == SIGALRM)
		return;
	stopped = 1;
	ring_after(0.001);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (timer_create(CLOCK_MONOTONIC, NULL, &timer)) /* SIGALRM */
		die("no timer: %s", strerror(errno));
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- the frame ---- */

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

/* One's complement sum of 16-bit words as they lie in memory. */
static __u32 sum_words(const unsigned char *at, size_t bytes)
{
	__u32 sum = 0;
	__u16 word;

	for (size_t i = 0; i + 1 < bytes; i += 2) {
		memcpy(&word, at + i, 2);
		sum += word;
	}
	return sum;
}

static void put_udp(unsigned char *udp, unsigned int length)
{
	put16(udp + 2, PORT);
	put16(udp + 4, length);
}

/* Returns the sum of the header, without what the program fills in. */
static __u32 make_ipv4(unsigned char *frame, unsigned int size)
{
	unsigned char *ip = frame + ETH_HLEN;

	put16(frame + 12, ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, size - ETH_HLEN);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	inet_pton(AF_INET, "192.0.2.1", ip + 16);
	put_udp(ip + 20, size - ETH_HLEN - 20);
	return sum_words(ip, 20);
}

/* Likewise of UDP and its pseudo-header. The rest of the payload is zero. */
static __u32 make_ipv6(unsigned char *frame, unsigned int size)
{
	unsigned char *ip = frame + ETH_HLEN;
	unsigned int length = size - ETH_HLEN - 40;

	put16(frame + 12, ETH_P_IPV6);
	ip[0] = 0x60;
	put16(ip + 4, length);
	ip[6] = IPPROTO_UDP;
	ip[7] = 64;
	inet_pton(AF_INET6, "2001:db8:1::", ip + 8);
	inet_pton(AF_INET6, "2001:db8::1", ip + 24);
	put_udp(ip + 40, length);
	return sum_words(ip + 8, 32) + htons((__u16)length) + htons(IPPROTO_UDP) +
	       sum_words(ip + 40, 8);
}

static void device_mac(const char *device, unsigned char *mac)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		die("%s: %s", device, strerror(errno));
	close(fd);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
}

static __u32 make_frame(unsigned char *frame, const struct options *o)
{
	memset(frame, 0, o->size);
	memcpy(frame, o->to, ETH_ALEN);
	device_mac(o->device, frame + ETH_ALEN);
	return o->ipv6 ? make_ipv6(frame, o->size) : make_ipv4(frame, o->size);
}

/* ---- the program ---- */

/* Draws flows of a Zipf distribution with exponent 1, by inverting its sum. */
static void draw_zipf(const struct blast_bpf *b, __u32 flows)
{
	double *sum = calloc(flows + 1, sizeof(*sum));

	if (!sum)
		die("out of memory");
	for (__u32 i = 0; i < flows; i++)
		sum[i + 1] = sum[i] + 1.0 / (i + 1);
	for (__u32 i = 0; i < BLAST_DRAWS; i++) {
		double at = drand48() * sum[flows];
		__u32 low = 0, high = flows - 1;

		while (low < high) {
			__u32 middle = (low + high) / 2;

			if (sum[middle + 1] > at)
				high = middle;
			else
				low = middle + 1;
		}
		if (bpf_map_update_elem(bpf_map__fd(b->maps.blast_draws), &i, &low, 0))
			die("cannot fill blast_draws: %s", strerror(errno));
	}
	free(sum);
}

static void set_constants(struct blast_bpf *b, const struct options *o, __u32 sum)
{
	b->rodata->blast_ipv6 = (__u32)o->ipv6;
	b->rodata->blast_order = o->order;
	b->rodata->blast_flows = o->flows;
	b->rodata->blast_sum = sum;
	b->rodata->blast_follow = o->follow != 0;
	b->rodata->blast_limit = o->count;
	b->rodata->blast_period = o->rate ? (1000000000ULL << 10) / o->rate : 0;
	if (getrandom(&b->bss->blast_state, sizeof(b->bss->blast_state), 0) < 0 ||
	    !b->bss->blast_state)
		b->bss->blast_state = 1;
}

/* Shares the map that the receiver counts in. */
static void follow(struct blast_bpf *b, __u32 id)
{
	int fd = bpf_map_get_fd_by_id(id);
	__u32 zero = 0;

	if (fd < 0 || bpf_map__reuse_fd(b->maps.blast_received, fd) ||
	    bpf_map_lookup_elem(fd, &zero, &b->bss->blast_base))
		die("--follow %u: no such map, or no count: %s", id, strerror(errno));
	close(fd);
}

static struct blast_bpf *load(const struct options *o, __u32 sum)
{
	struct blast_bpf *b = blast_bpf__open();

	if (!b)
		die("cannot open the program: %s", strerror(errno));
	set_constants(b, o, sum);
	if (o->follow)
		follow(b, o->follow);
	if (blast_bpf__load(b))
		die("cannot load the program: %s; are you root?", strerror(errno));
	if (o->order == BLAST_ZIPF)
		draw_zipf(b, o->flows);
	return b;
}

/* Runs of the program to ask for, and when to look up: a call costs 20 ms, so few are made. */
static __u32 plan_call(const struct options *o, __u64 left, double until_end)
{
	double until_sent = o->rate ? (double)left / (double)o->rate + 0.05 : until_end;

	ring_after(until_sent < until_end ? until_sent : until_end);
	return o->rate || left > INT_MAX ? INT_MAX : (__u32)left;
}

/* Sends until a signal, the deadline or the count; returns the seconds it took. */
static double blast(const struct blast_bpf *b, const struct options *o, unsigned char *frame)
{
	struct xdp_md ctx = { .data_end = o->size, .ingress_ifindex = if_nametoindex(o->device) };
	double begun = now(), end = begun + o->seconds;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = o->size,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .batch_size = o->batch,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	while (!stopped && now() < end && b->bss->blast_sent < o->count) {
		opts.repeat = plan_call(o, o->count - b->bss->blast_sent, end - now());
		if (bpf_prog_test_run_opts(bpf_program__fd(b->progs.blast_xdp), &opts) &&
		    errno != EINTR)
			die("%s: the kernel sends no live frames (%s): that needs Linux 5.18",
			    o->device, strerror(errno));
	}
	return now() - begun;
}

/* ---- main ---- */

static void usage(FILE *to)
{
	fputs("usage: blast --dev DEV --to MAC [options]\n"
	      "\n"
	      "  --flows N          1 to 16777216 (1)\n"
	      "  --order ORDER      random, turns, zipf, new: which flow is next (random)\n"
	      "  --size BYTES       of a frame, without FCS (60, IPv6 62)\n"
	      "  --duration SECONDS (until a signal)\n"
	      "  --count N          packets in all\n"
	      "  --rate PPS         (as fast as it goes)\n"
	      "  --follow MAP       id of a map that the receiver counts in: never more on the\n"
	      "                     way than it has room for\n"
	      "  --batch N          frames the kernel holds at a time, to 256 (64)\n"
	      "  --cpu N            to stay on (0)\n"
	      "  --ipv6\n",
	      to);
}

static __u64 number(const char *text, __u64 least, __u64 most, const char *what)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || end == text || value < least || value > most)
		die("--%s is %s, should be from %llu to %llu", what, text, least, most);
	return value;
}

static double seconds(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value > 0 && value < 1e8))
		die("--duration is %s, should be seconds", text);
	return value;
}

static void parse_mac(const char *text, unsigned char *mac)
{
	char rest;

	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%c", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5], &rest) != ETH_ALEN)
		die("--to is %s, should be an Ethernet address", text);
}

static enum blast_order parse_order(const char *text)
{
	static const char *const names[] = { "random", "turns", "zipf", "new" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			return i;
	die("--order is %s, should be random, turns, zipf or new", text);
}

static const struct option known[] = {
	{ "dev", required_argument, NULL, 'd' },    { "to", required_argument, NULL, 'm' },
	{ "flows", required_argument, NULL, 'f' },  { "order", required_argument, NULL, 'o' },
	{ "size", required_argument, NULL, 's' },   { "duration", required_argument, NULL, 't' },
	{ "count", required_argument, NULL, 'n' },  { "rate", required_argument, NULL, 'r' },
	{ "batch", required_argument, NULL, 'b' },  { "cpu", required_argument, NULL, 'c' },
	{ "follow", required_argument, NULL, 'F' }, { "ipv6", no_argument, NULL, '6' },
	{ "help", no_argument, NULL, 'h' },	    { NULL, 0, NULL, 0 },
};

static void set_option(struct options *o, int option)
{
	switch (option) {
	case 'd':
		o->device = optarg;
		break;
	case 'm':
		parse_mac(optarg, o->to);
		break;
	case 'f':
		o->flows = (__u32)number(optarg, 1, 1 << 24, "flows");
		break;
	case 'o':
		o->order = parse_order(optarg);
		break;
	case 's':
		o->size = (__u32)number(optarg, 42, SIZE_MAX_LIVE, "size");
		break;
	case 't':
		o->seconds = seconds(optarg);
		break;
	case 'n':
		o->count = number(optarg, 1, 1ULL << 48, "count");
		break;
	case 'r':
		o->rate = number(optarg, 1, 1000000000, "rate");
		break;
	case 'b':
		o->batch = (__u32)number(optarg, 1, 256, "batch");
		break;
	case 'c':
		o->cpu = (int)number(optarg, 0, CPU_SETSIZE - 1, "cpu");
		break;
	case 'F':
		o->follow = (__u32)number(optarg, 1, 1U << 31, "follow");
		break;
	case '6':
		o->ipv6 = 1;
		break;
	case 'h':
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

static void parse_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1)
		set_option(o, option);
	if (optind < argc || !o->device) {
		usage(stderr);
		exit(2);
	}
	if (!if_nametoindex(o->device))
		die("%s: no such interface here", o->device);
	if (!o->size)
		o->size = o->ipv6 ? SIZE_MIN : 60;
	if (o->ipv6 && o->size < SIZE_MIN)
		die("--size is %u, an IPv6 frame takes %d", o->size, SIZE_MIN);
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("cannot run on CPU %d: %s", cpu, strerror(errno));
}

int main(int argc, char **argv)
{
	struct options o = { .flows = 1, .batch = 64, .count = ~0ULL, .seconds = 1e8 };
	unsigned char frame[SIZE_MAX_LIVE];
	struct blast_bpf *b;
	double took;

	parse_options(argc, argv, &o);
	catch_signals();
	stay_on(o.cpu);
	b = load(&o, make_frame(frame, &o));
	took = blast(b, &o, frame);
	printf("{\"sent\": %llu, \"bytes\": %llu, \"seconds\": %.6f}\n", b->bss->blast_sent,
	       b->bss->blast_sent * o.size, took);
	blast_bpf__destroy(b);
	return fflush(stdout) ? 1 : 0;
}
