/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Native tables with a reader over them, and packets to count there: what several unit tests need.
 * Packets come as from a file, at times in ns of the tests' choice.
 */
#ifndef WEIR_TESTS_COUNTED_H
#define WEIR_TESTS_COUNTED_H

#include <string.h>

#include "files/native.h"
#include "tables/reader.h"

struct counted {
	struct native *native;
	struct reader *reader;
	struct snapshot s;
};

/* One CPU, and tables so small that most flows end soon. */
extern const struct plan small_plan;

struct counted counted_begin(const struct plan *plan);
void counted_end(struct counted *c);
/* 60 bytes of UDP from an address of its own for each `flow` to port 256. */
void put_udp(struct counted *c, uint32_t flow, uint64_t ns);
/* The `flow` of such a packet: what its IPv4 source address is, as a number of this machine. */
static inline uint32_t flow_number(const struct flow_sum *f)
{
	uint32_t flow;

	memcpy(&flow, (const unsigned char *)f->src + 12, sizeof(flow));
	return flow;
}
/* A SYN from an address of its own for each `host` to port 80, at 1 ns. */
void put_syn(struct counted *c, uint32_t host);

#endif
