// SPDX-License-Identifier: GPL-2.0
/* Pieces of the IPFIX sink that need no collector: targets, biflows, messages. */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sinks/fixbuf.h"
#include "sinks/ipfix_biflow.h"
#include "sinks/ipfix_encode.h"
#include "sinks/peer.h"

/* ---- targets ---- */

static void targets_that_are(void **state)
{
	static const struct {
		const char *target, *host, *port;
		bool tcp;
	} good[] = {
		{ "192.0.2.1:4739", "192.0.2.1", "4739", false },
		{ "udp:collector.example:1", "collector.example", "1", false },
		{ "tcp:[2001:db8::1]:65535", "2001:db8::1", "65535", true },
		{ "[::1]:2055", "::1", "2055", false },
	};
	struct peer p;
	char why[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(peer_parse(&p, good[i].target, true, why, sizeof(why)), 0);
		assert_string_equal(p.host, good[i].host);
		assert_string_equal(p.port, good[i].port);
		assert_int_equal(p.tcp, good[i].tcp);
	}
}

static void targets_that_are_not(void **state)
{
	static const char *const bad[] = {
		"",	    ":",     "host", "host:", ":1",	  "h:0",   "h:65536",	   "h:1x",
		"::1:2055", "[::1]", "[]:1", "h:-1",  "sctp:h:1", "udp:h", "h:99999999999"
	};
	struct peer p;
	char why[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(peer_parse(&p, bad[i], true, why, sizeof(why)), 0);
	assert_int_not_equal(peer_parse(&p, "tcp:h:1", false, why, sizeof(why)), 0);
}

/* ---- biflows ---- */

static struct flow_record record(unsigned int src, unsigned int dst, uint16_t sport, uint16_t dport,
				 uint64_t first)
{
	struct flow_record r = { .sport = sport, .dport = dport, .proto = 6, .first = first };
	uint32_t be[2] = { htobe32(src), htobe32(dst) };

	memcpy((uint8_t *)r.src.bytes + 12, &be[0], 4);
	memcpy((uint8_t *)r.dst.bytes + 12, &be[1], 4);
	r.packets = 1;
	return r;
}

static struct batch *batch_of(uint32_t count)
{
	struct batch *b = calloc(1, sizeof(*b) + count * sizeof(b->record[0]));

	assert_non_null(b);
	b->count = count;
	return b;
}

static void directions_find_each_other(void **state)
{
	struct batch *b = batch_of(6);
	uint32_t *mate;

	(void)state;
	b->record[0] = record(1, 2, 1000, 80, 20);
	b->record[1] = record(3, 4, 1000, 80, 10); /* nobody answers */
	b->record[2] = record(2, 1, 80, 1000, 30); /* of 0 */
	b->record[3] = record(2, 1, 80, 1000, 40); /* again, and of nobody */
	b->record[4] = record(2, 1, 1000, 80, 50); /* ports the other way round */
	b->record[5] = record(2, 1, 80, 1000, 60);
	b->record[5].proto = 17;
	mate = biflow_pair(b);
	assert_non_null(mate);
	assert_int_equal(mate[0], 2);
	assert_int_equal(mate[2], 0);
	assert_int_equal(mate[1], BIFLOW_NONE);
	assert_int_equal(mate[3], BIFLOW_NONE);
	assert_int_equal(mate[4], BIFLOW_NONE);
	assert_int_equal(mate[5], BIFLOW_NONE);
	assert_true(biflow_ahead(b, 0, 2));
	assert_false(biflow_ahead(b, 2, 0));
	free(mate);
	free(b);
}

/* Many, with hashes that collide: a pair is of two, and each is the other's. */
static void pairs_are_of_two(void **state)
{
	struct batch *b = batch_of(50000);
	uint32_t *mate, i, paired = 0;

	(void)state;
	srand(5);
	for (i = 0; i < b->count; i++)
		b->record[i] = record((unsigned int)rand() % 20, (unsigned int)rand() % 20,
				      (uint16_t)(rand() % 10), (uint16_t)(rand() % 10), i);
	mate = biflow_pair(b);
	assert_non_null(mate);
	for (i = 0; i < b->count; i++) {
		const struct flow_record *r = &b->record[i], *o;

		if (mate[i] == BIFLOW_NONE)
			continue;
		o = &b->record[mate[i]];
		assert_int_equal(mate[mate[i]], i);
		assert_true(mate[i] != i);
		assert_true(r->sport == o->dport && r->dport == o->sport);
		assert_memory_equal(&r->src, &o->dst, sizeof(r->src));
		assert_true(biflow_ahead(b, i, mate[i]) != biflow_ahead(b, mate[i], i));
		paired++;
	}
	assert_true(paired > 10000);
	free(mate);
	free(b);
}

/* ---- messages ---- */

static struct ipfix_encoder *encoder(uint16_t message)
{
	struct ipfix_shape shape = { .domain = 0xdeadbeef, .message = message };
	struct ipfix_encoder *e;
	char why[400];

	if (library_load(&libfixbuf.library, why, sizeof(why)))
		fail_msg("%s", why);
	e = ipfix_encoder_new(&shape, why, sizeof(why));
	assert_non_null(e);
	return e;
}

static uint32_t be32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return be32toh(v);
}

/* Messages are as long as their headers say, no longer than allowed, and hold all records. */
static void messages_are_bounded(void **state)
{
	struct ipfix_encoder *e = encoder(600);
	struct batch_iface iface = { .name = "eth0", .index = 3 };
	struct flow_record r = record(1, 2, 3, 4, 5);
	uint32_t records, all = 0, messages = 0;
	const uint8_t *data;
	size_t size;
	int i;

	(void)state;
	assert_null(ipfix_take(e, &size, &records));
	for (i = 0; i < 1000; i++) {
		int err = ipfix_add_flow(e, &iface, &r, NULL);

		if (!err && i < 999)
			continue;
		data = ipfix_take(e, &size, &records);
		assert_non_null(data);
		assert_true(size <= 600 && size > IPFIX_HEADER);
		assert_int_equal(be32(data), 10 << 16 | size);
		assert_int_equal(be32(data + 12), 0xdeadbeef);
		all += records;
		messages++;
		i -= err != 0;
	}
	assert_int_equal(all, 1000);
	assert_true(messages > 50);
	ipfix_encoder_free(e);
}

static void stamps(void **state)
{
	uint8_t m[IPFIX_HEADER] = { 0 };

	(void)state;
	ipfix_stamp(m, 0x01020304, 0xfffffffe);
	assert_int_equal(be32(m + 4), 0x01020304);
	assert_int_equal(be32(m + 8), 0xfffffffe);
	assert_int_equal(ipfix_sequence(m), 0xfffffffe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_that_are),
		cmocka_unit_test(targets_that_are_not),
		cmocka_unit_test(directions_find_each_other),
		cmocka_unit_test(pairs_are_of_two),
		cmocka_unit_test(messages_are_bounded),
		cmocka_unit_test(stamps),
	};

	return cmocka_run_group_tests_name("ipfix", tests, NULL, NULL);
}
