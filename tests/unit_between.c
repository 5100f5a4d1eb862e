/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A reader that is interrupted at any load of a word its CPU may be writing: there packets come,
 * batches are committed, records end. Seeded, so whatever fails does so again. What is expected is
 * what was sent before the read began and by its end. No root needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRAND_PACK 2 /* many parts of a small table */
#include "files/native.h"
#include "tables/reader.h"
#include "tables/stage.h"

static void interrupt(void);

static __u64 interrupted_load(const volatile __u64 *p)
{
	interrupt();
	return word_load(p);
}

#define word_load(p) interrupted_load(p)
#include "tables/stage.c"
#include "tables/strand.c"
#include "tables/late.c"
#include "tables/copies.c"
#include "tables/merge.c"
#include "tables/merge_syns.c"
#undef word_load

#define FLOWS 3000
#define READS 12
#define PORTS 200 /* flows share them */

static struct world {
	struct native *native;
	struct reader *reader;
	struct snapshot s;
	uint32_t seed, random;
	uint32_t flows, rate; /* of a thousand loads so many are interrupted */
	uint64_t tick;
	bool open; /* to interruptions */
	uint32_t sent[FLOWS], before[FLOWS], last[FLOWS];
} world;

static uint32_t draw(uint32_t below)
{
	world.random = world.random * 1664525U + 1013904223U;
	return (world.random >> 8) % below;
}

static bool all_syns(uint32_t flow)
{
	return flow % 3 == 0;
}

static uint16_t port_of(uint32_t flow)
{
	return (uint16_t)(flow % PORTS + 1);
}

/* A packet, mostly of a few flows, or the end of a batch, or a tick. */
static void something_happens(void)
{
	unsigned char frame[54] = { [12] = 8, [14] = 0x45, [17] = 40, [23] = 6, [46] = 0x50 };
	const uint32_t flow = draw(draw(4) ? world.flows : world.flows / 8 + 1);

	if (draw(9) == 0) {
		native_flush(world.native);
		return;
	}
	if (draw(7) == 0) {
		native_flush(world.native);
		world.tick++;
	}
	memcpy(frame + 26, &flow, 4);
	frame[35] = (unsigned char)port_of(flow);
	frame[37] = 80;
	frame[47] = all_syns(flow) ? 0x02 : 0x10;
	world.sent[flow]++;
	native_count(world.native, frame, sizeof(frame), sizeof(frame),
		     world.tick << WEIR_TICK_SHIFT, WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
}

static void interrupt(void)
{
	uint32_t n;

	if (!world.open || draw(1000) >= world.rate)
		return;
	world.open = false;
	for (n = draw(8) ? 1 + draw(6) : draw(60); n; n--)
		something_happens();
	world.open = true;
}

/* What lies where it should not: all there is to find it again. */
static void hold(bool good, const char *what, uint32_t read, uint32_t of)
{
	if (!good)
		fail_msg("seed %u, read %u: %s, of %u", world.seed, read, what, of);
}

/* Each flow is there once, with what it may have; it never becomes less, and more is marked. */
static void check_flows(uint32_t read)
{
	const struct store *s = &world.s.store;
	static uint32_t found[FLOWS];
	uint32_t i;

	memset(found, 0, sizeof(found));
	for (i = 0; i < s->flow_count; i++) {
		uint32_t n;

		memcpy(&n, (const char *)&s->flows[i].src[1] + 4, sizeof(n));

		hold(n < FLOWS && !found[n], "a flow twice", read, n);
		found[n] = (uint32_t)s->flows[i].packets;
		hold(found[n] == world.last[n] || flow_changed(&world.s, &s->flows[i]), "a mark",
		     read, n);
	}
	for (i = 0; i < world.flows; i++) {
		hold(found[i] >= world.before[i], "too few packets", read, i);
		hold(found[i] <= world.sent[i], "too many packets", read, i);
		hold(found[i] >= world.last[i], "less than before", read, i);
	}
	memcpy(world.last, found, sizeof(found));
}

static void check_syns(uint32_t read)
{
	uint64_t low = 0, high = 0;
	uint32_t i;

	for (i = 0; i < world.flows; i++) {
		low += all_syns(i) ? world.before[i] : 0;
		high += all_syns(i) ? world.sent[i] : 0;
	}
	hold(world.s.syn.syn >= low && world.s.syn.syn <= high, "SYNs", read, 0);
	for (i = 0; i < world.s.store.syn_count; i++) {
		const struct syn_sum *y = &world.s.store.syns[i];
		uint32_t n;

		memcpy(&n, (const char *)&y->addr[1] + 4, sizeof(n));
		if (!y->port)
			hold(y->syn >= world.before[n] && y->syn <= world.sent[n],
			     "SYNs of a source", read, n);
	}
}

/* While flows end a port may lag behind; it never has more than was sent, and at rest it has all.
 */
static void check_ports(uint32_t read, bool at_rest)
{
	uint64_t sums[PORTS + 1] = { 0 };
	uint32_t i;

	for (i = 0; i < world.flows; i++)
		sums[port_of(i)] += world.sent[i];
	for (i = 1; i <= PORTS; i++) {
		const uint64_t packets = world.s.ports[i].role[0].packets;

		hold(packets <= sums[i], "too much of a port", read, i);
		hold(!at_rest || packets == sums[i], "a port", read, i);
	}
}

static void read_once(uint32_t read, bool with_ports)
{
	const bool at_rest = read + 2 >= READS || draw(4) == 0;
	uint32_t n;

	for (n = draw(4) ? draw(300) : 0; n; n--)
		something_happens();
	if (draw(3) == 0)
		native_flush(world.native);
	if (draw(6) == 0)
		assert_int_equal(reader_drain(world.reader), 0);
	memcpy(world.before, world.sent, sizeof(world.before));
	world.open = !at_rest;
	assert_int_equal(reader_read(world.reader, &world.s), 0);
	world.open = false;
	hold(world.s.ledger.balanced, "the ledger", read, 0);
	/* What a ring lost is in no flow: nothing more can be said. */
	if (world.s.ledger.unattributed.packets || world.s.ledger.syn_unattributed)
		return;
	check_flows(read);
	check_syns(read);
	if (with_ports)
		check_ports(read, at_rest);
}

static void run(uint32_t seed, uint32_t sets, uint32_t ring, bool with_ports)
{
	struct plan plan = { .cpus = 1, .ended = ring, .syn_ended = ring };
	uint32_t read;

	world = (struct world){ .seed = seed, .random = seed * 2654435761U, .tick = 1 };
	plan.flow_sets = 1 + draw(sets);
	plan.syn_sets = 1 + draw(sets);
	world.flows = 20 + draw(FLOWS - 20);
	world.rate = 1 + draw(draw(2) ? 20 : 200);
	world.native = native_new(&plan, seed);
	assert_non_null(world.native);
	world.reader = reader_new(native_tables(world.native), 0);
	assert_non_null(world.reader);
	reader_threads(world.reader, 1);
	if (!with_ports)
		reader_without_ports(world.reader);
	for (read = 0; read < READS; read++)
		read_once(read, with_ports);
	snapshot_free(&world.s);
	reader_free(world.reader);
	native_free(world.native);
}

static void tables_with_room(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= 100; seed++)
		run(seed, 400, 1 << 12, false);
}

static void tables_far_too_small(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= 100; seed++)
		run(seed, 12, 1 << 12, false);
}

static void rings_that_lap_the_reader(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= 60; seed++)
		run(seed, 200, 64, false);
}

static void ports_of_all_that(void **state)
{
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= 24; seed++)
		run(seed, seed % 2 ? 400 : 12, 1 << 12, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_with_room),
		cmocka_unit_test(tables_far_too_small),
		cmocka_unit_test(rings_that_lap_the_reader),
		cmocka_unit_test(ports_of_all_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
