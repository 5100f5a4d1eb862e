/* SPDX-License-Identifier: GPL-2.0 */
/* ARP as text (RFC 826). */
#include <string.h>

#include "packets/packet_text.h"

#define SENDER_MAC 8
#define SENDER_IP 14
#define TARGET_MAC 18
#define TARGET_IP 24

static void text_request(struct line *l, const unsigned char *a)
{
	static const unsigned char none[6];

	line_add(l, "Request who-has ");
	line_ipv4(l, a + TARGET_IP);
	if (memcmp(a + TARGET_MAC, none, 6)) {
		line_add(l, " (");
		line_mac(l, a + TARGET_MAC);
		line_add(l, ")");
	}
	line_add(l, " tell ");
	line_ipv4(l, a + SENDER_IP);
}

static void text_operation(struct line *l, const unsigned char *a, uint16_t operation)
{
	switch (operation) {
	case 1:
		text_request(l, a);
		break;
	case 2:
		line_add(l, "Reply ");
		line_ipv4(l, a + SENDER_IP);
		line_add(l, " is-at ");
		line_mac(l, a + SENDER_MAC);
		break;
	case 3:
		line_add(l, "Reverse Request who-is ");
		line_mac(l, a + TARGET_MAC);
		line_add(l, " tell ");
		line_mac(l, a + SENDER_MAC);
		break;
	case 4:
		line_add(l, "Reverse Reply ");
		line_mac(l, a + TARGET_MAC);
		line_add(l, " at ");
		line_ipv4(l, a + TARGET_IP);
		break;
	default:
		line_add(l, "operation %u", operation);
	}
}

void text_arp(struct line *l, struct rest *r)
{
	line_add(l, "ARP, ");
	if (!rest_needs(r, 8, l, "arp"))
		return;
	/* Ethernet and IPv4; nothing else is about. */
	if (rest_u16(r, 0) != 1 || rest_u16(r, 2) != 0x0800 || rest_u16(r, 4) != 0x0604) {
		line_add(l, "hardware %u (%u bytes), protocol 0x%04x (%u bytes)", rest_u16(r, 0),
			 rest_u8(r, 4), rest_u16(r, 2), rest_u8(r, 5));
	} else {
		if (!rest_needs(r, 28, l, "arp"))
			return;
		text_operation(l, rest_at(r), rest_u16(r, 6));
	}
	line_add(l, ", length %u", r->length);
}
