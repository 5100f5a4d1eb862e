/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What weir top draws, without a terminal: columns that fit, words and numbers cut to theirs,
 * graphs and bars as wide as they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "top/top_graph.h"
#include "top/top_look.h"

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

static bool has_column(const struct layout *l, const char *key)
{
	int i;

	for (i = 0; i < l->count && !strstr(l->column[i].field->key, key); i++)
		;
	return i < l->count;
}

/* Where it is narrow, what goes last is the rate, and before it who it is. */
static void test_layout_narrow(void **state)
{
	static const char *const keys[] = { "host", "addr", "port", "addr", "addr", "from" };
	struct look look = { .totals = true, .bars = true, .window = 1 };
	struct layout l;
	int width;
	size_t i;

	(void)state;
	for (look.sides = 0; look.sides < SIDES_COUNT; look.sides++)
		for (width = 20; width < 80; width++)
			for (i = 0; i < sizeof(top_views) / sizeof(top_views[0]); i++) {
				layout_make(&l, top_views[i], &look, 39, width);
				assert_true(has_column(&l, keys[i]));
				assert_true(has_column(&l, "rate_10s"));
				assert_true(l.width <= width);
			}
	/* At 40 a conversation has all of its ends, and one rate of both directions. */
	look.sides = SIDES_BESIDE;
	layout_make(&l, &view_conversations, &look, 39, 40);
	assert_int_equal(l.count, 5);
	assert_true(has_column(&l, "host_port") && has_column(&l, "peer_port"));
	assert_string_equal(l.column[4].field->key, "rate_10s");
	assert_int_equal(l.width, 40);
	/* The rate is that sorted by. */
	look.window = 2;
	layout_make(&l, &view_conversations, &look, 39, 40);
	assert_string_equal(l.column[4].field->key, "rate_40s");
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

/* ---- texts ---- */

/* What a field shows in a unit, of a row whose counters tell which they are. */
static uint64_t shown_as(enum rate_unit unit, const char *key)
{
	const struct {
		struct conv_row row;
		struct windows windows;
	} r = { .row = { .sent = { 1, 20 }, .received = { 300, 4000 }, .tcp_flags = 9 },
		.windows = { { { 5, 60, 700, 8000 }, { 2, 30, 400, 5000 } } } };
	const struct look look = { .unit = unit };
	const struct field f = look_field(&look, view_field(&view_conversations, key, true));

	return field_number(&f, &r.row);
}

/* In packets, what is of bytes is of the packets beside them; all else stays what it is. */
static void test_units(void **state)
{
	static const struct {
		const char *key;
		uint64_t bytes, packets;
	} shown[] = {
		{ "sent.bytes", 20, 1 },   { "received.bytes", 4000, 300 },
		{ "bytes", 4020, 301 },	   { "packets", 301, 301 },
		{ "sent.rate_2s", 60, 5 }, { "received.rate_10s", 5000, 400 },
		{ "rate_10s", 5030, 402 }, { "tcp_flags", 9, 9 },
	};
	const struct look packets = { .unit = RATE_PACKETS }, bits = { .unit = RATE_BITS };
	const struct field *f = view_field(&view_conversations, "bytes", true);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		assert_int_equal(shown_as(RATE_BITS, shown[i].key), shown[i].bytes);
		assert_int_equal(shown_as(RATE_BYTES, shown[i].key), shown[i].bytes);
		assert_int_equal(shown_as(RATE_PACKETS, shown[i].key), shown[i].packets);
	}
	assert_string_equal(look_title(&packets, f), "PKTS");
	assert_string_equal(look_title(&bits, f), "BYTES");
	assert_true(look_rate(&bits, 500, 2000000000) == 2000);
	assert_true(look_rate(&packets, 500, 2000000000) == 250);
	assert_true(look_rate(&bits, 500, 0) == 0);
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
	for (width = 2; width < 16; width++) {
		strcpy(line, "IP 12 =\tin\t5");
		whole_words(line, width);
		assert_string_equal(line, width < 5 ? "IP" : width < 12 ? "IP 12" : "IP 12 = in 5");
	}
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

/* ---- graphs and bars ---- */

/* Each line is as wide as it should be, and of the characters it may have. */
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
		cmocka_unit_test(test_layout),	    cmocka_unit_test(test_layout_narrow),
		cmocka_unit_test(test_layout_wide), cmocka_unit_test(test_units),
		cmocka_unit_test(test_whole_words), cmocka_unit_test(test_elide),
		cmocka_unit_test(test_scaled),	    cmocka_unit_test(test_graph),
		cmocka_unit_test(test_bars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}