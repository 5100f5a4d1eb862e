// SPDX-License-Identifier: GPL-2.0
/* sFlow datagrams, word by word against the specification (sflow_version_5.txt). */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "sinks/sflow_encode.h"

static uint32_t word(const struct sflow_datagram *d, size_t n)
{
	uint32_t v;

	assert_true(n * 4 + 4 <= d->size);
	memcpy(&v, d->data + n * 4, sizeof(v));
	return be32toh(v);
}

static void words(const struct sflow_datagram *d, size_t from, const uint32_t *should, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(word(d, from + i), should[i]);
}

static struct addr ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	const uint8_t bytes[4] = { a, b, c, d };
	struct addr to = { 0 };

	memcpy((uint8_t *)to.bytes + 12, bytes, 4);
	return to;
}

static struct sflow_flow flow(const uint8_t *header, uint32_t size)
{
	return (struct sflow_flow){ .sequence = 7,
				    .source = 3,
				    .rate = 1000,
				    .pool = 123456,
				    .drops = 2,
				    .input = 3,
				    .protocol = SFLOW_ETHERNET,
				    .length = 1518,
				    .stripped = 4,
				    .header = header,
				    .header_size = size };
}

static void a_flow_sample(void **state)
{
	static const uint8_t header[5] = { 1, 2, 3, 4, 5 };
	const uint32_t should[] = { 5, 1,  0xc0000201, 9, 77,	1234,	1, /* the datagram */
				    1, 64, 7,	       3, 1000, 123456, 2, 3,	       0,
				    1, 1,  24,	       1, 1518, 4,	5, 0x01020304, 0x05000000 };
	struct addr agent = ipv4(192, 0, 2, 1);
	struct sflow_flow f = flow(header, sizeof(header));
	struct sflow_datagram d;

	(void)state;
	sflow_begin(&d, &agent, 9);
	assert_true(sflow_add_flow(&d, &f));
	sflow_end(&d, 77, 1234);
	assert_int_equal(d.size, sizeof(should));
	words(&d, 0, should, sizeof(should) / 4);
}

/* An index that the compact form has no room for: classes of source and interfaces, values apart.
 */
static void an_expanded_sample(void **state)
{
	static const uint8_t header[4] = { 1, 2, 3, 4 };
	const uint32_t should[] = {
		3, 72, 7, 0, 0x1000000, 1000, 123456, 2, 0, 0x1000000, 0, 0, 1
	};
	struct addr agent = { .ipv6 = true };
	struct sflow_flow f = flow(header, sizeof(header));
	struct sflow_counters c = { .sequence = 1, .index = 0x1000000 };
	struct sflow_datagram d;

	(void)state;
	f.source = f.input = 0x1000000;
	sflow_begin(&d, &agent, 0);
	assert_int_equal(word(&d, 1), 2);
	assert_true(sflow_add_flow(&d, &f));
	words(&d, 10, should, sizeof(should) / 4);
	assert_true(sflow_add_counters(&d, &c));
	assert_int_equal(word(&d, 30), 4);
	assert_int_equal(word(&d, 34), 0x1000000);
}

static void a_counter_sample(void **state)
{
	const uint32_t should[] = { 2,	108,	    5,	8, 1, 1,  88, 8,  6,
				    2,	0x540be400, 1,	3, 1, 0,  10, 11, SFLOW_UNKNOWN,
				    13, 14,	    15, 2, 0, 20, 21, 22, 23,
				    24, 1 };
	struct sflow_counters c = { 5,	8,	    6,	10000000000, 1,
				    3,	1ULL << 32, 10, 11,	     SFLOW_UNKNOWN,
				    13, 14,	    15, 2ULL << 32,  20,
				    21, 22,	    23, 24,	     1 };
	struct addr agent = ipv4(192, 0, 2, 1);
	struct sflow_datagram d;

	(void)state;
	sflow_begin(&d, &agent, 0);
	assert_true(sflow_add_counters(&d, &c));
	assert_int_equal(d.size, 28 + sizeof(should));
	words(&d, 7, should, sizeof(should) / 4);
}

/* Full is full: nothing is half in, and the longest sample fits an empty datagram. */
static void datagrams_are_bounded(void **state)
{
	static const uint8_t header[4000];
	struct addr agent = { .ipv6 = true };
	struct sflow_datagram d, before;
	struct sflow_flow f = flow(header, sizeof(header));

	(void)state;
	sflow_begin(&d, &agent, 0);
	assert_true(sflow_add_flow(&d, &f));
	assert_true(d.size <= SFLOW_DATAGRAM);
	before = d;
	assert_false(sflow_add_flow(&d, &f));
	assert_memory_equal(&d, &before, sizeof(d));
	f.header_size = 128;
	sflow_begin(&d, &agent, 0);
	while (sflow_add_flow(&d, &f))
		;
	assert_int_equal(d.samples, 7);
	assert_true(d.size <= SFLOW_DATAGRAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_sample),
		cmocka_unit_test(an_expanded_sample),
		cmocka_unit_test(a_counter_sample),
		cmocka_unit_test(datagrams_are_bounded),
	};

	return cmocka_run_group_tests_name("sflow", tests, NULL, NULL);
}
