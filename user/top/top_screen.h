/* SPDX-License-Identifier: GPL-2.0 */
/* The screen of weir top, drawn from what struct top says; terminal.h's terminal must be open. */
#ifndef WEIR_TOP_SCREEN_H
#define WEIR_TOP_SCREEN_H

#include "top/top.h"

/* Arranges and draws all of it. 0 or -ENOMEM. */
int screen_draw(struct top *t);
/* How many pages the help has, on a terminal of this size. */
int screen_help_pages(void);
/* Of the layout drawn last: the key of the sortable column `step` columns beside the sorted. */
const char *screen_column_beside(const struct top *t, int step);

#endif
