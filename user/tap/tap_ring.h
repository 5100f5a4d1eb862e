/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rings of a tap, read in the order of time. libbpf's reader gives one ring after the other:
 * here several are merged, and what a reader may do with a record is see it once.
 */
#ifndef WEIR_TAP_RING_H
#define WEIR_TAP_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/tap.h>

struct tap_ring {
	int fd; /* of a BPF_MAP_TYPE_RINGBUF */
	size_t size;
	void *control;		      /* the consumer's page, ours to write */
	void *produced;		      /* the producer's page, then the data, twice in a row */
	uint64_t position;	      /* up to here all was taken */
	uint64_t given_back;	      /* up to here the kernel knows */
	struct weir_tap_record *head; /* the record at `position`, NULL: none, or not looked for */
};

/* `size` bytes, a power of two of pages. 0 or a negative errno. */
int tap_ring_open(struct tap_ring *r, size_t size);
void tap_ring_close(struct tap_ring *r);
/* The oldest record, or NULL where there is none that is finished. */
struct weir_tap_record *tap_ring_peek(struct tap_ring *r);
/* Done with it. Its bytes may be overwritten soon. */
void tap_ring_pop(struct tap_ring *r);
/* Lets the kernel have all that was taken. */
void tap_ring_give_back(struct tap_ring *r);

#endif
