/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The classic pcap format, version 2.4, as far as it is plain: both byte orders, times in us or
 * ns, link types weir reads, records that are all they say. Whatever else there is, in a file or
 * from some record on, is libpcap's to judge: nothing here refuses, it only stops.
 */
#ifndef WEIR_CLASSIC_H
#define WEIR_CLASSIC_H

#include <weir/cursor.h>
#include "native.h"

#define CLASSIC_HEADER 24
#define CLASSIC_RECORD 16
/* A longer frame than any link or segmentation offload makes: the record lies. */
#define CAPTURE_LENGTH_MAX (16U << 20)
#define CLASSIC_CAPTURED_MAX 262144 /* libpcap's own limit for these link types */

struct classic {
	bool swapped;
	uint8_t link;	   /* enum weir_link */
	uint32_t unit;	   /* ns */
	uint32_t units;	   /* in a second */
	uint32_t captured; /* most bytes of a plain record */
};

enum classic_end {
	CLASSIC_MORE,	 /* what follows is not all there */
	CLASSIC_STRANGE, /* what follows is not plain */
};

/* Reads a file's first CLASSIC_HEADER bytes. Whether it is plain. */
bool classic_open(struct classic *f, const unsigned char *header);

weir_inline uint32_t classic_word(const unsigned char *at, bool swapped)
{
	uint32_t v;

	__builtin_memcpy(&v, at, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

/*
 * The frame of the record at *at, if it is plain and all of it lies before `end`: then true, and
 * *at is behind it. Otherwise *why says what is the matter. `swapped` is f->swapped, apart so that
 * it can be a constant.
 */
weir_inline bool classic_next(const struct classic *f, bool swapped, const unsigned char **at,
			      const unsigned char *end, struct frame *to, enum classic_end *why)
{
	const unsigned char *p = *at;
	uint32_t seconds, fraction;

	*why = CLASSIC_MORE;
	if (end - p < CLASSIC_RECORD)
		return false;
	seconds = classic_word(p, swapped);
	fraction = classic_word(p + 4, swapped);
	to->captured = classic_word(p + 8, swapped);
	to->length = classic_word(p + 12, swapped);
	if (to->captured > to->length || to->length > CAPTURE_LENGTH_MAX ||
	    to->captured > f->captured || fraction >= f->units || seconds > INT32_MAX) {
		*why = CLASSIC_STRANGE;
		return false;
	}
	if (end - p - CLASSIC_RECORD < to->captured)
		return false;
	to->ns = seconds * 1000000000ULL + (uint64_t)fraction * f->unit;
	to->data = p + CLASSIC_RECORD;
	*at = to->data + to->captured;
	return true;
}

/* What weir makes of a libpcap link type: enum weir_link. */
uint8_t classic_link(int dlt);

#endif
