/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs that bench-live puts before each other, loaded and ready: one that does nothing, one
 * that looks at a packet's header, one that also loads a random line of memory, the shipped
 * weir_xdp, and the stock design of bpf/bench.bpf.c, all with one verdict. Each is reached by a
 * tail call from contest_entry(), which counts what it hands on.
 */
#ifndef CONTEST_H
#define CONTEST_H

#include <stdint.h>

#include "tables/tables.h"

enum contestant { EMPTY, HEADER, LINE, WEIR, STOCK, CONTESTANTS };

extern const char *const contest_names[CONTESTANTS];

struct contest {
	struct sink_bpf *sink;
	struct bench_bpf *bench;
	struct weir_bpf *weir;
	struct tables tables; /* weir's */
};

/*
 * Loads them all, over tables that weir would make of `memory` bytes; the stock design has room
 * for as many flows. Returns NULL, or what went wrong with errno set.
 */
const char *contest_load(struct contest *c, uint64_t memory, uint32_t verdict);
/* Has `who` come next. 0 or a negative errno. */
int contest_turn(const struct contest *c, enum contestant who);
int contest_entry(const struct contest *c);

/* Loads only the TC program that drops what comes to it, and counts it. NULL or what went wrong. */
const char *contest_load_end(struct contest *c);
int contest_end(const struct contest *c);

/* Id of the map with the number of packets received, for the generator to follow, and that number.
 */
uint32_t contest_map(const struct contest *c);
uint64_t contest_received(const struct contest *c);

#endif
