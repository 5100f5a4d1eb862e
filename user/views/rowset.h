/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows found by their first bytes, their key: an array and a hash index over it.
 *
 * A row keeps its number until it is dropped; the number may then be another's. Pointers to rows
 * are good until the next row is added. Keys come from the network: the hash is seeded.
 */
#ifndef WEIR_ROWSET_H
#define WEIR_ROWSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWSET_NONE UINT32_MAX

#define ROW_USED 1 /* the other bits of a state are the user's, 0 for a new row */

struct rowset {
	unsigned char *rows;
	uint8_t *state;
	size_t stride;	 /* bytes of a row */
	size_t key_size; /* a multiple of 4 */
	uint32_t count;	 /* rows there ever were: numbers are below it */
	uint32_t used;
	uint32_t room;
	uint32_t *spare;
	uint32_t spares, spare_room;
	uint64_t *slots; /* hash << 32 | number + 1, 0 for none */
	uint32_t mask;
	uint64_t seed;
};

void rowset_init(struct rowset *s, size_t stride, size_t key_size);
void rowset_free(struct rowset *s);
/*
 * Makes room for so many rows in all, on huge pages if there are many, and as many again, for to
 * move is to lose those pages: what is not written takes no memory. False: there is none.
 */
bool rowset_expect(struct rowset *s, uint32_t rows);
/* Empties it. */
void rowset_clear(struct rowset *s);
/* The row with this key, or ROWSET_NONE. */
uint32_t rowset_look(const struct rowset *s, const void *key);
/* The same, made of the key and zeros where there is none (*fresh). ROWSET_NONE: no memory. */
uint32_t rowset_find(struct rowset *s, const void *key, bool *fresh);
/* Ask memory for what rowset_find() will look at: first its slot, later its row. */
void rowset_ask(const struct rowset *s, const void *key);
void rowset_ask_row(const struct rowset *s, const void *key);
/* And for all of a row. */
void rowset_ask_whole(const struct rowset *s, uint32_t number);
/* Whether a number is that of the row with this key: quicker than to look, for who can guess. */
bool rowset_is(const struct rowset *s, uint32_t number, const void *key);
/* Drops all rows that `drop` wants gone, and their numbers; how many there were. */
uint32_t rowset_drop(struct rowset *s, bool (*drop)(const void *row, void *arg), void *arg);

static inline void *rowset_row(const struct rowset *s, uint32_t number)
{
	return s->rows + (size_t)number * s->stride;
}

/* 64 well mixed bits of a key of a multiple of 4 bytes. */
uint64_t rowset_hash(const void *key, size_t size, uint64_t seed);

#endif
