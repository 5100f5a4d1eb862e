/* SPDX-License-Identifier: GPL-2.0 */
/* The tables a person reads, within 100 columns: the answer first, then what it is made of. */
#ifndef WEIR_BENCH_PRINT_H
#define WEIR_BENCH_PRINT_H

#include "bench.h"

/* The processor and the kernel, in one line. */
void machine_name(char *out, size_t size);

void print_heading(const struct bench_options *o);
void print_table(const struct table *t);
void print_syns(const struct table *t);
void print_filters(const struct table *t);
/* From 100 Mbit/s to 400 Gbit/s: what a packet may cost, and the cores that weir needs. */
void print_line_rates(const struct table *t);

#endif
