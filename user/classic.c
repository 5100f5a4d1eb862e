/* SPDX-License-Identifier: GPL-2.0 */
/* Classic pcap; see classic.h. */
#include <pcap/pcap.h>
#include <string.h>

#include <weir/cursor.h>
#include "capture.h"
#include "classic.h"

#define MAGIC_US 0xa1b2c3d4
#define MAGIC_NS 0xa1b23c4d

#ifndef DLT_LINUX_SLL2
#define DLT_LINUX_SLL2 276
#endif

uint8_t classic_link(int dlt)
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

static uint32_t word(const unsigned char *at, bool swapped)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return swapped ? __builtin_bswap32(v) : v;
}

static uint16_t half(const unsigned char *at, bool swapped)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return swapped ? __builtin_bswap16(v) : v;
}

bool classic_open(struct classic *f, const unsigned char *header)
{
	uint32_t magic = word(header, false), snap, link;

	*f = (struct classic){ .swapped = magic != MAGIC_US && magic != MAGIC_NS };
	magic = word(header, f->swapped);
	if (magic != MAGIC_US && magic != MAGIC_NS)
		return false;
	if (half(header + 4, f->swapped) != 2 || half(header + 6, f->swapped) != 4)
		return false;
	snap = word(header + 16, f->swapped);
	link = word(header + 20, f->swapped);
	f->link = classic_link((int)link);
	f->units = magic == MAGIC_NS ? 1000000000 : 1000000;
	f->unit = 1000000000 / f->units;
	f->captured = snap && snap < CLASSIC_CAPTURED_MAX ? snap : CLASSIC_CAPTURED_MAX;
	return f->link != WEIR_LINK_OTHER;
}

/* A record whose every field is in its bounds, as libpcap takes it unchanged. */
weir_inline bool plain(const struct classic *f, uint32_t seconds, uint32_t fraction,
		       uint32_t captured, uint32_t length)
{
	return captured <= length && length <= CAPTURE_LENGTH_MAX && captured <= f->captured &&
	       fraction < f->units && seconds <= INT32_MAX;
}

/* `to` NULL: the frames are not wanted. */
weir_inline uint64_t walk(const struct classic *f, const unsigned char **at,
			  const unsigned char *end, struct frame *to, uint64_t room,
			  enum classic_end *why, bool swapped)
{
	const unsigned char *p = *at;
	uint64_t n = 0;

	*why = CLASSIC_MORE;
	while (end - p >= CLASSIC_RECORD) {
		uint32_t seconds = word(p, swapped), fraction = word(p + 4, swapped);
		uint32_t captured = word(p + 8, swapped), length = word(p + 12, swapped);

		if (n == room) {
			*why = CLASSIC_ROOM;
			break;
		}
		if (!plain(f, seconds, fraction, captured, length)) {
			*why = CLASSIC_STRANGE;
			break;
		}
		if (end - p - CLASSIC_RECORD < captured)
			break;
		p += CLASSIC_RECORD;
		if (to)
			to[n] = (struct frame){ p, captured, length,
						seconds * 1000000000ULL +
							(uint64_t)fraction * f->unit };
		p += captured;
		n++;
	}
	*at = p;
	return n;
}

uint32_t classic_frames(const struct classic *f, const unsigned char **at, const unsigned char *end,
			struct frame *to, uint32_t room, enum classic_end *why)
{
	return (uint32_t)(f->swapped ? walk(f, at, end, to, room, why, true)
				     : walk(f, at, end, to, room, why, false));
}

uint64_t classic_span(const struct classic *f, const unsigned char **at, const unsigned char *end,
		      enum classic_end *why)
{
	return f->swapped ? walk(f, at, end, NULL, UINT64_MAX, why, true)
			  : walk(f, at, end, NULL, UINT64_MAX, why, false);
}
