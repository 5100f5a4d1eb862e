/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All CPUs' tables as of one moment, although the CPUs write on. We look at what is staged, take
 * what had ended by then, and copy. What ends meanwhile is in the copies as it was, or counts as
 * it ended, once (late.h), and so does what was staged (stage.h). A CPU that has committed nothing
 * since the last time is not copied again.
 */
#ifndef WEIR_COPIES_H
#define WEIR_COPIES_H

#include "tables/late.h"

struct copies {
	const struct tables *t;
	struct strand *flows; /* of each CPU, as the others */
	struct strand *syns;
	struct staged *staged;
	struct late *late_flows; /* between two moments: for the next one */
	struct late *late_syns;
	__u64 *rest;		  /* commits of which the copy is, or COPIES_NONE */
	bool unseen, again;	  /* what is new since copies_clear_marks(), or then, still is */
	struct ended_taker taker; /* of all that ended; threads may call it at once */
};

#define COPIES_NONE UINT64_MAX

/* 0 or -ENOMEM; either way to be freed. */
int copies_init(struct copies *c, const struct tables *t, const struct ended_taker *taker);
void copies_free(struct copies *c);
/* Hands over all that has ended on a CPU. Here and below: 0, or what the taker said. */
int copies_drain(struct copies *c, uint32_t cpu);
/* Copies all CPUs' tables, and hands over all that had ended on each when it was looked at. */
int copies_make(struct copies *c, uint32_t threads);
/*
 * Sees to what ended meanwhile, up to now: what is not in the copies is handed over. Where a ring
 * lapped us, something may be in a copy of which we do not know that it ended: that is made again.
 */
int copies_settle(struct copies *c, uint32_t threads);
/* What has changed is known: from now on marks are made anew. */
void copies_clear_marks(struct copies *c);

#endif
