/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DNS messages as text (RFC 1035): number, kind, how many answers, and the first question. A name
 * in it is the sender's: every byte is escaped, and its length is bounded by a name's own limit.
 */
#include "packets/packet_text.h"

#define HEADER 12
#define NAME_MAX_BYTES 255
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *type_name(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} types[] = {
		{ 1, "A" },	  { 2, "NS" },	   { 5, "CNAME" },  { 6, "SOA" },
		{ 12, "PTR" },	  { 13, "HINFO" }, { 15, "MX" },    { 16, "TXT" },
		{ 28, "AAAA" },	  { 33, "SRV" },   { 35, "NAPTR" }, { 39, "DNAME" },
		{ 43, "DS" },	  { 44, "SSHFP" }, { 46, "RRSIG" }, { 47, "NSEC" },
		{ 48, "DNSKEY" }, { 50, "NSEC3" }, { 52, "TLSA" },  { 64, "SVCB" },
		{ 65, "HTTPS" },  { 251, "IXFR" }, { 252, "AXFR" }, { 255, "ANY" },
		{ 256, "URI" },	  { 257, "CAA" },
	};
	size_t i;

	for (i = 0; i < COUNT(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}

static void text_opcode(struct line *l, unsigned int opcode)
{
	static const char *const names[] = { "", " inv_q", " stat", NULL, " notify", " update" };

	if (opcode < COUNT(names) && names[opcode])
		line_add(l, "%s", names[opcode]);
	else
		line_add(l, " op%u", opcode);
}

static void text_rcode(struct line *l, unsigned int rcode)
{
	static const char *const names[] = { "",	"FormErr", "ServFail", "NXDomain",
					     "NotImp",	"Refused", "YXDomain", "YXRRSet",
					     "NXRRSet", "NotAuth", "NotZone" };

	if (rcode < COUNT(names))
		line_add(l, rcode ? " %s" : "%s", names[rcode]);
	else
		line_add(l, " rcode%u", rcode);
}

/* A question's name, where *r is left behind it; false where it cannot be, or is not all here. */
static bool text_name(struct line *l, struct rest *r)
{
	uint32_t all = 0;
	uint8_t n;

	do {
		if (!rest_needs(r, 1, l, "domain"))
			return false;
		n = rest_u8(r, 0);
		/* A question comes first: there is nothing before it to point to. */
		if (n > 63 || (all += n + 1U) > NAME_MAX_BYTES) {
			line_add(l, "malformed: name");
			return false;
		}
		if (!rest_needs(r, n + 1U, l, "domain"))
			return false;
		if (n || all == 1) {
			line_escape(l, rest_at(r) + 1, n);
			line_add(l, ".");
		}
		rest_skip(r, n + 1U);
	} while (n);
	return true;
}

static void text_class(struct line *l, uint16_t class)
{
	if (class & 0x8000)
		line_add(l, " (QU)"); /* RFC 6762, 5.4: an answer to the asker alone */
	class &= 0x7fff;
	if (class == 3)
		line_add(l, " CHAOS");
	else if (class != 1)
		line_add(l, " class%u", class);
}

/* Its type comes first, and is behind the name. */
static bool text_question(struct line *l, struct rest *r)
{
	struct line name = { 0 };
	const char *type;

	if (!text_name(&name, r)) {
		line_add(l, " %.*s", (int)name.n, name.text);
		return false;
	}
	if (rest_here(r) < 4) {
		line_add(l, " %.*s ", (int)name.n, name.text);
		return rest_needs(r, 4, l, "domain");
	}
	type = type_name(rest_u16(r, 0));
	if (type)
		line_add(l, " %s", type);
	else
		line_add(l, " Type%u", rest_u16(r, 0));
	text_class(l, rest_u16(r, 2));
	line_add(l, "? %.*s", (int)name.n, name.text);
	return true;
}

static void text_query(struct line *l, const struct rest *m)
{
	static const char *const units[] = { "a", "n", "au" };
	uint16_t flags = rest_u16(m, 2), n;
	int i;

	text_opcode(l, flags >> 11 & 15);
	if (flags & 0x100)
		line_add(l, "+"); /* recursion desired */
	if (flags & 0x10)
		line_add(l, "%%"); /* checking disabled */
	if (rest_u16(m, 4) != 1)
		line_add(l, " [%uq]", rest_u16(m, 4));
	for (i = 0; i < 3; i++) {
		n = rest_u16(m, 6 + 2 * (uint32_t)i);
		if (n)
			line_add(l, " [%u%s]", n, units[i]);
	}
}

static void text_answer(struct line *l, const struct rest *m)
{
	uint16_t flags = rest_u16(m, 2);

	text_opcode(l, flags >> 11 & 15);
	text_rcode(l, flags & 15);
	if (flags & 0x400)
		line_add(l, "*"); /* authoritative */
	if (!(flags & 0x80))
		line_add(l, "-"); /* no recursion to be had */
	if (flags & 0x200)
		line_add(l, "|"); /* truncated */
	if (flags & 0x20)
		line_add(l, "$"); /* authentic */
	line_add(l, " %u/%u/%u", rest_u16(m, 6), rest_u16(m, 8), rest_u16(m, 10));
}

void text_dns(struct line *l, struct rest *r)
{
	const struct rest message = *r;

	if (!rest_needs(r, HEADER, l, "domain"))
		return;
	line_add(l, "%u", rest_u16(r, 0));
	if (rest_u16(r, 2) & 0x8000)
		text_answer(l, r);
	else
		text_query(l, r);
	rest_skip(r, HEADER);
	if (rest_u16(&message, 4) && !text_question(l, r))
		return;
	line_add(l, " (%u)", message.length);
}
