/* SPDX-License-Identifier: GPL-2.0 */
/* The interfaces that one command looks at, together: as attached, or held by the command alone. */
#ifndef WEIR_LIVES_H
#define WEIR_LIVES_H

#include "cmd.h"
#include "net/links.h"

#define OVERLAPS_MAX 64

struct lives {
	struct live *live; /* in the order they were named */
	bool held[INTERFACES_MAX];
	int count;
	struct overlap overlaps[OVERLAPS_MAX];
	int overlap_count;
};

/* All of cfg->interfaces, or none: EXIT_OK, or EXIT_FAILED having said why. */
int lives_open(struct lives *all, const struct config *cfg);
void lives_close(struct lives *all);
/* Whether any of them is held by this command. */
bool lives_held(const struct lives *all);
/* config_tell_unused() of those that are attached. */
void lives_tell_unused(const struct lives *all, const struct config *cfg, bool duration);
/* Which of them is no longer counted, and why, in words: NULL for none. Good until the next call.
 */
const char *lives_gone(const struct lives *all);
/* Takes in what was ended since the last call. 0 or -ENOMEM. */
int lives_drain(struct lives *all);
/* Sleeps as wait_or_stop(), taking in what is ended meanwhile. */
bool lives_wait(struct lives *all, double seconds);
/* Prints one answer about all of them. EXIT_OK or EXIT_FAILED. */
int lives_print(struct lives *all, const struct config *cfg, const struct selection *sel);

#endif
