// SPDX-License-Identifier: GPL-2.0
/*
 * A hash of the records that have no other direction yet. ICMP has no reverse (its ports are type
 * and code), and neither have fragments without ports between the same two hosts more than one.
 */
#include <stdlib.h>
#include <string.h>

#include "sinks/ipfix_biflow.h"

/* The same for both directions. */
static uint64_t hash_of(const struct flow_record *r)
{
	uint64_t h = r->src.bytes[0] + r->dst.bytes[0];

	h = h * 0x9e3779b97f4a7c15 + (r->src.bytes[1] + r->dst.bytes[1]);
	h = h * 0x9e3779b97f4a7c15 + ((uint64_t)r->sport + r->dport + ((uint64_t)r->proto << 32));
	h *= 0x9e3779b97f4a7c15;
	return h ^ h >> 32;
}

static bool same_addr(const struct addr *a, const struct addr *b)
{
	return a->bytes[0] == b->bytes[0] && a->bytes[1] == b->bytes[1] && a->ipv6 == b->ipv6;
}

static bool reversed(const struct flow_record *a, const struct flow_record *b)
{
	return a->sport == b->dport && a->dport == b->sport && a->proto == b->proto &&
	       same_addr(&a->src, &b->dst) && same_addr(&a->dst, &b->src);
}

/* `slot` holds record numbers + 1. One that has found its pair stays, so that others are found. */
static void place(const struct batch *b, uint32_t i, uint32_t *slot, uint64_t mask, uint32_t *mate)
{
	uint64_t at = hash_of(&b->record[i]) & mask;

	for (; slot[at]; at = (at + 1) & mask) {
		uint32_t j = slot[at] - 1;

		if (mate[j] == BIFLOW_NONE && reversed(&b->record[i], &b->record[j])) {
			mate[i] = j;
			mate[j] = i;
			slot[at] = i + 1; /* its place is as good, and now it is passed over */
			return;
		}
	}
	slot[at] = i + 1;
}

uint32_t *biflow_pair(const struct batch *b)
{
	uint64_t slots = 16;
	uint32_t *mate, *slot, i;

	while (slots < (uint64_t)b->count * 2)
		slots *= 2;
	mate = malloc((b->count + 1UL) * sizeof(*mate));
	slot = calloc(slots, sizeof(*slot));
	if (mate && slot) {
		memset(mate, 0xff, b->count * sizeof(*mate));
		for (i = 0; i < b->count; i++)
			place(b, i, slot, slots - 1, mate);
	} else {
		free(mate);
		mate = NULL;
	}
	free(slot);
	return mate;
}

bool biflow_ahead(const struct batch *b, uint32_t i, uint32_t mate)
{
	uint64_t mine = b->record[i].first, other = b->record[mate].first;

	return mine < other || (mine == other && i < mate);
}
