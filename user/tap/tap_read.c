/* SPDX-License-Identifier: GPL-2.0 */
/* Reading a tap: copies in the order of their times, and what was counted of them; see tap.h. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tap.skel.h"
#include "tap/tap_parts.h"

/* Records younger than this wait: another CPU may be about to finish an older one. */
#define SETTLED_NS 1000000
#define CLOCK_SET_NS 50000	    /* by as much the clock is set, or it is not */
#define LOOK_EVERY_NS 1000000000ULL /* whether weir is still attached */

/* Puts the tag where it is on the wire: behind the addresses. */
static void insert_tag(struct tap *t, const struct weir_tap_record *r, struct packet *p)
{
	const uint16_t tci = __builtin_bswap16(r->vlan_tci);

	if (p->link != WEIR_LINK_ETHERNET || p->frame.captured < 12)
		return;
	memcpy(t->tagged, p->frame.data, 12);
	memcpy(t->tagged + 12, &r->vlan_proto, 2);
	memcpy(t->tagged + 14, &tci, 2);
	memcpy(t->tagged + 16, p->frame.data + 12, p->frame.captured - 12);
	p->frame.data = t->tagged;
	if (p->frame.captured + 4 <= t->skel->rodata->tap_snaplen)
		p->frame.captured += 4;
}

static int hand_over(struct tap *t, const struct weir_tap_record *r, packet_take take, void *to)
{
	struct packet p = {
		.frame = { (const unsigned char *)(r + 1), r->captured, r->length,
			   r->ns + (uint64_t)t->clock_offset },
		.link = t->live->link,
		.dir = r->dir,
		.gso_segs = r->gso_segs,
	};

	if (r->vlan_proto)
		insert_tag(t, r, &p);
	return take(to, &p);
}

/* The ring whose oldest record is the oldest of all; *next_ns, how old the next ring's is. */
static struct tap_ring *oldest(struct tap *t, uint64_t *next_ns)
{
	struct tap_ring *best = NULL;
	uint32_t i;

	*next_ns = UINT64_MAX;
	for (i = 0; i < t->rings; i++) {
		const struct weir_tap_record *r = tap_ring_peek(&t->ring[i]);

		if (!r)
			continue;
		if (!best || r->ns < best->head->ns) {
			if (best)
				*next_ns = best->head->ns;
			best = &t->ring[i];
		} else if (r->ns < *next_ns) {
			*next_ns = r->ns;
		}
	}
	return best;
}

static int read_till(struct tap *t, uint64_t till, packet_take take, void *to)
{
	struct weir_tap_record *r;
	struct tap_ring *ring;
	uint64_t next;
	int n = 0, err;

	while ((ring = oldest(t, &next)) && ring->head->ns < till) {
		while ((r = tap_ring_peek(ring)) && r->ns <= next && r->ns < till) {
			err = hand_over(t, r, take, to);
			t->taken += sizeof(*r) + r->captured;
			tap_ring_pop(ring);
			if (err)
				return err;
			/* A ring that fills as fast as it is read must not keep us here. */
			if (++n == 1 << 20)
				return n;
		}
	}
	return n;
}

/* The clock may have been set: times are to grow from read to read all the same, but for that. */
static void note_clock(struct tap *t)
{
	t->clock_offset = clock_to_epoch(t->clock_offset, CLOCK_SET_NS);
}

static int look_around(struct tap *t)
{
	char name[IF_NAMESIZE];
	struct live *l = t->live;

	note_clock(t);
	if (!if_indextoname(l->iface.index, name)) {
		fail(l, "%s: the interface is gone", l->iface.name);
		return -ENODEV;
	}
	if (!tap_is_ours(t)) {
		fail(l, "%s: weir was detached meanwhile", l->iface.name);
		return -ESTALE;
	}
	return 0;
}

int tap_read(struct tap *t, packet_take take, void *to)
{
	uint64_t now = tap_clock();
	uint32_t i;
	int n;

	if (!t->clock_offset)
		note_clock(t);
	t->taken = 0;
	n = read_till(t, t->in_place ? now - SETTLED_NS : UINT64_MAX, take, to);
	for (i = 0; i < t->rings; i++)
		tap_ring_give_back(&t->ring[i]);
	if (n >= 0 && t->in_place && t->live->iface.index && now - t->looked_ns > LOOK_EVERY_NS) {
		int err = look_around(t);

		t->looked_ns = now;
		return err ? err : n;
	}
	return n;
}

bool tap_is_busy(const struct tap *t)
{
	return t->taken > t->ring[0].size / 16;
}

struct weir_tap_counts tap_counts(const struct tap *t, uint8_t dir)
{
	struct weir_tap_counts sum = { 0 };
	uint32_t i, way;

	for (i = 0; t->counts && i < t->cpus; i++)
		for (way = 0; way < 2; way++) {
			const struct weir_tap_counts *c =
				way ? &t->counts[i].egress : &t->counts[i].ingress;

			if (dir && dir != (way ? WEIR_DIR_EGRESS : WEIR_DIR_INGRESS))
				continue;
			sum.eligible += __atomic_load_n(&c->eligible, __ATOMIC_RELAXED);
			sum.copied += __atomic_load_n(&c->copied, __ATOMIC_RELAXED);
			sum.dropped += __atomic_load_n(&c->dropped, __ATOMIC_RELAXED);
		}
	return sum;
}

double tap_rate(const struct tap *t)
{
	return t->rate;
}
