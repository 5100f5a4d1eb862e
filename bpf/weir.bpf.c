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
#include <xdp/xdp_helpers.h>

/* Set before loading; the verifier drops the branches they rule out. */
volatile const __u32 weir_link_type = WEIR_LINK_ETHERNET;
volatile const __u32 weir_has_frags = 1;      /* bpf_xdp_get_buff_len and _load_bytes: Linux 5.18 */
volatile const __u32 weir_verdict = XDP_PASS; /* XDP_DROP in `make bench-live`, and nowhere else */

static struct weir_cpu *cpu_state(__u32 cpu)
{
	return bpf_map_lookup_elem(&weir_cpus, &cpu);
}

int weir_bpf_begin(__u32 cpu, __u32 i)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_flow_begin(c, i & (WEIR_BATCH - 1));
	return 0;
}

int weir_bpf_syn(__u32 cpu, __u32 i)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_syn_count(c, i & (WEIR_BATCH - 1));
	return 0;
}

int weir_bpf_oddities(__u32 cpu, __u32 bits, __u32 packets, __u32 bytes)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_oddities(c, bits & 1, bits, packets, bytes);
	return 0;
}

int weir_bpf_commit(__u32 cpu, __u32 n)
{
	struct weir_cpu *c = cpu_state(cpu);

	if (c)
		weir_commit(c, n);
	return 0;
}

/*
 * Counts the frame that `data` to `end` shows. One read of the true clock a jiffy keeps `now`,
 * at no cost a packet; what is staged then is committed, so nothing waits longer than that.
 */
weir_inline void count(struct weir_cpu *c, struct weir_frame *f, struct weir_gso gso)
{
	__u64 jiffies = bpf_jiffies64();
	__u32 n, due = jiffies != c->jiffies;

	if (due) {
		c->jiffies = jiffies;
		c->now = bpf_ktime_get_boot_ns();
	}
	n = weir_count(c, f, gso);
	if (n && (n == WEIR_BATCH || due))
		weir_bpf_commit(c->index, n);
	weir_leave(c);
}

weir_inline struct weir_cpu *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&weir_cpus, &cpu);
}

SEC("xdp.frags")
int weir_xdp(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct weir_cpu *c = this_cpu();
	struct weir_frame f = {
		.bytes = { data, end },
		.length = (__u32)(end - data),
		.link = weir_link_type,
		.dir = WEIR_DIR_INGRESS,
	};

	if (!c)
		return XDP_PASS;
	if (weir_has_frags)
		f.length = (__u32)bpf_xdp_get_buff_len(ctx);
	count(c, &f, (struct weir_gso){ 1, 0, 0 });
	return (int)weir_verdict;
}

#define LINEAR_PULL 128 /* Ethernet, two tags, IPv6, an extension header, TCP */

/* Bytes without which not even ports can be read. Locally made packets have them linear. */
weir_inline __u32 linear_need(const struct __sk_buff *skb)
{
	__u32 need = (weir_link_type == WEIR_LINK_ETHERNET ? 14 : 0) + 8;

	need += skb->protocol == weir_be16(WEIR_ETH_IPV6) ? 40 : 20;
	return need < skb->len ? need : skb->len;
}

SEC("tc")
int weir_tc(struct __sk_buff *skb)
{
	struct weir_cpu *c = this_cpu();
	struct weir_gso gso = { skb->gso_segs, skb->gso_size, skb->vlan_present ? 4 : 0 };
	struct weir_frame f = {
		.length = skb->len,
		.link = weir_link_type,
		.dir = WEIR_DIR_EGRESS,
	};

	if (!c)
		return TC_ACT_UNSPEC;
	/*
	 * A packet socket's ring sends from page fragments: have the headers made linear. Not for
	 * less: of a TCP packet, a clone, it would copy the head.
	 */
	if ((__u32)(skb->data_end - skb->data) < linear_need(skb))
		bpf_skb_pull_data(skb, skb->len < LINEAR_PULL ? skb->len : LINEAR_PULL);
	f.bytes.pos = (void *)(long)skb->data;
	f.bytes.end = (void *)(long)skb->data_end;
	count(c, &f, gso);
	return TC_ACT_UNSPEC;
}

struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(weir_xdp);

char _license[] SEC("license") = "GPL";
