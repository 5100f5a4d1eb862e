/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records looked for before it is known where the first of a block begins.
 *
 * Where a record begins only the one before it says, so who follows them waits for memory at each.
 * In a block that lies in memory but in no cache, several places are guessed at, each by the looks
 * of some records in a row, and followed from there at once. It is for who knows where a record
 * does begin to tell which of these were guessed right: from one of them on, all that follow are
 * what would have been found without guessing.
 */
#ifndef WEIR_SCOUT_H
#define WEIR_SCOUT_H

#include <stddef.h>

#include "files/classic.h"

#define SCOUT_STRETCHES 16 /* misses that a CPU can have under way, about */

/* Records in a row, of a block. */
struct stretch {
	uint32_t start, end; /* of the first, and behind the last */
	uint32_t count;
	uint32_t *records; /* where each begins */
};

/* A block of `size` bytes at `bytes`, and how much there is to read from there on. */
struct ground {
	const struct classic *format;
	const unsigned char *bytes;
	size_t size, there;
	uint32_t seconds; /* about the time of its records */
};

/*
 * Where places of records go: those of stretch `i` from `start` on, and those of a gap before it.
 * No record is smaller than its header, so these never lie in each other's way.
 */
static inline uint32_t *scout_room(uint32_t *records, uint32_t start, uint32_t i)
{
	return records + start / CLASSIC_RECORD + i + 1;
}

static inline uint32_t *scout_gap(uint32_t *records, uint32_t start, uint32_t i)
{
	return records + start / CLASSIC_RECORD + i;
}

/*
 * Fills in at most SCOUT_STRETCHES, in order, each up to the next one or to where it ends; returns
 * their number. `records` has room for one for every CLASSIC_RECORD bytes and 1 + SCOUT_STRETCHES
 * more.
 */
uint32_t scout(const struct ground *g, uint32_t *records, struct stretch *stretches);

#endif
