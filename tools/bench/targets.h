/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What weir may cost. The goals were set on a machine whose floor, one random line of memory loaded
 * and waited for, is known; on another they are scaled by the ratio of the floors. Where all is in
 * the caches there is no such floor, and nothing is scaled.
 */
#ifndef WEIR_BENCH_TARGETS_H
#define WEIR_BENCH_TARGETS_H

#include "bench.h"

/* ns a packet above an empty program, everything on, by the floor in `t`. */
double target_ns(const struct table *t, int column);
/* Of what the stock design costs, carrying the same tables. */
double target_ratio(int column);

#endif
