/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records looked for before it is known where the first of a block begins.
 *
 * Where a record begins only the one before it says, so who follows them waits for memory at each.
 * In a block that lies in memory but in no cache, several places are guessed at, each by the looks
 * of a record, and followed from there in turn, a record at a time, while something else is done:
 * what is asked for at one step is there when it is needed, which is when all others have had
 * theirs. It is for who knows where a record does begin to tell which of these were guessed right:
 * from one of them on, all that follow are what would have been found without guessing.
 */
#ifndef WEIR_SCOUT_H
#define WEIR_SCOUT_H

#include <stddef.h>

#include "files/classic.h"

/*
 * Enough that to count as many packets takes longer than memory does. Each costs a guess.
 */
#define SCOUT_STRETCHES 8
#define SCOUT_LINE 64 /* of a cache */

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

/* What is under way in a block. */
struct scouting {
	struct ground ground;
	struct stretch stretches[SCOUT_STRETCHES]; /* in order, each up to the next one or less */
	uint32_t count;
	uint32_t going, turn; /* a bit for each that goes on, and for those whose turn is to come */
	const unsigned char *at[SCOUT_STRETCHES], *stop[SCOUT_STRETCHES];
	uint32_t *record[SCOUT_STRETCHES];
};

/* Nothing under way. */
static inline void scout_nothing(struct scouting *s)
{
	s->count = s->going = s->turn = 0;
}

/*
 * Looks for places to begin at. `records` has room for one for every CLASSIC_RECORD bytes and 1 +
 * SCOUT_STRETCHES more.
 */
void scout_begin(struct scouting *s, const struct ground *g, uint32_t *records);
/* Follows all stretches to their ends: only then are they filled in. */
void scout_end(struct scouting *s);

/*
 * Lists the record that stretch `i` has come to. Whether there is one. Most that is counted of a
 * record lies in its first line and the next, wherever in a line it begins.
 */
weir_inline bool scout_follow(struct scouting *s, bool swapped, uint32_t i)
{
	const struct ground *g = &s->ground;
	const unsigned char *at = s->at[i];
	enum classic_end why;
	uint32_t size;

	size = at < s->stop[i] ? classic_size(g->format, swapped, at, g->bytes + g->there, &why)
			       : 0;
	if (!size)
		return false;
	*s->record[i]++ = (uint32_t)(at - g->bytes);
	at += size;
	__builtin_prefetch(at);
	__builtin_prefetch(at + SCOUT_LINE);
	s->at[i] = at;
	return true;
}

/* Does so for one stretch of those that go on. `swapped` is the format's, to be a constant. */
weir_inline void scout_step(struct scouting *s, bool swapped)
{
	uint32_t turn = s->turn ? s->turn : s->going, i;

	if (!turn)
		return;
	i = (uint32_t)__builtin_ctz(turn);
	s->turn = turn & (turn - 1);
	if (!scout_follow(s, swapped, i))
		s->going &= ~(1U << i);
}

#endif
