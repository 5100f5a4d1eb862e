/* SPDX-License-Identifier: GPL-2.0 */
/* UDP as text, and the question of what goes to or comes from a name server. */
#include "packets/packet_text.h"

static bool is_dns(uint16_t port)
{
	return port == 53 || port == 5353 || port == 5355; /* DNS, mDNS, LLMNR */
}

void text_udp(struct line *l, struct rest *r, struct ends *e)
{
	uint32_t length;

	if (rest_here(r) < 4)
		text_ends(l, e, false);
	if (!rest_needs(r, 4, l, "udp"))
		return;
	e->sport = rest_u16(r, 0);
	e->dport = rest_u16(r, 2);
	text_ends(l, e, true);
	if (!rest_needs(r, 8, l, "udp"))
		return;
	length = rest_u16(r, 4);
	if (!length && e->size == 16) /* RFC 2675, 4. */
		length = r->length;
	if (length < 8 || length > r->length) {
		line_add(l, "malformed: udp length %u of %u", length, r->length);
		return;
	}
	rest_limit(r, length);
	rest_skip(r, 8);
	if (r->length && (is_dns(e->sport) || is_dns(e->dport)))
		text_dns(l, r);
	else
		line_add(l, "UDP, length %u", r->length);
}
