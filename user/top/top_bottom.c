/* SPDX-License-Identifier: GPL-2.0 */
/* The bottom of the screen: a warning, the ledger, the row under the cursor, keys; see top_parts.h.
 */
#include <curses.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "top/terminal.h"
#include "top/top_keys.h"
#include "top/top_parts.h"

static void add_service(const struct field *f, const void *row, char *to, size_t size)
{
	const char *name = service_name(*(const struct service *)((const char *)row + f->offset));
	size_t n = strlen(to);

	if (name)
		snprintf(to + n, size - n, " (%s)", name);
}

/* How long a row has been silent, where it knows. */
static void add_age(const struct top *t, const void *row, char *to, size_t size)
{
	const struct field *last = view_field(t->table->view, "last", true);
	struct timespec now;
	uint64_t then;

	if (!last)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	then = field_number(last, row) / 1000000000;
	snprintf(to, size, "  last %llu s ago",
		 (unsigned long long)((uint64_t)now.tv_sec > then ? (uint64_t)now.tv_sec - then
								  : 0));
}

/* Whether a field is told of the row: rates are not, nor is the sum of both sides. */
static bool is_detail(const struct top *t, const struct field *f)
{
	if (!f->rank || f->unit == UNIT_RATE || f->unit == UNIT_EVENTS || f->type == FIELD_BAR ||
	    f->only & FIELD_TOP_ONLY)
		return false;
	if (f->type == FIELD_INTERFACE)
		return t->look.interfaces;
	return !(f->only & FIELD_JSON_ONLY && f->unit == UNIT_BYTES);
}

/* All of the row under the cursor, nothing elided. */
static void draw_details(const struct top *t, int y)
{
	const void *row = rowset_row(&t->table->set, t->order.rows[t->cursor]);
	struct look wide = t->look;
	const struct field *f;
	char text[1024] = "", cell[256];
	size_t n = 0;

	wide.services = false;
	for (f = t->table->view->fields; f->key; f++) {
		if (!is_detail(t, f))
			continue;
		cell_text(&wide, f, top_rates(t), row, 0, cell, sizeof(cell));
		if (!*cell)
			continue;
		if (f->unit == UNIT_PORT)
			add_service(f, row, cell, sizeof(cell));
		if (f->type == FIELD_ADDR || f->unit == UNIT_PORT || f->type >= FIELD_PROTO)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
					      cell);
		else
			n += (size_t)snprintf(text + n, sizeof(text) - n, "  %s %s",
					      top_field_name(t, f, (char[40]){ 0 }, 40), cell);
		if (n >= sizeof(text))
			return;
	}
	add_age(t, row, text + n, sizeof(text) - n);
	whole_words(text, COLS);
	term_put(y, 0, COLS, STYLE_BOLD, text);
}

static void draw_functions(int y)
{
	int i, x = 0, width;
	char text[16];

	term_put(y, 0, COLS, STYLE_LABEL, "");
	for (i = 0; i < 10; i++) {
		width = COLS >= 100 ? 7 : 6;
		snprintf(text, sizeof(text), "F%d", i + 1);
		if (x + width > COLS)
			break;
		term_put(y, x, i < 9 ? 2 : 3, STYLE_PLAIN, text);
		x += i < 9 ? 2 : 3;
		term_put(y, x, width, STYLE_LABEL, function_labels[i]);
		x += width;
		if (COLS < 83 && i == 8)
			x = COLS - 7;
	}
}

static void draw_prompt(const struct top *t, int y)
{
	static const char *const names[] = { "", "search: ", "show only: ", "filter: " };
	const char *name = names[t->prompt], *shown = t->typed;
	int room = COLS - (int)strlen(name) - 1;
	char text[TYPED_SIZE + 40];

	/* Its end is where one types. */
	if ((int)strlen(shown) > room)
		shown += (int)strlen(shown) - (room > 0 ? room : 0);
	snprintf(text, sizeof(text), "%s%s_", name, shown);
	term_put(y, 0, COLS, STYLE_LABEL, text);
}

void bottom_draw(const struct top *t, const struct bottom *b)
{
	char text[256];

	if (b->note >= 0) {
		top_warning(t, text, sizeof(text));
		term_put(b->note, 0, COLS, STYLE_WARN, text);
	}
	if (b->ledger >= 0) {
		top_ledger(t, COLS, text, sizeof(text));
		whole_words(text, COLS);
		term_put(b->ledger, 0, COLS,
			 top_data_snapshot(&t->data, t->iface)->ledger.balanced ? STYLE_PLAIN
										: STYLE_WARN,
			 text);
		top_weather(t, text, sizeof(text));
		whole_words(text, COLS);
		if (t->message[0])
			term_put(b->weather, 0, COLS, STYLE_BOLD, t->message);
		else if (t->cursor >= 0 && t->cursor < (int)t->order.count)
			draw_details(t, b->weather);
		else
			term_put(b->weather, 0, COLS, STYLE_PLAIN, text);
	}
	if (t->prompt)
		draw_prompt(t, b->keys);
	else
		draw_functions(b->keys);
}
