/* SPDX-License-Identifier: GPL-2.0 */
/* The short way of plain frames says what the long way says, and takes what it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include "fixtures.h"
#include "frames.h"

#define FRAMES 400000

struct said {
	int ip;
	struct weir_plain plain;
};

/* As weir_count_plain() goes about it. */
static struct said plainly(const struct weir_frame *f)
{
	struct weir_cursor at = f->bytes;
	const uint32_t type = weir_plain_link(&at);
	struct said s = { 0 };

	if (type == weir_be16(WEIR_ETH_IPV4))
		s.ip = weir_plain_ipv4(&at, f->dir, &s.plain);
	else if (type == weir_be16(WEIR_ETH_IPV6))
		s.ip = weir_plain_ipv6(&at, f->dir, &s.plain);
	return s;
}

static void check_same(const struct weir_frame *f, const struct weir_plain *plain)
{
	struct weir_parsed parsed = { 0 };
	struct weir_packet packet = { 0 };

	assert_int_equal(weir_parse(f, &parsed, &packet), 1);
	assert_int_equal(parsed.reason, 0);
	assert_int_equal(parsed.oddities, 0);
	assert_int_equal(plain->ip_bytes, parsed.ip_bytes);
	assert_int_equal(plain->kind, parsed.kind);
	assert_true(plain->tail == packet.tail);
	assert_true(plain->key == (packet.tail & WEIR_TAIL_KEY));
	assert_memory_equal(plain->src, packet.src, sizeof(packet.src));
	assert_memory_equal(plain->dst, packet.dst, sizeof(packet.dst));
}

/* Returns whether the frame was plain. As tight as it gets, so that a sanitizer sees a byte too
 * far.
 */
static int check(const unsigned char *bytes, uint32_t captured, uint32_t length)
{
	unsigned char *tight = malloc(captured + !captured);
	struct weir_frame f = { { tight, tight + captured }, length, WEIR_LINK_ETHERNET, 1 };
	struct said s;

	memcpy(tight, bytes, captured);
	s = plainly(&f);
	if (s.ip)
		check_same(&f, &s.plain);
	free(tight);
	return s.ip;
}

/* Well formed ones of every kind, and then cut and bent. */
static void any_frame(void **state)
{
	static struct test_frame f;
	uint32_t i, plain = 0;

	(void)state;
	for (i = 0; i < FRAMES; i++) {
		frame_make(&f, 7, i, true);
		plain += (uint32_t)check(f.bytes, f.n, f.n);
		if (i % 8 == 0)
			check(f.bytes, f.n < 54 ? f.n : i / 8 % 54, f.n);
	}
	print_message("  %u of %u were plain\n", plain, FRAMES);
	assert_true(plain > FRAMES / 20);
	assert_true(plain < FRAMES);
}

static void every_fixture(void **state)
{
	unsigned char bytes[2048];
	int i;

	(void)state;
	for (i = 0; i < fixture_count; i++) {
		const struct fixture *f = &fixtures[i];
		uint32_t n = fixture_bytes(f, bytes), length = f->length ? f->length : n;
		int oddity = f->oddities || f->reason;

		if (f->link == WEIR_LINK_ETHERNET && check(bytes, n, length))
			assert_false(oddity);
	}
}

/* What most of all traffic is must not go the long way. */
static void what_is_plain(void **state)
{
	static const struct {
		uint8_t tags, ipv6, proto;
		int plain;
	} kinds[] = { { 0, 0, 6, 1 },  { 0, 0, 17, 1 }, { 0, 1, 6, 1 }, { 0, 1, 17, 1 },
		      { 1, 0, 6, 1 },  { 1, 0, 17, 1 }, { 1, 1, 6, 1 }, { 1, 1, 17, 1 },
		      { 0, 0, 1, 0 },  { 0, 1, 58, 0 }, { 2, 0, 6, 0 }, { 0, 1, 43, 0 },
		      { 0, 0, 132, 0 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned char b[100] = { 0 };
		uint32_t at = 12, tag;

		for (tag = 0; tag < kinds[i].tags; tag++, at += 4)
			b[at] = 0x81;
		b[at] = kinds[i].ipv6 ? 0x86 : 8;
		b[at + 1] = kinds[i].ipv6 ? 0xdd : 0;
		b[at + 2] = kinds[i].ipv6 ? 0x60 : 0x45;
		b[at + (kinds[i].ipv6 ? 7 : 5)] = 40;
		b[at + (kinds[i].ipv6 ? 8 : 11)] = kinds[i].proto;
		b[at + (kinds[i].ipv6 ? 42 + 12 : 22 + 12)] = 0x50;
		assert_int_equal(check(b, sizeof(b), sizeof(b)), kinds[i].plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_frame),
		cmocka_unit_test(every_fixture),
		cmocka_unit_test(what_is_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
