/* SPDX-License-Identifier: GPL-2.0 */
/* Classic pcap files; see savefile.h. Format: draft-ietf-opsawg-pcap. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/abi.h>
#include "packets/savefile.h"

#define MAGIC_NS 0xa1b23c4d
#define SECOND 1000000000ULL
#define NUMBERS 1000000 /* of files of one name */

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snaplen, linktype;
};

struct record_header {
	uint32_t seconds, nanoseconds, captured, length;
};

uint32_t savefile_linktype(uint8_t link)
{
	return link == WEIR_LINK_ETHERNET ? 1 : link == WEIR_LINK_RAW ? 101 : 0;
}

static bool rotates(const struct savefile *s)
{
	return s->o.rotate_seconds > 0 || s->o.rotate_bytes > 0;
}

/* ---- names ---- */

/* The pattern with its times filled in, as strftime(3) has them, in local time. */
static int expand(const char *pattern, uint64_t ns, char *to, size_t size)
{
	time_t seconds = (time_t)(ns / SECOND);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(to, size, pattern, &tm))
		return -ENAMETOOLONG;
	return 0;
}

/* A number goes before the extension, so that what opens .pcap opens these. */
static int numbered(const char *name, uint32_t number, char *to, size_t size)
{
	const char *file = strrchr(name, '/'), *dot;
	int stem, n;

	file = file ? file + 1 : name;
	dot = strrchr(file, '.');
	stem = dot && dot != file ? (int)(dot - name) : (int)strlen(name);
	n = snprintf(to, size, "%.*s-%05u%s", stem, name, number, name + stem);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int create(const char *name, int how)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0644);

	return fd < 0 ? -errno : fd;
}

/* The next free name: the pattern's own if its times make it one of its own, else numbered. */
static int create_next(struct savefile *s, uint64_t ns)
{
	char base[SAVEFILE_PATH];
	bool timed = strchr(s->o.path, '%');
	int fd, err = expand(s->o.path, ns, base, sizeof(base));

	if (err)
		return err;
	if (timed) {
		snprintf(s->name, sizeof(s->name), "%s", base);
		fd = create(s->name, O_EXCL);
		if (fd != -EEXIST)
			return fd;
		s->number = 0;
	}
	while (++s->number < NUMBERS) {
		err = numbered(base, s->number, s->name, sizeof(s->name));
		if (err)
			return err;
		fd = create(s->name, O_EXCL);
		if (fd != -EEXIST)
			return fd;
	}
	return -EEXIST;
}

static int open_file(struct savefile *s, uint64_t ns)
{
	if (!strcmp(s->o.path, "-")) {
		snprintf(s->name, sizeof(s->name), "standard output");
		return STDOUT_FILENO;
	}
	if (rotates(s))
		return create_next(s, ns);
	snprintf(s->name, sizeof(s->name), "%s", s->o.path);
	return create(s->name, O_TRUNC);
}

/* ---- writing ---- */

static int begin(struct savefile *s, uint64_t ns)
{
	const struct file_header h = { MAGIC_NS, 2, 4, 0, 0, s->o.snaplen, s->o.linktype };
	int fd = open_file(s, ns), err;

	if (fd < 0)
		return fd;
	err = writer_open(&s->writer, fd);
	if (err)
		return err;
	s->files++;
	if (s->o.rotate_seconds > 0)
		s->next_ns = ns + (uint64_t)(s->o.rotate_seconds * SECOND);
	err = writer_put(&s->writer, &h, sizeof(h));
	return err ? err : writer_flush(&s->writer);
}

int savefile_open(struct savefile *s, const struct savefile_options *o)
{
	struct timespec now;
	int err;

	*s = (struct savefile){ .o = *o };
	clock_gettime(CLOCK_REALTIME, &now);
	err = begin(s, (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec);
	/* The first packet's time, not ours, tells when its file is full. */
	s->next_ns = 0;
	return err;
}

static bool is_full(struct savefile *s, const struct packet *p)
{
	const size_t size = sizeof(struct record_header) + p->frame.captured;

	if (s->o.rotate_seconds > 0 && !s->next_ns)
		s->next_ns = p->frame.ns + (uint64_t)(s->o.rotate_seconds * SECOND);
	if (s->o.rotate_seconds > 0 && p->frame.ns >= s->next_ns)
		return true;
	return s->o.rotate_bytes && s->writer.written + size > s->o.rotate_bytes &&
	       s->writer.written > sizeof(struct file_header);
}

int savefile_put(struct savefile *s, const struct packet *p)
{
	const struct record_header h = { (uint32_t)(p->frame.ns / SECOND),
					 (uint32_t)(p->frame.ns % SECOND), p->frame.captured,
					 p->frame.length };
	int err;

	if (rotates(s) && is_full(s, p)) {
		err = writer_close(&s->writer);
		if (!err)
			err = begin(s, p->frame.ns);
		if (err)
			return err;
	}
	err = writer_put(&s->writer, &h, sizeof(h));
	return err ? err : writer_put(&s->writer, p->frame.data, p->frame.captured);
}

int savefile_flush(struct savefile *s)
{
	return writer_flush(&s->writer);
}

int savefile_close(struct savefile *s)
{
	return writer_close(&s->writer);
}
