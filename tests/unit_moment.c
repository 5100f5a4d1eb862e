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
#include "tables/copies.c"
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

/* The steps of reader_read(), by one thread or as more do it. */
static void begin_moment(struct world *w)
{
	assert_int_equal(begin_read(w->reader, &w->s), 0);
	totals_read(w->reader->t, &w->before);
}

static void copy(struct world *w, bool in_step)
{
	begin_moment(w);
	assert_int_equal(copies_make(&w->reader->copies, in_step ? 1 : 2), 0);
}

static void copy_tables(struct world *w)
{
	struct copies *c = &w->reader->copies;

	assert_int_equal(copy_rest(c, 0, &c->flows[0]), 0);
	assert_int_equal(copy_rest(c, 0, &c->syns[0]), 0);
}

static void close_books(struct world *w)
{
	struct reader *r = w->reader;
	const struct copies *c = &r->copies;
	const struct merge m = { c->flows, c->staged, 1, 1, &r->cells, &r->ended, r->at };

	assert_int_equal(copies_settle(&r->copies, 1), 0);
	assert_int_equal(merge_flows(&m, &w->s.store, NULL, &w->s.live), 0);
	assert_int_equal(read_syns(r, &w->s), 0);
	copies_clear_marks(&r->copies);
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

/* How often a flow is in the snapshot. */
static uint32_t times(const struct world *w, uint32_t flow)
{
	uint32_t i, n = 0;

	for (i = 0; i < w->s.store.flow_count; i++)
		n += w->s.store.flows[i].src[1] >> 32 == flow;
	return n;
}

static void read_now(struct world *w)
{
	assert_int_equal(reader_read(w->reader, &w->s), 0);
	assert_true(w->s.ledger.balanced);
}

static const struct plan one_set = {
	.cpus = 1, .flow_sets = 1, .ended = 1 << 10, .syn_sets = 1, .syn_ended = 1 << 10
};
static const struct plan some_sets = {
	.cpus = 1, .flow_sets = 64, .ended = 1 << 10, .syn_sets = 4, .syn_ended = 1 << 10
};

/* The copy is that of the last snapshot, for the CPU has rested since, and then it rests no more.
 */
static void ended_after_a_rest(void **state)
{
	struct world w;
	uint32_t flow, in_step;

	(void)state;
	for (in_step = 0; in_step < 2; in_step++) {
		begin(&w, &some_sets);
		for (flow = 0; flow < 600; flow++)
			commit(&w, flow, 1);
		read_now(&w);
		assert_int_equal(w.s.ledger.in_flows.packets, 600);
		assert_int_equal(reader_drain(w.reader), 0);
		copy(&w, in_step);
		for (; flow < 632; flow++)
			commit(&w, flow, 2);
		close_books(&w);
		/* What came in between may be in it or not; nothing is in it twice. */
		assert_in_range(w.s.ledger.in_flows.packets, 600, 632);
		for (flow = 0; flow < 600; flow++)
			assert_true(times(&w, flow) == 1 && flow_of(&w, flow)->packets == 1);
		read_now(&w);
		assert_int_equal(w.s.ledger.in_flows.packets, 632);
		end(&w);
	}
}

/* A flow ends once it is copied: it is in this snapshot as it was, in the next one as it ended. */
static void ended_after_its_copy(void **state)
{
	struct world w;
	uint32_t in_step;

	(void)state;
	for (in_step = 0; in_step < 2; in_step++) {
		begin(&w, &one_set);
		commit(&w, 'A', 1);
		commit(&w, 'B', 2);
		copy(&w, in_step);
		commit(&w, 'A', 3);
		commit(&w, 'B', 4);
		commit(&w, 'C', 5); /* ends A */
		close_books(&w);
		assert_true(w.s.ledger.balanced);
		assert_true(times(&w, 'A') == 1 && flow_of(&w, 'A')->packets == 1);
		assert_true(times(&w, 'B') == 1 && flow_of(&w, 'B')->packets == 1);
		assert_int_equal(times(&w, 'C'), 0);
		read_now(&w);
		assert_int_equal(flow_of(&w, 'A')->packets, 2);
		assert_true(flow_changed(&w.s, flow_of(&w, 'A')));
		assert_int_equal(flow_of(&w, 'B')->packets, 2);
		assert_int_equal(flow_of(&w, 'C')->packets, 1);
		end(&w);
	}
}

/* A flow ends after the look and before it is copied: it is in the snapshot as it ended. */
static void ended_before_its_copy(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &one_set);
	commit(&w, 'A', 1);
	commit(&w, 'B', 2);
	commit(&w, 'E', 3); /* ends A */
	begin_moment(&w);
	assert_int_equal(look(&w.reader->copies, 0), 0);
	commit(&w, 'C', 4); /* ends B */
	commit(&w, 'A', 5); /* ends E, and goes on: it is in what was ended, too */
	assert_int_equal(drain_late(&w.reader->copies, 0), 0);
	copy_tables(&w);
	commit(&w, 'B', 6); /* ends C, which was copied */
	close_books(&w);
	assert_true(w.s.ledger.balanced);
	assert_true(times(&w, 'A') == 1 && flow_of(&w, 'A')->packets == 2);
	assert_true(times(&w, 'B') == 1 && flow_of(&w, 'B')->packets == 1);
	assert_true(times(&w, 'C') == 1 && flow_of(&w, 'C')->packets == 1);
	assert_true(times(&w, 'E') == 1 && flow_of(&w, 'E')->packets == 1);
	read_now(&w);
	assert_int_equal(flow_of(&w, 'B')->packets, 2);
	assert_int_equal(w.s.store.flow_count, 4);
	end(&w);
}

/* A packet is staged when we look, and committed before, or after, its set is copied. */
static void staged_at_the_look(void **state)
{
	struct world w;
	uint32_t k;

	(void)state;
	for (k = 0; k < 8; k++) {
		const bool in_step = k & 1, before = k & 2, ends = k & 4;
		uint32_t flow;

		begin(&w, &some_sets);
		commit(&w, 'A', 1);
		send(&w, 'A', 2);
		send(&w, 'N', 2);
		if (before) {
			begin_moment(&w);
			assert_int_equal(look(&w.reader->copies, 0), 0);
			native_flush(w.native);
			copy_tables(&w);
		} else {
			copy(&w, in_step);
			native_flush(w.native);
		}
		/* And then both are ended, the new one without ever having been copied. */
		for (flow = 1000; ends && flow < 2000; flow++)
			commit(&w, flow, 3);
		close_books(&w);
		assert_true(w.s.ledger.balanced);
		assert_true(times(&w, 'A') == 1 && flow_of(&w, 'A')->packets == 2);
		assert_true(times(&w, 'N') == 1 && flow_of(&w, 'N')->packets == 1);
		read_now(&w);
		assert_true(times(&w, 'A') == 1 && flow_of(&w, 'A')->packets == 2);
		assert_true(times(&w, 'N') == 1 && flow_of(&w, 'N')->packets == 1);
		end(&w);
	}
}

/* A flow is ended in one way of its set, and begun anew in the other, whose gen is the same. */
static void the_same_gen_elsewhere(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &one_set);
	commit(&w, 'A', 1);
	commit(&w, 'B', 2);
	commit(&w, 'F', 3);
	read_now(&w);
	commit(&w, 'B', 4);
	send(&w, 'H', 5);
	begin_moment(&w);
	assert_int_equal(look(&w.reader->copies, 0), 0);
	/* The batch is committed before the copy: H ends F, and F ends B. */
	native_flush(w.native);
	commit(&w, 'F', 6);
	copy_tables(&w);
	close_books(&w);
	assert_true(w.s.ledger.balanced);
	assert_true(times(&w, 'F') == 1 && flow_of(&w, 'F')->packets == 2);
	assert_true(flow_changed(&w.s, flow_of(&w, 'F')));
	commit(&w, 'H', 7);
	read_now(&w);
	assert_int_equal(flow_of(&w, 'F')->packets, 2);
	end(&w);
}

/* A ring that laps its reader has the CPU copied twice in one read. */
static void new_twice_is_new(void **state)
{
	struct world w;
	uint32_t in_step;

	(void)state;
	for (in_step = 0; in_step < 2; in_step++) {
		begin(&w, &some_sets);
		commit(&w, 1, 1);
		read_now(&w);
		commit(&w, 3, 1);
		send(&w, 2, 1);
		copy(&w, in_step);
		w.reader->copies.flows[0].lapped = true;
		close_books(&w);
		assert_false(w.reader->copies.flows[0].lapped);
		assert_true(flow_changed(&w.s, flow_of(&w, 2)));
		assert_true(flow_changed(&w.s, flow_of(&w, 3)));
		assert_false(flow_changed(&w.s, flow_of(&w, 1)));
		read_now(&w);
		assert_false(flow_changed(&w.s, flow_of(&w, 2)));
		assert_false(flow_changed(&w.s, flow_of(&w, 3)));
		end(&w);
	}
}

/* What a ring overwrote before we came is unattributed, and not in the copy beside. */
static void lapped_while_copied(void **state)
{
	struct world w;
	uint32_t in_step, flow;

	(void)state;
	for (in_step = 0; in_step < 2; in_step++) {
		begin(&w, &some_sets);
		for (flow = 0; flow < 100; flow++)
			commit(&w, flow, 1);
		copy(&w, in_step);
		for (; flow < 3100; flow++)
			commit(&w, flow, 2);
		/* Also where that came to light while something else was copied. */
		if (in_step)
			assert_int_equal(drain_late(&w.reader->copies, 0), 0);
		close_books(&w);
		assert_true(w.s.ledger.balanced);
		assert_true(w.s.ledger.unattributed.packets > 1000);
		assert_int_equal(w.s.ledger.unattributed.packets + w.s.ledger.in_flows.packets,
				 3100);
		for (flow = 0; flow < 3100; flow++)
			assert_true(times(&w, flow) <= 1);
		end(&w);
	}
}

static void port_send(struct world *w, uint32_t flow, uint16_t port, uint64_t tick)
{
	unsigned char frame[54] = { [12] = 8, [14] = 0x45, [17] = 40, [23] = 17 };

	memcpy(frame + 26, &flow, 4);
	frame[34] = port >> 8, frame[35] = port & 255, frame[37] = 9, frame[39] = 20;
	native_count(w->native, frame, sizeof(frame), sizeof(frame), tick << WEIR_TICK_SHIFT,
		     WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
}

/* A flow is copied, its staged packet added from the stage, and ends with it before the ports are
 * read. */
static void ports_have_a_staged_packet_once(void **state)
{
	struct world w;
	struct port_sums ports;
	struct reader *r;
	struct copies *c;
	struct merge m;
	uint32_t i;

	(void)state;
	begin(&w, &one_set);
	r = w.reader;
	c = &r->copies;
	r->without_ports = false;
	port_send(&w, 'A', 1000, 1);
	native_flush(w.native);
	port_send(&w, 'A', 1000, 2); /* staged */
	begin_moment(&w);
	assert_int_equal(copies_make(&r->copies, 1), 0);
	native_flush(w.native);
	for (i = 0; i < 3; i++) {
		port_send(&w, 'B' + i, 2000, 3 + i);
		native_flush(w.native); /* the second of them ends A, of 2 packets */
	}
	begin_ports(r, &w.s);
	assert_int_equal(copies_settle(&r->copies, 1), 0);
	ports = (struct port_sums){ w.s.ports, r->ports.live };
	m = (struct merge){ c->flows, c->staged, 1, 1, &r->cells, &r->ended, r->at };
	assert_int_equal(merge_flows(&m, &w.s.store, &ports, &w.s.live), 0);
	take_late_ports(r, &ports, 0);
	assert_int_equal(flow_of(&w, 'A')->packets, 2);
	assert_int_equal(w.s.ports[1 << 16 | 1000].role[0].packets, 2);
	end(&w);
}

/* A read fails after its look at a CPU at rest: what was new to it still is. */
static void new_after_a_failed_read(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &some_sets);
	commit(&w, 1, 1);
	read_now(&w);
	read_now(&w);
	send(&w, 2, 2);
	copy(&w, true); /* and then -ENOMEM */
	read_now(&w);
	assert_true(flow_changed(&w.s, flow_of(&w, 2)));
	end(&w);
}

static void syn_commit(struct world *w, uint32_t src, uint32_t dst, uint64_t tick)
{
	unsigned char frame[54] = {
		[12] = 8, [14] = 0x45, [17] = 40, [23] = 6, [46] = 0x50, [47] = 2
	};

	memcpy(frame + 26, &src, 4);
	memcpy(frame + 30, &dst, 4);
	frame[37] = 80;
	native_count(w->native, frame, sizeof(frame), sizeof(frame), tick << WEIR_TICK_SHIFT,
		     WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
	native_flush(w->native);
}

static uint32_t syn_set(const struct world *w, uint32_t ip, uint16_t port, uint8_t role)
{
	const __u64 addr[2] = { 0, (__u64)ip << 32 | 0xffff0000 };
	const struct weir_syn_key k = weir_syn_key(port, role, addr);

	return weir_set_of(weir_syn_hash(w->reader->t->cpu[0].key, &k), some_sets.syn_sets);
}

/*
 * SYN records have no `first`: one begun anew in the other way, of the same gen, looks like the one
 * that ended.
 */
static void the_same_syn_gen_elsewhere(void **state)
{
	static const uint8_t steps[] = { 0, 1, 1, 2, 2, 0xff, 0, 0, 0, 2 };
	uint32_t key[3], n = 0, ip, dst, i;
	struct world w;

	(void)state;
	begin(&w, &some_sets);
	for (ip = 1; n < 3; ip++)
		if (syn_set(&w, ip, 0, WEIR_ROLE_SOURCE) == 0)
			key[n++] = ip;
	for (dst = 1; syn_set(&w, dst, (uint16_t)weir_be16(80), WEIR_ROLE_TARGET) == 0;)
		dst++;
	for (i = 0; i < sizeof(steps); i++) {
		if (steps[i] == 0xff) {
			begin_moment(&w);
			assert_int_equal(look(&w.reader->copies, 0), 0);
			assert_int_equal(
				copy_rest(&w.reader->copies, 0, &w.reader->copies.flows[0]), 0);
		} else {
			syn_commit(&w, key[steps[i]], dst, i);
		}
	}
	copy_tables(&w);
	close_books(&w);
	for (i = 0; i < w.s.store.syn_count; i++)
		if (w.s.store.syns[i].addr[1] >> 32 == key[2] && w.s.store.syns[i].port == 0)
			assert_in_range(w.s.store.syns[i].syn, 2, 3);
	end(&w);
}

/* 127 replacements of one way in a tick, between the look and the copy. */
static void a_gen_comes_round_before_the_copy(void **state)
{
	struct world w;
	uint32_t i;

	(void)state;
	begin(&w, &one_set);
	commit(&w, 'A', 1);
	commit(&w, 'B', 2);
	commit(&w, 'F', 3); /* ends A */
	commit(&w, 'B', 3);
	commit(&w, 'F', 3);
	begin_moment(&w);
	assert_int_equal(look(&w.reader->copies, 0), 0);
	for (i = 0; i < 126; i++)
		commit(&w, 1000 + i, 3);
	commit(&w, 'F', 3);
	copy_tables(&w);
	close_books(&w);
	assert_int_equal(flow_of(&w, 'F')->packets, 3);
	assert_true(w.s.ledger.balanced);
	end(&w);
}

/* Books that do not balance are told of, however many packets come while we look. */
static void no_packet_hides_another(void **state)
{
	struct world w;
	struct weir_sum more;
	struct totals t;
	__u64 begun;

	(void)state;
	begin(&w, &some_sets);
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
		cmocka_unit_test(ended_after_its_copy),
		cmocka_unit_test(ended_before_its_copy),
		cmocka_unit_test(staged_at_the_look),
		cmocka_unit_test(the_same_gen_elsewhere),
		cmocka_unit_test(new_twice_is_new),
		cmocka_unit_test(ports_have_a_staged_packet_once),
		cmocka_unit_test(new_after_a_failed_read),
		cmocka_unit_test(the_same_syn_gen_elsewhere),
		cmocka_unit_test(a_gen_comes_round_before_the_copy),
		cmocka_unit_test(lapped_while_copied),
		cmocka_unit_test(no_packet_hides_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
