/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A piece of a plain capture file, of one size but for the last, and the records that begin in it:
 * a thread has it until it is its turn in the order of the file, as only the records before it say
 * where its first one begins.
 *
 * Of a mapped file only what is looked at leaves memory. Blocks that are on a disk yet are read,
 * which the kernel does ahead, and so is whatever cannot be mapped.
 */
#ifndef WEIR_BLOCK_H
#define WEIR_BLOCK_H

#include <stdatomic.h>
#include <sys/types.h>

#include "files/mapping.h"
#include "files/scout.h"

#define BLOCK_SIZE (1U << 20) /* what is looked at of it stays in a CPU's own cache */

/* A file on its way through the lanes. Offsets count from behind its header. */
struct source {
	int fd;
	off_t origin; /* the header's end, -1 where the file cannot be read twice */
	struct classic format;
	struct mapping file;	  /* or none */
	_Atomic uint64_t read_to; /* blocks before it are read, others looked at in the mapping */
	atomic_uint away;	  /* how many more to read next time */
	atomic_uint seconds;	  /* about the time that has been come to */
};

/* Records in a row, by where in their block they begin. */
struct run {
	const uint32_t *records;
	uint32_t count;
};

struct block {
	const unsigned char *bytes; /* in `buffer` or where the file is mapped */
	unsigned char *buffer;	    /* for those that are read, not its own */
	size_t size;
	uint64_t number, at; /* and offset */
	uint32_t *records;
	struct scouting scouting;
	struct run runs[2 * SCOUT_STRETCHES + 4];
	uint32_t run_count;
	int error; /* of reading it */
	bool mapped;
	bool last;	/* nothing behind it is to be counted */
	bool left;	/* something of it is, by somebody else */
	bool submitted; /* as plain.c has it, and under its lock: */
	bool listed;
};

/* Room for a block that is read, freed as a table, or NULL. */
unsigned char *block_buffer(void);
/* Room for places of records. 0 or -ENOMEM. */
int block_room(struct block *b, unsigned char *buffer);
void block_free(struct block *b);

static inline bool block_is_mapped(const struct source *s, uint64_t number)
{
	return s->file.size && number >= atomic_load_explicit(&s->read_to, memory_order_relaxed);
}

/*
 * Takes a block up: it is read, or its records begin to be looked for. The latter goes on by
 * scout_step() as somebody likes, and must have ended before block_list().
 */
void block_begin(struct source *s, struct block *b, uint64_t number, uint64_t at);
/* Lists the records from offset `next` on that begin in it. Where the one behind them begins. */
uint64_t block_list(struct source *s, struct block *b, uint64_t next);
/* Whether some of it may have been zeros that are not in the file. */
bool block_is_lost(const struct source *s, const struct block *b);

#endif
