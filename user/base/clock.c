/* SPDX-License-Identifier: GPL-2.0 */
/* How clocks lie to each other; see clock.h. */
#include <stdlib.h>

#include "base/clock.h"

#define LOOKS 4
#define QUICK 2000 /* ns: better than that it need not be known */

/* Looks once more, and keeps what took less. */
static void look(int64_t *offset, uint64_t *took)
{
	uint64_t before = clock_ns(CLOCK_BOOTTIME), real = clock_ns(CLOCK_REALTIME);
	uint64_t now_took = clock_ns(CLOCK_BOOTTIME) - before;

	if (now_took >= *took)
		return;
	*took = now_took;
	*offset = (int64_t)(real - before);
}

int64_t clock_to_epoch(int64_t known, uint64_t least)
{
	uint64_t took = UINT64_MAX;
	int64_t offset = 0;
	int i;

	for (i = 0; i < LOOKS && took > QUICK; i++)
		look(&offset, &took);
	if (known && (took > least / 10 || (uint64_t)llabs(offset - known) <= least))
		return known;
	return offset;
}
