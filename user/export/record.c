/* SPDX-License-Identifier: GPL-2.0 */
/* Batches; see record.h. */
#include <stdlib.h>
#include <string.h>

#include "export/record.h"

struct batch *batch_new(uint32_t count)
{
	struct batch *b = malloc(sizeof(*b) + count * sizeof(b->record[0]));

	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	atomic_init(&b->refs, 1);
	return b;
}

struct batch *batch_trim(struct batch *b)
{
	struct batch *less = realloc(b, sizeof(*b) + b->count * sizeof(b->record[0]));

	return less ? less : b;
}

void batch_get(struct batch *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}

void batch_put(struct batch *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}
