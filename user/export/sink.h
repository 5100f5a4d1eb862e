/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sinks: where `weir export` sends batches. Each has a thread and a bounded queue of its own, so
 * that one which is down, slow or full delays nobody else and never the reading of the tables.
 *
 * What a sink had to let go is counted by sink and reason, in records, packets and bytes; a fault
 * is said once when it begins and once when it ends, not once a second. A new sink is a file with
 * one struct sink_type, a line in sink_types[] and its options' lines in export_config.c.
 */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/library.h"
#include "export/record.h"

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

struct sink;	/* one configured sink */
struct section; /* and what of the configuration it is by */
struct live;

/* batch() has taken the batch, and sink_delivered() or sink_drop() will say what became of it. */
#define SINK_LATER 1

struct sink_type {
	const char *name;	 /* of the option, the config section and the label: "ipfix" */
	const char *sends;	 /* what goes to its target, in words: "flow records" */
	struct library *library; /* which the daemon loads before open(), or NULL */
	/*
	 * Whether a section of the configuration can work here, before anything is begun and with
	 * the library loaded: 0, -EINVAL for what can never be, or a negative errno for what is
	 * not so now, with a line in `why`. It changes nothing, and looks host names up only with
	 * `names`: one that does not resolve is no reason not to start.
	 */
	int (*check)(const struct section *s, bool names, char *why, size_t size);
	/*
	 * The others are called on the sink's own thread. open() makes *state from the target and
	 * the options; it fails only for what can never work, with a line in `why`, and waits for
	 * nobody: a peer that is down, or a name that does not resolve, is for batch(). batch()
	 * delivers: 0; SINK_LATER; a negative errno for "not now", and it is called again with the
	 * same batch after a pause that grows, while the queue behind it fills and lets go of its
	 * oldest; or -EBADMSG for "never". idle() comes about every second, whether there are
	 * batches or not, also while the peer is away: templates to resend, buffers to flush,
	 * spools to empty. close() flushes, before `deadline_ns` of CLOCK_MONOTONIC. All but
	 * open(), batch() and check() may be NULL.
	 */
	int (*open)(struct sink *s, void **state, char *why, size_t size);
	int (*batch)(struct sink *s, void *state, const struct batch *b);
	void (*idle)(struct sink *s, void *state);
	void (*close)(struct sink *s, void *state, uint64_t deadline_ns);
	void (*reload)(struct sink *s, void *state); /* SIGHUP: files to reopen */
	/*
	 * Of a sink that looks at packets itself; both or neither. Called on an interface's own
	 * thread: join() now and then while it is watched, leave() before `l` is closed. What was
	 * joined and not left when close() comes is still open then.
	 */
	void (*join)(void *state, struct live *l);
	void (*leave)(void *state, struct live *l);
};

extern const struct sink_type sink_ipfix, sink_json, sink_sflow, sink_clickhouse;

/* For open(): *state of `bytes`, zeroed and set up by `set_up`, or nothing where that fails. */
int sink_make(struct sink *s, void **state, size_t bytes,
	      int (*set_up)(struct sink *s, void *state, char *why, size_t size), char *why,
	      size_t size);
/* What a sink_type may ask of its sink: the values of its options in export_config.c, by key. */
const char *sink_target(const struct sink *s);
const char *sink_text(const struct sink *s, const char *key); /* "" where there is none */
bool sink_flag(const struct sink *s, const char *key);
uint64_t sink_count(const struct sink *s, const char *key); /* also sizes, in bytes */
double sink_seconds(const struct sink *s, const char *key);
/* One line of the log, with the sink's name before it. */
__attribute__((format(printf, 2, 3))) void sink_say(const struct sink *s, const char *format, ...);
/*
 * The same for a fault that lasts: said when it begins, "again all right" with how long it took
 * when sink_well() follows, nothing between. Each sink_ill() is an attempt that failed.
 */
__attribute__((format(printf, 2, 3))) void sink_ill(struct sink *s, const char *format, ...);
void sink_well(struct sink *s);
/*
 * From its own thread: nothing will get through any more, however long one tried, and `why`, a
 * constant. Whatever comes is let go as unreachable; the daemon tells, and ends where no other
 * is left.
 */
void sink_give_up(struct sink *s, const char *why);
/* Counts what SINK_LATER left open: as arrived, or as gone. From the sink's thread or any other. */
void sink_delivered(struct sink *s, uint64_t records, struct weir_sum sum);
void sink_drop(struct sink *s, enum sink_drop why, uint64_t records, struct weir_sum sum);
/* True once the daemon stops: a long wait inside batch() ends then. */
bool sink_stopping(const struct sink *s);

/* ---- for the daemon ---- */

struct sink_limits {
	uint64_t records; /* waiting, and */
	uint32_t batches;
};

/* Starts a sink by its section of the configuration. NULL, with a line in `why`. */
struct sink *sink_start(const struct sink_type *type, const struct section *options,
			const struct sink_limits *limits, char *why, size_t size);
/* Takes a reference; never waits. What there is no room for is counted. */
void sink_push(struct sink *s, struct batch *b);
void sink_reload(struct sink *s);
/* Interfaces for sinks that look at packets; for others nothing. Not after sink_stop(). */
void sink_join(struct sink *s, struct live *l);
void sink_leave(struct sink *s, struct live *l);
/*
 * Asks it to end by `deadline_ns` of CLOCK_MONOTONIC; sink_free() waits until then. False where it
 * did not, and was left behind with all it holds, its section too.
 */
void sink_stop(struct sink *s, uint64_t deadline_ns);
bool sink_free(struct sink *s);
void sink_stats_get(struct sink *s, struct sink_stats *out);
/* Why nothing gets through any more; NULL where it may. *tell (or NULL): whether that is news. */
const char *sink_given_up(struct sink *s, bool *tell);
const char *sink_name(const struct sink *s); /* "ipfix" */
const char *sink_sends(const struct sink *s);
const struct section *sink_section(const struct sink *s);
/* The type of a section's sink; NULL where it is of none. */
const struct sink_type *sink_type_of(const struct section *s);
/* Up to a NULL. */
extern const struct sink_type *const sink_types[];

#endif
