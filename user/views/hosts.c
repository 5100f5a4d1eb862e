/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each address sent and received, of all flows. Addresses lie in no order, so a flow's are
 * looked up in steps, a batch at a time: what one has to wait for is asked for while others are
 * dealt with. Addresses come from the network: the hash is seeded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "views/rows.h"

#define BATCH 32 /* flows */
#define SLOTS_LEAST 1024
#define SLOTS_FIRST_MOST (1U << 18) /* a huge page of them */
#define ROOM_FIRST_MOST (1U << 19)  /* rows: what is never touched costs nothing, growing does */

/* Open addressing, linear probing, at most half full. */
struct hosts {
	struct host_row *rows;
	uint64_t *slots; /* hash << 32 | number + 1, 0 for none */
	uint32_t count, room, mask;
	uint64_t key[3]; /* odd multipliers */
};

static inline uint32_t hash_of(const struct hosts *h, const uint64_t *addr, bool ipv6)
{
	uint64_t x = addr[0] * h->key[0] + addr[1] * h->key[1] + ipv6 * h->key[2];

	x ^= x >> 32;
	x *= 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(x >> 32);
}

static void put_slot(struct hosts *h, uint64_t slot)
{
	uint32_t i = (uint32_t)(slot >> 32) & h->mask;

	while (h->slots[i])
		i = (i + 1) & h->mask;
	h->slots[i] = slot;
}

/* `size` is a power of two. */
static int move_slots(struct hosts *h, uint32_t size)
{
	uint64_t *slots = table_alloc(size * sizeof(*slots)), *from = h->slots;
	uint32_t i, old = h->mask;

	if (!slots)
		return -ENOMEM;
	h->slots = slots;
	h->mask = size - 1;
	for (i = 0; from && i <= old; i++)
		if (from[i])
			put_slot(h, from[i]);
	table_free(from);
	return 0;
}

/* Addresses are fewer than flows as a rule. */
static int begin_slots(struct hosts *h, uint32_t flows)
{
	uint32_t size = SLOTS_LEAST;

	while (size < flows && size < SLOTS_FIRST_MOST)
		size *= 2;
	return move_slots(h, size);
}

static int grow_rows(struct hosts *h, uint32_t room)
{
	struct host_row *rows = table_grow(h->rows, room * sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	h->rows = rows;
	h->room = room;
	return 0;
}

/* For as many as there can be, if that is not too many. */
static int begin_rows(struct hosts *h, uint32_t flows)
{
	const uint64_t most = 2ULL * flows + 2 * BATCH;

	return grow_rows(h, most < ROOM_FIRST_MOST ? (uint32_t)most : ROOM_FIRST_MOST);
}

/* Makes room for all that a batch of flows may bring. */
static int make_room(struct hosts *h)
{
	const uint32_t need = h->count + 2 * BATCH;

	while (need > h->mask / 2)
		if (move_slots(h, (h->mask + 1) * 2))
			return -ENOMEM;
	return need <= h->room ? 0 : grow_rows(h, need * 2);
}

static inline bool is_host(const struct host_row *row, const uint64_t *addr, bool ipv6)
{
	return row->addr.bytes[0] == addr[0] && row->addr.bytes[1] == addr[1] &&
	       row->addr.ipv6 == ipv6;
}

/* The row of an address, made if need be: there is room. */
static inline struct host_row *host_of(struct hosts *h, const uint64_t *addr, bool ipv6,
				       uint32_t hash)
{
	struct host_row *row;
	uint32_t i;

	for (i = hash & h->mask; h->slots[i]; i = (i + 1) & h->mask) {
		row = &h->rows[(uint32_t)h->slots[i] - 1];
		if (h->slots[i] >> 32 == hash && is_host(row, addr, ipv6))
			return row;
	}
	row = &h->rows[h->count++];
	h->slots[i] = (uint64_t)hash << 32 | h->count;
	memset(row, 0, sizeof(*row));
	row->addr.bytes[0] = addr[0];
	row->addr.bytes[1] = addr[1];
	row->addr.ipv6 = ipv6;
	return row;
}

static inline bool is_ipv6(const struct flow_sum *f)
{
	return ((const struct weir_flow *)f)->meta & WEIR_META_IPV6;
}

static inline void add_flow(struct hosts *h, const struct flow_sum *f, const uint32_t *hash)
{
	bool self = f->src[0] == f->dst[0] && f->src[1] == f->dst[1];
	struct host_row *row = host_of(h, f->src, is_ipv6(f), hash[0]);

	row->sent.packets += f->packets;
	row->sent.bytes += f->bytes;
	row->flows++;
	row = host_of(h, f->dst, is_ipv6(f), hash[1]);
	row->received.packets += f->packets;
	row->received.bytes += f->bytes;
	row->flows += !self;
}

static inline void ask_row(const struct hosts *h, uint32_t hash)
{
	uint32_t number = (uint32_t)h->slots[hash & h->mask];
	const char *row = (const char *)&h->rows[number ? number - 1 : 0];

	__builtin_prefetch(row, 1);
	__builtin_prefetch(row + sizeof(struct host_row) - 1, 1);
}

static void add_batch(struct hosts *h, const struct flow_sum *f, uint32_t n)
{
	uint32_t hash[BATCH][2], i;

	for (i = 0; i < n; i++) {
		hash[i][0] = hash_of(h, f[i].src, is_ipv6(&f[i]));
		hash[i][1] = hash_of(h, f[i].dst, is_ipv6(&f[i]));
		__builtin_prefetch(&h->slots[hash[i][0] & h->mask]);
		__builtin_prefetch(&h->slots[hash[i][1] & h->mask]);
	}
	for (i = 0; i < n; i++) {
		ask_row(h, hash[i][0]);
		ask_row(h, hash[i][1]);
	}
	for (i = 0; i < n; i++)
		add_flow(h, &f[i], hash[i]);
}

static void make_key(struct hosts *h)
{
	int i;

	if (getrandom(h->key, sizeof(h->key), 0) != sizeof(h->key))
		for (i = 0; i < 3; i++)
			h->key[i] = (uintptr_t)h * (2U * (uint32_t)i + 3);
	for (i = 0; i < 3; i++)
		h->key[i] |= 1;
}

int64_t hosts_make(const struct snapshot *s, void **out)
{
	const uint32_t flows = s->store.flow_count;
	struct hosts h = { 0 };
	uint32_t i, n;
	int err = begin_slots(&h, flows);

	if (!err)
		err = begin_rows(&h, flows);
	make_key(&h);
	for (i = 0; i < flows && !err; i += n) {
		n = flows - i < BATCH ? flows - i : BATCH;
		err = make_room(&h);
		if (!err)
			add_batch(&h, &s->store.flows[i], n);
	}
	table_free(h.slots);
	if (err) {
		free(h.rows);
		return err;
	}
	*out = h.rows;
	return h.count;
}
