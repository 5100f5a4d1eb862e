/* SPDX-License-Identifier: GPL-2.0 */
/* Sums of ports from read to read; see ports.h. */
#include <string.h>

#include "tables/ports.h"
#include "tables/strand.h"
#include "tables/totals.h"

/*
 * How many flows ended, on all CPUs. Between two commits all of them are in the ports: where the
 * number is what it was, so are they.
 */
static __u64 flows_ended(const struct tables *t)
{
	__u64 commits, head, sum = 0;
	uint32_t cpu;

	for (cpu = 0; cpu < t->plan.cpus; cpu++) {
		do {
			commits = commits_at_rest(&t->cpu[cpu]);
			head = word_load(&t->cpu[cpu].ended.head);
		} while (word_load(&t->cpu[cpu].commits) != commits);
		sum += head;
	}
	return sum;
}

/* A block's sums, as they were without live flows. */
static void restore_block(const struct kept_ports *k, struct weir_port *to, uint32_t block)
{
	uint32_t at = block * CELLS_BLOCK;
	const uint32_t end = at + CELLS_BLOCK;

	for (; at < end; at++)
		*cells_sum(to, at) = *cells_sum(k->ended, at);
}

static void restore(const struct kept_ports *k, struct weir_port *to)
{
	uint32_t word;
	__u64 bits;

	for (word = 0; word < CELLS_BLOCKS / 64; word++)
		for (bits = k->live[word]; bits; bits &= bits - 1)
			restore_block(k, to, word * 64 + (uint32_t)__builtin_ctzll(bits));
}

/* From the second time on that none has ended: what is in no rest is not worth a copy. */
static bool keep(struct kept_ports *k, const struct tables *t)
{
	if (!k->ended)
		k->ended = table_alloc(WEIR_PORTS * sizeof(*k->ended));
	if (k->ended)
		ports_read(t, k->ended);
	return k->ended;
}

void ports_begin(struct kept_ports *k, const struct tables *t, struct weir_port *to, bool same)
{
	const __u64 count = flows_ended(t);
	const bool kept = k->kept && count == k->count;

	k->kept = kept || (count == k->count && keep(k, t));
	if (kept && same)
		restore(k, to);
	else if (k->kept)
		memcpy(to, k->ended, WEIR_PORTS * sizeof(*to));
	else
		ports_read(t, to);
	k->count = count;
	memset(k->live, 0, sizeof(k->live));
}

void ports_free(struct kept_ports *k)
{
	table_free(k->ended);
	*k = (struct kept_ports){ 0 };
}
