/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One table of one CPU, flows or SYN records, and the ring its records end in: how they are
 * copied while the CPU writes on. A copy never holds half of a record.
 *
 * Sets are dealt with in bundles of 32, 64 lines: a bit of a word each. A table that keeps flows
 * apart is two thirds empty, and to read every third line of memory takes several times as long
 * as to read all of them: so the lines of 128 bundles lie packed in their part of the copy.
 */
#ifndef WEIR_STRAND_H
#define WEIR_STRAND_H

#include "tables/stage.h"

typedef __u64 line_t[8];

#define STRAND_SETS (64 / WEIR_WAYS) /* of a bundle */
#define STRAND_BATCH 32		     /* ended records handed over at once */

#ifndef STRAND_PACK
#define STRAND_PACK 128 /* bundles whose lines are packed together */
#endif

struct bundle {
	__u64 held;	/* lines that are in the copy, packed in the order of their bits */
	__u64 changed;	/* those that are not what they were: see `marked` */
	uint32_t start; /* of its lines, in those of the pack */
	uint16_t lines; /* how many are held */
	bool moved;	/* a record ended meanwhile: a flow may be in it twice */
	__u64 head;	/* of the ring, before it was copied: what it then held is not in it */
};

struct strand {
	const volatile line_t *lines; /* sets * WEIR_WAYS */
	const struct fine *fine;      /* of lines, or NULL */
	uint32_t sets;
	uint32_t copied; /* bundles in `copy` that stand for now */
	uint32_t held;	 /* lines in all of it */
	line_t *copy;	 /* 64 to a bundle */
	line_t *saved;	 /* a pack's, while they move */
	struct bundle *bundle;
	const volatile struct weir_ended_flow *ring;
	const struct fine *fine_ring;
	const struct weir_cpu *cpu;
	const struct weir_ring *head;
	const __u64 *key; /* of the hash */
	__u64 mask;
	__u64 tail;	       /* next entry to take */
	struct weir_sum known; /* of all entries before it, those missed among them */
	struct weir_sum missed;
	bool behind;	/* not all that was missed is in `missed` yet */
	bool lapped;	/* some was, since the caller cleared this, and may be in the copy too */
	bool marked;	/* `changed` holds: the copy was made since the caller cleared this */
	bool add_marks; /* what was changed by the copy before is still */
	bool syn;
};

/* Ended records on their way out of a ring; `fine` where the strand has such times. */
struct ended_lines {
	line_t line[STRAND_BATCH];
	struct fine fine[STRAND_BATCH];
	__u64 entry[STRAND_BATCH]; /* of the ring */
	uint32_t n;
};

/* Takes some; 0, or a negative errno where it took none of them. */
struct ended_taker {
	int (*take)(void *arg, const struct strand *s, const struct ended_lines *ended);
	void *arg;
};

/* The strand of `cpu`. 0 or -ENOMEM; either way to be freed. */
int strand_init(struct strand *s, const struct tables *t, uint32_t cpu, bool syn);
void strand_free(struct strand *s);
static inline uint32_t strand_bundles(const struct strand *s)
{
	return (s->sets + STRAND_SETS - 1) / STRAND_SETS;
}

static inline uint32_t strand_packs(const struct strand *s)
{
	return (strand_bundles(s) + STRAND_PACK - 1) / STRAND_PACK;
}

/* A bundle's lines, packed; that of bit `i` is behind as many as there are held bits below. */
static inline line_t *strand_lines(const struct strand *s, uint32_t bundle)
{
	return s->copy + (size_t)(bundle / STRAND_PACK) * STRAND_PACK * 64 +
	       s->bundle[bundle].start;
}

/* Where a set's lines are in the copy, or would be. */
static inline line_t *strand_set_lines(const struct strand *s, uint32_t set)
{
	const struct bundle *b = &s->bundle[set / STRAND_SETS];
	const uint32_t bit = set % STRAND_SETS * WEIR_WAYS;

	return strand_lines(s, set / STRAND_SETS) +
	       __builtin_popcountll(b->held & ((1ULL << bit) - 1));
}

/*
 * Takes what was ended up to now. Bounded, however fast the CPU writes; what it lapped us by is in
 * `missed`. 0, or what `t` said.
 */
int strand_drain(struct strand *s, const struct ended_taker *t);
/* Begins a new copy of the table. */
void strand_begin(struct strand *s);
/* Copies its next pack, and notes what of the stage is in it. */
void strand_copy_pack(struct strand *s, struct staged *st);
/* The copy is of the table as it is: nothing has changed. */
void strand_keep(struct strand *s);
/* The set of a record. */
uint32_t strand_set_of(const struct strand *s, const line_t line);
/* The line in the copy that the ended record of that set was then, or NULL. */
const line_t *strand_find(const struct strand *s, uint32_t set, const line_t line);

/* SYN segments of a record, as source in packets and as target in bytes; of flows just these. */
struct weir_sum line_weight(const struct strand *s, const line_t line);

#endif
