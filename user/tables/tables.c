/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes and first contents of the tables; see tables.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <weir/sketch.h>
#include "base/clock.h"
#include "tables/tables.h"

static uint32_t power_of_two_within(uint64_t n)
{
	uint32_t p = 1;

	while ((uint64_t)p * 2 <= n && p < 1U << 30)
		p *= 2;
	return p;
}

int plan_make(struct plan *plan, uint64_t memory, uint32_t cpus)
{
	const uint64_t ports = sizeof(struct weir_port) * WEIR_PORTS;
	const uint64_t cells = sizeof(uint64_t) * WEIR_CELLS;
	uint64_t each;

	if (memory < WEIR_MEMORY_MIN)
		return -ENOSPC;
	plan->cpus = cpus;
	plan->ports_shared = cells * cpus > memory / 8;
	memory -= ports + plan_cells(plan) * sizeof(uint64_t);
	if (memory / cpus <= sizeof(struct weir_cpu) + 16384)
		return -ENOSPC;
	each = memory / cpus - sizeof(struct weir_cpu);
	/* A fifth for ended flows, a tenth for SYN, the rest for flows. */
	plan->ended = power_of_two_within(each / 5 / sizeof(struct weir_ended_flow));
	plan->syn_ended = power_of_two_within(each / 40 / sizeof(struct weir_ended_syn));
	plan->syn_sets = (uint32_t)(each / 14 / sizeof(struct weir_syn_set));
	each -= plan->ended * sizeof(struct weir_ended_flow) +
		plan->syn_ended * sizeof(struct weir_ended_syn) +
		plan->syn_sets * sizeof(struct weir_syn_set);
	plan->flow_sets = (uint32_t)(each / sizeof(struct weir_flow_set));
	return 0;
}

uint32_t plan_cells(const struct plan *plan)
{
	return plan->ports_shared ? 0 : plan->cpus * WEIR_CELLS;
}

uint64_t plan_bytes(const struct plan *plan)
{
	uint64_t each = sizeof(struct weir_cpu) +
			(uint64_t)plan->flow_sets * sizeof(struct weir_flow_set) +
			(uint64_t)plan->ended * sizeof(struct weir_ended_flow) +
			(uint64_t)plan->syn_sets * sizeof(struct weir_syn_set) +
			(uint64_t)plan->syn_ended * sizeof(struct weir_ended_syn);

	return each * plan->cpus + WEIR_PORTS * sizeof(struct weir_port) +
	       plan_cells(plan) * sizeof(uint64_t);
}

void tables_init(struct tables *t, uint64_t seed)
{
	const struct plan *p = &t->plan;
	uint32_t i, k;

	for (i = 0; i < p->cpus; i++) {
		struct weir_cpu *c = &t->cpu[i];

		for (k = 0; k < 5; k++)
			c->key[k] = weir_mix(seed + k + 1) | 1;
		c->index = i;
		c->flow_sets = p->flow_sets;
		c->flow_base = i * p->flow_sets;
		c->ended_mask = p->ended - 1;
		c->ended_base = i * p->ended;
		c->ports_shared = p->ports_shared;
		c->cell_base = i * WEIR_CELLS;
		c->syn_sets = p->syn_sets;
		c->syn_base = i * p->syn_sets;
		c->syn_ended_mask = p->syn_ended - 1;
		c->syn_ended_base = i * p->syn_ended;
	}
}

/* By less than a tick nobody would see it: times are not known better than that. */
void tables_note_clock(struct tables *t)
{
	const int64_t now = clock_to_epoch(t->clock_offset + t->clock_step, 1U << WEIR_TICK_SHIFT);

	if (!t->clock_offset)
		t->clock_offset = now;
	t->clock_step = now - t->clock_offset;
}

#define HUGE_PAGE (2UL << 20)

/*
 * calloc's large blocks are fresh pages, zeroed by nobody but the kernel. A page for half of a huge
 * one, or more, costs less than that in small ones.
 */
void *table_alloc(size_t size)
{
	size_t align = size >= HUGE_PAGE / 2 ? HUGE_PAGE : size >= 4096 ? 4096 : 128;
	char *block, *table;

	if (size % HUGE_PAGE >= HUGE_PAGE / 2)
		size += HUGE_PAGE - size % HUGE_PAGE;
	block = calloc(1, size + align + sizeof(block));
	if (!block)
		return NULL;
	table = (char *)(((uintptr_t)block + sizeof(block) + align - 1) / align * align);
	memcpy(table - sizeof(block), &block, sizeof(block));
	if (align == HUGE_PAGE)
		madvise(table, size, MADV_HUGEPAGE);
	return table;
}

void table_free(void *table)
{
	char *block;

	if (!table)
		return;
	memcpy(&block, (char *)table - sizeof(block), sizeof(block));
	free(block);
}

/* Not aligned_alloc(), which wants a size that is a multiple of the alignment (C11, 7.22.3.1). */
static void *begin_huge(size_t size)
{
	void *p;

	return posix_memalign(&p, HUGE_PAGE, size) ? NULL : p;
}

void *table_grow(void *table, size_t size)
{
	char *p, *from;

	p = table || size < HUGE_PAGE ? realloc(table, size) : begin_huge(size);
	if (!p || size < HUGE_PAGE)
		return p;
	from = (char *)(((uintptr_t)p + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
	madvise(from, (size_t)(p + size - from) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
	return p;
}
