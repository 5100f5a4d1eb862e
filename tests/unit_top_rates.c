/* SPDX-License-Identifier: GPL-2.0 */
/* The windows of weir top against brute force: what was counted in 2, 10 and 40 seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "top/top_rates.h"

#define FRAMES 400
#define ROWS 60

struct counted {
	uint64_t key;
	uint64_t counter[4];
	struct windows windows;
};

/* Each counter as of each frame: all that a window can be checked against. */
static uint64_t history[FRAMES][ROWS][4];
static uint64_t moment[FRAMES];

/* The frame a window goes back to, by the words of top_rates.h. */
static int base_of(int now, int window)
{
	int i, best = 0;
	uint64_t want = moment[now] > window_ns[window] ? moment[now] - window_ns[window] : 0;

	for (i = 0; i < now; i++) {
		uint64_t off = moment[i] > want ? moment[i] - want : want - moment[i];
		uint64_t least = moment[best] > want ? moment[best] - want : want - moment[best];

		if (off < least)
			best = i;
	}
	return best;
}

static void check_windows(const struct rates *r, int now)
{
	uint32_t active = 0;
	int window, i, k;

	for (window = 0; window < WINDOWS; window++) {
		int base = base_of(now, window);

		assert_int_equal(rates_span(r, window), moment[now] - moment[base]);
		for (i = 0; i < ROWS; i++) {
			const struct counted *row = rowset_row(r->set, (uint32_t)i);

			for (k = 0; k < 4; k++)
				assert_int_equal(row->windows.sum[window][k],
						 history[now][i][k] - history[base][i][k]);
		}
	}
	for (i = 0; i < ROWS; i++)
		active += memcmp(history[now][i], history[base_of(now, WINDOWS - 1)][i],
				 sizeof(history[0][0])) != 0;
	assert_int_equal(r->active, active);
}

static uint64_t any_amount(void)
{
	switch (any(4)) {
	case 0:
		return 0;
	case 1:
		return any(1500);
	case 2:
		return any(1ULL << 40);
	default:
		return 1;
	}
}

static void run_frame(struct rates *r, int frame, uint64_t now)
{
	uint64_t add[4];
	int i, k, n;

	moment[frame] = now;
	if (frame)
		memcpy(history[frame], history[frame - 1], sizeof(history[0]));
	rates_begin(r, now);
	for (n = (int)any(ROWS * 2); n > 0; n--) {
		i = (int)any(ROWS);
		for (k = 0; k < 4; k++)
			history[frame][i][k] += add[k] = any_amount();
		assert_int_equal(rates_add(r, (uint32_t)i, add), 0);
	}
	rates_end(r);
}

static void run_windows(uint64_t pause, uint64_t jitter)
{
	struct rowset set;
	struct rates *r = malloc(sizeof(*r));
	uint64_t now = 5000000000ULL, key;
	bool fresh;
	int frame;

	memset(history, 0, sizeof(history));
	rowset_init(&set, sizeof(struct counted), sizeof(uint64_t));
	rates_init(r, &set, offsetof(struct counted, counter), offsetof(struct counted, windows),
		   1 << 30);
	for (key = 0; key < ROWS; key++)
		rowset_find(&set, &key, &fresh);
	for (frame = 0; frame < FRAMES; frame++) {
		run_frame(r, frame, now);
		check_windows(r, frame);
		now += pause + (jitter ? any(jitter) : 0);
		/* Now and then nobody looked for a while. */
		if (jitter && !any(50))
			now += any(60) * 1000000000ULL;
	}
	/* All of it goes when nothing comes. */
	for (frame = 0; frame < 3; frame++) {
		rates_begin(r, now += 41000000000ULL);
		rates_end(r);
	}
	assert_int_equal(r->active, 0);
	rates_free(r);
	free(r);
	rowset_free(&set);
}

static void test_windows_steady(void **state)
{
	(void)state;
	run_windows(2000000000ULL, 0);
	run_windows(500000000ULL, 0);
	run_windows(300000000ULL, 0);
	run_windows(5000000000ULL, 0);
}

static void test_windows_jitter(void **state)
{
	(void)state;
	run_windows(100000000ULL, 400000000ULL);
	run_windows(1, 3000000000ULL);
	run_windows(1900000000ULL, 200000000ULL);
}

/* Looked at so often that the ring of frames is shorter than the window: the span says so. */
static void test_windows_bounded(void **state)
{
	struct rowset set;
	struct rates *r = malloc(sizeof(*r));
	uint64_t now = 1, key = 0, add[4] = { 1, 100, 0, 0 }, frame;
	const struct counted *row;
	bool fresh;

	(void)state;
	rowset_init(&set, sizeof(struct counted), sizeof(uint64_t));
	rates_init(r, &set, offsetof(struct counted, counter), offsetof(struct counted, windows),
		   1 << 30);
	rowset_find(&set, &key, &fresh);
	for (frame = 0; frame < 3000; frame++) {
		rates_begin(r, now += 1000000);
		assert_int_equal(rates_add(r, 0, add), 0);
		rates_end(r);
	}
	row = rowset_row(&set, 0);
	assert_int_equal(rates_span(r, 2), (RATES_FRAMES - 1) * 1000000ULL);
	assert_int_equal(row->windows.sum[2][0], RATES_FRAMES - 1);
	assert_int_equal(row->windows.sum[2][1], (RATES_FRAMES - 1) * 100);
	assert_int_equal(row->counter[0], 3000);
	/* So does a log that may not grow. */
	r->limit = 100;
	rates_begin(r, now += 1000000);
	assert_int_equal(rates_add(r, 0, add), 0);
	rates_end(r);
	assert_true(r->logged <= 100);
	assert_int_equal(row->windows.sum[2][0] * 1000000ULL, rates_span(r, 2));
	rates_free(r);
	free(r);
	rowset_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows_steady),
		cmocka_unit_test(test_windows_jitter),
		cmocka_unit_test(test_windows_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}