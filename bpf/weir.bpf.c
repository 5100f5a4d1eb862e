/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hooks: XDP for what an interface receives, TC egress for what it sends.
 *
 * They fetch the CPU's state and a clock, say how long the frame is on the wire, and hand it to
 * headers/weir/. They never write to a packet, and every path ends in XDP_PASS or
 * TC_ACT_UNSPEC, so programs behind them see what they would have seen anyway.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include <weir/count.h>
#include <weir/frags.h>
#include <xdp/xdp_helpers.h>

/* Set before loading; the verifier drops the branches they rule out. */
volatile const __u32 weir_link_type = WEIR_LINK_ETHERNET;
volatile const __u32 weir_has_frags = WEIR_FRAGS_ASK; /* enum weir_frags */
volatile const __u32 weir_tables = WEIR_TABLE_ALL;    /* less only to see what a table costs */
volatile const __u32 weir_filter_slot = 1;    /* tail calls beside functions: x86, arm64 from 6.0 */
volatile const __u32 weir_verdict = XDP_PASS; /* XDP_DROP in `make bench-live`, and nowhere else */

/* A function of its own to the verifier, which without it sees the body on every path to it. */
#define SLOW int __attribute__((noinline))

/* One that may be given a packet or a CPU's state, and is verified with what it is given. */
#define APART static __u32 __attribute__((noinline))

static struct weir_cpu *cpu_state(__u32 cpu)
{
	return bpf_map_lookup_elem(&weir_cpus, &cpu);
}

SLOW weir_bpf_begin(__u32 cpu, __u32 which)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_flows_begin(c, which);
	return 0;
}

SLOW weir_bpf_syn(__u32 cpu, __u32 which)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_syns_count(c, which);
	return 0;
}

SLOW weir_bpf_port_sum(__u32 cpu, __u32 at, __u64 packets, __u64 bytes)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_port_sum(c, at, packets, bytes);
	return 0;
}

SLOW weir_bpf_port_spill(__u32 cpu, __u32 at)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_port_spill(c, at);
	return 0;
}

SLOW weir_bpf_ports(__u32 cpu, __u32 which)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_ports_ended(c, which);
	return 0;
}

SLOW weir_bpf_oddities(__u32 cpu, __u32 bits, __u32 packets, __u32 bytes)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_oddities(c, bits, packets, bytes);
	return 0;
}

SLOW weir_bpf_commit(__u32 cpu, __u32 n)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_commit(c, n);
	return 0;
}

/* Moves the clock: the true one is read once a jiffy, at no cost a packet. */
SLOW weir_bpf_tick(__u32 cpu)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (!c)
		return 0;
	if (c->staged)
		weir_bpf_commit(cpu, c->staged);
	c->jiffies = bpf_jiffies64();
	c->tick = (__u32)(bpf_ktime_get_boot_ns() >> WEIR_TICK_SHIFT);
	return 0;
}

/*
 * Whether to go on with a frame; the clock is right then. Comes before all else that is known of a
 * frame, for of that a call would leave nothing in registers.
 */
weir_inline int begin(struct weir_cpu *c)
{
	if (!weir_enter(c))
		return 0;
	if (weir_unlikely(bpf_jiffies64() != c->jiffies))
		weir_bpf_tick(c->index);
	return 1;
}

weir_inline void end(struct weir_cpu *c, __u32 staged)
{
	if (staged == WEIR_BATCH)
		weir_bpf_commit(c->index, WEIR_BATCH);
	weir_leave(c);
}

weir_inline struct weir_cpu *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&weir_cpus, &cpu);
}

weir_inline int xdp_has_frags(struct xdp_md *ctx)
{
	if (weir_has_frags == WEIR_FRAGS_FLAG)
		return weir_xdp_flags(ctx) & WEIR_FRAGS_BIT;
	return weir_has_frags == WEIR_FRAGS_ASK;
}

weir_inline __u32 xdp_length(struct xdp_md *ctx)
{
	if (xdp_has_frags(ctx))
		return (__u32)bpf_xdp_get_buff_len(ctx);
	return (__u32)(ctx->data_end - ctx->data);
}

weir_inline struct weir_frame xdp_frame(struct xdp_md *ctx, __u32 length)
{
	return (struct weir_frame){
		.bytes = { (void *)(long)ctx->data, (void *)(long)ctx->data_end },
		.length = length,
		.link = weir_link_type,
		.dir = WEIR_DIR_INGRESS,
	};
}

/* Apart, so that what nearly all frames are is a straight line with all it needs in registers. */
APART xdp_count_any(struct xdp_md *ctx, struct weir_cpu *c, __u32 length)
{
	struct weir_frame f = xdp_frame(ctx, length);

	return weir_count_any(c, &f, (struct weir_gso){ 1, 0, 0 });
}

weir_inline int xdp_count(struct xdp_md *ctx)
{
	const struct weir_gso gso = { 1, 0, 0 };
	struct weir_cpu *c = this_cpu();
	struct weir_frame f;
	__u32 staged;

	if (!c)
		return XDP_PASS;
	if (!begin(c)) {
		weir_add(&c->reentered, 1, xdp_length(ctx));
		return (int)weir_verdict;
	}
	f = xdp_frame(ctx, xdp_length(ctx));
	staged = weir_link_type == WEIR_LINK_ETHERNET ? weir_count_plain(c, &f, gso) : 0;
	end(c, weir_likely(staged) ? staged : xdp_count_any(ctx, c, f.length));
	return (int)weir_verdict;
}

/*
 * Where nothing stands in front the slot is empty, and the tail call falls through. Of frags
 * user space tells the kernel: "xdp.frags" here would keep it off Linux before 5.18.
 */
SEC("xdp")
int weir_xdp(struct xdp_md *ctx)
{
	if (weir_filter_slot)
		bpf_tail_call_static(ctx, &weir_xdp_slots, WEIR_SLOT_FIRST);
	return xdp_count(ctx);
}

/* The two behind a filter are loaded with the first one. */
SEC("?xdp")
int weir_xdp_count(struct xdp_md *ctx)
{
	return xdp_count(ctx);
}

SEC("?xdp")
int weir_xdp_out(struct xdp_md *ctx)
{
	struct weir_cpu *c = this_cpu();
	struct weir_frame f;

	if (!c)
		return XDP_PASS;
	f = xdp_frame(ctx, xdp_length(ctx));
	weir_count_filtered(c, &f, (struct weir_gso){ 1, 0, 0 });
	return XDP_PASS;
}

#define LINEAR_PULL 128 /* Ethernet, two tags, IPv6, an extension header, TCP */

/* Bytes without which not even ports can be read. Locally made packets have them linear. */
weir_inline __u32 linear_need(const struct __sk_buff *skb)
{
	__u32 need = (weir_link_type == WEIR_LINK_ETHERNET ? 14 : 0) + 8;

	need += skb->protocol == weir_be16(WEIR_ETH_IPV6) ? 40 : 20;
	return need < skb->len ? need : skb->len;
}

weir_inline struct weir_frame tc_frame(struct __sk_buff *skb)
{
	struct weir_frame f = {
		.length = skb->len,
		.link = weir_link_type,
		.dir = WEIR_DIR_EGRESS,
	};

	/*
	 * A packet socket's ring sends from page fragments: have the headers made linear. Not for
	 * less: of a TCP packet, a clone, it would copy the head.
	 */
	if ((__u32)(skb->data_end - skb->data) < linear_need(skb))
		bpf_skb_pull_data(skb, skb->len < LINEAR_PULL ? skb->len : LINEAR_PULL);
	f.bytes.pos = (void *)(long)skb->data;
	f.bytes.end = (void *)(long)skb->data_end;
	return f;
}

weir_inline struct weir_gso tc_gso(const struct __sk_buff *skb)
{
	return (struct weir_gso){ skb->gso_segs, skb->gso_size, skb->vlan_present ? 4 : 0 };
}

/* Of what is left to do the verifier sees each way once, and not behind each way of parsing. */
SLOW weir_bpf_parsed(__u32 cpu, __u32 length, __u32 segments, __u32 size, __u32 tag)
{
	struct weir_cpu *c = cpu_state(cpu);
	const struct weir_gso gso = { segments, size, tag };

	return c ? (int)weir_count_parsed(c, length, WEIR_DIR_EGRESS, gso) : 0;
}

APART tc_count_any(struct __sk_buff *skb, struct weir_cpu *c)
{
	const struct weir_gso gso = tc_gso(skb);
	struct weir_frame f = tc_frame(skb);

	weir_parse_any(c, &f);
	return (__u32)weir_bpf_parsed(c->index, f.length, gso.segments, gso.size, gso.tag);
}

weir_inline int tc_count(struct __sk_buff *skb)
{
	const struct weir_gso gso = tc_gso(skb);
	struct weir_cpu *c = this_cpu();
	struct weir_frame f;
	__u32 staged;

	if (!c)
		return TC_ACT_UNSPEC;
	if (!begin(c)) {
		weir_add(&c->reentered, gso.segments > 1 ? gso.segments : 1, skb->len);
		return TC_ACT_UNSPEC;
	}
	f = tc_frame(skb);
	staged = weir_link_type == WEIR_LINK_ETHERNET ? weir_count_plain(c, &f, gso) : 0;
	end(c, weir_likely(staged) ? staged : tc_count_any(skb, c));
	return TC_ACT_UNSPEC;
}

SEC("tc")
int weir_tc(struct __sk_buff *skb)
{
	if (weir_filter_slot)
		bpf_tail_call_static(skb, &weir_tc_slots, WEIR_SLOT_FIRST);
	return tc_count(skb);
}

SEC("?tc")
int weir_tc_count(struct __sk_buff *skb)
{
	return tc_count(skb);
}

SEC("?tc")
int weir_tc_out(struct __sk_buff *skb)
{
	struct weir_cpu *c = this_cpu();
	struct weir_gso gso = tc_gso(skb);
	struct weir_frame f;

	if (!c)
		return TC_ACT_UNSPEC;
	f = tc_frame(skb);
	weir_count_filtered(c, &f, gso);
	return TC_ACT_UNSPEC;
}

struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(weir_xdp);

char _license[] SEC("license") = "GPL";
