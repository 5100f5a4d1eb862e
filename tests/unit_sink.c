/* SPDX-License-Identifier: GPL-2.0 */
/* A sink and its queue, with a fake that answers, refuses, or never comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/say.h"
#include "export/export_config.h"
#include "export/sink.h"

#define SECOND 1000000000ULL

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
	if (fake.answer == -EPIPE) {
		sink_give_up(s, "nobody is there");
	} else if (!fake.answer) {
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

static bool has_refused(const struct sink_stats *s)
{
	return s->dropped_packets[DROP_REFUSED];
}

static bool has_given_up(const struct sink_stats *s)
{
	return s->dropped_records[DROP_UNREACHABLE];
}

struct trial {
	struct export_config *config;
	struct sink *sink; /* NULL: refused */
	char why[200];
};

/* A fake that answers so, behind a queue of `most` batches. */
static struct trial begin(const char *target, uint32_t most, int answer, bool stuck)
{
	const struct sink_limits limits = { 1000, most };
	struct trial t = { .config = config_of(target) };

	fake.answer = answer;
	fake.stuck = stuck;
	fake.closed = false;
	fake.packets = fake.calls = 0;
	*said = 0;
	t.sink = sink_start(&fake_type, t.config->sections[1], &limits, t.why, sizeof(t.why));
	return t;
}

static void end(struct trial *t, uint64_t deadline_ns)
{
	if (t->sink) {
		sink_stop(t->sink, deadline_ns);
		sink_free(t->sink);
	}
	export_config_free(t->config);
}

/* Until the fake has something in hand. */
static void wait_for_call(void)
{
	int i;

	for (i = 0; !fake.calls && i < 5000; i++)
		usleep(1000);
	assert_true(fake.calls > 0);
}

static void a_sink_delivers_and_retries(void **state)
{
	struct trial t = begin("x", 10, 0, false);
	struct sink_stats stats;

	(void)state;
	assert_non_null(t.sink);
	give(t.sink, 5);
	wait_for(t.sink, is_idle);
	fake.answer = -ECONNREFUSED;
	give(t.sink, 7);
	wait_for(t.sink, has_failed);
	fake.answer = 0;
	give(t.sink, 1);
	stats = wait_for(t.sink, has_three);
	assert_int_equal(stats.packets, 13);
	assert_int_equal(fake.packets, 13);
	assert_int_equal(lines_said(), 2); /* once ill, once well, however often it tried */
	assert_non_null(strstr(said, "json x: does not answer: Connection refused\n"));
	assert_non_null(strstr(said, "all right again after"));
	end(&t, now_ns() + SECOND);
	assert_true(fake.closed);
}

/* Full: the oldest go, counted; the newest and the one in hand arrive. */
static void a_full_queue_drops_its_oldest(void **state)
{
	struct trial t = begin("x", 4, 0, true);
	struct sink_stats stats;
	uint32_t i;

	(void)state;
	give(t.sink, 1);
	wait_for_call();
	for (i = 1; i <= 10; i++)
		give(t.sink, 1U << i);
	sink_stats_get(t.sink, &stats);
	assert_int_equal(stats.queued_records, 4);
	assert_int_equal(stats.dropped_records[DROP_QUEUE_FULL], 6);
	assert_int_equal(stats.dropped_packets[DROP_QUEUE_FULL], 0x7e);
	fake.stuck = false;
	wait_for(t.sink, is_idle);
	end(&t, now_ns() + SECOND);
	assert_int_equal(fake.packets, 1 + 0x780);
}

static void what_is_refused_is_counted(void **state)
{
	struct trial t = begin("x", 4, -EBADMSG, false);
	struct sink_stats stats;

	(void)state;
	give(t.sink, 9);
	stats = wait_for(t.sink, has_refused);
	assert_int_equal(stats.dropped_packets[DROP_REFUSED], 9);
	end(&t, now_ns() + SECOND);
}

/* One that never comes back costs a stop its deadline, and no more. */
static void a_stop_is_in_time(void **state)
{
	struct trial t = begin("x", 4, -ETIMEDOUT, false);
	uint64_t begun;

	(void)state;
	give(t.sink, 9);
	wait_for_call();
	begun = now_ns();
	end(&t, begun + SECOND / 2);
	assert_true(now_ns() - begun < 2 * SECOND);
	assert_int_equal(lines_said(), 2); /* the fault, and what never arrived */
}

/* What it had, and what comes, is let go at once; and it is told of once. */
static void one_that_gives_up_tries_no_more(void **state)
{
	struct trial t = begin("x", 4, -EPIPE, false);
	struct sink_stats stats;
	bool tell;
	int i;

	(void)state;
	assert_null(sink_given_up(t.sink, &tell));
	for (i = 0; i < 6; i++) {
		give(t.sink, 1);
		stats = wait_for(t.sink, i ? is_idle : has_given_up);
	}
	assert_string_equal(sink_given_up(t.sink, &tell), "nobody is there");
	assert_true(tell);
	assert_non_null(sink_given_up(t.sink, &tell));
	assert_false(tell);
	assert_false(stats.up);
	end(&t, now_ns() + SECOND);
	assert_int_equal(fake.calls, 1);
	assert_string_equal(said, "json x: records that never arrived: unreachable 6\n");
}

static void a_bad_target_is_refused(void **state)
{
	struct trial t = begin("bad", 4, 0, false);

	(void)state;
	assert_null(t.sink);
	assert_string_equal(t.why, "fake: bad is bad");
	assert_true(
		sink_free(NULL)); /* of none there is nothing to do, and nothing is left behind */
	end(&t, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sink_delivers_and_retries),
		cmocka_unit_test(a_full_queue_drops_its_oldest),
		cmocka_unit_test(what_is_refused_is_counted),
		cmocka_unit_test(a_stop_is_in_time),
		cmocka_unit_test(one_that_gives_up_tries_no_more),
		cmocka_unit_test(a_bad_target_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}