/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a thread counts frames of files with: tables of its own and their reader, so that it waits
 * for nobody. Flows are in as many lanes as have seen them; the lanes' snapshots add up.
 */
#ifndef WEIR_LANE_H
#define WEIR_LANE_H

#include "native.h"
#include "reader.h"

struct lane {
	struct native *native;
	struct reader *reader;
	int err; /* of what it did last in lanes_run() */
};

struct lanes {
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

/* What all lanes hold. `s` starts zeroed and can be used again. 0 or -ENOMEM. */
int lanes_read(struct lanes *l, struct snapshot *s);

#endif
