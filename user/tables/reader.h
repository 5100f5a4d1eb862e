/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads the tables while their CPUs write them, and proves the sum: the ledger.
 *
 * A reader keeps its own place in every ended ring and its own sums, so any number of them can
 * look at one interface, and none disturbs it. What a ring overwrote before a reader came is
 * unattributed for that reader alone. Nothing here writes to a table.
 *
 * What was ended a reader remembers, up to a limit, for its snapshots. One that lives for months
 * takes it out now and then (reader_visit): then snapshots hold what is in the tables and what was
 * ended since, and memory is bounded by that.
 */
#ifndef WEIR_READER_H
#define WEIR_READER_H

#include "tables/ledger.h"
#include "tables/store.h"
#include "tables/tables.h"
#include "tables/totals.h"

struct snapshot {
	struct store store;	 /* flows and SYN records, merged */
	int64_t clock_step;	 /* to be added to their times: see tables_note_clock() */
	struct weir_port *ports; /* WEIR_PORTS, or NULL: see reader_without_ports() */
	struct totals totals;	 /* of all CPUs */
	struct syn_count syn;	 /* segments of all sources, those handed over among them */
	struct weir_sum handed;	 /* packets and bytes of flows handed over, not in `store` */
	struct ledger ledger;
	uint64_t live; /* records in the flow tables */
	uint64_t syn_live;
	uint64_t ended;	  /* flow records ended since attach */
	uint32_t number;  /* of the reader's snapshots, from 1 on */
	uint64_t filling; /* by a reader, of all in this process; 0: not, or not to its end */
};

/*
 * Whether a flow of a snapshot is not, to the last counter, what it was in the reader's snapshot
 * before: all whose packets were counted since, and now and then one more.
 */
static inline bool flow_changed(const struct snapshot *s, const struct flow_sum *f)
{
	return f->touched == s->number;
}

struct reader;

/*
 * `limit`: most distinct flows that ended to remember, 0 for all. NULL where memory is short, or
 * the CPUs' hash multipliers are not alike.
 */
struct reader *reader_new(const struct tables *t, uint32_t limit);
void reader_free(struct reader *r);
/*
 * Threads that reader_read() may use; 0, as it begins: one for each half GiB of tables that are
 * written to, and no more than there are CPUs. The snapshot is the same but for the order of its
 * rows.
 */
void reader_threads(struct reader *r, uint32_t threads);
/*
 * Snapshots have no sums of ports from now on, and NULL for `ports`: for who shows none. To add
 * each flow to two of them is a seventh of a snapshot.
 */
void reader_without_ports(struct reader *r);

/* Takes in what was ended since the last call, so that a ring cannot overwrite it. */
int reader_drain(struct reader *r);
/* Fills in `s` with all there is; `s` starts zeroed and can be used again. 0 or -ENOMEM. */
int reader_read(struct reader *r, struct snapshot *s);
void snapshot_free(struct snapshot *s);

/*
 * Who takes what was ended. A function that returns other than 0 ends the visit with that value,
 * and is given the same record again by the next one. NULL: nobody wants those, forget them.
 * A record is good until its function returns.
 */
struct ended_visitor {
	int (*flow)(void *arg, const struct flow_sum *f);
	int (*syn)(void *arg, const struct syn_sum *s);
	void *arg;
};

/*
 * Hands over all that was ended since the last visit (of a new reader: that still is in the rings)
 * and forgets it. Each record of a flow or a SYN key comes once, merged over CPUs; the same key may
 * come again in the next visit, and be in the tables too. So of each flow
 *     all that was handed over + what the last snapshot holds
 * is exact, if no visit came after that snapshot; ledgers go on holding what was handed over
 * (in_flows). Counts add; the smallest `first` and the largest `last` are the flow's; sketches
 * merge register by register, the larger of the two.
 * 0, what a function returned, or -ENOMEM.
 */
int reader_visit(struct reader *r, const struct ended_visitor *v);

#endif
