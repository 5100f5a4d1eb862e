/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where bench-live's packets end: an XDP program that counts them and goes on to the one that is
 * measured, some that do next to nothing, and a TC program for what went up into the stack.
 *
 * `sink_received` is what the generator follows. The only tail call has a constant index, so it
 * is a direct jump, and the same for all that are measured.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include <weir/sketch.h>

#include "sink.h"

volatile const __u32 sink_verdict = XDP_PASS;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sink_target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sink_received SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SINK_LINES);
	__type(key, __u32);
	__type(value, __u64[8]);
} sink_lines SEC(".maps");

__u64 sink_seen; /* something that takes what was loaded to know */

__u64 sink_counted;

/*
 * One queue and one thread receive, so nobody else adds. The generator looks about once a
 * microsecond, and takes the line away: with every packet in it, that would be waited for, and all
 * the longer the more the measured program has to do meanwhile.
 */
static inline __attribute__((always_inline)) void count(void)
{
	__u32 zero = 0;
	__u64 *received;

	if (++sink_counted % SINK_STRIDE)
		return;
	received = bpf_map_lookup_elem(&sink_received, &zero);
	if (received)
		*(volatile __u64 *)received = sink_counted;
}

SEC("xdp.frags")
int sink_xdp(struct xdp_md *ctx)
{
	count();
	bpf_tail_call_static(ctx, &sink_target, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int sink_empty(struct xdp_md *ctx)
{
	(void)ctx;
	return (int)sink_verdict;
}

/* The source and destination of an IPv4 packet, and its ports. */
static inline __attribute__((always_inline)) __u64 look(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 38 > end)
		return 0;
	return *(const __u32 *)(data + 26) ^ (__u64) * (const __u32 *)(data + 34) << 32 ^
	       *(const __u32 *)(data + 30);
}

/* The least that any program pays which looks at packets: another CPU has just written them. */
SEC("xdp.frags")
int sink_header(struct xdp_md *ctx)
{
	sink_seen = look(ctx);
	return (int)sink_verdict;
}

/* And that finds something of a packet's flow in memory. */
SEC("xdp.frags")
int sink_line(struct xdp_md *ctx)
{
	__u32 at = (__u32)weir_mix(look(ctx)) % SINK_LINES;
	const __u64 *line = bpf_map_lookup_elem(&sink_lines, &at);

	if (line)
		sink_seen = *line;
	return (int)sink_verdict;
}

SEC("tc")
int sink_tc(struct __sk_buff *skb)
{
	(void)skb;
	count();
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
