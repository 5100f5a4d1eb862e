/* SPDX-License-Identifier: GPL-2.0 */
/* weir export without a kernel: records and their ledger, sinks and their queues, settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "export/export_config.h"
#include "export/feed.h"
#include "files/native.h"
#include "base/say.h"
#include "export/sink.h"

#define SECOND 1000000000ULL
#define START (1000 * SECOND)
#define FLOWS 200

/* ---- what is said ---- */

static char said[4096];

void say(const char *format, ...)
{
	size_t n = strlen(said);
	va_list args;

	va_start(args, format);
	vsnprintf(said + n, sizeof(said) - n, format, args);
	va_end(args);
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "\n");
}

static int lines_said(void)
{
	const char *at;
	int n = 0;

	for (at = said; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* ---- a feed over native tables ---- */

static const struct plan small = {
	.cpus = 1, .flow_sets = 8, .ended = 64, .syn_sets = 8, .syn_ended = 64
};

struct bench {
	struct native *native;
	struct reader *reader;
	struct snapshot s;
	struct feed *feed;
	struct weir_sum got, lost; /* by batches */
	uint64_t per_flow[FLOWS];
	uint32_t records, reasons[6];
	struct flow_record last;
	uint64_t sent_packets, sent_bytes;
};

static void take(void *arg, struct batch *b)
{
	struct bench *t = arg;
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
	t->got.packets += sum.packets;
	t->got.bytes += sum.bytes;
	t->lost.packets += b->lost.packets;
	t->lost.bytes += b->lost.bytes;
	batch_put(b);
}

static void begin(struct bench *b, bool baseline)
{
	const struct batch_iface iface = { "test0", 1, 0 };
	const struct feed_options o = { .active_ns = 60 * SECOND,
					.idle_ns = 15 * SECOND,
					.baseline = baseline };

	*b = (struct bench){ .native = native_new(&small, 1) };
	assert_non_null(b->native);
	b->reader = reader_new(native_tables(b->native), 0);
	assert_non_null(b->reader);
	b->feed = feed_new(&o, &iface, take, b);
	assert_non_null(b->feed);
}

static void end(struct bench *b)
{
	feed_free(b->feed);
	snapshot_free(&b->s);
	reader_free(b->reader);
	native_free(b->native);
}

static void scan(struct bench *b, uint64_t now, bool last)
{
	const struct ended_visitor v = { .flow = feed_ended, .arg = b->feed };

	assert_int_equal(reader_visit(b->reader, &v), 0);
	assert_int_equal(reader_read(b->reader, &b->s), 0);
	assert_int_equal(feed_scan(b->feed, &b->s, now, last), 0);
}

/* before + exported + pending + lost - overlap is what was sent, and each sum what batches held. */
static void check_ledger(const struct bench *b)
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

static void put(struct bench *b, uint16_t port, uint64_t ns, uint32_t length)
{
	unsigned char frame[64] = {
		[12] = 8, [14] = 0x45, [17] = 46, [23] = 17, [26] = 10, [30] = 11
	};

	frame[34] = (unsigned char)(port >> 8);
	frame[35] = (unsigned char)port;
	native_count(b->native, frame, 60, length, ns, WEIR_LINK_ETHERNET, WEIR_DIR_INGRESS);
	b->sent_packets++;
	b->sent_bytes += length;
}

/* A TCP segment of a connection, there or back again. */
static void put_tcp(struct bench *b, bool back, uint8_t flags, uint64_t ns)
{
	unsigned char frame[64] = {
		[12] = 8, [14] = 0x45, [17] = 46, [23] = 6, [26] = 10, [30] = 11, [46] = 0x50
	};

	frame[back ? 30 : 26] = 10;
	frame[back ? 26 : 30] = 11;
	frame[back ? 35 : 37] = 80;
	frame[back ? 37 : 35] = 99;
	frame[47] = flags;
	native_count(b->native, frame, 60, 60, ns, WEIR_LINK_ETHERNET,
		     back ? WEIR_DIR_EGRESS : WEIR_DIR_INGRESS);
	b->sent_packets++;
	b->sent_bytes += 60;
}

/* Many more flows than the tables hold, no lap: each flow's records add up to it. */
static void every_flow_is_exact_through_eviction(void **state)
{
	struct bench b;
	uint64_t now = START;
	uint32_t i;

	(void)state;
	begin(&b, false);
	for (i = 0; i < 20000; i++) {
		now += SECOND / 100;
		put(&b, (uint16_t)(i * 7919U % FLOWS), now, 60 + i % 900);
		if (i % 16 == 15)
			reader_drain(b.reader);
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
	assert_int_equal(feed_ledger(b.feed)->flows, b.s.live);
	end(&b);
}

/* The ring laps us between scans: what was lost is known to the packet, through all of it. */
static void the_ledger_is_exact_through_laps(void **state)
{
	struct bench b;
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
	struct bench b;
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
	struct bench b;

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
	struct bench b;
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
			reader_drain(b.reader);
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
	struct bench b;
	uint32_t i;

	(void)state;
	begin(&b, false);
	feed_set(b.feed, &o);
	for (i = 0; i < 4000; i++) {
		put(&b, (uint16_t)(i % FLOWS), START + i, 100);
		if (i % 16 == 15)
			reader_drain(b.reader);
		if (i % 1000 == 999) {
			scan(&b, START + i, false);
			check_ledger(&b);
			assert_true(feed_ledger(b.feed)->flows <= 20 + b.s.live);
		}
	}
	scan(&b, START + SECOND, true);
	check_ledger(&b);
	assert_int_equal(b.got.packets, 4000);
	end(&b);
}

/* ---- sinks ---- */

static struct {
	volatile int answer; /* of batch() */
	volatile bool stuck;
	volatile uint64_t packets, calls;
	volatile bool closed;
} fake;

static int fake_open(struct sink *s, void **state, char *why, size_t size)
{
	(void)state;
	if (strcmp(sink_target(s), "bad"))
		return 0;
	snprintf(why, size, "fake: bad is bad");
	return -EINVAL;
}

static int fake_batch(struct sink *s, void *state, const struct batch *b)
{
	(void)state;
	fake.calls++;
	while (fake.stuck)
		usleep(1000);
	if (!fake.answer) {
		sink_well(s);
		fake.packets += b->sum.packets;
	} else if (fake.answer != -EBADMSG) {
		sink_ill(s, "does not answer: %s", strerror(-fake.answer));
	}
	return fake.answer;
}

static void fake_close(struct sink *s, void *state, uint64_t deadline_ns)
{
	(void)s, (void)state, (void)deadline_ns;
	fake.closed = true;
}

static const struct sink_type fake_type = {
	.name = "json", .open = fake_open, .batch = fake_batch, .close = fake_close
};

const struct sink_type sink_ipfix = { .name = "ipfix" };
const struct sink_type sink_sflow = { .name = "sflow" };
const struct sink_type sink_json = { .name = "json" };
const struct sink_type sink_clickhouse = { .name = "clickhouse" };

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static const struct setting *row_of(const char *section, const char *key)
{
	const struct setting *s;
	int i;

	for (i = 0; (s = setting_row(i)); i++)
		if (!strcmp(s->section, section) && !strcmp(s->key, key))
			return s;
	fail();
	return NULL;
}

static struct export_config *config_of(const char *target)
{
	struct export_config *c = export_config_new();
	char why[CONFIG_WHY];

	assert_non_null(c);
	assert_int_equal(export_config_set(c, row_of("json", "target"), target, why), 0);
	return c;
}

static void give(struct sink *s, uint32_t packets)
{
	struct batch *b = batch_new(1);

	assert_non_null(b);
	b->count = 1;
	b->sum = (struct weir_sum){ packets, packets * 100 };
	sink_push(s, b);
	batch_put(b);
}

static struct sink_stats wait_for(struct sink *s, bool (*is_so)(const struct sink_stats *))
{
	struct sink_stats stats;
	int i;

	for (i = 0; i < 5000; i++) {
		sink_stats_get(s, &stats);
		if (is_so(&stats))
			return stats;
		usleep(1000);
	}
	fail_msg("never happened");
	return stats;
}

static bool is_idle(const struct sink_stats *s)
{
	return !s->queued_records;
}

static bool has_three(const struct sink_stats *s)
{
	return s->records == 3;
}

static bool has_failed(const struct sink_stats *s)
{
	return s->errors >= 2;
}

static void fresh(void)
{
	fake.answer = 0;
	fake.stuck = fake.closed = false;
	fake.packets = fake.calls = 0;
	*said = 0;
}

static void a_sink_delivers_and_retries(void **state)
{
	const struct sink_limits limits = { 1000, 10 };
	struct export_config *c = config_of("x");
	char why[200];
	struct sink *s;
	struct sink_stats stats;

	(void)state;
	fresh();
	s = sink_start(&fake_type, c->sections[1], &limits, why, sizeof(why));
	assert_non_null(s);
	give(s, 5);
	wait_for(s, is_idle);
	fake.answer = -ECONNREFUSED;
	give(s, 7);
	wait_for(s, has_failed);
	fake.answer = 0;
	give(s, 1);
	stats = wait_for(s, has_three);
	assert_int_equal(stats.packets, 13);
	assert_int_equal(fake.packets, 13);
	assert_int_equal(lines_said(), 2); /* once ill, once well, however often it tried */
	assert_non_null(strstr(said, "json x: does not answer: Connection refused\n"));
	assert_non_null(strstr(said, "all right again after"));
	sink_stop(s, now_ns() + SECOND);
	sink_free(s);
	assert_true(fake.closed);
	export_config_free(c);
}

/* Full: the oldest go, counted; the newest and the one in hand arrive. */
static void a_full_queue_drops_its_oldest(void **state)
{
	const struct sink_limits limits = { 1000, 4 };
	struct export_config *c = config_of("x");
	char why[200];
	struct sink *s;
	struct sink_stats stats;
	uint32_t i;

	(void)state;
	fresh();
	fake.stuck = true;
	s = sink_start(&fake_type, c->sections[1], &limits, why, sizeof(why));
	give(s, 1);
	while (!fake.calls)
		usleep(1000);
	for (i = 1; i <= 10; i++)
		give(s, 1U << i);
	sink_stats_get(s, &stats);
	assert_int_equal(stats.queued_records, 4);
	assert_int_equal(stats.dropped_records[DROP_QUEUE_FULL], 6);
	assert_int_equal(stats.dropped_packets[DROP_QUEUE_FULL], 0x7e);
	fake.stuck = false;
	wait_for(s, is_idle);
	sink_stop(s, now_ns() + SECOND);
	sink_free(s);
	assert_int_equal(fake.packets, 1 + 0x780);
	export_config_free(c);
}

static void what_is_refused_is_counted(void **state)
{
	const struct sink_limits limits = { 1000, 4 };
	struct export_config *c = config_of("x");
	char why[200];
	struct sink *s;
	struct sink_stats stats;

	(void)state;
	fresh();
	fake.answer = -EBADMSG;
	s = sink_start(&fake_type, c->sections[1], &limits, why, sizeof(why));
	give(s, 9);
	while (!fake.calls)
		usleep(1000);
	sink_stop(s, now_ns() + SECOND);
	usleep(10000);
	sink_stats_get(s, &stats);
	assert_int_equal(stats.dropped_packets[DROP_REFUSED], 9);
	sink_free(s);
	export_config_free(c);
}

/* One that never comes back costs a stop its deadline, and no more. */
static void a_stop_is_in_time(void **state)
{
	const struct sink_limits limits = { 1000, 4 };
	struct export_config *c = config_of("x");
	char why[200];
	uint64_t begun;
	struct sink *s;

	(void)state;
	fresh();
	fake.answer = -ETIMEDOUT;
	s = sink_start(&fake_type, c->sections[1], &limits, why, sizeof(why));
	give(s, 9);
	while (!fake.calls)
		usleep(1000);
	begun = now_ns();
	sink_stop(s, begun + SECOND / 2);
	sink_free(s);
	assert_true(now_ns() - begun < 2 * SECOND);
	assert_int_equal(lines_said(), 2); /* the fault, and what never arrived */
	export_config_free(c);

	c = config_of("bad");
	s = sink_start(&fake_type, c->sections[1], &limits, why, sizeof(why));
	assert_null(s);
	assert_string_equal(why, "fake: bad is bad");
	export_config_free(c);
}

/* ---- settings ---- */

static int read_text(struct export_config *c, const char *text, char *why)
{
	char path[] = "/tmp/weir-unit-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	err = export_config_read(c, path, why);
	unlink(path);
	return err;
}

static void a_file_is_read(void **state)
{
	struct export_config *c = export_config_new();
	char why[CONFIG_WHY];

	(void)state;
	assert_int_equal(
		read_text(c,
			  "; a comment\n[export]\ninterface = eth0\ninterface=eth1\n"
			  "active_timeout = 5m\n[json]\ntarget = /tmp/a\nrotate_size = 2M\n"
			  "target = /tmp/b\n",
			  why),
		0);
	assert_int_equal(c->interface_count, 2);
	assert_string_equal(c->interfaces[1], "eth1");
	assert_int_equal(c->section_count, 3);
	assert_int_equal((int)section_seconds(c->sections[0], "active_timeout"), 300);
	assert_int_equal((int)section_seconds(c->sections[0], "idle_timeout"), 15);
	assert_int_equal(section_count(c->sections[1], "rotate_size"), 2 << 20);
	assert_int_equal(section_count(c->sections[2], "rotate_size"), 0);
	assert_string_equal(section_text(c->sections[2], "target"), "/tmp/b");
	export_config_free(c);
}

static void a_bad_file_is_refused_by_line(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[export]\ninterfaces = eth0\n", ":2: [export] has no key interfaces" },
		{ "[exprot]\na = b\n", ":2: there is no section [exprot]" },
		{ "[export]\n\nactive_timeout = soon\n", ":3: active_timeout soon is not a value" },
		{ "[export]\nactive_timeout = 0\n", ":2: active_timeout 0 is not a value" },
		{ "[export]\nidle_timeout =\n", ":2: idle_timeout (nothing) is not a value" },
		{ "[export]\nsince = yesterday\n", ":2: since yesterday is not a value" },
		{ "[json]\nrotate_keep = 5\n", ":2: rotate_keep comes before any target" },
		{ "[export]\nnonsense\n", ":2: not a line of the form" },
		{ "[json]\ntarget = /x\nrotate_size = 1X\n", ":3: rotate_size 1X is not" },
	};
	char why[CONFIG_WHY];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct export_config *c = export_config_new();

		assert_int_equal(read_text(c, cases[i].text, why), -EINVAL);
		if (!strstr(why, cases[i].says))
			fail_msg("said %s, not %s", why, cases[i].says);
		export_config_free(c);
	}
}

/* Each setting's default is a value it takes, and its option's name is its own. */
static void the_table_is_sound(void **state)
{
	char name[64], other[64], why[CONFIG_WHY];
	const struct setting *a, *b;
	int i, k;

	(void)state;
	for (i = 0; (a = setting_row(i)); i++) {
		struct export_config *c = export_config_new();

		setting_option(a, name, sizeof(name));
		for (k = 0; k < i; k++) {
			b = setting_row(k);
			assert_string_not_equal(name, setting_option(b, other, sizeof(other)));
		}
		for (k = 0; (b = setting_row(k)); k++)
			if (b->type == SETTING_TARGET && !strcmp(b->section, a->section))
				assert_int_equal(export_config_set(c, b, "x", why), 0);
		if (a->initial)
			assert_int_equal(export_config_set(c, a, a->initial, why), 0);
		export_config_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flow_is_exact_through_eviction),
		cmocka_unit_test(the_ledger_is_exact_through_laps),
		cmocka_unit_test(timeouts_make_records),
		cmocka_unit_test(connections_end),
		cmocka_unit_test(what_was_there_before_is_set_aside),
		cmocka_unit_test(past_the_limit_records_come_at_once),
		cmocka_unit_test(a_sink_delivers_and_retries),
		cmocka_unit_test(a_full_queue_drops_its_oldest),
		cmocka_unit_test(what_is_refused_is_counted),
		cmocka_unit_test(a_stop_is_in_time),
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(a_bad_file_is_refused_by_line),
		cmocka_unit_test(the_table_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
