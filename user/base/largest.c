/* SPDX-License-Identifier: GPL-2.0 */
/* A heap whose first is the least of those wanted so far; see largest.h. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/largest.h"

struct entry {
	uint64_t value;
	uint32_t number;
};

static bool less(const struct entry *a, const struct entry *b)
{
	return a->value != b->value ? a->value < b->value : a->number > b->number;
}

/* Puts `e` into the heap from its `at`th place on downwards. */
static void sift(struct entry *heap, uint32_t n, uint32_t at, struct entry e)
{
	uint32_t child;

	while ((child = at * 2 + 1) < n) {
		if (child + 1 < n && less(&heap[child + 1], &heap[child]))
			child++;
		if (!less(&heap[child], &e))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = e;
}

static struct entry entry_at(const void *first, size_t stride, uint32_t number)
{
	return (struct entry){ *(const uint64_t *)((const char *)first + number * stride), number };
}

/* Rows of which some may be passed over: those of a block none of which is larger than its peak. */
struct column {
	const void *first;
	size_t stride;
	uint32_t rows;
	const uint64_t *peaks; /* of each STORE_BLOCK rows */
	uint32_t peaked;       /* the first so many rows, which may be none */
};

/* A later one must be larger: no tie is for it. */
static void offer_rows(const struct column *c, uint32_t from, uint32_t to, struct entry *heap,
		       uint32_t n)
{
	for (; from < to; from++) {
		struct entry e = entry_at(c->first, c->stride, from);

		if (e.value > heap[0].value)
			sift(heap, n, 0, e);
	}
}

static void offer_blocks(const struct column *c, struct entry *heap, uint32_t n)
{
	uint32_t from = n, to;

	for (; from < c->peaked; from = to) {
		to = from / STORE_BLOCK * STORE_BLOCK + STORE_BLOCK;
		to = to < c->peaked ? to : c->peaked;
		if (c->peaks[from / STORE_BLOCK] > heap[0].value)
			offer_rows(c, from, to, heap, n);
	}
	offer_rows(c, from, c->rows, heap, n);
}

static uint32_t largest_of(const struct column *c, uint32_t *numbers, uint32_t want)
{
	uint32_t n = want < c->rows ? want : c->rows, i;
	struct entry *heap = n ? malloc(n * sizeof(*heap)) : NULL;

	if (!heap)
		return 0;
	for (i = 0; i < n; i++)
		heap[i] = entry_at(c->first, c->stride, i);
	for (i = n / 2; i-- > 0;)
		sift(heap, n, i, heap[i]);
	offer_blocks(c, heap, n);
	/* The least goes behind all others, again and again. */
	for (i = n; i-- > 0;) {
		struct entry last = heap[i];

		numbers[i] = heap[0].number;
		if (i)
			sift(heap, i, 0, last);
	}
	free(heap);
	return n;
}

uint32_t largest(const void *first, size_t stride, uint32_t rows, uint32_t *numbers, uint32_t want)
{
	const struct column c = { first, stride, rows, NULL, 0 };

	return largest_of(&c, numbers, want);
}

uint32_t largest_flows(const struct store *s, uint32_t *numbers, uint32_t want)
{
	const struct column c = { .first = s->flow_count ? &s->flows->bytes : NULL,
				  .stride = sizeof(*s->flows),
				  .rows = s->flow_count,
				  .peaks = s->peaks,
				  .peaked = s->peaked };

	return largest_of(&c, numbers, want);
}
