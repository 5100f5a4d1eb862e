/* SPDX-License-Identifier: GPL-2.0 */
/* What views make of tables: rows, conversations, hosts, the first of them, estimates, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include <weir/sketch.h>
#include "counted.h"
#include "views/names.h"
#include "views/rows.h"
#include "views/rowset.h"
#include "views/view.h"

static bool is_odd(const void *row, void *arg)
{
	(void)arg;
	return *(const uint64_t *)row & 1;
}

static void test_rowset(void **state)
{
	struct rowset s;
	uint64_t key;
	uint32_t n;
	bool fresh;

	(void)state;
	rowset_init(&s, 24, 8);
	assert_int_equal(rowset_look(&s, &(uint64_t){ 1 }), ROWSET_NONE);
	for (key = 0; key < 10000; key++) {
		n = rowset_find(&s, &key, &fresh);
		assert_true(fresh);
		assert_int_equal(n, key);
		((uint64_t *)rowset_row(&s, n))[1] = ~key;
	}
	for (key = 0; key < 10000; key++) {
		assert_int_equal(rowset_find(&s, &key, &fresh), key);
		assert_false(fresh);
		assert_int_equal(((uint64_t *)rowset_row(&s, (uint32_t)key))[1], ~key);
	}
	assert_int_equal(rowset_drop(&s, is_odd, NULL), 5000);
	assert_int_equal(s.used, 5000);
	for (key = 0; key < 10000; key++)
		assert_int_equal(rowset_look(&s, &key), key & 1 ? ROWSET_NONE : key);
	/* Numbers are given again, rows begin with zeros. */
	for (key = 20000; key < 25000; key++) {
		n = rowset_find(&s, &key, &fresh);
		assert_true(fresh && n < 10000 && n & 1);
		assert_int_equal(((uint64_t *)rowset_row(&s, n))[1], 0);
	}
	assert_int_equal(s.count, 10000);
	rowset_free(&s);
}

#define KINDS 97

static bool is_of_kind(const void *row, void *arg)
{
	return *(const uint64_t *)row % KINDS == *(const uint64_t *)arg;
}

/* Few at a time leave the index in place, and no gap in it that hides what is behind. */
static void test_rowset_few_go(void **state)
{
	struct rowset s;
	uint64_t key, kind;
	bool fresh;

	(void)state;
	rowset_init(&s, 24, 8);
	for (key = 0; key < 10000; key++)
		assert_int_equal(rowset_find(&s, &key, &fresh), key);
	for (kind = 0; kind < KINDS; kind++) {
		assert_in_range(rowset_drop(&s, is_of_kind, &kind), 10000 / KINDS,
				10000 / KINDS + 1);
		for (key = 0; key < 10000; key++)
			assert_int_equal(rowset_look(&s, &key),
					 key % KINDS <= kind ? ROWSET_NONE : key);
	}
	assert_int_equal(s.used, 0);
	rowset_free(&s);
}

/* A flow of an IPv4 conversation, with numbers of its own. */
static struct flow_sum flow(uint8_t dir, uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport,
			    uint8_t proto, uint64_t packets)
{
	struct weir_flow f = { .sport = htons(sport),
			       .dport = htons(dport),
			       .proto = proto,
			       .meta = dir,
			       .packets = (uint32_t)packets,
			       .bytes = packets * 100 };
	uint32_t addr[4] = { 0, 0, htonl(0xffff), 0 };

	addr[3] = htonl(src);
	memcpy(f.src, addr, sizeof(addr));
	addr[3] = htonl(dst);
	memcpy(f.dst, addr, sizeof(addr));
	return flow_sum_of(&f, 1, 2);
}

/* Both directions are one conversation, whichever comes first and however they were seen. */
static void test_conversations(void **state)
{
	struct snapshot s = { 0 };
	struct flow_sum flows[] = {
		flow(WEIR_DIR_INGRESS, 2, 40000, 1, 443, 6, 5),
		flow(WEIR_DIR_EGRESS, 1, 443, 2, 40000, 6, 7),
		flow(WEIR_DIR_INGRESS, 4, 1000, 3, 53, 17, 1), /* a mirror port sees */
		flow(WEIR_DIR_INGRESS, 3, 53, 4, 1000, 17, 2), /* both ways come in */
		flow(WEIR_DIR_INGRESS, 2, 0, 1, 2048, 1, 3),   /* echo and its reply */
		flow(WEIR_DIR_EGRESS, 1, 0, 2, 0, 1, 4),
	};
	struct conv_row *rows;
	void *out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		assert_int_equal(store_add_flow(&s.store, &flows[i]), 0);
	assert_int_equal(conversations_make(&s, &out), 3);
	rows = out;
	assert_int_equal(rows[0].host_port.port, 443);
	assert_int_equal(rows[0].sent.packets, 7);
	assert_int_equal(rows[0].sent.bytes, 700);
	assert_int_equal(rows[0].received.packets, 5);
	assert_int_equal(rows[1].host_port.port, 53);
	assert_int_equal(rows[1].sent.packets, 2);
	assert_int_equal(rows[1].received.packets, 1);
	assert_int_equal(rows[2].sent.packets, 4);
	assert_int_equal(rows[2].received.packets, 3);
	free(out);
	store_free(&s.store);
}

static void test_sizes(void **state)
{
	struct size_row row;
	uint32_t i;

	(void)state;
	for (i = 0; i < WEIR_SIZE_BUCKETS; i++) {
		size_row_init(&row, size_row_of(i));
		assert_in_range(i * 64ULL, row.from, row.to);
	}
}

/* By one field: all in order, and the first of them the same however few are asked for. */
static void check_first_rows(const struct view *v, const struct field *f, const struct source *from)
{
	static const uint64_t limits[] = { 1, 2, 7, 20, 499, 1000000 };
	struct rows all, some;
	const char *data;
	uint32_t i;

	assert_int_equal(rows_make(&all, v, from, 1, f->key, 0, NULL), 0);
	assert_true(all.of > 100 || v == &view_ports);
	data = all.data;
	for (i = 1; i < all.of; i++)
		assert_true(field_compare(f, data + (i - 1) * v->row_size,
					  data + i * v->row_size) <= 0);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		assert_int_equal(rows_make(&some, v, from, 1, f->key, limits[i], NULL), 0);
		assert_int_equal(some.of, all.of);
		assert_int_equal(some.count, limits[i] < all.of ? limits[i] : all.of);
		assert_memory_equal(some.data, all.data, some.count * v->row_size);
		rows_free(&some);
	}
	rows_free(&all);
}

/* The first rows of a view are the first of all of them, whatever it is sorted by. */
static void the_first_rows_are_those_of_all(void **state)
{
	static const struct view *const views[] = { &view_flows, &view_hosts, &view_ports,
						    &view_syn_sources, &view_conversations };
	struct counted c = counted_begin(&small_plan);
	const struct source source = { .snapshot = &c.s };
	const struct field *f;
	uint32_t i, v;

	(void)state;
	for (i = 0; i < 4000; i++) {
		put_udp(&c, i * 2654435761U % 900 * (i % 3), 60 + i % 7);
		put_syn(&c, i % 300);
		if (i % 8 == 0)
			assert_int_equal(reader_drain(c.reader), 0);
	}
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	for (v = 0; v < sizeof(views) / sizeof(views[0]); v++)
		for (f = views[v]->fields; f->key; f++)
			if (view_has_key(views[v], f->key))
				check_first_rows(views[v], f, &source);
	counted_end(&c);
}

/* Rows have the times of the clock as it is set now, those of a snapshot with it set before. */
static void times_are_told_as_the_clock_is_set(void **state)
{
	const uint64_t step = 1ULL << 40;
	struct counted c = counted_begin(&small_plan);
	const struct source source = { .snapshot = &c.s };
	struct flow_row *flow;
	struct conv_row *conv;
	struct rows rows;

	(void)state;
	put_udp(&c, 1, 60);
	put_udp(&c, 1, 70);
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	c.s.clock_step = (int64_t)step;
	assert_int_equal(rows_make(&rows, &view_flows, &source, 1, NULL, 0, NULL), 0);
	flow = rows.data;
	assert_int_equal(flow->first, c.s.store.flows[0].first + step);
	assert_int_equal(flow->last, c.s.store.flows[0].last + step);
	rows_free(&rows);
	assert_int_equal(rows_make(&rows, &view_conversations, &source, 1, NULL, 0, NULL), 0);
	conv = rows.data;
	assert_int_equal(conv->first, c.s.store.flows[0].first + step);
	assert_int_equal(conv->last, c.s.store.flows[0].last + step);
	rows_free(&rows);
	counted_end(&c);
}

#define MANY 300000U /* flows: of more hosts than there is room for to begin with */

/* Every other host sends one flow to the next one: as many bytes as its number. */
static void no_host_is_lost_among_many(void **state)
{
	struct snapshot s = { 0 };
	struct flow_sum *f = s.store.flows = calloc(MANY, sizeof(*f));
	struct host_row *rows;
	uint64_t i, sent = 0, received = 0;

	(void)state;
	assert_non_null(f);
	s.store.flow_count = MANY;
	for (i = 0; i < MANY; i++)
		f[i] = (struct flow_sum){
			.src = { 0, 2 * i }, .dst = { 0, 2 * i + 1 }, .bytes = i, .packets = 1
		};
	assert_int_equal(hosts_make(&s, (void **)&rows), 2 * MANY);
	for (i = 0; i < 2 * MANY; i++) {
		assert_int_equal(rows[i].addr.bytes[1], i);
		assert_int_equal(rows[i].flows, 1);
		assert_int_equal((i % 2 ? rows[i].received : rows[i].sent).bytes, i / 2);
		sent += rows[i].sent.packets;
		received += rows[i].received.packets;
	}
	assert_int_equal(sent, MANY);
	assert_int_equal(received, MANY);
	free(rows);
	free(f);
}

static void sketches_count_to_a_million(void **state)
{
	uint64_t n, i;

	(void)state;
	for (n = 1; n <= 1000000; n *= 10) {
		uint8_t sketch[32] = { 0 };
		double ratio;

		for (i = 0; i < n; i++)
			weir_sketch_add(sketch, 0, 64, weir_mix(i * 77));
		ratio = (double)sketch_estimate(sketch, 0, 64) / (double)n;
		/* Three times the standard error of 64 registers. */
		assert_true(ratio > 0.61 && ratio < 1.39);
	}
}

static void ranks_are_those_of_the_first_set_bit(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 14; i++)
		assert_int_equal(weir_rank(0xffffffffffffffffULL << i), i + 1);
	assert_int_equal(weir_rank(0), 15);
}

static void test_names_are_harmless(void **state)
{
	static const char *const hostile[] = {
		"\033[2J\033[1;1Hgot.you",
		"\033]0;title\007.example",
		"a\rb\nc\td.example",
		"\xc2\x9b"
		"31m.example",
		"\x9b"
		"31m.example",
		"\xe2\x80\xae"
		"gnirts.example",
		"%n%s%s.example",
		"$(reboot).`id`.example",
		"\x7f\x08\x08.example",
	};
	char name[NAME_SIZE], all[257], longer[1000];
	const char *c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		name_clean(name, hostile[i]);
		assert_int_equal(strlen(name), strlen(hostile[i]));
		for (c = name; *c; c++)
			assert_non_null(
				strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789.-_?",
				       *c));
	}
	for (i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = 0;
	name_clean(name, all);
	for (c = name; *c; c++)
		assert_in_range((unsigned char)*c, ' ', '~');
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	name_clean(name, longer);
	assert_int_equal(strlen(name), NAME_SIZE - 1);
	name_clean(name, "www.example.com");
	assert_string_equal(name, "www.example.com");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rowset),
		cmocka_unit_test(test_rowset_few_go),
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(the_first_rows_are_those_of_all),
		cmocka_unit_test(times_are_told_as_the_clock_is_set),
		cmocka_unit_test(no_host_is_lost_among_many),
		cmocka_unit_test(sketches_count_to_a_million),
		cmocka_unit_test(ranks_are_those_of_the_first_set_bit),
		cmocka_unit_test(test_names_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}