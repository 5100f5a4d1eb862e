/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tap: copies packets, or one in so many of them, to one reader, in front of the filter and the
 * counting, which see every packet as if it were not there.
 *
 * A copy that finds no room in the ring is given up and counted. The reader looks into its rings
 * by the clock: nothing here wakes it. Several CPUs share a ring only where there are more CPUs
 * than rings, so hardly one ever waits for another.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include <weir/abi.h>
#include <weir/cursor.h>
#include <weir/tap.h>

/* Set before loading. */
volatile const __u32 tap_number;	  /* below WEIR_TAPS */
volatile const __u32 tap_snaplen = 65536; /* bytes, at most WEIR_TAP_SNAPLEN */
volatile const __u32 tap_sample_below;	  /* of 2^32: the chance to be copied; 0: certain */
volatile const __u32 tap_ring_mask;	  /* number of rings, a power of two, less one */
volatile const __u32 tap_has_load = 1;	  /* bpf_xdp_load_bytes(): Linux 5.18 */

#define TAP_SLOTS_MAP(name)                                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, WEIR_SLOTS);                                                   \
		__type(key, __u32);                                                                \
		__type(value, __u32);                                                              \
	} name SEC(".maps")

TAP_SLOTS_MAP(weir_xdp_slots);
TAP_SLOTS_MAP(weir_tc_slots);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_tap_lease);
} tap_lease SEC(".maps");

/* One for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_tap_cpu);
} tap_cpus SEC(".maps");

struct tap_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* The sizes are user space's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct tap_ring);
} tap_rings SEC(".maps");

/* ---- copying ---- */

weir_inline void add_one(__u64 *to)
{
	__sync_fetch_and_add(to, 1); /* a hook may interrupt another on its CPU */
}

weir_inline long load_bytes(void *ctx, int xdp, void *to, __u32 bytes)
{
	if (!xdp)
		return bpf_skb_load_bytes(ctx, 0, to, bytes);
	if (tap_has_load)
		return bpf_xdp_load_bytes(ctx, 0, to, bytes);
	return bpf_probe_read_kernel(to, bytes, (void *)(long)((struct xdp_md *)ctx)->data);
}

/* By its words: of a copy of constants, clang 14 loses the stores before it. */
weir_inline void write_head(struct weir_tap_record *r, const struct weir_tap_record *head)
{
	const __u64 *from = (const __u64 *)&head->gso_segs;
	__u64 *to = (__u64 *)&r->gso_segs;

	r->ns = head->ns;
	r->length = head->length;
	r->captured = head->captured;
	to[0] = from[0];
	to[1] = from[1];
}

/*
 * The verifier wants room of a constant size: `room` is that, for at least one byte and at most as
 * many. Tested is the last byte's place, and the number made of it: of a number, clang 14 tests the
 * last byte's place as well, and the verifiers of Linux 6.1 and 6.12 learn nothing of the number.
 */
weir_inline long copy_into(void *ctx, int xdp, void *ring, const struct weir_tap_record *head,
			   const __u32 room)
{
	struct weir_tap_record *r = bpf_ringbuf_reserve(ring, sizeof(*r) + room, 0);
	__u32 last = head->captured - 1;

	if (!r)
		return -1;
	write_head(r, head);
	asm volatile("" : "+r"(last));
	if (last >= room || load_bytes(ctx, xdp, r + 1, last + 1)) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return -1;
	}
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

weir_inline long copy(void *ctx, int xdp, void *ring, const struct weir_tap_record *head)
{
	const __u32 bytes = head->captured;

#define UP_TO(room)                                                                                \
	if (bytes <= (room))                                                                       \
	return copy_into(ctx, xdp, ring, head, room)

	UP_TO(64);
	UP_TO(128);
	UP_TO(256);
	UP_TO(512);
	UP_TO(1024);
	UP_TO(1536);
	UP_TO(4096);
	UP_TO(9216);
	UP_TO(32768);
	return copy_into(ctx, xdp, ring, head, WEIR_TAP_SNAPLEN);
}

weir_inline long copy_leased(void *ctx, int xdp, __u32 cpu, struct weir_tap_record *head)
{
	const struct weir_tap_lease *lease;
	__u32 zero = 0, at = cpu & tap_ring_mask;
	void *ring;

	lease = bpf_map_lookup_elem(&tap_lease, &zero);
	ring = bpf_map_lookup_elem(&tap_rings, &at);
	head->ns = bpf_ktime_get_boot_ns();
	if (!lease || !ring || head->ns >= lease->until)
		return -1;
	return copy(ctx, xdp, ring, head);
}

weir_inline int is_chosen(void)
{
	return !tap_sample_below || bpf_get_prandom_u32() < tap_sample_below;
}

/* Whether to copy this one; its counts are in *counts then. */
weir_inline int counts_in(struct weir_tap_cpu *c, int xdp, struct weir_tap_counts **counts)
{
	if (!c)
		return 0;
	*counts = xdp ? &c->ingress : &c->egress;
	add_one(&(*counts)->eligible);
	return is_chosen();
}

weir_inline __u32 snapped(__u32 bytes)
{
	return bytes < tap_snaplen ? bytes : tap_snaplen;
}

weir_inline void count_copy(struct weir_tap_counts *counts, long failed)
{
	add_one(failed ? &counts->dropped : &counts->copied);
}

/* ---- the way on ---- */

weir_inline void go_on(void *ctx, void *slots)
{
	if (tap_number < 1)
		bpf_tail_call(ctx, slots, weir_tap_slot(1, WEIR_TAP_ENTRY));
	if (tap_number < 2)
		bpf_tail_call(ctx, slots, weir_tap_slot(2, WEIR_TAP_ENTRY));
	if (tap_number < 3)
		bpf_tail_call(ctx, slots, weir_tap_slot(3, WEIR_TAP_ENTRY));
	_Static_assert(WEIR_TAPS == 4, "taps behind this one");
	bpf_tail_call(ctx, slots, WEIR_SLOT_FILTER);
	bpf_tail_call(ctx, slots, WEIR_SLOT_COUNT);
}

SEC("xdp")
int weir_tap_xdp(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct weir_tap_counts *counts;

	if (counts_in(bpf_map_lookup_elem(&tap_cpus, &cpu), 1, &counts)) {
		struct weir_tap_record head = { .dir = WEIR_DIR_INGRESS };

		head.length =
			tap_has_load ? (__u32)bpf_xdp_get_buff_len(ctx) : ctx->data_end - ctx->data;
		head.captured = snapped(head.length);
		count_copy(counts, copy_leased(ctx, 1, cpu, &head));
	}
	go_on(ctx, &weir_xdp_slots);
	return XDP_PASS;
}

SEC("xdp")
int weir_tap_xdp_on(struct xdp_md *ctx)
{
	go_on(ctx, &weir_xdp_slots);
	return XDP_PASS;
}

SEC("tc")
int weir_tap_tc(struct __sk_buff *skb)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct weir_tap_counts *counts;

	if (counts_in(bpf_map_lookup_elem(&tap_cpus, &cpu), 0, &counts)) {
		struct weir_tap_record head = { .dir = WEIR_DIR_EGRESS };

		head.length = skb->len;
		head.captured = snapped(head.length);
		head.gso_segs = (__u16)skb->gso_segs;
		head.gso_size = (__u16)skb->gso_size;
		if (skb->vlan_present) {
			head.length += 4;
			head.vlan_proto = (__be16)skb->vlan_proto;
			head.vlan_tci = (__u16)skb->vlan_tci;
		}
		count_copy(counts, copy_leased(skb, 0, cpu, &head));
	}
	go_on(skb, &weir_tc_slots);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int weir_tap_tc_on(struct __sk_buff *skb)
{
	go_on(skb, &weir_tc_slots);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
