/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The nouns of `make bench`: programs, hooks, orders, traffic, and what one figure is.
 *
 * Nothing is attached or pinned: the shipped programs are run by BPF_PROG_TEST_RUN, reached by a
 * tail call from a driver that makes every packet another one. A benchmark has nobody to hand an
 * error to, so whatever fails ends it through die().
 */
#ifndef WEIR_BENCH_H
#define WEIR_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum program {
	EMPTY,
	FLOOR_LOAD,
	FLOOR_STORE,
	STOCK,
	WITH_TOTALS,
	WITH_FLOWS,
	WITH_PORTS,
	WITH_SYN,
	WEIR,
	NO_SLOT,      /* weir without the slot that a filter may be put in */
	FILTER_MATCH, /* weir behind a filter that all packets match */
	FILTER_OTHER, /* and one that none does */
	PROGRAMS,
};

enum hook { XDP, TC, HOOKS };
enum order { PIPELINED, SERIAL, ORDERS };
enum traffic { UDP, SYN, TCP };

/* How a packet's flow is chosen. */
enum pattern { RANDOM, ZIPF, NEW };

/* A number of flows, a table to hold them. */
struct column {
	const char *title;
	const char *json;
	uint32_t flows;
	enum pattern pattern;
	bool large; /* the large tables, not the default ones */
};

/* ns a packet; net: more than the empty program took, reached the same way in the same run. */
struct result {
	double raw_min, raw_median, net_min, net_median;
};

#define COLUMNS 6
#define FAMILIES 2 /* IPv4, IPv6 */
#define MAX_ROUNDS 99

extern const char *const program_names[PROGRAMS];
extern const char *const hook_names[HOOKS];
extern const char *const order_names[ORDERS];
extern const char *const traffic_names[];
extern const struct column columns[COLUMNS];

/* Everything of one run, by what was measured. */
struct table {
	struct result result[HOOKS][FAMILIES][ORDERS][COLUMNS][PROGRAMS];
	bool measured[HOOKS][FAMILIES][ORDERS][COLUMNS][PROGRAMS];
	enum traffic traffic;
};

struct bench_options {
	int rounds;
	double run_ms; /* of one timed run */
	int cpu;
	bool quick;
	bool scale_only;
	bool markdown; /* tables for a README instead of a terminal */
	bool reading_only;
	uint32_t memory_large; /* MiB a CPU, for columns that want more than the default */
	const char *dir;       /* for what is left behind */
};

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void *allocate(size_t count, size_t size);
/* One line on standard error, overwritten by the next, where that is a terminal. */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Leaves `values` sorted. */
double median(double *values, int count);
double least(const double *values, int count);

#endif
