/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What ended flows add up to by port: cells of each CPU, and the sums that all of them share.
 *
 * A cell is one word, packets and bytes; before it overflows it moves to the sums, and `spills`
 * is odd meanwhile. Live flows are added by the reader.
 */
#ifndef WEIR_PORTS_H
#define WEIR_PORTS_H

#include "table.h"

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

#endif
