/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A packet generator: run with BPF_F_TEST_XDP_LIVE_FRAMES, it makes every frame a packet of some
 * other flow, which leaves by the interface it is said to have come from.
 *
 * tools/blast.c makes the frame, fills in the constants, and calls the kernel. Frames are
 * recycled, so all that varies is written in each, checksums too. `blast_sent` counts what was
 * handed to the driver, exactly: a frame that is not due, or past the limit, is given back and was
 * never sent. One thread on one CPU runs it, so state is global.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <weir/parse.h>
#include <weir/sketch.h>

#include "blast.h"

#define SPINS 1024    /* looks before a frame is given back: for a signal to be heard */
#define PAUSE 512     /* turns of an empty loop between two looks, about a microsecond */
#define STUCK_MAX 512 /* frames given back, about a second, after which packets must be lost */
#define OVERDUE_MAX (1000000ULL << 10)

volatile const __u32 blast_ipv6;
volatile const __u32 blast_order; /* enum blast_order */
volatile const __u32 blast_flows;
volatile const __u32 blast_sum;	   /* one's complement sum of what a checksum covers and stays */
volatile const __u32 blast_follow; /* have no more on the way than BLAST_WINDOW */
volatile const __u64 blast_limit;  /* packets in all */
volatile const __u64 blast_period; /* 1/1024 ns from packet to packet, 0: as fast as it goes */

__u64 blast_sent;
__u64 blast_state; /* xorshift64 */
__u64 blast_next;  /* flow, or packet */
__u64 blast_due;   /* 1/1024 ns since boot */
__u64 blast_base;  /* what blast_received was at first, and what got lost */
__u64 blast_stuck;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BLAST_DRAWS);
	__type(key, __u32);
	__type(value, __u32);
} blast_draws SEC(".maps");

/* The receiver's, if it is followed: it counts there what it took. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} blast_received SEC(".maps");

/* ---- when a packet is sent ---- */

static long pause(__u32 i, void *unused)
{
	(void)i;
	(void)unused;
	return 0;
}

static long look_for_room(__u32 i, void *unused)
{
	__u32 zero = 0;
	__u64 *received = bpf_map_lookup_elem(&blast_received, &zero);

	(void)i;
	(void)unused;
	if (!received ||
	    (__s64)(blast_base + blast_sent - *(volatile __u64 *)received) < BLAST_WINDOW)
		return 1;
	/* Each look takes the line from the CPU that counts in it. */
	bpf_loop(PAUSE, pause, NULL, 0);
	return 0;
}

static long look_at_clock(__u32 i, void *unused)
{
	(void)i;
	(void)unused;
	return bpf_ktime_get_ns() << 10 >= blast_due;
}

weir_inline int has_room(void)
{
	__u32 zero = 0;
	__u64 *received;

	if (blast_sent & 15)
		return 1;
	if (bpf_loop(SPINS, look_for_room, NULL, 0) < SPINS) {
		blast_stuck = 0;
		return 1;
	}
	received = bpf_map_lookup_elem(&blast_received, &zero);
	if (received && ++blast_stuck >= STUCK_MAX)
		blast_base = *received - blast_sent;
	return 0;
}

/* What is overdue by a millisecond is forgotten: no burst makes up for it. */
weir_inline int is_due(void)
{
	__u64 now;

	if (bpf_loop(SPINS, look_at_clock, NULL, 0) == SPINS)
		return 0;
	now = bpf_ktime_get_ns() << 10;
	if (now > blast_due + OVERDUE_MAX)
		blast_due = now;
	blast_due += blast_period;
	return 1;
}

/* Waits in place: a frame given back takes a lock that the receiver takes too. */
weir_inline int may_send(void)
{
	if (blast_sent >= blast_limit)
		return 0;
	if (blast_follow && !has_room())
		return 0;
	return !blast_period || is_due();
}

/* ---- what is sent ---- */

weir_inline __u64 random64(void)
{
	__u64 x = blast_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	blast_state = x;
	return x;
}

weir_inline __u64 next_flow(void)
{
	__u32 at, *flow;
	__u64 x;

	if (blast_order == BLAST_RANDOM)
		return (random64() >> 32) * blast_flows >> 32;
	x = blast_next++;
	if (blast_order == BLAST_ZIPF) {
		at = x & (BLAST_DRAWS - 1);
		flow = bpf_map_lookup_elem(&blast_draws, &at);
		return flow ? *flow : 0;
	}
	if (blast_order == BLAST_TURNS && blast_next >= blast_flows)
		blast_next = 0;
	return x;
}

weir_inline __u16 checksum(__u64 sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (__u16)~sum;
}

/*
 * The low 24 bits of a flow's number end its source address, so that 16 million flows are distinct
 * whatever the port is, which scatters. A checksum adds up 16-bit words in any byte order, and
 * 32-bit words come to the same.
 */
weir_inline void vary(unsigned char *data, __u64 flow)
{
	__u32 address = __builtin_bswap32((__u32)flow & 0xffffff);
	__u16 port = (__u16)(weir_mix(flow) | weir_be16(1024)), sum;

	if (blast_ipv6) {
		sum = checksum((__u64)blast_sum + address + port);
		*(weir_u32 *)(data + 34) = address;
		*(weir_u16 *)(data + 54) = port;
		*(weir_u16 *)(data + 60) = sum ? sum : 0xffff; /* RFC 8200: 0 is none */
	} else {
		address |= (__u32)weir_be16(10 << 8);
		*(weir_u16 *)(data + 24) = checksum((__u64)blast_sum + address);
		*(weir_u32 *)(data + 26) = address;
		*(weir_u16 *)(data + 34) = port;
	}
}

SEC("xdp")
int blast_xdp(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + (blast_ipv6 ? 62 : 42) > end)
		return XDP_ABORTED;
	if (!may_send())
		return XDP_DROP;
	blast_sent++;
	vary(data, next_flow());
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
