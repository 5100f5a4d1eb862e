/* SPDX-License-Identifier: GPL-2.0 */
/* An answer in the format asked for, and whether all of it went out; see output.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "views/output.h"

int output_write(enum format format, const struct answer *a, const struct selection *sel)
{
	switch (format) {
	case FORMAT_JSON:
		return output_json(a, sel);
	case FORMAT_CSV:
		return output_csv(a, sel);
	default:
		return output_text(a, sel);
	}
}

/* An earlier write may have failed, and left nothing to write now that would fail alike. */
static bool is_left_by_reader(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

int output_end(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	if (errno)
		return -errno;
	return is_left_by_reader() ? -EPIPE : -EIO;
}
