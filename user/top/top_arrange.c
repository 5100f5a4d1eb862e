/* SPDX-License-Identifier: GPL-2.0 */
/* Which rows of the table weir top shows, in which order, and where its cursor is; see top.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "top/top.h"

/* ---- what is searched for ---- */

static bool row_has(const struct look *look, const struct view *v, const void *row,
		    const char *text)
{
	struct look plain = *look;
	const struct field *f;
	char cell[256];

	plain.names = NULL;
	for (f = v->fields; f->key; f++) {
		bool words = f->type == FIELD_ADDR || f->type > FIELD_TIME || f->unit == UNIT_PORT;

		if (!f->rank || (!words && strcmp(f->key, "port")) ||
		    (f->type == FIELD_INTERFACE && !look->interfaces))
			continue;
		if (strcasestr(cell_text(&plain, f, NULL, row, 0, cell, sizeof(cell)), text))
			return true;
		if (look->names && f->type == FIELD_ADDR &&
		    strcasestr(cell_text(look, f, NULL, row, 0, cell, sizeof(cell)), text))
			return true;
	}
	return false;
}

static bool matches(const struct matcher *m, const struct view *v, const void *row)
{
	const struct top *t = m->arg;

	if (t->iface && *((const uint8_t *)row + v->fields[0].offset) != t->iface)
		return false;
	return !t->match[0] || row_has(&t->look, v, row, t->match);
}

void top_forget_matches(struct top *t)
{
	int i;

	for (i = 0; i < TABLE_COUNT; i++)
		order_forget(&t->data.table[i]);
}

void top_begin_anew(struct top *t)
{
	top_forget_matches(t);
	t->offset = 0;
	t->cursor = -1;
	t->follow = false;
	t->order_held = false;
}

void top_set_match(struct top *t, const char *text)
{
	snprintf(t->match, sizeof(t->match), "%s", text);
	top_begin_anew(t);
}

/* ---- the order ---- */

static void clamp(struct top *t)
{
	int last = (int)t->order.matched - t->page;

	if (t->cursor >= (int)t->order.matched)
		t->cursor = (int)t->order.matched - 1;
	if (t->cursor >= 0 && t->cursor < t->offset)
		t->offset = t->cursor;
	if (t->cursor >= t->offset + t->page)
		t->offset = t->cursor - t->page + 1;
	if (t->offset > last)
		t->offset = last;
	if (t->offset < 0)
		t->offset = 0;
}

static int make_order(struct top *t, uint32_t want)
{
	const struct sorting *s = top_sorting(t);
	struct matcher m = { matches, t };
	const struct field *f = view_field(top_view(t), s->key, true);

	t->order.field = look_field(&t->look, f);
	t->order.reverse = s->reverse;
	return order_make(&t->order, t->table, want, t->match[0] || t->iface ? &m : NULL);
}

/* Puts the cursor where its row has gone. */
static int follow(struct top *t)
{
	uint32_t i;
	int err;

	for (i = 0; i < t->order.count; i++)
		if (t->order.rows[i] == t->followed)
			break;
	if (i == t->order.count && t->order.count < t->order.matched) {
		err = make_order(t, 0);
		if (err)
			return err;
		for (i = 0; i < t->order.count; i++)
			if (t->order.rows[i] == t->followed)
				break;
	}
	if (i == t->order.count)
		t->follow = false;
	else
		t->cursor = (int)i;
	return 0;
}

static bool names_came(struct top *t)
{
	uint64_t version = t->look.names ? names_version(t->look.names) : 0;
	bool came = version != t->names_version;

	t->names_version = version;
	return came;
}

int top_arrange(struct top *t)
{
	struct table *table = top_data_table(&t->data, top_table_id(t), t->look.hidden);
	int err = 0;

	if (!table)
		return -ENOMEM;
	if (table != t->table)
		t->order_held = false;
	t->table = table;
	if (t->match[0] && names_came(t))
		top_forget_matches(t);
	if (!t->order_held)
		err = make_order(t, (uint32_t)(t->offset + t->page));
	if (!err && t->follow && !t->order_held)
		err = follow(t);
	clamp(t);
	/* The screen may begin further down than what was asked for. */
	if (!err && t->order.count < t->order.matched &&
	    (int)t->order.count < t->offset + t->page && !t->order_held)
		err = make_order(t, (uint32_t)(t->offset + t->page));
	return err;
}

void top_move(struct top *t, int rows)
{
	int to = (t->cursor < 0 ? t->offset : t->cursor) + (t->cursor < 0 && rows > 0 ? 0 : rows);

	if (to < 0)
		to = 0;
	if (to >= (int)t->order.matched)
		to = (int)t->order.matched - 1;
	t->cursor = to;
	t->follow = false;
	clamp(t);
}

bool top_find(struct top *t, int step)
{
	int n, i, at;

	if (!t->search[0] || (!t->order_held && make_order(t, 0)))
		return false;
	n = (int)t->order.count;
	at = t->cursor < 0 ? (step > 0 ? -1 : n) : t->cursor;
	for (i = 0; i < n; i++) {
		at = (at + step + n) % n;
		if (!row_has(&t->look, t->table->view,
			     rowset_row(&t->table->set, t->order.rows[at]), t->search))
			continue;
		t->cursor = at;
		t->followed = t->order.rows[at];
		t->follow = true;
		clamp(t);
		return true;
	}
	return false;
}
