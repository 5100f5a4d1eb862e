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
static void weir_oddities_slow(struct weir_cpu *c, uint32_t nested, uint32_t oddities,
			       uint32_t packets, uint32_t bytes);

#define weir_flow_begin_slow(c, i) weir_flow_begin(c, i)
#define weir_syn_count_slow(c, i) weir_syn_count(c, i)
#include <weir/count.h>

struct native {
	struct weir_cpu cpu; /* first: the primitives get at the rest by it */
	struct tables tables;
	struct fine *fine;
	struct fine *fine_ended;
	uint64_t stage_ns[WEIR_BATCH];
};

static struct native *native_of(struct weir_cpu *c)
{
	return (struct native *)c;
}

static struct weir_flow_set *weir_flow_set(struct weir_cpu *c, uint32_t i)
{
	return &native_of(c)->tables.flows[i];
}

static struct weir_syn_set *weir_syn_set(struct weir_cpu *c, uint32_t i)
{
	return &native_of(c)->tables.syns[i];
}

static struct weir_ended_flow *weir_ended_flow(struct weir_cpu *c, uint32_t i)
{
	return &native_of(c)->tables.ended[i];
}

static struct weir_ended_flow *weir_ended_syn(struct weir_cpu *c, uint32_t i)
{
	return (struct weir_ended_flow *)&native_of(c)->tables.syns_ended[i];
}

static struct weir_port *weir_port(struct weir_cpu *c, uint32_t i)
{
	return &native_of(c)->tables.ports[i];
}

static void weir_oddities_slow(struct weir_cpu *c, uint32_t nested, uint32_t oddities,
			       uint32_t packets, uint32_t bytes)
{
	weir_oddities(c, nested, oddities, packets, bytes);
}

static size_t native_index(struct native *n, const struct weir_flow *r)
{
	return (size_t)(r - n->tables.flows[0].way);
}

static void weir_note_touched(struct weir_cpu *c, uint32_t i, const struct weir_flow *r, int begun)
{
	struct native *n = native_of(c);
	struct fine *fine = &n->fine[native_index(n, r)];
	uint64_t ns = n->stage_ns[i];

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

	n->fine_ended[c->ended.head & c->ended_mask] = n->fine[native_index(n, r)];
}

struct native *native_new(const struct plan *plan, uint64_t seed)
{
	struct native *n = aligned_alloc(4096, (sizeof(*n) + 4095) / 4096 * 4096);
	struct tables *t;

	if (!n)
		return NULL;
	*n = (struct native){ 0 };
	t = &n->tables;
	t->plan = *plan;
	t->plan.cpus = 1;
	t->cpu = &n->cpu;

	t->flows = aligned_alloc(128, plan->flow_sets * sizeof(*t->flows));
	t->syns = aligned_alloc(128, plan->syn_sets * sizeof(*t->syns));
	t->ended = calloc(plan->ended, sizeof(*t->ended));
	t->syns_ended = calloc(plan->syn_ended, sizeof(*t->syns_ended));
	t->ports = calloc(WEIR_PORTS, sizeof(*t->ports));
	t->fine = n->fine = calloc((size_t)plan->flow_sets * WEIR_WAYS, sizeof(*n->fine));
	t->fine_ended = n->fine_ended = calloc(plan->ended, sizeof(*n->fine_ended));
	if (!t->flows || !t->syns || !t->ended || !t->syns_ended || !t->ports || !n->fine ||
	    !n->fine_ended) {
		native_free(n);
		return NULL;
	}
	__builtin_memset(t->flows, 0, plan->flow_sets * sizeof(*t->flows));
	__builtin_memset(t->syns, 0, plan->syn_sets * sizeof(*t->syns));
	tables_init(t, seed);
	return n;
}

void native_free(struct native *n)
{
	if (!n)
		return;
	free(n->tables.flows);
	free(n->tables.syns);
	free(n->tables.ended);
	free(n->tables.syns_ended);
	free(n->tables.ports);
	free(n->fine);
	free(n->fine_ended);
	free(n);
}

struct tables *native_tables(struct native *n)
{
	return &n->tables;
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
	struct weir_gso gso = { segments, size, 0 };
	struct weir_cpu *c = &n->cpu;
	uint32_t staged;

	c->now = ns;
	n->stage_ns[c->staged] = ns;
	staged = weir_count(c, &f, gso);
	if (staged == WEIR_BATCH)
		weir_commit(c, staged);
	weir_leave(c);
}

void native_filtered(struct native *n, uint32_t length, uint8_t dir)
{
	const struct weir_frame f = { .length = length, .dir = dir };

	weir_count_filtered(&n->cpu, &f, (struct weir_gso){ 1, 0, 0 });
}

void native_flush(struct native *n)
{
	if (n->cpu.staged)
		weir_commit(&n->cpu, n->cpu.staged);
}

void native_count(struct native *n, const void *data, uint32_t captured, uint32_t length,
		  uint64_t ns, uint8_t link, uint8_t dir)
{
	native_count_gso(n, data, captured, length, ns, link, dir, 1, 0);
}
