/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads a plain capture file in blocks and counts its records where they lie, in as many lanes as
 * there are. Where a record begins only the one before it says: so each lane reads blocks of its
 * own and counts what begins in them, but they look for the records in the order of the file, each
 * told by the one before where to begin. Looking is a tenth of the work. Nothing is guessed: what
 * is counted does not depend on the number of lanes.
 */
#ifndef WEIR_PLAIN_H
#define WEIR_PLAIN_H

#include "classic.h"
#include "lane.h"

struct plain {
	int fd; /* behind the file's header */
	struct classic format;
	struct lanes *lanes;

	uint64_t frames; /* counted, of this file */
	uint64_t first_ns, last_ns;
	/* What was read and not counted and cannot be read again. */
	unsigned char *left;
	size_t left_size;
	void *buffer; /* that it lies in */
};

/*
 * Counts all up to the first record that is not plain. 0 where nothing is left, 1 where something
 * is: `left`, and then what fd has still to give; or a negative errno.
 */
int plain_read(struct plain *p);
void plain_free(struct plain *p);

#endif
