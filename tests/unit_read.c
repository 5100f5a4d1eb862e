/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Readers over many CPUs: flows spread over all of them, tables too small, packets still staged.
 * What is expected comes from the test's own count of what it sent, per flow. No root needed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/sketch.h>
#include "files/native_path.h"
#include "tables/reader.h"
#include "views/view.h"

#define FLOWS 3000
#define CPUS 5

/* What was sent of each flow: its number is in the source address, some are without ports. */
struct sent {
	uint64_t packets[FLOWS];
	uint64_t bytes[FLOWS];
	uint64_t all, all_bytes;
};

struct world {
	struct native *native;
	struct reader *reader, *threaded, *lean; /* the last one without ports */
	struct snapshot s, t, l;
	struct sent sent;
	uint64_t random;
};

static uint32_t draw(struct world *w, uint32_t below)
{
	w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(w->random >> 33) % below;
}

static struct world *begin(const struct plan *plan)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->native = native_new(plan, 7);
	assert_non_null(w->native);
	w->reader = reader_new(native_tables(w->native), 0);
	w->threaded = reader_new(native_tables(w->native), 0);
	w->lean = reader_new(native_tables(w->native), 0);
	assert_true(w->reader && w->threaded && w->lean);
	reader_without_ports(w->lean);
	reader_threads(w->reader, 1);
	reader_threads(w->threaded, 7);
	w->random = 1;
	return w;
}

static void end(struct world *w)
{
	snapshot_free(&w->s);
	snapshot_free(&w->t);
	snapshot_free(&w->l);
	reader_free(w->reader);
	reader_free(w->threaded);
	reader_free(w->lean);
	native_free(w->native);
	free(w);
}

/*
 * One packet on a CPU. Every seventh flow has both ports 0, and now and then comes as a fragment,
 * which has none: the same flow for who looks, another one in the tables. Every 11th is IPv6.
 */
static void send_segments(struct world *w, uint32_t cpu, uint32_t flow, uint32_t segments)
{
	unsigned char four[54] = { [12] = 8, [14] = 0x45, [17] = 40, [23] = 17 };
	unsigned char six[74] = { [12] = 0x86, [13] = 0xdd, [14] = 0x60, [19] = 20, [20] = 17 };
	const bool is_six = flow % 11 == 0, no_ports = flow % 7 == 0;
	unsigned char *frame = is_six ? six : four;
	uint32_t length = (is_six ? 74 : 54) + draw(w, 1400);
	struct weir_frame f = { .bytes = { frame, frame + (is_six ? 74 : 54) },
				.length = length,
				.link = WEIR_LINK_ETHERNET,
				.dir = WEIR_DIR_FILE };

	memcpy(frame + (is_six ? 22 : 26), &flow, 4);
	frame[is_six ? 57 : 37] = no_ports ? 0 : 53;
	frame[is_six ? 54 : 34] = no_ports ? 0 : (unsigned char)(flow >> 4);
	frame[is_six ? 55 : 35] = no_ports ? 0 : (unsigned char)(flow << 4);
	if (no_ports && !is_six && draw(w, 3) == 0)
		frame[21] = 100; /* fragment offset */
	native_count_one(&native_tables(w->native)->cpu[cpu], &f, 1000000,
			 (struct weir_gso){ segments, 0, 0 });
	w->sent.packets[flow]++;
	w->sent.bytes[flow] += length;
	w->sent.all++;
	w->sent.all_bytes += length;
}

static void send(struct world *w, uint32_t cpu, uint32_t flow)
{
	send_segments(w, cpu, flow, 1);
}

static uint32_t number_of(const struct flow_sum *f)
{
	uint32_t flow;

	memcpy(&flow, (const unsigned char *)f->src + (f->tail & WEIR_TAIL_IPV6 ? 0 : 12), 4);
	return flow;
}

/* Every flow once, with all that was sent of it. */
static void check(const struct world *w, const struct snapshot *s)
{
	static bool seen[FLOWS];
	uint32_t i, flows = 0;

	memset(seen, 0, sizeof(seen));
	for (i = 0; i < FLOWS; i++)
		flows += w->sent.packets[i] > 0;
	assert_int_equal(s->store.flow_count, flows);
	for (i = 0; i < s->store.flow_count; i++) {
		const struct flow_sum *f = &s->store.flows[i];
		uint32_t n = number_of(f);

		assert_true(n < FLOWS && !seen[n]);
		seen[n] = true;
		assert_int_equal(f->packets, w->sent.packets[n]);
		assert_int_equal(f->bytes, w->sent.bytes[n]);
		assert_int_equal(f->ip_bytes, (f->tail & WEIR_TAIL_IPV6 ? 60 : 40) * f->packets);
	}
	assert_int_equal(s->ledger.in_flows.packets, w->sent.all);
	assert_int_equal(s->ledger.in_flows.bytes, w->sent.all_bytes);
	assert_int_equal(s->ledger.unattributed.packets, 0);
	assert_true(s->ledger.balanced);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, offsetof(struct flow_sum, packets));
}

/* The same rows, in whatever order the threads came to them. */
static void same(struct snapshot *a, struct snapshot *b)
{
	assert_int_equal(a->store.flow_count, b->store.flow_count);
	qsort(a->store.flows, a->store.flow_count, sizeof(*a->store.flows), by_key);
	qsort(b->store.flows, b->store.flow_count, sizeof(*b->store.flows), by_key);
	assert_memory_equal(a->store.flows, b->store.flows,
			    a->store.flow_count * sizeof(*a->store.flows));
	assert_int_equal(a->store.syn_count, b->store.syn_count);
	assert_memory_equal(a->ports, b->ports, WEIR_PORTS * sizeof(*a->ports));
	assert_memory_equal(&a->ledger, &b->ledger, sizeof(a->ledger));
	assert_int_equal(a->live, b->live);
}

/* Of few rows the same are made as of all of them, though most flows are passed over. */
static void check_first(const struct snapshot *const *s, int snapshots)
{
	static const char *const keys[] = { "bytes", "packets", "last" };
	const struct source sources[2] = { { s[0], 1 }, { s[snapshots - 1], 2 } };
	struct rows all, some;
	uint64_t want;
	size_t i;

	for (i = 0; i < 3; i++) {
		assert_int_equal(rows_make(&all, &view_flows, sources, snapshots, keys[i], 0, NULL),
				 0);
		for (want = 1; want <= all.count + 1; want = want * 3 + 1) {
			assert_int_equal(rows_make(&some, &view_flows, sources, snapshots, keys[i],
						   want, NULL),
					 0);
			assert_int_equal(some.count, want < all.count ? want : all.count);
			assert_int_equal(some.of, all.of);
			assert_memory_equal(some.data, all.data, some.count * view_flows.row_size);
			rows_free(&some);
		}
		rows_free(&all);
	}
}

/* Without ports all else is there, and nobody is given sums that nobody made. */
static void check_lean(struct world *w)
{
	const struct source source = { &w->l, 1 };
	struct rows rows;

	assert_int_equal(reader_read(w->lean, w->sent.all % 3 ? &w->l : &w->s), 0);
	if (w->sent.all % 3 == 0)
		assert_null(w->s.ports);
	assert_int_equal(reader_read(w->lean, &w->l), 0);
	check(w, &w->l);
	assert_null(w->l.ports);
	assert_int_equal(rows_make(&rows, &view_ports, &source, 1, NULL, 0, NULL), -EINVAL);
}

static void read_and_check(struct world *w)
{
	check_lean(w);
	assert_int_equal(reader_read(w->reader, &w->s), 0);
	assert_int_equal(reader_read(w->threaded, &w->t), 0);
	check_first((const struct snapshot *[]){ &w->s }, 1);
	check_first((const struct snapshot *[]){ &w->t, &w->s }, 2);
	check(w, &w->s);
	same(&w->s, &w->t);
}

static void traffic(struct world *w, const struct plan *plan, uint32_t packets)
{
	while (packets--) {
		send(w, draw(w, plan->cpus), draw(w, FLOWS));
		if (packets % 8 == 0) {
			assert_int_equal(reader_drain(w->reader), 0);
			assert_int_equal(reader_drain(w->threaded), 0);
			assert_int_equal(reader_drain(w->lean), 0);
		}
	}
}

/* Tables of any size, also such that their last bundle is not whole: by one thread and by seven. */
static void flows_of_all_cpus_are_merged(void **state)
{
	static const uint32_t sets[] = { 1, 31, 32, 33, 500, 517, 4096, 10000 };
	size_t i;
	int round;

	(void)state;
	for (i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		const struct plan plan = { .cpus = CPUS,
					   .flow_sets = sets[i],
					   .ended = 64,
					   .syn_sets = 4,
					   .syn_ended = 4 };
		struct world *w = begin(&plan);

		for (round = 0; round < 6; round++) {
			traffic(w, &plan, 2003);
			read_and_check(w);
		}
		native_flush(w->native);
		read_and_check(w);
		read_and_check(w);
		assert_true(w->s.live > 0 && (sets[i] > 4096 || w->s.ended > 0));
		end(w);
	}
}

/* Flows that a snapshot says changed are those that were sent; of a table with room, just those. */
static void changes_are_named(void **state)
{
	const struct plan plan = {
		.cpus = CPUS, .flow_sets = 20000, .ended = 1024, .syn_sets = 4, .syn_ended = 4
	};
	static bool sent[FLOWS];
	struct world *w = begin(&plan);
	uint32_t i, round, many = 0;

	(void)state;
	traffic(w, &plan, 20000);
	read_and_check(w);
	for (round = 0; round < 50; round++) {
		uint32_t changed = 0, expected = 0;

		memset(sent, 0, sizeof(sent));
		for (i = 0; i < round; i++) {
			uint32_t flow = draw(w, FLOWS);

			sent[flow] = true;
			send(w, draw(w, CPUS), flow);
		}
		/* Now still staged, now not. */
		if (round % 3 == 0)
			native_flush(w->native);
		read_and_check(w);
		for (i = 0; i < w->s.store.flow_count; i++) {
			const struct flow_sum *f = &w->s.store.flows[i];

			if (sent[number_of(f)])
				assert_true(flow_changed(&w->s, f));
			changed += flow_changed(&w->s, f);
		}
		for (i = 0; i < FLOWS; i++)
			expected += sent[i];
		/* What was staged at the last look has been committed since: once more, that is
		 * all. */
		assert_true(changed <= expected + WEIR_BATCH * CPUS);
		many += changed;
	}
	assert_true(many < 6000);
	end(w);
}

/* What a reader that has never read before says of the ports. */
static void check_ports(struct world *w, const struct snapshot *s)
{
	struct reader *fresh = reader_new(native_tables(w->native), 0);
	struct snapshot all = { 0 };

	assert_non_null(fresh);
	assert_int_equal(reader_read(fresh, &all), 0);
	assert_memory_equal(s->ports, all.ports, WEIR_PORTS * sizeof(*all.ports));
	snapshot_free(&all);
	reader_free(fresh);
}

/*
 * Sums of ports are those of a new reader, whether flows ended since the last read or none did,
 * whichever snapshot is filled, whoever filled it before, and with more than a cell can hold.
 */
static void ports_are_kept(void **state)
{
	static const uint32_t sets[] = { 100, 20000 };
	uint32_t i, k, round;

	(void)state;
	for (i = 0; i < 2; i++) {
		const struct plan plan = { .cpus = CPUS,
					   .flow_sets = sets[i],
					   .ended = 4096,
					   .syn_sets = 4,
					   .syn_ended = 4 };
		struct world *w = begin(&plan);

		for (round = 0; round < 60; round++) {
			struct snapshot *s = round % 6 == 3 ? &w->t : &w->s;
			struct reader *r = round % 4 == 3 ? w->threaded : w->reader;
			const uint32_t packets = round % 5 < 3 ? 0 : draw(w, 400);

			for (k = 0; k < packets; k++)
				send(w, draw(w, CPUS), draw(w, FLOWS));
			for (k = 0; round % 10 == 8 && k < 150; k++)
				send_segments(w, 1, 5, 60000);
			if (round % 20 > 15)
				native_flush(w->native);
			assert_int_equal(reader_read(r, s), 0);
			check_ports(w, s);
		}
		end(w);
	}
}

/* A snapshot after a visit, by any number of threads; and rows of a limit. */
static int count_ended(void *arg, const struct flow_sum *f)
{
	*(uint64_t *)arg += f->packets;
	return 0;
}

static void visits_and_snapshots_add_up(void **state)
{
	const struct plan plan = {
		.cpus = CPUS, .flow_sets = 64, .ended = 64, .syn_sets = 4, .syn_ended = 4
	};
	struct world *w = begin(&plan);
	uint64_t handed = 0;
	const struct ended_visitor v = { count_ended, NULL, &handed };
	int round;

	(void)state;
	for (round = 0; round < 40; round++) {
		traffic(w, &plan, 777);
		assert_int_equal(reader_visit(w->threaded, &v), 0);
		assert_int_equal(reader_read(w->threaded, &w->t), 0);
		assert_int_equal(w->t.handed.packets, handed);
		assert_int_equal(handed + w->t.store.total.packets, w->sent.all);
		assert_true(w->t.ledger.balanced && w->t.store.flow_count <= 64 * 2 * CPUS + 80);
	}

	assert_int_equal(reader_read(w->reader, &w->s), 0);
	check(w, &w->s);
	end(w);
}

/* Whatever lies before, on and behind the last peak, and whatever is asked for. */
static void large_flows_are_found(void **state)
{
	struct store s = { 0 };
	uint64_t least;
	uint32_t n, k, i;

	(void)state;
	for (i = 0; i < 500; i++) {
		const struct flow_sum f = { .tail = i, .packets = 1, .bytes = weir_mix(i) % 100 };

		assert_int_equal(store_add_flow(&s, &f), 0);
	}
	for (n = 0; n <= 500; n += 37) {
		assert_int_equal(store_peaks(&s, n), 0);
		for (s.peaked = n, i = 0; i < n; i++)
			if (s.flows[i].bytes > s.peaks[i / STORE_BLOCK])
				s.peaks[i / STORE_BLOCK] = s.flows[i].bytes;
		for (least = 0; least <= 101; least++)
			for (i = k = 0; i <= 500; i++) {
				for (k = k < i ? i : k; k < 500 && s.flows[k].bytes < least; k++)
					;
				assert_int_equal(store_next_large(&s, i, least), k);
			}
	}
	store_free(&s);
}

/* A store that grows from nothing, in batches of any size, against its own plain list. */
static void stores_add_up(void **state)
{
	struct store s = { .limit = 4000 };
	struct flow_sum batch[100];
	uint64_t sent = 0, held = 0;
	uint32_t i, n, round;

	(void)state;
	for (round = 0; round < 900; round++) {
		n = (uint32_t)(weir_mix(round) % 100);
		for (i = 0; i < n; i++) {
			uint64_t flow = weir_mix(sent) % 5000;

			batch[i] = (struct flow_sum){ .tail = flow << 32,
						      .src = { 0, weir_mix(flow) },
						      .packets = 1,
						      .bytes = flow };
			sent++;
		}
		assert_int_equal(store_add_flows(&s, batch, n), 0);
	}
	assert_int_equal(s.flow_count, 4000);
	for (i = 0; i < s.flow_count; i++) {
		held += s.flows[i].packets;
		assert_int_equal(s.flows[i].bytes, s.flows[i].packets * (s.flows[i].tail >> 32));
		assert_int_equal(store_find(&s, &s.flows[i], store_hash(&s, &s.flows[i])), i);
	}
	assert_int_equal(held, s.total.packets);
	assert_int_equal(held + s.refused.packets, sent);
	store_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_of_all_cpus_are_merged),
		cmocka_unit_test(changes_are_named),
		cmocka_unit_test(ports_are_kept),
		cmocka_unit_test(visits_and_snapshots_add_up),
		cmocka_unit_test(large_flows_are_found),
		cmocka_unit_test(stores_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
