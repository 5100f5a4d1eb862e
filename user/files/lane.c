/* SPDX-License-Identifier: GPL-2.0 */
/* Lanes and their threads; see lane.h. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "files/lane.h"
#include "tables/table_use.h"

#define SEED 0x77656972
#define BATCH 32
#define EXPECTED 65536 /* records: an index of one large page */

/* Rings are small here: what they leave goes to SYN records. */
static struct plan plan_of_lanes(const struct plan *one, uint32_t count)
{
	struct plan p = *one;

	p.cpus = count;
	if (p.ended > LANE_RING) {
		p.syn_sets += (uint32_t)((p.ended - LANE_RING) * sizeof(struct weir_ended_flow) /
					 sizeof(struct weir_syn_set));
		p.ended = LANE_RING;
	}
	return p;
}

static int lane_open(struct lane *l, struct native *native, uint32_t number)
{
	struct tables *t = native_tables(native);

	l->native = native;
	l->cpu = &t->cpu[number];
	memcpy(l->ended.key, l->cpu->key, sizeof(l->ended.key));
	l->flow_sets = calloc(t->plan.flow_sets / 64 + 1, sizeof(*l->flow_sets));
	l->syn_sets = calloc(t->plan.syn_sets / 64 + 1, sizeof(*l->syn_sets));
	if (!l->flow_sets || !l->syn_sets)
		return -ENOMEM;
	return store_expect(&l->ended, EXPECTED, EXPECTED);
}

int lanes_open(struct lanes *l, const struct plan *plan, uint32_t count)
{
	const struct plan all = plan_of_lanes(plan, count);
	uint32_t i;
	int err = 0;

	*l = (struct lanes){ .lane = table_alloc(count * sizeof(*l->lane)), .count = count };
	l->native = l->lane ? native_new(&all, SEED) : NULL;
	if (!l->native)
		err = -ENOMEM;
	for (i = 0; i < count && !err; i++)
		err = lane_open(&l->lane[i], l->native, i);
	if (err)
		lanes_close(l);
	return err;
}

void lanes_close(struct lanes *l)
{
	uint32_t i;

	for (i = 0; l->lane && i < l->count; i++) {
		store_free(&l->lane[i].ended);
		free(l->lane[i].flow_sets);
		free(l->lane[i].syn_sets);
	}
	native_free(l->native);
	table_free(l->lane);
	l->lane = NULL;
	l->native = NULL;
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

/* ---- what was ended ---- */

static void mark(uint64_t *sets, uint32_t set)
{
	sets[set / 64] |= 1ULL << set % 64;
}

static int drain_flows(struct lane *l, const struct tables *t)
{
	const struct weir_cpu *c = l->cpu;
	struct flow_sum flows[BATCH];
	uint32_t n;
	int err = 0;

	while (l->flow_tail < c->ended.head && !err) {
		for (n = 0; n < BATCH && l->flow_tail < c->ended.head; n++) {
			uint64_t at = c->ended_base + (l->flow_tail++ & c->ended_mask);
			const __u64 *line = t->ended[at].line;
			const struct fine *fine = &t->fine_ended[at];

			flow_sum_set(&flows[n], line, 1);
			flows[n].first = fine->first;
			flows[n].last = fine->last;
			mark(l->flow_sets,
			     weir_set_of(weir_hash(c->key, line[0], &line[1], &line[3]),
					 c->flow_sets));
		}
		err = store_add_flows(&l->ended, flows, n);
	}
	return err;
}

static int drain_syns(struct lane *l, const struct tables *t)
{
	const struct weir_cpu *c = l->cpu;
	struct syn_sum syns[BATCH];
	uint32_t n;
	int err = 0;

	while (l->syn_tail < c->syn_ended.head && !err) {
		for (n = 0; n < BATCH && l->syn_tail < c->syn_ended.head; n++) {
			uint64_t at = c->syn_ended_base + (l->syn_tail++ & c->syn_ended_mask);
			const struct weir_syn *y = (const struct weir_syn *)t->syns_ended[at].line;
			struct weir_syn_key key = weir_syn_key(y->port, y->meta, y->addr);

			syns[n] = syn_sum_of(y);
			mark(l->syn_sets, weir_set_of(weir_syn_hash(c->key, &key), c->syn_sets));
		}
		err = store_add_syns(&l->ended, syns, n);
	}
	return err;
}

int lane_drain(struct lane *l)
{
	const struct tables *t = native_tables(l->native);
	int err = drain_flows(l, t);

	return err ? err : drain_syns(l, t);
}
