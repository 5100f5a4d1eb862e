/* SPDX-License-Identifier: GPL-2.0 */
/* weir top's tables; see top_data.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "views/output.h"
#include "top/top_data.h"

/* Of all logs of conversations: 40 seconds of a million flows that change every two. */
#define LOG_LIMIT (192U << 20)
#define LOG_LIMIT_SMALL (32U << 20)

static const struct view *const views[TABLE_COUNT] = {
	[TABLE_CONVERSATIONS] = &view_conversations,
	[TABLE_HOSTS] = &view_hosts,
	[TABLE_PORTS] = &view_ports,
	[TABLE_SYN_SOURCES] = &view_syn_sources,
	[TABLE_SYN_TARGETS] = &view_syn_targets,
	[TABLE_SIZES] = &view_sizes,
	[TABLE_GROUPS] = &view_conversations,
};

static void begin_all(struct top_data *d, uint64_t ns)
{
	int i;

	d->ns = ns;
	for (i = 0; i < TABLE_COUNT; i++)
		rates_begin(&d->table[i].rates, ns);
	rates_begin(&d->total_rates, ns);
}

static void end_all(struct top_data *d)
{
	int i;

	for (i = 0; i < TABLE_COUNT; i++)
		rates_end(&d->table[i].rates);
	rates_end(&d->total_rates);
}

/* Rows that are there whatever happens. */
static int fixed_rows(struct top_data *d)
{
	struct size_row size;
	uint64_t key;
	uint32_t i, n;
	bool fresh;

	for (i = 0; i < SIZE_ROWS * (uint32_t)d->count; i++) {
		size_row_init(&size, i % SIZE_ROWS);
		size.iface = (uint8_t)(i / SIZE_ROWS + 1);
		n = rowset_find(&d->table[TABLE_SIZES].set, &size, &fresh);
		if (n == ROWSET_NONE)
			return -ENOMEM;
		memcpy(rowset_row(&d->table[TABLE_SIZES].set, n), &size, sizeof(size));
	}
	for (key = 0; key < 2 * ((uint64_t)d->count + 1); key++)
		if (rowset_find(&d->totals, &key, &fresh) == ROWSET_NONE)
			return -ENOMEM;
	return 0;
}

static int open_watched(struct top_data *d, struct live *lives, int count)
{
	int i;

	d->watched = calloc((size_t)count, sizeof(*d->watched));
	if (!d->watched)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		struct watched *w = &d->watched[i];

		w->live = &lives[i];
		w->iface = (uint8_t)(i + 1);
		rowset_init(&w->known, sizeof(struct known), sizeof(uint64_t));
		w->ports = calloc(WEIR_PORTS, sizeof(*w->ports));
		d->count++;
		if (!w->ports)
			return -ENOMEM;
	}
	return 0;
}

int top_data_open(struct top_data *d, struct live *lives, int count, uint64_t since)
{
	int i, err;

	*d = (struct top_data){ .derived = TABLE_COUNT };
	for (i = 0; i < TABLE_COUNT; i++) {
		struct table *t = &d->table[i];

		t->view = views[i];
		rowset_init(&t->set, views[i]->row_size + sizeof(struct windows),
			    views[i]->key_size);
		rates_init(&t->rates, &t->set, views[i]->counters, views[i]->row_size,
			   i == TABLE_CONVERSATIONS ? LOG_LIMIT : LOG_LIMIT_SMALL);
	}
	rowset_init(&d->totals, sizeof(struct total_row), sizeof(uint64_t));
	rates_init(&d->total_rates, &d->totals, offsetof(struct total_row, sent),
		   offsetof(struct total_row, windows), LOG_LIMIT_SMALL);
	err = open_watched(d, lives, count);
	if (!err)
		err = fixed_rows(d);
	if (err || !since)
		return err;
	begin_all(d, since);
	end_all(d);
	return 0;
}

static void close_watched(struct watched *w)
{
	rowset_free(&w->known);
	free(w->ports);
	snapshot_free(&w->snapshot);
}

void top_data_close(struct top_data *d)
{
	int i;

	for (i = 0; i < TABLE_COUNT; i++) {
		rates_free(&d->table[i].rates);
		rowset_free(&d->table[i].set);
	}
	rates_free(&d->total_rates);
	rowset_free(&d->totals);
	for (i = 0; i < d->count; i++)
		close_watched(&d->watched[i]);
	free(d->watched);
	free(d->part[0]);
	free(d->part[1]);
}

/* ---- what changed ---- */

/* To the row of all interfaces, and to that of this one. */
static int add_total(struct top_data *d, uint8_t iface, bool seen, const uint64_t add[4])
{
	if (!(add[0] | add[1] | add[2] | add[3]))
		return 0;
	if (rates_add(&d->total_rates, seen, add))
		return -ENOMEM;
	return rates_add(&d->total_rates, 2U * iface + seen, add);
}

static int take_ports(struct top_data *d, struct watched *w)
{
	struct table *t = &d->table[TABLE_PORTS];
	uint32_t i, n;

	for (i = 0; i < WEIR_PORTS; i++) {
		const struct weir_sum *now = w->snapshot.ports[i].role;
		const struct weir_sum *then = w->ports[i].role;
		uint64_t add[4] = { rates_grown(now[0].packets, then[0].packets),
				    rates_grown(now[0].bytes, then[0].bytes),
				    rates_grown(now[1].packets, then[1].packets),
				    rates_grown(now[1].bytes, then[1].bytes) };
		struct port_row key = { .iface = w->iface };
		bool fresh;

		if (!add[0] && !add[2])
			continue;
		key.service = port_key_of(i);
		n = rowset_find(&t->set, &key, &fresh);
		if (n == ROWSET_NONE || rates_add(&t->rates, n, add))
			return -ENOMEM;
		w->ports[i] = w->snapshot.ports[i];
	}
	return 0;
}

static int take_syn(struct table *t, uint8_t iface, const struct syn_sum *y)
{
	struct syn_row now, *row;
	uint64_t add[4];
	uint32_t n;
	bool fresh;

	syn_row_key(&now, y);
	now.iface = iface;
	n = rowset_find(&t->set, &now, &fresh);
	if (n == ROWSET_NONE)
		return -ENOMEM;
	row = rowset_row(&t->set, n);
	add[0] = rates_grown(y->syn, row->syn);
	add[1] = rates_grown(y->synack, row->synack);
	add[2] = rates_grown(y->rst, row->rst);
	add[3] = rates_grown(y->fin, row->fin);
	if (!(add[0] | add[1] | add[2] | add[3]))
		return 0;
	syn_row_of(&now, y);
	row->first_est = now.first_est;
	row->second_est = now.second_est;
	return rates_add(&t->rates, n, add);
}

static int take_syns(struct top_data *d, struct watched *w)
{
	const struct store *s = &w->snapshot.store;
	uint32_t i;
	int err = 0;

	for (i = 0; i < s->syn_count && !err; i++) {
		const struct syn_sum *y = &s->syns[i];
		bool source = (y->meta & WEIR_META_DIR) == WEIR_ROLE_SOURCE;

		err = take_syn(&d->table[source ? TABLE_SYN_SOURCES : TABLE_SYN_TARGETS], w->iface,
			       y);
	}
	return err;
}

static int take_sizes(struct top_data *d, struct watched *w)
{
	const struct totals *t = &w->snapshot.totals;
	struct table *sizes = &d->table[TABLE_SIZES];
	uint64_t packets[SIZE_ROWS] = { 0 };
	uint32_t i, first = (w->iface - 1U) * SIZE_ROWS;
	int err = 0;

	for (i = 0; i < WEIR_SIZE_BUCKETS; i++)
		packets[size_row_of(i)] += t->size[i];
	for (i = 0; i < SIZE_ROWS && !err; i++) {
		const struct size_row *row = rowset_row(&sizes->set, first + i);
		uint64_t add[4] = { rates_grown(packets[i], row->frames.packets) };

		if (add[0])
			err = rates_add(&sizes->rates, first + i, add);
	}
	return err;
}

/*
 * Every frame seen, but for those that came while the tables were read: flows have these in the
 * next frame, and a rate is of one and the same time.
 */
static int take_seen(struct top_data *d, struct watched *w)
{
	const struct ledger *l = &w->snapshot.ledger;
	const struct total_row *row = top_data_total(d, w->iface, true);
	uint64_t late = rates_grown(l->ip.packets, l->in_flows.packets + l->unattributed.packets);
	uint64_t late_bytes = rates_grown(l->ip.bytes, l->in_flows.bytes + l->unattributed.bytes);
	uint64_t add[4] = { rates_grown(l->seen.packets, row->sent.packets + late),
			    rates_grown(l->seen.bytes, row->sent.bytes + late_bytes) };

	return add_total(d, w->iface, true, add);
}

static int take_all(struct top_data *d, struct watched *w)
{
	uint64_t total[4] = { 0 };
	int err = top_data_take_flows(d, w, total);

	if (!err)
		err = add_total(d, w->iface, false, total);
	if (!err)
		err = take_ports(d, w);
	if (!err)
		err = take_syns(d, w);
	if (!err)
		err = take_sizes(d, w);
	return err ? err : take_seen(d, w);
}

int top_data_frame(struct top_data *d)
{
	uint64_t ns = clock_ns(CLOCK_BOOTTIME);
	int i, err = 0;

	snapshot_sum_begin(&d->sum);
	for (i = 0; i < d->count && !err; i++) {
		err = live_read(d->watched[i].live, &d->watched[i].snapshot);
		snapshot_sum_add(&d->sum, &d->watched[i].snapshot);
	}
	if (err)
		return err;
	begin_all(d, ns);
	for (i = 0; i < d->count && !err; i++)
		err = take_all(d, &d->watched[i]);
	end_all(d);
	top_data_let_go(d);
	return err;
}

const struct total_row *top_data_total(const struct top_data *d, int iface, bool seen)
{
	return rowset_row(&d->totals, 2U * (uint32_t)iface + seen);
}

const struct snapshot *top_data_snapshot(const struct top_data *d, int iface)
{
	return iface ? &d->watched[iface - 1].snapshot : &d->sum;
}
