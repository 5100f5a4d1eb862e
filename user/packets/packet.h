/* SPDX-License-Identifier: GPL-2.0 */
/* One packet as it is shown, saved or exported: from a tap or from a file. */
#ifndef WEIR_PACKET_H
#define WEIR_PACKET_H

#include "files/native.h"

struct packet {
	struct frame frame; /* as on the wire, tags in place */
	uint8_t link;	    /* enum weir_link */
	uint8_t dir;	    /* enum weir_dir */
	uint16_t gso_segs;  /* more than 1: the host hands this to the device to be cut up */
};

/* What is done with one. 0 to go on; anything else ends the reading, and is its result. */
typedef int (*packet_take)(void *to, const struct packet *p);

#endif
