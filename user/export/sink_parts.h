/* SPDX-License-Identifier: GPL-2.0 */
/* A sink from within, for sink*.c; see sink.h. All but sink_run() is called under its lock. */
#ifndef WEIR_SINK_PARTS_H
#define WEIR_SINK_PARTS_H

#include <pthread.h>

#include "export/sink.h"

struct sink {
	const struct sink_type *type;
	const struct section *options;
	void *state; /* of its type, once it is open */
	struct sink_limits limits;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct batch **queue; /* a ring of limits.batches */
	uint32_t head, count;
	struct sink_stats stats;
	enum sink_drop fault; /* what records are lost for while nothing gets through */
	bool opened, failed, reload, stopping, gone;
	const char *given_up; /* why, or NULL */
	bool tell;	      /* of that */
	uint64_t deadline;
	uint64_t ill_since; /* 0: well */
	uint64_t ill_dropped;
	char *why;
	size_t why_size;
};

/* sink_queue.c */
void sink_count_drop(struct sink *s, enum sink_drop why, uint64_t records, struct weir_sum sum);
void sink_count_delivered(struct sink *s, uint64_t records, struct weir_sum sum);
/* The oldest that waits, or NULL; references go along, out and in. */
struct batch *sink_queue_pop(struct sink *s);
void sink_queue_put(struct sink *s, struct batch *b);
/* Whether there is no room for one with so many records. */
bool sink_queue_is_full(const struct sink *s, uint64_t more);
/* Lets go of all that waits. */
void sink_queue_drop(struct sink *s, enum sink_drop why);

/* sink_thread.c: what the thread of a sink, `arg`, does from its beginning to its end. */
void *sink_run(void *arg);

#endif
