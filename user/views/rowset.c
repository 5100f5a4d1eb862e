/* SPDX-License-Identifier: GPL-2.0 */
/* Rows by key; see rowset.h. Open addressing, linear probing, at most half full. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tables/tables.h"
#include "views/rowset.h"

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

uint64_t rowset_hash(const void *key, size_t size, uint64_t seed)
{
	const unsigned char *at = key;
	uint64_t h = seed, word;

	for (; size >= 8; size -= 8, at += 8) {
		memcpy(&word, at, 8);
		h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
	}
	if (size) {
		uint32_t half;

		memcpy(&half, at, 4);
		h = (h ^ half) * 0x9e3779b97f4a7c15ULL;
	}
	return mix(h);
}

void rowset_init(struct rowset *s, size_t stride, size_t key_size)
{
	*s = (struct rowset){ .stride = stride, .key_size = key_size };
	if (getrandom(&s->seed, sizeof(s->seed), 0) != sizeof(s->seed))
		s->seed = (uintptr_t)s;
}

void rowset_free(struct rowset *s)
{
	free(s->rows);
	free(s->state);
	free(s->spare);
	table_free(s->slots);
	s->rows = NULL;
	s->state = NULL;
	s->spare = NULL;
	s->slots = NULL;
	s->count = s->used = s->room = s->spares = s->spare_room = s->mask = 0;
}

void rowset_clear(struct rowset *s)
{
	s->count = s->used = s->spares = 0;
	if (s->slots)
		memset(s->slots, 0, (s->mask + 1ULL) * sizeof(*s->slots));
}

static void put_slot(struct rowset *s, uint64_t slot)
{
	uint32_t i = (uint32_t)(slot >> 32) & s->mask;

	while (s->slots[i])
		i = (i + 1) & s->mask;
	s->slots[i] = slot;
}

static bool grow_index(struct rowset *s, uint64_t size)
{
	uint64_t *slots = table_alloc(size * sizeof(*slots)), *from = s->slots;
	uint32_t i, old = s->slots ? s->mask + 1 : 0;

	if (!slots)
		return false;
	s->slots = slots;
	s->mask = (uint32_t)(size - 1);
	for (i = 0; i < old; i++)
		if (from[i])
			put_slot(s, from[i]);
	table_free(from);
	return true;
}

static bool grow_rows(struct rowset *s, uint32_t room)
{
	void *p = table_grow(s->rows, room * s->stride);

	if (!p)
		return false;
	s->rows = p;
	p = realloc(s->state, room);
	if (!p)
		return false;
	s->state = p;
	s->room = room;
	return true;
}

bool rowset_expect(struct rowset *s, uint32_t rows)
{
	uint64_t size = s->slots ? s->mask + 1ULL : 128, least = size;

	while (size / 2 <= rows + 1ULL)
		size *= 2;
	if ((!s->slots || size > least) && !grow_index(s, size))
		return false;
	return rows <= s->room || grow_rows(s, rows < UINT32_MAX / 2 ? rows * 2 : rows);
}

static bool make_room(struct rowset *s)
{
	if (s->count == s->room && !s->spares &&
	    !grow_rows(s, s->room ? s->room + s->room / 2 : 64))
		return false;
	if (s->slots && s->used < s->mask / 2)
		return true;
	return grow_index(s, s->slots ? (s->mask + 1ULL) * 2 : 128);
}

static uint64_t slot_of(const struct rowset *s, uint32_t number)
{
	return rowset_hash(rowset_row(s, number), s->key_size, s->seed) << 32 | (number + 1);
}

/* The slot of the key, or the empty one where it belongs. */
static uint32_t probe(const struct rowset *s, const void *key, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & s->mask;

	for (; s->slots[i]; i = (i + 1) & s->mask)
		if (s->slots[i] >> 32 == (uint32_t)hash &&
		    !memcmp(rowset_row(s, (uint32_t)s->slots[i] - 1), key, s->key_size))
			break;
	return i;
}

uint32_t rowset_look(const struct rowset *s, const void *key)
{
	if (!s->slots)
		return ROWSET_NONE;
	return (uint32_t)s->slots[probe(s, key, rowset_hash(key, s->key_size, s->seed))] - 1;
}

void rowset_ask(const struct rowset *s, const void *key)
{
	if (s->slots)
		__builtin_prefetch(
			&s->slots[(uint32_t)rowset_hash(key, s->key_size, s->seed) & s->mask]);
}

void rowset_ask_row(const struct rowset *s, const void *key)
{
	uint64_t hash = rowset_hash(key, s->key_size, s->seed), slot;

	if (!s->slots)
		return;
	slot = s->slots[(uint32_t)hash & s->mask];
	if (slot && slot >> 32 == (uint32_t)hash)
		__builtin_prefetch(rowset_row(s, (uint32_t)slot - 1), 1);
}

void rowset_ask_whole(const struct rowset *s, uint32_t number)
{
	const unsigned char *row = rowset_row(s, number);
	size_t at;

	for (at = 0; at < s->stride; at += 64)
		__builtin_prefetch(row + at, 1);
}

uint32_t rowset_find(struct rowset *s, const void *key, bool *fresh)
{
	uint64_t hash = rowset_hash(key, s->key_size, s->seed);
	uint32_t i, number;
	void *row;

	if (!make_room(s))
		return ROWSET_NONE;
	i = probe(s, key, hash);
	*fresh = !s->slots[i];
	if (!*fresh)
		return (uint32_t)s->slots[i] - 1;
	number = s->spares ? s->spare[--s->spares] : s->count++;
	s->slots[i] = hash << 32 | (number + 1);
	s->state[number] = ROW_USED;
	s->used++;
	row = rowset_row(s, number);
	memset(row, 0, s->stride);
	memcpy(row, key, s->key_size);
	return number;
}

bool rowset_is(const struct rowset *s, uint32_t number, const void *key)
{
	return number < s->count && s->state[number] & ROW_USED &&
	       !memcmp(rowset_row(s, number), key, s->key_size);
}

static bool spare_room(struct rowset *s)
{
	uint32_t more = s->spare_room ? s->spare_room * 2 : 256;
	uint32_t *p;

	if (s->spares < s->spare_room)
		return true;
	p = reallocarray(s->spare, more, sizeof(*p));
	if (!p)
		return false;
	s->spare = p;
	s->spare_room = more;
	return true;
}

/* Takes a row's slot out, and closes the gap: what is behind it may be there for want of it. */
static void take_slot(struct rowset *s, uint32_t number)
{
	uint64_t slot = slot_of(s, number);
	uint32_t gap = (uint32_t)(slot >> 32) & s->mask, i;

	while (s->slots[gap] != slot)
		gap = (gap + 1) & s->mask;
	for (i = (gap + 1) & s->mask; s->slots[i]; i = (i + 1) & s->mask) {
		uint32_t home = (uint32_t)(s->slots[i] >> 32) & s->mask;

		if (((i - home) & s->mask) < ((i - gap) & s->mask))
			continue;
		s->slots[gap] = s->slots[i];
		gap = i;
	}
	s->slots[gap] = 0;
}

/* In place, for want of memory may be why we are here. */
static void index_again(struct rowset *s)
{
	uint32_t i;

	memset(s->slots, 0, (s->mask + 1ULL) * sizeof(*s->slots));
	for (i = 0; i < s->count; i++)
		if (s->state[i] & ROW_USED)
			put_slot(s, slot_of(s, i));
}

uint32_t rowset_drop(struct rowset *s, bool (*drop)(const void *row, void *arg), void *arg)
{
	uint32_t i, dropped = 0;

	for (i = 0; i < s->count; i++) {
		if (!(s->state[i] & ROW_USED) || !drop(rowset_row(s, i), arg))
			continue;
		if (!spare_room(s))
			break;
		s->state[i] = 0;
		s->spare[s->spares++] = i;
		dropped++;
	}
	s->used -= dropped;
	if (dropped < s->used / 8)
		for (i = 0; i < dropped; i++)
			take_slot(s, s->spare[s->spares - 1 - i]);
	else if (dropped)
		index_again(s);
	return dropped;
}
