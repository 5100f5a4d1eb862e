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

#include "export/auth.h"
#include "export/export_config.h"
#include "export/feed.h"
#include "tables/findings.h"
#include "export/kept.h"
#include "attach/live.h"
#include "export/sink.h"

#define EXPORT_SINKS 32
#define EXPORT_SERVERS 4

struct exporter;

/* What the last scan of an interface found, for metrics. */
struct scanned {
	struct feed_ledger ledger;
	uint64_t flows, syns; /* records in the tables */
	uint64_t findings[FINDINGS];
	struct port_wanted port[PORTS_WANTED];
	struct weir_port ports[PORTS_WANTED];
	int port_count;
	struct talker talker[TALKERS_MOST];
	uint32_t talkers, top_talkers; /* there are; wanted, 0 for none */
	struct weir_sum other_talkers;
	uint64_t scans;
	double seconds; /* of CPU, all scans together */
};

/* A watched interface. What is under `lock` is read by others, e.g. Prometheus' scrapes. */
struct watch {
	struct exporter *exporter;
	uint16_t number;
	char name[IF_NAMESIZE];
	pthread_t thread;
	bool stopping; /* atomic */
	uint64_t beat; /* ns, atomic: when it last went round */

	struct snapshot snapshot; /* the thread's alone */
	struct feed *feed;
	struct findings findings;
	struct talkers talkers;
	struct handshakes shaken; /* of the feed, as of the last scan */

	pthread_mutex_t lock;
	struct live live;
	bool up;	   /* `live` is open, and: */
	int program_fd[2]; /* ingress, egress; -1 where it cannot be had */
	struct scanned scanned;
	struct kept kept;
};

struct prometheus;

struct exporter {
	struct export_config *config;
	pthread_rwlock_t lock; /* of the lists */
	struct watch *watches[CONFIG_INTERFACES];
	int watch_count;
	struct sink *sinks[EXPORT_SINKS];
	int sink_count;
	bool dropped; /* privileges: nothing can be attached any more */
	bool failed;  /* it ends because it cannot go on */
	struct prometheus *server[EXPORT_SERVERS];
	int server_count;
	struct auth_refused refused; /* by all servers, also those before a reload */
	uint64_t begun;		     /* ns since boot */
	int64_t to_epoch; /* ns, atomic: what makes that ns since the epoch, as the clock is set */
};

/*
 * Loads the libraries that the config wants, and looks whether its targets and files can be used;
 * with `names` also whether host names resolve, which takes its time. What is the same in `running`
 * (or NULL) is left out. Says a line of each that cannot, `then` behind it. 0, -EINVAL where
 * something can never be, or another negative errno.
 */
int export_check(const struct export_config *c, const struct export_config *running, bool names,
		 const char *then);
/* Takes the config over, its libraries being loaded. 0, or a negative errno with a line in `why`
 * and nothing left running. */
int export_start(struct exporter *e, struct export_config *c, char why[WHY_SIZE]);
/* Goes over to another config: what is the same in both goes on. */
void export_reload(struct exporter *e, struct export_config *c);
/* Last records, and at most `seconds` for the sinks to deliver what waits. */
void export_stop(struct exporter *e, double seconds);
/* Whether every interface's thread has gone round in the last `seconds`. */
bool export_alive(struct exporter *e, double seconds);

/* Says what it does: a line of each interface, each address of metrics, each sink. */
void export_tell(struct exporter *e);

/* To be called every second or so. False, having said why, where it cannot go on. */
bool export_tick(struct exporter *e);

/* The thread of one interface, export_watch.c. */
struct watch *watch_start(struct exporter *e, const char *name, char why[WHY_SIZE]);
/* Asks all to end before any is waited for. */
void watch_stop(struct watch *w);
void watch_free(struct watch *w);

#endif
