/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file mapped for threads that read it. Where somebody cuts it short meanwhile, what is gone
 * reads as zeros instead of ending the process, and is told of: one mapping at a time.
 */
#ifndef WEIR_MAPPING_H
#define WEIR_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mapping {
	const unsigned char *bytes;
	size_t size; /* 0 where there is none */
};

/* Maps the first `size` bytes. Whether it could. */
bool mapping_open(struct mapping *m, int fd, size_t size);
void mapping_close(struct mapping *m);
/* Gives back the pages of some bytes, which can still be read. */
void mapping_drop(const struct mapping *m, size_t at, size_t size);
/* The first byte that may have been read as a zero it was not; SIZE_MAX where none was. */
size_t mapping_lost(void);

/* How often this thread has waited, such as for pages that were not in memory. */
long mapping_waits(void);

#endif
