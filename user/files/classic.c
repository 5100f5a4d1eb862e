/* SPDX-License-Identifier: GPL-2.0 */
/* Classic pcap; see classic.h. */
#include <pcap/pcap.h>
#include <string.h>

#include "files/classic.h"

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

static uint16_t half(const unsigned char *at, bool swapped)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return swapped ? __builtin_bswap16(v) : v;
}

bool classic_open(struct classic *f, const unsigned char *header)
{
	uint32_t magic = classic_word(header, false), snap, link;

	*f = (struct classic){ .swapped = magic != MAGIC_US && magic != MAGIC_NS };
	magic = classic_word(header, f->swapped);
	if (magic != MAGIC_US && magic != MAGIC_NS)
		return false;
	if (half(header + 4, f->swapped) != 2 || half(header + 6, f->swapped) != 4)
		return false;
	snap = classic_word(header + 16, f->swapped);
	link = classic_word(header + 20, f->swapped);
	f->link = classic_link((int)link);
	f->units = magic == MAGIC_NS ? 1000000000 : 1000000;
	f->unit = 1000000000 / f->units;
	f->captured = snap && snap < CLASSIC_CAPTURED_MAX ? snap : CLASSIC_CAPTURED_MAX;
	return f->link != WEIR_LINK_OTHER;
}
