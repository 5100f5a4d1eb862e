/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who sent most in a window of time: so many addresses as asked for, and all others as one, so that
 * the sum is right. For metrics, where an address is a label only if somebody wanted it.
 */
#ifndef WEIR_TALKERS_H
#define WEIR_TALKERS_H

#include "views/rowset.h"
#include "views/view.h"

#define TALKERS_MOST 100
#define TALKERS_WINDOW 10000000000ULL /* ns */

struct talker {
	struct addr addr;
	struct weir_sum sent;
};

struct talkers {
	struct rowset hosts;
	uint64_t begun;			 /* ns: the window */
	struct talker top[TALKERS_MOST]; /* of the window that is over */
	uint32_t count;
	struct weir_sum other;
};

void talkers_init(struct talkers *t);
void talkers_free(struct talkers *t);
/* What an address has sent. Where memory is short it is one of the others. */
void talkers_add(struct talkers *t, const struct addr *from, struct weir_sum sent);
/* At `now`, if the window is over: the `most` largest are in `top`, and another begins. */
void talkers_turn(struct talkers *t, uint32_t most, uint64_t now);

#endif
