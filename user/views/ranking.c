/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows of a view in order, and of many only the first; see view.h. Those wanted are a heap whose
 * first is the last of them in the order: a row that is made one by one and is none of them is
 * never stored, and where the view knows its largest, most are not even made.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "views/rows.h"

struct order {
	const struct field *field;
	size_t size;
	uint64_t keep; /* rows wanted, 0 for all */
	void *sum;     /* a row: what all there are add up to; or NULL */
};

_Static_assert(sizeof(struct conv_row) <= VIEW_ROW_MAX, "the largest of rows");

/* Then by the bytes of the row, for a steady order. */
static int row_compare(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	int order = field_compare(o->field, a, b);

	return order ? order : memcmp(a, b, o->size);
}

/* Puts the row at `i` of a heap, whose last row is the first, where it belongs. */
static void sift(char *rows, uint64_t count, uint64_t i, struct order *o)
{
	char row[VIEW_ROW_MAX];
	uint64_t child;

	memcpy(row, rows + i * o->size, o->size);
	for (; (child = 2 * i + 1) < count; i = child) {
		char *at = rows + child * o->size;

		if (child + 1 < count && row_compare(at + o->size, at, o) > 0)
			child++, at += o->size;
		if (row_compare(row, at, o) >= 0)
			break;
		memcpy(rows + i * o->size, at, o->size);
	}
	memcpy(rows + i * o->size, row, o->size);
}

static void make_heap(char *rows, uint64_t count, struct order *o)
{
	uint64_t i;

	for (i = count / 2; i--;)
		sift(rows, count, i, o);
}

/* Whether a row is clearly behind the first of a heap: most are, by their plain number. */
static inline bool is_behind(const char *row, const char *first, const struct order *o)
{
	const struct field *f = o->field;

	return f->type == FIELD_U64 &&
	       *(const uint64_t *)(row + f->offset) < *(const uint64_t *)(first + f->offset);
}

/* Puts a row in place of the first of a heap, where it goes before that. */
static inline void offer(char *rows, uint64_t count, const char *row, struct order *o)
{
	if (is_behind(row, rows, o) || row_compare(row, rows, o) >= 0)
		return;
	memcpy(rows, row, o->size);
	sift(rows, count, 0, o);
}

/* Sorts the first `keep` of the order to the front. What becomes of the others is all one. */
static void sort_first(char *rows, uint64_t count, uint64_t keep, struct order *o)
{
	uint64_t i;

	if (keep < count)
		make_heap(rows, keep, o);
	for (i = keep; i < count; i++)
		offer(rows, keep, rows + i * o->size, o);
	qsort_r(rows, keep, o->size, row_compare, o);
}

/* Adds a row to a sum of rows, or, `sign` -1, takes it off again. */
static void add_row(const struct view *v, void *sum, const void *row, int sign)
{
	const struct field *f;

	for (f = v->fields; f->key; f++)
		if (f->only & FIELD_ADDS && f->type == FIELD_U64)
			*(uint64_t *)((char *)sum + f->offset) +=
				field_number(f, row) * (uint64_t)sign;
}

static void add_rows(const struct rows *r, void *sum, int sign)
{
	uint64_t i;

	for (i = 0; sum && i < r->count; i++)
		add_row(r->view, sum, (const char *)r->data + i * r->view->row_size, sign);
}

/* Every view's first field is the interface. */
static void set_interface(const struct view *v, void *rows, int64_t n, uint8_t iface)
{
	unsigned char *at = (unsigned char *)rows + v->fields[0].offset;
	int64_t i;

	for (i = 0; i < n; i++)
		at[(size_t)i * v->row_size] = iface;
}

static int append(struct rows *r, const struct source *source)
{
	const size_t size = r->view->row_size;
	void *more, *all;
	int64_t n = r->view->make(source->snapshot, &more);

	if (n < 0)
		return (int)n;
	set_interface(r->view, more, n, source->iface);
	if (!r->data) {
		r->data = more;
		r->of = r->count = (uint64_t)n;
		return 0;
	}
	all = reallocarray(r->data, r->of + (uint64_t)n + 1, size);
	if (all) {
		r->data = all;
		memcpy((char *)all + r->of * size, more, (size_t)n * size);
		r->of = r->count += (uint64_t)n;
	}
	free(more);
	return all ? 0 : -ENOMEM;
}

/* Makes room for `more` rows, but for no more than are wanted. */
static int make_room(struct rows *r, uint64_t more, const struct order *o)
{
	uint64_t room = r->count + more;
	void *data;

	if (o->keep && room > o->keep)
		room = o->keep;
	data = table_grow(r->data, (room + 1) * o->size);
	if (!data)
		return -ENOMEM;
	r->data = data;
	return 0;
}

/* Whether all of a row is to be made: not of one that what there is of it puts behind all. */
static bool wants_rest(const struct rows *r, const char *row, const struct order *o)
{
	return r->view->rest && (o->field->offset >= r->view->rest_at || !o->keep ||
				 r->count < o->keep || !is_behind(row, r->data, o));
}

/* The next entry that may be among those wanted. */
static uint32_t next_entry(const struct rows *r, const struct snapshot *s, uint32_t i,
			   const struct order *o)
{
	if (!r->view->next || o->field->type != FIELD_U64 || !o->keep || r->count < o->keep)
		return i;
	return r->view->next(s, o->field, i, field_number(o->field, r->data));
}

/* Behind those there are, or, once there are as many as wanted, to them. */
static void take_row(struct rows *r, const char *row, struct order *o)
{
	if (o->keep && r->count == o->keep) {
		offer(r->data, r->count, row, o);
		return;
	}
	memcpy((char *)r->data + r->count++ * o->size, row, o->size);
	if (r->count == o->keep)
		make_heap(r->data, r->count, o);
}

/* One by one. */
static int pick(struct rows *r, const struct source *source, struct order *o)
{
	const struct snapshot *s = source->snapshot;
	const uint32_t entries = r->view->entries(s);
	char row[VIEW_ROW_MAX];
	uint32_t i, n = 0;

	if (make_room(r, entries, o))
		return -ENOMEM;
	if (o->sum && r->view->sum)
		r->view->sum(s, o->sum);
	for (i = 0; (i = next_entry(r, s, i, o)) < entries; i++) {
		if (!r->view->row(s, i, row))
			continue;
		n++;
		if (o->sum && !r->view->sum)
			add_row(r->view, o->sum, row, 1);
		if (wants_rest(r, row, o))
			r->view->rest(s, i, row);
		set_interface(r->view, row, 1, source->iface);
		take_row(r, row, o);
	}
	r->of += r->view->next ? entries : n;
	return 0;
}

int rows_make(struct rows *r, const struct view *v, const struct source *sources, int count,
	      const char *sort, uint64_t limit, union any_row *left)
{
	struct order order = { view_field(v, sort ? sort : v->sort, false), v->row_size, limit,
			       left };
	uint64_t have;
	int i, err = 0;

	*r = (struct rows){ .view = v, .several = count > 1 };
	if (!order.field)
		return -EINVAL;
	if (left)
		memset(left, 0, sizeof(*left));
	for (i = 0; i < count && !err; i++)
		err = v->row ? pick(r, &sources[i], &order) : append(r, &sources[i]);
	if (err) {
		rows_free(r);
		return err;
	}
	have = r->count;
	if (!v->row)
		add_rows(r, left, 1);
	r->count = limit && limit < have ? limit : have;
	if (have)
		sort_first(r->data, have, r->count, &order);
	add_rows(r, left, -1);
	return 0;
}

void rows_free(struct rows *r)
{
	free(r->data);
	r->data = NULL;
}
