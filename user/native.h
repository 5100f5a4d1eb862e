/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The data path on plain memory: what the kernel programs do, done in this process to frames
 * of a capture file. One partition, times kept in ns beside the records.
 */
#ifndef WEIR_NATIVE_H
#define WEIR_NATIVE_H

#include "tables.h"

struct native;

/* Makes tables of the size of `plan` (of one CPU). NULL where memory is short. */
struct native *native_new(const struct plan *plan, uint64_t seed);
void native_free(struct native *n);
struct tables *native_tables(struct native *n);

/*
 * Counts a frame of `captured` bytes at `data`, `length` on the wire, seen at `ns` since the
 * epoch, of link type `link` (enum weir_link).
 */
void native_count(struct native *n, const void *data, uint32_t captured, uint32_t length,
		  uint64_t ns, uint8_t link, uint8_t dir);
/* The same for a packet that is yet to be segmented (`size` bytes of L4 payload each). */
void native_count_gso(struct native *n, const void *data, uint32_t captured, uint32_t length,
		      uint64_t ns, uint8_t link, uint8_t dir, uint32_t segments, uint32_t size);
/* Counts a frame that a filter keeps out. */
void native_filtered(struct native *n, uint32_t length, uint8_t dir);
/* Commits what is staged: for the end of a file. */
void native_flush(struct native *n);

#endif
