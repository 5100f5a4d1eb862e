/* SPDX-License-Identifier: GPL-2.0 */
/* Every program beside every other, in rounds: what fills a struct table. */
#ifndef WEIR_BENCH_MEASURE_H
#define WEIR_BENCH_MEASURE_H

#include "stand.h"

#define MEMORY_SMALL 32U  /* MiB a CPU: `--memory 64` on two, the default */
#define MEMORY_LARGE 256U /* `--memory 512` on two */
#define MEMORY_QUICK 64U

/* The plan of `--memory` where every CPU has so much. */
struct plan plan_for(uint32_t mib_per_cpu);
/* Tables of a plan's size for what weir is measured against. */
struct stand_sizes sizes_for(const struct plan *plan);
/* What a program switches on; 0 and false for those that are not weir. */
uint32_t tables_of(enum program program);
bool is_weir(enum program program);

/* Packets for one timed run of `ms`, if one takes `ns`. */
uint32_t packets_in(double ms, double ns);
/* Every flow once; of the pattern NEW as many as fill the tables. Quick: a few of them. */
void warm_up(struct stand *s, struct lane *l, const struct plan *plan, enum pattern pattern,
	     uint32_t flows, bool quick);

void measure_all(const struct bench_options *o, struct table *t);
/* Of TCP to port 443, which is what is sent. */
#define FILTER_OF_ALL "tcp port 443"
#define FILTER_OF_NONE "tcp port 80"

/* Filters in front, and no slot for one; in the small tables, pipelined. */
void measure_filters(const struct bench_options *o, struct table *t);
/* TCP SYNs, so that the SYN table has to do; at XDP, pipelined. */
void measure_syns(const struct bench_options *o, struct table *t);

#endif
