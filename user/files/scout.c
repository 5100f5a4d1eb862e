/* SPDX-License-Identifier: GPL-2.0 */
/* Guessing where records begin; see scout.h. */
#include <string.h>

#include "files/scout.h"

#define ALIKE 3	   /* records in a row that make a guess */
#define LINE 64	   /* of a cache */
#define HEADERS 84 /* bytes of a record up to the TCP flags of an IPv6 packet, and one more */

static inline uint8_t top_byte(uint32_t seconds)
{
	return (uint8_t)(seconds >> 24);
}

static bool is_record(const struct ground *g, const unsigned char *p)
{
	const unsigned char *end = g->bytes + g->there;
	const bool swapped = g->format->swapped;
	enum classic_end why;
	uint32_t i, size;

	for (i = 0; i < ALIKE; i++, p += size) {
		size = classic_size(g->format, swapped, p, end, &why);
		if (!size || top_byte(classic_word(p, swapped)) != top_byte(g->seconds))
			return false;
	}
	return true;
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

	for (k = 0; k < 4; k++)
		for (i = 0; i < SCOUT_STRETCHES; i++)
			__builtin_prefetch(g->bytes + i * step + k * LINE);
	for (i = 0; i < SCOUT_STRETCHES && (i + 1) * step + ALIKE <= g->there; i++) {
		const unsigned char *from = g->bytes + i * step, *p = guess(g, from, from + step);

		if (p)
			s[n++] = (struct stretch){ .start = (uint32_t)(p - g->bytes) };
	}
	return n;
}

/* Follows all stretches in turn, a record of each: they wait for memory together. */
weir_inline void follow(const struct ground *g, bool swapped, struct stretch *s, uint32_t n)
{
	const unsigned char *end = g->bytes + g->there, *at[SCOUT_STRETCHES],
			    *stop[SCOUT_STRETCHES];
	uint32_t *record[SCOUT_STRETCHES], i, size, left, going = (1U << n) - 1;
	enum classic_end why;

	for (i = 0; i < n; i++) {
		at[i] = g->bytes + s[i].start;
		stop[i] = g->bytes + (i + 1 < n ? s[i + 1].start : g->size);
		record[i] = s[i].records;
	}
	while (going)
		for (left = going; left; left &= left - 1) {
			i = (uint32_t)__builtin_ctz(left);
			size = at[i] < stop[i] ? classic_size(g->format, swapped, at[i], end, &why)
					       : 0;
			if (!size) {
				going &= ~(1U << i);
				continue;
			}
			*record[i]++ = (uint32_t)(at[i] - g->bytes);
			at[i] += size;
			__builtin_prefetch(at[i]);
			__builtin_prefetch(at[i] + HEADERS - 1);
		}
	for (i = 0; i < n; i++) {
		s[i].end = (uint32_t)(at[i] - g->bytes);
		s[i].count = (uint32_t)(record[i] - s[i].records);
	}
}

uint32_t scout(const struct ground *g, uint32_t *records, struct stretch *s)
{
	uint32_t i, n = find_starts(g, s);

	for (i = 0; i < n; i++)
		s[i].records = scout_room(records, s[i].start, i);
	if (g->format->swapped)
		follow(g, true, s, n);
	else
		follow(g, false, s, n);
	return n;
}
