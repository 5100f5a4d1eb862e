/* SPDX-License-Identifier: GPL-2.0 */
/* TCP headers as text (RFC 9293), with sequence numbers relative. See packet_text.h. */
#include <string.h>

#include <weir/parse.h>
#include <weir/sketch.h>
#include "packets/packet_text.h"

#define ACK 0x10
#define URG 0x20

/* ---- connections ---- */

static void make_end(unsigned char to[18], const unsigned char *address, uint32_t size,
		     uint16_t port)
{
	memset(to, 0, 18);
	memcpy(to, address, size);
	memcpy(to + 16, &port, 2);
}

static uint64_t hash_of(const unsigned char a[18], const unsigned char b[18])
{
	uint64_t word[5] = { 0 };

	memcpy(word, a, 18);
	memcpy((char *)word + 18, b, 18);
	return weir_mix(word[0] ^
			weir_mix(word[1] ^ weir_mix(word[2] ^ weir_mix(word[3] ^ word[4]))));
}

/* The connection's place; its former tenant has to go. */
static struct connection *find(struct packet_text *t, const unsigned char *lower,
			       const unsigned char *upper, bool *is_new)
{
	struct connection *c = &t->connections[hash_of(lower, upper) & (CONNECTIONS - 1)];

	*is_new = !c->known || memcmp(c->lower, lower, 18) || memcmp(c->upper, upper, 18);
	if (*is_new) {
		*c = (struct connection){ .known = true };
		memcpy(c->lower, lower, 18);
		memcpy(c->upper, upper, 18);
	}
	return c;
}

/*
 * Sequence numbers as the line tells them: relative, once the connection is known. The first packet
 * with an acknowledgment that is seen, or a SYN, says where both ends start.
 */
static void text_relative(struct packet_text *t, const struct ends *e, bool syn, uint32_t *seq,
			  uint32_t *ack, uint32_t *ack_start)
{
	unsigned char from[18], to[18];
	bool from_lower, is_new;
	struct connection *c;
	uint32_t *mine, *other;

	make_end(from, e->src, e->size, e->sport);
	make_end(to, e->dst, e->size, e->dport);
	from_lower = memcmp(from, to, 18) <= 0;
	c = find(t, from_lower ? from : to, from_lower ? to : from, &is_new);
	mine = from_lower ? &c->lower_start : &c->upper_start;
	other = from_lower ? &c->upper_start : &c->lower_start;
	if (is_new || syn) {
		*mine = *seq;
		*other = *ack - 1;
		*ack_start = *other;
		return;
	}
	*seq -= *mine;
	*ack -= *other;
	*ack_start = *other;
}

/* ---- options ---- */

static void text_sack(struct line *l, const unsigned char *at, uint32_t size, uint32_t start)
{
	struct rest r = { { at, at + size }, size };

	line_add(l, "sack %u ", size / 8);
	for (; rest_here(&r) >= 8; rest_skip(&r, 8))
		line_add(l, "{%u:%u}", rest_u32(&r, 0) - start, rest_u32(&r, 4) - start);
}

/* An option of `size` bytes behind its length; false where that cannot be. */
static bool text_option(struct line *l, uint8_t kind, const unsigned char *at, uint32_t size,
			uint32_t ack_start)
{
	const struct rest r = { { at, at + size }, size };

	switch (kind) {
	case 2:
		if (size != 2)
			return false;
		line_add(l, "mss %u", rest_u16(&r, 0));
		return true;
	case 3:
		if (size != 1)
			return false;
		line_add(l, "wscale %u", rest_u8(&r, 0));
		return true;
	case 4:
		line_add(l, "sackOK");
		return size == 0;
	case 5:
		if (size % 8)
			return false;
		text_sack(l, at, size, ack_start);
		return true;
	case 8:
		if (size != 8)
			return false;
		line_add(l, "TS val %u ecr %u", rest_u32(&r, 0), rest_u32(&r, 4));
		return true;
	case 19:
		line_add(l, "md5");
		return size == 16;
	default:
		if (kind == 30)
			line_add(l, "mptcp");
		else if (kind == 34)
			line_add(l, "tfo");
		else
			line_add(l, "unknown-%u", kind);
		if (size) {
			line_add(l, " 0x");
			line_hex(l, at, size);
		}
		return true;
	}
}

/* `end` is where the header says they end; false where they cannot be. */
static bool text_options(struct line *l, const unsigned char *at, const unsigned char *end,
			 uint32_t ack_start)
{
	const char *comma = "";

	line_add(l, ", options [");
	while (at < end) {
		uint8_t kind = *at++;

		line_add(l, "%s", comma);
		comma = ",";
		if (kind == 0) {
			line_add(l, "eol");
			break;
		}
		if (kind == 1) {
			line_add(l, "nop");
			continue;
		}
		if (at == end || *at < 2 || *at - 1 > end - at ||
		    !text_option(l, kind, at + 1, *at - 2U, ack_start)) {
			line_add(l, "malformed: option %u", kind);
			line_add(l, "]");
			return false;
		}
		at += *at - 1;
	}
	line_add(l, "]");
	return true;
}

/* ---- the header ---- */

static void text_flags(struct line *l, uint16_t flags)
{
	static const char letters[] = "FSRP.UEW";
	char text[sizeof(letters)], *to = text;
	int i;

	for (i = 0; i < 8; i++)
		if (flags & 1 << i)
			*to++ = letters[i];
	*to = 0;
	line_add(l, "Flags [%s]", *text ? text : "none");
}

void text_tcp(struct packet_text *t, struct rest *r, struct ends *e)
{
	uint32_t header, seq, ack, ack_start = 0, payload;
	struct line *l = &t->line;
	uint8_t flags;

	if (rest_here(r) < 4)
		text_ends(l, e, false);
	if (!rest_needs(r, 4, l, "tcp"))
		return;
	e->sport = rest_u16(r, 0);
	e->dport = rest_u16(r, 2);
	text_ends(l, e, true);
	if (!rest_needs(r, 20, l, "tcp"))
		return;
	seq = rest_u32(r, 4);
	ack = rest_u32(r, 8);
	header = (rest_u8(r, 12) >> 4) * 4U;
	flags = rest_u8(r, 13);
	if (header < 20 || header > r->length) {
		line_add(l, "malformed: tcp header length %u of %u", header, r->length);
		return;
	}
	payload = r->length - header;
	if (flags & ACK)
		text_relative(t, e, flags & WEIR_TCP_SYN, &seq, &ack, &ack_start);
	text_flags(l, flags);
	if (payload || flags & (WEIR_TCP_SYN | WEIR_TCP_FIN | WEIR_TCP_RST))
		line_add(l, ", seq %u", seq);
	if (payload)
		line_add(l, ":%u", seq + payload);
	if (flags & ACK)
		line_add(l, ", ack %u", ack);
	line_add(l, ", win %u", rest_u16(r, 14));
	if (flags & URG)
		line_add(l, ", urg %u", rest_u16(r, 18));
	if (header > 20) {
		if (rest_here(r) < header) {
			line_add(l, ", options ");
			rest_needs(r, header, l, "tcp");
			return;
		}
		text_options(l, rest_at(r) + 20, rest_at(r) + header, ack_start);
	}
	line_add(l, ", length %u", payload);
}
