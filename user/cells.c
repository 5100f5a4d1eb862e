/* SPDX-License-Identifier: GPL-2.0 */
/* Ports of live flows added up; see cells.h. */
#include <errno.h>
#include <stdlib.h>

#include "cells.h"
#include "tables.h"

void cells_spill(struct weir_port *ports, uint32_t at, uint64_t packets, uint64_t bytes)
{
	struct weir_sum *sum = &ports[at >> 17 << 16 | (at & 0xffff)].role[at >> 16 & 1];

	__atomic_fetch_add(&sum->packets, packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sum->bytes, bytes, __ATOMIC_RELAXED);
}

void cells_empty(uint64_t *cells, struct weir_port *ports)
{
	uint32_t at;

	for (at = 0; at < WEIR_CELLS; at++) {
		if (!cells[at])
			continue;
		cells_spill(ports, at, weir_cell_packets(cells[at]), weir_cell_bytes(cells[at]));
		cells[at] = 0;
	}
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
