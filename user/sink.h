/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sinks: where `weir export` sends batches. Each has a thread and a bounded queue of its own, so
 * that one which is down, slow or full delays nobody else and never the reading of the tables.
 *
 * What a sink had to let go is counted by sink and reason, in records, packets and bytes; a fault
 * is said once when it begins and once when it ends, not once a second. A new sink is a file with
 * one struct sink_type, and a line in the table of sink.c.
 */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* Why records did not arrive. */
enum sink_drop {
	DROP_QUEUE_FULL, /* the sink is slower than the traffic */
	DROP_UNREACHABLE,
	DROP_REFUSED, /* the other side took it and said no, and always will */
	DROP_SPOOL_FULL,
	DROP_DISK,
	DROP_SHUTDOWN, /* not sent within the time a stop allows */
	DROPS,
};
extern const char *const sink_drop_names[DROPS];

struct sink_stats {
	uint64_t batches, records, packets, bytes; /* delivered, bytes of traffic */
	uint64_t dropped_records[DROPS], dropped_packets[DROPS], dropped_bytes[DROPS];
	uint64_t queued_records;
	uint64_t errors; /* attempts that failed */
	bool up;
};

struct sink; /* one configured sink */
struct export_config;

struct sink_type {
	const char *name;   /* of the option, the config section and the label: "ipfix" */
	const char *target; /* what the option's value is, for help: "HOST:PORT" */
	const char *help;
	/*
	 * All are called on the sink's own thread. open() makes *state from the target and the
	 * options; it fails only for what can never work, with a line in `why`; a peer that is down
	 * is not that. batch() delivers: 0; a negative errno for "not now", and it is called again
	 * with the same batch after a pause that grows, until the queue's bound lets it go; or
	 * -EBADMSG for "never". idle() is called when nothing has come for `seconds`: templates to
	 * resend, buffers to flush, spools to empty. close() flushes, before `deadline`.
	 */
	int (*open)(struct sink *s, void **state, char *why, size_t size);
	int (*batch)(struct sink *s, void *state, const struct batch *b);
	void (*idle)(struct sink *s, void *state);
	void (*close)(struct sink *s, void *state, uint64_t deadline_ns);
	void (*reload)(struct sink *s, void *state); /* SIGHUP; may be NULL */
};

extern const struct sink_type sink_json, sink_ipfix, sink_sflow, sink_clickhouse;

/* What a sink_type may ask of its sink. */
const char *sink_target(const struct sink *s);
const struct export_config *sink_config(const struct sink *s);
/* One line of the log, with the sink's name before it. */
__attribute__((format(printf, 2, 3))) void sink_say(const struct sink *s, const char *format, ...);
/*
 * The same for a fault that lasts: said when it begins, "again all right" with how long it took
 * when sink_well() follows, nothing between.
 */
__attribute__((format(printf, 2, 3))) void sink_ill(struct sink *s, const char *format, ...);
void sink_well(struct sink *s);
/* Counts records of a batch as gone. */
void sink_drop(struct sink *s, enum sink_drop why, uint64_t records, struct weir_sum sum);
/* True once the daemon stops: a long wait inside batch() ends then. */
bool sink_stopping(const struct sink *s);

#endif
