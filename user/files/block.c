/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks of a capture file; see block.h. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "files/block.h"
#include "tables/tables.h"

#define ROOM (BLOCK_SIZE + CLASSIC_RECORD + CLASSIC_CAPTURED_MAX)
#define RECORDS_MAX (BLOCK_SIZE / CLASSIC_RECORD + 2 + SCOUT_STRETCHES)
#define AWAY_MOST 1024

_Static_assert(BLOCK_SIZE > CLASSIC_RECORD + CLASSIC_CAPTURED_MAX,
	       "a record may be in three blocks");

unsigned char *block_buffer(void)
{
	return table_alloc(ROOM);
}

int block_room(struct block *b, unsigned char *buffer)
{
	*b = (struct block){ .buffer = buffer,
			     .records = calloc(RECORDS_MAX, sizeof(*b->records)) };
	return b->records ? 0 : -ENOMEM;
}

void block_free(struct block *b)
{
	free(b->records);
}

/* ---- reading ---- */

/* Reads up to `size` bytes more of a block, fewer only at the end. 0 or a negative errno. */
static int read_more(const struct source *s, struct block *b, size_t size)
{
	size_t end = b->size + size;
	ssize_t n;

	while (b->size < end && !b->mapped) {
		unsigned char *to = b->buffer + b->size;
		size_t want = end - b->size;

		n = s->origin < 0 ? read(s->fd, to, want)
				  : pread(s->fd, to, want, s->origin + (off_t)(b->at + b->size));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		b->size += (size_t)n;
	}
	return 0;
}

/*
 * Where the file is not in memory, who looks at the mapping waits for a few pages at a time. That
 * is seen as it happens, and may change on the way: so some blocks are read, then one is looked at
 * again.
 */
static void judge_waits(struct source *s, const struct block *b, long waits)
{
	const unsigned int away = atomic_load_explicit(&s->away, memory_order_relaxed);

	if (!waits) {
		atomic_store_explicit(&s->away, 2, memory_order_relaxed);
		return;
	}
	atomic_store_explicit(&s->read_to, b->number + away, memory_order_relaxed);
	if (away < AWAY_MOST)
		atomic_store_explicit(&s->away, away * 2, memory_order_relaxed);
}

static void scout_block(struct source *s, struct block *b)
{
	const long waits = mapping_waits();
	struct ground ground = { .format = &s->format,
				 .bytes = b->bytes,
				 .size = BLOCK_SIZE,
				 .there = s->file.size - (size_t)s->origin - b->at,
				 .seconds =
					 atomic_load_explicit(&s->seconds, memory_order_relaxed) };

	scout_begin(&b->scouting, &ground, b->records);
	judge_waits(s, b, mapping_waits() - waits);
}

static void map_block(struct source *s, struct block *b)
{
	const size_t size = s->file.size - (size_t)s->origin;
	const size_t there = b->at < size ? size - b->at : 0;

	b->bytes = s->file.bytes + s->origin + b->at;
	b->size = there < ROOM ? there : ROOM;
	if (there)
		scout_block(s, b);
}

void block_begin(struct source *s, struct block *b, uint64_t number, uint64_t at)
{
	b->number = number;
	b->at = at;
	b->mapped = block_is_mapped(s, number);
	b->size = b->run_count = 0;
	b->last = b->left = b->submitted = b->listed = false;
	b->error = 0;
	scout_nothing(&b->scouting);
	if (b->mapped) {
		map_block(s, b);
		return;
	}
	b->bytes = b->buffer;
	b->error = read_more(s, b, BLOCK_SIZE);
}

bool block_is_lost(const struct source *s, const struct block *b)
{
	return b->mapped && mapping_lost() < (size_t)s->origin + b->at + b->size;
}

/* ---- records ---- */

static void add_run(struct block *b, const uint32_t *records, uint32_t count)
{
	if (count)
		b->runs[b->run_count++] = (struct run){ records, count };
}

/* Lists the records from `at` on that begin before `stop`; returns where they end. */
weir_inline uint32_t list_some(const struct source *s, struct block *b, uint32_t at, uint32_t stop,
			       uint32_t *records, bool swapped, enum classic_end *why)
{
	const unsigned char *end = b->bytes + b->size;
	uint32_t n = 0, size;

	while (at < stop) {
		size = classic_size(&s->format, swapped, b->bytes + at, end, why);
		if (!size)
			break;
		records[n++] = at;
		at += size;
	}
	add_run(b, records, n);
	return at;
}

/* The same, before stretch number `before`. */
static uint32_t list(const struct source *s, struct block *b, uint32_t at, uint32_t stop,
		     uint32_t before, enum classic_end *why)
{
	uint32_t *records = scout_gap(b->records, at, before);

	return s->format.swapped ? list_some(s, b, at, stop, records, true, why)
				 : list_some(s, b, at, stop, records, false, why);
}

/* Takes over what was guessed right, and lists what lies before, between and behind. */
static uint32_t list_scouted(const struct source *s, struct block *b, uint32_t at,
			     enum classic_end *why)
{
	uint32_t i;

	for (i = 0; i < b->scouting.count; i++) {
		const struct stretch *x = &b->scouting.stretches[i];

		if (at < x->start)
			at = list(s, b, at, x->start, i, why);
		if (at != x->start)
			continue;
		add_run(b, x->records, x->count);
		at = x->end;
	}
	return list(s, b, at, BLOCK_SIZE, i, why);
}

/* Reads the rest of a record that goes on behind the block, if it is there. */
static int read_rest(const struct source *s, struct block *b, uint32_t at)
{
	size_t have = b->size - at;

	return read_more(s, b, classic_needs(&s->format, b->bytes + at, b->bytes + b->size) - have);
}

/* Where records that begin in the block, from `at` on, end. */
static uint32_t list_all(const struct source *s, struct block *b, uint32_t at)
{
	enum classic_end why = CLASSIC_MORE;
	uint32_t from;
	size_t had;

	do {
		from = at;
		had = b->size;
		at = list_scouted(s, b, at, &why);
		scout_nothing(&b->scouting);
		if (at >= BLOCK_SIZE)
			break;
		if (why == CLASSIC_STRANGE || b->size < BLOCK_SIZE || read_rest(s, b, at))
			break;
	} while (at > from || b->size > had);
	return at;
}

uint64_t block_list(struct source *s, struct block *b, uint64_t next)
{
	uint32_t at = (uint32_t)(next - b->at);

	/* What could not be read will fail again, and be told then. */
	b->last = b->left = true;
	if (b->error || block_is_lost(s, b))
		return next;
	at = list_all(s, b, at);
	b->last = at < BLOCK_SIZE;
	b->left = at < b->size;
	if (b->run_count)
		atomic_store_explicit(
			&s->seconds,
			classic_word(b->bytes + b->runs[0].records[0], s->format.swapped),
			memory_order_relaxed);
	return b->at + at;
}
