/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records that ended while their table was being copied. A snapshot has each of them once: either
 * as it was when it was copied, and then how it ended is for the next snapshot; or, where it had
 * ended before its part of the table was copied, as it ended. One that was begun after the look has
 * nothing in it that the snapshot must have.
 */
#ifndef WEIR_TABLES_LATE_H
#define WEIR_TABLES_LATE_H

#include "tables/strand.h"

struct late_record {
	line_t line;
	struct fine fine;
	const line_t *copy; /* its live self, in the copy; NULL: none */
	__u64 entry;	    /* of the ring */
	uint32_t set;
	bool kept; /* for the next snapshot */
};

struct late {
	struct late_record *record;
	uint32_t n, room;
};

/* A struct ended_taker's take(), `arg` a struct late. 0 or -ENOMEM. */
int late_take(void *arg, const struct strand *s, const struct ended_lines *e);
/*
 * Hands over what belongs into this snapshot, and keeps the rest; by now all of the strand is
 * copied. 0, or what `t` said.
 */
int late_sort(struct late *l, const struct strand *s, struct staged *st,
	      const struct ended_taker *t);
/* Hands over everything. 0, or what `t` said: what it did not take is still there, as above. */
int late_flush(struct late *l, const struct strand *s, const struct ended_taker *t);
void late_free(struct late *l);

#endif
