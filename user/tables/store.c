/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sums by key; see store.h. Open addressing, linear probing from the place that the hash's high
 * bits name, at most 5/8 full. Records are added in batches, so that the cache misses of one do
 * not wait for those of the one before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tables/store.h"
#include "tables/table_use.h"
#include "tables/tables.h"

#define BATCH 32
#define FIRST_ROOM 256
#define FIRST_INDEX 1024

/* ---- the index ---- */

static uint32_t home_of(const struct index *x, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * x->size >> 32);
}

static void index_put(struct index *x, uint64_t slot)
{
	uint32_t i = home_of(x, (uint32_t)(slot >> 32));

	while (x->slots[i])
		i = (i + 1) & (x->size - 1);
	x->slots[i] = slot;
}

/* Makes it large enough for `entries`: what it holds moves in the order it lies in. */
static int index_room(struct index *x, uint64_t entries)
{
	struct index more = { .size = x->size ? x->size : FIRST_INDEX, .filled = x->filled };
	uint32_t i;

	while (entries * 8 > more.size * 5ULL)
		more.size *= 2;
	if (more.size == x->size)
		return 0;
	more.slots = table_alloc((size_t)more.size * sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (i = 0; i < x->size; i++)
		if (x->slots[i])
			index_put(&more, x->slots[i]);
	table_free(x->slots);
	*x = more;
	return 0;
}

/* One far too large is given back: it grows in no time. */
static void index_clear(struct index *x, bool shrink)
{
	if (shrink && x->size > FIRST_INDEX && x->filled < x->size / 16) {
		table_free(x->slots);
		*x = (struct index){ 0 };
	} else if (x->filled) {
		memset(x->slots, 0, x->size * sizeof(*x->slots));
		x->filled = 0;
	}
}

/* The slot's entry is on its way once the slot is there. */
static void ask_slot(const struct index *x, uint32_t hash)
{
	__builtin_prefetch(&x->slots[home_of(x, hash)], 1);
}

static void ask_entry(const struct index *x, uint32_t hash, const void *entries, size_t size)
{
	uint64_t slot = x->slots[home_of(x, hash)];
	const char *entry;

	if (!slot || slot >> 32 != hash)
		return;
	entry = (const char *)entries + ((uint32_t)slot - 1ULL) * size;
	__builtin_prefetch(entry, 1);
	__builtin_prefetch(entry + size - 1, 1);
}

static int grow(void **entries, uint32_t *room, uint64_t want, size_t size)
{
	uint64_t more = *room ? *room : FIRST_ROOM;
	void *p;

	if (want <= *room)
		return 0;
	while (more < want)
		more *= 2;
	if (more > UINT32_MAX / 4)
		return -ENOMEM;
	p = table_grow(*entries, more * size);
	if (!p)
		return -ENOMEM;
	*entries = p;
	*room = (uint32_t)more;
	return 0;
}

/* ---- flows ---- */

/* Those with ports have WEIR_META_PORTS in the tables; without it lie fragments and the rest. */
uint32_t store_hash(const struct store *s, const struct flow_sum *f)
{
	static const __u64 other[5] = { 0x9e3779b97f4a7c15ULL, 0x165667b19e3779f9ULL,
					0xc2b2ae3d27d4eb4fULL, 0x27d4eb2f165667c5ULL,
					0xd6e8feb86659fd93ULL };
	uint8_t proto = ((const struct weir_flow *)f)->proto;
	uint64_t tail = f->tail;

	if (f->tail & WEIR_TAIL_BOTH_PORTS && proto != WEIR_P_ICMP && proto != WEIR_P_ICMPV6)
		tail |= WEIR_TAIL_PORTS;
	return weir_hash(s->key[0] ? s->key : other, tail, (const __u64 *)f->src,
			 (const __u64 *)f->dst);
}

void store_add_to(struct store *s, struct flow_sum *to, const struct flow_sum *f)
{
	flow_sum_add(to, f);
	s->total.packets += f->packets;
	s->total.bytes += f->bytes;
}

int store_room(struct store *s, uint64_t flows)
{
	return grow((void **)&s->flows, &s->flow_room, flows, sizeof(*s->flows));
}

int store_expect(struct store *s, uint32_t flows, uint32_t syns)
{
	if (store_room(s, flows) || store_syn_room(s, syns) || index_room(&s->flow_index, flows) ||
	    index_room(&s->syn_index, syns))
		return -ENOMEM;
	return 0;
}

int store_peaks(struct store *s, uint64_t flows)
{
	const uint64_t blocks = (flows + STORE_BLOCK - 1) / STORE_BLOCK;

	if (grow((void **)&s->peaks, &s->peak_room, blocks, sizeof(*s->peaks)))
		return -ENOMEM;
	if (blocks)
		memset(s->peaks, 0, blocks * sizeof(*s->peaks));
	return 0;
}

int store_index(struct store *s)
{
	struct index *x = &s->flow_index;

	if (index_room(x, s->flow_count))
		return -ENOMEM;
	for (; x->filled < s->flow_count; x->filled++)
		index_put(x, (uint64_t)store_hash(s, &s->flows[x->filled]) << 32 | (x->filled + 1));
	return 0;
}

/* The slot of the flow, or the empty one where it belongs. `flows` are those the index is of. */
static uint32_t flow_probe(const struct index *x, const struct flow_sum *flows,
			   const struct flow_sum *f, uint32_t hash)
{
	uint32_t i;

	for (i = home_of(x, hash); x->slots[i]; i = (i + 1) & (x->size - 1))
		if (x->slots[i] >> 32 == hash && flow_same(&flows[(uint32_t)x->slots[i] - 1], f))
			break;
	return i;
}

uint32_t store_find_in(const struct store *s, const struct flow_sum *copy, const struct flow_sum *f,
		       uint32_t hash)
{
	return (uint32_t)s->flow_index.slots[flow_probe(&s->flow_index, copy, f, hash)] - 1;
}

uint32_t store_find(const struct store *s, const struct flow_sum *f, uint32_t hash)
{
	return store_find_in(s, s->flows, f, hash);
}

/* The least hash of a set; past the last one 2^32. */
static uint64_t first_hash(uint32_t set, uint32_t sets)
{
	return (((uint64_t)set << 32) + sets - 1) / sets;
}

uint32_t store_sets(const struct store *s, const struct flow_sum *copy, uint32_t sets,
		    uint32_t first)
{
	const struct index *x = &s->flow_index;
	const uint32_t some = sets - first < 32 ? sets - first : 32;
	uint32_t i, last, set, bits = 0;

	if (!x->filled)
		return 0;
	i = home_of(x, (uint32_t)first_hash(first, sets));
	last = home_of(x, (uint32_t)(first_hash(first + some, sets) - 1));
	/* Behind the last one's place may lie what found that taken. */
	for (; i <= last || x->slots[i & (x->size - 1)]; i++) {
		uint64_t slot = x->slots[i & (x->size - 1)];

		set = weir_set_of((uint32_t)(slot >> 32), sets) - first;
		if (!slot || set >= some)
			continue;
		bits |= 1U << set;
		__builtin_prefetch(&copy[(uint32_t)slot - 1], 1);
		__builtin_prefetch((const char *)&copy[(uint32_t)slot] - 1, 1);
	}
	return bits;
}

uint32_t store_next_large(const struct store *s, uint32_t number, uint64_t bytes)
{
	while (number < s->flow_count) {
		if (number < s->peaked && s->peaks[number / STORE_BLOCK] < bytes) {
			/* What lies behind the last peak may lie in its block. */
			number = number / STORE_BLOCK * STORE_BLOCK + STORE_BLOCK;
			number = number < s->peaked ? number : s->peaked;
			continue;
		}
		if (s->flows[number].bytes >= bytes)
			return number;
		number++;
	}
	return s->flow_count;
}

static void add_to_number(struct store *s, uint32_t number, const struct flow_sum *f)
{
	store_add_to(s, &s->flows[number], f);
	if (number < s->peaked && s->flows[number].bytes > s->peaks[number / STORE_BLOCK])
		s->peaks[number / STORE_BLOCK] = s->flows[number].bytes;
}

static void add_flow(struct store *s, const struct flow_sum *f, uint32_t hash)
{
	struct index *x = &s->flow_index;
	uint32_t i = flow_probe(x, s->flows, f, hash);

	if (x->slots[i]) {
		add_to_number(s, (uint32_t)x->slots[i] - 1, f);
		return;
	}
	if (s->limit && s->flow_count >= s->limit) {
		s->refused.packets += f->packets;
		s->refused.bytes += f->bytes;
		return;
	}
	s->flows[s->flow_count++] = *f;
	s->total.packets += f->packets;
	s->total.bytes += f->bytes;
	x->slots[i] = (uint64_t)hash << 32 | s->flow_count;
	x->filled = s->flow_count;
}

static void add_some_flows(struct store *s, const struct flow_sum *flows, uint32_t n)
{
	uint32_t hash[BATCH], i;

	for (i = 0; i < n; i++) {
		hash[i] = store_hash(s, &flows[i]);
		ask_slot(&s->flow_index, hash[i]);
	}
	for (i = 0; i < n; i++)
		ask_entry(&s->flow_index, hash[i], s->flows, sizeof(*s->flows));
	for (i = 0; i < n; i++)
		add_flow(s, &flows[i], hash[i]);
}

int store_add_flows(struct store *s, const struct flow_sum *flows, uint32_t n)
{
	uint32_t some;

	if (store_index(s) || index_room(&s->flow_index, (uint64_t)s->flow_count + n) ||
	    store_room(s, (uint64_t)s->flow_count + n))
		return -ENOMEM;
	for (; n; flows += some, n -= some) {
		some = n < BATCH ? n : BATCH;
		add_some_flows(s, flows, some);
	}
	return 0;
}

/* ---- SYN records ---- */

static uint32_t syn_hash(const struct syn_sum *s)
{
	return (uint32_t)weir_mix(s->addr[1] + s->addr[0] * 0x9e3779b97f4a7c15ULL +
				  (uint64_t)s->port * 0xc2b2ae3d27d4eb4fULL + s->meta);
}

void sketch_merge(uint8_t *to, const uint8_t *from)
{
	int i;

	for (i = 0; i < 32; i++) {
		uint8_t low = from[i] & 15, high = from[i] & 0xf0;

		if (low < (to[i] & 15))
			low = to[i] & 15;
		if (high < (to[i] & 0xf0))
			high = to[i] & 0xf0;
		to[i] = high | low;
	}
}

static bool is_source(const struct syn_sum *r)
{
	return (r->meta & WEIR_META_DIR) == WEIR_ROLE_SOURCE;
}

void syn_count_source(struct syn_count *to, const struct syn_sum *y)
{
	if (!is_source(y))
		return;
	to->syn += y->syn;
	to->synack += y->synack;
	to->rst += y->rst;
	to->fin += y->fin;
}

void syn_sum_add(struct syn_sum *to, const struct syn_sum *y)
{
	to->syn += y->syn;
	to->synack += y->synack;
	to->rst += y->rst;
	to->fin += y->fin;
	sketch_merge(to->sketch, y->sketch);
}

static void add_syn(struct store *s, const struct syn_sum *r, uint32_t hash)
{
	struct index *x = &s->syn_index;
	struct syn_sum *have;
	uint32_t i;

	for (i = home_of(x, hash); x->slots[i]; i = (i + 1) & (x->size - 1)) {
		have = &s->syns[(uint32_t)x->slots[i] - 1];
		if (x->slots[i] >> 32 != hash || !syn_sum_same(have, r))
			continue;
		syn_sum_add(have, r);
		syn_count_source(&s->syn_total, r);
		return;
	}
	if (s->limit && s->syn_count >= s->limit) {
		s->syn_refused += is_source(r) ? r->syn + r->synack + r->rst + r->fin : 0;
		return;
	}
	s->syns[s->syn_count++] = *r;
	syn_count_source(&s->syn_total, r);
	x->slots[i] = (uint64_t)hash << 32 | s->syn_count;
	x->filled = s->syn_count;
}

static void add_some_syns(struct store *s, const struct syn_sum *syns, uint32_t n)
{
	uint32_t hash[BATCH], i;

	for (i = 0; i < n; i++) {
		hash[i] = syn_hash(&syns[i]);
		ask_slot(&s->syn_index, hash[i]);
	}
	for (i = 0; i < n; i++)
		ask_entry(&s->syn_index, hash[i], s->syns, sizeof(*s->syns));
	for (i = 0; i < n; i++)
		add_syn(s, &syns[i], hash[i]);
}

int store_syn_room(struct store *s, uint64_t syns)
{
	return grow((void **)&s->syns, &s->syn_room, syns, sizeof(*s->syns));
}

int store_add_syns(struct store *s, const struct syn_sum *syns, uint32_t n)
{
	uint32_t some;

	if (index_room(&s->syn_index, (uint64_t)s->syn_count + n) ||
	    store_syn_room(s, (uint64_t)s->syn_count + n))
		return -ENOMEM;
	for (; n; syns += some, n -= some) {
		some = n < BATCH ? n : BATCH;
		add_some_syns(s, syns, some);
	}
	return 0;
}

int store_copy_syns(struct store *s, const struct store *from)
{
	const struct index *x = &from->syn_index;

	if (!from->syn_count)
		return 0;
	if (grow((void **)&s->syns, &s->syn_room, from->syn_count, sizeof(*s->syns)))
		return -ENOMEM;
	if (s->syn_index.size != x->size) {
		table_free(s->syn_index.slots);
		s->syn_index = (struct index){ .slots = table_alloc(x->size * sizeof(*x->slots)) };
		if (!s->syn_index.slots)
			return -ENOMEM;
		s->syn_index.size = x->size;
	}
	memcpy(s->syns, from->syns, from->syn_count * sizeof(*s->syns));
	memcpy(s->syn_index.slots, x->slots, x->size * sizeof(*x->slots));
	s->syn_index.filled = s->syn_count = from->syn_count;
	s->syn_total = from->syn_total;
	return 0;
}

int store_merge(struct store *to, const struct store *from)
{
	int err = from->flow_count ? store_add_flows(to, from->flows, from->flow_count) : 0;

	return err || !from->syn_count ? err : store_add_syns(to, from->syns, from->syn_count);
}

/* ---- records ---- */

struct flow_sum flow_sum_of(const struct weir_flow *r, uint64_t first, uint64_t last)
{
	struct flow_sum f = { 0 };

	flow_sum_set(&f, (const __u64 *)r, 0);
	f.first = first;
	f.last = last;
	return f;
}

struct syn_sum syn_sum_of(const struct weir_syn *r)
{
	struct syn_sum s = {
		.addr = { r->addr[0], r->addr[1] },
		.syn = r->syn,
		.synack = r->synack,
		.rst = r->rst,
		.fin = r->fin,
		.port = r->port,
		.meta = r->meta,
	};

	memcpy(s.sketch, r->sketch, sizeof(s.sketch));
	return s;
}

static void clear(struct store *s, bool shrink)
{
	s->flow_count = 0;
	s->syn_count = 0;
	s->peaked = 0;
	s->total = (struct weir_sum){ 0 };
	s->syn_total = (struct syn_count){ 0 };
	index_clear(&s->flow_index, shrink);
	index_clear(&s->syn_index, shrink);
}

void store_clear(struct store *s)
{
	clear(s, true);
}

void store_drop(struct store *s, uint32_t flows, uint32_t syns)
{
	const uint32_t flow_count = s->flow_count, syn_count = s->syn_count;
	uint32_t i;

	if (!flows && !syns)
		return;
	clear(s, flows == flow_count && syns == syn_count);
	/* Every entry moves towards the front, and there is room for it. */
	for (i = flows; i < flow_count; i++) {
		struct flow_sum f = s->flows[i];

		add_flow(s, &f, store_hash(s, &f));
	}
	for (i = syns; i < syn_count; i++) {
		struct syn_sum y = s->syns[i];

		add_syn(s, &y, syn_hash(&y));
	}
}

void store_free(struct store *s)
{
	free(s->flows);
	free(s->syns);
	free(s->peaks);
	table_free(s->flow_index.slots);
	table_free(s->syn_index.slots);
	*s = (struct store){ 0 };
}
