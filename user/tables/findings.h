/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the SYN table finds over a window of time: sweeps, scans, floods. How many go on is all that
 * is told; who, `weir show syn` tells.
 */
#ifndef WEIR_FINDINGS_H
#define WEIR_FINDINGS_H

#include "tables/reader.h"
#include "views/rowset.h"

enum finding {
	FINDING_SWEEP, /* a source of SYNs to many addresses */
	FINDING_SCAN,  /* a source of SYNs to many ports */
	FINDING_FLOOD, /* a target of many SYNs */
	FINDINGS,
};
extern const char *const finding_names[FINDINGS];

struct findings_options {
	uint64_t window_ns;
	uint64_t sweep_targets, scan_ports, flood_syns; /* in a window, at least */
};

struct findings {
	struct rowset keys;
	uint64_t begun; /* the window, ns */
	bool first;	/* window: what was there before is nobody's doing */
	uint32_t scan;
	uint64_t active[FINDINGS]; /* in the last window that is over */
};

void findings_init(struct findings *f);
void findings_free(struct findings *f);
/* A visitor of reader_visit(), `arg` a struct findings. 0 or -ENOMEM. */
int findings_ended(void *arg, const struct syn_sum *s);
/* Takes a snapshot made after the visit. 0 or -ENOMEM. */
int findings_scan(struct findings *f, const struct snapshot *s, uint64_t now,
		  const struct findings_options *o);

#endif
