/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a frame to a flow key: link header, VLAN tags, IPv4 or IPv6, ports.
 *
 * weir_parse() says of every frame what class it is of and why, and for IP fills in the key and
 * the IP length. It reads outer headers only, changes nothing but its results, calls nothing.
 * L4 is read inside both the frame and the length the IP header gives (RFC 791, RFC 8200).
 */
#ifndef WEIR_PARSE_H
#define WEIR_PARSE_H

#include "abi.h"
#include "cursor.h"

#define WEIR_ETH_IPV4 0x0800
#define WEIR_ETH_ARP 0x0806
#define WEIR_ETH_VLAN 0x8100
#define WEIR_ETH_IPV6 0x86dd
#define WEIR_ETH_QINQ 0x88a8
#define WEIR_ETH_MIN 0x0600 /* below it the field is an IEEE 802.3 length */

#define WEIR_P_HOPOPTS 0
#define WEIR_P_ICMP 1
#define WEIR_P_TCP 6
#define WEIR_P_UDP 17
#define WEIR_P_ROUTING 43
#define WEIR_P_FRAGMENT 44
#define WEIR_P_AH 51
#define WEIR_P_ICMPV6 58
#define WEIR_P_DSTOPTS 60
#define WEIR_P_SCTP 132

#define WEIR_TCP_FIN 0x01
#define WEIR_TCP_SYN 0x02
#define WEIR_TCP_RST 0x04
#define WEIR_TCP_ACK 0x10

#define WEIR_EXT_MAX 8 /* IPv6 extension headers followed */

/* What is said of a plain packet: the key, its kind, the IP length. */
struct weir_plain {
	__u64 tail;
	__u64 key; /* what of the tail is key */
	__u64 src[2];
	__u64 dst[2];
	__u32 kind; /* enum weir_kind */
	__u32 ip_bytes;
};

struct weir_frame {
	struct weir_cursor bytes; /* what was captured */
	__u32 length;		  /* on the wire, without FCS */
	__u8 link;		  /* enum weir_link */
	__u8 dir;		  /* enum weir_dir */
};

/* `x` by way of memory: the verifier then knows no bounds of it, and has one state less. */
weir_inline __u32 weir_forget(__u32 *memory, __u32 x)
{
	*(volatile __u32 *)memory = x;
	return *(volatile __u32 *)memory;
}

/* The first 8 bytes of a weir_flow as one word: one store, and nothing to forward from. */
weir_inline __u64 weir_tail(__u32 ports, __u8 proto, __u8 meta, __u8 flags)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return ports | (__u64)proto << 32 | (__u64)meta << 40 | (__u64)flags << 48;
#else
	return (__u64)ports << 32 | (__u64)proto << 24 | (__u64)meta << 16 | (__u64)flags << 8;
#endif
}

/* Bytes 8 to 15 of ::ffff:a.b.c.d, as they lie in memory; `addr` in network order. */
weir_inline __u64 weir_mapped(__u32 addr)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)addr << 32 | 0xffff0000;
#else
	return 0x0000ffff00000000ULL | addr;
#endif
}

weir_inline int weir_refuse(struct weir_parsed *out, __u32 class, __u32 reason)
{
	out->class = class;
	out->reason = reason;
	return 0;
}

/* A header that is not all there: the sender's doing, or a snap length's. */
weir_inline int weir_ends(const struct weir_frame *f, struct weir_parsed *out, __u32 reason)
{
	__u32 captured = (__u32)(f->bytes.end - f->bytes.pos);

	if (captured >= f->length)
		return weir_refuse(out, WEIR_MALFORMED, reason);
	return weir_refuse(out, WEIR_TRUNCATED,
			   reason == WEIR_R_LINK_SHORT	 ? WEIR_R_LINK_CUT
			   : reason == WEIR_R_IPV4_SHORT ? WEIR_R_IPV4_CUT
							 : WEIR_R_IPV6_CUT);
}

/*
 * Moves the cursor to the network header. Returns its EtherType in host order; 1 where only the
 * version nibble can tell; 0 where the frame was refused.
 */
weir_inline int weir_parse_link(const struct weir_frame *f, struct weir_cursor *c,
				struct weir_parsed *out)
{
	__u32 header, type_at, i;
	__u16 type;

	switch (f->link) {
	case WEIR_LINK_ETHERNET:
		header = 14, type_at = 12;
		break;
	case WEIR_LINK_SLL:
		header = 16, type_at = 14;
		break;
	case WEIR_LINK_SLL2:
		header = 20, type_at = 0;
		break;
	case WEIR_LINK_NULL:
		header = 4, type_at = 0;
		break;
	case WEIR_LINK_RAW:
		header = 0, type_at = 0;
		break;
	default:
		return weir_refuse(out, WEIR_OTHER, WEIR_R_LINK_TYPE);
	}
	/* A raw or loopback frame must also hold the nibble. */
	if (!cursor_has(c, header + (f->link == WEIR_LINK_RAW || f->link == WEIR_LINK_NULL)))
		return weir_ends(f, out, WEIR_R_LINK_SHORT);
	if (f->link == WEIR_LINK_RAW || f->link == WEIR_LINK_NULL) {
		cursor_skip(c, header);
		return 1;
	}
	type = cursor_u16_host(c, type_at);
	cursor_skip(c, header);
	for (i = 0; i < 3; i++) {
		if (type != WEIR_ETH_VLAN && type != WEIR_ETH_QINQ)
			break;
		if (i == 2)
			return weir_refuse(out, WEIR_OTHER, WEIR_R_VLAN_DEPTH);
		if (!cursor_has(c, 4))
			return weir_ends(f, out, WEIR_R_LINK_SHORT);
		type = cursor_u16_host(c, 2);
		cursor_skip(c, 4);
	}
	if (type < WEIR_ETH_MIN)
		return weir_refuse(out, WEIR_OTHER, WEIR_R_LLC);
	return type;
}

/* What an IP packet counts as in the totals, beside its family; `flags` are TCP's. */
weir_inline __u32 weir_ip_kind(__u32 proto, __u32 flags)
{
	if (proto == WEIR_P_TCP)
		return WEIR_IP_TCP + ((flags & 7) | (flags >> 1 & WEIR_KIND_ACK));
	if (proto == WEIR_P_UDP)
		return WEIR_IP_UDP;
	if (proto == WEIR_P_ICMP || proto == WEIR_P_ICMPV6)
		return WEIR_IP_ICMP;
	return proto == WEIR_P_SCTP ? WEIR_IP_SCTP : WEIR_IP_OTHER;
}

/*
 * Ports, flags, ICMP type and code. `left` is what the IP header leaves for L4. Writes the
 * packet's tail; what is not there stays 0.
 */
weir_inline void weir_parse_l4(struct weir_cursor *c, __u32 left, __u32 proto, __u8 meta,
			       struct weir_parsed *out, struct weir_packet *p)
{
	__u32 ports = 0, flags = 0, l4 = 0;

	if (proto == WEIR_P_TCP || proto == WEIR_P_UDP || proto == WEIR_P_SCTP) {
		l4 = proto == WEIR_P_UDP ? 8 : 12;
		if (left >= 4 && cursor_has(c, 4)) {
			ports = cursor_u32(c, 0);
			meta |= WEIR_META_PORTS;
			if (proto == WEIR_P_TCP) {
				l4 = 0;
				if (left >= 14 && cursor_has(c, 14)) {
					flags = cursor_u8(c, 13);
					l4 = (cursor_u8(c, 12) >> 4) * 4;
					if (l4 < 20)
						out->oddities |= 1 << WEIR_R_TCP_OFFSET;
				} else {
					out->oddities |= 1 << WEIR_R_L4_SHORT;
				}
			}
		} else {
			out->oddities |= 1 << WEIR_R_L4_SHORT;
		}
	} else if (proto == WEIR_P_ICMP || proto == WEIR_P_ICMPV6) {
		if (left >= 2 && cursor_has(c, 2))
		/* Type and code are the destination port as they lie. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			ports = (__u32)cursor_u16(c, 0) << 16;
#else
			ports = cursor_u16(c, 0);
#endif
		else
			out->oddities |= 1 << WEIR_R_L4_SHORT;
	}
	out->headers += l4;
	out->kind = (meta & WEIR_META_IPV6 ? WEIR_KIND_IPV6 : WEIR_KIND_IPV4) +
		    weir_ip_kind(proto, flags);
	p->tail = weir_tail(ports, (__u8)proto, meta, (__u8)flags);
}

weir_inline int weir_parse_ipv4(const struct weir_frame *f, struct weir_cursor *c,
				struct weir_parsed *out, struct weir_packet *p)
{
	__u32 header, total, proto, fragment, here = f->length - out->l3;

	if (!cursor_has(c, 20))
		return weir_ends(f, out, WEIR_R_IPV4_SHORT);
	header = cursor_u8(c, 0);
	if (header >> 4 != 4)
		return weir_refuse(out, WEIR_MALFORMED, WEIR_R_IPV4_VERSION);
	header = (header & 15) * 4;
	if (header < 20)
		return weir_refuse(out, WEIR_MALFORMED, WEIR_R_IPV4_IHL);
	if (!cursor_has(c, header))
		return weir_ends(f, out, WEIR_R_IPV4_SHORT);
	total = cursor_u16_host(c, 2);
	if (total == 0)
		total = here;
	if (total < header)
		return weir_refuse(out, WEIR_MALFORMED, WEIR_R_IPV4_LENGTH);

	out->class = WEIR_IPV4;
	out->ip_bytes = total;
	out->headers = out->l3 + header;
	proto = cursor_u8(c, 9);
	fragment = cursor_u16_host(c, 6) & 0x1fff;
	p->src[0] = 0;
	p->src[1] = weir_mapped(cursor_u32(c, 12));
	p->dst[0] = 0;
	p->dst[1] = weir_mapped(cursor_u32(c, 16));
	if (fragment) {
		out->oddities = 1 << WEIR_R_FRAGMENT;
		p->tail = weir_tail(0, (__u8)proto, f->dir, 0);
		out->kind = WEIR_KIND_IPV4 + weir_ip_kind(proto, 0);
		return 1;
	}
	cursor_skip(c, header);
	weir_parse_l4(c, total - header, proto, f->dir, out, p);
	return 1;
}

weir_inline int weir_is_ext(__u32 proto)
{
	return proto == WEIR_P_HOPOPTS || proto == WEIR_P_ROUTING || proto == WEIR_P_FRAGMENT ||
	       proto == WEIR_P_AH || proto == WEIR_P_DSTOPTS;
}

#define WEIR_EXT_REACH 0x7fff /* more than 8 headers of 2048 bytes behind the longest start */

/*
 * Follows extension headers. Returns whether the cursor stands at an L4 header; `proto` and
 * `left` are up to date either way. `p` lends its counters as memory.
 */
weir_inline int weir_parse_ext(const struct weir_frame *f, struct weir_cursor *c, __u32 *proto,
			       __u32 *left, struct weir_parsed *out, struct weir_packet *p)
{
	__u32 i, size, next, at = out->l3 + 40;

	weir_unrolled for (i = 0; i <= WEIR_EXT_MAX; i++)
	{
		*proto = weir_forget(&p->set, *proto);
		*left = weir_forget(&p->packets, *left);
		at = weir_forget(&p->pad, at) & WEIR_EXT_REACH;
		c->pos = f->bytes.pos + at;
		if (!weir_is_ext(*proto)) {
			out->headers = at;
			return 1;
		}
		if (i == WEIR_EXT_MAX) {
			out->oddities |= 1 << WEIR_R_IPV6_EXT_LIMIT;
			return 0;
		}
		if (*left < 8 || !cursor_has(c, 8)) {
			out->oddities |= 1 << WEIR_R_IPV6_EXT_SHORT;
			return 0;
		}
		next = cursor_u8(c, 0);
		size = cursor_u8(c, 1);
		size = *proto == WEIR_P_AH	   ? (size + 2) * 4
		       : *proto == WEIR_P_FRAGMENT ? 8
						   : (size + 1) * 8;
		if (*proto == WEIR_P_FRAGMENT && (cursor_u16_host(c, 2) & 0xfff8)) {
			out->oddities |= 1 << WEIR_R_FRAGMENT;
			*proto = next;
			return 0;
		}
		*proto = next;
		/* Where it is not all there, nothing of what follows is. */
		if (size > *left || !cursor_has(c, size))
			*left = 0;
		else
			*left -= size, at += size;
	}
	return 0;
}

weir_inline int weir_parse_ipv6(const struct weir_frame *f, struct weir_cursor *c,
				struct weir_parsed *out, struct weir_packet *p)
{
	__u32 left, proto, here = f->length - out->l3;
	__u8 meta = f->dir | WEIR_META_IPV6;

	if (!cursor_has(c, 40))
		return weir_ends(f, out, WEIR_R_IPV6_SHORT);
	if (cursor_u8(c, 0) >> 4 != 6)
		return weir_refuse(out, WEIR_MALFORMED, WEIR_R_IPV6_VERSION);
	left = cursor_u16_host(c, 4);
	if (left == 0)
		left = here - 40;
	out->class = WEIR_IPV6;
	out->ip_bytes = 40 + left;
	out->headers = out->l3 + 40;
	p->src[0] = cursor_u64(c, 8);
	p->src[1] = cursor_u64(c, 16);
	p->dst[0] = cursor_u64(c, 24);
	p->dst[1] = cursor_u64(c, 32);
	proto = cursor_u8(c, 6);
	cursor_skip(c, 40);
	if (weir_is_ext(proto) && !weir_parse_ext(f, c, &proto, &left, out, p)) {
		p->tail = weir_tail(0, (__u8)proto, meta, 0);
		out->kind = WEIR_KIND_IPV6 + weir_ip_kind(proto, 0);
		return 1;
	}
	weir_parse_l4(c, left, proto, meta, out, p);
	return 1;
}

/* ---- what nearly all frames are ---- */

/*
 * Says what TCP or UDP that begins `at` is, whole as far as it is read: the tail of its key and its
 * kind. 0 for any other.
 */
weir_inline int weir_plain_l4(const struct weir_cursor *c, __u32 at, __u32 left, __u32 proto,
			      __u8 meta, struct weir_plain *out)
{
	const __u32 family = meta & WEIR_META_IPV6 ? WEIR_KIND_IPV6 : WEIR_KIND_IPV4;
	__u32 flags, word;

	meta |= WEIR_META_PORTS;
	if (proto == WEIR_P_TCP) {
		if (weir_unlikely(left < 14 || !cursor_has(c, at + 14)))
			return 0;
		word = cursor_u16_host(c, at + 12);
		flags = word & 0xff;
		if (weir_unlikely(word >> 12 < 5))
			return 0;
		out->kind = family + weir_ip_kind(WEIR_P_TCP, flags);
		out->key = weir_tail(cursor_u32(c, at), WEIR_P_TCP, meta, 0);
		out->tail = out->key | weir_tail(0, 0, 0, (__u8)flags);
		return 1;
	}
	if (weir_unlikely(proto != WEIR_P_UDP || left < 4))
		return 0;
	out->kind = family + WEIR_IP_UDP;
	out->tail = out->key = weir_tail(cursor_u32(c, at), WEIR_P_UDP, meta, 0);
	return 1;
}

#define WEIR_PLAIN 42 /* bytes of Ethernet, IPv4 and UDP */

/* IPv4 without options, no later fragment, behind 14 bytes; WEIR_PLAIN bytes are there. */
weir_inline int weir_plain_ipv4(const struct weir_cursor *c, __u8 dir, struct weir_plain *out)
{
	const __u32 left = cursor_u16_host(c, 16) - 20U;

	out->ip_bytes = left + 20;
	out->src[0] = 0;
	out->src[1] = weir_mapped(cursor_u32(c, 26));
	out->dst[0] = 0;
	out->dst[1] = weir_mapped(cursor_u32(c, 30));
	if (weir_unlikely(cursor_u8(c, 14) != 0x45 || cursor_u16(c, 20) & weir_be16(0x1fff) ||
			  left > 0xffff))
		return 0;
	return weir_plain_l4(c, 34, left, cursor_u8(c, 23), dir, out);
}

/* IPv6 without extension headers, the same way. */
weir_inline int weir_plain_ipv6(const struct weir_cursor *c, __u8 dir, struct weir_plain *out)
{
	__u32 left;

	if (weir_unlikely(!cursor_has(c, WEIR_PLAIN + 20) || cursor_u8(c, 14) >> 4 != 6))
		return 0;
	left = cursor_u16_host(c, 18);
	out->ip_bytes = left + 40;
	out->src[0] = cursor_u64(c, 22);
	out->src[1] = cursor_u64(c, 30);
	out->dst[0] = cursor_u64(c, 38);
	out->dst[1] = cursor_u64(c, 46);
	return weir_plain_l4(c, 54, left, cursor_u8(c, 20), dir | WEIR_META_IPV6, out);
}

/*
 * The EtherType, in network order, of a frame of Ethernet; the cursor is then 14 bytes before what
 * it tells of, behind one VLAN tag at most. 0 where WEIR_PLAIN bytes are not there.
 */
weir_inline __u32 weir_plain_link(struct weir_cursor *c)
{
	if (weir_unlikely(!cursor_has(c, WEIR_PLAIN)))
		return 0;
	if (weir_likely(cursor_u16(c, 12) != weir_be16(WEIR_ETH_VLAN)))
		return cursor_u16(c, 12);
	cursor_skip(c, 4);
	return cursor_has(c, WEIR_PLAIN) ? cursor_u16(c, 12) : 0;
}

/* ---- any frame ---- */

/*
 * Says what `f` is. Returns 1 for IP, with key and lengths in `p` and `out`; 0 for anything
 * else, with class and reason in `out`. `p` is then of no meaning.
 */
weir_inline int weir_parse(const struct weir_frame *f, struct weir_parsed *out,
			   struct weir_packet *p)
{
	struct weir_cursor c = f->bytes;
	int type;

	out->reason = WEIR_R_NONE;
	out->oddities = 0;
	out->headers = 0;
	type = weir_parse_link(f, &c, out);
	if (type == 0)
		return 0;
	out->l3 = (__u32)(c.pos - f->bytes.pos);
	if (type == 1) {
		__u32 version;

		/* Granted by weir_parse_link(), but the verifier cannot carry that over. */
		if (!cursor_has(&c, 1))
			return weir_ends(f, out, WEIR_R_LINK_SHORT);
		version = cursor_u8(&c, 0) >> 4;
		type = version == 4 ? WEIR_ETH_IPV4 : version == 6 ? WEIR_ETH_IPV6 : 1;
	}
	if (type == WEIR_ETH_IPV4)
		return weir_parse_ipv4(f, &c, out, p);
	if (type == WEIR_ETH_IPV6)
		return weir_parse_ipv6(f, &c, out, p);
	if (type == WEIR_ETH_ARP)
		return weir_refuse(out, WEIR_ARP, WEIR_R_NONE);
	return weir_refuse(out, WEIR_OTHER, type == 1 ? WEIR_R_RAW_VERSION : WEIR_R_ETHERTYPE);
}

#endif
