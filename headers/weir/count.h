/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way of a packet: seen, parsed into the stage, counted in the totals, and with every
 * sixteenth packet, or when the clock has moved, committed to the tables.
 *
 * Order is part of the contract with readers: a packet is staged before the totals hold it, and
 * `commits` is odd while staged packets are on their way to the tables. A program that
 * interrupts another on its CPU finds `busy` set: it notes the frame as reentered and leaves.
 */
#ifndef WEIR_COUNT_H
#define WEIR_COUNT_H

#include "flows.h"
#include "syn.h"

weir_inline void weir_add(struct weir_sum *sum, __u64 packets, __u64 bytes)
{
	sum->packets += packets;
	sum->bytes += bytes;
}

/*
 * Has the lines of all sets in the stage fetched at once. Without a loop, and so of all places, for
 * what the stage held before does no harm: nearly always they are full.
 */
weir_inline void weir_ask(struct weir_cpu *c)
{
	__u32 i;

	weir_unrolled for (i = 0; i < WEIR_BATCH; i++)
	{
		struct weir_flow_set *set = weir_flow_set(c, &c->stage[i].set);

		if (set) {
			weir_want(weir_tail_word(&set->way[0]));
			weir_want(weir_tail_word(&set->way[1]));
		}
	}
}

/* Counts what of the stage has a record, and notes what is left to do. */
weir_inline void weir_commit_flows(struct weir_cpu *c, __u32 on)
{
	__u32 i;

	for (i = 0; i < WEIR_BATCH && i < weir_many(c); i++) {
		const struct weir_packet *p = weir_staged(c, i);

		if (weir_unlikely(!weir_flow_count(c, i, p)))
			c->begun |= 1U << i;
		if (weir_unlikely(weir_is_syn(p))) {
			/* What is rare is asked first. */
			asm volatile("" : : : "memory");
			if (on & WEIR_TABLE_SYN)
				c->syns |= 1U << i;
		}
	}
}

/* Where there are no flows. */
weir_inline void weir_commit_syns(struct weir_cpu *c)
{
	__u32 i;

	for (i = 0; i < WEIR_BATCH && i < weir_many(c); i++)
		if (weir_is_syn(weir_staged(c, i)))
			c->syns |= 1U << i;
}

/* Moves the `n` staged packets into the tables. */
weir_inline void weir_commit(struct weir_cpu *c, __u32 n)
{
	const __u32 on = weir_tables_on();

	*(volatile __u64 *)&c->commits = c->commits + 1;
	weir_wmb(&c->commits);
	weir_many(c) = n;
	if (on & WEIR_TABLE_FLOWS) {
		if (!weir_lines_asked())
			weir_ask(c);
		weir_commit_flows(c, on);
	} else if (on & WEIR_TABLE_SYN) {
		weir_commit_syns(c);
	}
	if (c->begun)
		weir_flows_begin_slow(c, c->begun);
	if (c->syns)
		weir_syns_count_slow(c, c->syns);
	if (c->gone)
		weir_ports_ended_slow(c, c->gone);
	c->begun = c->syns = c->gone = 0;
	c->staged = 0;
	weir_wmb(&c->commits);
	*(volatile __u64 *)&c->commits = c->commits + 1;
}

weir_inline void weir_oddities(struct weir_cpu *c, __u32 oddities, __u32 packets, __u32 bytes)
{
	__u32 i;

	for (i = WEIR_R_L4_SHORT; i < WEIR_REASONS; i++)
		if (oddities & 1U << i)
			weir_add(&c->totals.reason[i], packets, bytes);
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

/* Adds a frame to the totals, of direction `dir` and of that kind. */
weir_inline void weir_totals_add(struct weir_totals *t, const struct weir_wire *w, __u32 dir,
				 __u32 kind)
{
	weir_count_size(t, w);
	weir_wmb(&t->pad[0]);
	/* The bound is set here: verifiers to 6.1 forget that of a value that lay on the stack. */
	asm volatile("" : "+r"(kind));
	weir_add(&t->kind[dir & 3][kind & (WEIR_KINDS - 1)], w->packets, w->bytes);
}

/* What is yet to be done to a packet: 1, 0 and 0 for one that is what it seems. */
struct weir_gso {
	__u32 segments;
	__u32 size; /* L4 payload of each segment but the last */
	__u32 tag;  /* bytes of a VLAN tag that the device will put in each */
};

weir_inline struct weir_wire weir_on_wire(__u32 length, const struct weir_parsed *parsed,
					  struct weir_gso gso)
{
	struct weir_wire w = { 1, length + gso.tag, parsed->ip_bytes, 0 };
	__u32 repeats;

	/* A guest's packet may know the size of its segments, but not their number. */
	if (!gso.segments && gso.size && length > parsed->headers)
		gso.segments = (length - parsed->headers + gso.size - 1) / gso.size;
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
 * Begins a frame's counting, to be followed by weir_count() and weir_leave(); false where another
 * program of this CPU was in the middle of it, and the frame can only be noted as reentered.
 */
weir_inline int weir_enter(struct weir_cpu *c)
{
	if (weir_unlikely(*(volatile __u32 *)&c->busy))
		return 0;
	*(volatile __u32 *)&c->busy = 1;
	asm volatile("" : : : "memory");
	return 1;
}

weir_inline void weir_leave(struct weir_cpu *c)
{
	asm volatile("" : : : "memory");
	*(volatile __u32 *)&c->busy = 0;
}

/*
 * Completes place `n` of the stage, where a packet's key is already, and which is then in it.
 * Returns how many are.
 */
weir_inline __u32 weir_stage(struct weir_cpu *c, __u32 n, __u32 hash, const struct weir_wire *w)
{
	struct weir_packet *p = &c->stage[n];

	p->set = c->flow_base + weir_set_of(hash, c->flow_sets);
	p->bytes = w->bytes;
	weir_counts(p) = weir_counts_of(w->packets, w->bytes - w->ip_bytes);
	weir_wmb(&c->commits);
	*(volatile __u32 *)&c->staged = ++n;
	weir_wmb(&c->commits);
	return n;
}

/* Parses any frame, into the next place of the stage and c->parsed. */
weir_inline void weir_parse_any(struct weir_cpu *c, const struct weir_frame *f)
{
	c->parsed.ip_bytes = 0;
	c->parsed.l3 = 0;
	weir_parse(f, &c->parsed, &c->stage[c->staged & (WEIR_BATCH - 1)]);
	/* From here on the verifier sees one frame, and not one for each way through the parser. */
	asm volatile("" : : : "memory");
}

/* Counts what weir_parse_any() left, of a frame of that length and direction. */
weir_inline __u32 weir_count_parsed(struct weir_cpu *c, __u32 length, __u8 dir, struct weir_gso gso)
{
	__u32 n = c->staged & (WEIR_BATCH - 1), kind;
	const struct weir_parsed *parsed = &c->parsed;
	const struct weir_packet *p = &c->stage[n];
	const struct weir_wire w = weir_on_wire(length, parsed, gso);

	kind = parsed->class;
	if (kind == WEIR_IPV4 || kind == WEIR_IPV6) {
		kind = parsed->kind;
		if (w.packets > 1 && ((const struct weir_flow *)p)->tcp_flags & WEIR_TCP_FIN)
			c->totals.fin_repeats[dir & 3] += w.packets - 1;
		n = weir_stage(c, n, weir_hash(c->key, p->tail, p->src, p->dst), &w);
	} else {
		n = 0;
	}
	weir_totals_add(&c->totals, &w, dir, kind);
	if (parsed->reason)
		weir_add(&c->totals.reason[parsed->reason & 31], w.packets, w.bytes);
	if (parsed->oddities)
		weir_oddities_slow(c, parsed->oddities, w.packets, w.bytes);
	return n;
}

/* weir_count() for any frame. */
weir_inline __u32 weir_count_any(struct weir_cpu *c, const struct weir_frame *f,
				 struct weir_gso gso)
{
	weir_parse_any(c, f);
	return weir_count_parsed(c, f->length, f->dir, gso);
}

/* Counts a plain packet. */
weir_inline __u32 weir_count_one(struct weir_cpu *c, const struct weir_plain *x, __u32 bytes,
				 __u8 dir)
{
	const struct weir_wire w = { 1, bytes, x->ip_bytes, 0 };
	__u32 n = c->staged & (WEIR_BATCH - 1);
	struct weir_packet *p = &c->stage[n];

	p->tail = x->tail;
	p->src[0] = x->src[0];
	p->src[1] = x->src[1];
	p->dst[0] = x->dst[0];
	p->dst[1] = x->dst[1];
	n = weir_stage(c, n, weir_hash_key(c->key, x->key, x->src, x->dst), &w);
	weir_totals_add(&c->totals, &w, dir, x->kind);
	return n;
}

/*
 * Counts a frame of Ethernet with at most one VLAN tag, IPv4 without options or IPv6 without
 * extension headers, and whole TCP or UDP, not to be segmented, in a third of the instructions.
 * Returns 0, and has done nothing, for any other; what it does is what weir_count_any() would.
 */
weir_inline __u32 weir_count_plain(struct weir_cpu *c, const struct weir_frame *f,
				   struct weir_gso gso)
{
	const __u32 bytes = f->length + gso.tag;
	struct weir_cursor at = f->bytes;
	struct weir_plain x;
	__u32 type, n;

	if (gso.segments > 1 || gso.size || weir_unlikely(bytes >= (WEIR_SIZE_BUCKETS - 1) * 64))
		return 0;
	type = weir_plain_link(&at);
	if (weir_likely(type == weir_be16(WEIR_ETH_IPV4)))
		return weir_plain_ipv4(&at, f->dir, &x) ? weir_count_one(c, &x, bytes, f->dir) : 0;
	if (type != weir_be16(WEIR_ETH_IPV6) || !weir_plain_ipv6(&at, f->dir, &x))
		return 0;
	n = weir_count_one(c, &x, bytes, f->dir);
	/* Keeps the compiler from having one end for both families, with all in memory. */
	asm volatile("" : "+r"(n));
	return n;
}

/*
 * Counts a frame at the time c->tick. Returns the packets now staged, 0 where nothing was; the
 * caller commits them once they are WEIR_BATCH, and before it moves c->tick.
 */
weir_inline __u32 weir_count(struct weir_cpu *c, const struct weir_frame *f, struct weir_gso gso)
{
	__u32 staged = f->link == WEIR_LINK_ETHERNET ? weir_count_plain(c, f, gso) : 0;

	return staged ? staged : weir_count_any(c, f, gso);
}

/*
 * Counts a frame that a filter keeps out of all else. Only one that is yet to be segmented is
 * parsed: for the headers that its segments repeat, in the place of the next packet to be staged.
 */
weir_inline void weir_count_filtered(struct weir_cpu *c, const struct weir_frame *f,
				     struct weir_gso gso)
{
	struct weir_wire w = { 1, f->length + gso.tag, 0, 0 };
	struct weir_parsed parsed;

	if (!weir_enter(c)) {
		weir_add(&c->reentered, gso.segments > 1 ? gso.segments : 1, f->length);
		return;
	}
	if (gso.size) {
		parsed.ip_bytes = 0;
		parsed.l3 = 0;
		weir_parse(f, &parsed, &c->stage[c->staged & (WEIR_BATCH - 1)]);
		w = weir_on_wire(f->length, &parsed, gso);
	}
	weir_add(&c->totals.filtered[f->dir & 3], w.packets, w.bytes);
	weir_leave(c);
}

#endif
