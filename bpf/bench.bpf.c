/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `make bench` runs beside weir_xdp: a driver that makes every packet another one and then
 * tail-calls what is measured, and the programs weir is compared with.
 *
 * The driver's only tail call has a constant index, so it is a direct jump; tools/bench.c puts
 * the measured program into that slot. All is in one thread on one CPU, so state is global. The
 * driver stores in the widths the parser loads in, or each packet would wait for its own store.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <weir/parse.h>
#include <weir/sketch.h>

#define ORDER (1 << 20) /* entries in bench_order */

volatile const __u32 bench_ipv6;	       /* the frame is IPv6 */
volatile const __u32 bench_verdict = XDP_PASS; /* of bench_stock; live, it drops */

__u64 bench_state = 0x2545f4914f6cdd1dULL; /* xorshift64 */
__u64 bench_counter;
__u64 bench_mask;   /* flows - 1, or all ones for a new flow a packet */
__u32 bench_random; /* take the flow's index from bench_state; else from bench_counter */
__u32 bench_zipf;   /* else from bench_order[bench_counter] */
__u32 bench_lines;  /* of bench_floor's array, less one: a power of two */
__u64 bench_hash;   /* of this packet's flow */
__u64 bench_begun;  /* ns, at the first of bench_repeat packets */
__u64 bench_ended;  /* ns, at the last */
__u32 bench_repeat;
__u32 bench_done;
__u64 bench_wait; /* always 0, but only bench_floor's load can tell */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ORDER);
	__type(key, __u32);
	__type(value, __u32);
} bench_order SEC(".maps");

struct line {
	__u64 word[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct line);
} bench_array SEC(".maps");

/* ---- the driver ---- */

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
	return (x + *(volatile __u64 *)&bench_wait) & bench_mask;
}

/* The flow's source address and port. What else is a flow's key stays as user space made it. */
weir_inline void vary(unsigned char *data, const unsigned char *end, __u64 hash)
{
	__u32 ports = (__u32)(hash >> 32 & 0xffff) | (__u32)weir_be16(443) << 16;

	if (bench_ipv6 && data + 62 <= end) {
		*(weir_u64 *)(data + 30) = hash;
		*(weir_u32 *)(data + 54) = ports;
	} else if (!bench_ipv6 && data + 42 <= end) {
		*(weir_u32 *)(data + 26) = (__u32)hash;
		*(weir_u32 *)(data + 34) = ports;
	}
}

weir_inline void stamp(void)
{
	__u32 done = ++bench_done;

	if (done == 1)
		bench_begun = bpf_ktime_get_ns();
	else if (done == bench_repeat)
		bench_ended = bpf_ktime_get_ns();
}

SEC("xdp.frags")
int bench_drive(struct xdp_md *ctx)
{
	__u64 hash = weir_mix(next_index());

	stamp();
	bench_hash = hash;
	vary((void *)(long)ctx->data, (void *)(long)ctx->data_end, hash);
	bpf_tail_call_static(ctx, &bench_target, 0);
	return XDP_ABORTED;
}

/* ---- what weir is compared with ---- */

SEC("xdp.frags")
int bench_empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

/* One line of memory, which the next packet's flow depends on. */
SEC("xdp.frags")
int bench_floor(struct xdp_md *ctx)
{
	__u32 at = (__u32)(bench_hash >> 24) & bench_lines;
	struct line *line = bpf_map_lookup_elem(&bench_array, &at);

	(void)ctx;
	if (line)
		bench_wait = *(volatile __u64 *)&line->word[0];
	return XDP_PASS;
}

/* ---- the stock design: an LRU per-CPU hash, a clock and two port counters a packet ---- */

struct stock_key {
	__u64 src[2];
	__u64 dst[2];
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 meta;
	__u16 zero;
};

struct stock_flow {
	__u64 packets;
	__u64 bytes;
	__u64 first;
	__u64 last;
	__u64 flags;
};

struct stock_totals {
	struct weir_sum seen;
	struct weir_sum class[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct stock_key);
	__type(value, struct stock_flow);
} stock_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WEIR_PORTS);
	__type(key, __u32);
	__type(value, struct weir_port);
} stock_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stock_totals);
} stock_totals SEC(".maps");

weir_inline void stock_count_totals(__u32 class, __u32 bytes)
{
	__u32 zero = 0;
	struct stock_totals *t = bpf_map_lookup_elem(&stock_totals, &zero);

	if (!t)
		return;
	t->seen.packets++;
	t->seen.bytes += bytes;
	t->class[class & 7].packets++;
	t->class[class & 7].bytes += bytes;
}

weir_inline void stock_count_flow(const struct weir_packet *p, __u32 bytes, __u64 now)
{
	const struct weir_flow *f = (const struct weir_flow *)p;
	struct stock_key key = { { p->src[0], p->src[1] },
				 { p->dst[0], p->dst[1] },
				 f->sport,
				 f->dport,
				 f->proto,
				 f->meta,
				 0 };
	struct stock_flow *flow = bpf_map_lookup_elem(&stock_flows, &key);

	if (flow) {
		flow->packets++;
		flow->bytes += bytes;
		flow->last = now;
		flow->flags |= f->tcp_flags;
	} else {
		struct stock_flow begun = { 1, bytes, now, now, f->tcp_flags };

		bpf_map_update_elem(&stock_flows, &key, &begun, BPF_ANY);
	}
}

weir_inline void stock_count_port(__u32 port, __u32 role, __u32 bytes)
{
	struct weir_port *sum = bpf_map_lookup_elem(&stock_ports, &port);

	if (sum) {
		sum->role[role].packets++;
		sum->role[role].bytes += bytes;
	}
}

weir_inline void stock_count_ports(const struct weir_packet *p, __u32 bytes)
{
	const struct weir_flow *f = (const struct weir_flow *)p;
	__u32 proto = f->proto == WEIR_P_TCP ? 0 : f->proto == WEIR_P_UDP ? 1 : 2;

	if (!(f->meta & WEIR_META_PORTS))
		return;
	stock_count_port(proto << 16 | (__u16)weir_be16(f->sport), 0, bytes);
	stock_count_port(proto << 16 | (__u16)weir_be16(f->dport), 1, bytes);
}

/* Parses with weir's own parser, so that tables and clock are all the difference. */
SEC("xdp.frags")
int bench_stock(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct weir_frame f = {
		.bytes = { data, end },
		.length = (__u32)bpf_xdp_get_buff_len(ctx),
		.link = WEIR_LINK_ETHERNET,
		.dir = WEIR_DIR_INGRESS,
	};
	struct weir_parsed parsed = {};
	struct weir_packet p = {};
	int ip = weir_parse(&f, &parsed, &p);

	stock_count_totals(parsed.class, f.length);
	if (ip) {
		stock_count_flow(&p, f.length, bpf_ktime_get_ns());
		stock_count_ports(&p, f.length);
	}
	return (int)bench_verdict;
}

char _license[] SEC("license") = "GPL";
