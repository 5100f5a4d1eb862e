/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `make bench` runs beside weir_xdp and weir_tc: a driver that makes every packet another
 * one and then tail-calls what is measured; and what weir is measured against.
 *
 * The driver's only tail call has a constant index, so it is a direct jump; each measured program
 * has a driver of its own. All is in one thread on one CPU, so state is global, and shared by
 * all drivers: none of them sees the flows of another again. A driver stores in the widths the
 * parser loads in, or each packet would wait for its own stores.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "stock.h"
#include <weir/sketch.h>
#include <weir/table.h>

#define ORDER (1 << 20) /* entries in bench_order */

volatile const __u32 bench_family = 4;	       /* 4, 6, or 0 for both */
volatile const __u32 bench_syn;		       /* every frame is a SYN to one of 256 ports */
volatile const __u32 bench_weir_stages;	       /* the program is weir with flows: see waited() */
volatile const __u32 bench_verdict = XDP_PASS; /* live, what was counted is dropped */

__u64 bench_state = 0x2545f4914f6cdd1dULL; /* xorshift64 */
__u64 bench_counter;
__u64 bench_mask;   /* flows - 1, or all ones for a new flow a packet */
__u32 bench_random; /* take the flow's index from bench_state; else from bench_counter */
__u32 bench_zipf;   /* else from bench_order[bench_counter] */
__u32 bench_serial; /* the flow's index is not known before the last packet is done with */
__u32 bench_share6; /* of 256 flows, so many are IPv6, where bench_family is 0 */
__u32 bench_lines;  /* of the floor's arrays */
__u64 bench_hash;   /* of this packet's flow */
__u64 bench_begun;  /* ns, at the first of bench_repeat packets */
__u64 bench_ended;  /* ns, at the last */
__u32 bench_repeat;
__u32 bench_done;
__u64 bench_wait; /* always 0, but only what the last packet loaded can tell */

#define TARGET(name)                                                                               \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, __u32);                                                              \
	} name SEC(".maps")

TARGET(bench_target);
TARGET(bench_target_tc);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ORDER);
	__type(key, __u32);
	__type(value, __u32);
} bench_order SEC(".maps");

struct bench_line {
	__u64 word[8];
};

WEIR_MAP(bench_loaded, struct bench_line);
WEIR_MAP(bench_stored, struct bench_line);

/* ---- the driver ---- */

/* 0, which takes `word` to know. */
weir_inline __u64 zero_of(__u64 word)
{
	asm volatile("%0 >>= 32" : "+r"(word));
	return word;
}

/*
 * 0, once the last packet is done with: the processor cannot begin with the next flow before it
 * has what this loads.
 *
 * Programs of this file leave in bench_wait what they loaded. weir is the shipped program, so its
 * memory is read instead: of a packet that was staged its set, the last that it computes; after
 * a commit the record of the batch's last packet, both ways of its set, as the commit loads both.
 * Records are taken in order and by one pass, and a batch is more than the processor looks ahead,
 * so the last one says enough (all sixteen read back cost the same at 64 k and 1 M flows, and 2 ns
 * more where they are warm, for the reading). What is only stored, nobody waits for.
 */
weir_inline __u64 waited(void)
{
	__u32 cpu = bpf_get_smp_processor_id(), staged;
	volatile struct weir_flow_set *set;
	struct weir_cpu *c;

	if (!bench_serial)
		return 0;
	if (!bench_weir_stages)
		return *(volatile __u64 *)&bench_wait;
	c = bpf_map_lookup_elem(&weir_cpus, &cpu);
	if (!c)
		return 0;
	staged = c->staged;
	if (staged)
		return zero_of(c->stage[(staged - 1) & (WEIR_BATCH - 1)].set);
	set = weir_flow_set(c, &c->stage[WEIR_BATCH - 1].set);
	return set ? zero_of(set->way[0].packets | set->way[1].packets) : 0;
}

weir_inline __u64 next_index(void)
{
	__u64 x = bench_state;

	if (bench_random) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bench_state = x;
	} else {
		x = bench_counter++;
		if (bench_zipf) {
			__u32 at = x & (ORDER - 1), *index;

			index = bpf_map_lookup_elem(&bench_order, &at);
			x = index ? *index : 0;
		}
	}
	return (x + waited()) & bench_mask;
}

#define STORE(bits, at, value) (*(__u##bits __attribute__((may_alias)) *)(data + (at)) = (value))

/* What makes a frame IPv4 or IPv6; every field the parser reads, as the last packet left another.
 */
weir_inline void vary_family(unsigned char *data, __u32 ipv6)
{
	STORE(16, 12, ipv6 ? weir_be16(WEIR_ETH_IPV6) : weir_be16(WEIR_ETH_IPV4));
	if (ipv6) {
		STORE(8, 14, 0x60);
		STORE(16, 18, weir_be16(10));
		STORE(8, 20, WEIR_P_UDP);
		STORE(64, 22, 0x20);
		STORE(64, 38, 0x20);
		STORE(64, 46, 1ULL << 56);
	} else {
		STORE(8, 14, 0x45);
		STORE(16, 16, weir_be16(50));
		STORE(16, 20, 0);
		STORE(8, 23, WEIR_P_UDP);
		STORE(32, 30, 0x010200c0);
	}
}

/* The flow's source address and ports. What else is a flow's key stays as user space made it. */
weir_inline void vary(unsigned char *data, const unsigned char *end, __u64 hash)
{
	__u32 ipv6 = bench_family == 6, dport = weir_be16(443), ports;

	if (data + (bench_family == 4 ? 42 : 62) > end)
		return;
	if (!bench_family) {
		ipv6 = (__u32)(hash >> 56) < bench_share6;
		vary_family(data, ipv6);
	}
	if (bench_syn)
		dport = hash >> 48 & 0xff;
	ports = (__u32)(hash >> 32 & 0xffff) | dport << 16;
	if (ipv6) {
		STORE(64, 30, hash);
		STORE(32, 54, ports);
	} else {
		STORE(32, 26, (__u32)hash);
		STORE(32, 34, ports);
	}
}

weir_inline void drive(unsigned char *data, const unsigned char *end)
{
	__u64 hash = weir_mix(next_index());
	__u32 done = ++bench_done;

	if (done == 1)
		bench_begun = bpf_ktime_get_ns();
	else if (done == bench_repeat)
		bench_ended = bpf_ktime_get_ns();
	bench_hash = hash;
	vary(data, end, hash);
}

SEC("xdp.frags")
int bench_drive(struct xdp_md *ctx)
{
	drive((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	bpf_tail_call_static(ctx, &bench_target, 0);
	return XDP_ABORTED;
}

SEC("tc")
int bench_drive_tc(struct __sk_buff *skb)
{
	drive((void *)(long)skb->data, (void *)(long)skb->data_end);
	bpf_tail_call_static(skb, &bench_target_tc, 0);
	return TC_ACT_SHOT;
}

/* ---- what weir is measured against, at both hooks ---- */

/* An address in 32 bits of hash that weir, too, would take: the low ones are the flow's alone. */
weir_inline struct bench_line *floor_line(void *lines)
{
	__u32 at = (__u32)((bench_hash >> 16 & 0xffffffff) * bench_lines >> 32);

	return bpf_map_lookup_elem(lines, &at);
}

weir_inline void floor_load(void)
{
	struct bench_line *line = floor_line(&bench_loaded);

	if (line)
		bench_wait = *(volatile __u64 *)&line->word[0];
}

weir_inline void floor_store(void)
{
	struct bench_line *line = floor_line(&bench_stored);

	if (line)
		line->word[0] = bench_hash;
}

weir_inline void stock(const unsigned char *data, const unsigned char *end, __u32 length, __u8 dir)
{
	struct weir_frame f = {
		.bytes = { data, end },
		.length = length,
		.link = WEIR_LINK_ETHERNET,
		.dir = dir,
	};

	bench_wait = zero_of(stock_count(&f));
}

#define PROGRAMS(name, at_xdp, at_tc)                                                              \
	SEC("xdp.frags") int bench_##name(struct xdp_md *ctx)                                      \
	{                                                                                          \
		(void)ctx;                                                                         \
		at_xdp;                                                                            \
		return (int)bench_verdict;                                                         \
	}                                                                                          \
	SEC("tc") int bench_##name##_tc(struct __sk_buff *ctx)                                     \
	{                                                                                          \
		(void)ctx;                                                                         \
		at_tc;                                                                             \
		return TC_ACT_UNSPEC;                                                              \
	}

PROGRAMS(empty, (void)0, (void)0)
PROGRAMS(floor_load, floor_load(), floor_load())
PROGRAMS(floor_store, floor_store(), floor_store())
PROGRAMS(stock,
	 stock((void *)(long)ctx->data, (void *)(long)ctx->data_end,
	       (__u32)bpf_xdp_get_buff_len(ctx), WEIR_DIR_INGRESS),
	 stock((void *)(long)ctx->data, (void *)(long)ctx->data_end, ctx->len, WEIR_DIR_EGRESS))

char _license[] SEC("license") = "GPL";
