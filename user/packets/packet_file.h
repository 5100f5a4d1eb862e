/* SPDX-License-Identifier: GPL-2.0 */
/* Packets out of a capture file of any kind that libpcap reads. */
#ifndef WEIR_PACKET_FILE_H
#define WEIR_PACKET_FILE_H

#include "packets/packet.h"

#define PACKET_FILE_WHY 512

struct packet_file {
	void *pcap; /* a pcap_t */
	uint8_t link;
	uint32_t linktype; /* as tcpdump.org lists them */
	uint32_t snaplen;
	char why[PACKET_FILE_WHY];
};

/* "-" is standard input. 0, or a negative errno with f->why set. */
int packet_file_open(struct packet_file *f, const char *path);
/*
 * Hands all that match the pcap-filter expression (NULL or "": all) to `take`. 0; what `take`
 * returned, if not 0; or a negative errno with f->why set: what came before the fault was handed
 * on.
 */
int packet_file_read(struct packet_file *f, const char *expression, packet_take take, void *to);
void packet_file_close(struct packet_file *f);

#endif
