/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts the records of a plain capture file where they lie, a block after the other, in as many
 * lanes as there are. Where a record begins only the one before it says: so each lane has blocks of
 * its own and counts what begins in them, but their records are listed in the order of the file,
 * each told by the one before where to begin. Most of the looking is done before, while the block
 * before is counted (scout.h). What is counted does not depend on the number of lanes, nor on what
 * was guessed.
 */
#ifndef WEIR_PLAIN_H
#define WEIR_PLAIN_H

#include "files/classic.h"
#include "files/lane.h"

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
 * is: `left`, and then what fd has still to give; or a negative errno: -ESTALE or -EIO where the
 * file was cut short, or could not be read, after its records were found and before they were
 * counted.
 */
int plain_read(struct plain *p);
void plain_free(struct plain *p);

#endif
