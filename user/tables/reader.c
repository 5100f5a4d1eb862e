/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How tables are read as of one moment, although CPUs write on (see reader.h): what was ended
 * while we copied is taken from the ring and struck out of the copy; what was staged when we
 * began is added, or, if it was committed meanwhile, its sets are copied again. A CPU that has
 * committed nothing since is not copied again.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tables/merge.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "tables/ports.h"
#include "tables/reader.h"
#include "tables/table_use.h"
#include "tables/totals.h"

#define LAPS_MAX 3 /* times a CPU is copied again because its ring lapped us */
#define NO_COMMITS UINT64_MAX
/* More lines than one thread should walk: half a GiB, a tenth of a second. */
#define LINES_A_THREAD (8U << 20)
#define THREADS_MAX 64

struct reader {
	const struct tables *t;
	struct store ended;   /* what was taken from the rings */
	pthread_mutex_t lock; /* of `ended` */
	struct strand *flows; /* of each CPU, as the others */
	struct strand *syns;
	struct staged *staged;
	__u64 *rest;		/* commits of which the copy is, NO_COMMITS for none */
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

static int drain_cpu(struct reader *r, uint32_t cpu)
{
	const struct ended_taker taker = { take, r };
	int flows = strand_drain(&r->flows[cpu], &taker), syns;

	if (flows < 0)
		return flows;
	syns = strand_drain(&r->syns[cpu], &taker);
	return syns < 0 ? syns : flows | syns;
}

/* ---- one CPU ---- */

static void recopy_syns(struct reader *r, uint32_t cpu, const struct weir_packet *p)
{
	const __u64 *key = r->t->cpu[cpu].key;
	const struct weir_flow *f = (const struct weir_flow *)p;
	const __u8 family = f->meta & WEIR_META_IPV6;
	struct weir_syn_key s = weir_syn_key(0, WEIR_ROLE_SOURCE | family, p->src);
	struct weir_syn_key t = weir_syn_key(f->dport, WEIR_ROLE_TARGET | family, p->dst);

	strand_recopy(&r->syns[cpu], weir_syn_hash(key, &s));
	strand_recopy(&r->syns[cpu], weir_syn_hash(key, &t));
}

/* The sets of what was staged, once more: the batch has reached them since. */
static int recopy(struct reader *r, uint32_t cpu, const struct staged *st)
{
	const __u64 *key = r->t->cpu[cpu].key;
	uint32_t i;

	for (i = 0; i < st->n; i++) {
		const struct weir_packet *p = &st->packet[i];

		strand_recopy(&r->flows[cpu], weir_hash(key, p->tail, p->src, p->dst));
		if (weir_is_syn(p))
			recopy_syns(r, cpu, p);
	}
	return drain_cpu(r, cpu);
}

static int copy_cpu(void *arg, uint32_t cpu)
{
	struct reader *r = arg;
	const struct ended_taker taker = { take, r };
	int flows, syns;

	stage_copy(&r->t->cpu[cpu], &r->staged[cpu]);
	if (r->staged[cpu].commits == r->rest[cpu]) {
		/* A drain let go of the copies; nothing that had ended by then is in them. */
		r->flows[cpu].copied = strand_bundles(&r->flows[cpu]);
		r->syns[cpu].copied = strand_bundles(&r->syns[cpu]);
		return 0;
	}
	r->rest[cpu] = NO_COMMITS;
	flows = strand_copy(&r->flows[cpu], &taker);
	if (flows < 0)
		return flows;
	syns = strand_copy(&r->syns[cpu], &taker);
	return syns < 0 ? syns : flows | syns;
}

/* Makes the copy as of now. 1 where a ring lapped us, and it has to be made again. */
static int settle_once(struct reader *r, uint32_t cpu)
{
	struct staged *st = &r->staged[cpu];
	int lapped = drain_cpu(r, cpu), again;

	if (lapped < 0)
		return lapped;
	if (commits_at_rest(&r->t->cpu[cpu]) == st->commits) {
		r->rest[cpu] = lapped ? NO_COMMITS : st->commits;
		return lapped;
	}
	r->rest[cpu] = NO_COMMITS;
	again = recopy(r, cpu, st);
	st->n = 0;
	return again < 0 ? again : lapped | again;
}

/* Once more: what was new at the first look of this read still is. */
static int copy_again(struct reader *r, uint32_t cpu)
{
	struct staged *st = &r->staged[cpu];
	const __u64 commits = st->commits;
	const __u32 known = st->known;
	int err = copy_cpu(r, cpu);

	if (st->commits == commits)
		st->known = known;
	return err;
}

static int settle_cpu(void *arg, uint32_t cpu)
{
	struct reader *r = arg;
	unsigned int tries = 0;
	int err;

	while ((err = settle_once(r, cpu)) == 1 && tries++ < LAPS_MAX) {
		err = copy_again(r, cpu);
		if (err < 0)
			break;
	}
	return err < 0 ? err : 0;
}

/* ---- SYN records ---- */

/* A staged SYN, RST or FIN, counted as headers/weir/syn.h will. */
static int add_staged_syn(const struct weir_packet *p, struct store *out)
{
	const struct weir_flow *f = (const struct weir_flow *)p;
	uint8_t family = f->meta & WEIR_META_IPV6, flags = f->tcp_flags;
	bool first = (flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN;
	struct weir_syn source = { .meta = WEIR_ROLE_SOURCE | family,
				   .addr = { p->src[0], p->src[1] } };
	struct weir_syn target = { .meta = WEIR_ROLE_TARGET | family,
				   .port = f->dport,
				   .addr = { p->dst[0], p->dst[1] } };
	struct syn_sum sums[2];

	if (!weir_is_syn(p))
		return 0;
	weir_syn_add(&source, flags);
	weir_syn_add(&target, flags);
	if (first)
		weir_syn_sketch(&source, &target, p);
	sums[0] = syn_sum_of(&source);
	sums[1] = syn_sum_of(&target);
	return store_add_syns(out, sums, 2);
}

static int add_syn_bundle(const struct strand *s, uint32_t number, struct snapshot *out)
{
	const struct bundle *b = &s->bundle[number];
	const line_t *line = strand_lines(s, number);
	struct syn_sum sums[64];
	uint32_t n = 0;
	__u64 bits;

	for (bits = b->held; bits; bits &= bits - 1, line++) {
		const struct weir_syn *y = (const struct weir_syn *)line;

		if (b->used & bits & -bits && weir_syn_activity(y))
			sums[n++] = syn_sum_of(y);
	}
	out->syn_live += n;
	return n ? store_add_syns(&out->store, sums, n) : 0;
}

static int add_syns(struct reader *r, struct snapshot *out)
{
	uint32_t cpu, i;
	int err = store_copy_syns(&out->store, &r->ended);

	for (cpu = 0; cpu < r->t->plan.cpus && !err; cpu++) {
		const struct staged *st = &r->staged[cpu];

		for (i = 0; i < st->n && !err; i++)
			err = add_staged_syn(&st->packet[i], &out->store);
		for (i = 0; i < strand_bundles(&r->syns[cpu]) && !err; i++)
			err = add_syn_bundle(&r->syns[cpu], i, out);
	}
	return err;
}

static void close_ledger(struct reader *r, struct snapshot *out, const struct totals *before)
{
	struct ledger *l = &out->ledger;
	uint32_t i;

	*l = (struct ledger){ .unattributed = r->ended.refused,
			      .syn_unattributed = r->ended.syn_refused,
			      .in_flows = sum_plus(out->store.total, r->handed),
			      .reentered = totals_reentered(r->t) };
	for (i = 0; i < r->t->plan.cpus; i++) {
		l->unattributed = sum_plus(l->unattributed, r->flows[i].missed);
		l->syn_unattributed += r->syns[i].missed.packets;
		out->ended += r->t->cpu[i].ended.head;
	}
	ledger_close(l, r->t, before, &out->totals);
}

/* ---- reading ---- */

static uint32_t threads_for(const struct reader *r)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t lines = 0, worth;
	uint32_t cpu;

	if (r->threads)
		return r->threads;
	for (cpu = 0; cpu < r->t->plan.cpus; cpu++)
		if (word_load(&r->t->cpu[cpu].commits))
			lines += (uint64_t)r->flows[cpu].sets * WEIR_WAYS;
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

static void begin_ports(struct reader *r, struct snapshot *out)
{
	const bool same = out->filling && out->filling == r->filling;

	/* Whatever becomes of this one: now it is not what it was. */
	out->filling = 0;
	ports_begin(&r->ports, r->t, out->ports, same);
}

static uint64_t next_filling(void)
{
	static uint64_t fillings;

	return __atomic_add_fetch(&fillings, 1, __ATOMIC_RELAXED);
}

int reader_read(struct reader *r, struct snapshot *out)
{
	const uint32_t threads = threads_for(r), cpus = r->t->plan.cpus;
	struct totals before;
	struct port_sums ports;
	int err = begin_read(r, out);

	if (err)
		return err;
	ports = (struct port_sums){ out->ports, r->ports.live };
	totals_read(r->t, &before);
	err = parallel_run(threads, cpus, copy_cpu, r);
	/* The ports hold what was ended: settled after them, no flow is in both for long. */
	if (!err && !r->without_ports)
		begin_ports(r, out);
	if (!err)
		err = parallel_run(threads, cpus, settle_cpu, r);
	if (!err)
		err = merge_flows(&(struct merge){ r->flows, r->staged, cpus, threads, &r->cells,
						   &r->ended, r->at },
				  &out->store, r->without_ports ? NULL : &ports, &out->live);
	if (!err)
		err = add_syns(r, out);
	if (err)
		return err;
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
	for (cpu = 0; cpu < r->t->plan.cpus && err >= 0; cpu++) {
		r->flows[cpu].copied = r->syns[cpu].copied = 0;
		err = drain_cpu(r, cpu);
	}
	return err < 0 ? err : 0;
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
	uint32_t i, cpus = t->plan.cpus;
	int err = 0;

	if (!r)
		return NULL;
	r->t = t;
	r->ended.limit = limit;
	memcpy(r->ended.key, t->cpu[0].key, sizeof(r->ended.key));
	r->ended.stamp = 1;
	r->ports.count = UINT64_MAX;
	pthread_mutex_init(&r->lock, NULL);
	r->flows = calloc(cpus, sizeof(*r->flows));
	r->syns = calloc(cpus, sizeof(*r->syns));
	r->staged = calloc(cpus, sizeof(*r->staged));
	r->rest = calloc(cpus, sizeof(*r->rest));
	if (!r->flows || !r->syns || !r->staged || !r->rest)
		err = -ENOMEM;
	for (i = 0; i < cpus && !err; i++) {
		err = strand_init(&r->flows[i], t, i, false);
		if (!err)
			err = strand_init(&r->syns[i], t, i, true);
	}
	if (!err)
		return r;
	reader_free(r);
	return NULL;
}

void reader_free(struct reader *r)
{
	uint32_t i;

	if (!r)
		return;
	for (i = 0; i < r->t->plan.cpus; i++) {
		if (r->flows)
			strand_free(&r->flows[i]);
		if (r->syns)
			strand_free(&r->syns[i]);
	}
	free(r->flows);
	free(r->syns);
	free(r->staged);
	free(r->rest);
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
