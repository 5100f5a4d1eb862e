/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stock design, which weir is measured against: the tables one would build from the kernel's
 * own maps. Flows in an LRU per-CPU hash, totals and ports in per-CPU arrays, SYN counts in LRU
 * per-CPU hashes, bpf_ktime_get_ns() for a clock, all of it packet by packet.
 *
 * It parses with weir's own parser and carries the same tables, so that where they are kept is
 * all the difference; of SYN it keeps counts, no estimates.
 */
#ifndef WEIR_STOCK_H
#define WEIR_STOCK_H

#include <bpf/bpf_helpers.h>
#include <weir/parse.h>

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

struct stock_syn_key {
	__u64 addr[2];
	__be16 port;
	__u16 role;
	__u32 zero;
};

struct stock_syn {
	__u64 count[4]; /* SYN, SYN-ACK, RST, FIN */
};

struct stock_totals {
	struct weir_sum class[8];
	struct weir_sum reason[32];
	__u64 size[WEIR_SIZE_BUCKETS];
};

#define STOCK_MAP(name, kind, entries, key_type, value_type)                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

STOCK_MAP(stock_flows, LRU_PERCPU_HASH, 1, struct stock_key, struct stock_flow);
STOCK_MAP(stock_syns, LRU_PERCPU_HASH, 1, struct stock_syn_key, struct stock_syn);
STOCK_MAP(stock_ports, PERCPU_ARRAY, WEIR_PORTS, __u32, struct weir_port);
STOCK_MAP(stock_totals, PERCPU_ARRAY, 1, __u32, struct stock_totals);

weir_inline void stock_add(struct weir_sum *sum, __u32 bytes)
{
	sum->packets++;
	sum->bytes += bytes;
}

weir_inline void stock_count_totals(const struct weir_parsed *parsed, __u32 bytes)
{
	__u32 zero = 0, at = bytes >> 6;
	struct stock_totals *t = bpf_map_lookup_elem(&stock_totals, &zero);

	if (!t)
		return;
	stock_add(&t->class[parsed->class & 7], bytes);
	if (parsed->reason)
		stock_add(&t->reason[parsed->reason & 31], bytes);
	/* Keeps the compiler from merging the shift into the address, past the bound. */
	asm volatile("" : "+r"(at));
	if (at < WEIR_SIZE_BUCKETS)
		t->size[at]++;
}

/* Returns a word of the flow's record, for whoever wants to wait for it. */
weir_inline __u64 stock_count_flow(const struct weir_packet *p, __u32 bytes, __u64 now)
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

	if (!flow) {
		struct stock_flow begun = { 1, bytes, now, now, f->tcp_flags };

		bpf_map_update_elem(&stock_flows, &key, &begun, BPF_ANY);
		return 1;
	}
	flow->packets++;
	flow->bytes += bytes;
	flow->last = now;
	flow->flags |= f->tcp_flags;
	return flow->packets;
}

weir_inline void stock_count_port(__u32 port, __u32 role, __u32 bytes)
{
	struct weir_port *sum = bpf_map_lookup_elem(&stock_ports, &port);

	if (sum)
		stock_add(&sum->role[role], bytes);
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

weir_inline void stock_count_syn(const __u64 *addr, __be16 port, __u16 role, __u32 flags)
{
	struct stock_syn_key key = { { addr[0], addr[1] }, port, role, 0 };
	struct stock_syn none = {}, *syn = bpf_map_lookup_elem(&stock_syns, &key);

	if (!syn) {
		bpf_map_update_elem(&stock_syns, &key, &none, BPF_ANY);
		syn = bpf_map_lookup_elem(&stock_syns, &key);
		if (!syn)
			return;
	}
	if (flags & WEIR_TCP_SYN)
		syn->count[flags & WEIR_TCP_ACK ? 1 : 0]++;
	if (flags & WEIR_TCP_RST)
		syn->count[2]++;
	if (flags & WEIR_TCP_FIN)
		syn->count[3]++;
}

/* Counts the frame, as weir_count() and weir_commit() do. Returns a word of its flow's record. */
weir_inline __u64 stock_count(const struct weir_frame *frame)
{
	struct weir_parsed parsed = {};
	struct weir_packet p = {};
	const struct weir_flow *f = (const struct weir_flow *)&p;
	int ip = weir_parse(frame, &parsed, &p);
	__u64 word;

	stock_count_totals(&parsed, frame->length);
	if (!ip)
		return 0;
	word = stock_count_flow(&p, frame->length, bpf_ktime_get_ns());
	stock_count_ports(&p, frame->length);
	if (f->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_RST | WEIR_TCP_FIN)) {
		stock_count_syn(p.src, 0, WEIR_ROLE_SOURCE, f->tcp_flags);
		stock_count_syn(p.dst, f->dport, WEIR_ROLE_TARGET, f->tcp_flags);
	}
	return word;
}

#endif
