/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flow records as JSON lines: the members of `weir show -j flows`, and `interface` and
 * `end_reason` beside them, one record a line, to a file or to standard output.
 *
 * A line is there whole or not at all: what a full disk took only a part of is cut off again. A
 * batch goes out as one piece; a pipe's reader that is slow gets it by and by.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/paths.h"
#include "export/export_config.h"
#include "views/output.h"
#include "views/rows.h"
#include "export/sink.h"

#define FILE_MODE 0640
#define PIPE_PIECE 4096 /* PIPE_BUF: what a pipe that can be written takes without waiting */
#define WHO_LEFT "its reader has gone"
#define PIPE_WAIT 200 /* ms between two looks whether the daemon stops */

struct json_file {
	const char *path;
	int fd;
	bool regular; /* can be cut off, and rotated */
	uint64_t size, rotate_size, rotate_keep;
	char *text; /* of the batch in hand */
	size_t length, written;
	const struct batch *batch;
};

static const char *const end_reasons[] = {
	[END_IDLE] = "idle",	 [END_ACTIVE] = "active",	[END_DETECTED] = "end",
	[END_FORCED] = "forced", [END_RESOURCES] = "resources",
};

static int open_file(struct json_file *f)
{
	struct stat st;

	if (f->fd >= 0)
		return 0;
	f->fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE);
	if (f->fd < 0 || fstat(f->fd, &st))
		return -errno;
	f->regular = S_ISREG(st.st_mode);
	f->size = (uint64_t)st.st_size;
	return 0;
}

static int json_check(const struct section *s, bool names, char *why, size_t size)
{
	const char *path = section_text(s, "target");

	(void)names;
	return strcmp(path, "-") ? path_writable(path, why, size) : 0;
}

static int json_open(struct sink *s, void **state, char *why, size_t size)
{
	struct json_file *f = calloc(1, sizeof(*f));
	int err = 0;

	if (!f)
		return -ENOMEM;
	f->path = sink_target(s);
	f->fd = -1;
	f->rotate_size = sink_count(s, "rotate_size");
	f->rotate_keep = sink_count(s, "rotate_keep");
	if (!strcmp(f->path, "-"))
		f->fd = STDOUT_FILENO;
	else
		err = open_file(f);
	/* A disk may have room again; a name that cannot be is a mistake. */
	if (err && err != -ENOSPC && err != -EDQUOT) {
		snprintf(why, size, "json: %s cannot be written: %s", f->path, strerror(-err));
		free(f);
		return err;
	}
	*state = f;
	return 0;
}

static void close_file(struct json_file *f)
{
	if (f->fd >= 0 && f->fd != STDOUT_FILENO)
		close(f->fd);
	if (f->fd != STDOUT_FILENO)
		f->fd = -1;
}

/* FILE.1 becomes FILE.2 and so on: the oldest goes. */
static void rotate(struct sink *s, struct json_file *f)
{
	char from[4096], to[4096];
	uint64_t i;

	for (i = f->rotate_keep; i > 0; i--) {
		snprintf(to, sizeof(to), "%s.%llu", f->path, (unsigned long long)i);
		if (i > 1)
			snprintf(from, sizeof(from), "%s.%llu", f->path, (unsigned long long)i - 1);
		else
			snprintf(from, sizeof(from), "%s", f->path);
		if (rename(from, to) && errno != ENOENT) {
			sink_ill(s, "cannot be rotated: %s; writing on", strerror(errno));
			return;
		}
	}
	close_file(f);
}

static struct flow_row row_of(const struct flow_record *r)
{
	return (struct flow_row){
		.src = r->src,
		.dst = r->dst,
		.from = { r->sport, r->proto },
		.to = { r->dport, r->proto },
		.proto = r->proto,
		.dir = r->dir,
		.tcp_flags = r->tcp_flags,
		.packets = r->packets,
		.bytes = r->bytes,
		.ip_bytes = r->ip_bytes,
		.first = r->first,
		.last = r->last,
	};
}

static void put_record(FILE *to, const struct batch *b, const struct flow_record *r)
{
	struct flow_row row = row_of(r);
	struct json_object *o = output_json_row(&view_flows, &row);

	json_object_object_add(o, "interface", json_object_new_string(b->iface.name));
	json_object_object_add(o, "end_reason", json_object_new_string(end_reasons[r->end_reason]));
	fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							JSON_C_TO_STRING_NOSLASHESCAPE),
	      to);
	fputc('\n', to);
	json_object_put(o);
}

/* The batch as text; made once, however often it has to be tried. */
static int make_text(struct json_file *f, const struct batch *b)
{
	uint32_t i;
	FILE *to;

	if (f->batch == b)
		return 0;
	free(f->text);
	f->text = NULL;
	f->written = 0;
	to = open_memstream(&f->text, &f->length);
	if (!to)
		return -ENOMEM;
	for (i = 0; i < b->count; i++)
		put_record(to, b, &b->record[i]);
	if (fclose(to))
		return -ENOMEM;
	f->batch = b;
	return 0;
}

static void drop_text(struct json_file *f)
{
	free(f->text);
	f->text = NULL;
	f->batch = NULL;
}

static int write_regular(struct json_file *f)
{
	size_t done = 0;
	struct stat st;
	ssize_t n;
	int err;

	if (fstat(f->fd, &st))
		return -errno;
	f->size = (uint64_t)st.st_size;
	while (done < f->length) {
		n = write(f->fd, f->text + done, f->length - done);
		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? -errno : -EIO;
		/* What went in is not worth a half line. */
		if (done && ftruncate(f->fd, (off_t)f->size))
			err = -EIO;
		return err;
	}
	f->size += done;
	return 0;
}

/* Whole lines, as many as a pipe takes without waiting; of a longer one what there is room for. */
static size_t next_piece(const struct json_file *f)
{
	const char *from = f->text + f->written, *end;
	size_t left = f->length - f->written;

	if (left <= PIPE_PIECE)
		return left;
	end = memrchr(from, '\n', PIPE_PIECE);
	return end ? (size_t)(end - from) + 1 : PIPE_PIECE;
}

/* To a pipe or a terminal, whose reader may be slow: never longer than the daemon has. */
static int write_stream(struct sink *s, struct json_file *f)
{
	while (f->written < f->length) {
		struct pollfd p = { f->fd, POLLOUT, 0 };
		ssize_t n;

		if (poll(&p, 1, PIPE_WAIT) <= 0) {
			if (sink_stopping(s))
				return -ETIMEDOUT;
			continue;
		}
		n = write(f->fd, f->text + f->written, next_piece(f));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		f->written += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Of standard output for good: who reads a pipe that has a name may come back. */
static bool reader_left(const struct json_file *f)
{
	struct pollfd p = { f->fd, 0, 0 };

	return f->fd == STDOUT_FILENO && poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLHUP);
}

/* Not only when there is something to write. */
static void json_idle(struct sink *s, void *state)
{
	if (reader_left(state))
		sink_give_up(s, WHO_LEFT);
}

static int json_batch(struct sink *s, void *state, const struct batch *b)
{
	struct json_file *f = state;
	int err = make_text(f, b);

	if (!err && f->regular && f->rotate_size && f->size && f->size + f->length > f->rotate_size)
		rotate(s, f);
	if (!err)
		err = open_file(f);
	if (!err)
		err = f->regular ? write_regular(f) : write_stream(s, f);
	if (err && reader_left(f)) {
		sink_give_up(s, WHO_LEFT);
		return err;
	}
	if (err) {
		sink_ill(s, "cannot be written: %s; trying on", strerror(-err));
		return err;
	}
	drop_text(f);
	sink_well(s);
	return 0;
}

static void json_reload(struct sink *s, void *state)
{
	struct json_file *f = state;
	int err;

	close_file(f);
	err = open_file(f);
	if (err)
		sink_ill(s, "cannot be opened again: %s; trying on", strerror(-err));
}

static void json_close(struct sink *s, void *state, uint64_t deadline_ns)
{
	struct json_file *f = state;

	(void)s;
	(void)deadline_ns;
	close_file(f);
	drop_text(f);
	free(f);
}

const struct sink_type sink_json = {
	.name = "json",
	.sends = "flow records",
	.check = json_check,
	.open = json_open,
	.batch = json_batch,
	.idle = json_idle,
	.close = json_close,
	.reload = json_reload,
};
