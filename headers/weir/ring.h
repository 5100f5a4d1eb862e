/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where records go that leave a table. The oldest is overwritten; the sum of all that a ring was
 * ever given keeps the books exact for late readers.
 */
#ifndef WEIR_RING_H
#define WEIR_RING_H

#include "table.h"

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

#endif
