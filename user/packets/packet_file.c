/* SPDX-License-Identifier: GPL-2.0 */
/* Capture files by libpcap, packet by packet; see packet_file.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/pcap.h"
#include "files/classic.h"
#include "files/packed.h"
#include "filter/filter.h"
#include "packets/packet_file.h"

#define SNAPLEN_MAX 262144 /* libpcap's */

/* Raw IP has one number in libpcap and another in files. */
static uint32_t linktype_of(int dlt)
{
	return dlt == DLT_RAW ? 101 : (uint32_t)dlt;
}

/* Standard input is libpcap's alone, and no longer at its beginning. */
static bool is_packed(struct packet_file *f, const char *path)
{
	unsigned char head[PACKED_HEAD];
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : NULL;
	bool packed;
	size_t have;

	if (!file)
		return false;
	have = fread(head, 1, sizeof(head), file);
	packed = !ferror(file) &&
		 packed_why(head, have, path, "weir packets -r", f->why, sizeof(f->why));
	fclose(file);
	return packed;
}

int packet_file_open(struct packet_file *f, const char *path)
{
	char why[PCAP_ERRBUF_SIZE];

	*f = (struct packet_file){ 0 };
	if (library_load(&libpcap.library, why, sizeof(why))) {
		snprintf(f->why, sizeof(f->why), "%.150s: %.300s", path, why);
		return -EINVAL;
	}
	f->pcap = libpcap.pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO,
								  why);
	if (!f->pcap) {
		if (is_packed(f, path))
			return -EINVAL;
		/* libpcap names the file where it could not open it, and not where it is no pcap.
		 */
		bool named = !strncmp(why, path, strlen(path));

		snprintf(f->why, sizeof(f->why), "%.150s%s%.300s", named ? "" : path,
			 named ? "" : ": ", why);
		return -EINVAL;
	}
	f->link = classic_link(libpcap.pcap_datalink(f->pcap));
	f->linktype = linktype_of(libpcap.pcap_datalink(f->pcap));
	f->snaplen = (uint32_t)libpcap.pcap_snapshot(f->pcap);
	if (!f->snaplen || f->snaplen > SNAPLEN_MAX)
		f->snaplen = SNAPLEN_MAX;
	return 0;
}

static int read_records(struct packet_file *f, const struct filter *filter, packet_take take,
			void *to)
{
	struct packet p = { .link = f->link, .dir = WEIR_DIR_FILE };
	struct pcap_pkthdr *h;
	const u_char *data;
	uint64_t n = 0;
	int got, err;

	while ((got = libpcap.pcap_next_ex(f->pcap, &h, &data)) == 1) {
		n++;
		if (filter && !filter_match(filter, data, h->caplen, h->len))
			continue;
		p.frame = (struct frame){ data, h->caplen < h->len ? h->caplen : h->len, h->len,
					  pcap_time_ns(h) };
		err = take(to, &p);
		if (err)
			return err;
	}
	if (got != PCAP_ERROR)
		return 0;
	snprintf(f->why, sizeof(f->why),
		 "%s: the file is cut short or damaged behind its %" PRIu64 " packets",
		 libpcap.pcap_geterr(f->pcap), n);
	return -EINVAL;
}

int packet_file_read(struct packet_file *f, const char *expression, packet_take take, void *to)
{
	char words[FILTER_WHY];
	struct filter filter;
	int err;

	if (!expression || !*expression)
		return read_records(f, NULL, take, to);
	err = filter_compile_file(&filter, expression, f->pcap, words);
	if (err)
		snprintf(f->why, sizeof(f->why), "libpcap: %.400s", words);
	else
		err = read_records(f, &filter, take, to);
	filter_free(&filter);
	return err;
}

void packet_file_close(struct packet_file *f)
{
	if (f->pcap)
		libpcap.pcap_close(f->pcap);
	f->pcap = NULL;
}
