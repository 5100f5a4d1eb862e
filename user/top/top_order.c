/* SPDX-License-Identifier: GPL-2.0 */
/* The rows shown, in order; see top_order.h. */
#include <errno.h>
#include <stdlib.h>

#include "top/top_order.h"

#define HEAP_MOST 8192 /* wanted rows past which a sort is cheaper */

struct sorter {
	const struct order *o;
	const struct rowset *set;
	const struct field *second; /* what decides where the field does not */
};

static int before(const struct sorter *s, uint32_t a, uint32_t b)
{
	const void *x = rowset_row(s->set, a), *y = rowset_row(s->set, b);
	int order = field_compare(&s->o->field, x, y);

	if (order)
		return s->o->reverse ? -order : order;
	order = field_compare(s->second, x, y);
	return order ? order : a < b ? -1 : 1;
}

/* Numbers are what almost all rows are told apart by, without a call. */
static inline bool is_plain(const struct field *f)
{
	return f->type == FIELD_U64 || f->type == FIELD_SUM;
}

static inline uint64_t plain_number(const struct sorter *s, uint32_t row)
{
	const struct field *f = &s->o->field;
	const char *at = (const char *)rowset_row(s->set, row) + f->offset;
	uint64_t n = *(const uint64_t *)at;

	return f->type == FIELD_SUM ? n + *(const uint64_t *)(at + sizeof(struct weir_sum)) : n;
}

/* Whether a row is clearly behind the last of those wanted. */
static inline bool is_behind(const struct sorter *s, uint32_t row, uint32_t last)
{
	uint64_t n = plain_number(s, row), least = plain_number(s, last);

	return s->o->reverse ? n > least : n < least;
}

static int compare_rows(const void *a, const void *b, void *arg)
{
	return before(arg, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* The heap's first is the last of those wanted. */
static void sift_down(const struct sorter *s, uint32_t *heap, uint32_t n, uint32_t at)
{
	for (;;) {
		uint32_t child = at * 2 + 1, last = at, swap;

		if (child < n && before(s, heap[last], heap[child]) < 0)
			last = child;
		if (child + 1 < n && before(s, heap[last], heap[child + 1]) < 0)
			last = child + 1;
		if (last == at)
			return;
		swap = heap[at];
		heap[at] = heap[last];
		heap[last] = swap;
		at = last;
	}
}

static bool shown(const struct table *t, uint32_t row, const struct matcher *m)
{
	uint8_t *state = &t->set.state[row];

	if (!(*state & ROW_USED))
		return false;
	if (!m)
		return true;
	if (!(*state & (ROW_MATCH | ROW_MISS)))
		*state |= m->match(m, t->view, rowset_row(&t->set, row)) ? ROW_MATCH : ROW_MISS;
	return *state & ROW_MATCH;
}

static int make_room(struct order *o, uint32_t want)
{
	uint32_t *p;

	if (want <= o->room)
		return 0;
	p = reallocarray(o->rows, want, sizeof(*p));
	if (!p)
		return -ENOMEM;
	o->rows = p;
	o->room = want;
	return 0;
}

int order_make(struct order *o, const struct table *t, uint32_t want, const struct matcher *m)
{
	struct sorter s = { o, &t->set, view_field(t->view, t->view->sort, true) };
	const bool plain = is_plain(&o->field);
	uint32_t i, k, n = 0;

	if (!want || want > HEAP_MOST || want > t->set.count)
		want = t->set.count;
	if (make_room(o, want + 1))
		return -ENOMEM;
	o->matched = 0;
	for (i = 0; i < t->set.count; i++) {
		if (!shown(t, i, m))
			continue;
		o->matched++;
		if (n < want) {
			o->rows[n++] = i;
			if (n == want && want < t->set.count)
				for (k = n / 2 + 1; k-- > 0;)
					sift_down(&s, o->rows, n, k);
		} else if (!(plain && is_behind(&s, i, o->rows[0])) &&
			   before(&s, i, o->rows[0]) < 0) {
			o->rows[0] = i;
			sift_down(&s, o->rows, n, 0);
		}
	}
	o->count = n;
	qsort_r(o->rows, n, sizeof(*o->rows), compare_rows, &s);
	return 0;
}

void order_forget(struct table *t)
{
	uint32_t i;

	for (i = 0; i < t->set.count; i++)
		t->set.state[i] &= (uint8_t) ~(ROW_MATCH | ROW_MISS);
}

void order_free(struct order *o)
{
	free(o->rows);
	o->rows = NULL;
	o->room = o->count = 0;
}
