/* SPDX-License-Identifier: GPL-2.0 */
/* How many ended flow records one core can take from a ring and add up, by the reader's own code.
 */
#ifndef WEIR_BENCH_DRAIN_H
#define WEIR_BENCH_DRAIN_H

/* Million records a second. */
struct drain_rate {
	double fresh; /* of flows not yet in the store */
	double known; /* of those that are */
	double live;  /* read from a table with room, into an empty store */
};

void drain_measure(struct drain_rate *rate, int rounds);
void drain_print(const struct drain_rate *rate, const char *dir);

#endif
