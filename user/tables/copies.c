/* SPDX-License-Identifier: GPL-2.0 */
/* All CPUs' tables as of one moment; see copies.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "tables/copies.h"

#define LAPS_MAX 3 /* times a CPU is copied again because its ring lapped us */

int copies_init(struct copies *c, const struct tables *t, const struct ended_taker *taker)
{
	const uint32_t cpus = t->plan.cpus;
	uint32_t i;
	int err = 0;

	*c = (struct copies){ .t = t, .taker = *taker };
	c->flows = calloc(cpus, sizeof(*c->flows));
	c->syns = calloc(cpus, sizeof(*c->syns));
	c->staged = calloc(cpus, sizeof(*c->staged));
	c->late_flows = calloc(cpus, sizeof(*c->late_flows));
	c->late_syns = calloc(cpus, sizeof(*c->late_syns));
	c->rest = calloc(cpus, sizeof(*c->rest));
	if (!c->flows || !c->syns || !c->staged || !c->late_flows || !c->late_syns || !c->rest)
		return -ENOMEM;
	for (i = 0; i < cpus && !err; i++) {
		err = strand_init(&c->flows[i], t, i, false);
		if (!err)
			err = strand_init(&c->syns[i], t, i, true);
	}
	return err;
}

static void free_cpu(struct copies *c, uint32_t cpu)
{
	if (c->flows)
		strand_free(&c->flows[cpu]);
	if (c->syns)
		strand_free(&c->syns[cpu]);
	if (c->late_flows)
		late_free(&c->late_flows[cpu]);
	if (c->late_syns)
		late_free(&c->late_syns[cpu]);
}

void copies_free(struct copies *c)
{
	uint32_t i;

	for (i = 0; c->t && i < c->t->plan.cpus; i++)
		free_cpu(c, i);
	free(c->flows);
	free(c->syns);
	free(c->staged);
	free(c->late_flows);
	free(c->late_syns);
	free(c->rest);
	*c = (struct copies){ 0 };
}

/* All that has ended, what the last read left among it. */
int copies_drain(struct copies *c, uint32_t cpu)
{
	int err = late_flush(&c->late_flows[cpu], &c->flows[cpu], &c->taker);

	if (!err)
		err = late_flush(&c->late_syns[cpu], &c->syns[cpu], &c->taker);
	if (!err)
		err = strand_drain(&c->flows[cpu], &c->taker);
	return err ? err : strand_drain(&c->syns[cpu], &c->taker);
}

/* What ended while we copy. */
static int drain_late(struct copies *c, uint32_t cpu)
{
	const struct ended_taker flows = { late_take, &c->late_flows[cpu] };
	const struct ended_taker syns = { late_take, &c->late_syns[cpu] };
	int err = strand_drain(&c->flows[cpu], &flows);

	return err ? err : strand_drain(&c->syns[cpu], &syns);
}

static bool is_lapped(const struct copies *c, uint32_t cpu)
{
	return c->flows[cpu].lapped || c->syns[cpu].lapped;
}

/* A CPU's tables are as they were copied, or have never been written to. */
static bool is_at_rest(const struct copies *c, uint32_t cpu)
{
	const __u64 commits = c->staged[cpu].commits;

	return !commits || commits == c->rest[cpu];
}

/* The stage; then all that has ended, and so is in no copy that is begun after it. */
static int look(struct copies *c, uint32_t cpu)
{
	struct strand *flows = &c->flows[cpu], *syns = &c->syns[cpu];
	int err = 0;

	stage_look(&c->t->cpu[cpu], &c->t->plan, &c->staged[cpu], c->again);
	if (is_at_rest(c, cpu)) {
		strand_keep(flows);
		strand_keep(syns);
	} else {
		c->rest[cpu] = COPIES_NONE;
		err = copies_drain(c, cpu);
		strand_begin(flows);
		strand_begin(syns);
	}
	flows->lapped = syns->lapped = false;
	return err;
}

static void copy_flows_to(struct copies *c, uint32_t cpu, uint32_t end)
{
	while (c->flows[cpu].copied < end)
		strand_copy_pack(&c->flows[cpu], &c->staged[cpu]);
}

static int copy_rest(struct copies *c, uint32_t cpu, struct strand *s)
{
	int err = 0;

	while (s->copied < strand_bundles(s) && !err) {
		strand_copy_pack(s, &c->staged[cpu]);
		err = drain_late(c, cpu);
	}
	return err;
}

static int make_one(void *arg, uint32_t cpu)
{
	struct copies *c = arg;
	int err = look(c, cpu);

	if (!err)
		err = copy_rest(c, cpu, &c->flows[cpu]);
	return err ? err : copy_rest(c, cpu, &c->syns[cpu]);
}

static int settle_one(void *arg, uint32_t cpu)
{
	struct copies *c = arg;
	int tries = 0, err;

	while (!(err = drain_late(c, cpu)) && is_lapped(c, cpu) && tries++ < LAPS_MAX) {
		c->rest[cpu] = COPIES_NONE;
		err = make_one(c, cpu);
		if (err)
			return err;
	}
	if (err)
		return err;
	/* As long as there is no other commit the copy is of the table. */
	if (!is_lapped(c, cpu))
		c->rest[cpu] = c->staged[cpu].commits;
	err = late_sort(&c->late_flows[cpu], &c->flows[cpu], &c->staged[cpu], &c->taker);
	return err ? err : late_sort(&c->late_syns[cpu], &c->syns[cpu], &c->staged[cpu], &c->taker);
}

/* All CPUs in step: so each ring is looked at now and then, also of those that are at rest. */
static int make_in_step(struct copies *c)
{
	const uint32_t bundles = strand_bundles(c->flows), cpus = c->t->plan.cpus;
	uint32_t cpu, end = 0;
	int err = 0;

	for (cpu = 0; cpu < cpus && !err; cpu++)
		err = look(c, cpu);
	while (end < bundles && !err) {
		end = bundles - end < STRAND_PACK ? bundles : end + STRAND_PACK;
		for (cpu = 0; cpu < cpus && !err; cpu++) {
			copy_flows_to(c, cpu, end);
			err = drain_late(c, cpu);
		}
	}
	for (cpu = 0; cpu < cpus && !err; cpu++)
		err = copy_rest(c, cpu, &c->syns[cpu]);
	return err;
}

int copies_make(struct copies *c, uint32_t threads)
{
	c->again = c->unseen;
	c->unseen = true;
	return threads == 1 ? make_in_step(c) : parallel_run(threads, c->t->plan.cpus, make_one, c);
}

int copies_settle(struct copies *c, uint32_t threads)
{
	c->again = true;
	return parallel_run(threads, c->t->plan.cpus, settle_one, c);
}

void copies_clear_marks(struct copies *c)
{
	uint32_t cpu;

	c->unseen = false;
	for (cpu = 0; cpu < c->t->plan.cpus; cpu++)
		c->flows[cpu].marked = c->syns[cpu].marked = false;
}
