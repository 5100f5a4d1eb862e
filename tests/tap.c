/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taps, by BPF_PROG_TEST_RUN: what is copied is what was run over, byte for byte and in order;
 * filter, sampling and a full ring do what they say; and the counting behind them sees every
 * packet whatever the taps do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "filter/filter.h"
#include "frames.h"
#include "tap/tap.h"

#define FRAMES 2000

static struct live live; /* for all tests: verifying its programs takes a second */
static uint64_t seen_till;

static int load(void **state)
{
	struct plan plan = { .flow_sets = 4096,
			     .ended = 1024,
			     .syn_sets = 512,
			     .syn_ended = 1024,
			     .cpus = (uint32_t)libbpf_num_possible_cpus() };

	(void)state;
	return live_load(&live, &plan, WEIR_LINK_ETHERNET);
}

static int unload(void **state)
{
	(void)state;
	live_close(&live);
	return 0;
}

static struct tap *open_tap(const struct tap_options *o)
{
	struct tap *t;

	if (tap_open(&t, &live, o))
		fail_msg("no tap: %s", live.why);
	return t;
}

/* Whether the kernel made a packet of it. */
static bool run(const struct test_frame *f, bool egress, uint32_t repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->n,
		    .repeat = (int)repeat);

	if (f->n < (egress ? 54U : 14U) ||
	    bpf_prog_test_run_opts(live_program(&live, egress), &opts))
		return false;
	assert_int_equal((int)opts.retval, egress ? TC_ACT_UNSPEC : XDP_PASS);
	return true;
}

/* What weir counted since this was asked before. */
static uint64_t seen(void)
{
	struct snapshot s = { 0 };
	uint64_t before = seen_till;

	assert_int_equal(reader_read(live.reader, &s), 0);
	assert_true(s.ledger.balanced);
	seen_till = s.ledger.seen.packets;
	snapshot_free(&s);
	return seen_till - before;
}

/* ---- what was sent, and what is expected of it ---- */

struct expected {
	const struct filter *filter;
	uint32_t snaplen;
	uint64_t number, found, last_ns;
	bool egress;
};

static bool is_expected(const struct expected *x, struct test_frame *f, uint64_t number)
{
	frame_make(f, 77, number, true);
	if (f->n > 3500 || f->n < (x->egress ? 54U : 14U))
		return false;
	return !x->filter || filter_match(x->filter, f->bytes, f->n, f->n);
}

static int check(void *to, const struct packet *p)
{
	static struct test_frame f;
	struct expected *x = to;

	while (!is_expected(x, &f, x->number))
		x->number++;
	x->number++;
	x->found++;
	assert_int_equal(p->frame.length, f.n);
	assert_int_equal(p->frame.captured, f.n < x->snaplen ? f.n : x->snaplen);
	assert_memory_equal(p->frame.data, f.bytes, p->frame.captured);
	assert_int_equal(p->dir, x->egress ? WEIR_DIR_EGRESS : WEIR_DIR_INGRESS);
	assert_int_equal(p->link, WEIR_LINK_ETHERNET);
	assert_true(p->frame.ns >= x->last_ns);
	assert_true(p->frame.ns / 1000000000 + 60 > (uint64_t)time(NULL));
	x->last_ns = p->frame.ns;
	return 0;
}

static void copies_are_the_frames(const char *expression, uint32_t snaplen, bool egress)
{
	struct tap_options o = { .filter = expression, .snaplen = snaplen };
	struct filter filter;
	struct expected x = { NULL, snaplen ? snaplen : WEIR_TAP_SNAPLEN, 0, 0, 0, egress };
	struct weir_tap_counts counts;
	static struct test_frame f;
	uint64_t i, ran = 0;
	char why[FILTER_WHY];
	struct tap *t;

	t = open_tap(&o);
	for (i = 0; i < FRAMES; i++) {
		frame_make(&f, 77, i, true);
		if (f.n <= 3500)
			ran += run(&f, egress, 1);
	}
	if (expression) {
		assert_int_equal(filter_compile(&filter, expression, WEIR_LINK_ETHERNET,
						FILTER_NETMASK_UNKNOWN, why),
				 0);
		x.filter = &filter;
	}
	assert_int_equal(seen(), ran);
	tap_stop(t);
	assert_true(tap_read(t, check, &x) > 100);
	counts = tap_counts(t, 0);
	assert_int_equal(counts.eligible, x.found);
	assert_int_equal(counts.copied, x.found);
	assert_int_equal(counts.dropped, 0);
	assert_int_equal(tap_counts(t, egress ? WEIR_DIR_EGRESS : WEIR_DIR_INGRESS).copied,
			 x.found);
	assert_true(expression ? x.found < ran : x.found == ran);
	tap_close(t);
	if (expression)
		filter_free(&filter);
}

static void all_of_them_at_xdp(void **state)
{
	(void)state;
	copies_are_the_frames(NULL, 0, false);
}

static void all_of_them_at_tc(void **state)
{
	(void)state;
	copies_are_the_frames(NULL, 0, true);
}

static void their_beginnings(void **state)
{
	(void)state;
	copies_are_the_frames(NULL, 61, false);
	copies_are_the_frames(NULL, 61, true);
}

static void those_that_match(void **state)
{
	(void)state;
	copies_are_the_frames("tcp or udp port 53", 0, false);
	copies_are_the_frames("ip6", 0, true);
}

/* ---- many of one ---- */

static void make_one(struct test_frame *f)
{
	uint64_t number = 0;

	do
		frame_make(f, 5, number++, true);
	while (f->n < 60 || f->n > 100);
}

static int count_one(void *to, const struct packet *p)
{
	(void)p;
	++*(uint64_t *)to;
	return 0;
}

static void one_in_so_many(void **state)
{
	const uint32_t all = 500000, each[] = { 2, 100, 1000 };
	static struct test_frame f;
	uint32_t i;

	(void)state;
	make_one(&f);
	for (i = 0; i < 3; i++) {
		struct tap_options o = { .sample = each[i], .ring_bytes = 128 << 20 };
		double p = 1.0 / each[i], sigma = sqrt(all * p * (1 - p));
		struct weir_tap_counts counts;
		uint64_t found = 0;
		struct tap *t;

		t = open_tap(&o);
		assert_true(fabs(tap_rate(t) / each[i] - 1) < 1e-6);
		assert_true(run(&f, i & 1, all));
		tap_stop(t);
		while (tap_read(t, count_one, &found))
			;
		counts = tap_counts(t, 0);
		print_message("  1 in %u of %u: %llu, %.1f sigma\n", each[i], all,
			      (unsigned long long)counts.copied,
			      ((double)counts.copied - all * p) / sigma);
		assert_int_equal(counts.eligible, all);
		assert_int_equal(counts.dropped, 0);
		assert_int_equal(counts.copied, found);
		assert_true(fabs((double)found - all * p) < 5 * sigma);
		assert_int_equal(seen(), all);
		tap_close(t);
	}
}

static void a_full_ring_stops_nothing_but_copies(void **state)
{
	const struct tap_options o = { .ring_bytes = 1 << 20 };
	const uint32_t all = 500000;
	static struct test_frame f;
	struct weir_tap_counts counts;
	uint64_t found = 0;
	struct tap *t;

	(void)state;
	make_one(&f);
	t = open_tap(&o);
	assert_true(run(&f, false, all));
	counts = tap_counts(t, 0);
	assert_int_equal(counts.eligible, all);
	assert_int_equal(counts.copied + counts.dropped, all);
	assert_true(counts.dropped > all / 2);
	assert_true(counts.copied > 1000);
	assert_int_equal(seen(), all);
	/* There is room again once it was read. */
	assert_int_equal(tap_read(t, count_one, &found), (int)counts.copied);
	assert_true(tap_is_busy(t));
	assert_true(run(&f, false, 10));
	tap_stop(t);
	assert_int_equal(tap_read(t, count_one, &found), 10);
	assert_int_equal(seen(), 10);
	tap_close(t);
}

/* ---- several, and a filter behind them ---- */

static void several_beside_each_other(void **state)
{
	const struct tap_options o = { 0 }, matches = { .filter = "len >= 1" },
				 matches_not = { .filter = "len < 1" };
	struct tap *t[WEIR_TAPS], *more;
	static struct test_frame f;
	uint64_t i;

	(void)state;
	make_one(&f);
	assert_int_equal(live_filter(&live, "len < 1"), 0);
	for (i = 0; i < WEIR_TAPS; i++) {
		t[i] = open_tap(i == 1 ? &matches : i == 2 ? &matches_not : &o);
		assert_true(run(&f, false, 1));
		assert_true(run(&f, true, 1));
	}
	assert_int_equal(tap_open(&more, &live, &o), -EBUSY);
	assert_non_null(strstr(live.why, "taps are open"));
	assert_int_equal(live_filter(&live, NULL), 0);
	assert_int_equal(live_filter_id(&live, false), 0);
	assert_true(run(&f, false, 1));
	for (i = 0; i < WEIR_TAPS; i++)
		assert_int_equal(tap_counts(t[i], 0).copied, i == 2 ? 0 : 2 * (WEIR_TAPS - i) + 1);
	/* Each of the first, the middle and the last goes, and one comes again. */
	tap_close(t[0]);
	tap_close(t[2]);
	assert_true(run(&f, true, 1));
	assert_int_equal(tap_counts(t[1], WEIR_DIR_EGRESS).copied, WEIR_TAPS);
	t[0] = open_tap(&o);
	tap_close(t[3]);
	assert_true(run(&f, true, 1));
	assert_int_equal(tap_counts(t[0], 0).copied, 1);
	tap_close(t[1]);
	tap_close(t[0]);
	assert_true(run(&f, true, 1));
	assert_int_equal(seen(), 2 * WEIR_TAPS + 4);
}

static void what_is_wrong_is_said(void **state)
{
	const struct tap_options o = { .filter = "tcp port" };
	struct tap *t;

	(void)state;
	assert_true(tap_open(&t, &live, &o) < 0);
	assert_null(t);
	assert_non_null(strstr(live.why, "libpcap: "));
	assert_int_equal(tap_sweep(&live), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_them_at_xdp),
		cmocka_unit_test(all_of_them_at_tc),
		cmocka_unit_test(their_beginnings),
		cmocka_unit_test(those_that_match),
		cmocka_unit_test(one_in_so_many),
		cmocka_unit_test(a_full_ring_stops_nothing_but_copies),
		cmocka_unit_test(several_beside_each_other),
		cmocka_unit_test(what_is_wrong_is_said),
	};

	libbpf_set_print(NULL);
	return cmocka_run_group_tests(tests, load, unload);
}
