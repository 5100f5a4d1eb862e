/* SPDX-License-Identifier: GPL-2.0 */
/* weir top where there is no terminal: a frame of text each interval; see top.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "top/top.h"

static void print_cells(const struct top *t, const struct layout *l, const void *row)
{
	char text[256];
	int i;

	for (i = 0; i < l->count; i++) {
		const struct column *c = &l->column[i];

		if (row)
			cell_text(&t->look, c->field, top_rates(t), row, c->width, text,
				  sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", look_title(&t->look, c->field));
		printf(column_is_left(c->field) ? "%s%-*s" : "%s%*s", i ? " " : "", c->width, text);
	}
	putchar('\n');
}

/* SENT and RECEIVED over the columns that are of the one or the other. */
static void print_sides(const struct view *v, const struct layout *l)
{
	int i, at = 0;

	for (i = 0; i < l->count; i++) {
		const struct column *c = &l->column[i];
		uint8_t side = c->field->only & FIELD_SIDES;
		const char *name = side == FIELD_OUT ? v->out : side == FIELD_IN ? v->in : NULL;

		if (!name || (i && (l->column[i - 1].field->only & FIELD_SIDES) == side))
			continue;
		at += printf("%*s%s", c->x > at ? c->x - at : 0, "", name);
	}
	if (at)
		putchar('\n');
}

static void print_rate(const struct top *t, const char *name, const struct windows *w, int first)
{
	const struct rates *r = &t->data.total_rates;
	char rate[16], packets[16];
	struct look look = t->look;

	look.unit = RATE_PACKETS;
	printf("  %-9s %6s%s %6s packet/s over %.1f s\n", name,
	       scaled_text(look_rate(&t->look, w->sum[0][first + 1], rates_span(r, 0)), rate,
			   sizeof(rate)),
	       rate_unit_names[t->look.unit],
	       scaled_text(look_rate(&look, w->sum[0][first], rates_span(r, 0)), packets,
			   sizeof(packets)),
	       (double)rates_span(r, 0) / 1e9);
}

int top_print(struct top *t)
{
	const struct total_row *ways = top_data_total(&t->data, t->iface, false);
	const struct total_row *all = top_data_total(&t->data, t->iface, true);
	struct layout layout;
	char line[512], clock[16];
	time_t now = time(NULL);
	uint32_t i, rows;
	struct tm tm;
	int err;

	t->page = t->cfg->rows ? (int)t->cfg->rows : 1 << 30;
	t->look.bars = false;
	err = top_arrange(t);
	if (err)
		return err;
	rows = t->order.count;
	for (i = 0; i < rows; i++) {
		int wish = row_wish(&t->look, t->table->view,
				    rowset_row(&t->table->set, t->order.rows[i]));

		t->wish = wish > t->wish ? wish : t->wish;
	}
	layout_make(&layout, t->table->view, &t->look, t->wish, 0);
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	top_title(t, 1000, line, sizeof(line));
	printf("%s %s\n", clock, line);
	print_rate(t, "received", &ways->windows, 2);
	print_rate(t, "sent", &ways->windows, 0);
	print_rate(t, "seen", &all->windows, 0);
	if (top_overlap(t))
		printf("  counted on both: %s\n", top_overlap(t));
	print_sides(t->table->view, &layout);
	print_cells(t, &layout, NULL);
	for (i = 0; i < rows; i++)
		print_cells(t, &layout, rowset_row(&t->table->set, t->order.rows[i]));
	top_ledger(t, 1000, line, sizeof(line));
	whole_words(line, sizeof(line));
	puts(line);
	top_weather(t, line, sizeof(line));
	whole_words(line, sizeof(line));
	printf("%s\n\n", line);
	return 0;
}
