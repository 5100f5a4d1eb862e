/* SPDX-License-Identifier: GPL-2.0 */
/* Frames from numbers; see frames.h. */
#include <string.h>

#include <weir/sketch.h>
#include "frames.h"

struct maker {
	struct test_frame *f;
	uint64_t state;
	int depth; /* of tunnels */
};

static uint32_t any(struct maker *m)
{
	m->state += 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(weir_mix(m->state) >> 16);
}

static uint32_t below(struct maker *m, uint32_t n)
{
	return any(m) % n;
}

static bool one_in(struct maker *m, uint32_t n)
{
	return !below(m, n);
}

#define PICK(m, list) ((list)[below(m, sizeof(list) / sizeof((list)[0]))])

/* ---- bytes ---- */

static void put(struct maker *m, uint64_t value, uint32_t bytes)
{
	while (bytes-- > 0 && m->f->n < FRAME_MAX)
		m->f->bytes[m->f->n++] = bytes < 8 ? (unsigned char)(value >> bytes * 8) : 0;
}

static void put_noise(struct maker *m, uint32_t bytes)
{
	bool zero = one_in(m, 3);

	while (bytes-- > 0)
		put(m, zero ? 0 : any(m), 1);
}

static void set16(struct maker *m, uint32_t at, uint32_t value)
{
	m->f->bytes[at] = (unsigned char)(value >> 8);
	m->f->bytes[at + 1] = (unsigned char)value;
}

static void put_payload(struct maker *m)
{
	switch (below(m, 12)) {
	case 0:
		put_noise(m, below(m, 1400));
		break;
	case 1:
		put(m, 0x47455420, 4); /* "GET " */
		put_noise(m, below(m, 40));
		break;
	case 2:
		break;
	default:
		put_noise(m, below(m, 64));
	}
}

/* ---- addresses ---- */

static void put_mac(struct maker *m, bool destination)
{
	static const uint64_t special[] = { 0xffffffffffff, 0x01005e000001, 0x333300000001,
					    0x0180c2000000, 0x010081000100, 0xab0000020000 };

	if (destination && one_in(m, 5))
		put(m, PICK(m, special), 6);
	else
		put(m, 0x020000000001 + below(m, 4), 6);
}

static void put_ipv4(struct maker *m)
{
	static const uint32_t some[] = { 0x0a000001, 0x0a000002, 0x0a000003, 0x0a000004, 0x0a000005,
					 0x0a010101, 0xc0000207, 0xc0000208, 0xac100001, 0xe0000001,
					 0xffffffff, 0x0a0000ff, 0x7f000001, 0 };

	put(m, one_in(m, 20) ? any(m) : PICK(m, some), 4);
}

static void put_ipv6(struct maker *m)
{
	static const uint64_t high[] = { 0x20010db800000000,
					 0x20010db800000000,
					 0x20010db800000001,
					 0x20010db800000010,
					 0xfe80000000000000,
					 0xff02000000000000,
					 0 };
	static const uint64_t low[] = { 1, 1, 2, 0xffff, 0x123456789abcdef0 };

	put(m, PICK(m, high), 8);
	put(m, PICK(m, low), 8);
}

static void put_port(struct maker *m)
{
	static const uint32_t some[] = { 80,  443, 443,	 53,   53,   22,   25,
					 123, 445, 6081, 6003, 6008, 8080, 49152 };

	put(m, one_in(m, 8) ? below(m, 65536) : PICK(m, some), 2);
}

/* ---- layer 4 ---- */

static void put_ip(struct maker *m);
static void put_vlan_tags(struct maker *m, uint32_t n);
static void put_behind_ethertype(struct maker *m, uint32_t type);
static uint32_t pick_ethertype(struct maker *m);

static void put_tcp(struct maker *m)
{
	uint32_t words = one_in(m, 3) ? below(m, 16) : 5 + below(m, 4), i;
	static const uint32_t flags[] = { 2, 2, 0x12, 0x10, 0x18, 4, 0x14, 1, 0x11, 0xc2, 0, 0xff };

	put_port(m);
	put_port(m);
	put(m, any(m), 4);
	put(m, any(m), 4);
	put(m, words << 4, 1);
	put(m, PICK(m, flags), 1);
	put(m, one_in(m, 4) ? 0 : any(m), 2);
	put(m, any(m), 2);
	put(m, 0, 2);
	for (i = 5; i < words; i++)
		put(m, 0x01010101, 4);
	put_payload(m);
}

static void put_geneve(struct maker *m)
{
	uint32_t options = one_in(m, 3) ? below(m, 5) : 0;
	uint32_t type = one_in(m, 2) ? 0x6558 : pick_ethertype(m);

	put(m, (one_in(m, 12) ? 0x40 : 0) | options, 1);
	put(m, one_in(m, 4) ? 0x80 : 0, 1);
	put(m, type, 2);
	put(m, one_in(m, 3) ? below(m, 1 << 24) : 0xb, 3);
	put(m, 0, 1);
	put_noise(m, options * 4);
	if (m->depth++ > 2)
		return;
	if (type == 0x6558) {
		put_mac(m, true);
		put_mac(m, false);
		if (one_in(m, 4))
			put_vlan_tags(m, 1);
		type = pick_ethertype(m);
		put(m, type, 2);
	}
	put_behind_ethertype(m, type);
}

static void put_udp(struct maker *m)
{
	bool geneve = one_in(m, 3);

	put_port(m);
	if (geneve)
		put(m, 6081, 2);
	else
		put_port(m);
	put(m, below(m, 300), 2);
	put(m, any(m), 2);
	if (geneve)
		put_geneve(m);
	else
		put_payload(m);
}

static void put_sctp(struct maker *m)
{
	put_port(m);
	put_port(m);
	put(m, any(m), 4);
	put(m, any(m), 4);
	put(m, below(m, 4), 1);
	put_payload(m);
}

static void put_icmp(struct maker *m, bool v6)
{
	static const uint32_t types4[] = { 0,  3,  3,  4,  5,  8,  8,  9, 10,
					   11, 12, 13, 14, 15, 16, 17, 18 };
	static const uint32_t types6[] = { 1,	1,   2,	  3,   4,   128, 129, 130,
					   131, 133, 134, 135, 136, 137, 143, 154 };

	put(m, v6 ? PICK(m, types6) : PICK(m, types4), 1);
	put(m, below(m, 6), 1);
	put(m, any(m), 2);
	put(m, any(m), 4);
	put_payload(m);
}

static void put_l4(struct maker *m, uint32_t proto)
{
	switch (proto) {
	case 6:
		put_tcp(m);
		break;
	case 17:
		put_udp(m);
		break;
	case 132:
		put_sctp(m);
		break;
	case 1:
	case 58:
		put_icmp(m, proto == 58);
		break;
	case 2:
		put(m, one_in(m, 2) ? 0x16 : 0x11, 1);
		put_noise(m, 7);
		break;
	case 103:
	case 112:
	case 9:
		put(m, one_in(m, 2) ? 0x20 + below(m, 3) : 1, 1);
		put_noise(m, 20);
		break;
	case 4:
	case 41:
		if (m->depth++ < 2)
			put_ip(m);
		break;
	default:
		put_payload(m);
	}
}

static uint32_t pick_proto(struct maker *m, bool v6)
{
	static const uint32_t some[] = { 6, 6,	6,  6, 6,  17,	17,  17, 17, 132, 1,  1,
					 1, 58, 58, 2, 50, 103, 112, 89, 9,  4,	  41, 255 };
	uint32_t proto = PICK(m, some);

	return proto == 1 && v6 && !one_in(m, 5) ? 58 : proto;
}

/* ---- layer 3 ---- */

/* Extension headers up to a protocol: returns it, with what leads there written. */
static void put_chain(struct maker *m, uint32_t next_at, uint32_t headers)
{
	static const uint32_t kinds[] = { 0, 60, 43, 44, 51, 51 };
	uint32_t proto, i;

	for (i = 0; i < headers; i++) {
		uint32_t kind = PICK(m, kinds), at = m->f->n, size;

		m->f->bytes[next_at] = (unsigned char)kind;
		next_at = at;
		put(m, 59, 1);
		/* AH's length is in words less 2; at 8, behind IPv6, libpcap's walk never ends. */
		size = kind == 44   ? 0
		       : kind == 51 ? (one_in(m, 30) ? 8 : 4 + below(m, 4))
				    : one_in(m, 4);
		put(m, size, 1);
		put_noise(m, kind == 51 ? (size + 2) * 4 - 2 : size * 8 + 6);
	}
	proto = one_in(m, 10) ? 59 : pick_proto(m, true);
	m->f->bytes[next_at] = (unsigned char)proto;
	put_l4(m, proto);
}

static void put_ip6(struct maker *m)
{
	uint32_t at = m->f->n, length;

	put(m, 0x60000000 | below(m, 1 << 20), 4);
	put(m, 0, 2);
	put(m, 0, 1);
	put(m, one_in(m, 2) ? 64 : 1, 1);
	put_ipv6(m);
	put_ipv6(m);
	put_chain(m, at + 6, one_in(m, 40) ? 40 + below(m, 80) : one_in(m, 3) ? below(m, 9) : 0);
	length = m->f->n - at - 40;
	if (m->f->n < FRAME_MAX)
		set16(m, at + 4, one_in(m, 10) ? below(m, 200) : length);
}

static void put_ip4(struct maker *m)
{
	uint32_t at = m->f->n, options = one_in(m, 4) ? below(m, 11) : 0, fragment = 0;
	uint32_t proto = pick_proto(m, false);

	if (one_in(m, 6))
		fragment = one_in(m, 2) ? 0x2000 : one_in(m, 2) ? below(m, 0x2000) : 0x4000;
	put(m, 0x40 | (one_in(m, 30) ? below(m, 16) : 5 + options), 1);
	put(m, below(m, 4), 1);
	put(m, 0, 2);
	put(m, any(m), 2);
	put(m, fragment, 2);
	put(m, one_in(m, 3) ? below(m, 256) : 64, 1);
	put(m, one_in(m, 20) ? 51 : proto, 1);
	put(m, any(m), 2);
	put_ipv4(m);
	put_ipv4(m);
	put_noise(m, options * 4);
	if (m->f->bytes[at + 9] == 51)
		put_chain(m, at + 9, 1 + below(m, 2));
	else
		put_l4(m, proto);
	if (m->f->n < FRAME_MAX)
		set16(m, at + 2, one_in(m, 10) ? below(m, 65536) : m->f->n - at);
}

static void put_ip(struct maker *m)
{
	if (one_in(m, 3))
		put_ip6(m);
	else
		put_ip4(m);
}

static void put_arp(struct maker *m)
{
	put(m, 0x000108000604, 6);
	put(m, 1 + below(m, 4), 2);
	put_mac(m, false);
	put_ipv4(m);
	put_mac(m, true);
	put_ipv4(m);
	if (one_in(m, 2))
		put_noise(m, 18);
}

static void put_decnet(struct maker *m)
{
	static const uint32_t address[] = { 0x0f28, 0x0104, 0x0504 };

	/* Lengths, then flags in one of the four places libpcap looks for them. */
	put(m, below(m, 256), 2);
	if (one_in(m, 2))
		put(m, 0x81, 1);
	if (one_in(m, 2)) {
		put(m, 0x02, 1);
		put(m, PICK(m, address), 2);
		put(m, PICK(m, address), 2);
	} else {
		put(m, 0x06, 1);
		put_noise(m, 6);
		put(m, PICK(m, address), 2);
		put_noise(m, 6);
		put(m, PICK(m, address), 2);
	}
	put_noise(m, 20);
}

static uint32_t pick_ethertype(struct maker *m)
{
	static const uint32_t rare[] = { 0x8035, 0x809b, 0x80f3, 0x6003, 0x6007, 0x6004,
					 0x6001, 0x6002, 0x8137, 0x9000, 0x88cc, 0x888e };
	uint32_t at = below(m, 20);

	if (at < 9)
		return 0x0800;
	if (at < 14)
		return 0x86dd;
	if (at == 14)
		return 0x0806;
	return at < 19 ? PICK(m, rare) : below(m, 65536);
}

/* ---- layer 2 ---- */

static void put_behind_ethertype(struct maker *m, uint32_t type)
{
	/* Now and then, another version than the type says. */
	if ((type == 0x0800 || type == 0x86dd) && one_in(m, 25))
		put_ip(m);
	else if (type == 0x0800)
		put_ip4(m);
	else if (type == 0x86dd)
		put_ip6(m);
	else if (type == 0x0806 || type == 0x8035)
		put_arp(m);
	else if (type == 0x6003)
		put_decnet(m);
	else
		put_noise(m, below(m, 60));
}

static void put_llc(struct maker *m)
{
	static const uint32_t saps[] = { 0xfefe, 0xfefe, 0x4242, 0xf0f0, 0xe0e0,
					 0xffff, 0xaaaa, 0xaaaa, 0x0606, 0x0401 };
	static const uint32_t controls[] = { 0x03, 0x13, 0x73, 0x63, 0x53, 0x43, 0x7f,
					     0x6f, 0xe3, 0xf3, 0xbf, 0xaf, 0x87, 0x97,
					     0x01, 0x05, 0x09, 0x0d, 0x00, 0x02, 0x10 };
	static const uint32_t pdus[] = { 15, 16, 17, 18, 20, 24, 25, 26, 27 };
	static const uint32_t iso[] = { 0x81, 0x82, 0x83, 0x83, 0x83 };
	uint32_t sap = PICK(m, saps);

	put(m, sap, 2);
	put(m, sap == 0xaaaa && !one_in(m, 4) ? 3 : PICK(m, controls), 1);
	if (sap == 0xaaaa) {
		static const uint32_t ouis[] = { 0, 0, 0x080007, 0x00000c };
		uint32_t type = one_in(m, 3) ? 0x809b : pick_ethertype(m);

		put(m, PICK(m, ouis), 3);
		put(m, type, 2);
		put_behind_ethertype(m, type);
	} else if (sap == 0xfefe) {
		put(m, PICK(m, iso), 1);
		put_noise(m, 3);
		put(m, PICK(m, pdus), 1);
		put_noise(m, 20);
	} else {
		put_noise(m, below(m, 50));
	}
}

static void put_mpls(struct maker *m)
{
	static const uint32_t labels[] = { 100000, 1024, 1024, 16, 3 };
	uint32_t n = 1 + below(m, 3), i;

	for (i = 0; i < n; i++) {
		uint32_t bottom = one_in(m, 15) ? 0 : i == n - 1;

		put(m, PICK(m, labels) << 12 | bottom << 8 | 64, 4);
	}
	put_ip(m);
}

static void put_pppoe(struct maker *m)
{
	uint32_t ppp = one_in(m, 3) ? 0x57 : one_in(m, 6) ? 0xc021 : 0x21;

	put(m, 0x1100, 2);
	put(m, one_in(m, 3) ? below(m, 65536) : 0x27, 2);
	put(m, 40, 2);
	put(m, ppp, 2);
	if (ppp == 0x57)
		put_ip6(m);
	else
		put_ip4(m);
}

static void put_vlan_tags(struct maker *m, uint32_t n)
{
	static const uint32_t types[] = { 0x8100, 0x8100, 0x8100, 0x88a8, 0x9100 };
	static const uint32_t ids[] = { 5, 5, 100, 200, 300, 0, 4095 };

	while (n-- > 0) {
		put(m, PICK(m, types), 2);
		put(m, PICK(m, ids) | below(m, 16) << 12, 2);
	}
}

static void put_ethernet(struct maker *m)
{
	uint32_t type, kind = below(m, 16);

	put_mac(m, true);
	put_mac(m, false);
	if (one_in(m, 3))
		put_vlan_tags(m, 1 + below(m, 3));
	if (kind == 0) {
		put(m, below(m, 1501), 2);
		put_llc(m);
	} else if (kind <= 2) {
		put(m, 0x8847 + one_in(m, 3), 2);
		put_mpls(m);
	} else if (kind == 3) {
		put(m, 0x8864, 2);
		put_pppoe(m);
	} else if (kind == 4 && one_in(m, 3)) {
		put(m, 0x8863, 2);
		put_noise(m, 40);
	} else {
		type = pick_ethertype(m);
		put(m, type, 2);
		put_behind_ethertype(m, type);
	}
}

/* ---- damage ---- */

static void bend(struct maker *m)
{
	uint32_t head = m->f->n < 80 ? m->f->n : 80, n = 1 + below(m, 4);

	while (head && n-- > 0) {
		unsigned char *b = &m->f->bytes[below(m, head)];

		*b = one_in(m, 2)   ? (unsigned char)(*b ^ 1U << below(m, 8))
		     : one_in(m, 2) ? (one_in(m, 2) ? 0 : 0xff)
				    : (unsigned char)any(m);
	}
}

void frame_make(struct test_frame *f, uint64_t series, uint64_t number, bool ethernet)
{
	struct maker m = { f, weir_mix(series * 0x10001 + number + 1), 0 };

	f->n = 0;
	if (ethernet)
		put_ethernet(&m);
	else
		put_ip(&m);
	if (f->n < 60 && one_in(&m, 2))
		put(&m, 0, 60 - f->n);
	if (one_in(&m, 4))
		bend(&m);
	if (one_in(&m, 300))
		put_noise(&m, 1000 + below(&m, 8000));
	if (one_in(&m, 4))
		f->n = below(&m, f->n + 1);
}
