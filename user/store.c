/* SPDX-License-Identifier: GPL-2.0 */
/* Sums by key; see store.h. Open addressing, linear probing, at most 5/8 full. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include <weir/sketch.h>
#include "store.h"

static int index_reset(struct index *x, uint32_t size)
{
	uint32_t *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(x->slots);
	x->slots = slots;
	x->mask = size - 1;
	return 0;
}

static void index_put(struct index *x, uint32_t hash, uint32_t entry)
{
	uint32_t i = hash & x->mask;

	while (x->slots[i])
		i = (i + 1) & x->mask;
	x->slots[i] = entry + 1;
}

static uint32_t flow_hash(const struct flow_sum *f)
{
	return (uint32_t)weir_mix(
		f->tail * 0x9e3779b97f4a7c15ULL + f->src[1] + f->dst[1] * 0xc2b2ae3d27d4eb4fULL +
		f->src[0] * 0x165667b19e3779f9ULL + f->dst[0] * 0xd6e8feb86659fd93ULL);
}

static uint32_t syn_hash(const struct syn_sum *s)
{
	return (uint32_t)weir_mix(s->addr[1] + s->addr[0] * 0x9e3779b97f4a7c15ULL +
				  (uint64_t)s->port * 0xc2b2ae3d27d4eb4fULL + s->meta);
}

static int flow_same(const struct flow_sum *a, const struct flow_sum *b)
{
	return a->tail == b->tail && a->src[1] == b->src[1] && a->dst[1] == b->dst[1] &&
	       a->src[0] == b->src[0] && a->dst[0] == b->dst[0];
}

static int syn_same(const struct syn_sum *a, const struct syn_sum *b)
{
	return a->addr[1] == b->addr[1] && a->addr[0] == b->addr[0] && a->port == b->port &&
	       a->meta == b->meta;
}

static int grow(void **entries, uint32_t *room, size_t size)
{
	uint32_t more = *room ? *room * 2 : 256;
	void *p = reallocarray(*entries, more, size);

	if (!p)
		return -ENOMEM;
	*entries = p;
	*room = more;
	return 0;
}

static int flow_room(struct store *s)
{
	uint32_t i;

	if (s->flow_count == s->flow_room &&
	    grow((void **)&s->flows, &s->flow_room, sizeof(*s->flows)))
		return -ENOMEM;
	if (s->flow_index.slots && (uint64_t)s->flow_count * 8 < (uint64_t)s->flow_index.mask * 5)
		return 0;
	if (index_reset(&s->flow_index, s->flow_index.slots ? (s->flow_index.mask + 1) * 2 : 1024))
		return -ENOMEM;
	for (i = 0; i < s->flow_count; i++)
		index_put(&s->flow_index, flow_hash(&s->flows[i]), i);
	return 0;
}

static int syn_room(struct store *s)
{
	uint32_t i;

	if (s->syn_count == s->syn_room && grow((void **)&s->syns, &s->syn_room, sizeof(*s->syns)))
		return -ENOMEM;
	if (s->syn_index.slots && (uint64_t)s->syn_count * 8 < (uint64_t)s->syn_index.mask * 5)
		return 0;
	if (index_reset(&s->syn_index, s->syn_index.slots ? (s->syn_index.mask + 1) * 2 : 1024))
		return -ENOMEM;
	for (i = 0; i < s->syn_count; i++)
		index_put(&s->syn_index, syn_hash(&s->syns[i]), i);
	return 0;
}

static void flow_merge(struct flow_sum *to, const struct flow_sum *f)
{
	to->packets += f->packets;
	to->bytes += f->bytes;
	to->ip_bytes += f->ip_bytes;
	to->tcp_flags |= f->tcp_flags;
	if (f->first < to->first)
		to->first = f->first;
	if (f->last > to->last)
		to->last = f->last;
}

int store_add_flow(struct store *s, const struct flow_sum *f)
{
	uint32_t hash = flow_hash(f), i;

	if (flow_room(s))
		return -ENOMEM;
	for (i = hash & s->flow_index.mask; s->flow_index.slots[i];
	     i = (i + 1) & s->flow_index.mask) {
		struct flow_sum *have = &s->flows[s->flow_index.slots[i] - 1];

		if (!flow_same(have, f))
			continue;
		flow_merge(have, f);
		goto added;
	}
	if (s->flow_limit && s->flow_count >= s->flow_limit)
		return -ENOSPC;
	s->flow_index.slots[i] = s->flow_count + 1;
	s->flows[s->flow_count++] = *f;
added:
	s->total.packets += f->packets;
	s->total.bytes += f->bytes;
	return 0;
}

static void sketch_merge(uint8_t *to, const uint8_t *from)
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

static void count_source(struct syn_count *c, const struct syn_sum *r)
{
	if ((r->meta & WEIR_META_DIR) != WEIR_ROLE_SOURCE)
		return;
	c->syn += r->syn;
	c->synack += r->synack;
	c->rst += r->rst;
	c->fin += r->fin;
}

int store_add_syn(struct store *s, const struct syn_sum *r)
{
	uint32_t hash = syn_hash(r), i;

	if (syn_room(s))
		return -ENOMEM;
	for (i = hash & s->syn_index.mask; s->syn_index.slots[i]; i = (i + 1) & s->syn_index.mask) {
		struct syn_sum *have = &s->syns[s->syn_index.slots[i] - 1];

		if (!syn_same(have, r))
			continue;
		have->syn += r->syn;
		have->synack += r->synack;
		have->rst += r->rst;
		have->fin += r->fin;
		sketch_merge(have->sketch, r->sketch);
		count_source(&s->syn_total, r);
		return 0;
	}
	if (s->flow_limit && s->syn_count >= s->flow_limit)
		return -ENOSPC;
	s->syn_index.slots[i] = s->syn_count + 1;
	s->syns[s->syn_count++] = *r;
	count_source(&s->syn_total, r);
	return 0;
}

int store_merge(struct store *to, const struct store *from)
{
	uint32_t i;
	int err;

	for (i = 0; i < from->flow_count; i++) {
		err = store_add_flow(to, &from->flows[i]);
		if (err)
			return err;
	}
	for (i = 0; i < from->syn_count; i++) {
		err = store_add_syn(to, &from->syns[i]);
		if (err)
			return err;
	}
	return 0;
}

struct flow_sum flow_sum_of(const struct weir_flow *r, uint64_t first, uint64_t last)
{
	struct flow_sum f = {
		.tail = weir_tail(0, r->proto, r->meta & ~WEIR_META_PORTS, 0),
		.src = { r->src[0], r->src[1] },
		.dst = { r->dst[0], r->dst[1] },
		.packets = r->packets,
		.bytes = r->bytes,
		.ip_bytes = r->bytes - (uint64_t)(int64_t)r->over,
		.first = first,
		.last = last,
		.tcp_flags = r->tcp_flags,
	};

	memcpy(&f.tail, &r->sport, 4);
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

void store_drop(struct store *s, uint32_t flows, uint32_t syns)
{
	const struct store left = *s;
	uint32_t i;

	store_clear(s);
	/* Every entry moves towards the front, and there is room for it. */
	for (i = flows; i < left.flow_count; i++) {
		struct flow_sum f = left.flows[i];

		store_add_flow(s, &f);
	}
	for (i = syns; i < left.syn_count; i++) {
		struct syn_sum y = left.syns[i];

		store_add_syn(s, &y);
	}
}

void store_clear(struct store *s)
{
	s->flow_count = 0;
	s->syn_count = 0;
	s->total = (struct weir_sum){ 0 };
	s->syn_total = (struct syn_count){ 0 };
	if (s->flow_index.slots)
		memset(s->flow_index.slots, 0, (s->flow_index.mask + 1ULL) * sizeof(uint32_t));
	if (s->syn_index.slots)
		memset(s->syn_index.slots, 0, (s->syn_index.mask + 1ULL) * sizeof(uint32_t));
}

void store_free(struct store *s)
{
	free(s->flows);
	free(s->syns);
	free(s->flow_index.slots);
	free(s->syn_index.slots);
	*s = (struct store){ 0 };
}
