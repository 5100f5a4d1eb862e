/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose a tap is: the lease that its process renews, in a thread, so that one who waits for a full
 * disk or a slow pipe keeps it; and how another process tells that the owner is gone.
 */
#ifndef WEIR_TAP_OWNER_H
#define WEIR_TAP_OWNER_H

#include <pthread.h>
#include <stdbool.h>
#include <weir/tap.h>

struct tap_owner {
	struct weir_tap_lease *lease; /* in a map */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t end;
	bool running, ending;
};

/* This process takes the lease, and renews it from now on. 0 or a negative errno. */
int tap_owner_begin(struct tap_owner *o, struct weir_tap_lease *lease);
/* The lease ends at once. Nothing where it never began. */
void tap_owner_end(struct tap_owner *o);
/* Whether nobody will read this tap again. A process that is merely stopped will. */
bool tap_owner_is_gone(const struct weir_tap_lease *lease);
/* The clock of leases and records: ns since boot. */
uint64_t tap_clock(void);

#endif
