/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a walk over live flows adds up their ports: eight bytes for the 32 of two sums, so that
 * those of a protocol stay in the cache. Laid out as the tables' own cells (see abi.h).
 */
#ifndef WEIR_CELLS_H
#define WEIR_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#include "tables/store.h"
#include "tables/table_use.h"

/* An array for each thread. Kept from walk to walk: new memory costs more than the sums. */
struct cells {
	uint64_t **of; /* WEIR_CELLS, all 0 between walks */
	uint32_t n;
};

/* Where the sum of a cell's place is. */
static inline struct weir_sum *cells_sum(struct weir_port *ports, uint32_t at)
{
	return &ports[at >> 17 << 16 | (at & 0xffff)].role[at >> 16 & 1];
}

#define CELLS_BLOCK 16 /* cells looked at together: most of them are 0 */
#define CELLS_BLOCKS (WEIR_CELLS / CELLS_BLOCK)

/* Sums that cells go to. */
struct port_sums {
	struct weir_port *ports;
	__u64 *live; /* CELLS_BLOCKS bits: blocks of which any was added to; NULL: nobody asks */
};

/* Whether any of a block is not 0. Its CPU may be writing them. */
static inline bool cells_any(const uint64_t *cells)
{
	const volatile words_t *w = (const volatile words_t *)cells;
	const words_t any = w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7];

	return any[0] | any[1];
}

/* Makes arrays for `n` threads. 0 or -ENOMEM. */
int cells_room(struct cells *c, uint32_t n);
void cells_free(struct cells *c);
/* Moves an array into the sums, which no other thread adds to meanwhile. */
void cells_empty(uint64_t *cells, const struct port_sums *to);
/* Adds to the sums at a cell's place; threads may share them. */
void cells_spill(const struct port_sums *to, uint32_t at, uint64_t packets, uint64_t bytes);
/* Takes a flow that was added out of the sums. */
void cells_take(const struct port_sums *from, const struct weir_flow *f);

static inline void cells_add_one(uint64_t *cells, const struct port_sums *to, uint32_t at,
				 uint64_t more)
{
	uint64_t cell = cells[at] + more;

	if (__builtin_expect((cell & WEIR_CELL_FULL) != 0, 0)) {
		cells_spill(to, at, weir_cell_packets(cell), weir_cell_bytes(cell));
		cell = 0;
	}
	cells[at] = cell;
}

static inline uint32_t cells_row(const struct weir_flow *f)
{
	return f->proto == WEIR_P_TCP ? 0 : f->proto == WEIR_P_UDP ? 2 << 16 : 4 << 16;
}

static inline uint32_t cells_src(const struct weir_flow *f)
{
	return cells_row(f) | (uint16_t)weir_be16(f->sport);
}

static inline uint32_t cells_dst(const struct weir_flow *f)
{
	return cells_row(f) | 1 << 16 | (uint16_t)weir_be16(f->dport);
}

/* What cannot be added to a cell, or not at once, for it could overflow: it goes to the ports. */
static inline bool cells_too_small(const struct weir_flow *f)
{
	return f->packets >= WEIR_CELL_PACKETS || f->bytes >= WEIR_CELL_BYTES;
}

static inline uint64_t cells_word(const struct weir_flow *f)
{
	return (uint64_t)f->packets << WEIR_CELL_SHIFT | f->bytes;
}

/*
 * Adds to cells (see abi.h), eight bytes for 32: so those of a protocol stay in the cache. One that
 * could overflow, as a sum too large for any, goes to the ports.
 */
static inline void cells_add(uint64_t *cells, const struct port_sums *to, const struct weir_flow *f)
{
	if (!(f->meta & WEIR_META_PORTS))
		return;
	if (__builtin_expect(cells_too_small(f), 0)) {
		cells_spill(to, cells_src(f), f->packets, f->bytes);
		cells_spill(to, cells_dst(f), f->packets, f->bytes);
		return;
	}
	cells_add_one(cells, to, cells_src(f), cells_word(f));
	cells_add_one(cells, to, cells_dst(f), cells_word(f));
}

/*
 * Cells lie in no order: what is to be added waits until some more flows have come, and its cells
 * are on their way meanwhile. Starts zeroed: nothing is added to cells 0, then.
 */
#define CELLS_LATE 16

struct cells_late {
	struct {
		uint64_t more;
		uint32_t src, dst;
	} note[CELLS_LATE];
	uint32_t next;
};

static inline void cells_add_late(uint64_t *cells, const struct port_sums *to,
				  struct cells_late *late, const struct weir_flow *f)
{
	const uint32_t i = late->next++ % CELLS_LATE;

	cells_add_one(cells, to, late->note[i].src, late->note[i].more);
	cells_add_one(cells, to, late->note[i].dst, late->note[i].more);
	late->note[i].more = 0;
	if (!(f->meta & WEIR_META_PORTS))
		return;
	if (__builtin_expect(cells_too_small(f), 0)) {
		cells_add(cells, to, f);
		return;
	}
	late->note[i].src = cells_src(f);
	late->note[i].dst = cells_dst(f);
	late->note[i].more = cells_word(f);
	__builtin_prefetch(&cells[late->note[i].src], 1);
	__builtin_prefetch(&cells[late->note[i].dst], 1);
}

/* What still waits. */
static inline void cells_add_rest(uint64_t *cells, const struct port_sums *to,
				  struct cells_late *late)
{
	uint32_t i;

	for (i = 0; i < CELLS_LATE; i++) {
		cells_add_one(cells, to, late->note[i].src, late->note[i].more);
		cells_add_one(cells, to, late->note[i].dst, late->note[i].more);
	}
	*late = (struct cells_late){ .next = 0 };
}

#endif
