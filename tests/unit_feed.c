/* SPDX-License-Identifier: GPL-2.0 */
/* Flow records out of native tables, and their ledger: eviction, laps, timeouts, ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "counted.h"
#include "export/feed.h"

#define SECOND 1000000000ULL
#define START (1000 * SECOND)
#define OLDER 3600 /* seconds that the machine is made out to have been up longer than it has */
#define FLOWS 200

int __real_clock_gettime(clockid_t clock, struct timespec *to);
int __wrap_clock_gettime(clockid_t clock, struct timespec *to);

static time_t set_by; /* CLOCK_REALTIME, by seconds; at 0 the epoch was when the machine booted */

/* A reader takes no time for one that is to come, and START would be, soon after a boot. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *to)
{
	int err = __real_clock_gettime(clock == CLOCK_REALTIME ? CLOCK_BOOTTIME : clock, to);

	if (clock == CLOCK_BOOTTIME || clock == CLOCK_REALTIME)
		to->tv_sec += OLDER;
	if (clock == CLOCK_REALTIME)
		to->tv_sec += set_by;
	return err;
}

struct feeding {
	struct counted c;
	struct feed *feed;
	struct weir_sum got, lost; /* by batches */
	uint64_t per_flow[FLOWS];
	uint32_t records, reasons[6];
	struct flow_record last;
	uint64_t last_from, last_to; /* of a batch */
	uint64_t sent_packets, sent_bytes;
};

static void take(void *arg, struct batch *b)
{
	struct feeding *t = arg;
	struct weir_sum sum = { 0 };
	uint32_t i;

	for (i = 0; i < b->count; i++) {
		const struct flow_record *r = &b->record[i];

		sum.packets += r->packets;
		sum.bytes += r->bytes;
		assert_true(r->packets || r->bytes || r->ip_bytes);
		assert_true(r->first <= r->last);
		t->reasons[r->end_reason]++;
		t->per_flow[r->sport % FLOWS] += r->packets;
		t->last = *r;
	}
	assert_int_equal(sum.packets, b->sum.packets);
	assert_int_equal(sum.bytes, b->sum.bytes);
	t->records += b->count;
	t->last_from = b->from_ns;
	t->last_to = b->to_ns;
	t->got.packets += sum.packets;
	t->got.bytes += sum.bytes;
	t->lost.packets += b->lost.packets;
	t->lost.bytes += b->lost.bytes;
	batch_put(b);
}

static void begin(struct feeding *b, bool baseline)
{
	const struct batch_iface iface = { "test0", 1, 0 };
	const struct feed_options o = { .active_ns = 60 * SECOND,
					.idle_ns = 15 * SECOND,
					.baseline = baseline };

	*b = (struct feeding){ .c = counted_begin(&small_plan) };
	b->feed = feed_new(&o, &iface, take, b);
	assert_non_null(b->feed);
}

static void end(struct feeding *b)
{
	feed_free(b->feed);
	counted_end(&b->c);
}

static void scan(struct feeding *b, uint64_t now, bool last)
{
	const struct ended_visitor v = { .flow = feed_ended, .arg = b->feed };

	assert_int_equal(reader_visit(b->c.reader, &v), 0);
	assert_int_equal(reader_read(b->c.reader, &b->c.s), 0);
	assert_int_equal(feed_scan(b->feed, &b->c.s, now, last), 0);
}

/* before + exported + pending + lost - overlap is what was sent, and each sum what batches held. */
static void check_ledger(const struct feeding *b)
{
	const struct feed_ledger *l = feed_ledger(b->feed);

	assert_true(l->balanced);
	assert_int_equal(l->exported.packets, b->got.packets);
	assert_int_equal(l->exported.bytes, b->got.bytes);
	assert_int_equal(l->before.packets + l->exported.packets + l->pending.packets +
				 l->lost.packets - l->overlap.packets,
			 b->sent_packets);
	assert_int_equal(l->before.bytes + l->exported.bytes + l->pending.bytes + l->lost.bytes -
				 l->overlap.bytes,
			 b->sent_bytes);
	assert_int_equal(l->ip.packets, b->sent_packets);
}

static void put(struct feeding *b, uint16_t port, uint64_t ns, uint32_t length)
{
	unsigned char frame[64] = {
		[12] = 8, [14] = 0x45, [17] = 46, [23] = 17, [26] = 10, [30] = 11
	};

	frame[34] = (unsigned char)(port >> 8);
	frame[35] = (unsigned char)port;
	native_count(b->c.native, frame, 60, length, ns, WEIR_LINK_ETHERNET, WEIR_DIR_INGRESS);
	b->sent_packets++;
	b->sent_bytes += length;
}

/* A TCP segment of a connection, there or back again. */
static void put_segment(struct feeding *b, uint8_t port, bool back, uint8_t flags, uint64_t ns)
{
	unsigned char frame[64] = {
		[12] = 8, [14] = 0x45, [17] = 46, [23] = 6, [26] = 10, [30] = 11, [46] = 0x50
	};

	frame[back ? 30 : 26] = 10;
	frame[back ? 26 : 30] = 11;
	frame[back ? 35 : 37] = 80;
	frame[back ? 37 : 35] = port;
	frame[47] = flags;
	native_count(b->c.native, frame, 60, 60, ns, WEIR_LINK_ETHERNET,
		     back ? WEIR_DIR_EGRESS : WEIR_DIR_INGRESS);
	b->sent_packets++;
	b->sent_bytes += 60;
}

static void put_tcp(struct feeding *b, bool back, uint8_t flags, uint64_t ns)
{
	put_segment(b, 99, back, flags, ns);
}

/* Many more flows than the tables hold, no lap: each flow's records add up to it. */
static void every_flow_is_exact_through_eviction(void **state)
{
	struct feeding b;
	uint64_t now = START;
	uint32_t i;

	(void)state;
	begin(&b, false);
	for (i = 0; i < 20000; i++) {
		now += SECOND / 100;
		put(&b, (uint16_t)(i * 7919U % FLOWS), now, 60 + i % 900);
		if (i % 16 == 15)
			reader_drain(b.c.reader);
		if (i % 100 == 99) {
			scan(&b, now, false);
			check_ledger(&b);
		}
	}
	assert_true(b.reasons[END_RESOURCES] > 100);
	scan(&b, now, true);
	check_ledger(&b);
	assert_int_equal(feed_ledger(b.feed)->lost.packets, 0);
	assert_int_equal(feed_ledger(b.feed)->pending.packets, 0);
	for (i = 0; i < FLOWS; i++)
		assert_int_equal(b.per_flow[i], 20000 / FLOWS);
	/* What is neither live nor waiting is forgotten. */
	scan(&b, now, true);
	assert_int_equal(feed_ledger(b.feed)->flows, b.c.s.live);
	end(&b);
}

/* The ring laps us between scans: what was lost is known to the packet, through all of it. */
static void the_ledger_is_exact_through_laps(void **state)
{
	struct feeding b;
	uint64_t now = START;
	uint32_t i, seed = 1;

	(void)state;
	begin(&b, false);
	for (i = 0; i < 100000; i++) {
		now += SECOND / 1000;
		seed = seed * 1103515245 + 12345;
		/* Flows of all sizes: some stay and are told of twice, then lost. */
		put(&b, (uint16_t)((seed >> 16) % ((seed >> 8) % 3 ? 12 : FLOWS)), now,
		    60 + seed % 1400);
		if (seed % 991 == 0) {
			scan(&b, now, seed % 5 == 0);
			check_ledger(&b);
		}
	}
	scan(&b, now, true);
	check_ledger(&b);
	assert_true(feed_ledger(b.feed)->lost.packets > 1000);
	assert_true(feed_ledger(b.feed)->overlap.packets > 10);
	assert_int_equal(b.got.packets + feed_ledger(b.feed)->lost.packets -
				 feed_ledger(b.feed)->overlap.packets,
			 b.sent_packets);
	assert_int_equal(b.got.bytes + b.lost.bytes, b.sent_bytes);
	assert_int_equal(b.got.packets + b.lost.packets, b.sent_packets);
	end(&b);
}

/* What was still staged is known to a tick. */
static bool is_about(uint64_t ns, uint64_t then)
{
	return ns <= then && then - ns < 2ULL << WEIR_TICK_SHIFT;
}

static void timeouts_make_records(void **state)
{
	struct feeding b;
	uint32_t i;

	(void)state;
	begin(&b, false);
	for (i = 0; i <= 600; i++) {
		put(&b, 1, START + i * SECOND / 10, 100);
		scan(&b, START + i * SECOND / 10, false);
		check_ledger(&b);
	}
	assert_int_equal(b.records, 1);
	assert_int_equal(b.reasons[END_ACTIVE], 1);
	assert_int_equal(b.last.packets, 601);
	assert_true(is_about(b.last.first, START));
	assert_true(is_about(b.last.last, START + 60 * SECOND));
	put(&b, 1, START + 61 * SECOND, 100);
	scan(&b, START + 75 * SECOND, false);
	assert_int_equal(b.records, 1);
	scan(&b, START + 76 * SECOND, false);
	assert_int_equal(b.records, 2);
	assert_int_equal(b.reasons[END_IDLE], 1);
	assert_int_equal(b.last.packets, 1);
	assert_true(is_about(b.last.first, START + 60 * SECOND));
	assert_true(is_about(b.last.last, START + 61 * SECOND));
	for (i = 77; i < 200; i++)
		scan(&b, START + i * SECOND, false);
	assert_int_equal(b.records, 2);
	check_ledger(&b);
	end(&b);
}

static void connections_end(void **state)
{
	struct feeding b;

	(void)state;
	begin(&b, false);
	put_tcp(&b, false, 0x02, START);
	put_tcp(&b, true, 0x12, START + 1);
	put_tcp(&b, false, 0x11, START + 2);
	scan(&b, START + SECOND, false);
	scan(&b, START + 2 * SECOND, false);
	assert_int_equal(b.records, 0); /* FIN one way */
	put_tcp(&b, true, 0x11, START + 2 * SECOND);
	put_tcp(&b, false, 0x10, START + 2 * SECOND + 1);
	scan(&b, START + 3 * SECOND, false);
	scan(&b, START + 4 * SECOND, false);
	assert_int_equal(b.records, 2);
	assert_int_equal(b.reasons[END_DETECTED], 2);
	assert_int_equal(b.got.packets, 5);
	/* The same ports again: no end is made of the flags of the one before. */
	put_tcp(&b, false, 0x02, START + 5 * SECOND);
	scan(&b, START + 6 * SECOND, false);
	scan(&b, START + 7 * SECOND, false);
	assert_int_equal(b.records, 2);
	check_ledger(&b);
	end(&b);

	begin(&b, false);
	put_tcp(&b, false, 0x02, START);
	put_tcp(&b, true, 0x14, START + 1);
	scan(&b, START + SECOND, false);
	scan(&b, START + 2 * SECOND, false);
	assert_int_equal(b.reasons[END_DETECTED], 2); /* RST */
	end(&b);
}

/* Tables that were there before: nothing of it is told, all after it is. */
static void what_was_there_before_is_set_aside(void **state)
{
	struct feeding b;
	uint32_t i;

	(void)state;
	begin(&b, true);
	for (i = 0; i < 500; i++)
		put(&b, (uint16_t)(i % 40), START, 100);
	scan(&b, START, false);
	check_ledger(&b);
	assert_int_equal(b.records, 0);
	assert_int_equal(b.lost.packets, 0);
	assert_true(feed_ledger(b.feed)->before.packets + feed_ledger(b.feed)->lost.packets == 500);
	for (i = 0; i < 123; i++) {
		put(&b, (uint16_t)(i % 40), START + SECOND, 100);
		if (i % 16 == 15)
			reader_drain(b.c.reader);
	}
	scan(&b, START + 2 * SECOND, true);
	check_ledger(&b);
	assert_int_equal(b.got.packets + b.lost.packets, 123);
	end(&b);
}

/* No place to remember: records at once, and none lost. */
static void past_the_limit_records_come_at_once(void **state)
{
	const struct feed_options o = { .active_ns = 60 * SECOND,
					.idle_ns = 15 * SECOND,
					.limit = 20 };
	struct feeding b;
	uint32_t i;

	(void)state;
	begin(&b, false);
	feed_set(b.feed, &o);
	for (i = 0; i < 4000; i++) {
		put(&b, (uint16_t)(i % FLOWS), START + i, 100);
		if (i % 16 == 15)
			reader_drain(b.c.reader);
		if (i % 1000 == 999) {
			scan(&b, START + i, false);
			check_ledger(&b);
			assert_true(feed_ledger(b.feed)->flows <= 20 + b.c.s.live);
		}
	}
	scan(&b, START + SECOND, true);
	check_ledger(&b);
	assert_int_equal(b.got.packets, 4000);
	end(&b);
}

/* SYN and the answer to it, so long after: a connection of its own for each port. */
static void shake_hands(struct feeding *b, uint8_t port, uint64_t ns, uint64_t after)
{
	put_segment(b, port, false, 0x02, ns);
	put_segment(b, port, true, 0x12, ns + after);
}

/* Each once, in the bucket it belongs to, with the time it took; a SYN without an answer is none.
 */
static void handshakes_are_timed(void **state)
{
	static const uint64_t took_us[] = { 3000, 5000, 5001, 30000, 9999999, 40 };
	const uint64_t bucket[HANDSHAKE_BOUNDS + 1] = { 3, 1, 0, 1, [HANDSHAKE_BOUNDS - 1] = 1 };
	const struct handshakes *h;
	uint64_t sum = 0;
	struct feeding b;
	uint8_t i;

	(void)state;
	begin(&b, false);
	h = feed_handshakes(b.feed);
	for (i = 0; i < sizeof(took_us) / sizeof(took_us[0]); i++) {
		shake_hands(&b, i + 1, START, took_us[i] * 1000);
		sum += took_us[i] * 1000;
	}
	put_segment(&b, 50, false, 0x02, START);
	native_flush(b.c.native);
	for (i = 0; i < 2; i++) {
		scan(&b, START + 10 * SECOND, false);
		assert_memory_equal(h->count, bucket, sizeof(bucket));
		assert_int_equal(h->sum_ns, sum);
	}
	check_ledger(&b);
	end(&b);
}

/* By how much the clock was set is known to a moment, too. */
static bool is_near(uint64_t ns, uint64_t then)
{
	return ns - then + SECOND / 1000 < 2 * (SECOND / 1000);
}

/* About a second of each: what is looked at, counted and scanned. */
static void pass_second(struct feeding *b, uint32_t second)
{
	put(b, 1, START + second * SECOND, 100);
	native_flush(b->c.native);
	tables_note_clock(native_tables(b->c.native));
	scan(b, START + second * SECOND, false);
	check_ledger(b);
}

/*
 * CLOCK_REALTIME is set, while one flow goes on and another one rests: timeouts are as long as they
 * were, no flow is older or younger for it, and what is told is told in the time as it is now.
 */
static void the_clock_is_set(void **state)
{
	static const time_t steps[] = { 1800000000, 3600, 2, -2, -900 };
	struct feeding b;
	uint32_t i, n;

	(void)state;
	for (n = 0; n < sizeof(steps) / sizeof(*steps); n++) {
		const uint64_t start = START + (uint64_t)steps[n] * SECOND;

		set_by = 0;
		begin(&b, false);
		put(&b, 2, START, 100);
		pass_second(&b, 0);
		set_by = steps[n];
		for (i = 1; i < 15; i++)
			pass_second(&b, i);
		assert_int_equal(b.records, 0);
		pass_second(&b, i);
		assert_int_equal(b.reasons[END_IDLE], 1);
		assert_true(is_near(b.last.first, start));
		assert_int_equal(b.last.first, b.last.last);
		assert_int_equal(b.last_to - b.last_from, SECOND);
		assert_true(is_near(b.last_to, start + i * SECOND));
		for (i = 16; i < 60; i++)
			pass_second(&b, i);
		assert_int_equal(b.records, 1);
		pass_second(&b, i);
		assert_int_equal(b.reasons[END_ACTIVE], 1);
		assert_int_equal(b.last.packets, 61);
		assert_true(is_near(b.last.first, start));
		assert_true(is_near(b.last.last, start + 60 * SECOND));
		end(&b);
	}
	set_by = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshakes_are_timed),
		cmocka_unit_test(every_flow_is_exact_through_eviction),
		cmocka_unit_test(the_ledger_is_exact_through_laps),
		cmocka_unit_test(timeouts_make_records),
		cmocka_unit_test(connections_end),
		cmocka_unit_test(what_was_there_before_is_set_aside),
		cmocka_unit_test(past_the_limit_records_come_at_once),
		cmocka_unit_test(the_clock_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}