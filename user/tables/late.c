/* SPDX-License-Identifier: GPL-2.0 */
/* What ended while we copied; see late.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tables/late.h"

static int make_room(struct late *l, uint32_t more)
{
	uint32_t room = l->room ? l->room : 256;
	struct late_record *records;

	if (l->room - l->n >= more)
		return 0;
	while (room - l->n < more)
		room *= 2;
	records = reallocarray(l->record, room, sizeof(*records));
	if (!records)
		return -ENOMEM;
	l->record = records;
	l->room = room;
	return 0;
}

int late_take(void *arg, const struct strand *s, const struct ended_lines *e)
{
	struct late *l = arg;
	uint32_t i;

	if (make_room(l, e->n))
		return -ENOMEM;
	for (i = 0; i < e->n; i++) {
		struct late_record *r = &l->record[l->n++];

		memcpy(r->line, e->line[i], sizeof(r->line));
		if (s->fine_ring)
			r->fine = e->fine[i];
		r->copy = NULL;
		r->entry = e->entry[i];
		r->set = strand_set_of(s, r->line);
	}
	return 0;
}

static void ask_copies(const struct strand *s, const struct late_record *r, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		__builtin_prefetch(&s->bundle[r[i].set / STRAND_SETS]);
	for (i = 0; i < n; i++)
		__builtin_prefetch(strand_set_lines(s, r[i].set));
}

/* Whether it is for the next snapshot. */
static bool is_kept(const struct strand *s, struct staged *st, struct late_record *r)
{
	const bool copied = r->entry >= s->bundle[r->set / STRAND_SETS].head;
	const bool staged = stage_began(st, s->syn, r->line);

	r->copy = copied ? strand_find(s, r->set, r->line) : NULL;
	return r->copy || staged;
}

/* Fills a batch from record `i` on with those that are not kept. Returns where the next begins. */
static uint32_t fill_batch(const struct late *l, const struct strand *s, uint32_t i,
			   struct ended_lines *e)
{
	for (e->n = 0; i < l->n && e->n < STRAND_BATCH; i++) {
		const struct late_record *r = &l->record[i];

		if (r->kept)
			continue;
		memcpy(e->line[e->n], r->line, sizeof(r->line));
		if (s->fine_ring)
			e->fine[e->n] = r->fine;
		e->n++;
	}
	return i;
}

/* Those that are kept, and where it ends early all from there on, move to the front. */
static int hand_over(struct late *l, const struct strand *s, const struct ended_taker *t)
{
	struct ended_lines e;
	uint32_t taken = 0, next, i, n = 0;
	int err = 0;

	while (taken < l->n && !err) {
		next = fill_batch(l, s, taken, &e);
		err = e.n ? t->take(t->arg, s, &e) : 0;
		if (!err)
			taken = next;
	}
	for (i = 0; i < l->n; i++)
		if (l->record[i].kept || i >= taken)
			l->record[n++] = l->record[i];
	l->n = n;
	return err;
}

int late_sort(struct late *l, const struct strand *s, struct staged *st,
	      const struct ended_taker *t)
{
	uint32_t i, end;

	for (i = 0; i < l->n; i = end) {
		end = l->n - i < STRAND_BATCH ? l->n : i + STRAND_BATCH;
		ask_copies(s, &l->record[i], end - i);
		for (; i < end; i++)
			l->record[i].kept = is_kept(s, st, &l->record[i]);
	}
	return hand_over(l, s, t);
}

int late_flush(struct late *l, const struct strand *s, const struct ended_taker *t)
{
	uint32_t i;

	for (i = 0; i < l->n; i++)
		l->record[i].kept = false;
	return hand_over(l, s, t);
}

void late_free(struct late *l)
{
	free(l->record);
	*l = (struct late){ 0 };
}
