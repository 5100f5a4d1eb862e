/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One table of one CPU, flows or SYN records, and the ring its records end in: how they are
 * copied while the CPU writes on.
 *
 * A copy never holds half of a record. What was ended after it was copied is struck out of the
 * copy when it comes out of the ring, whose word is the last.
 *
 * Sets are dealt with in bundles of 32, 64 lines: a bit of a word each. A table that keeps flows
 * apart is two thirds empty, and to read every third line of memory takes several times as long
 * as to read all of them: so the lines of 128 bundles lie packed in their part of the copy.
 */
#ifndef WEIR_STRAND_H
#define WEIR_STRAND_H

#include "tables/tables.h"

typedef __u64 line_t[8];

#define STRAND_SETS (64 / WEIR_WAYS) /* of a bundle */
#define STRAND_BATCH 32		     /* ended records handed over at once */

#define STRAND_PACK 128 /* bundles whose lines are packed together */

struct bundle {
	__u64 held;	/* lines there were, packed in the copy, in the order of their bits */
	__u64 used;	/* those of them that count */
	__u64 changed;	/* those that are not what they were when this was last cleared */
	uint32_t start; /* of its lines, in those of the pack */
	uint32_t lines; /* how many are held */
};

struct strand {
	const volatile line_t *lines; /* sets * WEIR_WAYS */
	const struct fine *fine;      /* of lines, or NULL */
	uint32_t sets;
	uint32_t copied; /* bundles in `copy` that stand for now */
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
	bool behind; /* not all that was missed is in `missed` yet */
	bool syn;
};

/* Ended records on their way out of a ring; `fine` where the strand has such times. */
struct ended_lines {
	line_t line[STRAND_BATCH];
	struct fine fine[STRAND_BATCH];
	uint32_t n;
};

/* Takes some; 0, or a negative errno where it took none of them. */
struct ended_taker {
	int (*take)(void *arg, const struct strand *s, const struct ended_lines *ended);
	void *arg;
};

/* Packets staged on a CPU, as of when `commits` batches had begun or ended. */
struct staged {
	struct weir_packet packet[WEIR_BATCH];
	__u32 n;
	__u32 known; /* of them, the first so many, were there when last looked at */
	__u32 tick;
	__u64 commits;
};

/* The strand of `cpu`. 0 or -ENOMEM; either way to be freed. */
int strand_init(struct strand *s, const struct tables *t, uint32_t cpu, bool syn);
void strand_free(struct strand *s);
static inline uint32_t strand_bundles(const struct strand *s)
{
	return (s->sets + STRAND_SETS - 1) / STRAND_SETS;
}

/* How many of a bundle's lines count. Nearly always it is all that are held. */
static inline uint32_t bundle_used(const struct bundle *b)
{
	return b->used == b->held ? b->lines : (uint32_t)__builtin_popcountll(b->used);
}

/* A bundle's lines, packed; that of bit `i` is behind as many as there are held bits below. */
static inline line_t *strand_lines(const struct strand *s, uint32_t bundle)
{
	return s->copy + (size_t)(bundle / STRAND_PACK) * STRAND_PACK * 64 +
	       s->bundle[bundle].start;
}

/*
 * Takes what was ended up to now, and strikes it out of the copy. Bounded, however fast the CPU
 * writes. 1 where it lapped us: what we passed over is in `missed`, and some of it may be in the
 * copy too. 0, 1, or what `t` said.
 */
int strand_drain(struct strand *s, const struct ended_taker *t);
/* Copies all of the table, draining meanwhile; returns as strand_drain() does. */
int strand_copy(struct strand *s, const struct ended_taker *t);
/* Copies the set of a hash again, and those around it. */
void strand_recopy(struct strand *s, __u32 hash);
/* Waits for a commit under way to end. Returns the count of them, which is even. */
__u64 commits_at_rest(const struct weir_cpu *c);
/* Takes what it finds in `s` for the last look. */
void stage_copy(const struct weir_cpu *c, struct staged *s);

/* A word that its CPU may be writing. */
static inline __u64 word_load(const volatile __u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* SYN segments of a record, as source in packets and as target in bytes; of flows just these. */
struct weir_sum line_weight(const struct strand *s, const line_t line);

#endif
