/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads a plain capture file with large read(2)s and counts its records where they lie in the
 * buffer, which is of a size that stays in the CPU's own cache.
 */
#ifndef WEIR_PLAIN_H
#define WEIR_PLAIN_H

#include "classic.h"
#include "reader.h"

struct plain {
	int fd; /* behind the file's header */
	struct classic format;
	struct native *native;
	struct reader *reader;

	uint64_t frames; /* counted, of this file */
	uint64_t first_ns, last_ns;
	/* What was read and not counted: the odd record's bytes, or the half one at the end. */
	unsigned char *left;
	size_t left_size;
	void *buffer;
};

/*
 * Counts all up to the first record that is not plain. 0 where nothing is left, 1 where something
 * is: `left`, and then what fd has still to give; or a negative errno.
 */
int plain_read(struct plain *p);
void plain_free(struct plain *p);

#endif
