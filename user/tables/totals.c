/* SPDX-License-Identifier: GPL-2.0 */
/* Sums over all CPUs; see totals.h. */
#include <sched.h>
#include <string.h>

#include "tables/cells.h"
#include "tables/strand.h"
#include "tables/totals.h"

static void add(struct weir_sum *to, struct weir_sum more)
{
	to->packets += more.packets;
	to->bytes += more.bytes;
}

/* In order: sizes, added first, are read last. */
static void add_words(void *to, const void *from, size_t size)
{
	size_t i;

	for (i = 0; i < size / 8; i++)
		((__u64 *)to)[i] += word_load(&((const __u64 *)from)[i]);
}

struct weir_sum totals_class(const struct totals *t, enum weir_dir dir, enum weir_class class)
{
	uint32_t from = class == WEIR_IPV4   ? WEIR_KIND_IPV4
			: class == WEIR_IPV6 ? WEIR_KIND_IPV6
					     : class;
	uint32_t i, n = class == WEIR_IPV4 || class == WEIR_IPV6 ? WEIR_IP_KINDS : 1;
	struct weir_sum sum = { 0 };

	for (i = from; i < from + n; i++)
		add(&sum, t->kind[dir][i]);
	return sum;
}

struct weir_sum totals_proto(const struct totals *t, enum weir_dir dir, enum weir_ip_kind proto)
{
	uint32_t i, n = proto == WEIR_IP_TCP ? WEIR_IP_KINDS - WEIR_IP_TCP : 1;
	struct weir_sum sum = { 0 };

	for (i = proto; i < proto + n; i++) {
		add(&sum, t->kind[dir][WEIR_KIND_IPV4 + i]);
		add(&sum, t->kind[dir][WEIR_KIND_IPV6 + i]);
	}
	return sum;
}

uint64_t totals_tcp(const struct totals *t, enum weir_dir dir, uint32_t with, uint32_t without)
{
	uint64_t n = 0;
	uint32_t flags;

	for (flags = 0; flags < WEIR_IP_KINDS - WEIR_IP_TCP; flags++)
		if ((flags & with) == with && !(flags & without)) {
			n += t->kind[dir][WEIR_KIND_IPV4 + WEIR_IP_TCP + flags].packets;
			n += t->kind[dir][WEIR_KIND_IPV6 + WEIR_IP_TCP + flags].packets;
		}
	return with & WEIR_KIND_FIN ? n - t->fin_repeats[dir] : n;
}

void totals_read(const struct tables *t, struct totals *out)
{
	uint32_t cpu;
	int dir, class;

	memset(out, 0, sizeof(*out));
	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		const struct weir_totals *from = &t->cpu[cpu].totals;

		add_words(out->kind, from->kind, sizeof(out->kind));
		add_words(out->fin_repeats, from->fin_repeats, sizeof(out->fin_repeats));
		add_words(out->filtered, from->filtered, sizeof(out->filtered));
		add_words(out->reason, from->reason, sizeof(out->reason));
		add_words(out->size, from->size, sizeof(out->size));
	}
	for (class = 0; class < WEIR_CLASSES; class ++)
		for (dir = 0; dir < 4; dir++)
			add(&out->class[class],
			    totals_class(out, (enum weir_dir)dir, (enum weir_class) class));
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

struct weir_sum totals_ip(const struct totals *t)
{
	return sum_plus(t->class[WEIR_IPV4], t -> class[WEIR_IPV6]);
}

uint64_t totals_sizes(const struct totals *t)
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
	uint32_t at, end;

	for (at = 0; at < WEIR_CELLS; at = end) {
		end = at + CELLS_BLOCK;
		if (!cells_any((const uint64_t *)&cells[at]))
			continue;
		for (; at < end; at++) {
			__u64 cell = word_load(&cells[at]);

			if (!cell)
				continue;
			add(cells_sum(to, at),
			    (struct weir_sum){ weir_cell_packets(cell), weir_cell_bytes(cell) });
		}
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
