/* SPDX-License-Identifier: GPL-2.0 */
/* Where the user of weir top is, and what moves them; see top.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "top/top.h"

const struct tab_info tabs[TAB_COUNT] = {
	{ "Conversations", 'C' }, { "Hosts", 'H' }, { "Ports", 'O' },
	{ "SYN", 'Y' },		  { "Sizes", 'Z' },
};

double top_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

enum table_id top_table_id(const struct top *t)
{
	static const enum table_id ids[TAB_COUNT] = { TABLE_CONVERSATIONS, TABLE_HOSTS, TABLE_PORTS,
						      TABLE_SYN_SOURCES, TABLE_SIZES };

	if (t->tab == TAB_SYN && t->targets)
		return TABLE_SYN_TARGETS;
	return ids[t->tab];
}

const struct view *top_view(const struct top *t)
{
	return t->data.table[top_table_id(t)].view;
}

const struct rates *top_rates(const struct top *t)
{
	/* What is summed up from conversations has their windows. */
	return t->table == &t->data.table[TABLE_HOSTS] || t->table == &t->data.table[TABLE_GROUPS]
		       ? &t->data.table[TABLE_CONVERSATIONS].rates
		       : &t->table->rates;
}

struct sorting *top_sorting(const struct top *t)
{
	return (struct sorting *)&t->sorting[top_table_id(t)];
}

static void start_sorting(struct top *t)
{
	int i;

	for (i = 0; i < TABLE_COUNT; i++) {
		const char *key = t->data.table[i].view->top_sort;

		t->sorting[i].reverse = *key == '-';
		t->sorting[i].key = key + (*key == '-');
	}
}

static int find_tab(struct top *t, const char *view)
{
	int i;

	if (!strcmp(view, "flows"))
		view = "conversations";
	for (i = 0; i < TAB_COUNT; i++)
		if (!strcasecmp(view, tabs[i].name)) {
			t->tab = (enum tab)i;
			return 0;
		}
	return -ENOENT;
}

/* Held by us, all of it is news; of what was attached before, only what comes. */
static uint64_t began(const struct lives *all)
{
	uint64_t since = UINT64_MAX;
	int i;

	for (i = 0; i < all->count; i++) {
		if (!all->held[i])
			return 0;
		if (all->live[i].meta.boot_ns < since)
			since = all->live[i].meta.boot_ns;
	}
	return since;
}

int top_open(struct top *t, const struct config *cfg, struct lives *all, const char *view)
{
	uint64_t since = began(all);
	int err;

	*t = (struct top){
		.cfg = cfg,
		.all = all,
		.look = { .totals = true, .bars = true, .bar_window = 1, .window = 1 },
		.cursor = -1,
		.menu = -1,
		.graph_shown = true,
		.interval = cfg->interval,
		.page = 1,
		.wish = 15,
	};
	t->look.interfaces = all->count > 1;
	t->traffic = calloc((size_t)all->count + 1, sizeof(*t->traffic));
	err = t->traffic ? top_data_open(&t->data, all->live, all->count, since) : -ENOMEM;
	if (!err)
		err = find_tab(t, view ? view : "conversations");
	if (err)
		return err;
	start_sorting(t);
	t->then_ns = since;
	if (cfg->sort) {
		struct sorting *s = top_sorting(t);

		s->reverse = *cfg->sort == '-';
		s->key = cfg->sort + s->reverse;
		if (!view_field(top_view(t), s->key, true))
			return -EINVAL;
	}
	cost_open(&t->cost, all->live, all->count);
	return 0;
}

void top_close(struct top *t)
{
	names_free(t->names);
	cost_close(&t->cost);
	order_free(&t->order);
	free(t->traffic);
	top_data_close(&t->data);
}

double top_pause(const struct top *t)
{
	/* At the start, soon: who waits two seconds for a rate? */
	return t->frames < 3 && t->interval > 0.5 ? 0.5 : t->interval;
}

static void add_point(struct traffic *w, const struct weir_sum now[2], uint64_t ns, double seconds)
{
	const struct weir_sum *then = w->then;

	graph_add(&w->graph[0], ns, (double)(now[0].bytes - then[0].bytes) / seconds,
		  (double)(now[1].bytes - then[1].bytes) / seconds);
	graph_add(&w->graph[1], ns, (double)(now[0].packets - then[0].packets) / seconds,
		  (double)(now[1].packets - then[1].packets) / seconds);
}

static void add_points(struct top *t)
{
	double seconds = (double)(t->data.ns - t->then_ns) / 1e9;
	bool known = t->data.total_rates.count > 1 && t->then_ns && seconds > 0;
	int i;

	for (i = 0; i <= t->all->count; i++) {
		const struct total_row *row = top_data_total(&t->data, i, false);
		const struct weir_sum now[2] = { row->received, row->sent };

		if (known)
			add_point(&t->traffic[i], now, t->data.ns, seconds);
		memcpy(t->traffic[i].then, now, sizeof(now));
	}
	t->then_ns = t->data.ns;
}

int top_frame(struct top *t)
{
	int err = top_data_frame(&t->data);

	if (err)
		return err;
	t->frames++;
	t->gone = lives_gone(t->all);
	add_points(t);
	cost_frame(&t->cost, top_now());
	return 0;
}

void top_sort(struct top *t, const char *key)
{
	const struct field *f = view_field(top_view(t), key, true);
	struct sorting *s = top_sorting(t);

	if (!f)
		return;
	if (f->unit == UNIT_RATE)
		t->look.window = f->window;
	if (!strcmp(s->key, key)) {
		s->reverse = !s->reverse;
	} else {
		s->key = key;
		s->reverse = false;
	}
	t->order_held = false;
}

void top_show_tab(struct top *t, enum tab tab)
{
	if (tab == TAB_SYN && t->tab == TAB_SYN)
		t->targets = !t->targets;
	t->tab = tab;
	t->offset = 0;
	t->cursor = -1;
	t->follow = false;
	t->wish = 15;
}

void top_toggle_names(struct top *t)
{
	if (!t->names)
		t->names = names_new();
	t->look.names = t->look.names ? NULL : t->names;
	t->wish = 15;
	top_forget_matches(t);
	if (!t->names)
		snprintf(t->message, sizeof(t->message), "names: no thread to look them up");
}

int top_sort_fields(const struct top *t, const struct field *fields[COLUMNS_MAX * 2])
{
	const struct field *f;
	int n = 0;

	for (f = top_view(t)->fields; f->key && n < COLUMNS_MAX * 2; f++)
		if (f->rank && view_field(top_view(t), f->key, true) &&
		    (f->type != FIELD_INTERFACE || t->look.interfaces))
			fields[n++] = f;
	return n;
}

const char *top_field_name(const struct top *t, const struct field *f, char *to, size_t size)
{
	const struct view *v = top_view(t);
	const char *side = f->only & FIELD_OUT	  ? v->out
			   : f->only & FIELD_IN	  ? v->in
			   : f->unit == UNIT_PORT ? f[-1].brief /* the address it belongs to */
						  : "";

	snprintf(to, size, "%s%s%s", side, *side ? " " : "", look_title(&t->look, f));
	return to;
}

void top_next_interface(struct top *t)
{
	t->iface = t->all->count < 2 ? 0 : (t->iface + 1) % (t->all->count + 1);
	t->look.interfaces = t->all->count > 1 && !t->iface;
	top_begin_anew(t);
}

int top_shown(const struct top *t, int *first)
{
	*first = t->iface ? t->iface : 1;
	return t->iface ? 1 : t->all->count;
}

const char *top_filter(const struct top *t)
{
	int first, i, n = top_shown(t, &first);
	const char *filter = t->all->live[first - 1].meta.filter;

	for (i = 1; i < n; i++)
		if (strcmp(filter, t->all->live[first - 1 + i].meta.filter))
			return NULL;
	return *filter ? filter : NULL;
}

/* Attached, it is noted in the pins, too, for whoever looks next. */
static int swap_filter(struct top *t, struct live *l, const char *expression)
{
	struct live *kept;
	int err;

	if (l->held) {
		err = live_filter(l, expression);
		snprintf(t->message, sizeof(t->message), "%s", err ? l->why : "");
		l->why[0] = 0;
		return err;
	}
	kept = malloc(sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	err = live_filter_kept(kept, l->iface.name, expression);
	snprintf(t->message, sizeof(t->message), "%s", err ? kept->why : "");
	if (!err)
		memcpy(l->meta.filter, kept->meta.filter, FILTER_SIZE);
	live_close(kept);
	free(kept);
	return err;
}

void top_set_filter(struct top *t, const char *expression)
{
	int first, i, n = top_shown(t, &first), err = 0;

	for (i = 0; i < n && !err; i++)
		err = swap_filter(t, &t->all->live[first - 1 + i], expression);
	if (!err)
		snprintf(t->message, sizeof(t->message), "%s",
			 *expression ? "the filter is in force; what it keeps out is in the ledger"
				     : "no filter any more");
}

const char *top_overlap(const struct top *t)
{
	return t->iface || !t->all->overlap_count ? NULL : t->all->overlaps[0].why;
}

bool top_warning(const struct top *t, char *to, size_t size)
{
	if (t->gone)
		snprintf(to, size, "%s: it stands still", t->gone);
	else if (top_overlap(t))
		snprintf(to, size, "Counted on both: %s (i: one interface)", top_overlap(t));
	return t->gone || top_overlap(t);
}
