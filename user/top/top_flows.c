/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flows that changed since the last frame, and the conversations they are of; see top_data.h. A
 * frame is made of cache misses: what one has to wait for is asked for a batch at a time.
 */
#include <errno.h>

#include "top/top_data.h"

#define BATCH 32
#define FLOW_KEY 40 /* bytes: the flow_sum's tail, src and dst */

/* `total`: of all flows of the interface, what was sent and what received. */
static int add_growth(struct top_data *d, uint8_t iface, struct known *k, const struct flow_sum *f,
		      uint64_t total[4])
{
	struct table *t = &d->table[TABLE_CONVERSATIONS];
	const struct weir_flow *key = (const struct weir_flow *)f;
	bool ingress = (key->meta & WEIR_META_DIR) == WEIR_DIR_INGRESS, from_peer;
	uint64_t add[4] = { 0 };
	struct conv_row *row;

	if (k->row == ROWSET_NONE) {
		k->row = conv_find(&t->set, f, iface, &from_peer);
		k->from_peer = from_peer;
	}
	if (k->row == ROWSET_NONE)
		return -ENOMEM;
	row = rowset_row(&t->set, k->row);
	add[k->from_peer * 2] = rates_grown(f->packets, k->packets);
	add[k->from_peer * 2 + 1] = rates_grown(f->bytes, k->bytes);
	total[ingress * 2] += add[k->from_peer * 2];
	total[ingress * 2 + 1] += add[k->from_peer * 2 + 1];
	k->packets = f->packets;
	k->bytes = f->bytes;
	if (!row->first || f->first < row->first)
		row->first = f->first;
	if (f->last > row->last)
		row->last = f->last;
	row->tcp_flags |= f->tcp_flags;
	return rates_add(&t->rates, k->row, add);
}

static bool not_there(const void *row, void *arg)
{
	(void)arg;
	return !((const struct known *)row)->there;
}

static uint64_t mark_of(const struct watched *w, const struct flow_sum *f)
{
	return rowset_hash(f, FLOW_KEY, w->known.seed);
}

/* Forgets flows that the reader has forgotten, when they are more than those it has. */
static void prune_known(struct watched *w)
{
	const struct store *s = &w->snapshot.store;
	uint32_t i, n;

	if (w->known.used / 2 <= s->flow_count + 1024)
		return;
	for (i = 0; i < s->flow_count; i++) {
		uint64_t mark = mark_of(w, &s->flows[i]);

		n = rowset_look(&w->known, &mark);
		if (n != ROWSET_NONE)
			((struct known *)rowset_row(&w->known, n))->there = 1;
	}
	rowset_drop(&w->known, not_there, NULL);
	for (i = 0; i < w->known.count; i++)
		((struct known *)rowset_row(&w->known, i))->there = 0;
}

/* Flows that changed, dealt with together: so that their cache misses overlap. */
struct batch {
	const struct flow_sum *flow[BATCH];
	uint32_t number[BATCH];
	uint64_t mark[BATCH];
	uint32_t known[BATCH];
	uint32_t n;
};

/*
 * Flows come in the order of the tables, and those that came together became known in that order:
 * one is as far behind the last one found as it is in the snapshot. Where that is wrong for most of
 * a batch, the next few are not asked.
 */
#define UNGUESSED 16 /* batches */

static bool is_guessed(struct watched *w)
{
	if (w->astray)
		w->astray--;
	return !w->astray;
}

static void guess_known(struct watched *w, struct batch *b)
{
	uint32_t i;

	for (i = 0; i < b->n; i++) {
		b->known[i] = b->number[i] + w->lead;
		if (b->known[i] < w->known.count)
			__builtin_prefetch(rowset_row(&w->known, b->known[i]), 1);
	}
}

/* How many are not where they were guessed to be: they are ROWSET_NONE. */
static uint32_t drop_wrong(struct watched *w, struct batch *b)
{
	uint32_t i, wrong = 0;

	for (i = 0; i < b->n; i++)
		if (!rowset_is(&w->known, b->known[i], &b->mark[i])) {
			b->known[i] = ROWSET_NONE;
			wrong++;
		}
	w->astray = wrong > b->n / 2 ? UNGUESSED : 0;
	return wrong;
}

/* Looks those up that are ROWSET_NONE. */
static int look_up(struct watched *w, struct batch *b)
{
	uint32_t i;
	bool fresh;

	for (i = 0; i < b->n; i++)
		if (b->known[i] == ROWSET_NONE)
			rowset_ask(&w->known, &b->mark[i]);
	for (i = 0; i < b->n; i++)
		if (b->known[i] == ROWSET_NONE)
			rowset_ask_row(&w->known, &b->mark[i]);
	for (i = 0; i < b->n; i++) {
		if (b->known[i] != ROWSET_NONE)
			continue;
		b->known[i] = rowset_find(&w->known, &b->mark[i], &fresh);
		if (b->known[i] == ROWSET_NONE)
			return -ENOMEM;
		if (fresh)
			((struct known *)rowset_row(&w->known, b->known[i]))->row = ROWSET_NONE;
		w->lead = b->known[i] - b->number[i];
	}
	return 0;
}

static int find_known(struct watched *w, struct batch *b)
{
	bool guessed = is_guessed(w);
	uint32_t i;

	for (i = 0; i < b->n; i++) {
		b->mark[i] = mark_of(w, b->flow[i]);
		b->known[i] = ROWSET_NONE;
	}
	if (guessed)
		guess_known(w, b);
	return guessed && !drop_wrong(w, b) ? 0 : look_up(w, b);
}

static int take_batch(struct top_data *d, struct watched *w, struct batch *b, uint64_t total[4])
{
	const struct rowset *rows = &d->table[TABLE_CONVERSATIONS].set;
	int err = find_known(w, b);
	struct known *k;
	uint32_t i;

	for (i = 0; i < b->n && !err; i++) {
		k = rowset_row(&w->known, b->known[i]);
		if (k->row != ROWSET_NONE)
			rowset_ask_whole(rows, k->row);
	}
	for (i = 0; i < b->n && !err; i++) {
		k = rowset_row(&w->known, b->known[i]);
		if (k->packets != b->flow[i]->packets || k->bytes != b->flow[i]->bytes)
			err = add_growth(d, w->iface, k, b->flow[i], total);
	}
	b->n = 0;
	return err;
}

/* Room for what there may be to begin with: it grows in no steps. */
static int expect(struct top_data *d, struct watched *w)
{
	struct rowset *rows = &d->table[TABLE_CONVERSATIONS].set;
	uint32_t flows = w->snapshot.store.flow_count;

	if (w->known.count)
		return 0;
	if (!rowset_expect(&w->known, flows) || !rowset_expect(rows, rows->count + flows))
		return -ENOMEM;
	return 0;
}

int top_data_take_flows(struct top_data *d, struct watched *w, uint64_t total[4])
{
	const struct store *s = &w->snapshot.store;
	struct batch b = { .n = 0 };
	uint32_t i;
	int err = expect(d, w);

	for (i = 0; i < s->flow_count && !err; i++) {
		if (!flow_changed(&w->snapshot, &s->flows[i]))
			continue;
		b.number[b.n] = i;
		b.flow[b.n++] = &s->flows[i];
		if (b.n == BATCH)
			err = take_batch(d, w, &b, total);
	}
	if (!err)
		err = take_batch(d, w, &b, total);
	if (!err)
		prune_known(w);
	return err;
}
