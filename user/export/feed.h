/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tables of one interface, scan by scan, as flow records.
 *
 * Of each flow it knows what is counted (handed over by the reader, and live in the last snapshot)
 * and what has been exported: a record is the difference, made when a timeout, the end of a TCP
 * connection, an eviction or the daemon's end asks for it. What is neither live nor waiting is
 * forgotten, so that the kernel's tables bound it, and `limit` what they have ended.
 *
 * Its own ledger: before + exported + pending + lost - overlap is the IP traffic since attach. Lost
 * is what the ended ring overwrote unread; overlap is the part of it that a record had held before.
 */
#ifndef WEIR_FEED_H
#define WEIR_FEED_H

#include "tables/reader.h"
#include "export/record.h"
#include "tables/talkers.h"

struct feed_options {
	uint64_t active_ns, idle_ns;
	uint32_t limit; /* flows remembered that have no record in the tables, 0: for want of no
			   memory */
	struct talkers *talkers; /* who is told what flows did from scan to scan, or NULL */
	bool baseline; /* what is there at the first scan is nobody's: only what comes after is */
};

struct feed_ledger {
	struct weir_sum before;	  /* counted before the first scan, and not to be exported */
	struct weir_sum exported; /* in records that were made */
	struct weir_sum pending;  /* counted, not yet in a record: as of the last scan */
	struct weir_sum lost;	  /* the reader's unattributed */
	struct weir_sum overlap;
	struct weir_sum ip;
	uint64_t records, flows; /* made; remembered */
	struct weir_sum gone;	 /* lost - overlap since the first scan, never less than before */
	bool balanced;		 /* as far as traffic went on while tables were read */
};

/*
 * From a connection's SYN to its SYN-ACK, each once: where both were seen new. Known to the
 * kernel's tick, 1 to 10 ms.
 */
#define HANDSHAKE_BOUNDS 11
extern const double handshake_bounds[HANDSHAKE_BOUNDS]; /* seconds */

struct handshakes {
	uint64_t count[HANDSHAKE_BOUNDS + 1]; /* by bucket, the last past all bounds */
	uint64_t sum_ns;
};

struct feed;

/* `push` gets each batch, and a reference with it. NULL where memory is short. */
struct feed *feed_new(const struct feed_options *o, const struct batch_iface *iface,
		      void (*push)(void *arg, struct batch *b), void *arg);
void feed_free(struct feed *f);
void feed_set(struct feed *f, const struct feed_options *o);

/* A visitor of reader_visit(), `arg` a feed: what was ended. 0 or -ENOMEM. */
int feed_ended(void *arg, const struct flow_sum *ended);
/*
 * Takes a snapshot made after that visit, and makes the records that are due; all that is pending
 * where `last`, for the daemon ends. `now` is ns by the clock of the snapshot's own times: where
 * the clock was set (clock_step) nothing times out or gets older for it, and records tell the time
 * as it is now. 0 or -ENOMEM: what was not taken in is taken by the next.
 */
int feed_scan(struct feed *f, const struct snapshot *s, uint64_t now, bool last);
const struct feed_ledger *feed_ledger(const struct feed *f);
/* Those since the feed began. */
const struct handshakes *feed_handshakes(const struct feed *f);

#endif
