/* SPDX-License-Identifier: GPL-2.0 */
/* Answers about several interfaces: sums, and rows of all of them; see output.h. */
#include "views/output.h"
#include "base/parallel.h"

#define PARTS_MAX 16

static void add_sum(struct weir_sum *to, const struct weir_sum *from)
{
	to->packets += from->packets;
	to->bytes += from->bytes;
}

static void add_ledger(struct ledger *to, const struct ledger *from)
{
	add_sum(&to->seen, &from->seen);
	add_sum(&to->filtered, &from->filtered);
	add_sum(&to->ip, &from->ip);
	add_sum(&to->in_flows, &from->in_flows);
	add_sum(&to->unattributed, &from->unattributed);
	add_sum(&to->reentered, &from->reentered);
	to->syn_unattributed += from->syn_unattributed;
	to->balanced = to->balanced && from->balanced;
}

static void add_totals(struct totals *to, const struct totals *from)
{
	int i;

	for (i = 0; i < WEIR_CLASSES; i++)
		add_sum(&to->class[i], &from -> class[i]);
	for (i = 0; i < WEIR_REASONS; i++)
		add_sum(&to->reason[i], &from->reason[i]);
	for (i = 0; i < WEIR_SIZE_BUCKETS; i++)
		to->size[i] += from->size[i];
}

void snapshot_sum_begin(struct snapshot *sum)
{
	*sum = (struct snapshot){ .ledger.balanced = true };
}

void snapshot_sum_add(struct snapshot *sum, const struct snapshot *s)
{
	add_totals(&sum->totals, &s->totals);
	add_ledger(&sum->ledger, &s->ledger);
	sum->live += s->live;
	sum->syn_live += s->syn_live;
	sum->ended += s->ended;
}

void answer_sum(const struct answer *a, struct snapshot *sum)
{
	int i;

	snapshot_sum_begin(sum);
	for (i = 0; i < a->part_count; i++)
		snapshot_sum_add(sum, a->parts[i].snapshot);
}

int answer_rows(const struct answer *a, const struct view *v, const struct selection *sel,
		struct rows *rows, union any_row *left)
{
	const char *sort = sel->sort && view_has_key(v, sel->sort) ? sel->sort : NULL;
	struct source sources[PARTS_MAX];
	int i;

	for (i = 0; i < a->part_count && i < PARTS_MAX; i++)
		sources[i] = (struct source){ a->parts[i].snapshot,
					      (uint8_t)(a->parts[i].name ? i + 1 : 0) };
	return rows_make(rows, v, sources, i, sort, sel->limit, left);
}

struct making {
	const struct answer *a;
	const struct selection *sel;
	struct rows *rows;
};

static int make_rows(void *arg, uint32_t i)
{
	const struct making *m = arg;

	return answer_rows(m->a, m->sel->views[i], m->sel, &m->rows[i], NULL);
}

int answer_views(const struct answer *a, const struct selection *sel, struct rows *rows)
{
	struct making m = { a, sel, rows };
	/* To sort by names is to ask for them, which is for one thread at a time. */
	uint32_t threads = sel->sort || !a->threads ? 1 : a->threads, i, n = 0;
	int err;

	for (; sel->views[n]; n++)
		rows[n] = (struct rows){ 0 };
	err = parallel_run(threads, n, make_rows, &m);
	for (i = 0; err && i < n; i++)
		rows_free(&rows[i]);
	return err;
}
