/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon: watched interfaces, each with a thread that reads its tables and feeds the sinks.
 *
 * Nothing here waits for a sink. An interface whose programs or whose self is gone is told of once,
 * and taken up again when it is back.
 */
#ifndef WEIR_EXPORT_H
#define WEIR_EXPORT_H

#include <pthread.h>

#include "export_config.h"
#include "feed.h"
#include "live.h"
#include "sink.h"

#define EXPORT_SINKS 32

struct export;

/* A watched interface. What is under `lock` is read by others, e.g. Prometheus' scrapes. */
struct watch {
	struct export *export;
	uint16_t number;
	char name[IF_NAMESIZE];
	pthread_t thread;
	bool stopping; /* atomic */
	uint64_t beat; /* ns, atomic: when it last went round */

	struct snapshot snapshot; /* the thread's alone */
	struct feed *feed;

	pthread_mutex_t lock;
	struct live live;
	bool up; /* `live` is open */
	struct feed_ledger ledger;
	struct feed_ledger earlier; /* of the times it was open before: before, exported, lost */
	uint64_t live_flows, ended, scans;
	double scan_seconds; /* of CPU, all scans together */
};

struct export
{
	struct export_config *config;
	pthread_rwlock_t lock; /* of the lists */
	struct watch *watches[CONFIG_INTERFACES];
	int watch_count;
	struct sink *sinks[EXPORT_SINKS];
	int sink_count;
	bool dropped; /* privileges: nothing can be attached any more */
	bool failed;  /* it ends because it cannot go on */
};

/* Takes the config over. 0, or a negative errno with a line in `why` and nothing left running. */
int export_start(struct export *e, struct export_config *c, char why[WHY_SIZE]);
/* Goes over to another config: what is the same in both goes on. */
void export_reload(struct export *e, struct export_config *c);
/* Last records, and at most `seconds` for the sinks to deliver what waits. */
void export_stop(struct export *e, double seconds);
/* Whether every interface's thread has gone round in the last `seconds`. */
bool export_alive(struct export *e, double seconds);

/* The thread of one interface, export_watch.c. */
struct watch *watch_start(struct export *e, const char *name, char why[WHY_SIZE]);
/* Asks all to end before any is waited for. */
void watch_stop(struct watch *w);
void watch_free(struct watch *w);

#endif
