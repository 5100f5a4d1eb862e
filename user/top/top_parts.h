/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of weir top's screen, for top_screen.c, which says where they are. */
#ifndef WEIR_TOP_PARTS_H
#define WEIR_TOP_PARTS_H

#include "top/top.h"

/* The first line. */
void summary_title(const struct top *t);
/* Totals and graph, on 4 lines or more, or none. */
void summary_draw(const struct top *t, int y, int lines);
/* Lines of the bottom, -1 for one that there is no room for; ledger and weather together. */
struct bottom {
	int note, ledger, weather, keys;
};

void bottom_draw(const struct top *t, const struct bottom *b);
/* The fields one can sort by, over the table's `lines` from `y` on and the line above them. */
void overlay_menu(const struct top *t, int y, int lines);
/* The help, over all. */
void overlay_help(const struct top *t);

#endif
