/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The classic pcap format, version 2.4, as far as it is plain: both byte orders, times in us or
 * ns, link types weir reads, records that are all they say. Whatever else there is, in a file or
 * from some record on, is libpcap's to judge: nothing here refuses, it only stops.
 */
#ifndef WEIR_CLASSIC_H
#define WEIR_CLASSIC_H

#include <weir/cursor.h>
#include "files/native.h"

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
 * Bytes of the record at `p`, header and all, if it is plain and lies before `end`; otherwise 0,
 * and *why says what is the matter. `swapped` is f->swapped, apart so that it can be a constant.
 */
weir_inline uint32_t classic_size(const struct classic *f, bool swapped, const unsigned char *p,
				  const unsigned char *end, enum classic_end *why)
{
	uint32_t captured, length;

	*why = CLASSIC_MORE;
	if (end - p < CLASSIC_RECORD)
		return 0;
	captured = classic_word(p + 8, swapped);
	length = classic_word(p + 12, swapped);
	if (captured > length || length > CAPTURE_LENGTH_MAX || captured > f->captured ||
	    classic_word(p + 4, swapped) >= f->units || classic_word(p, swapped) > INT32_MAX) {
		*why = CLASSIC_STRANGE;
		return 0;
	}
	return end - p - CLASSIC_RECORD < captured ? 0 : CLASSIC_RECORD + captured;
}

/* The frame of a record that has a size. */
weir_inline struct frame classic_frame(const struct classic *f, bool swapped,
				       const unsigned char *p)
{
	return (struct frame){
		.data = p + CLASSIC_RECORD,
		.captured = classic_word(p + 8, swapped),
		.length = classic_word(p + 12, swapped),
		.ns = classic_word(p, swapped) * 1000000000ULL +
		      (uint64_t)classic_word(p + 4, swapped) * f->unit,
	};
}

/* Most bytes of the record at `p` that are needed to see it all, as far as `end` lets us know. */
static inline uint32_t classic_needs(const struct classic *f, const unsigned char *p,
				     const unsigned char *end)
{
	if (end - p < CLASSIC_RECORD)
		return CLASSIC_RECORD;
	return CLASSIC_RECORD + classic_word(p + 8, f->swapped);
}

/* What weir makes of a libpcap link type: enum weir_link. */
uint8_t classic_link(int dlt);

#endif
