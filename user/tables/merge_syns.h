/* SPDX-License-Identifier: GPL-2.0 */
/* Copies of all CPUs' SYN records made one list, with what is staged and what was ended. */
#ifndef WEIR_MERGE_SYNS_H
#define WEIR_MERGE_SYNS_H

#include "tables/store.h"
#include "tables/strand.h"

struct syn_merge {
	const struct strand *syns;   /* of each CPU */
	const struct staged *staged; /* likewise */
	uint32_t cpus;
	const struct store *ended;
};

/* Fills in the SYN records of a store that has none. Records in the tables in *live. 0 or -ENOMEM.
 */
int merge_syns(const struct syn_merge *m, struct store *out, uint64_t *live);

#endif
