/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What weir costs: nanoseconds a packet, as the kernel measures its programs, and the CPU time
 * of this process.
 *
 * The kernel's measuring is switched on for COST_SAMPLE of every COST_EVERY seconds, for it costs
 * something itself, on every packet of every BPF program; where it is on anyway, nothing is
 * switched.
 */
#ifndef WEIR_TOP_COST_H
#define WEIR_TOP_COST_H

#include "attach/live.h"

#define COST_SAMPLE 0.5
#define COST_EVERY 20.0
#define COST_PROGRAMS 32 /* two of each interface */

struct cost {
	int prog_fd[COST_PROGRAMS];
	int count;
	int stats_fd; /* the switch, -1 while it is off */
	uint64_t then_ns[COST_PROGRAMS], then_runs[COST_PROGRAMS];
	double since; /* when the sample began, or ended */
	bool measured;
	double per_packet; /* ns, of all programs; 0: no packet came by */
	double cpu_then, wall_then;
	double cpu; /* of a CPU, since the frame before */
};

void cost_open(struct cost *c, const struct live *lives, int count);
void cost_close(struct cost *c);
/* Called now and then, with the time in seconds: begins and ends samples. */
void cost_tick(struct cost *c, double now);
/* At each frame: this process's share of a CPU since the last. */
void cost_frame(struct cost *c, double now);

#endif
