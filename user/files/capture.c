/* SPDX-License-Identifier: GPL-2.0 */
/* Capture files; see capture.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pcap.h"
#include "files/capture.h"
#include "filter/filter.h"
#include "files/gather.h"
#include "files/packed.h"
#include "files/plain.h"

int capture_open(struct capture *c, const struct plan *plan, uint32_t threads)
{
	*c = (struct capture){ 0 };
	return lanes_open(&c->lanes, plan, threads);
}

void capture_close(struct capture *c)
{
	lanes_close(&c->lanes);
}

static bool has_filter(const struct capture *c)
{
	return c->filter && *c->filter;
}

static void note_times(struct capture *c, uint64_t first, uint64_t last)
{
	if (!c->frames || first < c->first_ns)
		c->first_ns = first;
	if (last > c->last_ns)
		c->last_ns = last;
}

/* ---- by libpcap ---- */

/*
 * A file as libpcap is to see it: its first bytes, what was read of the rest already, and what
 * the descriptor has still to give. What lies between the first bytes and the rest was counted.
 */
struct stream {
	int fd;
	const unsigned char *head; /* what the first part was */
	size_t head_size;
	const unsigned char *part[2];
	size_t size[2];
};

static ssize_t stream_read(void *cookie, char *to, size_t size)
{
	struct stream *s = cookie;
	int i;

	for (i = 0; i < 2; i++) {
		size_t n = s->size[i] < size ? s->size[i] : size;

		if (!n)
			continue;
		memcpy(to, s->part[i], n);
		s->part[i] += n;
		s->size[i] -= n;
		return (ssize_t)n;
	}
	return read(s->fd, to, size);
}

static int lies(struct capture *c, const char *path, uint64_t number, const struct pcap_pkthdr *h)
{
	if (h->caplen <= h->len && h->len <= CAPTURE_LENGTH_MAX)
		return 0;
	snprintf(c->error, sizeof(c->error),
		 "%s: record %" PRIu64
		 " says %u bytes of a frame of %u were captured, which cannot "
		 "be: the file is damaged; the %" PRIu64 " frames before it are counted",
		 path, number, h->caplen, h->len, number - 1);
	return 1;
}

/* Counts every record of an open file that `filter` (or NULL) takes, from the one behind `n` on. */
static int count_records(struct capture *c, pcap_t *p, const struct filter *filter,
			 const char *path, uint64_t n)
{
	const uint32_t every = native_frames_safe(c->lanes.native);
	uint8_t link = classic_link(libpcap.pcap_datalink(p));
	struct pcap_pkthdr *h;
	const u_char *data;
	int got, err;

	while ((got = libpcap.pcap_next_ex(p, &h, &data)) == 1) {
		struct frame frame = { data, h->caplen, h->len, pcap_time_ns(h) };

		if (lies(c, path, ++n, h))
			return -EINVAL;
		note_times(c, frame.ns, frame.ns);
		c->frames++;
		if (filter && !filter_match(filter, data, h->caplen, h->len))
			native_filtered(c->lanes.native, h->len, WEIR_DIR_FILE);
		else
			native_count_frame(c->lanes.native, &frame, link);
		if (n % every)
			continue;
		err = lane_drain(c->lanes.lane);
		if (err)
			return err;
	}
	if (got == PCAP_ERROR) {
		snprintf(c->error, sizeof(c->error),
			 "%s: %s: the file is cut short or damaged; the %" PRIu64
			 " frames before that are counted",
			 path, libpcap.pcap_geterr(p), n);
		return -EINVAL;
	}
	if (link == WEIR_LINK_OTHER && n) {
		const char *name = libpcap.pcap_datalink_val_to_name(libpcap.pcap_datalink(p));

		snprintf(c->error, sizeof(c->error),
			 "%s: link type %d (%s) is not one weir reads: its %" PRIu64
			 " frames are counted as other",
			 path, libpcap.pcap_datalink(p), name ? name : "unknown", n);
		return -EINVAL;
	}
	return 0;
}

/* The filter is compiled for each file: they may differ in link type. */
static int count_filtered(struct capture *c, pcap_t *p, const char *path)
{
	char why[FILTER_WHY];
	struct filter f;
	int err = filter_compile_file(&f, c->filter, p, why);

	if (err)
		snprintf(c->error, sizeof(c->error), "%s: libpcap: %.400s", path, why);
	else
		err = count_records(c, p, &f, path, 0);
	filter_free(&f);
	return err;
}

static int read_by_libpcap(struct capture *c, const char *path, struct stream *s, uint64_t counted)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *p;
	FILE *f;
	int err;

	if (library_load(&libpcap.library, why, sizeof(why))) {
		snprintf(c->error, sizeof(c->error), "%s: %s", path, why);
		return -EINVAL;
	}
	f = fopencookie(s, "r", (cookie_io_functions_t){ .read = stream_read });
	if (!f)
		return -ENOMEM;
	p = libpcap.pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!p) {
		fclose(f);
		if (packed_why(s->head, s->head_size, path, "weir read", c->error,
			       sizeof(c->error)))
			return -EINVAL;
		snprintf(c->error, sizeof(c->error), "%s: %s: is it a pcap or pcapng file?", path,
			 why);
		return -EINVAL;
	}
	err = has_filter(c) ? count_filtered(c, p, path) : count_records(c, p, NULL, path, counted);
	libpcap.pcap_close(p);
	return err;
}

/* ---- files ---- */

static size_t read_header(int fd, unsigned char *to)
{
	size_t have = 0;

	while (have < CLASSIC_HEADER) {
		ssize_t n = read(fd, to + have, CLASSIC_HEADER - have);

		if (n > 0)
			have += (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	return have;
}

static void note_lost(struct capture *c, const char *path, int err)
{
	if (err == -ESTALE || err == -EIO)
		snprintf(c->error, sizeof(c->error),
			 "%s: %s: the last frames counted may not be what they were", path,
			 err == -EIO ? "cannot be read to its end"
				     : "was cut short while it was read");
}

static int read_descriptor(struct capture *c, const char *path, int fd)
{
	struct plain plain = { .fd = fd, .lanes = &c->lanes };
	unsigned char header[CLASSIC_HEADER];
	struct stream s = { .fd = fd, .part = { header } };
	int err = 1;

	s.size[0] = read_header(fd, header);
	s.head = header;
	s.head_size = s.size[0];
	/* A filter is libpcap's, for a file as libpcap has opened it. */
	if (!c->libpcap_only && !has_filter(c) && s.size[0] == sizeof(header) &&
	    classic_open(&plain.format, header)) {
		err = plain_read(&plain);
		if (plain.frames)
			note_times(c, plain.first_ns, plain.last_ns);
		c->frames += plain.frames;
		note_lost(c, path, err);
		s.part[1] = plain.left;
		s.size[1] = plain.left_size;
	}
	if (err > 0)
		err = read_by_libpcap(c, path, &s, plain.frames);
	plain_free(&plain);
	return err;
}

int capture_file(struct capture *c, const char *path)
{
	bool standard = !strcmp(path, "-");
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), err, drained;

	c->error[0] = 0;
	if (fd < 0) {
		err = -errno;
		snprintf(c->error, sizeof(c->error), "%s: %s", path, strerror(-err));
		return err;
	}
	err = read_descriptor(c, path, fd);
	if (!standard)
		close(fd);
	drained = lane_drain(c->lanes.lane);
	return err ? err : drained;
}

int capture_snapshot(struct capture *c, struct snapshot *s)
{
	return gather(&c->lanes, s);
}
