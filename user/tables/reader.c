/* SPDX-License-Identifier: GPL-2.0 */
/* How tables are read: copied as of one moment, and merged; see reader.h. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tables/merge.h"
#include "base/clock.h"
#include "tables/copies.h"
#include "tables/merge_syns.h"
#include "tables/ports.h"
#include "tables/reader.h"
#include "tables/table_use.h"
#include "tables/totals.h"

/* More lines than one thread should walk: half a GiB, a tenth of a second. */
#define LINES_A_THREAD (8U << 20)
#define THREADS_MAX 64

struct reader {
	const struct tables *t;
	struct store ended;   /* what was taken from the rings */
	pthread_mutex_t lock; /* of `ended` */
	struct copies copies;
	struct weir_sum handed; /* to visitors */
	struct syn_count syn_handed;
	struct cells cells;
	struct kept_ports ports;
	uint64_t filling; /* the last snapshot's */
	struct moment at;
	uint32_t threads; /* 0: as many as are worth it */
	bool without_ports;
};

static struct syn_count syn_minus(struct syn_count a, struct syn_count b)
{
	return (struct syn_count){ a.syn - b.syn, a.synack - b.synack, a.rst - b.rst,
				   a.fin - b.fin };
}

static struct syn_count syn_plus(struct syn_count a, struct syn_count b)
{
	return (struct syn_count){ a.syn + b.syn, a.synack + b.synack, a.rst + b.rst,
				   a.fin + b.fin };
}

/* ---- what was ended ---- */

static int take_flows(struct reader *r, const struct strand *s, const struct ended_lines *e)
{
	struct flow_sum flows[STRAND_BATCH];
	uint32_t i;
	int err;

	for (i = 0; i < e->n; i++)
		merge_flow(&flows[i], e->line[i], &r->at, s->fine_ring ? &e->fine[i] : NULL,
			   r->ended.stamp);
	pthread_mutex_lock(&r->lock);
	err = store_add_flows(&r->ended, flows, e->n);
	pthread_mutex_unlock(&r->lock);
	return err;
}

static int take_syns(struct reader *r, const struct ended_lines *e)
{
	struct syn_sum syns[STRAND_BATCH];
	uint32_t i;
	int err;

	for (i = 0; i < e->n; i++)
		syns[i] = syn_sum_of((const struct weir_syn *)e->line[i]);
	pthread_mutex_lock(&r->lock);
	err = store_add_syns(&r->ended, syns, e->n);
	pthread_mutex_unlock(&r->lock);
	return err;
}

static int take(void *arg, const struct strand *s, const struct ended_lines *e)
{
	return s->syn ? take_syns(arg, e) : take_flows(arg, s, e);
}

/* ---- reading ---- */

static void close_ledger(struct reader *r, struct snapshot *out, const struct totals *before)
{
	struct ledger *l = &out->ledger;
	uint32_t i;

	*l = (struct ledger){ .unattributed = r->ended.refused,
			      .syn_unattributed = r->ended.syn_refused,
			      .in_flows = sum_plus(out->store.total, r->handed),
			      .reentered = totals_reentered(r->t) };
	for (i = 0; i < r->t->plan.cpus; i++) {
		l->unattributed = sum_plus(l->unattributed, r->copies.flows[i].missed);
		l->syn_unattributed += r->copies.syns[i].missed.packets;
		out->ended += r->t->cpu[i].ended.head;
	}
	ledger_close(l, r->t, before, &out->totals);
}

static uint32_t threads_for(const struct reader *r)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t lines = 0, worth;
	uint32_t cpu;

	if (r->threads)
		return r->threads;
	for (cpu = 0; cpu < r->t->plan.cpus; cpu++)
		if (word_load(&r->t->cpu[cpu].commits))
			lines += (uint64_t)r->copies.flows[cpu].sets * WEIR_WAYS;
	worth = lines / LINES_A_THREAD;
	worth = online > 0 && worth > (uint64_t)online ? (uint64_t)online : worth;
	return worth < 1 ? 1 : worth < THREADS_MAX ? (uint32_t)worth : THREADS_MAX;
}

static int begin_read(struct reader *r, struct snapshot *out)
{
	if (r->without_ports) {
		table_free(out->ports);
		out->ports = NULL;
		out->filling = 0;
	} else if (!out->ports) {
		out->ports = table_alloc(WEIR_PORTS * sizeof(*out->ports));
		if (!out->ports)
			return -ENOMEM;
	}
	store_clear(&out->store);
	memcpy(out->store.key, r->ended.key, sizeof(r->ended.key));
	out->clock_step = r->t->clock_step;
	out->live = out->syn_live = out->ended = 0;
	r->at = moment_of(clock_ns(CLOCK_BOOTTIME), r->t->clock_offset);
	return 0;
}

static uint64_t next_filling(void)
{
	static uint64_t fillings;

	return __atomic_add_fetch(&fillings, 1, __ATOMIC_RELAXED);
}

static void begin_ports(struct reader *r, struct snapshot *out)
{
	const bool same = out->filling && out->filling == r->filling;

	/* Whatever becomes of this one: now it is not what it was. */
	out->filling = 0;
	ports_begin(&r->ports, r->t, out->ports, same);
}

/* What ended while we copied is in the ports already, and is in them once. */
static void take_late_ports(struct reader *r, const struct port_sums *ports, uint32_t cpu)
{
	const struct late *l = &r->copies.late_flows[cpu];
	const struct staged *st = &r->copies.staged[cpu];
	uint32_t i;

	for (i = 0; i < l->n; i++)
		if (l->record[i].copy)
			cells_take(ports, (const struct weir_flow *)*l->record[i].copy);
	for (i = 0; i < st->n; i++)
		if (st->ended >> i & 1)
			cells_take(ports, (const struct weir_flow *)&st->packet[i]);
}

/* All but the SYN records. */
static int read_flows(struct reader *r, struct snapshot *out, uint32_t threads)
{
	const struct port_sums ports = { out->ports, r->ports.live };
	const struct copies *c = &r->copies;
	const uint32_t cpus = r->t->plan.cpus;
	const struct merge m = { c->flows, c->staged, cpus, threads, &r->cells, &r->ended, r->at };
	uint32_t cpu;
	int err = copies_make(&r->copies, threads);

	/* The ports hold what was ended: settled after them, no flow is in both for long. */
	if (!err && !r->without_ports)
		begin_ports(r, out);
	if (!err)
		err = copies_settle(&r->copies, threads);
	if (!err)
		err = merge_flows(&m, &out->store, r->without_ports ? NULL : &ports, &out->live);
	for (cpu = 0; cpu < cpus && !err && !r->without_ports; cpu++)
		take_late_ports(r, &ports, cpu);
	return err;
}

static int read_syns(struct reader *r, struct snapshot *out)
{
	const struct copies *c = &r->copies;
	const struct syn_merge m = { c->syns, c->staged, r->t->plan.cpus, &r->ended };

	return merge_syns(&m, &out->store, &out->syn_live);
}

int reader_read(struct reader *r, struct snapshot *out)
{
	struct totals before;
	int err = begin_read(r, out);

	if (err)
		return err;
	totals_read(r->t, &before);
	err = read_flows(r, out, threads_for(r));
	if (!err)
		err = read_syns(r, out);
	if (err)
		return err;
	copies_clear_marks(&r->copies);
	out->handed = r->handed;
	out->syn = syn_plus(out->store.syn_total, r->syn_handed);
	out->number = r->ended.stamp++;
	close_ledger(r, out, &before);
	if (!r->without_ports)
		out->filling = r->filling = next_filling();
	return 0;
}

int reader_drain(struct reader *r)
{
	uint32_t cpu;
	int err = 0;

	r->at = moment_of(clock_ns(CLOCK_BOOTTIME), r->t->clock_offset);
	for (cpu = 0; cpu < r->t->plan.cpus && !err; cpu++)
		err = copies_drain(&r->copies, cpu);
	return err;
}

int reader_visit(struct reader *r, const struct ended_visitor *v)
{
	struct store *s = &r->ended;
	struct syn_count syn_total;
	struct weir_sum flow_total;
	uint32_t flows = 0, syns = 0;
	int err = reader_drain(r);

	if (err)
		return err;
	while (flows < s->flow_count && !err) {
		err = v->flow ? v->flow(v->arg, &s->flows[flows]) : 0;
		flows += !err;
	}
	while (syns < s->syn_count && !err) {
		err = v->syn ? v->syn(v->arg, &s->syns[syns]) : 0;
		syns += !err;
	}
	flow_total = s->total;
	syn_total = s->syn_total;
	store_drop(s, flows, syns);
	r->handed = sum_plus(r->handed, sum_minus(flow_total, s->total));
	r->syn_handed = syn_plus(r->syn_handed, syn_minus(syn_total, s->syn_total));
	return err;
}

void reader_threads(struct reader *r, uint32_t threads)
{
	r->threads = threads < THREADS_MAX ? threads : THREADS_MAX;
}

void reader_without_ports(struct reader *r)
{
	r->without_ports = true;
}

/* ---- a reader ---- */

/* Whether all CPUs hash alike: merging relies on it. */
static bool keys_alike(const struct tables *t)
{
	uint32_t i;

	for (i = 1; i < t->plan.cpus; i++)
		if (memcmp(t->cpu[i].key, t->cpu[0].key, sizeof(t->cpu[0].key)))
			return false;
	return true;
}

struct reader *reader_new(const struct tables *t, uint32_t limit)
{
	struct reader *r = keys_alike(t) ? calloc(1, sizeof(*r)) : NULL;
	int err;

	if (!r)
		return NULL;
	r->t = t;
	r->ended.limit = limit;
	memcpy(r->ended.key, t->cpu[0].key, sizeof(r->ended.key));
	r->ended.stamp = 1;
	r->ports.count = UINT64_MAX;
	pthread_mutex_init(&r->lock, NULL);
	err = copies_init(&r->copies, t, &(struct ended_taker){ take, r });
	if (!err)
		return r;
	reader_free(r);
	return NULL;
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	copies_free(&r->copies);
	cells_free(&r->cells);
	ports_free(&r->ports);
	pthread_mutex_destroy(&r->lock);
	store_free(&r->ended);
	free(r);
}

void snapshot_free(struct snapshot *s)
{
	store_free(&s->store);
	table_free(s->ports);
	*s = (struct snapshot){ 0 };
}
