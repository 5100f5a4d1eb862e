/* SPDX-License-Identifier: GPL-2.0 */
/* What CPUs count beside flows and SYN records: sums over all of them, read while they write. */
#ifndef WEIR_TOTALS_H
#define WEIR_TOTALS_H

#include "tables.h"

/* Classes are read before sizes, which CPUs add first: no class is ahead of them. */
void totals_read(const struct tables *t, struct weir_totals *out);
struct weir_sum totals_reentered(const struct tables *t);
/* What is in flows: IPv4 and IPv6. */
struct weir_sum totals_ip(const struct weir_totals *t);
/* Frames in the sizes. */
uint64_t totals_sizes(const struct weir_totals *t);
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
