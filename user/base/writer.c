/* SPDX-License-Identifier: GPL-2.0 */
/* Buffered writing; see writer.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/writer.h"

int writer_open(struct writer *w, int fd)
{
	*w = (struct writer){ .fd = fd, .buffer = malloc(WRITER_SIZE) };
	return w->buffer ? 0 : -ENOMEM;
}

static int write_all(int fd, const unsigned char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* What was not taken is not tried again: half a buffer twice would be worse than none. */
int writer_flush(struct writer *w)
{
	size_t n = w->used;

	w->used = 0;
	return n ? write_all(w->fd, w->buffer, n) : 0;
}

int writer_put(struct writer *w, const void *data, size_t size)
{
	int err = 0;

	if (size > WRITER_SIZE - w->used)
		err = writer_flush(w);
	if (!err && size > WRITER_SIZE)
		err = write_all(w->fd, data, size);
	else if (!err)
		memcpy(w->buffer + w->used, data, size), w->used += size;
	w->written += size;
	return err;
}

int writer_close(struct writer *w)
{
	int err;

	if (!w->buffer)
		return 0;
	err = writer_flush(w);
	if (w->fd != STDOUT_FILENO && close(w->fd) && !err)
		err = -errno;
	free(w->buffer);
	w->buffer = NULL;
	return err;
}
