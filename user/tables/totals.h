/* SPDX-License-Identifier: GPL-2.0 */
/* What CPUs count beside flows and SYN records: sums over all of them, read while they write. */
#ifndef WEIR_TOTALS_H
#define WEIR_TOTALS_H

#include "tables/tables.h"

/* The totals of all CPUs, and what they come to by class. */
struct totals {
	struct weir_sum class[8];
	struct weir_sum kind[4][WEIR_KINDS];
	__u64 fin_repeats[4];
	struct weir_sum filtered[4];
	struct weir_sum reason[32];
	__u64 size[WEIR_SIZE_BUCKETS];
};

/* Classes are read before sizes, which CPUs add first: no class is ahead of them. */
void totals_read(const struct tables *t, struct totals *out);
/* Of a direction: all that is of a class, or of a protocol (enum weir_ip_kind), IPv4 and IPv6. */
struct weir_sum totals_class(const struct totals *t, enum weir_dir dir, enum weir_class class);
struct weir_sum totals_proto(const struct totals *t, enum weir_dir dir, enum weir_ip_kind proto);
/* TCP segments that have all the flags in `with` (WEIR_KIND_*) and none of those in `without`. */
uint64_t totals_tcp(const struct totals *t, enum weir_dir dir, uint32_t with, uint32_t without);
struct weir_sum totals_reentered(const struct tables *t);
/* What is in flows: IPv4 and IPv6. */
struct weir_sum totals_ip(const struct totals *t);
/* Frames in the sizes. */
uint64_t totals_sizes(const struct totals *t);
/* Fills in WEIR_PORTS: what ended flows add up to. */
void ports_read(const struct tables *t, struct weir_port *to);

static inline struct weir_sum sum_plus(struct weir_sum a, struct weir_sum b)
{
	return (struct weir_sum){ a.packets + b.packets, a.bytes + b.bytes };
}

static inline struct weir_sum sum_minus(struct weir_sum a, struct weir_sum b)
{
	return (struct weir_sum){ a.packets - b.packets, a.bytes - b.bytes };
}

#endif
