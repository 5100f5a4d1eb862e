/* SPDX-License-Identifier: GPL-2.0 */
/*
 * capgen PACKETS FLOWS SEED [vlan]: a pcap on standard output, of random sizes and protocols
 * over FLOWS flows, for comparing `weir read` with others. Nanosecond times; lengths true.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/sketch.h>

static uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void put16(unsigned char *to, uint32_t v)
{
	to[0] = (unsigned char)(v >> 8);
	to[1] = (unsigned char)v;
}

/* L4 header and ports of flow `h`; returns its length. */
static uint32_t put_l4(unsigned char *p, uint64_t h, int tcp, uint32_t payload)
{
	static const unsigned char flags[] = { 0x02, 0x12, 0x10, 0x18, 0x10, 0x10, 0x11, 0x04 };

	put16(p, 1024 + (uint32_t)(h >> 20) % 60000);
	put16(p + 2, 1 + (uint32_t)(h >> 40) % 1000);
	if (!tcp) {
		put16(p + 4, 8 + payload);
		return 8;
	}
	p[12] = 0x50;
	p[13] = flags[next() & 7];
	return 20;
}

static uint32_t put_ipv4(unsigned char *p, uint64_t h, uint32_t payload)
{
	int tcp = h & 1;
	uint32_t n;

	p[0] = 0x45;
	p[8] = 64;
	p[9] = tcp ? 6 : 17;
	p[12] = 10, p[13] = (unsigned char)(h >> 8), p[14] = (unsigned char)(h >> 16), p[15] = 1;
	p[16] = 172, p[17] = 16, p[18] = (unsigned char)(h >> 32), p[19] = 2;
	n = 20 + put_l4(p + 20, h, tcp, payload) + payload;
	put16(p + 2, n);
	return n;
}

static uint32_t put_ipv6(unsigned char *p, uint64_t h, uint32_t payload)
{
	int tcp = h & 1;
	uint32_t n;

	p[0] = 0x60;
	p[6] = tcp ? 6 : 17;
	p[7] = 64;
	p[8] = 0x20, p[9] = 1, p[10] = 0x0d, p[11] = 0xb8;
	memcpy(p + 16, &h, 3);
	p[24] = 0x20, p[25] = 1, p[26] = 0x0d, p[27] = 0xb8;
	p[39] = (unsigned char)(h >> 32);
	n = put_l4(p + 40, h, tcp, payload) + payload;
	put16(p + 4, n);
	return 40 + n;
}

static uint32_t put_frame(unsigned char *p, uint64_t h, int tagged)
{
	uint32_t at = 12, payload = (uint32_t)next() % 1400, ipv6 = (h >> 1 & 3) == 0;

	memset(p, 0, 128);
	p[0] = p[6] = 2;
	if (tagged && (h & 8)) {
		put16(p + at, 0x8100);
		put16(p + at + 2, 7);
		at += 4;
	}
	put16(p + at, ipv6 ? 0x86dd : 0x0800);
	at += 2;
	return at + (ipv6 ? put_ipv6(p + at, h, payload) : put_ipv4(p + at, h, payload));
}

int main(int argc, char **argv)
{
	uint32_t head[6] = { 0xa1b23c4d, 0x00040002, 0, 0, 262144, 1 };
	uint64_t packets, flows, seed, i;
	static unsigned char frame[2048];

	if (argc < 4)
		return 2;
	packets = strtoull(argv[1], NULL, 10);
	flows = strtoull(argv[2], NULL, 10);
	seed = strtoull(argv[3], NULL, 10);
	state = weir_mix(seed + 1) | 1;
	fwrite(head, sizeof(head), 1, stdout);
	for (i = 0; i < packets; i++) {
		/* Every flow once, then at random. */
		uint64_t h = weir_mix((i < flows ? i : next() % flows) * 31 + seed);
		uint32_t n = put_frame(frame, h, argc > 4), keep = n > 96 ? 96 : n;
		uint64_t ns = 1700000000000000000ULL + i * 977;
		uint32_t record[4] = { (uint32_t)(ns / 1000000000), (uint32_t)(ns % 1000000000),
				       keep, n };

		fwrite(record, sizeof(record), 1, stdout);
		fwrite(frame, keep, 1, stdout);
	}
	return fflush(stdout) ? 1 : 0;
}
