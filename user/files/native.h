/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data path on plain memory: what the kernel programs do, done in this process to frames
 * of a capture file. A partition for each of the plan's CPUs, each for one thread at a time;
 * times kept in ns beside the records.
 */
#ifndef WEIR_NATIVE_H
#define WEIR_NATIVE_H

#include "tables/tables.h"

struct native;

/* A frame of `captured` bytes at `data`, `length` on the wire, seen at `ns` since the epoch. */
struct frame {
	const unsigned char *data;
	uint32_t captured;
	uint32_t length;
	uint64_t ns;
};

/* Makes tables of the size of `plan`. NULL where memory is short. */
struct native *native_new(const struct plan *plan, uint64_t seed);
void native_free(struct native *n);
struct tables *native_tables(struct native *n);

/*
 * Counts a frame of a capture file, of link type `link` (enum weir_link), in the first partition.
 * What was captured is no more than its length.
 */
void native_count_frame(struct native *n, const struct frame *frame, uint8_t link);
/* The same for any frame. */
void native_count(struct native *n, const void *data, uint32_t captured, uint32_t length,
		  uint64_t ns, uint8_t link, uint8_t dir);
/* The same for a packet that is yet to be segmented (`size` bytes of L4 payload each). */
void native_count_gso(struct native *n, const void *data, uint32_t captured, uint32_t length,
		      uint64_t ns, uint8_t link, uint8_t dir, uint32_t segments, uint32_t size);
/* Counts a frame that a filter keeps out, in the first partition too. */
void native_filtered(struct native *n, uint32_t length, uint8_t dir);
/* Most frames to count between two drains: no ring is overwritten in that many. */
uint32_t native_frames_safe(const struct native *n);
/* Commits what is staged: for the end of a file. */
void native_flush(struct native *n);
/* Hands over the sums of ports, when all is counted: the caller frees them as a table. */
struct weir_port *native_take_ports(struct native *n);

#endif
