/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rows of a table are shown, and in which order: those that match, the first so many of
 * them, sorted by a field. What a million rows cost is one look at each, not a sort.
 */
#ifndef WEIR_TOP_ORDER_H
#define WEIR_TOP_ORDER_H

#include "top/top_data.h"

#define ROW_MATCH 2 /* states of a row, beside ROW_USED: looked at, and found */
#define ROW_MISS 4  /* looked at, and not */

struct order {
	struct field field; /* sorted by */
	bool reverse;
	uint32_t *rows; /* numbers */
	uint32_t count, room;
	uint32_t matched; /* of which `rows` are the first */
};

/* Whether a row is one to show. */
struct matcher {
	bool (*match)(const struct matcher *m, const struct view *v, const void *row);
	const void *arg;
};

/* The first `want` rows (0 for all). `m` may be NULL. 0 or -ENOMEM. */
int order_make(struct order *o, const struct table *t, uint32_t want, const struct matcher *m);
/* Forgets what a matcher said of the rows. */
void order_forget(struct table *t);
void order_free(struct order *o);

#endif
