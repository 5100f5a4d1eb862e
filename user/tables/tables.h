/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the tables lie, and how large they are: the same for maps of a live interface, mapped
 * into this process, and for the memory of a capture file's reader.
 *
 * A plan is what one CPU's partition holds.
 */
#ifndef WEIR_TABLES_H
#define WEIR_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <weir/abi.h>

#define WEIR_MEMORY_DEFAULT (64ULL << 20)
#define WEIR_MEMORY_MIN (12ULL << 20)

struct plan {
	uint32_t cpus;
	uint32_t flow_sets; /* of WEIR_WAYS records, any number */
	uint32_t ended;	    /* entries, a power of two */
	uint32_t syn_sets;
	uint32_t syn_ended; /* a power of two */
	bool ports_shared;  /* ports without cells: all CPUs add to the sums */
};

/* Times in ns beside a record, for readers that know them better than in ticks. */
struct fine {
	uint64_t first;
	uint64_t last;
};

struct tables {
	struct plan plan;
	struct weir_cpu *cpu;
	struct weir_flow_set *flows;
	struct weir_ended_flow *ended;
	struct weir_port *ports;
	__u64 *cells; /* of ports, NULL if they are shared */
	struct weir_syn_set *syns;
	struct weir_ended_syn *syns_ended;
	struct fine *fine;	 /* of flows, NULL when live */
	struct fine *fine_ended; /* of ended, likewise */
	int64_t clock_offset;	 /* what made ns since boot CLOCK_REALTIME at first; 0 for files */
	int64_t clock_step;	 /* ns by which that clock was set since */
};

/* Zeroed memory on huge pages, if it is large: a table is walked in no order. NULL if short. */
void *table_alloc(size_t size);
void table_free(void *table);
/*
 * More room for a table that is written from the front on, with what it holds; not zeroed, and
 * freed by free(). Large ones move without being copied. NULL, and the old one stays, if short.
 */
void *table_grow(void *table, size_t size);

/* Splits `memory` bytes among `cpus` partitions. 0, or -ENOSPC where it is too little. */
int plan_make(struct plan *plan, uint64_t memory, uint32_t cpus);
/* Bytes that the tables of a plan take, all CPUs together. */
uint64_t plan_bytes(const struct plan *plan);
/* Cells of ports, all CPUs together. */
uint32_t plan_cells(const struct plan *plan);

/*
 * Fills in every CPU's configuration, with secret hash multipliers from `seed` on. They are the
 * same on all CPUs: a flow is in the same set of each of them, which is how readers merge it.
 */
void tables_init(struct tables *t, uint64_t seed);
/*
 * Of live tables: looks whether CLOCK_REALTIME was set. What is made of them goes on as if it had
 * not been, so that nothing that is held, or waits for a time, is moved; who tells times adds
 * clock_step to them.
 */
void tables_note_clock(struct tables *t);
typedef uint32_t quads_t __attribute__((vector_size(16)));
/* GCC has the one since 12, clang never had the other. */
#if defined(__clang__) || __GNUC__ >= 12
#define quads_pick(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define quads_pick(a, b, ...) __builtin_shuffle(a, b, (quads_t){ __VA_ARGS__ })
#endif
typedef int64_t times_t __attribute__((vector_size(16), aligned(8), may_alias));

_Static_assert(offsetof(struct weir_flow, last) == offsetof(struct weir_flow, first) + 4,
	       "ticks_to_ns() takes both");

/* What makes ticks ns since the epoch. */
struct moment {
	times_t latest; /* ticks there can be, twice */
	times_t offset; /* ns from boot to the epoch, twice */
	quads_t low;	/* of `latest`, in the first two */
};

/*
 * `now` in ns since boot. A CPU may have read its clock a moment after the reader did: the last
 * 4096 ticks are to come.
 */
static inline struct moment moment_of(uint64_t now, int64_t offset)
{
	const int64_t latest = (int64_t)(now >> WEIR_TICK_SHIFT) + 4096;

	return (struct moment){ { latest, latest },
				{ offset, offset },
				{ (uint32_t)latest, (uint32_t)latest } };
}

/* A record's two ticks, as they lie in it, in ns since the epoch. What would be before boot is at
 * it. */
static inline times_t ticks_to_ns(const uint32_t *ticks, const struct moment *m)
{
	const quads_t none = { 0 };
	quads_t ages;
	times_t then = { 0 };

	memcpy(&then, ticks, 2 * sizeof(*ticks));
	ages = m->low - (quads_t)then;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	ages = quads_pick(ages, none, 0, 4, 1, 5);
#else
	ages = quads_pick(ages, none, 4, 0, 5, 1);
#endif
	then = m->latest - (times_t)ages;
	return ((then & ~(then >> 63)) << WEIR_TICK_SHIFT) + m->offset;
}

#endif
