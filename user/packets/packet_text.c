/* SPDX-License-Identifier: GPL-2.0 */
/* A packet's line: its time, its link header, and on to the protocols. See packet_text.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include "packets/packet_text.h"

#define LINK_TAGS 4 /* VLAN tags told of */

int packet_text_open(struct packet_text *t)
{
	*t = (struct packet_text){ .second = -1 };
	t->connections = calloc(CONNECTIONS, sizeof(*t->connections));
	return t->connections ? 0 : -ENOMEM;
}

void packet_text_close(struct packet_text *t)
{
	free(t->connections);
	t->connections = NULL;
}

static void text_time(struct packet_text *t, uint64_t ns)
{
	time_t second = (time_t)(ns / 1000000000);
	struct tm tm;

	if (second != t->second) {
		if (!localtime_r(&second, &tm) ||
		    !strftime(t->clock, sizeof(t->clock), "%H:%M:%S", &tm))
			strcpy(t->clock, "-");
		t->second = second;
	}
	line_add(&t->line, "%s.%06u ", t->clock, (unsigned)(ns % 1000000000 / 1000));
}

static const char *ethertype_name(uint16_t type)
{
	switch (type) {
	case 0x8847:
	case 0x8848:
		return "MPLS";
	case 0x8863:
		return "PPPoE discovery";
	case 0x8864:
		return "PPPoE";
	case 0x88cc:
		return "LLDP";
	case 0x888e:
		return "EAPOL";
	case 0x8809:
		return "slow protocols";
	case 0x9000:
		return "loopback";
	default:
		return NULL;
	}
}

/* Of what we do not look into: who sends it to whom. */
static void text_other(struct line *l, const unsigned char *macs, uint16_t type,
		       const struct rest *r)
{
	const char *name = ethertype_name(type);

	if (macs) {
		line_mac(l, macs + 6);
		line_add(l, " > ");
		line_mac(l, macs);
		line_add(l, ", ");
	}
	if (type < WEIR_ETH_MIN && rest_here(r) >= 2)
		line_add(l, "LLC, dsap 0x%02x, ssap 0x%02x", rest_u8(r, 0), rest_u8(r, 1));
	else if (name)
		line_add(l, "%s", name);
	else
		line_add(l, "ethertype 0x%04x", type);
	line_add(l, ", length %u", r->length);
}

static void text_behind_type(struct packet_text *t, struct rest *r, uint16_t type,
			     const unsigned char *macs)
{
	int tags;

	for (tags = 0; tags < LINK_TAGS; tags++) {
		uint16_t tci;

		if (type != WEIR_ETH_VLAN && type != WEIR_ETH_QINQ && type != 0x9100)
			break;
		if (!rest_needs(r, 4, &t->line, "vlan"))
			return;
		tci = rest_u16(r, 0);
		type = rest_u16(r, 2);
		line_add(&t->line, "vlan %u, ", tci & 0xfff);
		if (tci >> 13)
			line_add(&t->line, "p %u, ", tci >> 13);
		rest_skip(r, 4);
	}
	if (type == WEIR_ETH_IPV4)
		text_ipv4(t, r);
	else if (type == WEIR_ETH_IPV6)
		text_ipv6(t, r);
	else if (type == WEIR_ETH_ARP || type == 0x8035)
		text_arp(&t->line, r);
	else
		text_other(&t->line, macs, type, r);
}

static void text_by_nibble(struct packet_text *t, struct rest *r)
{
	uint8_t version;

	if (!rest_needs(r, 1, &t->line, "ip"))
		return;
	version = rest_u8(r, 0) >> 4;
	if (version == 4)
		text_ipv4(t, r);
	else if (version == 6)
		text_ipv6(t, r);
	else
		line_add(&t->line, "unknown ip %u, length %u", version, r->length);
}

static void text_ethernet(struct packet_text *t, struct rest *r)
{
	const unsigned char *macs = rest_at(r);
	uint16_t type;

	if (!rest_needs(r, 14, &t->line, "ether"))
		return;
	type = rest_u16(r, 12);
	rest_skip(r, 14);
	text_behind_type(t, r, type, macs);
}

/* Linux cooked: `size` bytes, with an EtherType at `at`. */
static void text_cooked(struct packet_text *t, struct rest *r, uint32_t size, uint32_t at)
{
	uint16_t type;

	if (!rest_needs(r, size, &t->line, "sll"))
		return;
	type = rest_u16(r, at);
	rest_skip(r, size);
	text_behind_type(t, r, type, NULL);
}

static void text_link(struct packet_text *t, uint8_t link, struct rest *r)
{
	switch (link) {
	case WEIR_LINK_ETHERNET:
		text_ethernet(t, r);
		break;
	case WEIR_LINK_RAW:
		text_by_nibble(t, r);
		break;
	case WEIR_LINK_SLL:
		text_cooked(t, r, 16, 14);
		break;
	case WEIR_LINK_SLL2:
		text_cooked(t, r, 20, 0);
		break;
	case WEIR_LINK_NULL:
		if (!rest_needs(r, 4, &t->line, "null"))
			break;
		rest_skip(r, 4);
		text_by_nibble(t, r);
		break;
	default:
		line_add(&t->line, "unknown link type, length %u", r->length);
	}
}

/* Nothing gets here that is not printable; were it otherwise, it would end here. */
static void end_line(struct line *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->text[i] < ' ' || l->text[i] > '~')
			l->text[i] = '?';
	while (l->n && (l->n == sizeof(l->text) || l->text[l->n - 1] == ' '))
		l->n--;
	l->text[l->n++] = '\n';
}

void packet_text_write(struct packet_text *t, const struct packet *p)
{
	const unsigned char *data = p->frame.data;
	struct rest r = { { data, data + p->frame.captured }, p->frame.length };

	t->line.n = 0;
	text_time(t, p->frame.ns);
	text_link(t, p->link, &r);
	end_line(&t->line);
}
