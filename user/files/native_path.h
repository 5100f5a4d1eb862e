/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The native backend of headers/weir/table.h, and what is done to a frame, for whoever counts
 * many of them: inlined into the loop that finds them.
 *
 * A partition's tables and the times beside its records belong to one thread at a time.
 */
#ifndef WEIR_NATIVE_PATH_H
#define WEIR_NATIVE_PATH_H

#include "files/native.h"

static inline struct weir_flow_set *weir_flow_set(struct weir_cpu *c, const uint32_t *place);
static inline struct weir_syn_set *weir_syn_set(struct weir_cpu *c, uint32_t i);
static inline struct weir_ended_flow *weir_ended_flow(struct weir_cpu *c, uint32_t i);
static inline struct weir_ended_flow *weir_ended_syn(struct weir_cpu *c, uint32_t i);
static inline struct weir_port *weir_port(struct weir_cpu *c, uint32_t i);
static inline __u64 *weir_port_cell(struct weir_cpu *c, const uint32_t *place);
static inline void weir_note_touched(struct weir_cpu *c, uint32_t i, const struct weir_flow *r,
				     int begun);
static inline void weir_note_ended(struct weir_cpu *c, const struct weir_flow *r);
static void weir_flows_begin_slow(struct weir_cpu *c, uint32_t which);
static void weir_syns_count_slow(struct weir_cpu *c, uint32_t which);
static void weir_oddities_slow(struct weir_cpu *c, uint32_t oddities, uint32_t packets,
			       uint32_t bytes);

static void weir_ports_ended_slow(struct weir_cpu *c, uint32_t which);

#define weir_tables_on() WEIR_TABLE_ALL
#define weir_lines_asked() 1
#define weir_port_sum_slow(c, at, packets, bytes) weir_port_sum(c, at, packets, bytes)
#define weir_port_spill_slow(c, at) weir_port_spill(c, at)
#include <weir/count.h>

/*
 * What the primitives need of a partition; its weir_cpu points to it. In lines of its own: another
 * thread writes with every packet into the next one.
 */
struct part {
	struct weir_flow_set *flows;
	struct fine *fine; /* of flows */
	struct weir_syn_set *syns;
	struct weir_ended_flow *ended;
	struct fine *fine_ended;
	struct weir_ended_syn *syns_ended;
	struct weir_port *ports; /* all partitions' */
	__u64 *cells;
	uint64_t stage_ns[WEIR_BATCH];
} __attribute__((aligned(128)));

static inline struct part *part_of(const struct weir_cpu *c)
{
	return (struct part *)(uintptr_t)c->owner;
}

static inline struct weir_flow_set *weir_flow_set(struct weir_cpu *c, const uint32_t *place)
{
	return &part_of(c)->flows[*place];
}

static inline struct weir_syn_set *weir_syn_set(struct weir_cpu *c, uint32_t i)
{
	return &part_of(c)->syns[i];
}

static inline struct weir_ended_flow *weir_ended_flow(struct weir_cpu *c, uint32_t i)
{
	return &part_of(c)->ended[i];
}

static inline struct weir_ended_flow *weir_ended_syn(struct weir_cpu *c, uint32_t i)
{
	return (struct weir_ended_flow *)&part_of(c)->syns_ended[i];
}

static inline struct weir_port *weir_port(struct weir_cpu *c, uint32_t i)
{
	return &part_of(c)->ports[i];
}

static inline __u64 *weir_port_cell(struct weir_cpu *c, const uint32_t *place)
{
	return &part_of(c)->cells[*place];
}

static __attribute__((noinline)) void weir_flows_begin_slow(struct weir_cpu *c, uint32_t which)
{
	weir_flows_begin(c, which);
}

static __attribute__((noinline)) void weir_syns_count_slow(struct weir_cpu *c, uint32_t which)
{
	weir_syns_count(c, which);
}

static __attribute__((noinline)) void weir_ports_ended_slow(struct weir_cpu *c, uint32_t which)
{
	weir_ports_ended(c, which);
}

static __attribute__((noinline)) void weir_oddities_slow(struct weir_cpu *c, uint32_t oddities,
							 uint32_t packets, uint32_t bytes)
{
	weir_oddities(c, oddities, packets, bytes);
}

/* The times beside a record of a partition. */
static inline struct fine *fine_of(const struct part *part, const struct weir_flow *r)
{
	return &part->fine[r - part->flows->way];
}

static inline void weir_note_touched(struct weir_cpu *c, uint32_t i, const struct weir_flow *r,
				     int begun)
{
	struct part *part = part_of(c);
	struct fine *fine = fine_of(part, r);
	uint64_t ns = part->stage_ns[i];

	if (begun)
		fine->first = fine->last = ns;
	else if (ns > fine->last)
		fine->last = ns;
	else if (ns < fine->first)
		fine->first = ns; /* files need not be in order */
}

static inline void weir_note_ended(struct weir_cpu *c, const struct weir_flow *r)
{
	struct part *part = part_of(c);

	part->fine_ended[c->ended.head & c->ended_mask] = *fine_of(part, r);
}

weir_inline void native_ask_syn(struct weir_cpu *c, uint16_t port, uint8_t meta, const __u64 *addr)
{
	struct weir_syn_key key = weir_syn_key(port, meta, addr);
	struct weir_syn_set *set =
		weir_syn_set(c, weir_set_of(weir_syn_hash(c->key, &key), c->syn_sets));

	__builtin_prefetch(&set->way[0], 1);
	__builtin_prefetch(&set->way[1], 1);
}

/* Asks for the lines that the commit of a packet just staged will need. */
weir_inline void native_ask(struct weir_cpu *c, const struct weir_packet *p)
{
	const struct weir_flow *f = (const struct weir_flow *)p;
	const struct part *part = part_of(c);
	size_t set = p->set;

	__builtin_prefetch(&part->flows[set].way[0], 1);
	__builtin_prefetch(&part->flows[set].way[1], 1);
	__builtin_prefetch(&part->fine[set * WEIR_WAYS], 1);
	if (weir_is_syn(p)) {
		native_ask_syn(c, 0, WEIR_ROLE_SOURCE | (f->meta & WEIR_META_IPV6), p->src);
		native_ask_syn(c, f->dport, WEIR_ROLE_TARGET | (f->meta & WEIR_META_IPV6), p->dst);
	}
}

weir_inline void native_count_one(struct weir_cpu *c, const struct weir_frame *f, uint64_t ns,
				  struct weir_gso gso)
{
	uint32_t staged;

	c->tick = (uint32_t)(ns >> WEIR_TICK_SHIFT);
	part_of(c)->stage_ns[c->staged] = ns;
	staged = weir_count(c, f, gso);
	if (staged)
		native_ask(c, &c->stage[staged - 1]);
	if (staged == WEIR_BATCH)
		weir_commit(c, WEIR_BATCH);
}

/* Counts a frame of a capture file; what was captured of it is no more than its length. */
weir_inline void native_count_plain(struct weir_cpu *c, const struct frame *x, uint8_t link)
{
	struct weir_frame f = {
		.bytes = { x->data, x->data + x->captured },
		.length = x->length,
		.link = link,
		.dir = WEIR_DIR_FILE,
	};

	native_count_one(c, &f, x->ns, (struct weir_gso){ 1, 0, 0 });
}

#endif
