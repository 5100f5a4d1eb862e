/* SPDX-License-Identifier: GPL-2.0 */
/* What is read of tables: sums through ended records, what a reader missed, plans, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/clock.h"
#include "counted.h"

/* Far more flows than the table holds: every one of them exact, by way of the ended ring. */
static void sums_are_exact_through_eviction(void **state)
{
	struct counted c = counted_begin(&small_plan);
	uint32_t i, round;

	(void)state;
	for (round = 0; round < 7; round++)
		for (i = 0; i < 5000; i++) {
			put_udp(&c, i * 2654435761U, 1000 + round);
			if (i % 16 == 15)
				reader_drain(c.reader);
		}
	native_flush(c.native);
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_int_equal(c.s.store.flow_count, 5000);
	for (i = 0; i < 5000; i++) {
		assert_int_equal(c.s.store.flows[i].packets, 7);
		assert_int_equal(c.s.store.flows[i].bytes, 420);
		assert_int_equal(c.s.store.flows[i].ip_bytes, 7 * 46);
		assert_int_equal(c.s.store.flows[i].first, 1000);
		assert_int_equal(c.s.store.flows[i].last, 1006);
	}
	assert_int_equal(c.s.ports[1 << 16 | 256].role[1].packets, 35000);
	assert_int_equal(c.s.ports[1 << 16 | 0].role[0].bytes, 35000 * 60);
	assert_true(c.s.ledger.balanced);
	counted_end(&c);
}

struct taken {
	uint32_t packets[100];
	uint32_t records, syns;
	uint32_t most; /* records before it has enough, 0: all */
};

static int take_flow(void *arg, const struct flow_sum *f)
{
	struct taken *t = arg;

	if (t->most && t->records == t->most)
		return 7;
	t->records++;
	t->packets[flow_number(f)] += (uint32_t)f->packets;
	return 0;
}

static int take_syn(void *arg, const struct syn_sum *s)
{
	(void)s;
	((struct taken *)arg)->syns++;
	return 0;
}

/* What was handed over is forgotten, and with the last snapshot it is all there was. */
static void what_ended_is_handed_over_once(void **state)
{
	struct counted c = counted_begin(&small_plan);
	struct taken taken = { 0 };
	const struct ended_visitor v = { take_flow, take_syn, &taken };
	uint32_t i, handed = 0, stopped = 0;
	int ended;

	(void)state;
	for (i = 0; i < 3000; i++) {
		put_udp(&c, i * 37 % 100, 1000);
		if (i % 10)
			continue;
		/* One in two has enough before the end: the rest comes with the next. */
		taken.most = i % 20 ? taken.records + 2 : 0;
		ended = reader_visit(c.reader, &v);
		assert_true(!ended || (ended == 7 && taken.records == taken.most));
		stopped += ended == 7;
		if (i % 30 == 0) {
			assert_int_equal(reader_read(c.reader, &c.s), 0);
			assert_true(c.s.ledger.balanced);
			assert_int_equal(c.s.ledger.in_flows.packets, i + 1);
			assert_int_equal(c.s.handed.packets + c.s.store.total.packets, i + 1);
		}
	}
	assert_true(stopped > 50);
	taken.most = 0;
	native_flush(c.native);
	assert_int_equal(reader_visit(c.reader, &v), 0);
	for (i = 0; i < 100; i++)
		handed += taken.packets[i];
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_int_equal(c.s.handed.packets, handed);
	assert_int_equal(c.s.store.flow_count, c.s.live);
	assert_int_equal(c.s.ledger.unattributed.packets, 0);
	for (i = 0; i < c.s.store.flow_count; i++)
		taken.packets[flow_number(&c.s.store.flows[i])] +=
			(uint32_t)c.s.store.flows[i].packets;
	for (i = 0; i < 100; i++)
		assert_int_equal(taken.packets[i], 30);
	counted_end(&c);
}

static void syns_handed_over_stay_counted(void **state)
{
	struct counted c = counted_begin(&small_plan);
	struct taken taken = { 0 };
	const struct ended_visitor v = { NULL, take_syn, &taken };
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		put_syn(&c, i * 2654435761U);
		if (i % 16 == 0)
			assert_int_equal(reader_visit(c.reader, &v), 0);
	}
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_true(taken.syns > 900 && c.s.store.syn_count < 50);
	assert_int_equal(c.s.syn.syn, 1000);
	assert_int_equal(c.s.syn.synack + c.s.syn.rst + c.s.syn.fin, 0);
	assert_int_equal(c.s.ledger.syn_unattributed, 0);
	counted_end(&c);
}

/* A reader that comes too late knows exactly what it missed. */
static void a_late_reader_names_what_it_missed(void **state)
{
	struct counted c = counted_begin(&small_plan);
	uint32_t i;

	(void)state;
	for (i = 0; i < 5000; i++)
		put_udp(&c, i * 2654435761U, 1);
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_true(c.s.ledger.unattributed.packets > 4000);
	assert_int_equal(c.s.ledger.unattributed.packets + c.s.ledger.in_flows.packets, 5000);
	assert_int_equal(c.s.ledger.unattributed.bytes + c.s.ledger.in_flows.bytes, 300000);
	assert_int_equal(c.s.ports[1 << 16 | 256].role[1].packets, 5000);
	assert_true(c.s.ledger.balanced);
	counted_end(&c);
}

static void a_counter_about_to_overflow_ends_its_record(void **state)
{
	struct counted c = counted_begin(&small_plan);
	struct weir_flow *r = NULL;
	struct tables *t = native_tables(c.native);
	uint32_t i, way;

	(void)state;
	put_udp(&c, 1, 1);
	native_flush(c.native);
	for (i = 0; i < small_plan.flow_sets; i++)
		for (way = 0; way < WEIR_WAYS; way++)
			if (t->flows[i].way[way].packets)
				r = &t->flows[i].way[way];
	assert_non_null(r);
	r->packets = (1U << 31) - 1;
	put_udp(&c, 1, 2);
	native_flush(c.native);
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_int_equal(c.s.ended, 1);
	assert_int_equal(c.s.store.flow_count, 1);
	assert_int_equal(c.s.store.flows[0].packets, 1ULL << 31);
	counted_end(&c);
}

static void plans_keep_within_their_memory(void **state)
{
	uint64_t memory;
	uint32_t cpus;
	struct plan p;

	(void)state;
	for (memory = WEIR_MEMORY_MIN; memory < 1ULL << 33; memory = memory * 3 / 2)
		for (cpus = 1; cpus <= 256; cpus *= 2) {
			if (plan_make(&p, memory, cpus))
				continue;
			assert_true(plan_bytes(&p) <= memory);
			assert_true(plan_bytes(&p) > memory - memory / 4 || memory < 32 << 20);
			assert_true(p.flow_sets && p.ended && p.syn_sets && p.syn_ended);
		}
	assert_true(plan_make(&p, 1 << 20, 1) < 0);
}

/* Beside another one, which is not to disturb it. */
static uint64_t ns_of(uint32_t ticks, uint64_t now)
{
	const struct moment m = moment_of(now, 5000);
	const times_t a = ticks_to_ns((uint32_t[]){ ticks, 77 }, &m);
	const times_t b = ticks_to_ns((uint32_t[]){ 0xffff0000, ticks }, &m);

	assert_int_equal(a[0], b[1]);
	return (uint64_t)a[0] - 5000;
}

static void ticks_come_back_as_ns(void **state)
{
	uint64_t now = 123456789ULL << WEIR_TICK_SHIFT, wrapped = (1ULL << 32) + 7;

	(void)state;
	assert_int_equal(ns_of(123456789, now), now);
	assert_int_equal(ns_of(123456780, now), now - (9ULL << WEIR_TICK_SHIFT));
	assert_int_equal(ns_of(0xffffffff, wrapped << WEIR_TICK_SHIFT),
			 0xffffffffULL << WEIR_TICK_SHIFT);
	/* A moment ahead of the reader's clock, and before the machine was started. */
	assert_int_equal(ns_of(123456791, now), now + (2ULL << WEIR_TICK_SHIFT));
	assert_int_equal(ns_of(123456789 + 5000, now), 0);
}

/* The machine's own clocks, which nobody sets meanwhile: no time wanders from look to look. */
static void a_clock_is_known_to_the_last_digit(void **state)
{
	const int64_t known = clock_to_epoch(0, 0), least = 1000000;
	int i;

	(void)state;
	assert_true(llabs(known - (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME))) <
		    least);
	for (i = 0; i < 100000; i++)
		assert_int_equal(clock_to_epoch(known, (uint64_t)least), known);
	/* One that was set is followed, by the next look that nothing interrupts. */
	for (i = 0; i < 1000 && clock_to_epoch(known - 2 * least, (uint64_t)least) < known - least;)
		i++;
	assert_true(i < 1000);
	for (i = 0; i < 1000 && clock_to_epoch(known + 2 * least, (uint64_t)least) > known + least;)
		i++;
	assert_true(i < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_exact_through_eviction),
		cmocka_unit_test(what_ended_is_handed_over_once),
		cmocka_unit_test(syns_handed_over_stay_counted),
		cmocka_unit_test(a_late_reader_names_what_it_missed),
		cmocka_unit_test(a_counter_about_to_overflow_ends_its_record),
		cmocka_unit_test(plans_keep_within_their_memory),
		cmocka_unit_test(ticks_come_back_as_ns),
		cmocka_unit_test(a_clock_is_known_to_the_last_digit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}