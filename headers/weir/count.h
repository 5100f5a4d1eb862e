/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way of a packet: seen, parsed into the stage, counted in the totals, and with every
 * sixteenth packet, or when the clock has moved, committed to the tables.
 *
 * Order is part of the contract with readers: a packet is staged before the totals hold it, and
 * `commits` is odd while staged packets are on their way to the tables. A program that
 * interrupts another on its CPU finds `busy` set: it counts in totals[1] and leaves.
 */
#ifndef WEIR_COUNT_H
#define WEIR_COUNT_H

#include "table.h"

weir_inline void weir_add(struct weir_sum *sum, __u64 packets, __u64 bytes)
{
	sum->packets += packets;
	sum->bytes += bytes;
}

/* Reads one word of a line so that it is on its way while others are asked for. */
#define weir_want(word)                                                                            \
	do {                                                                                       \
		__u64 weir_value = (word);                                                         \
		asm volatile("" : : "r"(weir_value));                                              \
	} while (0)

weir_inline int weir_is_syn(const struct weir_packet *p)
{
	const struct weir_flow *f = (const struct weir_flow *)p;

	return (f->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_RST | WEIR_TCP_FIN)) != 0;
}

/* Moves the `n` staged packets into the tables. */
weir_inline void weir_commit(struct weir_cpu *c, __u32 n)
{
	__u32 i;

	*(volatile __u64 *)&c->commits = c->commits + 1;
	weir_wmb(&c->commits);
	for (i = 0; i < WEIR_BATCH && i < n; i++) {
		struct weir_flow_set *set =
			weir_flow_set(c, weir_set_of(c->stage[i].hash, c->flow_sets));

		if (set) {
			weir_want(weir_tail_word(&set->way[0]));
			weir_want(weir_tail_word(&set->way[1]));
		}
	}
	for (i = 0; i < WEIR_BATCH && i < n; i++) {
		weir_flow_count(c, i);
		if (weir_is_syn(&c->stage[i]))
			weir_syn_count_slow(c, i);
	}
	c->staged = 0;
	weir_wmb(&c->commits);
	*(volatile __u64 *)&c->commits = c->commits + 1;
}

weir_inline void weir_oddities(struct weir_cpu *c, __u32 nested, __u32 oddities, __u32 packets,
			       __u32 bytes)
{
	__u32 i;

	for (i = WEIR_R_L4_SHORT; i < WEIR_REASONS; i++)
		if (oddities & 1U << i)
			weir_add(&c->totals[nested & 1].reason[i], packets, bytes);
}

/* What a frame adds up to on the wire: itself, or the segments that GSO will make of it. */
struct weir_wire {
	__u32 packets;
	__u32 bytes;
	__u32 ip_bytes;
	__u32 full; /* length of each packet but the last */
};

weir_inline __u32 weir_size_bucket(__u32 length)
{
	__u32 at = length >> 6;

	/* Keeps the compiler from merging the shift into the address, past the bound. */
	asm volatile("" : "+r"(at));
	return at < WEIR_SIZE_BUCKETS ? at : WEIR_SIZE_BUCKETS - 1;
}

weir_inline void weir_count_size(struct weir_totals *t, const struct weir_wire *w)
{
	t->size[weir_size_bucket(w->bytes - (w->packets - 1) * w->full)]++;
	if (w->packets > 1)
		t->size[weir_size_bucket(w->full)] += w->packets - 1;
}

/* Adds what was parsed to the totals. */
weir_inline void weir_totals_add(struct weir_totals *t, const struct weir_parsed *parsed,
				 const struct weir_wire *w)
{
	weir_add(&t->class[parsed->class & 7], w -> packets, w -> bytes);
	weir_count_size(t, w);
	if (parsed->reason)
		weir_add(&t->reason[parsed->reason & 31], w->packets, w->bytes);
}

/* What is yet to be done to a packet: 1, 0 and 0 for one that is what it seems. */
struct weir_gso {
	__u32 segments;
	__u32 size; /* L4 payload of each segment but the last */
	__u32 tag;  /* bytes of a VLAN tag that the device will put in each */
};

weir_inline struct weir_wire weir_on_wire(const struct weir_frame *f,
					  const struct weir_parsed *parsed, struct weir_gso gso)
{
	struct weir_wire w = { 1, f->length + gso.tag, parsed->ip_bytes, 0 };
	__u32 repeats;

	/* A guest's packet may know the size of its segments, but not their number. */
	if (!gso.segments && gso.size && f->length > parsed->headers)
		gso.segments = (f->length - parsed->headers + gso.size - 1) / gso.size;
	if (gso.segments <= 1)
		return w;
	repeats = gso.segments - 1;
	w.packets = gso.segments;
	w.bytes += repeats * (parsed->headers + gso.tag);
	w.ip_bytes += repeats * (parsed->headers - parsed->l3);
	w.full = parsed->headers + gso.tag + gso.size;
	if (w.full > w.bytes / w.packets + gso.size || w.full * repeats > w.bytes)
		w.full = w.bytes / w.packets;
	return w;
}

/*
 * Counts a frame at the time c->now. Returns the packets now staged, 0 where nothing was; the
 * caller commits them once they are WEIR_BATCH, or have waited, and must then call weir_leave()
 * in any case.
 */
weir_inline __u32 weir_count(struct weir_cpu *c, const struct weir_frame *f, struct weir_gso gso)
{
	__u32 nested = c->busy != 0, n;
	struct weir_totals *t = &c->totals[nested];
	struct weir_parsed parsed;
	struct weir_packet *p;
	struct weir_wire w;
	int ip;

	*(volatile __u32 *)&c->busy = c->busy + 1;
	asm volatile("" : : : "memory");
	n = c->staged & (WEIR_BATCH - 1);
	p = &c->stage[nested ? WEIR_BATCH : n];
	weir_add(&t->seen, 1, f->length);
	parsed.ip_bytes = 0;
	parsed.l3 = 0;
	ip = weir_parse(f, &parsed, p);
	w = weir_on_wire(f, &parsed, gso);
	if (w.packets > 1 || gso.tag)
		weir_add(&t->seen, w.packets - 1, w.bytes - f->length);
	if (ip && nested) {
		weir_add(&c->reentered, w.packets, w.bytes);
	} else if (ip) {
		p->hash = weir_hash(c->key, p->tail, p->src, p->dst);
		p->tick = (__u32)(c->now >> WEIR_TICK_SHIFT);
		p->bytes = w.bytes;
		p->ip_bytes = w.ip_bytes;
		p->packets = w.packets;
		weir_wmb(&c->commits);
		*(volatile __u32 *)&c->staged = ++n;
		weir_wmb(&c->commits);
	}
	weir_totals_add(t, &parsed, &w);
	if (parsed.oddities)
		weir_oddities_slow(c, nested, parsed.oddities, w.packets, w.bytes);
	return nested ? 0 : n;
}

/* Ends what weir_count() began. */
weir_inline void weir_leave(struct weir_cpu *c)
{
	*(volatile __u32 *)&c->busy = c->busy - 1;
}

/*
 * Counts a frame that a filter keeps out of all else. Only one that is yet to be segmented is
 * parsed: for the headers that its segments repeat, in the place of a packet to be staged.
 */
weir_inline void weir_count_filtered(struct weir_cpu *c, const struct weir_frame *f,
				     struct weir_gso gso)
{
	__u32 nested = c->busy != 0;
	struct weir_parsed parsed;
	struct weir_wire w = { 1, f->length + gso.tag, 0, 0 };

	*(volatile __u32 *)&c->busy = c->busy + 1;
	asm volatile("" : : : "memory");
	if (gso.size) {
		parsed.ip_bytes = 0;
		parsed.l3 = 0;
		weir_parse(f, &parsed,
			   &c->stage[nested ? WEIR_BATCH : c->staged & (WEIR_BATCH - 1)]);
		w = weir_on_wire(f, &parsed, gso);
	}
	weir_add(&c->totals[nested].filtered[f->dir & 3], w.packets, w.bytes);
	weir_leave(c);
}

#endif
