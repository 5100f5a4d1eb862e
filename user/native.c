/* SPDX-License-Identifier: GPL-2.0 */
/* The native backend of headers/weir/table.h; see native.h. */
#include <stdlib.h>

#include "native.h"

static struct weir_flow_set *weir_flow_set(struct weir_cpu *c, uint32_t i);
static struct weir_syn_set *weir_syn_set(struct weir_cpu *c, uint32_t i);
static struct weir_ended_flow *weir_ended_flow(struct weir_cpu *c, uint32_t i);
static struct weir_ended_flow *weir_ended_syn(struct weir_cpu *c, uint32_t i);
static struct weir_port *weir_port(struct weir_cpu *c, uint32_t i);
static void weir_note_touched(struct weir_cpu *c, uint32_t i, const struct weir_flow *r, int begun);
static void weir_note_ended(struct weir_cpu *c, const struct weir_flow *r);
static void weir_flow_begin_slow(struct weir_cpu *c, uint32_t i);
static void weir_syn_count_slow(struct weir_cpu *c, uint32_t i);
static void weir_oddities_slow(struct weir_cpu *c, uint32_t nested, uint32_t oddities,
			       uint32_t packets, uint32_t bytes);

#include <weir/count.h>

struct native {
	struct tables tables;
	struct fine *fine;
	struct fine *fine_ended;
	uint64_t (*stage_ns)[WEIR_BATCH]; /* of each CPU */
	struct weir_cpu cpu[];		  /* the primitives get at the rest by it */
};

static struct native *native_of(struct weir_cpu *c)
{
	return (struct native *)((char *)(c - c->index) - offsetof(struct native, cpu));
}

static struct weir_flow_set *weir_flow_set(struct weir_cpu *c, uint32_t i)
{
	return &native_of(c)->tables.flows[c->flow_base + i];
}

static struct weir_syn_set *weir_syn_set(struct weir_cpu *c, uint32_t i)
{
	return &native_of(c)->tables.syns[c->syn_base + i];
}

static struct weir_ended_flow *weir_ended_flow(struct weir_cpu *c, uint32_t i)
{
	return &native_of(c)->tables.ended[c->ended_base + i];
}

static struct weir_ended_flow *weir_ended_syn(struct weir_cpu *c, uint32_t i)
{
	return (struct weir_ended_flow *)&native_of(c)->tables.syns_ended[c->syn_ended_base + i];
}

static struct weir_port *weir_port(struct weir_cpu *c, uint32_t i)
{
	return &native_of(c)->tables.ports[c->port_base + i];
}

static __attribute__((noinline)) void weir_flow_begin_slow(struct weir_cpu *c, uint32_t i)
{
	weir_flow_begin(c, i);
}

static __attribute__((noinline)) void weir_syn_count_slow(struct weir_cpu *c, uint32_t i)
{
	weir_syn_count(c, i);
}

static __attribute__((noinline)) void weir_oddities_slow(struct weir_cpu *c, uint32_t nested,
							 uint32_t oddities, uint32_t packets,
							 uint32_t bytes)
{
	weir_oddities(c, nested, oddities, packets, bytes);
}

static size_t native_index(const struct native *n, const struct weir_flow *r)
{
	return (size_t)(r - n->tables.flows[0].way);
}

static void weir_note_touched(struct weir_cpu *c, uint32_t i, const struct weir_flow *r, int begun)
{
	struct native *n = native_of(c);
	struct fine *fine = &n->fine[native_index(n, r)];
	uint64_t ns = n->stage_ns[c->index][i];

	if (begun)
		fine->first = fine->last = ns;
	else if (ns > fine->last)
		fine->last = ns;
	else if (ns < fine->first)
		fine->first = ns; /* files need not be in order */
}

static void weir_note_ended(struct weir_cpu *c, const struct weir_flow *r)
{
	struct native *n = native_of(c);

	n->fine_ended[c->ended_base + (c->ended.head & c->ended_mask)] =
		n->fine[native_index(n, r)];
}

struct native *native_new(const struct plan *plan, uint64_t seed)
{
	size_t size = sizeof(struct native) + plan->cpus * sizeof(struct weir_cpu);
	struct native *n = table_alloc(size);
	struct tables *t;

	if (!n)
		return NULL;
	t = &n->tables;
	t->plan = *plan;
	t->cpu = n->cpu;

	t->flows = table_alloc(plan->cpus * (size_t)plan->flow_sets * sizeof(*t->flows));
	t->syns = table_alloc(plan->cpus * (size_t)plan->syn_sets * sizeof(*t->syns));
	t->ended = table_alloc(plan->cpus * (size_t)plan->ended * sizeof(*t->ended));
	t->syns_ended = table_alloc(plan->cpus * (size_t)plan->syn_ended * sizeof(*t->syns_ended));
	t->ports = table_alloc(plan_port_partitions(plan) * (size_t)WEIR_PORTS * sizeof(*t->ports));
	t->fine = n->fine =
		table_alloc(plan->cpus * (size_t)plan->flow_sets * WEIR_WAYS * sizeof(*n->fine));
	t->fine_ended = n->fine_ended =
		table_alloc(plan->cpus * (size_t)plan->ended * sizeof(*n->fine_ended));
	n->stage_ns = calloc(plan->cpus, sizeof(*n->stage_ns));
	if (!t->flows || !t->syns || !t->ended || !t->syns_ended || !t->ports || !n->fine ||
	    !n->fine_ended || !n->stage_ns) {
		native_free(n);
		return NULL;
	}
	tables_init(t, seed);
	return n;
}

void native_free(struct native *n)
{
	if (!n)
		return;
	table_free(n->tables.flows);
	table_free(n->tables.syns);
	table_free(n->tables.ended);
	table_free(n->tables.syns_ended);
	table_free(n->tables.ports);
	table_free(n->fine);
	table_free(n->fine_ended);
	free(n->stage_ns);
	table_free(n);
}

struct tables *native_tables(struct native *n)
{
	return &n->tables;
}

/* Asks for the lines that the commit of a packet just staged will need. */
weir_inline void native_prefetch(struct native *n, struct weir_cpu *c, const struct weir_packet *p)
{
	size_t set = c->flow_base + weir_set_of(p->hash, c->flow_sets);

	__builtin_prefetch(&n->tables.flows[set].way[0], 1);
	__builtin_prefetch(&n->tables.flows[set].way[1], 1);
	__builtin_prefetch(&n->fine[set * WEIR_WAYS], 1);
}

weir_inline void count_frame(struct native *n, struct weir_cpu *c, const struct weir_frame *f,
			     uint64_t ns, struct weir_gso gso)
{
	uint32_t staged;

	c->now = ns;
	n->stage_ns[c->index][c->staged] = ns;
	staged = weir_count(c, f, gso);
	if (staged)
		native_prefetch(n, c, &c->stage[staged - 1]);
	if (staged == WEIR_BATCH)
		weir_commit(c, staged);
	weir_leave(c);
}

void native_count_gso(struct native *n, const void *data, uint32_t captured, uint32_t length,
		      uint64_t ns, uint8_t link, uint8_t dir, uint32_t segments, uint32_t size)
{
	const unsigned char *bytes = data;
	struct weir_frame f = {
		.bytes = { bytes, bytes + (captured < length ? captured : length) },
		.length = length,
		.link = link,
		.dir = dir,
	};

	count_frame(n, &n->cpu[0], &f, ns, (struct weir_gso){ segments, size, 0 });
}

void native_count(struct native *n, const void *data, uint32_t captured, uint32_t length,
		  uint64_t ns, uint8_t link, uint8_t dir)
{
	native_count_gso(n, data, captured, length, ns, link, dir, 1, 0);
}

weir_inline void count_frames(struct native *n, struct weir_cpu *c, const struct frame *frames,
			      uint32_t count, uint8_t link)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		const struct frame *x = &frames[i];
		struct weir_frame f = {
			.bytes = { x->data,
				   x->data + (x->captured < x->length ? x->captured : x->length) },
			.length = x->length,
			.link = link,
			.dir = WEIR_DIR_FILE,
		};

		count_frame(n, c, &f, x->ns, (struct weir_gso){ 1, 0, 0 });
	}
}

void native_count_frames(struct native *n, uint32_t cpu, const struct frame *frames, uint32_t count,
			 uint8_t link)
{
	/* The usual link as a constant: its parser then has no other in it. */
	if (link == WEIR_LINK_ETHERNET)
		count_frames(n, &n->cpu[cpu], frames, count, WEIR_LINK_ETHERNET);
	else
		count_frames(n, &n->cpu[cpu], frames, count, link);
}

uint32_t native_frames_safe(const struct native *n)
{
	uint32_t flows = n->tables.plan.ended / 2, syns = n->tables.plan.syn_ended / 4;
	uint32_t least = flows < syns ? flows : syns;

	return least ? least : 1;
}

void native_flush(struct native *n)
{
	uint32_t i;

	for (i = 0; i < n->tables.plan.cpus; i++)
		if (n->cpu[i].staged)
			weir_commit(&n->cpu[i], n->cpu[i].staged);
}
