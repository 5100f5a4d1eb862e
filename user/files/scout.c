/* SPDX-License-Identifier: GPL-2.0 */
/* Guessing where records begin; see scout.h. */
#include <string.h>

#include "files/scout.h"

#define SEEK_LINES 4 /* in which most guesses are made */

static inline uint8_t top_byte(uint32_t seconds)
{
	return (uint8_t)(seconds >> 24);
}

/* What is one and looks otherwise, or the other way round, costs time and nothing else. */
static bool is_record(const struct ground *g, const unsigned char *p)
{
	const bool swapped = g->format->swapped;
	enum classic_end why;

	return p + CLASSIC_RECORD <= g->bytes + g->there &&
	       classic_word(p, swapped) >> 16 == g->seconds >> 16 &&
	       classic_size(g->format, swapped, p, g->bytes + g->there, &why);
}

/* The first place from `p` on, before `limit`, that looks like a record's; or NULL. */
static const unsigned char *guess(const struct ground *g, const unsigned char *p,
				  const unsigned char *limit)
{
	const size_t at = g->format->swapped ? 0 : 3;

	for (; p < limit; p++) {
		p = memchr(p + at, top_byte(g->seconds), (size_t)(limit - p));
		if (!p)
			return NULL;
		p -= at;
		if (is_record(g, p))
			return p;
	}
	return NULL;
}

/* Where stretches begin. The lines to be looked at first are asked for all together. */
static uint32_t find_starts(const struct ground *g, struct stretch *s)
{
	const size_t step = g->size / SCOUT_STRETCHES;
	uint32_t i, k, n = 0;

	for (k = 0; k < SEEK_LINES; k++)
		for (i = 0; i < SCOUT_STRETCHES; i++)
			__builtin_prefetch(g->bytes + i * step + k * SCOUT_LINE);
	for (i = 0; i < SCOUT_STRETCHES && (i + 1) * step + CLASSIC_RECORD <= g->there; i++) {
		const unsigned char *from = g->bytes + i * step, *p = guess(g, from, from + step);

		if (p)
			s[n++] = (struct stretch){ .start = (uint32_t)(p - g->bytes) };
	}
	return n;
}

void scout_begin(struct scouting *s, const struct ground *g, uint32_t *records)
{
	struct stretch *t = s->stretches;
	uint32_t i, n = find_starts(g, t);

	s->ground = *g;
	s->count = n;
	s->going = (1U << n) - 1;
	s->turn = 0;
	for (i = 0; i < n; i++) {
		t[i].records = scout_room(records, t[i].start, i);
		s->record[i] = t[i].records;
		s->at[i] = g->bytes + t[i].start;
		s->stop[i] = g->bytes + (i + 1 < n ? t[i + 1].start : g->size);
	}
}

void scout_end(struct scouting *s)
{
	const bool swapped = s->ground.format && s->ground.format->swapped;
	uint32_t i;

	while (s->going)
		scout_step(s, swapped);
	for (i = 0; i < s->count; i++) {
		s->stretches[i].end = (uint32_t)(s->at[i] - s->ground.bytes);
		s->stretches[i].count = (uint32_t)(s->record[i] - s->stretches[i].records);
	}
}
