/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What threads count frames of files with: each a partition of one set of tables and a store for
 * what it has ended, so that it waits for nobody. Flows are in as many lanes as have seen them.
 */
#ifndef WEIR_LANE_H
#define WEIR_LANE_H

#include "files/native.h"
#include "tables/store.h"

/* Rings are emptied after every block of a file: small ones stay in the CPU's cache. */
#define LANE_RING 8192

struct lane {
	struct native *native; /* of all lanes */
	struct weir_cpu *cpu;  /* this one's partition */
	struct store ended;
	uint64_t flow_tail, syn_tail;	/* next entries of the rings to take */
	uint64_t *flow_sets, *syn_sets; /* a bit each: what was ended is of these */
	int err;			/* of what it did last in lanes_run() */
} __attribute__((aligned(128)));	/* no line of it is another thread's too */

struct lanes {
	struct native *native;
	struct lane *lane;
	uint32_t count;
	uint32_t used; /* the first so many may hold something */
};

/* Makes lanes with tables by `plan` each. 0 or -ENOMEM. */
int lanes_open(struct lanes *l, const struct plan *plan, uint32_t count);
void lanes_close(struct lanes *l);

/*
 * Calls `work` for the first `count` lanes, each in a thread of its own, but the first in this one;
 * where threads are short, in this one after it. Returns the first error in the order of lanes, or
 * 0.
 */
int lanes_run(struct lanes *l, uint32_t count, int (*work)(struct lane *lane, void *arg),
	      void *arg);

/* Takes in what was ended, at least once in native_frames_safe(). 0 or -ENOMEM. */
int lane_drain(struct lane *l);

static inline bool lane_ended(const uint64_t *sets, uint32_t set)
{
	return sets[set / 64] >> set % 64 & 1;
}

#endif
