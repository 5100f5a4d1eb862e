/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rounds in which all programs take turns; see measure.h.
 *
 * What slows the machine slows them all, and a figure's minimum needs only one quiet turn in each
 * program's many. Each turn begins with untimed packets, so that the caches hold what they would
 * in the long run and not what the program before left there.
 */
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <weir/abi.h>

#include "measure.h"

bool is_weir(enum program program)
{
	return program >= WITH_TOTALS;
}

uint32_t tables_of(enum program program)
{
	switch (program) {
	case WITH_FLOWS:
		return WEIR_TABLE_FLOWS;
	case WITH_PORTS:
		return WEIR_TABLE_FLOWS | WEIR_TABLE_PORTS;
	case WITH_SYN:
		return WEIR_TABLE_SYN;
	case WITH_TOTALS:
		return 0;
	default:
		return is_weir(program) ? WEIR_TABLE_ALL : 0;
	}
}

/* What stands in front of a program. */
static struct front front_of(enum program program)
{
	return (struct front){
		.no_slot = program == NO_SLOT,
		.filter = program == FILTER_MATCH   ? FILTER_OF_ALL
			  : program == FILTER_OTHER ? FILTER_OF_NONE
						    : NULL,
	};
}

struct plan plan_for(uint32_t mib_per_cpu)
{
	uint32_t cpus = (uint32_t)libbpf_num_possible_cpus();
	struct plan plan;

	if (plan_make(&plan, (uint64_t)mib_per_cpu * cpus << 20, cpus))
		die("%u MiB a CPU are too little for tables on %u CPUs", mib_per_cpu, cpus);
	return plan;
}

/* A kernel hash takes seconds to make, and has room for all of a column's flows with less. */
#define STOCK_MOST (3U << 19)

struct stand_sizes sizes_for(const struct plan *plan)
{
	const uint32_t records = plan->flow_sets * WEIR_WAYS;

	return (struct stand_sizes){
		.floor_lines = records,
		.stock_flows = records < STOCK_MOST ? records : STOCK_MOST,
		.stock_syns = plan->syn_sets * WEIR_WAYS,
	};
}

uint32_t packets_in(double ms, double ns)
{
	double packets = ms * 1e6 / ns;

	return packets < 8192 ? 8192 : packets > 1 << 20 ? 1 << 20 : (uint32_t)packets;
}

/* New flows that fill a table: a set of two is not full until many more than two have come by. */
static uint32_t fill_of(const struct lane *l, const struct plan *plan)
{
	const uint32_t records = plan->flow_sets * WEIR_WAYS;

	if (l->program == STOCK)
		return sizes_for(plan).stock_flows;
	if (l->shipped && l->shipped->tables & WEIR_TABLE_FLOWS)
		return records * 2;
	return 1 << 16;
}

void warm_up(struct stand *s, struct lane *l, const struct plan *plan, enum pattern pattern,
	     uint32_t flows, bool quick)
{
	if (pattern == RANDOM)
		stand_in_turn(s, flows);
	else
		stand_choose(s, pattern, flows, PIPELINED);
	if (quick)
		flows = flows < 1 << 18 ? flows : 1 << 18;
	lane_run(s, l, pattern == NEW && !quick ? fill_of(l, plan) : flows < 16384 ? 16384 : flows);
}

/* ---- one column ---- */

struct group {
	const struct bench_options *o;
	struct stand stand;
	struct plan plan;
	struct shipped shipped[PROGRAMS];
	struct lane lanes[PROGRAMS];
	bool on[PROGRAMS];
	double raw[ORDERS][PROGRAMS][MAX_ROUNDS];
	int rounds; /* of this column */
};

/* Untimed packets before a timed run: every flow twice, or those that are seen often. */
static uint32_t lead_of(const struct group *g, const struct column *c)
{
	if (g->o->quick)
		return 8192;
	return c->flows > 1 << 16 ? 1 << 14 : c->flows < 8192 ? 16384 : 2 * c->flows;
}

static double timed_run(struct group *g, const struct column *c, enum order order, enum program p)
{
	double ns;

	stand_choose(&g->stand, c->pattern, c->flows, order);
	ns = lane_run(&g->stand, &g->lanes[p], lead_of(g, c));
	return lane_run(&g->stand, &g->lanes[p], packets_in(g->o->run_ms, ns));
}

static void one_round(struct group *g, const struct column *c, int round, int orders)
{
	for (int i = 0; i < orders * PROGRAMS; i++) {
		int at = round & 1 ? orders * PROGRAMS - 1 - i : i;
		enum order order = (enum order)(at / PROGRAMS);
		enum program p = (enum program)(at % PROGRAMS);

		if (g->on[p])
			g->raw[order][p][round] = timed_run(g, c, order, p);
	}
}

static void sum_up(struct group *g, enum order order, struct result *results)
{
	const double *empty = g->raw[order][EMPTY];
	int rounds = g->rounds;
	double net[MAX_ROUNDS], sorted[MAX_ROUNDS];

	for (int p = 0; p < PROGRAMS; p++) {
		const double *raw = g->raw[order][p];

		if (!g->on[p])
			continue;
		for (int i = 0; i < rounds; i++) {
			net[i] = raw[i] - empty[i];
			sorted[i] = raw[i];
		}
		results[p].raw_min = least(raw, rounds);
		results[p].net_min = results[p].raw_min - least(empty, rounds);
		results[p].raw_median = median(sorted, rounds);
		results[p].net_median = median(net, rounds);
	}
}

/* A minimum that no other run came near may be an accident, or all others were disturbed. */
static bool confirmed(const double *raw, int rounds)
{
	double sorted[MAX_ROUNDS];

	memcpy(sorted, raw, sizeof(*raw) * (size_t)rounds);
	median(sorted, rounds);
	return sorted[1] < sorted[0] * 1.02 + 0.3;
}

static bool all_confirmed(const struct group *g, int orders)
{
	for (int i = 0; i < orders * PROGRAMS; i++)
		if (g->on[i % PROGRAMS] &&
		    !confirmed(g->raw[i / PROGRAMS][i % PROGRAMS], g->rounds))
			return false;
	return true;
}

/* As many rounds as were asked for; up to a third more, where the machine is not quiet. */
static void measure_rounds(struct group *g, const struct column *c, int orders)
{
	const int asked = g->o->rounds,
		  most = asked * 4 / 3 < MAX_ROUNDS ? asked * 4 / 3 : MAX_ROUNDS;

	for (g->rounds = 0; g->rounds < asked; g->rounds++)
		one_round(g, c, g->rounds, orders);
	while (g->rounds < most && !all_confirmed(g, orders))
		one_round(g, c, g->rounds++, orders);
}

static void measure_column(struct group *g, int column, struct table *t, int orders)
{
	const struct column *c = &columns[column];
	int family = g->stand.family == 6, order, p;

	if (c->pattern == ZIPF)
		stand_load_zipf(&g->stand, c->flows);
	for (p = 0; p < PROGRAMS; p++)
		if (g->on[p])
			warm_up(&g->stand, &g->lanes[p], &g->plan, c->pattern, c->flows,
				g->o->quick);
	measure_rounds(g, c, orders);
	for (order = 0; order < orders; order++)
		sum_up(g, (enum order)order, t->result[g->stand.hook][family][order][column]);
}

/* ---- groups of columns, by what can share tables ---- */

static void open_group(struct group *g, enum hook hook, int family, enum traffic traffic,
		       bool large)
{
	struct stand_sizes sizes;

	g->plan = plan_for(large ? g->o->memory_large : MEMORY_SMALL);
	sizes = sizes_for(&g->plan);
	stand_open(&g->stand, hook, family, traffic, &sizes, g->o->cpu);
	for (int p = 0; p < PROGRAMS; p++) {
		struct front front = front_of((enum program)p);

		if (g->on[p] && is_weir((enum program)p))
			shipped_load(&g->shipped[p], NULL, tables_of((enum program)p), &g->plan,
				     hook, g->o->cpu, &front);
		if (g->on[p])
			lane_open(&g->stand, &g->lanes[p], (enum program)p,
				  is_weir((enum program)p) ? &g->shipped[p] : NULL);
	}
}

static void close_group(struct group *g)
{
	for (int p = 0; p < PROGRAMS; p++) {
		if (!g->on[p])
			continue;
		lane_check(&g->stand, &g->lanes[p]);
		lane_close(&g->lanes[p]);
		if (is_weir((enum program)p))
			shipped_close(&g->shipped[p]);
	}
	stand_close(&g->stand);
}

static void measure_group(struct group *g, enum hook hook, int family, bool large, struct table *t,
			  int orders)
{
	open_group(g, hook, family, t->traffic, large);
	for (int i = 0; i < COLUMNS; i++) {
		if (columns[i].large != large)
			continue;
		progress("%s, IPv%d, %s: %s flows", hook_names[hook], family,
			 traffic_names[t->traffic], columns[i].title);
		measure_column(g, i, t, orders);
		for (int order = 0; order < orders; order++)
			for (int p = 0; p < PROGRAMS; p++)
				t->measured[hook][family == 6][order][i][p] = g->on[p];
	}
	close_group(g);
}

void measure_all(const struct bench_options *o, struct table *t)
{
	struct group *g = allocate(1, sizeof(*g));

	g->o = o;
	for (int p = 0; p <= WEIR; p++)
		g->on[p] = true;
	for (int i = 0; i < HOOKS * FAMILIES * 2; i++)
		measure_group(g, (enum hook)(i / 4), i & 2 ? 6 : 4, i & 1, t, ORDERS);
	free(g);
}

void measure_syns(const struct bench_options *o, struct table *t)
{
	struct group *g = allocate(1, sizeof(*g));

	g->o = o;
	g->on[EMPTY] = g->on[STOCK] = g->on[WITH_TOTALS] = true;
	g->on[WITH_FLOWS] = g->on[WITH_SYN] = g->on[WEIR] = true;
	for (int i = 0; i < FAMILIES * 2; i++)
		measure_group(g, XDP, i & 2 ? 6 : 4, i & 1, t, 1);
	free(g);
}

void measure_filters(const struct bench_options *o, struct table *t)
{
	struct group *g = allocate(1, sizeof(*g));

	g->o = o;
	g->on[EMPTY] = g->on[WEIR] = g->on[NO_SLOT] = true;
	g->on[FILTER_MATCH] = g->on[FILTER_OTHER] = true;
	for (int i = 0; i < HOOKS * FAMILIES; i++)
		measure_group(g, (enum hook)(i / FAMILIES), i % FAMILIES ? 6 : 4, false, t, 1);
	free(g);
}
