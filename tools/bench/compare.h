/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two builds' programs, paired: which figure moved beyond noise.
 *
 * Where a program and its tables happen to lie in memory moves a figure by as much as a ns, from
 * one load of the same file to the next. So the sample is a pair of loads, not a run: both builds
 * are loaded afresh for every pair, and take turns run by run within it.
 */
#ifndef WEIR_BENCH_COMPARE_H
#define WEIR_BENCH_COMPARE_H

#include "bench.h"

#define COMPARE_PAIRS 24

struct compare_options {
	const char *before, *after; /* two weir.bpf.o */
	int pairs;
	int cpu;
	bool quick;	  /* only the first two figures */
	const char *only; /* those whose label this regular expression is in; NULL: all */
};

/* Prints the figures. Returns how many got slower beyond noise. */
int compare_objects(const struct compare_options *o);

#endif
