/* SPDX-License-Identifier: GPL-2.0 */
/* Sums over all CPUs; see totals.h. */
#include <sched.h>
#include <string.h>

#include "strand.h"
#include "table_use.h"
#include "totals.h"

void totals_read(const struct tables *t, struct weir_totals *out)
{
	uint32_t cpu;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		const __u64 *from = (const __u64 *)&t->cpu[cpu].totals;

		for (i = 0; i < sizeof(*out) / 8; i++)
			((__u64 *)out)[i] += word_load(&from[i]);
	}
}

struct weir_sum totals_reentered(const struct tables *t)
{
	struct weir_sum sum = { 0 };
	uint32_t cpu;

	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		sum.packets += word_load(&t->cpu[cpu].reentered.packets);
		sum.bytes += word_load(&t->cpu[cpu].reentered.bytes);
	}
	return sum;
}

struct weir_sum totals_ip(const struct weir_totals *t)
{
	return sum_plus(t->class[WEIR_IPV4], t -> class[WEIR_IPV6]);
}

uint64_t totals_sizes(const struct weir_totals *t)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < WEIR_SIZE_BUCKETS; i++)
		n += t->size[i];
	return n;
}

/* Cells on their way to the sums, now or up to now. */
static __u64 spills(const struct tables *t)
{
	unsigned int spins = 0;
	uint32_t cpu;
	__u64 n, sum = 0;

	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		while ((n = word_load(&t->cpu[cpu].spills)) & 1)
			if (++spins % 1024 == 0)
				sched_yield();
		sum += n;
	}
	return sum;
}

/* A CPU adds to its cells only as flows end. */
static void add_cells(const __u64 *cells, struct weir_port *to)
{
	uint32_t at;

	for (at = 0; at < WEIR_CELLS; at++) {
		__u64 cell = word_load(&cells[at]);
		struct weir_sum *sum = &to[at >> 17 << 16 | (at & 0xffff)].role[at >> 16 & 1];

		if (!cell)
			continue;
		sum->packets += weir_cell_packets(cell);
		sum->bytes += weir_cell_bytes(cell);
	}
}

static void copy_ports(const struct tables *t, struct weir_port *to)
{
	uint32_t cpu;

	memcpy(to, t->ports, WEIR_PORTS * sizeof(*to));
	for (cpu = 0; cpu < t->plan.cpus && !t->plan.ports_shared; cpu++)
		if (word_load(&t->cpu[cpu].ended.head))
			add_cells(t->cells + (size_t)cpu * WEIR_CELLS, to);
}

/* A cell spills once in millions of packets: what was copied meanwhile is copied again. */
void ports_read(const struct tables *t, struct weir_port *to)
{
	__u64 before;

	do {
		before = spills(t);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		copy_ports(t, to);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (spills(t) != before);
}
