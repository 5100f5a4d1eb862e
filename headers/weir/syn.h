/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of TCP segments with SYN, RST or FIN, by source and by target, with sketches of how
 * many different ones they had to do with.
 */
#ifndef WEIR_SYN_H
#define WEIR_SYN_H

#include "ring.h"
#include "sketch.h"

struct weir_syn_key {
	__u64 tail; /* port, meta; the rest 0 */
	__u64 addr[2];
};

/* Whether a staged packet has SYN, RST or FIN. */
weir_inline int weir_is_syn(const struct weir_packet *p)
{
	const struct weir_flow *f = (const struct weir_flow *)p;

	return (f->tcp_flags & (WEIR_TCP_SYN | WEIR_TCP_RST | WEIR_TCP_FIN)) != 0;
}

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
