/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sums of ports in a reader's snapshots. What ended flows add up to changes only as a flow
 * ends: where none has, it is not read again, and of a snapshot that is filled once more only those
 * sums are made anew to which live flows had been added.
 */
#ifndef WEIR_TABLES_PORTS_H
#define WEIR_TABLES_PORTS_H

#include "tables/cells.h"
#include "tables/tables.h"

struct kept_ports {
	struct weir_port *ended; /* of `count` flows, if `kept` */
	__u64 count;		 /* flows that had ended at the last look; UINT64_MAX: none yet */
	bool kept;
	__u64 live[CELLS_BLOCKS / 64]; /* what was added to since; see struct port_sums */
};

/*
 * Makes `to`, WEIR_PORTS of them, what the ended flows of the tables add up to. `same`: it is what
 * it was made last time, and what was added to it since is marked in `live`.
 */
void ports_begin(struct kept_ports *k, const struct tables *t, struct weir_port *to, bool same);
void ports_free(struct kept_ports *k);

#endif
