/* SPDX-License-Identifier: GPL-2.0 */
/* A heap whose first is the least of those wanted so far; see largest.h. */
#include <stdbool.h>
#include <stdlib.h>

#include "largest.h"

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

uint32_t largest(const void *first, size_t stride, uint32_t rows, uint32_t *numbers, uint32_t want)
{
	uint32_t n = want < rows ? want : rows, i;
	struct entry *heap = n ? malloc(n * sizeof(*heap)) : NULL;

	if (!heap)
		return 0;
	for (i = 0; i < n; i++)
		heap[i] = entry_at(first, stride, i);
	for (i = n / 2; i-- > 0;)
		sift(heap, n, i, heap[i]);
	/* A later one must be larger: no tie is for it. */
	for (i = n; i < rows; i++) {
		struct entry e = entry_at(first, stride, i);

		if (e.value > heap[0].value)
			sift(heap, n, 0, e);
	}
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
