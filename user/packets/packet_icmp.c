/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP (RFC 792, 1122, 1812) and ICMPv6 (RFC 4443, 4861, 2710, 3810) as text. */
#include "packets/packet_text.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* ---- ICMP ---- */

/* The packet that a message is about: its destination, and where what follows it lies. */
struct quoted {
	const unsigned char *dst;
	uint8_t proto;
	struct rest l4;
};

static bool read_quoted(const struct rest *r, struct quoted *q)
{
	struct rest ip = *r;
	uint32_t header;

	if (rest_here(r) < 28)
		return false;
	rest_skip(&ip, 8);
	header = (rest_u8(&ip, 0) & 15) * 4U;
	if (header < 20 || header > rest_here(&ip))
		return false;
	q->dst = rest_at(&ip) + 16;
	q->proto = rest_u8(&ip, 9);
	q->l4 = ip;
	rest_skip(&q->l4, header);
	return true;
}

static void text_unreachable(struct line *l, const struct rest *r, uint8_t code)
{
	/* What is before the address, and behind it. */
	static const struct {
		const char *before, *behind;
	} forms[] = {
		{ "net ", " unreachable" },
		{ "host ", " unreachable" },
		{ "", "" },
		{ "", "" },
		{ "", " unreachable - need to frag" },
		{ "", " unreachable - source route failed" },
		{ "net ", " unreachable - unknown" },
		{ "host ", " unreachable - unknown" },
		{ "", " unreachable - source host isolated" },
		{ "net ", " unreachable - admin prohibited" },
		{ "host ", " unreachable - admin prohibited" },
		{ "net ", " unreachable - tos prohibited" },
		{ "host ", " unreachable - tos prohibited" },
		{ "host ", " unreachable - admin prohibited filter" },
		{ "host ", " unreachable - host precedence violation" },
		{ "host ", " unreachable - precedence cutoff" },
	};
	struct quoted q;

	if (!read_quoted(r, &q)) {
		line_add(l, "unreachable #%u", code);
		return;
	}
	line_add(l, "%s", code < COUNT(forms) ? forms[code].before : "");
	line_ipv4(l, q.dst);
	if (code == 2)
		line_add(l, " protocol %u unreachable", q.proto);
	if (code == 3) {
		line_add(l, " ");
		text_quoted_port(l, q.proto, &q.l4);
		line_add(l, " unreachable");
	}
	if (code < COUNT(forms))
		line_add(l, "%s", forms[code].behind);
	else
		line_add(l, " unreachable - #%u", code);
	if (code == 4 && rest_u16(r, 6))
		line_add(l, " (mtu %u)", rest_u16(r, 6));
}

static void text_redirect(struct line *l, const struct rest *r, uint8_t code)
{
	static const char *const names[][2] = { { "redirect", "net " },
						{ "redirect", "host " },
						{ "redirect-tos", "net " },
						{ "redirect-tos", "host " } };
	struct quoted q;

	if (code < COUNT(names))
		line_add(l, "%s ", names[code][0]);
	else
		line_add(l, "redirect-#%u ", code);
	if (!read_quoted(r, &q))
		return;
	line_ipv4(l, q.dst);
	line_add(l, " to %s", code < COUNT(names) ? names[code][1] : "");
	line_ipv4(l, rest_at(r) + 4);
}

static const char *icmp_name(uint8_t type)
{
	static const char *const names[] = {
		[0] = "echo reply",
		[4] = "source quench",
		[8] = "echo request",
		[9] = "router advertisement",
		[10] = "router solicitation",
		[12] = "parameter problem",
		[13] = "time stamp query",
		[14] = "time stamp reply",
		[15] = "information request",
		[16] = "information reply",
		[17] = "address mask request",
		[18] = "address mask reply",
	};

	return type < COUNT(names) ? names[type] : NULL;
}

static void text_icmp_type(struct line *l, const struct rest *r, uint8_t type, uint8_t code)
{
	const char *name = icmp_name(type);

	if (type == 3)
		text_unreachable(l, r, code);
	else if (type == 5)
		text_redirect(l, r, code);
	else if (type == 11 && code < 2)
		line_add(l, code ? "ip reassembly time exceeded" : "time exceeded in-transit");
	else if (type == 11)
		line_add(l, "time exceeded-#%u", code);
	else if (name)
		line_add(l, "%s", name);
	else
		line_add(l, "type-#%u", type);
	if (type == 0 || type == 8)
		line_add(l, ", id %u, seq %u", rest_u16(r, 4), rest_u16(r, 6));
	if (type == 12 && !code)
		line_add(l, " - octet %u", rest_u8(r, 4));
	if (type == 13 || type == 14)
		line_add(l, " id %u seq %u", rest_u16(r, 4), rest_u16(r, 6));
}

void text_icmp(struct line *l, struct rest *r)
{
	line_add(l, "ICMP ");
	if (!rest_needs(r, 8, l, "icmp"))
		return;
	text_icmp_type(l, r, rest_u8(r, 0), rest_u8(r, 1));
	line_add(l, ", length %u", r->length);
}

/* ---- ICMPv6 ---- */

/* The quoted packet's addresses, where they are here: 8 bytes of header, then IPv6. */
static const unsigned char *quoted_src(const struct rest *r)
{
	return rest_here(r) < 48 ? NULL : rest_at(r) + 16;
}

static const unsigned char *quoted_dst(const struct rest *r)
{
	return rest_here(r) < 48 ? NULL : rest_at(r) + 32;
}

static void text_unreachable6(struct line *l, const struct rest *r, uint8_t code)
{
	static const char *const names[] = { "unreachable route ", "unreachable prohibited ",
					     "beyond scope ",	   "unreachable address ",
					     "unreachable port, ", "failed policy ",
					     "reject route " };
	struct rest l4 = *r;

	line_add(l, "destination unreachable, ");
	if (code < COUNT(names))
		line_add(l, "%s", names[code]);
	else
		line_add(l, "code %u ", code);
	if (!quoted_dst(r))
		return;
	line_ipv6(l, quoted_dst(r));
	if (code == 2) {
		line_add(l, ", source address ");
		line_ipv6(l, quoted_src(r));
	}
	if (code == 4) {
		rest_skip(&l4, 48);
		line_add(l, " ");
		text_quoted_port(l, rest_u8(r, 14), &l4);
	}
}

static void text_exceeded6(struct line *l, const struct rest *r, uint8_t code)
{
	line_add(l, "time exceeded in-transit");
	if (code)
		line_add(l, code == 1 ? " (reassembly)" : " (code %u)", code);
	if (code || !quoted_dst(r))
		return;
	line_add(l, " for ");
	line_ipv6(l, quoted_dst(r));
}

static void text_problem6(struct line *l, const struct rest *r, uint8_t code)
{
	static const char *const names[] = { "erroneous", "next header", "option" };

	line_add(l, "parameter problem, ");
	if (code < COUNT(names))
		line_add(l, "%s - octet %u", names[code], rest_u32(r, 4));
	else
		line_add(l, "code %u", code);
}

/* "what ADDRESS", of the address behind the first 8 bytes. */
static void text_target6(struct line *l, const struct rest *r, const char *what)
{
	line_add(l, "%s ", what);
	if (rest_needs(r, 24, l, "icmp6"))
		line_ipv6(l, rest_at(r) + 8);
}

static void text_redirect6(struct line *l, const struct rest *r)
{
	line_add(l, "redirect, ");
	if (!rest_needs(r, 40, l, "icmp6"))
		return;
	line_ipv6(l, rest_at(r) + 24);
	line_add(l, " to ");
	line_ipv6(l, rest_at(r) + 8);
}

static void text_icmpv6_type(struct line *l, const struct rest *r, uint8_t type, uint8_t code)
{
	switch (type) {
	case 1:
		text_unreachable6(l, r, code);
		break;
	case 2:
		line_add(l, "packet too big, mtu %u", rest_u32(r, 4));
		break;
	case 3:
		text_exceeded6(l, r, code);
		break;
	case 4:
		text_problem6(l, r, code);
		break;
	case 128:
	case 129:
		line_add(l, "echo %s, id %u, seq %u", type == 128 ? "request" : "reply",
			 rest_u16(r, 4), rest_u16(r, 6));
		break;
	case 130:
		text_target6(l, r, "multicast listener query");
		break;
	case 131:
		text_target6(l, r, "multicast listener report");
		break;
	case 132:
		text_target6(l, r, "multicast listener done");
		break;
	case 133:
		line_add(l, "router solicitation");
		break;
	case 134:
		line_add(l, "router advertisement");
		break;
	case 135:
		text_target6(l, r, "neighbor solicitation, who has");
		break;
	case 136:
		text_target6(l, r, "neighbor advertisement, tgt is");
		break;
	case 137:
		text_redirect6(l, r);
		break;
	case 143:
		line_add(l, "multicast listener report v2, %u group record(s)", rest_u16(r, 6));
		break;
	default:
		line_add(l, "type-#%u", type);
	}
}

void text_icmpv6(struct line *l, struct rest *r)
{
	line_add(l, "ICMP6, ");
	if (!rest_needs(r, 8, l, "icmp6"))
		return;
	text_icmpv6_type(l, r, rest_u8(r, 0), rest_u8(r, 1));
	line_add(l, ", length %u", r->length);
}
