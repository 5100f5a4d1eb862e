/* SPDX-License-Identifier: GPL-2.0 */
/* Native tables to count into; see counted.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "counted.h"

const struct plan small_plan = {
	.cpus = 1, .flow_sets = 8, .ended = 64, .syn_sets = 8, .syn_ended = 64
};

struct counted counted_begin(const struct plan *plan)
{
	struct counted c = { .native = native_new(plan, 1) };

	assert_non_null(c.native);
	c.reader = reader_new(native_tables(c.native), 0);
	assert_non_null(c.reader);
	return c;
}

void counted_end(struct counted *c)
{
	snapshot_free(&c->s);
	reader_free(c->reader);
	native_free(c->native);
}

void put_udp(struct counted *c, uint32_t flow, uint64_t ns)
{
	unsigned char frame[64] = { 0 };

	frame[12] = 8;
	frame[14] = 0x45;
	frame[17] = 46;
	frame[23] = 17;
	memcpy(frame + 26, &flow, 4);
	frame[36] = 1;
	native_count(c->native, frame, 60, 60, ns, WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
}

void put_syn(struct counted *c, uint32_t host)
{
	unsigned char frame[64] = {
		[12] = 8, [14] = 0x45, [17] = 46, [23] = 6, [37] = 80, [46] = 0x50, [47] = 2
	};

	memcpy(frame + 26, &host, 4);
	native_count(c->native, frame, 60, 60, 1, WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
}
