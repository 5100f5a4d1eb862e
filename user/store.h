/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sums by key, in user space: flows merged over CPUs and with what they ended earlier, SYN
 * records likewise. Counters are 64 bits wide and times are ns since the epoch.
 *
 * Entries lie densely in the order they came; none is ever removed but all at once. A store
 * with a limit refuses new keys past it, and the caller accounts for what it refused.
 */
#ifndef WEIR_STORE_H
#define WEIR_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <weir/abi.h>

struct index {
	uint32_t *slots; /* entry number + 1, 0 for none */
	uint32_t mask;
};

struct flow_sum {
	uint64_t tail; /* of the key: flags, gen and WEIR_META_PORTS cleared */
	uint64_t src[2];
	uint64_t dst[2];
	uint64_t packets;
	uint64_t bytes;
	uint64_t ip_bytes;
	uint64_t first;
	uint64_t last;
	uint8_t tcp_flags;
};

struct syn_count {
	uint64_t syn, synack, rst, fin;
};

struct syn_sum {
	uint64_t addr[2];
	uint64_t syn, synack, rst, fin;
	__be16 port;
	uint8_t meta; /* role and family */
	uint8_t sketch[32];
};

struct store {
	struct flow_sum *flows;
	struct syn_sum *syns;
	uint32_t flow_count, flow_room, flow_limit; /* limit 0: none */
	uint32_t syn_count, syn_room;
	struct index flow_index;
	struct index syn_index;
	struct weir_sum total;	    /* of all flows */
	struct syn_count syn_total; /* of all sources */
};

void store_clear(struct store *s);
void store_free(struct store *s);

/* Adds a record. `sum` may overlap what is there. 0, -ENOMEM, or -ENOSPC past the limit. */
int store_add_flow(struct store *s, const struct flow_sum *sum);
int store_add_syn(struct store *s, const struct syn_sum *sum);
/* Removes the first so many flows and SYN records; the others keep their order. */
void store_drop(struct store *s, uint32_t flows, uint32_t syns);
/* Adds all of `from` to `to`. */
int store_merge(struct store *to, const struct store *from);

/* From a table's record; times in ns are the caller's, who knows the clock. */
struct flow_sum flow_sum_of(const struct weir_flow *r, uint64_t first, uint64_t last);
struct syn_sum syn_sum_of(const struct weir_syn *r);

#endif
