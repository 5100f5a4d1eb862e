/* SPDX-License-Identifier: GPL-2.0 */
/* Ports of live flows added up; see cells.h. */
#include <errno.h>
#include <stdlib.h>

#include "tables/cells.h"
#include "tables/tables.h"

static void mark(const struct port_sums *to, uint32_t at)
{
	const uint32_t block = at / CELLS_BLOCK;

	if (to->live)
		__atomic_fetch_or(&to->live[block / 64], 1ULL << block % 64, __ATOMIC_RELAXED);
}

void cells_spill(const struct port_sums *to, uint32_t at, uint64_t packets, uint64_t bytes)
{
	struct weir_sum *sum = cells_sum(to->ports, at);

	mark(to, at);
	__atomic_fetch_add(&sum->packets, packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum->bytes, bytes, __ATOMIC_RELAXED);
}

/* No other thread adds to the sums any more. */
static void empty_one(uint64_t *cell, struct weir_sum *sum)
{
	sum->packets += weir_cell_packets(*cell);
	sum->bytes += weir_cell_bytes(*cell);
	*cell = 0;
}

void cells_empty(uint64_t *cells, const struct port_sums *to)
{
	uint32_t at, end;

	for (at = 0; at < WEIR_CELLS; at = end) {
		end = at + CELLS_BLOCK;
		if (!cells_any(&cells[at]))
			continue;
		mark(to, at);
		for (; at < end; at++)
			if (cells[at])
				empty_one(&cells[at], cells_sum(to->ports, at));
	}
}

void cells_take(const struct port_sums *from, const struct weir_flow *f)
{
	if (!(f->meta & WEIR_META_PORTS))
		return;
	cells_spill(from, cells_src(f), -(uint64_t)f->packets, -f->bytes);
	cells_spill(from, cells_dst(f), -(uint64_t)f->packets, -f->bytes);
}

void cells_free(struct cells *c)
{
	while (c->n)
		table_free(c->of[--c->n]);
	free(c->of);
	*c = (struct cells){ 0 };
}

int cells_room(struct cells *c, uint32_t n)
{
	uint64_t **of = n > c->n ? reallocarray(c->of, n, sizeof(*of)) : c->of;

	if (!of)
		return -ENOMEM;
	for (c->of = of; c->n < n; c->n++) {
		of[c->n] = table_alloc(WEIR_CELLS * sizeof(**of));
		if (!of[c->n])
			return -ENOMEM;
	}
	return 0;
}
