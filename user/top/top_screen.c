/* SPDX-License-Identifier: GPL-2.0 */
/* The screen of weir top; see top_screen.h. Drawn whole each time: curses sends what changed. */
#include <curses.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "top/terminal.h"
#include "top/top_parts.h"
#include "top/top_screen.h"

/* Which line what is on. */
struct places {
	int summary, summary_lines;
	int tabs, sides, head;
	int rows, row_lines; /* first line, and how many for all rows */
	int height;	     /* of a row */
	struct bottom bottom;
};

static struct layout layout;

static struct places find_places(const struct top *t)
{
	struct places p = { .summary = 1, .summary_lines = 4, .height = 1 };
	int bottom = LINES >= 10 ? 3 : 1;

	if (LINES >= 50)
		p.summary_lines = 8;
	else if (LINES >= 34)
		p.summary_lines = 6;
	else if (LINES < 14)
		p.summary_lines = 0;
	p.tabs = p.summary + p.summary_lines;
	p.sides = p.tabs + 1;
	p.head = p.sides + 1;
	p.rows = p.head + 1;
	p.bottom.keys = LINES - 1;
	p.bottom.weather = bottom > 1 ? LINES - 2 : -1;
	p.bottom.ledger = bottom > 1 ? LINES - 3 : -1;
	p.bottom.note = -1;
	if (top_warning(t, (char[256]){ 0 }, 256) && LINES >= 16) {
		bottom++;
		p.bottom.note = LINES - 4;
	}
	p.row_lines = LINES - bottom - p.rows;
	if (look_sides(&t->look, top_view(t)) == SIDES_LINES)
		p.height = 2;
	return p;
}

/* ---- tabs ---- */

/* In a view's name the letter that shows it is bold. Returns where they end. */
static int draw_tabs(const struct top *t, int y)
{
	int i, x = 0;

	term_put(y, 0, COLS, STYLE_PLAIN, "");
	for (i = 0; i < TAB_COUNT; i++) {
		const char *name = tabs[i].name;
		int width = (int)strlen(name), at;
		char key[2] = { 0 };

		for (at = 0; name[at] && (name[at] & ~32) != tabs[i].key; at++)
			;
		if (i == (int)t->tab) {
			term_put(y, x, width, STYLE_CURSOR, name);
		} else {
			term_put(y, x, width, STYLE_PLAIN, name);
			key[0] = name[at];
			term_put(y, x + at, 1, STYLE_BOLD, key);
		}
		x += width + 2;
	}
	return x;
}

static void draw_state(const struct top *t, int y, int x)
{
	const struct sorting *s = top_sorting(t);
	const struct field *f = view_field(top_view(t), s->key, true);
	bool ascii = t->look.glyphs == GLYPHS_ASCII, up = s->reverse;
	char text[128], name[40];
	int n;

	if (f->type != FIELD_SUM && (f->type == FIELD_ADDR || f->type >= FIELD_PROTO))
		up = !up;
	n = snprintf(text, sizeof(text), "by %s %s", top_field_name(t, f, name, sizeof(name)),
		     up ? (ascii ? "up" : "\u2191") : (ascii ? "down" : "\u2193"));
	if (t->order_held)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "  held");
	if (t->look.log)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "  log");
	if (t->match[0])
		n += snprintf(text + n, sizeof(text) - (size_t)n, "  matching %.20s", t->match);
	snprintf(text + n, sizeof(text) - (size_t)n, "  %d-%d of %" PRIu32,
		 t->order.matched ? t->offset + 1 : 0,
		 (int)t->order.matched < t->offset + t->page ? (int)t->order.matched
							     : t->offset + t->page,
		 t->order.matched);
	n = term_columns(text);
	if (x + n < COLS)
		term_put(y, COLS - n, n, STYLE_DIM, text);
}

/* ---- the table ---- */

/* Whether a column shows what the rows are sorted by: a sum of both sides is in either. */
static bool is_sorted_by(const struct field *f, const struct field *by)
{
	if (!strcmp(f->key, by->key))
		return true;
	return by->only & FIELD_BOTH && f->only & FIELD_SIDES && f->unit == by->unit &&
	       f->window == by->window;
}

/* Of which caption a column is: FIELD_*, or 0 for none. */
static uint8_t caption_of(const struct view *v, const struct field *f)
{
	if (f->only & FIELD_SIDES)
		return f->only & FIELD_SIDES;
	return v->in && (f->unit == UNIT_BYTES || !strcmp(f->key, "packets")) ? FIELD_BOTH : 0;
}

static const char *caption_text(const struct view *v, uint8_t side, int width)
{
	const char *name = side == FIELD_OUT ? v->out : side == FIELD_IN ? v->in : "TOTAL";

	if ((int)strlen(name) <= width)
		return name;
	return v == &view_ports ? (side == FIELD_OUT ? "FROM" : "TO") : "RCVD";
}

static void draw_caption(const struct view *v, int y, uint8_t side)
{
	const char *name;
	int from = -1, to = 0, i;
	char text[256];

	for (i = 0; i < layout.count; i++)
		if (caption_of(v, layout.column[i].field) == side) {
			if (from < 0)
				from = layout.column[i].x;
			to = layout.column[i].x + layout.column[i].width;
		}
	if (from < 0)
		return;
	name = caption_text(v, side, to - from);
	snprintf(text, sizeof(text), "%*s", (to - from + (int)strlen(name) + 1) / 2, name);
	if (to - from < 8)
		snprintf(text, sizeof(text), "%*s", to - from, name);
	term_put(y, from, to - from,
		 side == FIELD_IN    ? STYLE_IN
		 : side == FIELD_OUT ? STYLE_OUT
				     : STYLE_BOLD,
		 text);
}

static void draw_head(const struct top *t, const struct places *p)
{
	const struct view *v = top_view(t);
	const struct field *by = view_field(v, top_sorting(t)->key, true);
	char text[256];
	int i;

	term_put(p->sides, 0, COLS, STYLE_PLAIN, "");
	if (look_sides(&t->look, v) == SIDES_LINES) {
		term_put(p->sides, 0, COLS, STYLE_DIM,
			 t->look.glyphs == GLYPHS_ASCII
				 ? "=> what the host sends, <= what it receives"
				 : "\u21d2 what the host sends, \u21d0 what it receives");
	} else {
		draw_caption(v, p->sides, FIELD_OUT);
		draw_caption(v, p->sides, FIELD_IN);
		draw_caption(v, p->sides, FIELD_BOTH);
	}
	term_put(p->head, 0, COLS, STYLE_HEAD, "");
	for (i = 0; i < layout.count; i++) {
		const struct column *c = &layout.column[i];

		snprintf(text, sizeof(text), column_is_left(c->field) ? "%-*s" : "%*s", c->width,
			 look_title(&t->look, c->field));
		term_put(p->head, c->x, c->width,
			 is_sorted_by(c->field, by) ? STYLE_SORTED : STYLE_HEAD, text);
	}
}

static void draw_bar(const struct top *t, int y, const struct column *c, const void *row,
		     double max, bool cursor)
{
	static const char *const fill[3][2] = { { ">", "<" },
						{ "\u2588", "\u2592" },
						{ "\u2588", "\u2592" } };
	double value[2];
	int columns[2], side, x = c->x, i;
	char text[BUFSIZ];

	row_bar(&t->look, c->field, t->table->view, top_rates(t), row, value);
	bar_columns(value, max, c->width, t->look.log, columns);
	for (side = 0; side < 2; side++) {
		text[0] = 0;
		for (i = 0; i < columns[side]; i++)
			strcat(text, fill[t->look.glyphs][side]);
		if (columns[side])
			term_put(y, x, columns[side],
				 cursor ? STYLE_CURSOR
				 : side ? STYLE_IN
					: STYLE_OUT,
				 text);
		x += columns[side];
	}
}

static void draw_cell(const struct top *t, int y, const struct column *c, const struct field *f,
		      const void *row, bool cursor)
{
	const struct rates *rates = top_rates(t);
	char text[256], cell[300];
	enum style style = cursor ? STYLE_CURSOR : STYLE_PLAIN;
	int pad;

	cell_text(&t->look, f, rates, row, c->width, text, sizeof(text));
	pad = c->width - term_columns(text);
	if (pad < 0)
		pad = 0;
	if (column_is_left(f))
		snprintf(cell, sizeof(cell), "%s", text);
	else
		snprintf(cell, sizeof(cell), "%*s%s", pad, "", text);
	if (!cursor && cell_is_zero(&t->look, f, row))
		style = STYLE_DIM;
	term_put(y, c->x, c->width, style, cell);
}

/* The second line of a row, with what the host receives. */
static void draw_second(const struct top *t, int y, const void *row, bool cursor)
{
	int i;

	term_put(y, 0, COLS, cursor ? STYLE_CURSOR : STYLE_PLAIN, "");
	for (i = 0; i < layout.count; i++) {
		const struct column *c = &layout.column[i];
		const struct field *other = layout_other_side(t->table->view, c->field);

		if (other)
			draw_cell(t, y, c, other, row, cursor);
		else if (!strcmp(c->field->key, "peer") || !strcmp(c->field->key, "service"))
			term_put(y, c->x - 1, 1, cursor ? STYLE_CURSOR : STYLE_IN,
				 t->look.glyphs == GLYPHS_ASCII ? "<" : "\u21d0");
	}
}

static void draw_row(const struct top *t, int y, int height, const void *row, double max,
		     bool cursor)
{
	int i;

	term_put(y, 0, COLS, cursor ? STYLE_CURSOR : STYLE_PLAIN, "");
	for (i = 0; i < layout.count; i++) {
		const struct column *c = &layout.column[i];

		if (c->field->type == FIELD_BAR)
			draw_bar(t, y, c, row, max, cursor);
		else
			draw_cell(t, y, c, c->field, row, cursor);
		if (height == 2 && !strcmp(c->field->key, "peer"))
			term_put(y, c->x - 1, 1, cursor ? STYLE_CURSOR : STYLE_OUT,
				 t->look.glyphs == GLYPHS_ASCII ? ">" : "\u21d2");
	}
	if (height == 2)
		draw_second(t, y + 1, row, cursor);
}

static const void *row_at(const struct top *t, int i)
{
	return rowset_row(&t->table->set, t->order.rows[i]);
}

static int rows_end(const struct top *t)
{
	int end = t->offset + t->page;

	return end < (int)t->order.count ? end : (int)t->order.count;
}

/* The longest bar of those shown. */
static double longest_bar(const struct top *t)
{
	const struct field *bar = NULL;
	double max = 0, value[2];
	int i;

	for (i = 0; i < layout.count; i++)
		if (layout.column[i].field->type == FIELD_BAR)
			bar = layout.column[i].field;
	for (i = t->offset; bar && i < rows_end(t); i++) {
		row_bar(&t->look, bar, t->table->view, top_rates(t), row_at(t, i), value);
		if (value[0] + value[1] > max)
			max = value[0] + value[1];
	}
	return max;
}

static void draw_rows(const struct top *t, const struct places *p)
{
	double max = longest_bar(t);
	int i, y = p->rows;

	for (i = t->offset; i < rows_end(t); i++, y += p->height)
		draw_row(t, y, p->height, row_at(t, i), max, i == t->cursor);
	for (; y < p->rows + p->row_lines; y++)
		term_put(y, 0, COLS, STYLE_PLAIN, "");
	if (!t->order.matched && p->row_lines > 1)
		term_put(p->rows + 1, 2, COLS - 2, STYLE_DIM,
			 t->match[0] ? "nothing matches; \\ and an empty line show all again"
				     : "nothing has been seen yet");
}

/* Addresses get what those shown so far would like: columns do not jump to and fro. */
static void make_layout(struct top *t)
{
	int i;

	for (i = t->offset; i < rows_end(t); i++) {
		int wish = row_wish(&t->look, t->table->view, row_at(t, i));

		if (wish > t->wish)
			t->wish = wish;
	}
	layout_make(&layout, t->table->view, &t->look, t->wish, COLS);
}

int screen_draw(struct top *t)
{
	struct places p = find_places(t);
	int err, x;

	t->page = p.row_lines / p.height;
	if (t->page < 1)
		t->page = 1;
	err = top_arrange(t);
	if (err)
		return err;
	if (t->help) {
		overlay_help(t);
	} else {
		make_layout(t);
		summary_title(t);
		summary_draw(t, p.summary, p.summary_lines);
		x = draw_tabs(t, p.tabs);
		draw_state(t, p.tabs, x);
		draw_head(t, &p);
		draw_rows(t, &p);
		bottom_draw(t, &p.bottom);
		if (t->menu >= 0)
			overlay_menu(t, p.rows, p.row_lines);
	}
	refresh();
	return 0;
}

const char *screen_column_beside(const struct top *t, int step)
{
	const struct field *by = view_field(top_view(t), top_sorting(t)->key, true);
	int i, at = -1;

	for (i = 0; i < layout.count && at < 0; i++)
		if (is_sorted_by(layout.column[i].field, by))
			at = i;
	for (i = 0; i < layout.count; i++) {
		at = (at + step + layout.count) % layout.count;
		if (layout.column[at].field->type != FIELD_BAR &&
		    view_field(top_view(t), layout.column[at].field->key, true))
			return layout.column[at].field->key;
	}
	return by->key;
}
