/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets as lines of text, in the form of tcpdump -n: time, addresses and ports, and what the
 * protocol has to say. Sequence numbers are relative once a connection was seen; the connections
 * remembered are bounded, and a newer one takes an older one's place. Each protocol has a file.
 */
#ifndef WEIR_PACKET_TEXT_H
#define WEIR_PACKET_TEXT_H

#include <time.h>

#include "packets/line.h"
#include "packets/packet.h"

#define CONNECTIONS 32768 /* remembered, a power of two */

struct connection {
	unsigned char lower[18], upper[18]; /* address and port of its ends, in order */
	uint32_t lower_start, upper_start;  /* sequence numbers that are 0 */
	bool known;
};

struct packet_text {
	struct line line; /* of the last packet, with its newline */
	struct connection *connections;
	time_t second; /* that `clock` is of */
	char clock[16];
};

/* 0 or -ENOMEM. */
int packet_text_open(struct packet_text *t);
/* Writes the packet's line to t->line. */
void packet_text_write(struct packet_text *t, const struct packet *p);
void packet_text_close(struct packet_text *t);

/* ---- for the protocols' files ---- */

/* The ends of a packet, addresses of `size` bytes as they lie in it. */
struct ends {
	const unsigned char *src, *dst;
	uint32_t size; /* 4 or 16 */
	bool told;     /* they are in the line already */
	uint16_t sport, dport;
};

/* Each adds to the line what there is from its header on. */
void text_ipv4(struct packet_text *t, struct rest *r);
void text_ipv6(struct packet_text *t, struct rest *r);
void text_arp(struct line *l, struct rest *r);
void text_tcp(struct packet_text *t, struct rest *r, struct ends *e);
void text_udp(struct line *l, struct rest *r, struct ends *e);
void text_icmp(struct line *l, struct rest *r);
void text_icmpv6(struct line *l, struct rest *r);
void text_dns(struct line *l, struct rest *r);

/* "SRC > DST: ", with the ports where `ports`; the ports alone where the addresses are told. */
void text_ends(struct line *l, const struct ends *e, bool ports);
/* "tcp port 80", of a protocol and the L4 header of a packet that a message quotes. */
void text_quoted_port(struct line *l, uint8_t proto, const struct rest *r);

#endif
