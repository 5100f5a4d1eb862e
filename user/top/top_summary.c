/* SPDX-License-Identifier: GPL-2.0 */
/* The top of the screen: title, totals and graph; see top_parts.h. */
#include <curses.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "top/terminal.h"
#include "top/top_parts.h"

#define SUMMARY_WIDTH 44 /* of the totals beside the graph */
#define SCALE_WIDTH 7

void summary_title(const struct top *t)
{
	char text[256], right[64], clock[16];
	time_t now = time(NULL);
	struct tm tm;
	int width;

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	snprintf(right, sizeof(right), "every %g s  %s", t->interval, clock);
	width = term_columns(right);
	/* What it looks at goes before when that was. */
	if (COLS - width <= 20)
		width = 0;
	term_put(0, 0, COLS, STYLE_PLAIN, "");
	term_put(0, 0, 8, STYLE_BOLD, "weir top");
	top_title(t, COLS, text, sizeof(text));
	whole_words(text, COLS - 12 - width);
	if (COLS - 12 - width > 0)
		term_put(0, 10, COLS - 12 - width, STYLE_PLAIN, text);
	if (width)
		term_put(0, COLS - width, width, STYLE_DIM, right);
	if (t->paused)
		term_put(0, COLS - width - 9, 8, STYLE_WARN, "[PAUSED]");
}

static void put_words(int y, enum style style, char *text)
{
	whole_words(text, COLS < SUMMARY_WIDTH ? COLS : SUMMARY_WIDTH);
	term_put(y, 0, SUMMARY_WIDTH, style, text);
}

/* Nothing where it would be cut off. */
static void draw_number(int y, int x, double value)
{
	char number[16], text[32];

	if (x + 6 > COLS)
		return;
	snprintf(text, sizeof(text), "%6s", scaled_text(value, number, sizeof(number)));
	term_put(y, x, 6, STYLE_PLAIN, text);
}

/* Packets are counter `first` of a row and of its windows, bytes the next. */
static void draw_total(const struct top *t, int y, const char *name, enum style style,
		       const uint64_t *count, const struct windows *w, int first)
{
	const struct rates *r = &t->data.total_rates;
	const bool packets = t->look.unit == RATE_PACKETS;
	struct look other = t->look;
	int k;

	term_put(y, 0, 9, style, name);
	for (k = 0; k < WINDOWS; k++)
		draw_number(y, 9 + 7 * k,
			    look_rate(&t->look, w->sum[k][first + !packets], rates_span(r, k)));
	draw_number(y, 30, (double)count[!packets]);
	/* In packets if the rates are of bytes, and the other way round. */
	other.unit = packets ? RATE_BITS : RATE_PACKETS;
	draw_number(y, 37, look_rate(&other, w->sum[1][first + packets], rates_span(r, 1)));
}

static void draw_totals(const struct top *t, int y)
{
	const struct total_row *ways = top_data_total(&t->data, t->iface, false);
	const struct total_row *all = top_data_total(&t->data, t->iface, true);
	char text[64];

	snprintf(text, sizeof(text), "%-8s %6s %6s %6s %6s %6s", rate_unit_names[t->look.unit],
		 "2s", "10s", "40s", t->look.unit == RATE_PACKETS ? "PKTS" : "BYTES",
		 t->look.unit == RATE_PACKETS ? "bit/s" : "pkt/s");
	put_words(y, STYLE_DIM, text);
	draw_total(t, y + 1, "received", STYLE_IN, (const uint64_t *)&ways->received,
		   &ways->windows, 2);
	draw_total(t, y + 2, "sent", STYLE_OUT, (const uint64_t *)&ways->sent, &ways->windows, 0);
	draw_total(t, y + 3, "seen", STYLE_BOLD, (const uint64_t *)&all->sent, &all->windows, 0);
}

/* What there is room for on a taller terminal. */
static void draw_more(const struct top *t, int y, int lines)
{
	const struct table *conv = &t->data.table[TABLE_CONVERSATIONS];
	const struct snapshot *s = top_data_snapshot(&t->data, t->iface);
	const struct totals *w = &s->totals;
	double counted = (double)ledger_counted(&s->ledger).packets;
	char text[96];

	snprintf(text, sizeof(text), "%" PRIu32 " conversations, %" PRIu32 " in the last 40 s",
		 conv->set.used, conv->rates.active);
	if (lines > 0)
		put_words(y, STYLE_PLAIN, text);
	counted = counted > 0 ? counted : 1;
	snprintf(text, sizeof(text), "IPv4 %.1f %%  IPv6 %.1f %%  ARP %.1f %%",
		 100 * (double)w->class[WEIR_IPV4].packets / counted,
		 100 * (double)w->class[WEIR_IPV6].packets / counted,
		 100 * (double)w->class[WEIR_ARP].packets / counted);
	if (lines > 1)
		put_words(y + 1, STYLE_PLAIN, text);
	snprintf(text, sizeof(text), "other %.1f %%  malformed %.1f %%  cut %.1f %%",
		 100 * (double)w->class[WEIR_OTHER].packets / counted,
		 100 * (double)w->class[WEIR_MALFORMED].packets / counted,
		 100 * (double)w->class[WEIR_TRUNCATED].packets / counted);
	if (lines > 2)
		put_words(y + 2, STYLE_PLAIN, text);
	snprintf(text, sizeof(text), "%" PRIu64 " flows ended, %" PRIu64 " conversations let go",
		 s->ended, t->data.let_go);
	if (lines > 3)
		put_words(y + 3, STYLE_PLAIN, text);
}

static void draw_graph(const struct top *t, int y, int lines)
{
	const struct graph *g = &t->traffic[t->iface].graph[t->look.unit == RATE_PACKETS];
	int x = SUMMARY_WIDTH + SCALE_WIDTH, width = COLS - x, i;
	uint32_t points;
	char text[GRAPH_POINTS * 3 + 8];
	double max;

	if (width < 8)
		return;
	points = graph_points(g, width, t->look.glyphs);
	max = graph_max(g, points) * (t->look.unit == RATE_BITS ? 8 : 1);
	for (i = 0; i < lines; i++) {
		graph_line(g, i, lines, width, t->look.glyphs, t->look.log, text, sizeof(text));
		term_put(y + i, x, width, i < lines / 2 ? STYLE_IN : STYLE_OUT, text);
	}
	snprintf(text, sizeof(text), "%6s", scaled_text(max, (char[16]){ 0 }, 16));
	term_put(y, SUMMARY_WIDTH, SCALE_WIDTH, STYLE_DIM, text);
	if (points > 1) {
		uint64_t newest = g->count - 1, oldest = g->count - points;
		unsigned int seconds = (unsigned int)((g->point[newest % GRAPH_POINTS].ns -
						       g->point[oldest % GRAPH_POINTS].ns) /
						      1000000000);

		snprintf(text, sizeof(text), "%3um%02u", seconds / 60, seconds % 60);
		term_put(y + lines - 1, SUMMARY_WIDTH, SCALE_WIDTH, STYLE_DIM, text);
	}
}

void summary_draw(const struct top *t, int y, int lines)
{
	int i;

	for (i = 0; i < lines; i++)
		term_put(y + i, 0, COLS, STYLE_PLAIN, "");
	if (!lines)
		return;
	draw_totals(t, y);
	draw_more(t, y + 4, lines - 4);
	if (t->graph_shown)
		draw_graph(t, y, lines);
}
