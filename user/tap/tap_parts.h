/* SPDX-License-Identifier: GPL-2.0 */
/* A tap from within, for tap*.c; see tap.h. */
#ifndef WEIR_TAP_PARTS_H
#define WEIR_TAP_PARTS_H

#include "filter/filter.h"
#include "tap/tap.h"
#include "tap/tap_owner.h"
#include "tap/tap_ring.h"

#define RINGS_MAX 32

#define fail(l, ...) (snprintf((l)->why, WHY_SIZE, __VA_ARGS__), (void)0)

struct tap {
	struct live *live;
	struct tap_bpf *skel;
	struct tap_owner owner;
	struct weir_tap_cpu *counts;
	uint32_t cpus;
	uint32_t number; /* which of the interface's taps */
	bool in_place;
	bool pinned;
	double rate;
	struct tap_ring ring[RINGS_MAX];
	uint32_t rings;
	uint64_t taken; /* bytes of rings, by the last tap_read() */
	uint64_t looked_ns;
	int64_t clock_offset; /* what makes ns since boot ns since the epoch */
	unsigned char tagged[WEIR_TAP_SNAPLEN + 4]; /* a packet with its tag put back */
};

/* tap_place.c; under live_lock(). A number that is free, after what is abandoned was removed. */
int tap_find_room(struct tap *t);
/* Pins it and lets packets in, of both directions; `f` NULL: all. */
int tap_put_in_place(struct tap *t, const struct filter *f);
/* Weir may have been detached and attached meanwhile: then what is pinned there is not ours. */
bool tap_is_ours(const struct tap *t);

#endif
