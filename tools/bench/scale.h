/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What weir costs as it is given more to do: more flows, less memory, another share of IPv6. Plots
 * flows.svg, memory.svg and mix.svg, the numbers in scale.json.
 */
#ifndef WEIR_BENCH_SCALE_H
#define WEIR_BENCH_SCALE_H

#include "bench.h"

void scale_all(const struct bench_options *o);

#endif
