/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes to a descriptor, in large write(2)s and no more often than asked for. A signal that asks
 * to stop ends a write that waits for a full pipe.
 */
#ifndef WEIR_WRITER_H
#define WEIR_WRITER_H

#include <stddef.h>
#include <stdint.h>

#define WRITER_SIZE (1U << 18)

struct writer {
	int fd;
	size_t used;
	uint64_t written; /* bytes, with those that still wait here */
	unsigned char *buffer;
};

/* 0 or -ENOMEM. The descriptor is the writer's from then on, standard output excepted. */
int writer_open(struct writer *w, int fd);
/* 0 or a negative errno: -EPIPE where nobody reads any more. */
int writer_put(struct writer *w, const void *data, size_t size);
int writer_flush(struct writer *w);
/* Flushes, and frees all. What went wrong with either. */
int writer_close(struct writer *w);

#endif
