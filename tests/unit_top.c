/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What weir top computes, without a terminal and without root: windows against brute force, rows
 * by key, orders against a sort, columns that fit, characters that a terminal may be sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include "views/names.h"
#include "top/top_graph.h"
#include "top/top_look.h"
#include "top/top_order.h"
#include "top/top_rates.h"

static uint64_t seed = 88172645463325252ULL;

static uint64_t any(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* ---- windows ---- */

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

/* ---- rows ---- */

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

/* ---- order ---- */

static struct table table_of_hosts(uint32_t rows)
{
	struct table t = { .view = &view_hosts };
	struct host_row key;
	uint32_t i;
	bool fresh;

	rowset_init(&t.set, sizeof(struct host_row) + sizeof(struct windows), view_hosts.key_size);
	for (i = 0; i < rows; i++) {
		struct host_row *row;
		struct windows *w;

		memset(&key, 0, sizeof(key));
		key.addr.bytes[1] = i;
		row = rowset_row(&t.set, rowset_find(&t.set, &key, &fresh));
		row->sent.bytes = any(100);
		row->received.bytes = any(1000);
		row->flows = any(5);
		w = (struct windows *)(row + 1);
		w->sum[1][1] = any(50);
		w->sum[1][3] = any(50);
	}
	return t;
}

static bool has_flows(const struct matcher *m, const struct view *v, const void *row)
{
	(void)m;
	(void)v;
	return ((const struct host_row *)row)->flows == 3;
}

/* The first rows are the first of all rows, by every field, either way round. */
static void check_order(const struct table *t, const struct field *f, bool reverse,
			const struct matcher *m)
{
	struct order all = { .field = *f, .reverse = reverse }, some = all;
	uint32_t want, i;

	assert_int_equal(order_make(&all, t, 0, m), 0);
	assert_int_equal(all.count, all.matched);
	for (i = 1; i < all.count; i++) {
		int order = field_compare(f, rowset_row(&t->set, all.rows[i - 1]),
					  rowset_row(&t->set, all.rows[i]));

		assert_true(reverse ? order >= 0 : order <= 0);
	}
	for (want = 1; want < all.count + 10; want += 1 + want / 2) {
		assert_int_equal(order_make(&some, t, want, m), 0);
		assert_int_equal(some.matched, all.matched);
		assert_int_equal(some.count, want < all.count ? want : all.count);
		assert_memory_equal(some.rows, all.rows, some.count * sizeof(*some.rows));
	}
	order_free(&all);
	order_free(&some);
}

static void test_order(void **state)
{
	struct table t = table_of_hosts(3000);
	struct matcher m = { has_flows, NULL };
	const struct field *f;

	(void)state;
	for (f = view_hosts.fields; f->key; f++) {
		if (!view_field(&view_hosts, f->key, true))
			continue;
		check_order(&t, f, false, NULL);
		check_order(&t, f, true, NULL);
		check_order(&t, f, false, &m);
	}
	rowset_free(&t.set);
}

/* ---- columns ---- */

static const struct view *const top_views[] = {
	&view_conversations, &view_hosts,	&view_ports,
	&view_syn_sources,   &view_syn_targets, &view_sizes
};

/* Columns lie beside each other, and within the width, but for a single one: none is cut off. */
static void check_layout(const struct view *v, const struct look *look, int wish, int width)
{
	struct layout l;
	int i;

	layout_make(&l, v, look, wish, width);
	assert_in_range(l.count, 1, COLUMNS_MAX);
	assert_true(l.width <= width || l.count == 1);
	for (i = 1; i < l.count; i++)
		assert_int_equal(l.column[i].x, l.column[i - 1].x + l.column[i - 1].width + 1);
	assert_int_equal(l.width, l.column[l.count - 1].x + l.column[l.count - 1].width);
}

static void test_layout(void **state)
{
	struct look look = { .totals = true, .bars = true, .window = 1 };
	int width, wish;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(top_views) / sizeof(top_views[0]); i++)
		for (look.sides = 0; look.sides < SIDES_COUNT; look.sides++)
			for (look.hidden = 0; look.hidden < 16; look.hidden += 5)
				for (wish = 15; wish < 130; wish += 19)
					for (width = 1; width < 250; width += 7)
						check_layout(top_views[i], &look, wish, width);
	look = (struct look){ .totals = true, .bars = true, .window = 1 };
	/* At 80 columns: both directions, their total, and who it is in full. */
	for (i = 0; i < 3; i++) {
		struct layout l;
		int k, found = 0;

		layout_make(&l, top_views[i], &look, 15, 80);
		for (k = 0; k < l.count; k++)
			found += strstr(l.column[k].field->key, "rate_10s") ||
				 !strcmp(l.column[k].field->key, "bytes");
		assert_int_equal(found, 3);
		assert_true(l.width <= 80);
	}
	/* At 60: both directions, and addresses that are elided rather than numbers cut off. */
	for (i = 0; i < 3; i++) {
		struct layout l;
		int k, found = 0;

		layout_make(&l, top_views[i], &look, 39, 60);
		for (k = 0; k < l.count; k++) {
			found += strstr(l.column[k].field->key, "rate_10s") != NULL;
			if (l.column[k].field->type == FIELD_ADDR)
				assert_in_range(l.column[k].width, 13, 39);
		}
		assert_int_equal(found, 2);
		assert_true(l.width <= 60);
	}
}

/* A wide terminal shows all there is. */
static void test_layout_wide(void **state)
{
	struct look look = { .totals = true, .bars = true, .interfaces = true };
	const struct field *f;
	struct layout l;
	int shown = 0, i;

	(void)state;
	layout_make(&l, &view_conversations, &look, 39, 300);
	for (f = view_conversations.fields; f->key; f++)
		shown += f->rank && !(f->only & FIELD_BOTH);
	assert_int_equal(l.count, shown);
	for (i = 0; i < l.count; i++)
		if (l.column[i].field->type == FIELD_ADDR)
			assert_int_equal(l.column[i].width, 39);
}

static void test_whole_words(void **state)
{
	static const char *const cut[] = { "",	  "o",	 "on",	"one", "one",
					   "one", "one", "one", "one", "one   two" };
	char line[16];
	int width;

	(void)state;
	for (width = 0; width < 10; width++) {
		strcpy(line, "one   two");
		whole_words(line, width);
		assert_string_equal(line, cut[width]);
	}
	whole_words(line, -3);
	assert_string_equal(line, "");
}

static int columns_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void test_elide(void **state)
{
	static const char text[] = "2001:db8:85a3:8d3:1319:8a2e:370:7348";
	char to[256];
	int width, glyphs;

	(void)state;
	for (glyphs = GLYPHS_ASCII; glyphs <= GLYPHS_ALL; glyphs++)
		for (width = 1; width < 50; width++) {
			elide(text, width, (enum glyphs)glyphs, to, sizeof(to));
			assert_int_equal(columns_of(to),
					 width < (int)strlen(text) ? width : (int)strlen(text));
			assert_int_equal(strncmp(to, text, (size_t)(width / 2)), 0);
		}
	elide(text, 0, GLYPHS_ALL, to, sizeof(to));
	assert_string_equal(to, text);
	assert_string_equal(elide(text, 21, GLYPHS_ASCII, to, sizeof(to)), "2001:db8:85a~370:7348");
}

static void test_scaled(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "0 " },	     { 0.4, "0 " },	 { 1, "1 " },	     { 999, "999 " },
		{ 999.6, "1.00k" },  { 1000, "1.00k" },	 { 9994, "9.99k" },  { 9996, "10.0k" },
		{ 99940, "99.9k" },  { 99960, "100k" },	 { 123456, "123k" }, { 999499, "999k" },
		{ 999500, "1.00M" }, { 1.5e9, "1.50G" }, { 8e11, "800G" },   { 4.2e12, "4.20T" },
		{ 1.8e19, "18.0E" },
	};
	char to[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(scaled_text(cases[i].value, to, sizeof(to)), cases[i].text);
	for (i = 0; i < 100000; i++) {
		scaled_text((double)any(UINT64_MAX) / (double)(1 + any(1ULL << 60)), to,
			    sizeof(to));
		assert_in_range(strlen(to), 2, 5);
	}
}

/* ---- what a terminal is sent ---- */

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

/* Whatever is shown of a name, or of an address, is cut to its column. */
static void check_graph(const struct graph *g, enum glyphs glyphs, bool log)
{
	char text[4096];
	int line, width;

	for (width = 0; width < 300; width += 13)
		for (line = 0; line < 8; line++) {
			const char *c;

			graph_line(g, line, 8, width, glyphs, log, text, sizeof(text));
			assert_int_equal(columns_of(text), width);
			for (c = text; glyphs == GLYPHS_ASCII && *c; c++)
				assert_in_range((unsigned char)*c, ' ', '~');
		}
}

static void test_graph(void **state)
{
	struct graph *g = calloc(1, sizeof(*g));
	char text[64];
	int i;

	(void)state;
	check_graph(g, GLYPHS_ALL, false);
	/* One point at half of the scale, then one at all of it: 4 and 8 dots up, 8 and 0 down. */
	graph_add(g, 1, 50, 100);
	graph_add(g, 2, 100, 0);
	graph_line(g, 0, 4, 1, GLYPHS_ALL, false, text, sizeof(text));
	assert_string_equal(text, "\u28b8");
	graph_line(g, 1, 4, 1, GLYPHS_ALL, false, text, sizeof(text));
	assert_string_equal(text, "\u28ff");
	graph_line(g, 2, 4, 1, GLYPHS_ALL, false, text, sizeof(text));
	assert_string_equal(text, "\u2847");
	graph_line(g, 0, 4, 2, GLYPHS_ASCII, false, text, sizeof(text));
	assert_string_equal(text, " |");
	graph_line(g, 1, 4, 2, GLYPHS_ASCII, false, text, sizeof(text));
	assert_string_equal(text, "||");
	for (i = 0; i < GRAPH_POINTS * 2; i++)
		graph_add(g, (uint64_t)i, (double)any(1000000), (double)any(1000));
	for (i = 0; i < 2; i++) {
		check_graph(g, GLYPHS_ASCII, i);
		check_graph(g, GLYPHS_BLOCKS, i);
		check_graph(g, GLYPHS_ALL, i);
	}
	free(g);
}

static void test_bars(void **state)
{
	int columns[2], i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		double value[2] = { (double)any(1000), (double)any(1000) };
		int width = 1 + (int)any(60);

		bar_columns(value, 2000, width, i & 1, columns);
		assert_in_range(columns[0] + columns[1], value[0] + value[1] > 0, width);
		assert_true(columns[0] >= 0 && columns[1] >= 0);
	}
	bar_columns((double[2]){ 30, 70 }, 100, 10, false, columns);
	assert_int_equal(columns[0], 3);
	assert_int_equal(columns[1], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows_steady),
		cmocka_unit_test(test_windows_jitter),
		cmocka_unit_test(test_windows_bounded),
		cmocka_unit_test(test_rowset),
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_layout_wide),
		cmocka_unit_test(test_whole_words),
		cmocka_unit_test(test_elide),
		cmocka_unit_test(test_scaled),
		cmocka_unit_test(test_names_are_harmless),
		cmocka_unit_test(test_graph),
		cmocka_unit_test(test_bars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
