/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts of the daemon's own that outlast it, as the kernel's tables do: a counter that a restart
 * sets back would look as if nothing had been counted. A file under /run (or systemd's
 * RuntimeDirectory), mapped, for as long as the interface stays attached.
 *
 * One daemon of an interface has the file; what is there beside it counts from its own start.
 */
#ifndef WEIR_KEPT_H
#define WEIR_KEPT_H

#include "export/feed.h"
#include "attach/live.h"

struct kept_counts {
	uint64_t records;
	struct weir_sum exported;
	struct weir_sum gone;
	struct handshakes handshakes;
};

struct kept {
	struct kept_counts *counts; /* never NULL once open */
	struct kept_counts own;	    /* where there is no file */
	void *mapped;
	int fd;
};

/* By interface and the time it was attached; held ones have no file. */
void kept_open(struct kept *k, const struct live *l);
void kept_close(struct kept *k);

#endif
