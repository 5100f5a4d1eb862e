/* SPDX-License-Identifier: GPL-2.0 */
/*
 * 64 cores and 400 Gbit/s; see model.h. Packets are spread evenly, as receive side scaling does
 * with many flows. Each load is of a frame size and of so many packets a flow: a flow that is not
 * seen again is ended some time later, so in the long run flows end as fast as they begin.
 */
#include <math.h>
#include <stdio.h>

#include <weir/abi.h>

#include "measure.h"
#include "model.h"

#define CORES 64
#define GBIT 400.0
#define OVERHEAD 20    /* bytes on the wire beside a frame with its FCS */
#define READ_EVERY 0.1 /* s between two reads of the ended rings */

static const struct load {
	const char *name;
	double frame; /* bytes, with FCS */
	double packets_a_flow;
	int column; /* whose cost a packet has */
} loads[] = {
	{ "64-byte frames, every one a new flow", 64, 1, 5 },
	{ "64-byte frames, a million flows a core", 64, 1000, 3 },
	{ "512-byte frames, 20 a flow, Zipf", 512, 20, 4 },
	{ "1,500-byte frames, 100 a flow, Zipf", 1518, 100, 4 },
};

static double dearer(const struct table *t, int column)
{
	return fmax(t->result[XDP][0][SERIAL][column][WEIR].net_min,
		    t->result[XDP][0][PIPELINED][column][WEIR].net_min);
}

static void print_load(const struct table *t, const struct reading *r, const struct load *l)
{
	double packets = GBIT * 1e9 / 8 / (l->frame + OVERHEAD),
	       ended = packets / l->packets_a_flow;
	double ns = dearer(t, l->column), ring;

	ring = exp2(ceil(log2(ended / CORES * READ_EVERY)));
	printf("%-40s %7.1f %7.1f %7.0f%% %9.2f %8.1f %8.1f\n", l->name, packets / 1e6,
	       CORES * 1e9 / packets, packets / CORES * ns / 1e7, ended / 1e6,
	       ring * sizeof(struct weir_ended_flow) / (1 << 20), ended / 1e6 / r->fresh);
}

void model_print(const struct table *t, const struct reading *r)
{
	struct plan plan = plan_for(MEMORY_LARGE);

	printf("\nOn paper: %.0f Gbit/s over %d cores such as this one, by the dearer of serial "
	       "and "
	       "pipelined;\nstores at %.1f million ended records/s each (fresh flows)\n\n",
	       GBIT, CORES, r->fresh);
	printf("%-40s %7s %7s %8s %9s %8s %8s\n%-40s %7s %7s %8s %9s %8s %8s\n", "", "Mpkt/s",
	       "ns/core", "weir", "ended", "ring/CPU", "store", "", "", "budget", "share", "M/s",
	       "MiB", "threads");
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		print_load(t, r, &loads[i]);
	printf("\nring/CPU: for a read every %.0f ms. A partition of %u MiB a CPU holds %.1f "
	       "million "
	       "flow records\nand %.2f million ended ones; %d of them take %.1f GiB.\n",
	       READ_EVERY * 1e3, MEMORY_LARGE, plan.flow_sets * WEIR_WAYS / 1e6, plan.ended / 1e6,
	       CORES, MEMORY_LARGE * CORES / 1024.0);
}
