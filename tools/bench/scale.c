/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Three series; see scale.h. IPv4 at XDP, pipelined, everything on, flows in random order; net of
 * the empty program at the same point.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/abi.h>

#include "measure.h"
#include "plot.h"
#include "print.h"
#include "scale.h"

#define ROUNDS 9
#define LANES 4
#define MEMORY_HUGE 4096U /* MiB a CPU: sixteen million flows and room */
#define MEMORY_LEAST 6U
#define FLOWS_MOST (1U << 24)
#define FLOWS_STOCK (1U << 20) /* its map takes long to make, and longer to fill */

/* A stand with what is measured in it; lane 0 is the empty program. */
struct rig {
	const struct bench_options *o;
	struct stand stand;
	struct plan plan[LANES];
	struct shipped shipped[LANES];
	struct lane lanes[LANES];
	int count;
};

static int rounds_of(const struct rig *r)
{
	return r->o->quick ? 2 : ROUNDS;
}

static void rig_open(struct rig *r, const struct bench_options *o, int family,
		     const struct stand_sizes *sizes)
{
	r->o = o;
	r->count = 0;
	stand_open(&r->stand, XDP, family, UDP, sizes, o->cpu);
	lane_open(&r->stand, &r->lanes[r->count++], EMPTY, NULL);
}

static int rig_add(struct rig *r, enum program program, const struct plan *plan)
{
	int i = r->count++;

	r->plan[i] = *plan;
	if (program == WEIR)
		shipped_load(&r->shipped[i], NULL, WEIR_TABLE_ALL, plan, XDP, r->o->cpu, NULL);
	lane_open(&r->stand, &r->lanes[i], program, program == WEIR ? &r->shipped[i] : NULL);
	return i;
}

static void rig_close(struct rig *r)
{
	for (int i = 0; i < r->count; i++) {
		lane_check(&r->stand, &r->lanes[i]);
		lane_close(&r->lanes[i]);
		if (r->lanes[i].shipped)
			shipped_close(&r->shipped[i]);
	}
	stand_close(&r->stand);
}

static double one_run(struct rig *r, int lane, uint32_t flows)
{
	const uint32_t lead = r->o->quick	? 8192
			      : flows > 1 << 16 ? 1 << 15
			      : flows < 8192	? 16384
						: 2 * flows;
	double ns;

	stand_choose(&r->stand, RANDOM, flows, PIPELINED);
	ns = lane_run(&r->stand, &r->lanes[lane], lead);
	return lane_run(&r->stand, &r->lanes[lane], packets_in(r->o->run_ms, ns));
}

/* Net ns of every lane at so many flows; NAN where a lane is left out. */
static void measure(struct rig *r, uint32_t flows, uint32_t leave_out, double *net)
{
	for (int i = 0; i < r->count; i++) {
		net[i] = INFINITY;
		if (!(leave_out & 1U << i))
			warm_up(&r->stand, &r->lanes[i], &r->plan[i], RANDOM, flows, r->o->quick);
	}
	for (int round = 0; round < rounds_of(r); round++)
		for (int i = 0; i < r->count; i++)
			if (!(leave_out & 1U << i))
				net[i] = fmin(net[i], one_run(r, i, flows));
	for (int i = r->count - 1; i >= 0; i--)
		net[i] = isinf(net[i]) ? NAN : net[i] - net[0];
}

/* ---- flows ---- */

static uint64_t memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib << 10;
}

/* MiB a CPU that this machine can give to one partition, with half left for the rest. */
static uint32_t largest_memory(const struct bench_options *o)
{
	uint64_t free_mib = memory_available() >> 21;
	uint32_t mib = MEMORY_HUGE;

	if (o->quick)
		return MEMORY_QUICK;
	while (mib > MEMORY_LARGE && mib > free_mib)
		mib /= 2;
	return mib;
}

static const char *flows_label(uint32_t flows)
{
	char label[32];

	snprintf(label, sizeof(label),
		 flows < 1024	   ? "%u"
		 : flows < 1 << 20 ? "%u k"
				   : "%u M",
		 flows < 1024	   ? flows
		 : flows < 1 << 20 ? flows >> 10
				   : flows >> 20);
	return strdup(label);
}

static void flows_axis(struct axis *a, uint32_t most)
{
	*a = (struct axis){ .title = "flows, in random order", .logarithmic = true, .low = 1 };
	a->high = most;
	for (uint32_t flows = 1; flows <= most; flows *= 4) {
		a->at[a->ticks] = flows;
		a->label[a->ticks++] = flows_label(flows);
	}
}

static void add_points(struct plot *p, double x, const double *net)
{
	for (int i = 0; i < p->count; i++)
		if (!isnan(net[i + 1]))
			series_add(&p->series[i], x, fmax(net[i + 1], 1));
}

static const char *table_name(uint32_t mib)
{
	struct plan plan = plan_for(mib);
	char name[64];

	snprintf(name, sizeof(name), "weir, --memory %u", mib * plan.cpus);
	return strdup(name);
}

static void plot_flows(const struct bench_options *o, struct plot *p)
{
	const uint32_t mib = largest_memory(o);
	struct plan huge = plan_for(mib), small = plan_for(MEMORY_SMALL);
	struct stand_sizes sizes = sizes_for(&huge);
	uint32_t most = FLOWS_MOST, stock = 1U << 4;
	struct rig *r = allocate(1, sizeof(*r));
	double net[LANES];

	while (most > huge.flow_sets * WEIR_WAYS / 5 * 4)
		most /= 4;
	rig_open(r, o, 4, &sizes);
	rig_add(r, WEIR, &huge);
	rig_add(r, WEIR, &small);
	rig_add(r, FLOOR_LOAD, &huge);
	p->count = 3;
	p->series[0] = (struct series){ .name = table_name(mib), .numbers = true };
	p->series[1] = (struct series){ .name = table_name(MEMORY_SMALL), .tone = TONE_WEIR_TOO };
	p->series[2] = (struct series){ .name = "one random line", .tone = TONE_FLOOR };
	for (uint32_t flows = 1; flows <= most; flows *= 4) {
		progress("scale: %u flows", flows);
		measure(r, flows, 0, net);
		add_points(p, flows, net);
	}
	rig_close(r);
	rig_open(r, o, 4, &sizes);
	rig_add(r, STOCK, &huge);
	p->series[p->count] = (struct series){ .name = "stock design", .tone = TONE_OTHER };
	for (stock = 1; stock <= FLOWS_STOCK && stock <= most; stock *= 4) {
		progress("scale: stock design, %u flows", stock);
		measure(r, stock, 0, net);
		series_add(&p->series[p->count], stock, net[1]);
	}
	p->count++;
	rig_close(r);
	flows_axis(&p->x, most);
	axis_numbers(&p->y, 1, 1000, true);
	free(r);
}

/* ---- memory ---- */

/* Of 100 packets, how many found no record of their flow, and ended another's. */
static double ended_share(const struct rig *r, int lane, uint64_t given, uint64_t ended)
{
	struct counted now;

	shipped_count(&r->shipped[lane], 4, &now);
	return 100.0 * (double)(now.endings - ended) / (double)(r->lanes[lane].given - given);
}

static const char *percent(double value)
{
	char text[32];

	snprintf(text, sizeof(text), value >= 9.5 || value == 0 ? "%.0f %%" : "%.1f %%", value);
	return strdup(text);
}

static void measure_memory(const struct bench_options *o, struct plot *p, uint32_t mib)
{
	const uint32_t flows = o->quick ? 1 << 16 : 1 << 20;
	struct rig *r = allocate(1, sizeof(*r));
	struct plan plan = plan_for(mib);
	struct stand_sizes sizes = sizes_for(&plan);
	double net[LANES], again[LANES];
	struct axis *x = &p->x;
	struct counted before;
	char label[32];
	uint64_t given;

	progress("scale: %u MiB a CPU", mib);
	rig_open(r, o, 4, &sizes);
	rig_add(r, WEIR, &plan);
	measure(r, flows, 0, net);
	shipped_count(&r->shipped[1], 4, &before);
	given = r->lanes[1].given;
	measure(r, flows, 0, again);
	series_add(&p->series[0], mib * plan.cpus, fmin(net[1], again[1]));
	snprintf(label, sizeof(label), "%u", mib * plan.cpus);
	x->at[x->ticks] = mib * plan.cpus;
	x->note[x->ticks] = percent(ended_share(r, 1, given, before.endings));
	x->label[x->ticks++] = strdup(label);
	rig_close(r);
	free(r);
}

static void plot_memory(const struct bench_options *o, struct plot *p)
{
	static const uint32_t all[] = { MEMORY_LEAST, 8, 16, 32, 64, 128, 256, 512 };
	struct axis *x = &p->x;
	double high = 0;

	p->count = 1;
	p->series[0] = (struct series){ .name = "weir", .numbers = true };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!o->quick || all[i] == 8 || all[i] == 32)
			measure_memory(o, p, all[i]);
	for (int i = 0; i < p->series[0].points; i++)
		high = fmax(high, p->series[0].y[i]);
	x->title = "--memory in MiB; below it, of 100 packets those that ended another flow's "
		   "record";
	x->logarithmic = true;
	x->low = x->at[0];
	x->high = x->at[x->ticks - 1];
	axis_numbers(&p->y, 0, high, false);
}

/* ---- IPv4 and IPv6 mixed ---- */

static void plot_mix(const struct bench_options *o, struct plot *p)
{
	static const uint32_t counts[] = { 1 << 20, 1 << 16, 1 << 10 };
	struct plan plan = plan_for(o->quick ? MEMORY_QUICK : MEMORY_LARGE);
	struct stand_sizes sizes = sizes_for(&plan);
	struct rig *r = allocate(1, sizeof(*r));
	double net[LANES], high = 0;

	rig_open(r, o, 0, &sizes);
	rig_add(r, WEIR, &plan);
	for (int i = 0; i < 3; i++) {
		struct series *s = &p->series[p->count++];

		*s = (struct series){ .name = flows_label(counts[i]), .numbers = true };
		s->tone = i == 0 ? TONE_WEIR : i == 1 ? TONE_WEIR_TOO : TONE_OTHER;
		for (uint32_t share = 0; share <= 256; share += o->quick ? 128 : 32) {
			progress("scale: %u of 256 flows IPv6", share);
			stand_mix(&r->stand, share);
			measure(r, counts[i], 0, net);
			series_add(s, share * 100 / 256.0, net[1]);
			high = fmax(high, net[1]);
		}
	}
	rig_close(r);
	axis_numbers(&p->x, 0, 100, false);
	p->x.title = "of 100 flows those that are IPv6";
	axis_numbers(&p->y, 0, high, false);
	free(r);
}

/* ---- what is left ---- */

static void write_series(FILE *f, const char *plot, const struct series *s, const char **separator)
{
	for (int i = 0; i < s->points; i++) {
		fprintf(f,
			"%s\n{\"plot\": \"%s\", \"series\": \"%s\", \"x\": %g, \"net_ns_min\": "
			"%.2f}",
			*separator, plot, s->name, s->x[i], s->y[i]);
		*separator = ",";
	}
}

/* As the axis has it, or a plain number. */
static void print_x(const struct axis *a, double x)
{
	for (int i = 0; i < a->ticks; i++)
		if (fabs(a->at[i] - x) <= 1e-6 * fabs(x)) {
			printf(" %5s", a->label[i]);
			return;
		}
	printf(" %5.1f", x);
}

static void print_plot(const struct plot *p)
{
	printf("\n%s\n%-22s", p->title, "");
	for (int i = 0; i < p->series[0].points; i++)
		print_x(&p->x, p->series[0].x[i]);
	putchar('\n');
	for (int k = 0; k < p->count; k++) {
		printf("%-22s", p->series[k].name);
		for (int i = 0; i < p->series[k].points; i++)
			printf(" %5.0f", p->series[k].y[i]);
		putchar('\n');
	}
	if (!p->x.note[0])
		return;
	printf("%-22s", "flows ended");
	for (int i = 0; i < p->x.ticks; i++)
		printf(" %5s", p->x.note[i]);
	putchar('\n');
}

void scale_all(const struct bench_options *o)
{
	static const struct {
		const char *name, *title, *subtitle;
		void (*fill)(const struct bench_options *o, struct plot *p);
	} plots[] = {
		{ "flows", "What a packet costs, by the number of flows",
		  "Everything on, IPv4 at XDP; where a table is too small, flows end and begin "
		  "anew",
		  plot_flows },
		{ "memory", "What a packet of a million flows costs, by the memory weir is given",
		  "Everything on, IPv4 at XDP; no packet is lost, a flow that ends goes to its "
		  "reader",
		  plot_memory },
		{ "mix", "What a packet costs, by the share of IPv6",
		  "Everything on, at XDP, families mixed at random", plot_mix },
	};
	const char *separator = "[";
	char machine[256], path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/scale.json", o->dir);
	f = fopen(path, "w");
	if (!f)
		die("cannot write %s: %s", path, strerror(errno));
	machine_name(machine, sizeof(machine));
	for (size_t i = 0; i < sizeof(plots) / sizeof(plots[0]); i++) {
		struct plot *p = allocate(1, sizeof(*p));

		p->title = plots[i].title;
		p->subtitle = plots[i].subtitle;
		p->source = machine;
		plots[i].fill(o, p);
		p->y.title = "ns a packet above an empty program";
		snprintf(path, sizeof(path), "%s.svg", plots[i].name);
		plot_write(p, o->dir, path);
		for (int k = 0; k < p->count; k++)
			write_series(f, plots[i].name, &p->series[k], &separator);
		progress("%s", "");
		print_plot(p);
		free(p);
	}
	fputs("\n]\n", f);
	if (fclose(f))
		die("cannot write scale.json");
}
