/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of flows: packets of the stage are counted in the record they have, or begin one and
 * end the one not seen for longest.
 */
#ifndef WEIR_FLOWS_H
#define WEIR_FLOWS_H

#include "ports.h"
#include "ring.h"

/* A record's or a staged packet's `packets` and `over`, as one word. */
#define weir_counts(record) (*(__u64 __attribute__((may_alias)) *)&((__u64 *)(record))[6])

weir_inline __u64 weir_counts_of(__u32 packets, __u32 over)
{
	return (__u64)over << 32 | packets;
}

/* Whether of `counts` packets have come to 2^31, or `over` to 2^30 above or more below 0. */
weir_inline int weir_counts_full(__u64 counts)
{
	return ((counts + (1ULL << 62)) & (1ULL << 63 | 1ULL << 31)) != 0;
}

weir_inline int weir_flow_is(const struct weir_flow *r, const struct weir_packet *p)
{
	if (weir_tail_key(weir_tail_word(r) ^ p->tail))
		return 0;
	return !((r->src[0] ^ p->src[0]) | (r->src[1] ^ p->src[1]) | (r->dst[0] ^ p->dst[0]) |
		 (r->dst[1] ^ p->dst[1]));
}

/* 1 where `x` is 0, else 0. */
weir_inline __u64 weir_none(__u32 x)
{
	return ((__u64)x - 1) >> 63;
}

/*
 * The way a new flow goes into: an empty one, or the one not seen for longest. Without a branch,
 * which would be guessed wrong half the time.
 */
weir_inline __u32 weir_flow_victim(const struct weir_flow_set *set)
{
	const struct weir_flow *a = &set->way[0], *b = &set->way[1];
	__u64 way = (b->last - a->last) >> 31;

	return (__u32)((way | weir_none(b->packets)) & ~weir_none(a->packets));
}

weir_inline void weir_flow_end(struct weir_cpu *c, __u32 i, const struct weir_flow *r, __u64 tail)
{
	weir_note_ended(c, r);
	if (weir_tables_on() & WEIR_TABLE_PORTS)
		weir_port_note(c, i, r);
	weir_ring_put(&c->ended, weir_ended_flow(c, (__u32)c->ended.head & c->ended_mask), tail, r,
		      r->packets, r->bytes);
}

/* Makes `r` the record of packet `i` of the stage, ending what it held. */
weir_inline void weir_flow_replace(struct weir_cpu *c, struct weir_flow *r, __u32 i,
				   const struct weir_packet *p)
{
	const __u64 bytes = p->bytes, counts = weir_counts(p);
	__u64 old = weir_tail_word(r);
	__u8 gen = r->gen;

	weir_tail_word(r) = old | WEIR_TAIL_GEN(1);
	weir_wmb(&r->bytes);
	if (r->packets)
		weir_flow_end(c, i, r, old);
	r->src[0] = p->src[0];
	r->src[1] = p->src[1];
	r->dst[0] = p->dst[0];
	r->dst[1] = p->dst[1];
	r->bytes = bytes;
	weir_counts(r) = counts;
	r->first = c->tick;
	r->last = c->tick;
	weir_wmb(&r->bytes);
	weir_tail_word(r) = p->tail | WEIR_TAIL_GEN(weir_gen_next(gen));
}

/* The record of `p` in `set`, or NULL. */
weir_inline struct weir_flow *weir_flow_find(struct weir_flow_set *set, const struct weir_packet *p)
{
	if (weir_flow_is(&set->way[0], p))
		return &set->way[0];
	return weir_flow_is(&set->way[1], p) ? &set->way[1] : 0;
}

/* Adds packet `i` of the stage to its record; false where a counter of that would overflow. */
weir_inline int weir_flow_add(struct weir_cpu *c, struct weir_flow *r, __u32 i,
			      const struct weir_packet *p)
{
	__u64 counts = weir_counts(r) + weir_counts(p);
	__u8 flags;

	if (weir_unlikely(weir_counts_full(counts)))
		return 0;
	weir_counts(r) = counts;
	r->bytes += p->bytes;
	r->last = c->tick;
	/* A byte store makes the next comparison of the whole word wait: only if it must. */
	flags = ((const struct weir_flow *)p)->tcp_flags;
	if (weir_unlikely(flags & ~r->tcp_flags))
		r->tcp_flags |= flags;
	weir_note_touched(c, i, r, 0);
	return 1;
}

/* Counts packet `i` of the stage in its flow; false where it needs a record of its own. */
weir_inline int weir_flow_count(struct weir_cpu *c, __u32 i, const struct weir_packet *p)
{
	struct weir_flow_set *set = weir_flow_set(c, &p->set);
	struct weir_flow *r;

	if (!set)
		return 1;
	r = weir_flow_find(set, p);
	return r && weir_flow_add(c, r, i, p);
}

/*
 * Gives packet `i` of the stage a record of its own: the victim of its set, or the one that it has,
 * where a counter of that would overflow. A packet before it may have begun the same flow.
 */
weir_inline void weir_flow_begin(struct weir_cpu *c, __u32 i)
{
	const struct weir_packet *p = weir_staged(c, i);
	struct weir_flow_set *set = weir_flow_set(c, &p->set);
	struct weir_flow *r;
	__u32 way;

	if (!set)
		return;
	r = weir_flow_find(set, p);
	if (r && weir_flow_add(c, r, i, p))
		return;
	way = r ? weir_forget(&c->way, r != set->way) : weir_flow_victim(set);
	asm volatile("" : "+r"(way));
	r = &set->way[way & 1];
	weir_flow_replace(c, r, i, p);
	weir_note_touched(c, i, r, 1);
}

/* Does so for the packets whose bits are set in `which`. */
weir_inline void weir_flows_begin(struct weir_cpu *c, __u32 which)
{
	__u32 i;

	for (i = 0; i < WEIR_BATCH; i++)
		if (which & 1U << i)
			weir_flow_begin(c, i);
}

#endif
