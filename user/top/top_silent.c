/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Conversations that have been silent longest: past CONVERSATIONS_MAX the half of the silent ones
 * that fell silent first is let go. See top_data.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "top/top_data.h"

struct silence {
	uint64_t before;
};

static bool silent_before(const void *row, void *arg)
{
	const struct silence *s = arg;
	const struct conv_row *c = row;

	return windows_idle((const struct windows *)(c + 1)) && c->last <= s->before;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The moment before which half of the silent conversations fell silent. */
static int median_silence(const struct rowset *set, struct silence *s)
{
	uint64_t *last = malloc(set->used * sizeof(*last));
	uint32_t i, n = 0;

	if (!last)
		return -ENOMEM;
	for (i = 0; i < set->count; i++) {
		const struct conv_row *c = rowset_row(set, i);

		if (set->state[i] & ROW_USED && windows_idle((const struct windows *)(c + 1)))
			last[n++] = c->last;
	}
	qsort(last, n, sizeof(*last), compare_u64);
	s->before = n ? last[n / 2] : 0;
	free(last);
	return n ? 0 : -ENOENT;
}

static void forget_rows(struct watched *w, const struct rowset *set)
{
	uint32_t i;

	for (i = 0; i < w->known.count; i++) {
		struct known *k = rowset_row(&w->known, i);

		if (w->known.state[i] & ROW_USED && k->row != ROWSET_NONE &&
		    !(set->state[k->row] & ROW_USED))
			k->row = ROWSET_NONE;
	}
}

void top_data_let_go(struct top_data *d)
{
	struct rowset *set = &d->table[TABLE_CONVERSATIONS].set;
	struct silence silence;
	int i;

	if (set->used <= CONVERSATIONS_MAX || median_silence(set, &silence))
		return;
	d->let_go += rowset_drop(set, silent_before, &silence);
	for (i = 0; i < d->count; i++)
		forget_rows(&d->watched[i], set);
	d->derived = TABLE_COUNT;
}
