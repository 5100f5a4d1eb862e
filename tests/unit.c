/* SPDX-License-Identifier: GPL-2.0 */
/* What needs no root: the fixtures natively, sketches, plans, times, ended records, GSO. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/sketch.h>
#include "fixtures.h"
#include "files/native.h"
#include "views/rows.h"
#include "views/view.h"

static const struct plan small = {
	.cpus = 1, .flow_sets = 8, .ended = 64, .syn_sets = 8, .syn_ended = 64
};

struct bench {
	struct native *native;
	struct reader *reader;
	struct snapshot s;
};

static struct bench begin(const struct plan *plan)
{
	struct bench b = { .native = native_new(plan, 1) };

	assert_non_null(b.native);
	b.reader = reader_new(native_tables(b.native), 0);
	assert_non_null(b.reader);
	return b;
}

static void end(struct bench *b)
{
	snapshot_free(&b->s);
	reader_free(b->reader);
	native_free(b->native);
}

/* Frames lie as in the kernel: IP headers aligned behind 14 bytes of Ethernet. */
static void count(struct bench *b, const struct fixture *f)
{
	unsigned char room[2050];
	uint32_t n = fixture_bytes(f, room + 2);
	unsigned char *tight = malloc(n + 2 + !n);

	/* As tight as it gets, so that a sanitizer sees a byte too far. */
	memcpy(tight + 2, room + 2, n);
	native_count(b->native, tight + 2, n, f->length ? f->length : n, 1000, f->link,
		     WEIR_DIR_FILE);
	free(tight);
}

static void check_flow(const struct fixture *f, const struct snapshot *s, uint32_t length)
{
	const struct flow_sum *sum = &s->store.flows[0];
	const struct weir_flow *key = (const struct weir_flow *)sum;

	assert_int_equal(s->store.flow_count, 1);
	assert_int_equal(key->proto, f->proto);
	assert_int_equal(ntohs(key->sport), f->sport);
	assert_int_equal(ntohs(key->dport), f->dport);
	assert_int_equal(sum->tcp_flags, f->flags);
	assert_int_equal(sum->packets, 1);
	assert_int_equal(sum->bytes, length);
	assert_int_equal(sum->ip_bytes, f->ip_bytes);
	assert_int_equal(sum->first, 1000);
	assert_int_equal(sum->last, 1000);
	assert_int_equal(!!(key->meta & WEIR_META_IPV6), f->class == WEIR_IPV6);
}

/* Of its direction, its protocol and its flags, and of no other. */
static void check_kind(const struct fixture *f, const struct totals *t)
{
	bool ip = f->class == WEIR_IPV4 || f->class == WEIR_IPV6;
	enum weir_ip_kind proto = f->proto == 6			    ? WEIR_IP_TCP
				  : f->proto == 17		    ? WEIR_IP_UDP
				  : f->proto == 132		    ? WEIR_IP_SCTP
				  : f->proto == 1 || f->proto == 58 ? WEIR_IP_ICMP
								    : WEIR_IP_OTHER;
	bool syn = f->flags & 2, ack = f->flags & 16;

	assert_int_equal(totals_class(t, WEIR_DIR_FILE, f->class).packets, 1);
	assert_int_equal(totals_class(t, WEIR_DIR_EGRESS, f->class).packets, 0);
	assert_int_equal(totals_proto(t, WEIR_DIR_FILE, proto).packets, ip);
	assert_int_equal(totals_tcp(t, WEIR_DIR_FILE, 0, 0), ip && f->proto == 6);
	assert_int_equal(totals_tcp(t, WEIR_DIR_FILE, WEIR_KIND_SYN, WEIR_KIND_ACK), syn && !ack);
	assert_int_equal(totals_tcp(t, WEIR_DIR_FILE, WEIR_KIND_SYN | WEIR_KIND_ACK, 0),
			 syn && ack);
	assert_int_equal(totals_tcp(t, WEIR_DIR_FILE, WEIR_KIND_RST, 0), !!(f->flags & 4));
	assert_int_equal(totals_tcp(t, WEIR_DIR_FILE, WEIR_KIND_FIN, 0), !!(f->flags & 1));
}

static void check_fixture(const struct fixture *f)
{
	struct bench b = begin(&small);
	unsigned char room[2048];
	uint32_t length = fixture_bytes(f, room), i;

	if (f->length)
		length = f->length;
	count(&b, f);
	native_flush(b.native);
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	for (i = 0; i < WEIR_CLASSES; i++)
		assert_int_equal(b.s.totals.class[i].packets, i == f->class);
	assert_int_equal(b.s.totals.class[f->class].bytes, length);
	check_kind(f, &b.s.totals);
	for (i = 1; i < WEIR_REASONS; i++)
		assert_int_equal(b.s.totals.reason[i].packets,
				 (i == f->reason) + (f->oddities >> i & 1));
	assert_true(b.s.ledger.balanced);
	if (f->class == WEIR_IPV4 || f->class == WEIR_IPV6)
		check_flow(f, &b.s, length);
	else
		assert_int_equal(b.s.store.flow_count, 0);
	end(&b);
}

static void every_fixture(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < fixture_count; i++) {
		print_message("  %s\n", fixtures[i].says);
		check_fixture(&fixtures[i]);
	}
}

/* Any cut of any frame: never past the end, always one class, books balanced. */
static void every_cut_of_every_fixture(void **state)
{
	struct bench b = begin(&small);
	uint32_t frames = 0, n, cut;
	int i;

	(void)state;
	for (i = 0; i < fixture_count; i++) {
		unsigned char room[2048];

		n = fixture_bytes(&fixtures[i], room);
		for (cut = 0; cut <= n; cut++, frames += 2) {
			unsigned char *tight = malloc(cut + !cut);

			memcpy(tight, room, cut);
			native_count(b.native, tight, cut, cut, 1, fixtures[i].link, WEIR_DIR_FILE);
			native_count(b.native, tight, cut, n + 1, 1, fixtures[i].link,
				     WEIR_DIR_FILE);
			free(tight);
			reader_drain(b.reader);
		}
	}
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_int_equal(b.s.ledger.seen.packets, frames);
	assert_true(b.s.ledger.balanced);
	assert_int_equal(b.s.ledger.unattributed.packets, 0);
	end(&b);
}

static void put_udp(struct bench *b, uint32_t flow, uint64_t ns)
{
	unsigned char frame[64] = { 0 };

	frame[12] = 8;
	frame[14] = 0x45;
	frame[17] = 46;
	frame[23] = 17;
	memcpy(frame + 26, &flow, 4);
	frame[36] = 1;
	native_count(b->native, frame, 60, 60, ns, WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
}

/* Far more flows than the table holds: every one of them exact, by way of the ended ring. */
static void sums_are_exact_through_eviction(void **state)
{
	struct bench b = begin(&small);
	uint32_t i, round;

	(void)state;
	for (round = 0; round < 7; round++)
		for (i = 0; i < 5000; i++) {
			put_udp(&b, i * 2654435761U, 1000 + round);
			if (i % 16 == 15)
				reader_drain(b.reader);
		}
	native_flush(b.native);
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_int_equal(b.s.store.flow_count, 5000);
	for (i = 0; i < 5000; i++) {
		assert_int_equal(b.s.store.flows[i].packets, 7);
		assert_int_equal(b.s.store.flows[i].bytes, 420);
		assert_int_equal(b.s.store.flows[i].ip_bytes, 7 * 46);
		assert_int_equal(b.s.store.flows[i].first, 1000);
		assert_int_equal(b.s.store.flows[i].last, 1006);
	}
	assert_int_equal(b.s.ports[1 << 16 | 256].role[1].packets, 35000);
	assert_int_equal(b.s.ports[1 << 16 | 0].role[0].bytes, 35000 * 60);
	assert_true(b.s.ledger.balanced);
	end(&b);
}

struct taken {
	uint32_t packets[100];
	uint32_t records, syns;
	uint32_t most; /* records before it has enough, 0: all */
};

static int take_flow(void *arg, const struct flow_sum *f)
{
	struct taken *t = arg;

	if (t->most && t->records == t->most)
		return 7;
	t->records++;
	t->packets[f->src[1] >> 32] += (uint32_t)f->packets;
	return 0;
}

static int take_syn(void *arg, const struct syn_sum *s)
{
	(void)s;
	((struct taken *)arg)->syns++;
	return 0;
}

/* What was handed over is forgotten, and with the last snapshot it is all there was. */
static void what_ended_is_handed_over_once(void **state)
{
	struct bench b = begin(&small);
	struct taken taken = { 0 };
	const struct ended_visitor v = { take_flow, take_syn, &taken };
	uint32_t i, handed = 0, stopped = 0;
	int ended;

	(void)state;
	for (i = 0; i < 3000; i++) {
		put_udp(&b, i * 37 % 100, 1000);
		if (i % 10)
			continue;
		/* One in two has enough before the end: the rest comes with the next. */
		taken.most = i % 20 ? taken.records + 2 : 0;
		ended = reader_visit(b.reader, &v);
		assert_true(!ended || (ended == 7 && taken.records == taken.most));
		stopped += ended == 7;
		if (i % 30 == 0) {
			assert_int_equal(reader_read(b.reader, &b.s), 0);
			assert_true(b.s.ledger.balanced);
			assert_int_equal(b.s.ledger.in_flows.packets, i + 1);
			assert_int_equal(b.s.handed.packets + b.s.store.total.packets, i + 1);
		}
	}
	assert_true(stopped > 50);
	taken.most = 0;
	native_flush(b.native);
	assert_int_equal(reader_visit(b.reader, &v), 0);
	for (i = 0; i < 100; i++)
		handed += taken.packets[i];
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_int_equal(b.s.handed.packets, handed);
	assert_int_equal(b.s.store.flow_count, b.s.live);
	assert_int_equal(b.s.ledger.unattributed.packets, 0);
	for (i = 0; i < b.s.store.flow_count; i++)
		taken.packets[b.s.store.flows[i].src[1] >> 32] +=
			(uint32_t)b.s.store.flows[i].packets;
	for (i = 0; i < 100; i++)
		assert_int_equal(taken.packets[i], 30);
	end(&b);
}

static void put_syn(struct bench *b, uint32_t host)
{
	unsigned char frame[64] = {
		[12] = 8, [14] = 0x45, [17] = 46, [23] = 6, [37] = 80, [46] = 0x50, [47] = 2
	};

	memcpy(frame + 26, &host, 4);
	native_count(b->native, frame, 60, 60, 1, WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
}

static void syns_handed_over_stay_counted(void **state)
{
	struct bench b = begin(&small);
	struct taken taken = { 0 };
	const struct ended_visitor v = { NULL, take_syn, &taken };
	uint32_t i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		put_syn(&b, i * 2654435761U);
		if (i % 16 == 0)
			assert_int_equal(reader_visit(b.reader, &v), 0);
	}
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_true(taken.syns > 900 && b.s.store.syn_count < 50);
	assert_int_equal(b.s.syn.syn, 1000);
	assert_int_equal(b.s.syn.synack + b.s.syn.rst + b.s.syn.fin, 0);
	assert_int_equal(b.s.ledger.syn_unattributed, 0);
	end(&b);
}

/* A reader that comes too late knows exactly what it missed. */
static void a_late_reader_names_what_it_missed(void **state)
{
	struct bench b = begin(&small);
	uint32_t i;

	(void)state;
	for (i = 0; i < 5000; i++)
		put_udp(&b, i * 2654435761U, 1);
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_true(b.s.ledger.unattributed.packets > 4000);
	assert_int_equal(b.s.ledger.unattributed.packets + b.s.ledger.in_flows.packets, 5000);
	assert_int_equal(b.s.ledger.unattributed.bytes + b.s.ledger.in_flows.bytes, 300000);
	assert_int_equal(b.s.ports[1 << 16 | 256].role[1].packets, 5000);
	assert_true(b.s.ledger.balanced);
	end(&b);
}

static void gso_counts_its_segments(void **state)
{
	struct bench b = begin(&small);
	unsigned char frame[54] = {
		[12] = 8, [14] = 0x45, [16] = 0x0e, [17] = 0xd8, [23] = 6, [46] = 0x50, [47] = 0x10
	};
	/* IP total 3800 = 40 + 3760 of payload: segments of 1448, 1448 and 864. */
	(void)state;
	native_count_gso(b.native, frame, 54, 3814, 1, WEIR_LINK_ETHERNET, WEIR_DIR_EGRESS, 3,
			 1448);
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_int_equal(b.s.store.flows[0].packets, 3);
	assert_int_equal(b.s.store.flows[0].bytes, 3814 + 2 * 54);
	assert_int_equal(b.s.store.flows[0].ip_bytes, 3800 + 2 * 40);
	assert_int_equal(b.s.ledger.seen.packets, 3);
	assert_int_equal(b.s.totals.size[1502 / 64], 2);
	assert_int_equal(b.s.totals.size[(864 + 54) / 64], 1);
	assert_true(b.s.ledger.balanced);
	/* Only the last segment has the FIN. */
	frame[47] = 0x11;
	native_count_gso(b.native, frame, 54, 3814, 1, WEIR_LINK_ETHERNET, WEIR_DIR_EGRESS, 3,
			 1448);
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_int_equal(totals_tcp(&b.s.totals, WEIR_DIR_EGRESS, 0, 0), 6);
	assert_int_equal(totals_tcp(&b.s.totals, WEIR_DIR_EGRESS, WEIR_KIND_FIN, 0), 1);
	end(&b);
}

static void syn_counts_both_ends(void **state)
{
	struct bench b = begin(&small);
	const struct syn_sum *source, *target;
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		count(&b, &fixtures[i]);
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_int_equal(b.s.store.syn_count, 2);
	source = &b.s.store.syns[b.s.store.syns[0].port != 0];
	target = &b.s.store.syns[b.s.store.syns[0].port == 0];
	assert_int_equal(source->meta & WEIR_META_DIR, WEIR_ROLE_SOURCE);
	assert_int_equal(ntohs(target->port), 80);
	assert_int_equal(source->syn, 1);
	assert_int_equal(source->synack, 1);
	assert_int_equal(target->fin, 1);
	assert_int_equal(target->rst, 1);
	end(&b);
}

static void sketches_count_to_a_million(void **state)
{
	uint64_t n, i;

	(void)state;
	for (n = 1; n <= 1000000; n *= 10) {
		uint8_t sketch[32] = { 0 };
		double ratio;

		for (i = 0; i < n; i++)
			weir_sketch_add(sketch, 0, 64, weir_mix(i * 77));
		ratio = (double)sketch_estimate(sketch, 0, 64) / (double)n;
		/* Three times the standard error of 64 registers. */
		assert_true(ratio > 0.61 && ratio < 1.39);
	}
}

static void ranks_are_those_of_the_first_set_bit(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 14; i++)
		assert_int_equal(weir_rank(0xffffffffffffffffULL << i), i + 1);
	assert_int_equal(weir_rank(0), 15);
}

static void plans_keep_within_their_memory(void **state)
{
	uint64_t memory;
	uint32_t cpus;
	struct plan p;

	(void)state;
	for (memory = WEIR_MEMORY_MIN; memory < 1ULL << 33; memory = memory * 3 / 2)
		for (cpus = 1; cpus <= 256; cpus *= 2) {
			if (plan_make(&p, memory, cpus))
				continue;
			assert_true(plan_bytes(&p) <= memory);
			assert_true(plan_bytes(&p) > memory - memory / 4 || memory < 32 << 20);
			assert_true(p.flow_sets && p.ended && p.syn_sets && p.syn_ended);
		}
	assert_true(plan_make(&p, 1 << 20, 1) < 0);
}

static void ticks_come_back_as_ns(void **state)
{
	uint64_t now = 123456789ULL << WEIR_TICK_SHIFT, wrapped = (1ULL << 32) + 7;

	(void)state;
	assert_int_equal(ticks_to_ns(123456789, now), now);
	assert_int_equal(ticks_to_ns(123456780, now), now - (9ULL << WEIR_TICK_SHIFT));
	assert_int_equal(ticks_to_ns(0xffffffff, wrapped << WEIR_TICK_SHIFT),
			 0xffffffffULL << WEIR_TICK_SHIFT);
	/* A moment ahead of the reader's clock. */
	assert_int_equal(ticks_to_ns(123456791, now), now + (2ULL << WEIR_TICK_SHIFT));
}

static void a_counter_about_to_overflow_ends_its_record(void **state)
{
	struct bench b = begin(&small);
	struct weir_flow *r = NULL;
	struct tables *t = native_tables(b.native);
	uint32_t i;

	(void)state;
	put_udp(&b, 1, 1);
	native_flush(b.native);
	for (i = 0; i < small.flow_sets * WEIR_WAYS; i++)
		if (t->flows[0].way[i].packets)
			r = &t->flows[0].way[i];
	assert_non_null(r);
	r->packets = (1U << 31) - 1;
	put_udp(&b, 1, 2);
	native_flush(b.native);
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	assert_int_equal(b.s.ended, 1);
	assert_int_equal(b.s.store.flow_count, 1);
	assert_int_equal(b.s.store.flows[0].packets, 1ULL << 31);
	end(&b);
}

/* The first rows of a view are the first of all of them, whatever it is sorted by. */
static void the_first_rows_are_those_of_all(void **state)
{
	static const struct view *const views[] = { &view_flows, &view_hosts, &view_ports,
						    &view_syn_sources, &view_conversations };
	static const uint64_t limits[] = { 1, 2, 7, 20, 499, 1000000 };
	struct bench b = begin(&small);
	const struct source source = { .snapshot = &b.s };
	const struct field *f;
	uint32_t i, v, k;

	(void)state;
	for (i = 0; i < 4000; i++) {
		put_udp(&b, i * 2654435761U % 900 * (i % 3), 60 + i % 7);
		put_syn(&b, i % 300);
		if (i % 8 == 0)
			assert_int_equal(reader_drain(b.reader), 0);
	}
	assert_int_equal(reader_read(b.reader, &b.s), 0);
	for (v = 0; v < sizeof(views) / sizeof(views[0]); v++)
		for (f = views[v]->fields; f->key; f++) {
			struct rows all, some;

			if (!view_has_key(views[v], f->key))
				continue;
			assert_int_equal(rows_make(&all, views[v], &source, 1, f->key, 0), 0);
			assert_true(all.of > 100 || views[v] == &view_ports);
			for (i = 1; i < all.of; i++)
				assert_true(
					field_compare(
						f, (char *)all.data + (i - 1) * views[v]->row_size,
						(char *)all.data + i * views[v]->row_size) <= 0);
			for (k = 0; k < sizeof(limits) / sizeof(limits[0]); k++) {
				assert_int_equal(
					rows_make(&some, views[v], &source, 1, f->key, limits[k]),
					0);
				assert_int_equal(some.of, all.of);
				assert_int_equal(some.count,
						 limits[k] < all.of ? limits[k] : all.of);
				assert_memory_equal(some.data, all.data,
						    some.count * views[v]->row_size);
				rows_free(&some);
			}
			rows_free(&all);
		}
	end(&b);
}

#define MANY 300000U /* flows: of more hosts than there is room for to begin with */

/* Every other host sends one flow to the next one: as many bytes as its number. */
static void no_host_is_lost_among_many(void **state)
{
	struct snapshot s = { 0 };
	struct flow_sum *f = s.store.flows = calloc(MANY, sizeof(*f));
	struct host_row *rows;
	uint64_t i, sent = 0, received = 0;

	(void)state;
	assert_non_null(f);
	s.store.flow_count = MANY;
	for (i = 0; i < MANY; i++)
		f[i] = (struct flow_sum){
			.src = { 0, 2 * i }, .dst = { 0, 2 * i + 1 }, .bytes = i, .packets = 1
		};
	assert_int_equal(hosts_make(&s, (void **)&rows), 2 * MANY);
	for (i = 0; i < 2 * MANY; i++) {
		assert_int_equal(rows[i].addr.bytes[1], i);
		assert_int_equal(rows[i].flows, 1);
		assert_int_equal((i % 2 ? rows[i].received : rows[i].sent).bytes, i / 2);
		sent += rows[i].sent.packets;
		received += rows[i].received.packets;
	}
	assert_int_equal(sent, MANY);
	assert_int_equal(received, MANY);
	free(rows);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fixture),
		cmocka_unit_test(every_cut_of_every_fixture),
		cmocka_unit_test(sums_are_exact_through_eviction),
		cmocka_unit_test(what_ended_is_handed_over_once),
		cmocka_unit_test(syns_handed_over_stay_counted),
		cmocka_unit_test(the_first_rows_are_those_of_all),
		cmocka_unit_test(no_host_is_lost_among_many),
		cmocka_unit_test(a_late_reader_names_what_it_missed),
		cmocka_unit_test(gso_counts_its_segments),
		cmocka_unit_test(syn_counts_both_ends),
		cmocka_unit_test(sketches_count_to_a_million),
		cmocka_unit_test(ranks_are_those_of_the_first_set_bit),
		cmocka_unit_test(plans_keep_within_their_memory),
		cmocka_unit_test(ticks_come_back_as_ns),
		cmocka_unit_test(a_counter_about_to_overflow_ends_its_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
