/* SPDX-License-Identifier: GPL-2.0 */
/* Capture files; see capture.h. */
#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "filter.h"

/* A longer frame than any link or segmentation offload makes: the record lies. */
#define LENGTH_MAX (16U << 20)

#ifndef DLT_LINUX_SLL2
#define DLT_LINUX_SLL2 276
#endif

static uint8_t link_of(int dlt)
{
	switch (dlt) {
	case DLT_EN10MB:
		return WEIR_LINK_ETHERNET;
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case 101: /* LINKTYPE_RAW as some writers leave it */
	case 14:
		return WEIR_LINK_RAW;
	case DLT_LINUX_SLL:
		return WEIR_LINK_SLL;
	case DLT_LINUX_SLL2:
		return WEIR_LINK_SLL2;
	case DLT_NULL:
	case DLT_LOOP:
		return WEIR_LINK_NULL;
	default:
		return WEIR_LINK_OTHER;
	}
}

int capture_open(struct capture *c, const struct plan *plan)
{
	*c = (struct capture){ 0 };
	c->native = native_new(plan, 0x77656972);
	c->reader = c->native ? reader_new(native_tables(c->native), 0) : NULL;
	if (c->reader)
		return 0;
	capture_close(c);
	return -ENOMEM;
}

void capture_close(struct capture *c)
{
	reader_free(c->reader);
	native_free(c->native);
	c->reader = NULL;
	c->native = NULL;
}

static void note_time(struct capture *c, uint64_t ns)
{
	if (!c->frames || ns < c->first_ns)
		c->first_ns = ns;
	if (ns > c->last_ns)
		c->last_ns = ns;
	c->frames++;
}

/* Most frames between two drains: neither ring can be overwritten in that many. */
static uint64_t drain_every(const struct plan *p)
{
	uint64_t flows = p->ended / 2, syns = p->syn_ended / 4;
	uint64_t n = flows < syns ? flows : syns;

	return n ? n : 1;
}

static int lies(struct capture *c, const char *path, uint64_t number, const struct pcap_pkthdr *h)
{
	if (h->caplen <= h->len && h->len <= LENGTH_MAX)
		return 0;
	snprintf(c->error, sizeof(c->error),
		 "%s: record %" PRIu64
		 " says %u bytes of a frame of %u were captured, which cannot "
		 "be: the file is damaged; the %" PRIu64 " frames before it are counted",
		 path, number, h->caplen, h->len, number - 1);
	return 1;
}

/* Counts every record of an open file. */
static int count_records(struct capture *c, pcap_t *p, const struct filter *f, const char *path)
{
	const uint64_t every = drain_every(&native_tables(c->native)->plan);
	uint8_t link = link_of(pcap_datalink(p));
	struct pcap_pkthdr *h;
	const u_char *data;
	uint64_t n = 0;
	int got, err;

	while ((got = pcap_next_ex(p, &h, &data)) == 1) {
		uint64_t ns = (uint64_t)h->ts.tv_sec * 1000000000ULL + (uint64_t)h->ts.tv_usec;

		if (lies(c, path, ++n, h))
			return -EINVAL;
		note_time(c, ns);
		if (f && !filter_match(f, data, h->caplen, h->len))
			native_filtered(c->native, h->len, WEIR_DIR_FILE);
		else
			native_count(c->native, data, h->caplen, h->len, ns, link, WEIR_DIR_FILE);
		if (n % every)
			continue;
		err = reader_drain(c->reader);
		if (err)
			return err;
	}
	if (got == PCAP_ERROR) {
		snprintf(c->error, sizeof(c->error),
			 "%s: %s: the file is cut short or damaged; the %" PRIu64
			 " frames before that are counted",
			 path, pcap_geterr(p), n);
		return -EINVAL;
	}
	if (link == WEIR_LINK_OTHER && n) {
		const char *name = pcap_datalink_val_to_name(pcap_datalink(p));

		snprintf(c->error, sizeof(c->error),
			 "%s: link type %d (%s) is not one weir reads: its %" PRIu64
			 " frames are counted as other",
			 path, pcap_datalink(p), name ? name : "unknown", n);
		return -EINVAL;
	}
	return 0;
}

/* The filter is compiled for each file: they may differ in link type. */
static int count_filtered(struct capture *c, pcap_t *p, const char *path)
{
	char why[FILTER_WHY];
	struct filter f;
	int err;

	if (!c->filter || !*c->filter)
		return count_records(c, p, NULL, path);
	err = filter_compile_file(&f, c->filter, p, why);
	if (err)
		snprintf(c->error, sizeof(c->error), "%s: libpcap: %.400s", path, why);
	else
		err = count_records(c, p, &f, path);
	filter_free(&f);
	return err;
}

int capture_file(struct capture *c, const char *path)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	int err, drained;

	c->error[0] = 0;
	if (!p) {
		/* libpcap names the file in some of its messages. */
		bool named = !strncmp(why, path, strlen(path));

		snprintf(c->error, sizeof(c->error), "%s%s%s: is it a pcap or pcapng file?",
			 named ? "" : path, named ? "" : ": ", why);
		return -EINVAL;
	}
	err = count_filtered(c, p, path);
	pcap_close(p);
	native_flush(c->native);
	drained = reader_drain(c->reader);
	return err ? err : drained;
}

int capture_snapshot(struct capture *c, struct snapshot *s)
{
	native_flush(c->native);
	return reader_read(c->reader, s);
}
