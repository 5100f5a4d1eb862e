/* SPDX-License-Identifier: GPL-2.0 */
/* IPv4 and IPv6 headers as text, and what is behind them by its number. See packet_text.h. */
#include <weir/parse.h>
#include "packets/packet_text.h"
#include "views/view.h"

static void text_address(struct line *l, const struct ends *e, const unsigned char *address)
{
	if (e->size == 4)
		line_ipv4(l, address);
	else
		line_ipv6(l, address);
}

void text_ends(struct line *l, const struct ends *e, bool ports)
{
	if (e->told) {
		if (ports)
			line_add(l, "%u > %u: ", e->sport, e->dport);
		return;
	}
	text_address(l, e, e->src);
	if (ports)
		line_add(l, ".%u", e->sport);
	line_add(l, " > ");
	text_address(l, e, e->dst);
	if (ports)
		line_add(l, ".%u", e->dport);
	line_add(l, ": ");
}

void text_quoted_port(struct line *l, uint8_t proto, const struct rest *r)
{
	char name[16];

	if (proto != WEIR_P_TCP && proto != WEIR_P_UDP && proto != WEIR_P_SCTP)
		line_add(l, "protocol %u", proto);
	else if (rest_here(r) < 4)
		line_add(l, "%s port [|%s]", proto_name(proto, name, sizeof(name)), name);
	else
		line_add(l, "%s port %u", proto_name(proto, name, sizeof(name)), rest_u16(r, 2));
}

static void text_protocol(struct line *l, uint8_t proto)
{
	char name[16];

	proto_name(proto, name, sizeof(name));
	if (*name >= '0' && *name <= '9')
		line_add(l, "ip-proto-%u", proto);
	else
		line_add(l, "%s", name);
}

static void text_sctp(struct line *l, struct rest *r, struct ends *e)
{
	bool ports = rest_here(r) >= 4;

	if (ports) {
		e->sport = rest_u16(r, 0);
		e->dport = rest_u16(r, 2);
	}
	text_ends(l, e, ports);
	if (rest_needs(r, 12, l, "sctp"))
		line_add(l, "sctp, length %u", r->length - 12);
}

static void text_l4(struct packet_text *t, struct rest *r, struct ends *e, uint8_t proto)
{
	switch (proto) {
	case WEIR_P_TCP:
		text_tcp(t, r, e);
		break;
	case WEIR_P_UDP:
		text_udp(&t->line, r, e);
		break;
	case WEIR_P_SCTP:
		text_sctp(&t->line, r, e);
		break;
	case WEIR_P_ICMP:
		text_ends(&t->line, e, false);
		text_icmp(&t->line, r);
		break;
	case WEIR_P_ICMPV6:
		text_ends(&t->line, e, false);
		text_icmpv6(&t->line, r);
		break;
	default:
		text_ends(&t->line, e, false);
		if (proto == 59 && e->size == 16) {
			line_add(&t->line, "no next header");
			break;
		}
		text_protocol(&t->line, proto);
		line_add(&t->line, ", length %u", r->length);
	}
}

/* ---- IPv4 ---- */

static void text_fragment(struct line *l, const struct rest *ip, uint32_t payload)
{
	uint16_t field = rest_u16(ip, 6);

	line_add(l, " (frag %u:%u@%u%s)", rest_u16(ip, 4), payload, (field & 0x1fff) * 8,
		 field & 0x2000 ? "+" : "");
}

/* The bytes of the header and all behind it, as far as it says; 0 where it cannot be. */
static uint32_t ipv4_header(struct line *l, struct rest *r)
{
	uint32_t header = (uint32_t)(rest_u8(r, 0) & 15) * 4, total = rest_u16(r, 2);

	if (rest_u8(r, 0) >> 4 != 4) {
		line_add(l, "malformed: version %u in an IPv4 packet", rest_u8(r, 0) >> 4);
		return 0;
	}
	if (header < 20) {
		line_add(l, "malformed: header length %u", header);
		return 0;
	}
	if (!total) /* of a packet that is yet to be cut into segments */
		total = r->length;
	if (total < header) {
		line_add(l, "malformed: total length %u", total);
		return 0;
	}
	if (total > r->length)
		line_add(l, "malformed: %u bytes missing, ", total - r->length);
	rest_limit(r, total);
	return header;
}

void text_ipv4(struct packet_text *t, struct rest *r)
{
	struct rest ip = *r;
	uint32_t header;
	struct ends e = { .size = 4 };

	line_add(&t->line, "IP ");
	if (!rest_needs(r, 20, &t->line, "ip"))
		return;
	header = ipv4_header(&t->line, r);
	if (!header || !rest_needs(r, header, &t->line, "ip"))
		return;
	e.src = rest_at(&ip) + 12;
	e.dst = rest_at(&ip) + 16;
	rest_skip(r, header);
	header = r->length;
	if (rest_u16(&ip, 6) & 0x1fff) {
		text_ends(&t->line, &e, false);
		text_protocol(&t->line, rest_u8(&ip, 9));
	} else {
		text_l4(t, r, &e, rest_u8(&ip, 9));
	}
	if (rest_u16(&ip, 6) & 0x3fff)
		text_fragment(&t->line, &ip, header);
}

/* ---- IPv6 ---- */

static const char *ext_name(uint8_t proto)
{
	switch (proto) {
	case WEIR_P_HOPOPTS:
		return "HBH ";
	case WEIR_P_DSTOPTS:
		return "DSTOPT ";
	case WEIR_P_ROUTING:
		return "srcrt ";
	default:
		return "AH ";
	}
}

/* One extension header; false where nothing behind it can be told. */
static bool text_ext(struct packet_text *t, struct rest *r, uint8_t *proto)
{
	uint8_t here = *proto;
	uint32_t size;

	if (!rest_needs(r, 8, &t->line, "ip6ext"))
		return false;
	*proto = rest_u8(r, 0);
	if (here == WEIR_P_FRAGMENT) {
		uint16_t field = rest_u16(r, 2);

		rest_skip(r, 8);
		line_add(&t->line, "frag (%u|%u) ", field & 0xfff8, r->length);
		return !(field & 0xfff8);
	}
	size = here == WEIR_P_AH ? (rest_u8(r, 1) + 2U) * 4 : (rest_u8(r, 1) + 1U) * 8;
	line_add(&t->line, "%s", ext_name(here));
	if (!rest_needs(r, size, &t->line, "ip6ext"))
		return false;
	rest_skip(r, size);
	return true;
}

void text_ipv6(struct packet_text *t, struct rest *r)
{
	uint32_t payload, headers;
	struct ends e = { .size = 16 };
	uint8_t proto;

	line_add(&t->line, "IP6 ");
	if (!rest_needs(r, 40, &t->line, "ip6"))
		return;
	if (rest_u8(r, 0) >> 4 != 6) {
		line_add(&t->line, "malformed: version %u in an IPv6 packet", rest_u8(r, 0) >> 4);
		return;
	}
	payload = rest_u16(r, 4);
	proto = rest_u8(r, 6);
	e.src = rest_at(r) + 8;
	e.dst = rest_at(r) + 24;
	rest_skip(r, 40);
	if (payload > r->length)
		line_add(&t->line, "malformed: %u bytes missing, ", payload - r->length);
	if (payload) /* 0: a jumbogram, or yet to be cut into segments */
		rest_limit(r, payload);
	for (headers = 0; weir_is_ext(proto) && headers < WEIR_EXT_MAX; headers++) {
		text_ends(&t->line, &e, false);
		e.told = true;
		if (!text_ext(t, r, &proto))
			return;
	}
	text_l4(t, r, &e, proto);
}
