/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lanes hold, made one snapshot. Nobody counts meanwhile, so the tables are read where they
 * lie. All lanes hash alike: a flow is in the same set of each, so the tables are walked in step
 * and a set's few records are held against each other; only those of a set of which something was
 * ended are looked up. Ranges of sets have nothing to do with each other: threads share the walk.
 */
#ifndef WEIR_GATHER_H
#define WEIR_GATHER_H

#include "files/lane.h"
#include "tables/reader.h"

/*
 * Fills in `s`, which is to be freed. The last that is done with the lanes: what they have is added
 * up where it lies, and the ports go with `s`. 0 or a negative errno.
 */
int gather(struct lanes *l, struct snapshot *s);

#endif
