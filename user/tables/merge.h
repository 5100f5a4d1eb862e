/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of all CPUs' flow tables made one list of flows, with what is staged and what was ended.
 *
 * All CPUs hash alike, so a flow lies in the same set on each of them: the tables are walked in
 * step, a bundle (32 sets) at a time, and only lines of the same bundle are held against each
 * other, in a table so small that it never leaves the cache. What was ended comes first; its index
 * lies in the order of the sets too. Ranges of sets have nothing to do with each other, so threads
 * share the walk, and the list is the same however many they are.
 */
#ifndef WEIR_MERGE_H
#define WEIR_MERGE_H

#include "tables/cells.h"
#include "tables/store.h"
#include "tables/strand.h"

struct merge {
	struct strand *flows;	     /* of each CPU */
	const struct staged *staged; /* likewise */
	uint32_t cpus;
	uint32_t threads;
	struct cells *cells; /* those of each thread */
	struct store *ended; /* its stamp becomes that of flows that changed */
	struct moment at;
};

/* Makes `to` the flow of a record; `fine` are its times, where there are any finer than ticks. */
static inline void merge_flow(struct flow_sum *to, const line_t line, const struct moment *at,
			      const struct fine *fine, uint32_t touched)
{
	const struct weir_flow *f = (const struct weir_flow *)line;
	times_t *times = (times_t *)&to->first;

	flow_sum_set(to, line, touched);
	*times = fine ? *(const times_t *)fine : ticks_to_ns(&f->first, at);
}

/*
 * Fills an empty store, and adds to `ports`, which may be NULL, what is not ended. Lines in *live.
 * 0 or -ENOMEM.
 */
int merge_flows(const struct merge *m, struct store *out, const struct port_sums *ports,
		uint64_t *live);

#endif
