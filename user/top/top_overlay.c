/* SPDX-License-Identifier: GPL-2.0 */
/* What covers the screen for a while: the menu of fields to sort by, and the help. */
#include <curses.h>
#include <stdio.h>

#include "top/terminal.h"
#include "top/top_keys.h"
#include "top/top_parts.h"
#include "top/top_screen.h"

#define MENU_WIDTH 24

void overlay_menu(const struct top *t, int y, int lines)
{
	const struct field *fields[COLUMNS_MAX * 2];
	int n = top_sort_fields(t, fields), i, first = 0, end = y + lines;
	char text[64], name[40];

	if (t->menu >= lines)
		first = t->menu - lines + 1;
	term_put(y - 1, 0, MENU_WIDTH, STYLE_LABEL, "sort by (Enter, Esc)");
	for (i = first; i < n && y < end; i++, y++) {
		snprintf(text, sizeof(text), " %s",
			 top_field_name(t, fields[i], name, sizeof(name)));
		term_put(y, 0, MENU_WIDTH, i == t->menu ? STYLE_CURSOR : STYLE_PLAIN, text);
	}
	for (; y < end; y++)
		term_put(y, 0, MENU_WIDTH, STYLE_PLAIN, "");
}

/* Lines of help that fit on a page, in one column or two. */
static int help_page_lines(void)
{
	return (LINES - 1) * (COLS >= 120 ? 2 : 1);
}

int screen_help_pages(void)
{
	int lines = 0, page = help_page_lines();

	while (key_help[lines].keys)
		lines++;
	return page > 0 ? (lines + page - 1) / page : 1;
}

void overlay_help(const struct top *t)
{
	int width = COLS >= 120 ? COLS / 2 : COLS, pages = screen_help_pages(), i;
	int page = t->help < pages ? t->help : pages; /* larger now, there may be fewer */
	const struct key_help *k = &key_help[(page - 1) * help_page_lines()];

	erase();
	for (i = 0; k->keys && i < help_page_lines(); i++, k++) {
		int x = i / (LINES - 1) * width, y = i % (LINES - 1);

		if (!k->text) {
			term_put(y, x, width - 1, STYLE_BOLD, k->keys);
		} else {
			term_put(y, x + 1, 16, STYLE_PLAIN, k->keys);
			term_put(y, x + 17, width - 18, STYLE_PLAIN, k->text);
		}
	}
	term_put(LINES - 1, 0, COLS, STYLE_LABEL,
		 page < pages ? "any key goes on, Esc back" : "any key goes back");
}
