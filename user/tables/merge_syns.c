/* SPDX-License-Identifier: GPL-2.0 */
/* One list of all CPUs' SYN records; see merge_syns.h. */
#include "tables/merge_syns.h"
#include "tables/table_use.h"

/* The record of that number, with nothing counted. */
static struct weir_syn record_of(const struct staged *st, uint32_t i)
{
	const struct weir_syn_key k = stage_syn_key(st, i);
	struct weir_syn y = { .addr = { k.addr[0], k.addr[1] } };

	weir_tail_word(&y) = k.tail;
	return y;
}

/* Records of a staged SYN, RST or FIN that the copy has not, counted as headers/weir/syn.h will. */
static int add_staged(const struct staged *st, uint32_t i, struct store *out)
{
	const struct weir_packet *p = &st->packet[i];
	const uint8_t flags = ((const struct weir_flow *)p)->tcp_flags;
	struct weir_syn record[2];
	struct syn_sum sums[2];
	uint32_t k, n = 0;

	if (!weir_is_syn(p))
		return 0;
	for (k = 0; k < 2; k++) {
		record[k] = record_of(st, 2 * i + k);
		weir_syn_add(&record[k], flags);
	}
	if ((flags & (WEIR_TCP_SYN | WEIR_TCP_ACK)) == WEIR_TCP_SYN)
		weir_syn_sketch(&record[0], &record[1], p);
	for (k = 0; k < 2; k++)
		if (!(st->in_syns >> (2 * i + k) & 1))
			sums[n++] = syn_sum_of(&record[k]);
	return n ? store_add_syns(out, sums, n) : 0;
}

/* The records of a bundle; how many in *live. */
static int add_bundle(const struct strand *s, uint32_t number, struct store *out, uint64_t *live)
{
	const struct bundle *b = &s->bundle[number];
	const line_t *line = strand_lines(s, number);
	struct syn_sum sums[64];
	uint32_t n = 0, i;

	for (i = 0; i < b->lines; i++) {
		const struct weir_syn *y = (const struct weir_syn *)line[i];

		if (weir_syn_activity(y))
			sums[n++] = syn_sum_of(y);
	}
	*live += n;
	return n ? store_add_syns(out, sums, n) : 0;
}

int merge_syns(const struct syn_merge *m, struct store *out, uint64_t *live)
{
	uint32_t cpu, i;
	int err = store_copy_syns(out, m->ended);

	for (cpu = 0; cpu < m->cpus && !err; cpu++) {
		const struct staged *st = &m->staged[cpu];
		const struct strand *s = &m->syns[cpu];

		for (i = 0; i < st->n && !err; i++)
			err = add_staged(st, i, out);
		for (i = 0; i < strand_bundles(s) && !err; i++)
			err = add_bundle(s, i, out, live);
	}
	return err;
}
