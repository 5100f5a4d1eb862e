/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sliding windows; see top_rates.h. A log entry is the distance to the row of the entry before
 * it (zigzag), a byte that says which counters follow, and these: all of variable length.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "top/top_rates.h"

#define ENTRY_MAX 64 /* bytes */

const uint64_t window_ns[WINDOWS] = { 2000000000ULL, 10000000000ULL, 40000000000ULL };

void rates_init(struct rates *r, struct rowset *set, size_t counters, size_t windows, size_t limit)
{
	*r = (struct rates){ .set = set, .counters = counters, .windows = windows, .limit = limit };
}

static struct rates_frame *frame_at(const struct rates *r, uint32_t i)
{
	return (struct rates_frame *)&r->frame[(r->first + i) % RATES_FRAMES];
}

void rates_free(struct rates *r)
{
	uint32_t i;

	for (i = 0; i < r->count; i++)
		free(frame_at(r, i)->log);
	free(r->log);
	r->log = NULL;
	r->count = 0;
}

static uint8_t *put_number(uint8_t *at, uint64_t n)
{
	for (; n > 127; n >>= 7)
		*at++ = (uint8_t)n | 128;
	*at++ = (uint8_t)n;
	return at;
}

static const uint8_t *get_number(const uint8_t *at, uint64_t *n)
{
	unsigned int shift = 0;

	*n = 0;
	do
		*n |= (uint64_t)(*at & 127) << shift;
	while (shift += 7, *at++ & 128);
	return at;
}

static uint64_t *counters_of(const struct rates *r, uint32_t row)
{
	return (uint64_t *)((unsigned char *)rowset_row(r->set, row) + r->counters);
}

static struct windows *windows_of(const struct rates *r, uint32_t row)
{
	return (struct windows *)((unsigned char *)rowset_row(r->set, row) + r->windows);
}

bool windows_idle(const struct windows *w)
{
	const uint64_t *sum = w->sum[WINDOWS - 1];

	return !(sum[0] | sum[1] | sum[2] | sum[3]);
}

void rates_begin(struct rates *r, uint64_t ns)
{
	r->ns = ns;
	r->size = 0;
	r->last = 0;
}

static int log_entry(struct rates *r, uint32_t row, const uint64_t add[4])
{
	int64_t step = (int64_t)row - (int64_t)r->last;
	uint8_t *at, *mask;
	int i;

	if (r->room - r->size < ENTRY_MAX) {
		size_t more = r->room ? r->room * 2 : 4096;
		void *p = realloc(r->log, more);

		if (!p)
			return -ENOMEM;
		r->log = p;
		r->room = more;
	}
	at = put_number(r->log + r->size, (uint64_t)step << 1 ^ (uint64_t)(step >> 63));
	mask = at++;
	*mask = 0;
	for (i = 0; i < 4; i++)
		if (add[i]) {
			*mask |= (uint8_t)(1 << i);
			at = put_number(at, add[i]);
		}
	r->size = (size_t)(at - r->log);
	r->last = row;
	return 0;
}

int rates_add(struct rates *r, uint32_t row, const uint64_t add[4])
{
	uint64_t *counters = counters_of(r, row);
	struct windows *w = windows_of(r, row);
	int i, k;

	/* What was there at the first frame came before it. */
	if (r->count) {
		if (log_entry(r, row, add))
			return -ENOMEM;
		r->active += windows_idle(w) && (add[0] || add[1] || add[2] || add[3]);
	}
	for (i = 0; i < 4; i++) {
		counters[i] += add[i];
		for (k = 0; r->count && k < WINDOWS; k++)
			w->sum[k][i] += add[i];
	}
	return 0;
}

/* An entry of a log: its row, and what was added. The next entry. */
static const uint8_t *get_entry(const uint8_t *at, uint32_t *row, uint64_t add[4])
{
	uint64_t n;
	uint8_t mask;
	int i;

	at = get_number(at, &n);
	*row += (uint32_t)(n >> 1 ^ -(n & 1));
	mask = *at++;
	for (i = 0; i < 4; i++) {
		add[i] = 0;
		if (mask & 1 << i)
			at = get_number(at, &add[i]);
	}
	return at;
}

#define BATCH 32 /* entries, whose rows are asked for together */

/* Takes what a frame logged off one window. */
static void take_off(struct rates *r, const struct rates_frame *f, int window)
{
	const uint8_t *at = f->log, *end = f->log + f->size;
	uint64_t add[BATCH][4], *sum[BATCH];
	uint32_t row = 0, n, i;
	int k;

	while (at < end) {
		for (n = 0; n < BATCH && at < end; n++) {
			at = get_entry(at, &row, add[n]);
			sum[n] = windows_of(r, row)->sum[window];
			__builtin_prefetch(sum[n], 1);
		}
		for (i = 0; i < n; i++) {
			for (k = 0; k < 4; k++)
				sum[i][k] -= add[i][k];
			if (window == WINDOWS - 1)
				r->active -= !(sum[i][0] | sum[i][1] | sum[i][2] | sum[i][3]) &&
					     (add[i][0] | add[i][1] | add[i][2] | add[i][3]);
		}
	}
}

/* Moves a window's base one frame on. */
static void step(struct rates *r, int window)
{
	take_off(r, frame_at(r, ++r->base[window]), window);
}

static void drop_first(struct rates *r)
{
	int k;

	for (k = 0; k < WINDOWS; k++)
		if (!r->base[k])
			step(r, k);
	r->logged -= frame_at(r, 0)->size;
	free(frame_at(r, 0)->log);
	r->first = (r->first + 1) % RATES_FRAMES;
	r->count--;
	for (k = 0; k < WINDOWS; k++)
		r->base[k]--;
}

/* Whether frame `b` is closer to `then` than the one before it. */
static bool closer(const struct rates *r, uint32_t b, uint64_t then)
{
	uint64_t old = frame_at(r, b - 1)->ns, new = frame_at(r, b)->ns;

	return new <= then || (old < then && new - then < then - old);
}

static void slide(struct rates *r, int window)
{
	uint64_t then = r->ns > window_ns[window] ? r->ns - window_ns[window] : 0;

	while (r->base[window] + 2 < r->count && closer(r, r->base[window] + 1, then))
		step(r, window);
}

void rates_end(struct rates *r)
{
	struct rates_frame *f;
	int k;

	if (r->count == RATES_FRAMES)
		drop_first(r);
	f = frame_at(r, r->count++);
	*f = (struct rates_frame){ .ns = r->ns };
	if (r->size) {
		/* A copy of its size; the buffer is used again. */
		f->log = malloc(r->size);
		if (f->log) {
			memcpy(f->log, r->log, r->size);
		} else {
			f->log = r->log;
			r->log = NULL;
			r->room = 0;
		}
		f->size = r->size;
		r->logged += r->size;
	}
	for (k = 0; k < WINDOWS; k++)
		slide(r, k);
	while (r->count > 2 && (r->base[WINDOWS - 1] || r->logged > r->limit))
		drop_first(r);
}

uint64_t rates_span(const struct rates *r, int window)
{
	return r->count < 2 ? 0 : frame_at(r, r->count - 1)->ns - frame_at(r, r->base[window])->ns;
}
