/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ClickHouse sink's two threads and what they share: the sink's own gathers batches into blocks
 * and queues them (sink_clickhouse.c), the other sends them, in order (clickhouse_send.c).
 */
#ifndef WEIR_CLICKHOUSE_SEND_H
#define WEIR_CLICKHOUSE_SEND_H

#include <pthread.h>

#include "sinks/clickhouse_http.h"
#include "base/clock.h"
#include "export/sink.h"
#include "sinks/spool.h"

struct ch_block;

struct clickhouse {
	struct sink *sink;
	struct ch_http *http;
	struct spool *spool;
	char host[SPOOL_HOST];
	uint64_t run, seq;
	uint64_t rows, interval; /* of a block: most, and ns from its first batch to its end */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below, and of the spool */
	pthread_cond_t wake;
	struct ch_block *block; /* being gathered, or NULL */
	uint64_t begun;		/* ns */
	struct weir_sum told;	/* drops that a ledger row has told of */
	bool down;		/* the last attempt failed */
	bool greeted;		/* the thread's own: the server has told its version */
	bool proven;		/* likewise: a block of this session is in all tables */
	bool disk_said, full_said;
	bool stopping;
	uint64_t deadline; /* for sending; ns */
};

/* The sending thread, with a struct clickhouse: until `stopping`, and then what can be sent soon.
 */
void *ch_send(void *arg);

/* For it, under the lock: ends the block that is being gathered when its time has come. */
void ch_end_if_due(struct clickhouse *c);
/* Counts a block as gone: what its ledger rows would have told, a later one has to. */
void ch_drop(struct clickhouse *c, enum sink_drop why, const struct spool_meta *m);
/* Says why blocks are being dropped, once until the server takes them again. */
void ch_say_dropping(struct clickhouse *c, int err);

#endif
