/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of weir top that are summed up from conversations when they are looked at: hosts, and
 * conversations with parts of their key hidden. See top_data.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "top/top_data.h"
#include "views/view.h"

static void start_derived(struct top_data *d, enum table_id id, uint8_t hidden)
{
	struct table *t = &d->table[id];
	uint32_t i;

	if (d->derived == id && d->hidden == hidden) {
		for (i = 0; i < t->set.count; i++)
			memset((unsigned char *)rowset_row(&t->set, i) + t->view->key_size, 0,
			       t->set.stride - t->view->key_size);
		return;
	}
	rowset_clear(&t->set);
	d->derived = id;
	d->hidden = hidden;
	for (i = 0; i < d->part_room; i++)
		d->part[0][i] = d->part[1][i] = ROWSET_NONE;
}

static int part_room(struct top_data *d, uint32_t count)
{
	uint32_t more = count + count / 4 + 256, i, k;

	if (count <= d->part_room)
		return 0;
	for (k = 0; k < 2; k++) {
		uint32_t *p = reallocarray(d->part[k], more, sizeof(*p));

		if (!p)
			return -ENOMEM;
		d->part[k] = p;
		for (i = d->part_room; i < more; i++)
			p[i] = ROWSET_NONE;
	}
	d->part_room = more;
	return 0;
}

static void host_key(struct host_row *key, const struct addr *a, uint8_t iface)
{
	memset(key, 0, sizeof(*key));
	key->iface = iface;
	memcpy(key->addr.bytes, a->bytes, sizeof(a->bytes));
	key->addr.ipv6 = a->ipv6;
}

/* A conversation's key with zeros for what is hidden. */
static void group_key(struct conv_row *key, const struct conv_row *c, uint8_t hidden)
{
	memcpy(key, c, view_conversations.key_size);
	if (hidden & HIDE_HOST)
		memset(&key->host, 0, sizeof(key->host));
	if (hidden & HIDE_PEER)
		memset(&key->peer, 0, sizeof(key->peer));
	if (hidden & HIDE_HOST_PORT)
		memset(&key->host_port, 0, sizeof(key->host_port));
	if (hidden & HIDE_PEER_PORT)
		memset(&key->peer_port, 0, sizeof(key->peer_port));
	if ((hidden & HIDE_HOST_PORT) && (hidden & HIDE_PEER_PORT))
		key->proto = 0;
}

static int find_parts(struct top_data *d, struct table *t, uint32_t number,
		      const struct conv_row *c)
{
	struct conv_row group;
	struct host_row host;
	bool fresh;

	if (t->view == &view_hosts) {
		host_key(&host, &c->host, c->iface);
		d->part[0][number] = rowset_find(&t->set, &host, &fresh);
		host_key(&host, &c->peer, c->iface);
		d->part[1][number] = rowset_find(&t->set, &host, &fresh);
		return d->part[1][number] == ROWSET_NONE ? -ENOMEM : 0;
	}
	group_key(&group, c, d->hidden);
	d->part[0][number] = rowset_find(&t->set, &group, &fresh);
	return d->part[0][number] == ROWSET_NONE ? -ENOMEM : 0;
}

/* Adds four counters, or four of each window; `turned` where the row is the peer's. */
static void add_four(uint64_t *to, const uint64_t *from, int turned)
{
	int i;

	for (i = 0; i < 4; i++)
		to[i] += from[i ^ (turned << 1)];
}

static void add_conversation(struct table *t, uint32_t number, const struct conv_row *c, int turned)
{
	unsigned char *row = rowset_row(&t->set, number);
	const struct windows *w = (const struct windows *)(c + 1);
	struct windows *to = (struct windows *)(row + t->view->row_size);
	int k;

	add_four((uint64_t *)(row + t->view->counters), (const uint64_t *)&c->sent, turned);
	for (k = 0; k < WINDOWS; k++)
		add_four(to->sum[k], w->sum[k], turned);
}

static void add_parts(struct top_data *d, struct table *t, uint32_t number,
		      const struct conv_row *c)
{
	uint32_t from = d->part[0][number], to = d->part[1][number];

	add_conversation(t, from, c, 0);
	if (t->view == &view_hosts) {
		add_conversation(t, to, c, 1);
		((struct host_row *)rowset_row(&t->set, from))->flows++;
		((struct host_row *)rowset_row(&t->set, to))->flows += from != to;
	} else {
		struct conv_row *group = rowset_row(&t->set, from);

		group->tcp_flags |= c->tcp_flags;
		if (c->last > group->last)
			group->last = c->last;
		if (!group->first || c->first < group->first)
			group->first = c->first;
	}
}

static int derive(struct top_data *d, struct table *t)
{
	const struct rowset *from = &d->table[TABLE_CONVERSATIONS].set;
	uint32_t i;

	for (i = 0; i < from->count; i++) {
		const struct conv_row *c = rowset_row(from, i);

		if (!(from->state[i] & ROW_USED))
			continue;
		if (d->part[0][i] == ROWSET_NONE && find_parts(d, t, i, c))
			return -ENOMEM;
		add_parts(d, t, i, c);
	}
	return 0;
}

struct table *top_data_table(struct top_data *d, enum table_id id, uint8_t hidden)
{
	if (id == TABLE_CONVERSATIONS && hidden)
		id = TABLE_GROUPS;
	if (id != TABLE_GROUPS)
		hidden = 0;
	if (id != TABLE_HOSTS && id != TABLE_GROUPS)
		return &d->table[id];
	if (d->derived == id && d->hidden == hidden && d->derived_ns == d->ns)
		return &d->table[id];
	if (part_room(d, d->table[TABLE_CONVERSATIONS].set.count))
		return NULL;
	start_derived(d, id, hidden);
	d->derived_ns = d->ns;
	return derive(d, &d->table[id]) ? NULL : &d->table[id];
}
