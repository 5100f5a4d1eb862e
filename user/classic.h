/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The classic pcap format, version 2.4, as far as it is plain: both byte orders, times in us or
 * ns, link types weir reads, records that are all they say. Whatever else there is, in a file or
 * from some record on, is libpcap's to judge: nothing here refuses, it only stops.
 */
#ifndef WEIR_CLASSIC_H
#define WEIR_CLASSIC_H

#include "native.h"

#define CLASSIC_HEADER 24
#define CLASSIC_RECORD 16
#define CLASSIC_CAPTURED_MAX 262144 /* libpcap's own limit for these link types */

struct classic {
	bool swapped;
	uint8_t link;	   /* enum weir_link */
	uint32_t unit;	   /* ns */
	uint32_t units;	   /* in a second */
	uint32_t captured; /* most bytes of a plain record */
};

enum classic_end {
	CLASSIC_ROOM,	 /* no room for another frame */
	CLASSIC_MORE,	 /* what follows is not all there */
	CLASSIC_STRANGE, /* what follows is not plain */
};

/* Reads a file's first CLASSIC_HEADER bytes. Whether it is plain. */
bool classic_open(struct classic *f, const unsigned char *header);

/*
 * Lists the frames of the plain records between *at and `end`, at most `room` of them, and moves
 * *at past those. Returns their number, and why there are no more.
 */
uint32_t classic_frames(const struct classic *f, const unsigned char **at, const unsigned char *end,
			struct frame *to, uint32_t room, enum classic_end *why);
/* The same without the frames: counts all of them there are. */
uint64_t classic_span(const struct classic *f, const unsigned char **at, const unsigned char *end,
		      enum classic_end *why);

/* What weir makes of a libpcap link type: enum weir_link. */
uint8_t classic_link(int dlt);

#endif
