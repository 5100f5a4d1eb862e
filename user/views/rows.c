/* SPDX-License-Identifier: GPL-2.0 */
/* Conversations, frame sizes, the sum of flows, and the keys of rows; see rows.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include "views/rows.h"
#include "views/rowset.h"

#define AT(row, member) offsetof(struct row, member)

/* The same conversation from its other end. */
static void turn_key(struct conv_row *key)
{
	struct addr addr = key->host;
	struct service port = key->host_port;

	key->host = key->peer;
	key->peer = addr;
	key->host_port = key->peer_port;
	key->peer_port = port;
}

/* As seen from the end on this side of the interface. Whether the flow is what the peer sent. */
static bool key_of(const struct flow_sum *f, struct conv_row *key)
{
	const struct weir_flow *k = (const struct weir_flow *)f;
	bool icmp = k->proto == WEIR_P_ICMP || k->proto == WEIR_P_ICMPV6;
	bool from_peer = (k->meta & WEIR_META_DIR) == WEIR_DIR_INGRESS;

	memset(key, 0, AT(conv_row, sent));
	memcpy(key->host.bytes, f->src, sizeof(f->src));
	memcpy(key->peer.bytes, f->dst, sizeof(f->dst));
	key->host.ipv6 = key->peer.ipv6 = k->meta & WEIR_META_IPV6;
	key->host_port.proto = key->peer_port.proto = key->proto = k->proto;
	/* What weir has of ICMP is type and code: no ports, and not the same both ways. */
	if (!icmp) {
		key->host_port.port = ntohs(k->sport);
		key->peer_port.port = ntohs(k->dport);
	}
	if (from_peer)
		turn_key(key);
	return from_peer;
}

uint32_t conv_find(struct rowset *set, const struct flow_sum *f, uint8_t iface, bool *from_peer)
{
	struct conv_row key;
	uint32_t number;
	bool fresh;

	*from_peer = key_of(f, &key);
	key.iface = iface;
	number = rowset_look(set, &key);
	if (number != ROWSET_NONE)
		return number;
	turn_key(&key);
	number = rowset_look(set, &key);
	if (number != ROWSET_NONE) {
		*from_peer = !*from_peer;
		return number;
	}
	turn_key(&key);
	return rowset_find(set, &key, &fresh);
}

static void add_flow(struct conv_row *row, const struct flow_sum *f, bool from_peer,
		     int64_t clock_step)
{
	const uint64_t first = f->first + (uint64_t)clock_step;
	const uint64_t last = f->last + (uint64_t)clock_step;
	struct weir_sum *sum = from_peer ? &row->received : &row->sent;

	sum->packets += f->packets;
	sum->bytes += f->bytes;
	if (!row->first || first < row->first)
		row->first = first;
	if (last > row->last)
		row->last = last;
	row->tcp_flags |= f->tcp_flags;
}

int64_t conversations_make(const struct snapshot *s, void **out)
{
	struct rowset set;
	uint32_t i;

	rowset_init(&set, sizeof(struct conv_row), AT(conv_row, sent));
	for (i = 0; i < s->store.flow_count; i++) {
		const struct flow_sum *f = &s->store.flows[i];
		bool from_peer;
		uint32_t n = conv_find(&set, f, 0, &from_peer);

		if (n == ROWSET_NONE) {
			rowset_free(&set);
			return -ENOMEM;
		}
		add_flow(rowset_row(&set, n), f, from_peer, s->clock_step);
	}
	*out = set.rows;
	set.rows = NULL;
	i = set.count;
	rowset_free(&set);
	return i;
}

void flows_sum(const struct snapshot *s, void *to)
{
	struct flow_row *row = to;
	uint32_t i;

	for (i = 0; i < s->store.flow_count; i++) {
		row->packets += s->store.flows[i].packets;
		row->bytes += s->store.flows[i].bytes;
		row->ip_bytes += s->store.flows[i].ip_bytes;
	}
}

struct service port_key_of(uint32_t index)
{
	static const uint8_t protos[WEIR_PORT_PROTOS] = { WEIR_P_TCP, WEIR_P_UDP, WEIR_P_SCTP };
	struct service key;

	memset(&key, 0, sizeof(key));
	key.port = (uint16_t)index;
	key.proto = protos[index >> 16];
	return key;
}

/* 0 to 63, and then twice as far each time. */
uint32_t size_row_of(uint32_t bucket)
{
	uint32_t row = 0;

	for (; bucket; bucket >>= 1)
		row++;
	return row < SIZE_ROWS ? row : SIZE_ROWS - 1;
}

void size_row_init(struct size_row *row, uint32_t number)
{
	memset(row, 0, sizeof(*row));
	row->from = number ? 64ULL << (number - 1) : 0;
	row->to = number == SIZE_ROWS - 1 ? 65535 : (64ULL << number) - 1;
}

int64_t sizes_make(const struct snapshot *s, void **out)
{
	struct size_row *rows = calloc(SIZE_ROWS, sizeof(*rows));
	uint32_t i;

	if (!rows)
		return -ENOMEM;
	*out = rows;
	for (i = 0; i < SIZE_ROWS; i++)
		size_row_init(&rows[i], i);
	for (i = 0; i < WEIR_SIZE_BUCKETS; i++)
		rows[size_row_of(i)].frames.packets += s->totals.size[i];
	return SIZE_ROWS;
}
