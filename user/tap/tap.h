/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tap: copies of a watched interface's packets, all or one in so many at random, chosen in the
 * kernel. Counting goes on behind it, exact, whatever becomes of the copies: those for which the
 * ring has no room are counted and gone.
 *
 * On an attached interface several can be open at once, of several processes. What a killed one
 * leaves stops copying within two seconds and is removed by the next weir command.
 */
#ifndef WEIR_TAP_USER_H
#define WEIR_TAP_USER_H

#include <weir/tap.h>
#include "attach/live.h"
#include "packets/packet.h"

struct tap;

#define TAP_RING_BYTES (32U << 20)

struct tap_options {
	const char *filter;  /* pcap-filter expression, NULL or "" for none: what is eligible */
	uint32_t snaplen;    /* bytes copied of a packet; 0 or too many: WEIR_TAP_SNAPLEN */
	uint32_t sample;     /* one in so many, each by chance alone; 0 or 1: all */
	uint64_t ring_bytes; /* for all CPUs together, at least 1 MiB is taken; 0: TAP_RING_BYTES */
};

/*
 * Puts a tap in front of all that `l` does. *l stays the caller's, outlives the tap and has its
 * `why` set where this or tap_read() fails with a negative errno. A thread renews the lease.
 */
int tap_open(struct tap **to, struct live *l, const struct tap_options *o);
/*
 * Hands all copies that are there to `take`, in the order of their times. Never waits: call it
 * every TAP_READ_EVERY seconds, or at once after it took more than tap_is_busy() likes. A packet's
 * bytes are gone when `take` returns. How many there were, or what `take` returned if not 0, or a
 * negative errno: -ESTALE where weir was detached, -ENODEV where the interface is gone.
 */
int tap_read(struct tap *t, packet_take take, void *to);
#define TAP_READ_EVERY 0.01
/* Whether the last tap_read() took so much that the rings may be full soon. */
bool tap_is_busy(const struct tap *t);
/*
 * Takes it out of the packets' way and waits until no CPU is in it: tap_read() then gives what is
 * left, and tap_counts() are final.
 */
void tap_stop(struct tap *t);
/* Sums over CPUs since tap_open(), of one direction (WEIR_DIR_INGRESS, _EGRESS) or of both (0). */
struct weir_tap_counts tap_counts(const struct tap *t, uint8_t dir);
/* What is chosen at random of eligible packets: 1 in so many, exactly. 1 where all are. */
double tap_rate(const struct tap *t);
void tap_close(struct tap *t);

/* Whether there are taps whose readers are gone. */
bool tap_abandoned(const struct live *l);
/* Removes them, under live_lock(). The number of them. */
int tap_sweep(struct live *l);

#endif
