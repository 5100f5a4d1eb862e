/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets as text, with sanitizers: what known packets read like, and that no packet, however
 * malformed, cut or hostile, makes a line that is not one line of printable characters. Each frame
 * lies in memory of just its size, so that a byte read behind it is an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/abi.h>
#include <weir/sketch.h>
#include "frames.h"
#include "packets/packet_text.h"

#define NS 1700000000000000000ULL

static struct packet_text text;

static int setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	return packet_text_open(&text);
}

static int teardown(void **state)
{
	(void)state;
	packet_text_close(&text);
	return 0;
}

static void check_line(void)
{
	size_t i;

	assert_true(text.line.n > 16 && text.line.n <= LINE_SIZE);
	assert_int_equal(text.line.text[text.line.n - 1], '\n');
	for (i = 0; i + 1 < text.line.n; i++)
		assert_in_range(text.line.text[i], ' ', '~');
}

/* The first `captured` bytes of a frame of `length`. */
static void write_line(const unsigned char *bytes, uint32_t captured, uint32_t length, uint8_t link)
{
	unsigned char *exact = malloc(captured ? captured : 1);
	struct packet p = { .frame = { exact, captured, length, NS + 123456789 }, .link = link };

	assert_non_null(exact);
	memcpy(exact, bytes, captured);
	packet_text_write(&text, &p);
	free(exact);
	check_line();
}

/* ---- known packets ---- */

struct known {
	const char *hex; /* from the IP header on; an "e" before: from the Ethernet header on */
	uint32_t cut;	 /* captured bytes, 0: all */
	const char *line;
};

#define IP4(length, proto)                                                                         \
	"450000" length "04d20000"                                                                 \
	"40" proto "0000"                                                                          \
	"0a0000010a000002"
#define BACK4(length, proto)                                                                       \
	"450000" length "04d20000"                                                                 \
	"40" proto "0000"                                                                          \
	"0a0000020a000001"
#define IP6(length, next)                                                                          \
	"6000000000" length next "40"                                                              \
	"20010db8000000000000000000000001"                                                         \
	"20010db8000000000000000000000002"
#define ETH(type) "e020000000001020000000002" type

static const struct known all_known[] = {
	/* A connection from its SYN on: numbers are relative behind it. */
	{ IP4("3c",
	      "06") "03e801bb0000006400000000a00200640000000002040 5b40402080a0000000100000000"
		    "01030307",
	  0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.443: Flags [S], seq 100, win 100, options [mss 1460,sackOK,"
	  "TS val 1 ecr 0,nop,wscale 7], length 0" },
	{ BACK4("2c", "06") "01bb03e80000038400000065601200640000000002 0405b4", 0,
	  "IP 10.0.0.2.443 > 10.0.0.1.1000: Flags [S.], seq 900, ack 101, win 100, options "
	  "[mss 1460], length 0" },
	{ IP4("28", "06") "03e801bb00000065000003855010006400000000", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.443: Flags [.], ack 1, win 100, length 0" },
	{ IP4("2b", "06") "03e801bb00000065000003855018006400000000616263", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.443: Flags [P.], seq 1:4, ack 1, win 100, length 3" },
	{ BACK4("34", "06") "01bb03e8000003850000006880100064000000000101050a000000650000006f", 0,
	  "IP 10.0.0.2.443 > 10.0.0.1.1000: Flags [.], ack 4, win 100, options [nop,nop,sack 1 "
	  "{1:11}], length 0" },
	{ IP4("28", "06") "03e801bb00000068000003855011006400000000", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.443: Flags [F.], seq 4, ack 1, win 100, length 0" },
	{ IP4("28", "06") "03e801bb00000068000003854010006400000000", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.443: malformed: tcp header length 16 of 20" },
	{ IP4("2c", "06") "03e801bb0000006800000385601000640000000008020000", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.443: Flags [.], ack 1, win 100, options [malformed: option "
	  "8], length 0" },
	{ IP4("28", "06") "03e801bb00000065000003855010006400000000", 30,
	  "IP 10.0.0.1.1000 > 10.0.0.2.443: [|tcp]" },
	{ IP4("1e", "06") "03e801bb000000650000", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.443: malformed: 10 bytes of tcp, of 20" },
	/* UDP and DNS */
	{ IP4("21", "11") "03e807d0000d000068656c6c6f", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.2000: UDP, length 5" },
	{ IP4("21", "11") "03e807d000ff000068656c6c6f", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.2000: malformed: udp length 255 of 13" },
	{ IP4("39",
	      "11") "03e800350025000012340100000100000000000007 6578616d706c6503636f6d0000010001",
	  0, "IP 10.0.0.1.1000 > 10.0.0.2.53: 4660+ A? example.com. (29)" },
	{ BACK4("39",
		"11") "003503e80025000012348583000100000000000007 6578616d706c6503636f6d00001c"
		      "0001",
	  0, "IP 10.0.0.2.53 > 10.0.0.1.1000: 4660 NXDomain* 0/0/0 AAAA? example.com. (29)" },
	/* ESC [ 2 J, and a dot within a label */
	{ IP4("33", "11") "03e80035001f00001234010000010000000000000561 1b5b324a0000010001", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.53: 4660+ A? a\\027[2J. (23)" },
	{ IP4("34", "11") "03e80035002000001234010000010000000000000261 2e03620a5c0000010001", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.53: 4660+ A? a\\..b\\010\\\\. (24)" },
	{ IP4("2e", "11") "03e80035001a0000123401000001000000000000c00c00010001", 0,
	  "IP 10.0.0.1.1000 > 10.0.0.2.53: 4660+ malformed: name" },
	/* ICMP */
	{ IP4("1c", "01") "0800000000050001", 0,
	  "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 5, seq 1, length 8" },
	{ IP4("38", "01") "0303000000000000"
			  "4500001c000000004011000 00a0000020a000009"
			  "9c40829a00080000",
	  0, "IP 10.0.0.1 > 10.0.0.2: ICMP 10.0.0.9 udp port 33434 unreachable, length 36" },
	{ IP4("38", "01") "0304000000000578"
			  "4500001c000000004011000 00a0000020a000009"
			  "9c40829a00080000",
	  0,
	  "IP 10.0.0.1 > 10.0.0.2: ICMP 10.0.0.9 unreachable - need to frag (mtu 1400), length "
	  "36" },
	{ IP4("38", "01") "0b00000000000000"
			  "4500001c000000004011000 00a0000020a000009"
			  "9c40829a00080000",
	  0, "IP 10.0.0.1 > 10.0.0.2: ICMP time exceeded in-transit, length 36" },
	/* IPv6 */
	{ IP6("08", "3a") "8000000000050001", 0,
	  "IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id 5, seq 1, length 8" },
	{ IP6("18", "3a") "8700000000000000fe800000000000000000000000000001", 0,
	  "IP6 2001:db8::1 > 2001:db8::2: ICMP6, neighbor solicitation, who has fe80::1, length "
	  "24" },
	{ IP6("0b", "11") "03e807d0000b0000616263", 0,
	  "IP6 2001:db8::1.1000 > 2001:db8::2.2000: UDP, length 3" },
	{ IP6("13", "3c") "110000000000000003e807d0000b0000616263", 0,
	  "IP6 2001:db8::1 > 2001:db8::2: DSTOPT 1000 > 2000: UDP, length 3" },
	{ IP6("0b", "2c") "1100059800000007616263", 0,
	  "IP6 2001:db8::1 > 2001:db8::2: frag (1432|3)" },
	/* Fragments, and what cannot be */
	{ "45000018"
	  "04d22000"
	  "40110000"
	  "0a0000010a000002"
	  "03e807d0",
	  0, "IP 10.0.0.1.1000 > 10.0.0.2.2000: malformed: 4 bytes of udp, of 8 (frag 1234:4@0+)" },
	{ "45000018"
	  "04d20005"
	  "40110000"
	  "0a0000010a000002"
	  "61626364",
	  0, "IP 10.0.0.1 > 10.0.0.2: udp (frag 1234:4@40)" },
	{ "44000018"
	  "04d20000"
	  "40110000"
	  "0a0000010a000002"
	  "61626364",
	  0, "IP malformed: header length 16" },
	{ "4500000a"
	  "04d20000"
	  "40110000"
	  "0a0000010a000002"
	  "61626364",
	  0, "IP malformed: total length 10" },
	{ "450000c8"
	  "04d20000"
	  "40110000"
	  "0a0000010a000002"
	  "03e807d000b40000",
	  0,
	  "IP malformed: 172 bytes missing, 10.0.0.1.1000 > 10.0.0.2.2000: malformed: udp length "
	  "180 of 8" },
	{ IP4("21", "11") "03e807d0000d000068656c6c6f", 12, "IP [|ip]" },
	/* Ethernet */
	{ ETH("0806") "0001080006040001"
		      "0200000000020a000001"
		      "0000000000000a000002",
	  0, "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28" },
	{ ETH("0806") "0001080006040002"
		      "0200000000020a000001"
		      "0200000000010a000002",
	  0, "ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:02, length 28" },
	{ ETH("88a8") "0007"
		      "8100"
		      "a005"
		      "0800" IP4("1c", "01") "0800000000050001",
	  0,
	  "vlan 7, vlan 5, p 5, IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 5, seq 1, length 8" },
	{ ETH("88b5") "00010203", 0,
	  "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype 0x88b5, length 4" },
	{ ETH("0800"), 9, "[|ether]" },
};

static uint32_t from_hex(const char *hex, unsigned char *to)
{
	uint32_t digits = 0;

	for (; *hex; hex++) {
		const char *at = strchr("0123456789abcdef", *hex);

		if (*hex == ' ')
			continue;
		assert_non_null(at);
		if (digits & 1)
			to[digits / 2] |= (unsigned char)(at - "0123456789abcdef");
		else
			to[digits / 2] = (unsigned char)((at - "0123456789abcdef") << 4);
		digits++;
	}
	assert_int_equal(digits & 1, 0);
	return digits / 2;
}

static void known_packets_read_so(void **state)
{
	unsigned char bytes[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all_known) / sizeof(all_known[0]); i++) {
		const struct known *k = &all_known[i];
		bool ethernet = *k->hex == 'e';
		uint32_t n = from_hex(k->hex + ethernet, bytes);
		char expected[LINE_SIZE];

		write_line(bytes, k->cut ? k->cut : n, n,
			   ethernet ? WEIR_LINK_ETHERNET : WEIR_LINK_RAW);
		snprintf(expected, sizeof(expected), "22:13:20.123456 %s\n", k->line);
		text.line.text[text.line.n] = 0;
		assert_string_equal(text.line.text, expected);
	}
}

/* ---- any packets ---- */

static void no_frame_makes_more_than_a_line(void **state)
{
	static struct test_frame f;
	uint64_t i;

	(void)state;
	for (i = 0; i < 60000; i++) {
		bool ethernet = i % 3;
		uint8_t link = ethernet ? i % 50 ? WEIR_LINK_ETHERNET : (uint8_t)(i / 50 % 6)
					: WEIR_LINK_RAW;
		uint32_t length;

		frame_make(&f, 9, i, ethernet);
		length = f.n;
		write_line(f.bytes, f.n, length, link);
		if (i % 4 == 0)
			write_line(f.bytes, (uint32_t)(weir_mix(i) % (f.n + 1)), length, link);
	}
}

/* Questions whose names are any bytes, of any length, right and wrong. */
static void no_name_makes_more_than_a_line(void **state)
{
	static const unsigned char head[] = { 0x45, 0, 0,  0, 0, 0, 0, 0,    64, 17, 0, 0, 10, 0,
					      0,    1, 10, 0, 0, 2, 3, 0xe8, 0,	 53, 0, 0, 0,  0 };
	unsigned char bytes[700];
	uint64_t i, any = 1;

	(void)state;
	for (i = 0; i < 60000; i++) {
		uint32_t n = sizeof(head), size = (uint32_t)(weir_mix(i) % 600), at;

		memcpy(bytes, head, n);
		for (at = 0; at < size; at++)
			bytes[n + at] = (unsigned char)(any = weir_mix(any + i));
		if (size > 12) {
			bytes[n + 4] = 0, bytes[n + 5] = 1;
			/* Labels that fit, of bytes that do not. */
			for (at = 12; at < size && i % 3; at += bytes[n + at] + 1U)
				bytes[n + at] &= i % 2 ? 63 : 15;
		}
		n += size;
		bytes[2] = (unsigned char)(n >> 8), bytes[3] = (unsigned char)n;
		bytes[24] = (unsigned char)((n - 20) >> 8), bytes[25] = (unsigned char)(n - 20);
		write_line(bytes, n, n, WEIR_LINK_RAW);
	}
}

/* More connections than are remembered: all that may differ is what the numbers start from. */
static void connections_are_bounded(void **state)
{
	unsigned char bytes[256];
	uint32_t i, n = from_hex(IP4("28", "06") "03e801bb00000065000003855010006400000000", bytes);

	(void)state;
	for (i = 0; i < 3 * CONNECTIONS; i++) {
		bytes[13] = (unsigned char)(i >> 16), bytes[14] = (unsigned char)(i >> 8);
		bytes[15] = (unsigned char)i;
		write_line(bytes, n, n, WEIR_LINK_RAW);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_packets_read_so),
		cmocka_unit_test(no_frame_makes_more_than_a_line),
		cmocka_unit_test(no_name_makes_more_than_a_line),
		cmocka_unit_test(connections_are_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
