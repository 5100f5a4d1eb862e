/* SPDX-License-Identifier: GPL-2.0 */
/* Lanes and their threads; see lane.h. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "lane.h"

#define SEED 0x77656972

static int lane_open(struct lane *l, const struct plan *plan)
{
	l->native = native_new(plan, SEED);
	l->reader = l->native ? reader_new(native_tables(l->native), 0) : NULL;
	return l->reader ? 0 : -ENOMEM;
}

int lanes_open(struct lanes *l, const struct plan *plan, uint32_t count)
{
	uint32_t i;

	*l = (struct lanes){ .lane = calloc(count, sizeof(*l->lane)), .count = count };
	for (i = 0; l->lane && i < count; i++)
		if (lane_open(&l->lane[i], plan))
			lanes_close(l);
	return l->lane ? 0 : -ENOMEM;
}

void lanes_close(struct lanes *l)
{
	uint32_t i;

	for (i = 0; l->lane && i < l->count; i++) {
		reader_free(l->lane[i].reader);
		native_free(l->lane[i].native);
	}
	free(l->lane);
	l->lane = NULL;
}

/* What a thread is to do. */
struct job {
	pthread_t thread;
	bool started;
	struct lane *lane;
	int (*work)(struct lane *lane, void *arg);
	void *arg;
};

static void *run_job(void *arg)
{
	struct job *j = arg;

	j->lane->err = j->work(j->lane, j->arg);
	return NULL;
}

int lanes_run(struct lanes *l, uint32_t count, int (*work)(struct lane *lane, void *arg), void *arg)
{
	struct job *jobs = calloc(count, sizeof(*jobs));
	uint32_t i;
	int err = 0;

	if (!jobs)
		return -ENOMEM;
	l->used = count > l->used ? count : l->used;
	for (i = 0; i < count; i++) {
		jobs[i] = (struct job){ .lane = &l->lane[i], .work = work, .arg = arg };
		jobs[i].started = i && !pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]);
	}
	for (i = 0; i < count; i++)
		if (!jobs[i].started)
			run_job(&jobs[i]);
	for (i = 0; i < count; i++) {
		if (jobs[i].started)
			pthread_join(jobs[i].thread, NULL);
		if (!err)
			err = l->lane[i].err;
	}
	free(jobs);
	return err;
}

/* ---- what they hold ---- */

struct gathering {
	const struct lane *first;
	struct snapshot *snapshots; /* of the lanes but the first */
	struct snapshot *out;	    /* that of the first */
};

static int read_lane(struct lane *l, void *arg)
{
	const struct gathering *g = arg;

	native_flush(l->native);
	return reader_read(l->reader, l == g->first ? g->out : &g->snapshots[l - g->first - 1]);
}

int lanes_read(struct lanes *l, struct snapshot *s)
{
	uint32_t i, count = l->used ? l->used : 1;
	struct gathering g = { l->lane, calloc(count, sizeof(*g.snapshots)), s };
	int err;

	if (!g.snapshots)
		return -ENOMEM;
	err = lanes_run(l, count, read_lane, &g);
	for (i = 0; i < count - 1; i++) {
		if (!err)
			err = snapshot_add(s, &g.snapshots[i]);
		snapshot_free(&g.snapshots[i]);
	}
	free(g.snapshots);
	return err;
}
