/* SPDX-License-Identifier: GPL-2.0 */
/* Plain capture files; see plain.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "plain.h"

#define CHUNK (1U << 20)
#define KEEP (CLASSIC_RECORD + CLASSIC_CAPTURED_MAX) /* most of a record that is not all there */
#define SLICE 64

static void note_times(struct plain *p, const struct frame *frames, uint32_t n)
{
	uint64_t first = p->first_ns, last = p->last_ns;
	uint32_t i;

	if (!p->frames)
		first = UINT64_MAX;
	for (i = 0; i < n; i++) {
		first = frames[i].ns < first ? frames[i].ns : first;
		last = frames[i].ns > last ? frames[i].ns : last;
	}
	p->first_ns = first;
	p->last_ns = last;
}

/* Counts the plain records from *at on. */
static int count_records(struct plain *p, const unsigned char **at, const unsigned char *end,
			 enum classic_end *why)
{
	const uint32_t every = native_frames_safe(p->native);
	const uint32_t slice = every < SLICE ? every : SLICE;
	struct frame frames[SLICE];
	uint32_t n, since = 0;
	int err = 0;

	do {
		n = classic_frames(&p->format, at, end, frames, slice, why);
		native_count_frames(p->native, 0, frames, n, p->format.link);
		if (n)
			note_times(p, frames, n);
		p->frames += n;
		since += n;
		if (since + slice > every) {
			err = reader_drain(p->reader);
			since = 0;
		}
	} while (!err && *why == CLASSIC_ROOM);
	return err ? err : reader_drain(p->reader);
}

/* Bytes read, 0 at the end. */
static ssize_t read_some(int fd, unsigned char *to, size_t size)
{
	ssize_t n;

	do {
		n = read(fd, to, size);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int plain_read(struct plain *p)
{
	unsigned char *buffer = p->buffer = table_alloc(KEEP + CHUNK);
	unsigned char *start = buffer + KEEP; /* of what is yet to be counted */

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		const unsigned char *at;
		enum classic_end why;
		ssize_t n = read_some(p->fd, buffer + KEEP, CHUNK);
		int err;

		if (n <= 0) {
			p->left = start;
			p->left_size = (size_t)(buffer + KEEP - start);
			/* A read that failed will fail again, and be told then. */
			return n < 0 || p->left_size;
		}
		at = start;
		err = count_records(p, &at, buffer + KEEP + n, &why);
		if (err)
			return err;
		p->left_size = (size_t)(buffer + KEEP + n - at);
		p->left = (unsigned char *)at;
		if (why == CLASSIC_STRANGE)
			return 1;
		start = buffer + KEEP - p->left_size;
		memcpy(start, at, p->left_size);
	}
}

void plain_free(struct plain *p)
{
	table_free(p->buffer);
	p->buffer = NULL;
}
