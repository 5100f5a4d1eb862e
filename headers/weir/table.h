/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables: flows and SYN records in sets of two, ended rings, ports.
 *
 * Written by one CPU, read by anyone: a record is replaced under an odd `gen`, its counters are
 * single aligned words. A full set gives its least useful record to the ended ring, whose
 * oldest entry is overwritten; the ring's sum keeps the books exact for late readers.
 *
 * A backend defines what these functions need of the world:
 * - weir_tables_on(): the WEIR_TABLE_* there are, known before the first packet;
 * - weir_lines_asked(): whether a staged packet's lines are already on their way;
 * - weir_flow_set(), weir_syn_set(), weir_ended_flow(), weir_ended_syn(), weir_port(),
 *   weir_port_cell(): places, NULL where there is none;
 * - weir_note_touched(), weir_note_ended(): for whoever keeps finer times beside the records;
 * - weir_flows_begin_slow() and the other _slow(): calls of the rare halves of the work, by
 *   which the BPF verifier sees each of them once and not on every path to it.
 */
#ifndef WEIR_TABLE_H
#define WEIR_TABLE_H

#include "abi.h"
#include "parse.h"
#include "sketch.h"

/* Stores before it are seen before stores after it: free where the CPU keeps their order. */
#if defined(__TARGET_ARCH_x86) || defined(__x86_64__)
#define weir_wmb(word) asm volatile("" ::: "memory")
#else
#define weir_wmb(word)                                                                             \
	do {                                                                                       \
		/* Only with its result used is it the fetching form, which orders. */             \
		__u64 weir_word = __sync_fetch_and_add(word, 0);                                   \
		asm volatile("" : : "r"(weir_word));                                               \
	} while (0)
#endif

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

/*
 * 32 bits of hash over a flow key; `key` are odd and secret, or sets could be overfilled. Of an
 * IPv4 flow the constant words of its mapped addresses are left out.
 */
weir_inline __u32 weir_hash_key(const __u64 *key, __u64 tail, const __u64 *src, const __u64 *dst)
{
	__u64 h = tail * key[0] + src[1] * key[1] + dst[1] * key[2];

	if (tail & WEIR_TAIL_IPV6)
		h += src[0] * key[3] + dst[0] * key[4];
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	return (__u32)(h >> 32);
}

weir_inline __u32 weir_hash(const __u64 *key, __u64 tail, const __u64 *src, const __u64 *dst)
{
	return weir_hash_key(key, tail & WEIR_TAIL_KEY, src, dst);
}

/* A set's number from a hash: multiply and shift, so any number of sets will do. */
weir_inline __u32 weir_set_of(__u32 hash, __u32 sets)
{
	return (__u32)((__u64)hash * sets >> 32);
}

weir_inline __u8 weir_gen_next(__u8 gen)
{
	return gen >= 254 ? 2 : (__u8)((gen & 254) + 2);
}

/* Of a tail's bits those that are key, wherever in the word. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define weir_tail_key(tail) ((tail) << 16)
#else
#define weir_tail_key(tail) ((tail) >> 16)
#endif

#define weir_tail_word(record) (*(volatile __u64 *)(record))

/* Reads one word of a line so that it is on its way while others are asked for. */
#define weir_want(word)                                                                            \
	do {                                                                                       \
		__u64 weir_value = (word);                                                         \
		asm volatile("" : : "r"(weir_value));                                              \
	} while (0)

/*
 * How many are to be dealt with. From memory, as the verifier would otherwise learn the number from
 * each comparison with it, and see what comes after a loop once for each.
 */
#define weir_many(c) (*(volatile __u32 *)&(c)->many)

/* ---- ports ---- */

#define WEIR_CELL_SHIFT 40
#define WEIR_CELL_FULL (1ULL << 63 | 1ULL << 39)
#define WEIR_CELL_PACKETS (1U << 23)
#define WEIR_CELL_BYTES (1ULL << 39)

weir_inline __u64 weir_cell_packets(__u64 cell)
{
	return cell >> WEIR_CELL_SHIFT;
}

weir_inline __u64 weir_cell_bytes(__u64 cell)
{
	return cell & ((1ULL << WEIR_CELL_SHIFT) - 1);
}

/* Adds to the sums, which all CPUs share; `at` counts cells. */
weir_inline void weir_port_sum(struct weir_cpu *c, __u32 at, __u64 packets, __u64 bytes)
{
	struct weir_port *port = weir_port(c, at >> 17 << 16 | (at & 0xffff));

	if (!port)
		return;
	__sync_fetch_and_add(&port->role[at >> 16 & 1].packets, packets);
	__sync_fetch_and_add(&port->role[at >> 16 & 1].bytes, bytes);
}

/* Moves a cell that is about to overflow to the sums. `spills` is odd meanwhile. */
weir_inline void weir_port_spill(struct weir_cpu *c, __u32 at)
{
	__u32 place = c->cell_base + at;
	__u64 *cell = weir_port_cell(c, &place);

	if (!cell)
		return;
	*(volatile __u64 *)&c->spills = c->spills + 1;
	weir_wmb(&c->spills);
	weir_port_sum(c, at, weir_cell_packets(*cell), weir_cell_bytes(*cell));
	*(volatile __u64 *)cell = 0;
	weir_wmb(&c->spills);
	*(volatile __u64 *)&c->spills = c->spills + 1;
}

/* Adds to the CPU's own cell: 8 bytes instead of 32, so that four times as many stay in cache. */
weir_inline void weir_port_add(struct weir_cpu *c, const __u32 *place, __u64 more)
{
	__u64 *cell = weir_port_cell(c, place), sum;

	if (!cell)
		return;
	sum = *cell + more;
	if (sum & WEIR_CELL_FULL) {
		weir_port_spill_slow(c, *place - c->cell_base);
		sum = more;
	}
	*(volatile __u64 *)cell = sum;
}

/* Where a protocol's ports begin among the cells; those of the role of source. */
weir_inline __u32 weir_port_row(__u8 proto)
{
	return proto == WEIR_P_TCP ? 0 : proto == WEIR_P_UDP ? 2 << 16 : 4 << 16;
}

/* What a flow that ended adds to its ports' cells. */
struct weir_port_note {
	__u32 place[2];
	__u64 more;
};

/* It lies where the packet that ended the flow has no more need of its counters. */
weir_inline struct weir_port_note *weir_port_note_of(struct weir_cpu *c, __u32 i)
{
	return (struct weir_port_note *)&c->stage[i].bytes;
}

/*
 * Notes what `r`, which packet `i` of the stage ends, adds to its ports; or adds it, where it is
 * too much for a cell or there are none.
 */
weir_inline void weir_port_note(struct weir_cpu *c, __u32 i, const struct weir_flow *r)
{
	const __u32 sport = (__u16)weir_be16(r->sport), dport = (__u16)weir_be16(r->dport);
	const __u32 row = weir_port_row(r->proto), src = row | sport, dst = row | 1 << 16 | dport;
	const __u64 packets = r->packets, bytes = r->bytes;
	struct weir_port_note *note = weir_port_note_of(c, i);

	if (!(r->meta & WEIR_META_PORTS))
		return;
	if (c->ports_shared || packets >= WEIR_CELL_PACKETS || bytes >= WEIR_CELL_BYTES) {
		weir_port_sum_slow(c, src, packets, bytes);
		weir_port_sum_slow(c, dst, packets, bytes);
		return;
	}
	note->place[0] = c->cell_base + src;
	note->place[1] = c->cell_base + dst;
	note->more = packets << WEIR_CELL_SHIFT | bytes;
	c->gone |= 1U << i;
}

/*
 * Adds what was noted for the packets whose bits are set in `which`; live flows are added by the
 * reader. In loops of their own, the first so short that the CPU waits for most of the cells at
 * once.
 */
weir_inline void weir_ports_ended(struct weir_cpu *c, __u32 which)
{
	__u32 i;

	for (i = 0; i < WEIR_BATCH; i++) {
		const struct weir_port_note *note = weir_port_note_of(c, i);

		if (!(which & 1U << i))
			continue;
		weir_port_add(c, &note->place[0], note->more);
		weir_port_add(c, &note->place[1], note->more);
	}
}

/* ---- rings ---- */

/*
 * Appends a record's line, its first word being `tail`; readers see it once head has passed it.
 * By then its place in the table is marked odd: nobody copies it from both.
 */
weir_inline void weir_ring_put(struct weir_ring *ring, struct weir_ended_flow *slot, __u64 tail,
			       const void *record, __u64 packets, __u64 bytes)
{
	const __u64 *line = record;

	if (slot) {
		slot->line[0] = tail;
		slot->line[1] = line[1];
		slot->line[2] = line[2];
		slot->line[3] = line[3];
		slot->line[4] = line[4];
		slot->line[5] = line[5];
		slot->line[6] = line[6];
		slot->line[7] = line[7];
	}
	ring->sum.packets += packets;
	ring->sum.bytes += bytes;
	weir_wmb(&ring->head);
	*(volatile __u64 *)&ring->head = ring->head + 1;
}

/* ---- flows ---- */

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

/* Packet `i` of the stage, by a pointer that the compiler keeps and does not make anew. */
weir_inline struct weir_packet *weir_staged(struct weir_cpu *c, __u32 i)
{
	struct weir_packet *p = &c->stage[i];

	asm volatile("" : "+r"(p));
	return p;
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

/* ---- SYN ---- */

struct weir_syn_key {
	__u64 tail; /* port, meta; the rest 0 */
	__u64 addr[2];
};

weir_inline struct weir_syn_key weir_syn_key(__u16 port, __u8 meta, const __u64 *addr)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	struct weir_syn_key k = { (__u64)port << 32 | (__u64)meta << 48, { addr[0], addr[1] } };
#else
	struct weir_syn_key k = { (__u64)port << 16 | (__u64)meta << 8, { addr[0], addr[1] } };
#endif
	return k;
}

weir_inline __u32 weir_syn_hash(const __u64 *key, const struct weir_syn_key *k)
{
	__u64 h = k->tail * key[0] + k->addr[1] * key[1] + k->addr[0] * key[2];

	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	return (__u32)(h >> 32);
}

weir_inline int weir_syn_is(const struct weir_syn *r, const struct weir_syn_key *k)
{
	return !(((weir_tail_word(r) ^ k->tail) & WEIR_SYN_KEY) | (r->addr[0] ^ k->addr[0]) |
		 (r->addr[1] ^ k->addr[1]));
}

weir_inline __u64 weir_syn_activity(const struct weir_syn *r)
{
	return (__u64)r->syn + r->synack + r->rst + r->fin;
}

weir_inline void weir_syn_replace(struct weir_cpu *c, struct weir_syn *r,
				  const struct weir_syn_key *k)
{
	__u64 activity = weir_syn_activity(r), *sketch = (__u64 *)r->sketch;
	/* All ones for a source, of whose role the low bit is 1, else 0. */
	const __u64 source = -(__u64)(r->meta & WEIR_ROLE_SOURCE);
	__u64 old = weir_tail_word(r);
	__u8 gen = r->gen;

	weir_tail_word(r) = old | WEIR_TAIL_GEN(1);
	weir_wmb(&r->addr[0]);
	if (activity)
		weir_ring_put(&c->syn_ended,
			      weir_ended_syn(c, (__u32)c->syn_ended.head & c->syn_ended_mask), old,
			      r, activity & source, activity & ~source);
	r->addr[0] = k->addr[0];
	r->addr[1] = k->addr[1];
	r->syn = 0;
	r->synack = 0;
	sketch[0] = 0;
	sketch[1] = 0;
	sketch[2] = 0;
	sketch[3] = 0;
	weir_wmb(&r->addr[0]);
	weir_tail_word(r) = k->tail | WEIR_TAIL_GEN(weir_gen_next(gen));
}

/* A counter is about to overflow. */
weir_inline int weir_syn_full(const struct weir_syn *r)
{
	const __u64 low = (r->rst + 1ULL) | (r->fin + 1ULL);
	const __u64 high = (r->syn + 1ULL) | (r->synack + 1ULL);

	return (low >> 16 | high >> 32) != 0;
}

#define WEIR_SYN_BEGINS 2 /* beside the number of a way */

/* The way of `k` in its set, or the less active one, in which it begins. */
weir_inline __u32 weir_syn_way(const struct weir_syn_set *set, const struct weir_syn_key *k)
{
	if (weir_syn_is(&set->way[0], k))
		return 0;
	if (weir_syn_is(&set->way[1], k))
		return 1;
	return WEIR_SYN_BEGINS +
	       (weir_syn_activity(&set->way[0]) >= weir_syn_activity(&set->way[1]));
}

/* The record of `k`, made if need be. NULL where the backend has no such set. */
weir_inline struct weir_syn *weir_syn_find(struct weir_cpu *c, const struct weir_syn_key *k)
{
	struct weir_syn_set *set =
		weir_syn_set(c, weir_set_of(weir_syn_hash(c->key, k), c->syn_sets));
	struct weir_syn *r;
	__u32 way;

	if (!set)
		return 0;
	way = weir_forget(&c->way, weir_syn_way(set, k));
	r = &set->way[way & 1];
	if (way & WEIR_SYN_BEGINS || weir_syn_full(r))
		weir_syn_replace(c, r, k);
	return r;
}

/* Without branches, which the flags of a mixture would have guessed wrong. */
weir_inline void weir_syn_add(struct weir_syn *r, __u32 flags)
{
	const __u32 syn = flags / WEIR_TCP_SYN & 1, ack = flags / WEIR_TCP_ACK & 1;

	r->syn += syn & ~ack;
	r->synack += syn & ack;
	r->rst += flags / WEIR_TCP_RST & 1;
	r->fin += flags / WEIR_TCP_FIN & 1;
}

/* Feeds the sketches of a segment's source and target, either of them NULL if not there. */
weir_inline void weir_syn_sketch(struct weir_syn *source, struct weir_syn *target,
				 const struct weir_packet *p)
{
	const __u64 fold = 0x9e3779b97f4a7c15ULL;

	if (source) {
		__u16 port = ((const struct weir_flow *)p)->dport;

		weir_sketch_add(source->sketch, 0, 32, weir_mix(p->dst[0] * fold ^ p->dst[1]));
		weir_sketch_add(source->sketch, 32, 32, weir_mix(port));
	}
	if (target)
		weir_sketch_add(target->sketch, 0, 64, weir_mix(p->src[0] * fold ^ p->src[1]));
}

/* Counts a staged TCP segment with SYN, RST or FIN for its source and for its target. */
weir_inline void weir_syn_count(struct weir_cpu *c, __u32 i)
{
	const struct weir_packet *p = &c->stage[i];
	const struct weir_flow *f = (const struct weir_flow *)p;
	__u8 family = f->meta & WEIR_META_IPV6;
	__u32 flags = f->tcp_flags, first = (flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN;
	struct weir_syn_key source = weir_syn_key(0, WEIR_ROLE_SOURCE | family, p->src);
	struct weir_syn_key target = weir_syn_key(f->dport, WEIR_ROLE_TARGET | family, p->dst);
	struct weir_syn *r;

	r = weir_syn_find(c, &source);
	if (r) {
		weir_syn_add(r, flags);
		if (first)
			weir_syn_sketch(r, 0, p);
	}
	r = weir_syn_find(c, &target);
	if (r) {
		weir_syn_add(r, flags);
		if (first)
			weir_syn_sketch(0, r, p);
	}
}

/* Counts those whose bits are set in `which`. */
weir_inline void weir_syns_count(struct weir_cpu *c, __u32 which)
{
	__u32 i;

	for (i = 0; i < WEIR_BATCH; i++)
		if (which & 1U << i)
			weir_syn_count(c, i);
}

#endif
