/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ledger of a snapshot: every packet that was seen is in a flow, unattributed, or of no IP, and
 * the sums lie between the totals before and after the tables were read.
 */
#ifndef WEIR_LEDGER_H
#define WEIR_LEDGER_H

#include "tables/tables.h"
#include "tables/totals.h"

struct ledger {
	struct weir_sum seen; /* counted, reentered and filtered */
	struct weir_sum filtered;
	struct weir_sum ip;
	struct weir_sum in_flows;
	struct weir_sum unattributed;
	struct weir_sum reentered;
	uint64_t syn_unattributed; /* segments, source side */
	bool balanced;
};

/*
 * Closes the books of a snapshot, whose flows, unattributed and reentered frames are in `l`
 * already: reads the totals as of now into `now`, to be held against what they were before its
 * first look.
 */
void ledger_close(struct ledger *l, const struct tables *t, const struct totals *before,
		  struct totals *now);
/* What is in the totals' classes, and what was reentered: all but what a filter kept out. */
struct weir_sum ledger_counted(const struct ledger *l);

#endif
