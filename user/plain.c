/* SPDX-License-Identifier: GPL-2.0 */
/* Plain capture files; see plain.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "native_path.h"
#include "plain.h"

#define CHUNK (512U << 10)
#define KEEP (CLASSIC_RECORD + CLASSIC_CAPTURED_MAX) /* most of a record that is not all there */

/*
 * Counts at most `room` records from *at on; *why stays CLASSIC_MORE where that was the reason to
 * stop. Inlined for each byte order and for the usual link, so that these are constants in it.
 */
weir_inline uint32_t count_some(struct plain *p, const unsigned char **at, const unsigned char *end,
				uint32_t room, enum classic_end *why, bool swapped, uint8_t link)
{
	struct weir_cpu *c = &native_tables(p->native)->cpu[0];
	uint64_t first = p->first_ns, last = p->last_ns;
	struct frame x;
	uint32_t n = 0;

	*why = CLASSIC_MORE;
	for (; n < room && classic_next(&p->format, swapped, at, end, &x, why); n++) {
		native_count_plain(c, &x, link);
		first = x.ns < first ? x.ns : first;
		last = x.ns > last ? x.ns : last;
	}
	p->first_ns = first;
	p->last_ns = last;
	return n;
}

static uint32_t count_slice(struct plain *p, const unsigned char **at, const unsigned char *end,
			    uint32_t room, enum classic_end *why)
{
	if (p->format.swapped)
		return count_some(p, at, end, room, why, true, p->format.link);
	if (p->format.link == WEIR_LINK_ETHERNET)
		return count_some(p, at, end, room, why, false, WEIR_LINK_ETHERNET);
	return count_some(p, at, end, room, why, false, p->format.link);
}

/* Counts the plain records from *at on. */
static int count_records(struct plain *p, const unsigned char **at, const unsigned char *end,
			 enum classic_end *why)
{
	const uint32_t every = native_frames_safe(p->native);
	uint32_t n;
	int err;

	do {
		n = count_slice(p, at, end, every, why);
		p->frames += n;
		err = reader_drain(p->reader);
	} while (!err && n == every);
	return err;
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
	p->first_ns = UINT64_MAX;
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
