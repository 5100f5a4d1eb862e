/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a CPU does between the steps of one snapshot, of its reader's own code and in an order that
 * chance would hardly give. No root needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "files/native.h"
#include "tables/ledger.c"
#include "tables/reader.c" /* its steps are its own */

struct world {
	struct native *native;
	struct reader *reader;
	struct snapshot s;
	struct totals before;
};

static void begin(struct world *w, const struct plan *plan)
{
	*w = (struct world){ .native = native_new(plan, 7) };
	assert_non_null(w->native);
	w->reader = reader_new(native_tables(w->native), 0);
	assert_non_null(w->reader);
	reader_without_ports(w->reader);
}

static void end(struct world *w)
{
	snapshot_free(&w->s);
	reader_free(w->reader);
	native_free(w->native);
}

static void send(struct world *w, uint32_t flow, uint64_t tick)
{
	unsigned char frame[54] = { [12] = 8, [14] = 0x45, [17] = 40, [23] = 17 };

	memcpy(frame + 26, &flow, 4);
	native_count(w->native, frame, sizeof(frame), sizeof(frame), tick << WEIR_TICK_SHIFT,
		     WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
}

static void commit(struct world *w, uint32_t flow, uint64_t tick)
{
	send(w, flow, tick);
	native_flush(w->native);
}

/* The steps of reader_read(). */
static void look(struct world *w)
{
	assert_int_equal(begin_read(w->reader, &w->s), 0);
	totals_read(w->reader->t, &w->before);
	assert_int_equal(copy_cpu(w->reader, 0), 0);
}

static void close_books(struct world *w)
{
	struct reader *r = w->reader;
	const struct merge m = { r->flows, r->staged, 1, 1, &r->cells, &r->ended, r->at };

	assert_int_equal(merge_flows(&m, &w->s.store, NULL, &w->s.live), 0);
	w->s.number = r->ended.stamp++;
	close_ledger(r, &w->s, &w->before);
}

static const struct flow_sum *flow_of(const struct world *w, uint32_t flow)
{
	uint32_t i;

	for (i = 0; i < w->s.store.flow_count; i++)
		if (w->s.store.flows[i].src[1] >> 32 == flow)
			return &w->s.store.flows[i];
	return NULL;
}

/* The copy is that of the last snapshot, for the CPU has rested since, and then it rests no more.
 */
static void ended_after_a_rest(void **state)
{
	const struct plan plan = {
		.cpus = 1, .flow_sets = 64, .ended = 1 << 10, .syn_sets = 4, .syn_ended = 4
	};
	struct world w;
	uint32_t flow;

	(void)state;
	begin(&w, &plan);
	for (flow = 0; flow < 600; flow++)
		commit(&w, flow, 1);
	assert_int_equal(reader_read(w.reader, &w.s), 0);
	assert_int_equal(w.s.ledger.in_flows.packets, 600);
	assert_int_equal(reader_drain(w.reader), 0);
	look(&w);
	for (; flow < 632; flow++)
		commit(&w, flow, 2);
	assert_int_equal(settle_cpu(w.reader, 0), 0);
	close_books(&w);
	/* What came in between may be in it or not; nothing is in it twice. */
	assert_in_range(w.s.ledger.in_flows.packets, 600, 632);
	for (flow = 0; flow < 600; flow++)
		assert_true(flow_of(&w, flow) && flow_of(&w, flow)->packets == 1);
	end(&w);
}

/* A flow is ended in one way of its set, and begun anew in the other, whose gen is the same. */
static void the_same_gen_elsewhere(void **state)
{
	const struct plan plan = {
		.cpus = 1, .flow_sets = 1, .ended = 1 << 10, .syn_sets = 1, .syn_ended = 1
	};
	struct world w;

	(void)state;
	begin(&w, &plan);
	commit(&w, 'A', 1);
	commit(&w, 'B', 2);
	commit(&w, 'F', 3);
	commit(&w, 'B', 4);
	assert_int_equal(reader_read(w.reader, &w.s), 0);
	send(&w, 'H', 5);
	look(&w);
	/* settle_once(), and the batch is committed behind its drain: H ends F, and F ends B. */
	assert_int_equal(drain_cpu(w.reader, 0), 0);
	native_flush(w.native);
	commit(&w, 'F', 6);
	w.reader->rest[0] = NO_COMMITS;
	assert_int_equal(recopy(w.reader, 0, &w.reader->staged[0]), 0);
	w.reader->staged[0].n = 0;
	close_books(&w);
	assert_true(w.s.ledger.balanced);
	assert_int_equal(flow_of(&w, 'F')->packets, 2);
	assert_true(flow_changed(&w.s, flow_of(&w, 'F')));
	commit(&w, 'H', 7);
	assert_int_equal(reader_read(w.reader, &w.s), 0);
	assert_int_equal(flow_of(&w, 'F')->packets, 2);
	end(&w);
}

/* A ring that laps its reader has the CPU copied twice in one read. */
static void new_twice_is_new(void **state)
{
	const struct plan plan = {
		.cpus = 1, .flow_sets = 64, .ended = 1 << 10, .syn_sets = 4, .syn_ended = 4
	};
	struct world w;

	(void)state;
	begin(&w, &plan);
	commit(&w, 1, 1);
	assert_int_equal(reader_read(w.reader, &w.s), 0);
	send(&w, 2, 1);
	look(&w);
	assert_true(copy_again(w.reader, 0) >= 0);
	assert_int_equal(settle_cpu(w.reader, 0), 0);
	close_books(&w);
	assert_true(flow_changed(&w.s, flow_of(&w, 2)));
	assert_false(flow_changed(&w.s, flow_of(&w, 1)));
	assert_int_equal(reader_read(w.reader, &w.s), 0);
	assert_false(flow_changed(&w.s, flow_of(&w, 2)));
	end(&w);
}

/* Books that do not balance are told of, however many packets come while we look. */
static void no_packet_hides_another(void **state)
{
	const struct plan plan = {
		.cpus = 1, .flow_sets = 64, .ended = 1 << 10, .syn_sets = 4, .syn_ended = 4
	};
	struct world w;
	struct weir_sum more;
	struct totals t;
	__u64 begun;

	(void)state;
	begin(&w, &plan);
	commit(&w, 1, 1);
	send(&w, 2, 1);
	/* Two more than were counted: only one can be staged and not yet counted. */
	more = (struct weir_sum){ 4, 4 * 54 };
	begun = clock_ns(CLOCK_BOOTTIME);
	read_totals(w.reader->t, &t, more);
	assert_true(clock_ns(CLOCK_BOOTTIME) - begun < WAIT_NS / 2);
	/* One more: it is waited for, and not for ever. */
	more = (struct weir_sum){ 3, 3 * 54 };
	begun = clock_ns(CLOCK_BOOTTIME);
	read_totals(w.reader->t, &t, more);
	assert_true(clock_ns(CLOCK_BOOTTIME) - begun >= WAIT_NS);
	assert_int_equal(totals_ip(&t).packets, 2);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ended_after_a_rest),
		cmocka_unit_test(the_same_gen_elsewhere),
		cmocka_unit_test(new_twice_is_new),
		cmocka_unit_test(no_packet_hides_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
