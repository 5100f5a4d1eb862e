/* SPDX-License-Identifier: GPL-2.0 */
/* The fixtures; see fixtures.h. Headers are spelled in hex, in the order they are sent. */
#include <string.h>

#include "fixtures.h"

#define MACS "020000000002 020000000001 "
#define ETH4 MACS "0800 "
#define ETH6 MACS "86dd "
#define VLAN4 MACS "8100 0005 0800 "
/* IHL, total length, flags and fragment offset, protocol; 10.0.0.1 to 10.0.0.2 */
#define IP4(ihl, total, frag, proto)                                                               \
	"4" ihl "00 " total " 0001 " frag " 40 " proto " 0000 0a000001 0a000002 "
/* payload length, next header; 2001:db8::1 to 2001:db8::2 */
#define IP6(payload, next)                                                                         \
	"60000000 " payload " " next " 40 20010db8000000000000000000000001"                        \
	" 20010db8000000000000000000000002 "
#define TCP(flags) "04d2 0050 00000001 00000002 50 " flags " ffff 0000 0000 "
#define UDP "04d2 0035 0008 0000 "
#define EXT8(next) next "00 000000000000 "
#define ODD(r) (1U << WEIR_R_##r)

const struct fixture fixtures[] = {
	{ "a TCP SYN over IPv4", ETH4 IP4("5", "0028", "0000", "06") TCP("02"), .class = WEIR_IPV4,
	  .ip_bytes = 40, .proto = 6, .flags = 2, .sport = 1234, .dport = 80 },
	{ "the same flow's SYN-ACK flag set is another flag",
	  ETH4 IP4("5", "0028", "0000", "06") TCP("12"), .class = WEIR_IPV4, .ip_bytes = 40,
	  .proto = 6, .flags = 0x12, .sport = 1234, .dport = 80 },
	{ "a FIN", ETH4 IP4("5", "0028", "0000", "06") TCP("11"), .class = WEIR_IPV4,
	  .ip_bytes = 40, .proto = 6, .flags = 0x11, .sport = 1234, .dport = 80 },
	{ "a RST", ETH4 IP4("5", "0028", "0000", "06") TCP("04"), .class = WEIR_IPV4,
	  .ip_bytes = 40, .proto = 6, .flags = 4, .sport = 1234, .dport = 80 },
	{ "UDP padded to 60 bytes: frame and IP bytes differ",
	  ETH4 IP4("5", "001c", "0000", "11") UDP "000000000000000000000000000000000000",
	  .class = WEIR_IPV4, .ip_bytes = 28, .proto = 17, .sport = 1234, .dport = 53 },
	{ "SCTP has ports", ETH4 IP4("5", "0020", "0000", "84") "04d2 0050 00000000 00000000 ",
	  .class = WEIR_IPV4, .ip_bytes = 32, .proto = 132, .sport = 1234, .dport = 80 },
	{ "ICMP echo request is port 2048",
	  ETH4 IP4("5", "001c", "0000", "01") "0800 0000 00010001 ", .class = WEIR_IPV4,
	  .ip_bytes = 28, .proto = 1, .dport = 2048 },
	{ "ICMPv6 echo reply is port 33024", ETH6 IP6("0008", "3a") "8100 0000 00010001 ",
	  .class = WEIR_IPV6, .ip_bytes = 48, .proto = 58, .dport = 33024 },
	{ "GRE has no ports", ETH4 IP4("5", "0018", "0000", "2f") "00000800 ", .class = WEIR_IPV4,
	  .ip_bytes = 24, .proto = 47 },
	{ "AH in IPv4 is protocol 51",
	  ETH4 IP4("5", "0020", "0000", "33") "06010000 00000000 00000000 ", .class = WEIR_IPV4,
	  .ip_bytes = 32, .proto = 51 },
	{ "IPv4 options are stepped over", ETH4 IP4("6", "0020", "0000", "11") "01010101 " UDP,
	  .class = WEIR_IPV4, .ip_bytes = 32, .proto = 17, .sport = 1234, .dport = 53 },
	{ "total length 0 is to the end of the frame",
	  ETH4 IP4("5", "0000", "0000", "11") UDP "0011223344 ", .class = WEIR_IPV4, .ip_bytes = 33,
	  .proto = 17, .sport = 1234, .dport = 53 },
	{ "a first fragment has ports", ETH4 IP4("5", "001c", "2000", "11") UDP, .class = WEIR_IPV4,
	  .ip_bytes = 28, .proto = 17, .sport = 1234, .dport = 53 },
	{ "a later fragment has none", ETH4 IP4("5", "001c", "0001", "11") UDP, .class = WEIR_IPV4,
	  .ip_bytes = 28, .proto = 17, .oddities = ODD(FRAGMENT) },
	{ "ports 0 that were sent are ports",
	  ETH4 IP4("5", "001c", "0000", "11") "0000 0000 0008 0000 ", .class = WEIR_IPV4,
	  .ip_bytes = 28, .proto = 17 },
	{ "one tag", VLAN4 IP4("5", "001c", "0000", "11") UDP, .class = WEIR_IPV4, .ip_bytes = 28,
	  .proto = 17, .sport = 1234, .dport = 53 },
	{ "two tags", MACS "88a8 0005 8100 0006 0800 " IP4("5", "001c", "0000", "11") UDP,
	  .class = WEIR_IPV4, .ip_bytes = 28, .proto = 17, .sport = 1234, .dport = 53 },
	{ "a third tag is other",
	  MACS "8100 0005 8100 0006 8100 0007 0800 " IP4("5", "001c", "0000", "11") UDP,
	  .class = WEIR_OTHER, .reason = WEIR_R_VLAN_DEPTH },
	{ "0x9100 is other", MACS "9100 0005 0800 " IP4("5", "001c", "0000", "11") UDP,
	  .class = WEIR_OTHER, .reason = WEIR_R_ETHERTYPE },
	{ "a length for a type is LLC", MACS "0026 424203000000000000000000000000000000000000 ",
	  .class = WEIR_OTHER, .reason = WEIR_R_LLC },
	{ "MPLS is other", MACS "8847 0001013f " IP4("5", "001c", "0000", "11") UDP,
	  .class = WEIR_OTHER, .reason = WEIR_R_ETHERTYPE },
	{ "ARP", MACS "0806 00010800060400010200000000010a0000010000000000000a000002 ",
	  .class = WEIR_ARP },
	{ "a tag that is cut off", MACS "8100 0005 ", .class = WEIR_MALFORMED,
	  .reason = WEIR_R_LINK_SHORT },
	{ "13 bytes of Ethernet", MACS "08 ", .class = WEIR_MALFORMED,
	  .reason = WEIR_R_LINK_SHORT },
	{ "13 bytes of Ethernet of 60", MACS "08 ", .length = 60, .class = WEIR_TRUNCATED,
	  .reason = WEIR_R_LINK_CUT },
	{ "nothing of IPv4", ETH4, .class = WEIR_MALFORMED, .reason = WEIR_R_IPV4_SHORT },
	{ "19 bytes of IPv4", ETH4 "45000028 00010000 40060000 0a000001 0a0000 ",
	  .class = WEIR_MALFORMED, .reason = WEIR_R_IPV4_SHORT },
	{ "19 bytes of IPv4 by a snap length", ETH4 "45000028 00010000 40060000 0a000001 0a0000 ",
	  .length = 60, .class = WEIR_TRUNCATED, .reason = WEIR_R_IPV4_CUT },
	{ "IHL 4", ETH4 IP4("4", "001c", "0000", "11") UDP, .class = WEIR_MALFORMED,
	  .reason = WEIR_R_IPV4_IHL },
	{ "IHL 15 in a short frame", ETH4 IP4("f", "003c", "0000", "11") UDP,
	  .class = WEIR_MALFORMED, .reason = WEIR_R_IPV4_SHORT },
	{ "version 6 under the IPv4 type", ETH4 IP6("0008", "11") UDP, .class = WEIR_MALFORMED,
	  .reason = WEIR_R_IPV4_VERSION },
	{ "total length 19", ETH4 IP4("5", "0013", "0000", "11") UDP, .class = WEIR_MALFORMED,
	  .reason = WEIR_R_IPV4_LENGTH },
	{ "a total length past the frame is believed", ETH4 IP4("5", "0400", "0000", "11") UDP,
	  .class = WEIR_IPV4, .ip_bytes = 1024, .proto = 17, .sport = 1234, .dport = 53 },
	{ "ports outside the IP length are not ports", ETH4 IP4("5", "0016", "0000", "11") UDP,
	  .class = WEIR_IPV4, .ip_bytes = 22, .proto = 17, .oddities = ODD(L4_SHORT) },
	{ "4 bytes of TCP: ports, no flags", ETH4 IP4("5", "0018", "0000", "06") "04d20050 ",
	  .class = WEIR_IPV4, .ip_bytes = 24, .proto = 6, .sport = 1234, .dport = 80,
	  .oddities = ODD(L4_SHORT) },
	{ "13 bytes of TCP: flags are the 14th",
	  ETH4 IP4("5", "0021", "0000", "06") "04d20050 00000001 00000002 50 ", .class = WEIR_IPV4,
	  .ip_bytes = 33, .proto = 6, .sport = 1234, .dport = 80, .oddities = ODD(L4_SHORT) },
	{ "14 bytes of TCP",
	  ETH4 IP4("5", "0022", "0000", "06") "04d20050 00000001 00000002 50 10 ",
	  .class = WEIR_IPV4, .ip_bytes = 34, .proto = 6, .flags = 0x10, .sport = 1234,
	  .dport = 80 },
	{ "a TCP data offset of 4",
	  ETH4 IP4("5", "0028", "0000", "06") "04d2 0050 00000001 00000002 40 10 ffff 0000 0000 ",
	  .class = WEIR_IPV4, .ip_bytes = 40, .proto = 6, .flags = 0x10, .sport = 1234, .dport = 80,
	  .oddities = ODD(TCP_OFFSET) },
	{ "1 byte of ICMP", ETH4 IP4("5", "0015", "0000", "01") "08 ", .class = WEIR_IPV4,
	  .ip_bytes = 21, .proto = 1, .oddities = ODD(L4_SHORT) },
	{ "UDP over IPv6", ETH6 IP6("0008", "11") UDP, .class = WEIR_IPV6, .ip_bytes = 48,
	  .proto = 17, .sport = 1234, .dport = 53 },
	{ "payload length 0 is to the end of the frame", ETH6 IP6("0000", "11") UDP "0011 ",
	  .class = WEIR_IPV6, .ip_bytes = 50, .proto = 17, .sport = 1234, .dport = 53 },
	{ "39 bytes of IPv6",
	  ETH6
	  "60000000 0008 11 40 20010db8000000000000000000000001 20010db80000000000000000000000 ",
	  .class = WEIR_MALFORMED, .reason = WEIR_R_IPV6_SHORT },
	{ "39 bytes of IPv6 of 62",
	  ETH6
	  "60000000 0008 11 40 20010db8000000000000000000000001 20010db80000000000000000000000 ",
	  .length = 62, .class = WEIR_TRUNCATED, .reason = WEIR_R_IPV6_CUT },
	{ "version 4 under the IPv6 type", ETH6 IP4("5", "001c", "0000", "11") UDP UDP UDP UDP,
	  .class = WEIR_MALFORMED, .reason = WEIR_R_IPV6_VERSION },
	{ "hop-by-hop, then UDP", ETH6 IP6("0010", "00") EXT8("11") UDP, .class = WEIR_IPV6,
	  .ip_bytes = 56, .proto = 17, .sport = 1234, .dport = 53 },
	{ "hop-by-hop, routing, destination options, TCP",
	  ETH6 IP6("002c", "00") EXT8("2b") EXT8("3c") EXT8("06") TCP("18"), .class = WEIR_IPV6,
	  .ip_bytes = 84, .proto = 6, .flags = 0x18, .sport = 1234, .dport = 80 },
	{ "AH in IPv6, then UDP", ETH6 IP6("0014", "33") "11010000 00000000 00000000 " UDP,
	  .class = WEIR_IPV6, .ip_bytes = 60, .proto = 17, .sport = 1234, .dport = 53 },
	{ "a first IPv6 fragment", ETH6 IP6("0010", "2c") "1100 0001 00000001 " UDP,
	  .class = WEIR_IPV6, .ip_bytes = 56, .proto = 17, .sport = 1234, .dport = 53 },
	{ "a later IPv6 fragment", ETH6 IP6("0010", "2c") "1100 0008 00000001 " UDP,
	  .class = WEIR_IPV6, .ip_bytes = 56, .proto = 17, .oddities = ODD(FRAGMENT) },
	{ "ESP is not looked into", ETH6 IP6("0008", "32") "0000000100000001 ", .class = WEIR_IPV6,
	  .ip_bytes = 48, .proto = 50 },
	{ "no next header", ETH6 IP6("0000", "3b"), .class = WEIR_IPV6, .ip_bytes = 40,
	  .proto = 59 },
	{ "eight extension headers",
	  ETH6 IP6("0048", "3c") EXT8("3c") EXT8("3c") EXT8("3c") EXT8("3c") EXT8("3c") EXT8("3c")
		  EXT8("3c") EXT8("11") UDP,
	  .class = WEIR_IPV6, .ip_bytes = 112, .proto = 17, .sport = 1234, .dport = 53 },
	{ "a ninth is the protocol",
	  ETH6 IP6("0050", "3c") EXT8("3c") EXT8("3c") EXT8("3c") EXT8("3c") EXT8("3c") EXT8("3c")
		  EXT8("3c") EXT8("3c") EXT8("11") UDP,
	  .class = WEIR_IPV6, .ip_bytes = 120, .proto = 60, .oddities = ODD(IPV6_EXT_LIMIT) },
	{ "7 bytes of an extension header", ETH6 IP6("0007", "3c") "11000000000000 ",
	  .class = WEIR_IPV6, .ip_bytes = 47, .proto = 60, .oddities = ODD(IPV6_EXT_SHORT) },
	{ "an extension header longer than the packet",
	  ETH6 IP6("0010", "3c") "11ff 000000000000 " UDP, .class = WEIR_IPV6, .ip_bytes = 56,
	  .proto = 17, .oddities = ODD(L4_SHORT) },
	{ "IPv6 addresses that look mapped are IPv6",
	  ETH6 "60000000 0008 11 40 00000000000000000000ffff0a000001 "
	       "00000000000000000000ffff0a000002 " UDP,
	  .class = WEIR_IPV6, .ip_bytes = 48, .proto = 17, .sport = 1234, .dport = 53 },
	{ "raw IPv4", IP4("5", "001c", "0000", "11") UDP, .link = WEIR_LINK_RAW, .class = WEIR_IPV4,
	  .ip_bytes = 28, .proto = 17, .sport = 1234, .dport = 53 },
	{ "raw IPv6", IP6("0008", "11") UDP, .link = WEIR_LINK_RAW, .class = WEIR_IPV6,
	  .ip_bytes = 48, .proto = 17, .sport = 1234, .dport = 53 },
	{ "raw version 5", "50000000000000000000000000000000 ", .link = WEIR_LINK_RAW,
	  .class = WEIR_OTHER, .reason = WEIR_R_RAW_VERSION },
	{ "an empty raw frame", "", .link = WEIR_LINK_RAW, .class = WEIR_MALFORMED,
	  .reason = WEIR_R_LINK_SHORT },
	{ "cooked v1", "0000 0001 0006 020000000001 0000 0800 " IP4("5", "001c", "0000", "11") UDP,
	  .link = WEIR_LINK_SLL, .class = WEIR_IPV4, .ip_bytes = 28, .proto = 17, .sport = 1234,
	  .dport = 53 },
	{ "cooked v2", "86dd 0000 00000002 0001 00 06 0200000000010000 " IP6("0008", "11") UDP,
	  .link = WEIR_LINK_SLL2, .class = WEIR_IPV6, .ip_bytes = 48, .proto = 17, .sport = 1234,
	  .dport = 53 },
	{ "loopback", "02000000 " IP4("5", "001c", "0000", "11") UDP, .link = WEIR_LINK_NULL,
	  .class = WEIR_IPV4, .ip_bytes = 28, .proto = 17, .sport = 1234, .dport = 53 },
	{ "a link type weir does not read", "00112233445566778899aabbccddeeff ",
	  .link = WEIR_LINK_OTHER, .class = WEIR_OTHER, .reason = WEIR_R_LINK_TYPE },
};

const int fixture_count = sizeof(fixtures) / sizeof(fixtures[0]);

static unsigned int digit(char c)
{
	return c <= '9' ? (unsigned int)(c - '0') : (unsigned int)(c - 'a' + 10);
}

uint32_t fixture_bytes(const struct fixture *f, unsigned char *to)
{
	const char *c = f->hex;
	uint32_t n = 0;

	while (*c) {
		if (*c == ' ') {
			c++;
			continue;
		}
		to[n++] = (unsigned char)(digit(c[0]) << 4 | digit(c[1]));
		c += 2;
	}
	return n;
}
