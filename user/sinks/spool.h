/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A queue of what waits to be sent, in order, in memory or in a directory of bounded size.
 *
 * What is in the directory outlasts the process and, since each file is synced before it is named,
 * the machine. One process at a time has a directory. Nothing in here is locked against threads:
 * the owner does that; an item stays as it is from spool_put() to spool_pop(), so spool_load() may
 * run beside the others for the item in hand.
 */
#ifndef WEIR_SPOOL_H
#define WEIR_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/abi.h>

#define SPOOL_HOST 256

/* What one knows of an item without its contents. Names in the directory are by run and seq. */
struct spool_meta {
	uint64_t run, seq; /* order, and who it is */
	uint64_t time;	   /* seconds since the epoch */
	uint64_t records;
	struct weir_sum sum;
	struct weir_sum besides; /* what else it tells of; not kept in files */
	char host[SPOOL_HOST];	 /* no blanks */
};

struct spool_item {
	struct spool_item *next;
	struct spool_meta meta;
	void *data; /* NULL: in a file */
	size_t size;
	bool filed;
	bool tried; /* it may have arrived already; always so of what an earlier process left */
};

struct spool;

/*
 * Opens the directory, making it if need be, and takes in what is there, oldest first. `bound` is
 * of the bytes in it. 0, or a negative errno with a line in `why`: -EBUSY where another process has
 * it. Files that are damaged are renamed to NAME.bad and counted in *bad.
 */
int spool_open(struct spool **to, const char *dir, uint64_t bound, unsigned int *bad, char *why,
	       size_t size);
/* Closes it. Items in memory are gone: see spool_file_all(). */
void spool_close(struct spool *q);

/*
 * Puts an item at the end and takes over `data` (of malloc()). To a file if `file`: -EDQUOT past
 * the bound, or what the disk said; then nothing was put and `data` is still the caller's.
 */
int spool_put(struct spool *q, const struct spool_meta *meta, void *data, size_t size, bool file);
/* Writes what is in memory to files, oldest first. 0 or the first error; the rest stays. */
int spool_file_all(struct spool *q);

struct spool_item *spool_head(const struct spool *q); /* NULL: empty */
/* The contents of an item, which the caller frees: 0, -EBADMSG for a damaged file, or an errno. */
int spool_load(const struct spool *q, const struct spool_item *item, void **data);
/* Removes the head, file and all; with `bad` its file stays, as NAME.bad. */
void spool_pop(struct spool *q, bool bad);

uint64_t spool_bytes(const struct spool *q);	    /* in files */
uint64_t spool_memory_bytes(const struct spool *q); /* in memory */
uint64_t spool_count(const struct spool *q);	    /* items */
const char *spool_dir(const struct spool *q);

#endif
