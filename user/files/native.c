/* SPDX-License-Identifier: GPL-2.0 */
/* Tables on plain memory; see native.h. */
#include <errno.h>
#include <stdlib.h>

#include "files/native_path.h"

struct native {
	struct tables tables;
	struct part *parts;
};

/* `each` bytes a CPU. */
static void *table_of(const struct plan *plan, size_t each)
{
	return table_alloc(plan->cpus * each);
}

static int tables_alloc(struct tables *t)
{
	const struct plan *p = &t->plan;

	t->cpu = table_of(p, sizeof(*t->cpu));
	t->flows = table_of(p, p->flow_sets * sizeof(*t->flows));
	t->fine = table_of(p, p->flow_sets * WEIR_WAYS * sizeof(*t->fine));
	t->syns = table_of(p, p->syn_sets * sizeof(*t->syns));
	t->ended = table_of(p, p->ended * sizeof(*t->ended));
	t->fine_ended = table_of(p, p->ended * sizeof(*t->fine_ended));
	t->syns_ended = table_of(p, p->syn_ended * sizeof(*t->syns_ended));
	t->ports = table_alloc(WEIR_PORTS * sizeof(*t->ports));
	t->cells = table_alloc(plan_cells(p) * sizeof(*t->cells));
	return t->cpu && t->flows && t->fine && t->syns && t->ended && t->fine_ended &&
			       t->syns_ended && t->ports
		       ? 0
		       : -ENOMEM;
}

static void part_init(struct part *part, const struct tables *t, struct weir_cpu *c)
{
	part->flows = t->flows;
	part->fine = t->fine;
	part->syns = t->syns + c->syn_base;
	part->ended = t->ended + c->ended_base;
	part->fine_ended = t->fine_ended + c->ended_base;
	part->syns_ended = t->syns_ended + c->syn_ended_base;
	part->ports = t->ports;
	part->cells = t->cells;
	c->owner = (uintptr_t)part;
}

struct native *native_new(const struct plan *plan, uint64_t seed)
{
	struct native *n = calloc(1, sizeof(*n));
	uint32_t i;

	if (!n)
		return NULL;
	n->tables.plan = *plan;
	n->parts = table_of(plan, sizeof(*n->parts));
	if (!n->parts || tables_alloc(&n->tables)) {
		native_free(n);
		return NULL;
	}
	tables_init(&n->tables, seed);
	for (i = 0; i < plan->cpus; i++)
		part_init(&n->parts[i], &n->tables, &n->tables.cpu[i]);
	return n;
}

void native_free(struct native *n)
{
	struct tables *t = &n->tables;

	if (!n)
		return;
	table_free(t->cpu);
	table_free(t->flows);
	table_free(t->fine);
	table_free(t->syns);
	table_free(t->ended);
	table_free(t->fine_ended);
	table_free(t->syns_ended);
	table_free(t->ports);
	table_free(t->cells);
	table_free(n->parts);
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

	native_count_one(&n->tables.cpu[0], &f, ns, (struct weir_gso){ segments, size, 0 });
}

void native_filtered(struct native *n, uint32_t length, uint8_t dir)
{
	const struct weir_frame f = { .length = length, .dir = dir };

	weir_count_filtered(&n->tables.cpu[0], &f, (struct weir_gso){ 1, 0, 0 });
}

void native_count(struct native *n, const void *data, uint32_t captured, uint32_t length,
		  uint64_t ns, uint8_t link, uint8_t dir)
{
	native_count_gso(n, data, captured, length, ns, link, dir, 1, 0);
}

void native_count_frame(struct native *n, const struct frame *frame, uint8_t link)
{
	native_count_plain(&n->tables.cpu[0], frame, link);
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

	for (i = 0; i < n->tables.plan.cpus; i++) {
		struct weir_cpu *c = &n->tables.cpu[i];

		if (c->staged)
			weir_commit(c, c->staged);
	}
}

struct weir_port *native_take_ports(struct native *n)
{
	struct weir_port *ports = n->tables.ports;

	n->tables.ports = NULL;
	return ports;
}
