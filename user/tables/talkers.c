/* SPDX-License-Identifier: GPL-2.0 */
/* Who sent most; see talkers.h. */
#include <stdlib.h>
#include <string.h>

#include "tables/talkers.h"

struct host {
	uint64_t key[3]; /* the address, and whether it is IPv6 */
	struct weir_sum sent;
};

void talkers_init(struct talkers *t)
{
	*t = (struct talkers){ 0 };
	rowset_init(&t->hosts, sizeof(struct host), sizeof(((struct host *)0)->key));
}

void talkers_free(struct talkers *t)
{
	rowset_free(&t->hosts);
}

static void sum_add(struct weir_sum *to, struct weir_sum more)
{
	to->packets += more.packets;
	to->bytes += more.bytes;
}

void talkers_add(struct talkers *t, const struct addr *from, struct weir_sum sent)
{
	/* The first row is that of all there was no memory for. */
	static const uint64_t nobody[3] = { 0, 0, 2 };
	uint64_t key[3] = { from->bytes[0], from->bytes[1], from->ipv6 };
	bool fresh;
	uint32_t n;

	if (!t->hosts.count && rowset_find(&t->hosts, nobody, &fresh) == ROWSET_NONE)
		return;
	n = rowset_find(&t->hosts, key, &fresh);
	sum_add(&((struct host *)rowset_row(&t->hosts, n == ROWSET_NONE ? 0 : n))->sent, sent);
}

/* Puts a host among the largest, and what falls out of them among the others. */
static void place(struct talkers *t, const struct host *h, uint32_t most)
{
	uint32_t at = t->count;

	if (h->key[2] == 2 || !most || (at == most && h->sent.bytes <= t->top[at - 1].sent.bytes)) {
		sum_add(&t->other, h->sent);
		return;
	}
	if (at == most)
		sum_add(&t->other, t->top[--at].sent);
	else
		t->count++;
	for (; at > 0 && t->top[at - 1].sent.bytes < h->sent.bytes; at--)
		t->top[at] = t->top[at - 1];
	t->top[at] = (struct talker){ { { h->key[0], h->key[1] }, h->key[2] == 1 }, h->sent };
}

void talkers_turn(struct talkers *t, uint32_t most, uint64_t now)
{
	uint32_t i;

	if (t->begun && now - t->begun < TALKERS_WINDOW)
		return;
	t->count = 0;
	t->other = (struct weir_sum){ 0 };
	for (i = 0; i < t->hosts.count; i++)
		place(t, rowset_row(&t->hosts, i), most < TALKERS_MOST ? most : TALKERS_MOST);
	rowset_clear(&t->hosts);
	t->begun = now;
}
