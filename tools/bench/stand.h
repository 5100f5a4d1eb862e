/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test stand: what is loaded to measure programs at one hook with one kind of traffic, and the
 * lanes in it, each a program with a driver of its own in front.
 *
 * All lanes draw flows from one state, so none runs over what another left in the caches for it.
 */
#ifndef WEIR_BENCH_STAND_H
#define WEIR_BENCH_STAND_H

#include "shipped.h"

struct stand {
	enum hook hook;
	enum traffic traffic;
	int family; /* 4, 6, or 0 for both */
	int cpu;
	struct bench_bpf *base; /* the programs weir is measured against, and all shared state */
	unsigned char frame[128];
	uint32_t frame_size;
};

struct lane {
	enum program program;
	struct shipped *shipped; /* NULL for those of the base */
	struct bench_bpf *driver;
	uint64_t given;	 /* packets, so far */
	int space, link; /* see hold(); -1: none */
};

/* Sizes of what weir is measured against. */
struct stand_sizes {
	uint32_t floor_lines;
	uint32_t stock_flows;
	uint32_t stock_syns;
};

void stand_open(struct stand *s, enum hook hook, int family, enum traffic traffic,
		const struct stand_sizes *sizes, int cpu);
void stand_close(struct stand *s);

void lane_open(struct stand *s, struct lane *l, enum program program, struct shipped *shipped);
void lane_close(struct lane *l);

/* How the packets from here on are chosen. `share6`: of 256 flows, where the family is both. */
void stand_choose(struct stand *s, enum pattern pattern, uint32_t flows, enum order order);
void stand_mix(struct stand *s, uint32_t share6);
/* Every flow in turn, for warming up. */
void stand_in_turn(struct stand *s, uint32_t flows);
/* Flows of a Zipf distribution of exponent 1, for the pattern ZIPF. */
void stand_load_zipf(struct stand *s, uint32_t flows);

/* Gives a lane `packets`; returns ns a packet, the driver's share included. */
double lane_run(struct stand *s, struct lane *l, uint32_t packets);
/* Ends the run if the programs did not count exactly what they were given. */
void lane_check(const struct stand *s, const struct lane *l);

#endif
