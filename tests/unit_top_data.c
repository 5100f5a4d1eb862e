/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What weir top knows of conversations, hosts and groups, against the packets that were counted:
 * all of them, and those of each window, while flows end, come again and move in the tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include <weir/parse.h>
#include "chance.h"
#include "counted.h"
#include "top/top_data.h"

#define FRAMES 60
#define FLOWS 900
#define START 1000ULL /* seconds since boot */
#define UDP_PORT 256

int __real_clock_gettime(clockid_t clock, struct timespec *to);
int __wrap_clock_gettime(clockid_t clock, struct timespec *to);

static uint64_t boot_seconds = START;

int __wrap_clock_gettime(clockid_t clock, struct timespec *to)
{
	if (clock != CLOCK_BOOTTIME)
		return __real_clock_gettime(clock, to);
	*to = (struct timespec){ .tv_sec = (time_t)boot_seconds };
	return 0;
}

/* Packets of 60 bytes of each flow, until each frame. */
static uint64_t history[FRAMES][FLOWS];

struct world {
	struct counted c;
	struct live live;
	struct top_data d;
	int frame;
};

/* The frame that the windows of conversations go back to. */
static int base_of(const struct world *w, int window)
{
	uint64_t span = rates_span(&w->d.table[TABLE_CONVERSATIONS].rates, window) / 1000000000;

	return w->frame - (int)span;
}

/* A row's counters and windows: from the sum of the flows from `first` on, so many. */
static void check_row(const struct world *w, const struct table *t, const void *row, bool sent,
		      uint32_t first, uint32_t flows)
{
	const uint64_t *counters = (const uint64_t *)((const char *)row + t->view->counters);
	const struct windows *windows =
		(const struct windows *)((const char *)row + t->view->row_size);
	const int side = sent ? 0 : 2;
	uint64_t all = 0, then[WINDOWS] = { 0 };
	uint32_t i;
	int k;

	for (i = first; i < first + flows; i++) {
		all += history[w->frame][i];
		for (k = 0; k < WINDOWS; k++)
			then[k] += history[base_of(w, k)][i];
	}
	assert_int_equal(counters[side], all);
	assert_int_equal(counters[side + 1], all * 60);
	for (k = 0; k < WINDOWS; k++) {
		assert_int_equal(windows->sum[k][side], all - then[k]);
		assert_int_equal(windows->sum[k][side + 1], (all - then[k]) * 60);
	}
}

static uint32_t flow_of(const struct addr *a)
{
	uint32_t flow;

	memcpy(&flow, (const char *)a->bytes + 12, sizeof(flow));
	return flow;
}

static uint32_t flows_seen(const struct world *w)
{
	uint32_t i, n = 0;

	for (i = 0; i < FLOWS; i++)
		n += history[w->frame][i] != 0;
	return n;
}

static void check_conversations(struct world *w)
{
	const struct table *t = top_data_table(&w->d, TABLE_CONVERSATIONS, 0);
	uint32_t i;

	assert_int_equal(t->set.used, flows_seen(w));
	for (i = 0; i < t->set.count; i++) {
		const struct conv_row *row = rowset_row(&t->set, i);

		assert_int_equal(row->peer_port.port, UDP_PORT);
		check_row(w, t, row, true, flow_of(&row->host), 1);
	}
}

/* Flow 0 is of the host that all send to, to itself. */
static void check_hosts(struct world *w)
{
	const struct table *t = top_data_table(&w->d, TABLE_HOSTS, 0);
	uint32_t i, flow;

	assert_int_equal(t->set.used, flows_seen(w) + !history[w->frame][0]);
	for (i = 0; i < t->set.count; i++) {
		const struct host_row *row = rowset_row(&t->set, i);

		flow = flow_of(&row->addr);
		check_row(w, t, row, true, flow, 1);
		check_row(w, t, row, false, 0, flow ? 0 : FLOWS);
		assert_int_equal(row->flows, flow ? 1 : flows_seen(w));
	}
}

static void check_groups(struct world *w)
{
	const struct table *t =
		top_data_table(&w->d, TABLE_CONVERSATIONS, HIDE_HOST | HIDE_HOST_PORT);
	const struct conv_row *row = rowset_row(&t->set, 0);
	const struct rowset *from = &w->d.table[TABLE_CONVERSATIONS].set;
	uint64_t first = UINT64_MAX, last = 0;
	uint32_t i;

	assert_int_equal(t->set.used, 1);
	check_row(w, t, row, true, 0, FLOWS);
	for (i = 0; i < from->count; i++) {
		const struct conv_row *c = rowset_row(from, i);

		first = c->first < first ? c->first : first;
		last = c->last > last ? c->last : last;
	}
	assert_int_equal(row->first, first);
	assert_int_equal(row->last, last);
}

/* Some flows as often as others rarely, and now and then one for the first time. */
static void count_some(struct world *w)
{
	uint32_t packets = any(3) ? (uint32_t)any(400) : 3, flow;

	if (w->frame)
		memcpy(history[w->frame], history[w->frame - 1], sizeof(history[0]));
	else
		memset(history[0], 0, sizeof(history[0]));
	for (packets++; packets; packets--) {
		flow = (uint32_t)any(any(2) ? 40 : 200 + (uint32_t)w->frame * 11);
		put_udp(&w->c, flow, boot_seconds * 1000000000);
		history[w->frame][flow]++;
		if (packets % 16 == 0)
			assert_int_equal(reader_drain(w->c.reader), 0);
	}
}

/* `looks`: at hosts or groups, in one frame of so many. */
static void watch(const struct plan *plan, uint32_t looks)
{
	struct world w = { .c = counted_begin(plan) };
	int groups = 0;

	w.live.reader = w.c.reader;
	boot_seconds = START;
	assert_int_equal(top_data_open(&w.d, &w.live, 1, 0), 0);
	for (w.frame = 0; w.frame < FRAMES; w.frame++, boot_seconds++) {
		count_some(&w);
		assert_int_equal(top_data_frame(&w.d), 0);
		assert_true(top_data_snapshot(&w.d, 0)->ledger.balanced);
		check_conversations(&w);
		if (any(10) == 0)
			groups = !groups;
		if (any(looks))
			continue;
		if (groups)
			check_groups(&w);
		else
			check_hosts(&w);
	}
	top_data_close(&w.d);
	counted_end(&w.c);
}

static void everything_is_in_the_rows(void **state)
{
	const struct plan roomy = {
		.cpus = 1, .flow_sets = 1024, .ended = 64, .syn_sets = 8, .syn_ended = 64
	};

	(void)state;
	watch(&small_plan, 1);
	watch(&small_plan, 3);
	watch(&roomy, 1);
	watch(&roomy, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_in_the_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
