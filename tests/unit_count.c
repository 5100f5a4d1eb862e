/* SPDX-License-Identifier: GPL-2.0 */
/* What a packet counts as, natively: the fixtures, whole and cut, SYNs, GSO. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "counted.h"
#include "fixtures.h"

/* Frames lie as in the kernel: IP headers aligned behind 14 bytes of Ethernet. */
static void count(struct counted *c, const struct fixture *f)
{
	unsigned char room[2050];
	uint32_t n = fixture_bytes(f, room + 2);
	unsigned char *tight = malloc(n + 2 + !n);

	/* As tight as it gets, so that a sanitizer sees a byte too far. */
	memcpy(tight + 2, room + 2, n);
	native_count(c->native, tight + 2, n, f->length ? f->length : n, 1000, f->link,
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
	struct counted c = counted_begin(&small_plan);
	unsigned char room[2048];
	uint32_t length = fixture_bytes(f, room), i;

	if (f->length)
		length = f->length;
	count(&c, f);
	native_flush(c.native);
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	for (i = 0; i < WEIR_CLASSES; i++)
		assert_int_equal(c.s.totals.class[i].packets, i == f->class);
	assert_int_equal(c.s.totals.class[f->class].bytes, length);
	check_kind(f, &c.s.totals);
	for (i = 1; i < WEIR_REASONS; i++)
		assert_int_equal(c.s.totals.reason[i].packets,
				 (i == f->reason) + (f->oddities >> i & 1));
	assert_true(c.s.ledger.balanced);
	if (f->class == WEIR_IPV4 || f->class == WEIR_IPV6)
		check_flow(f, &c.s, length);
	else
		assert_int_equal(c.s.store.flow_count, 0);
	counted_end(&c);
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
	struct counted c = counted_begin(&small_plan);
	uint32_t frames = 0, n, cut;
	int i;

	(void)state;
	for (i = 0; i < fixture_count; i++) {
		unsigned char room[2048];

		n = fixture_bytes(&fixtures[i], room);
		for (cut = 0; cut <= n; cut++, frames += 2) {
			unsigned char *tight = malloc(cut + !cut);

			memcpy(tight, room, cut);
			native_count(c.native, tight, cut, cut, 1, fixtures[i].link, WEIR_DIR_FILE);
			native_count(c.native, tight, cut, n + 1, 1, fixtures[i].link,
				     WEIR_DIR_FILE);
			free(tight);
			reader_drain(c.reader);
		}
	}
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_int_equal(c.s.ledger.seen.packets, frames);
	assert_true(c.s.ledger.balanced);
	assert_int_equal(c.s.ledger.unattributed.packets, 0);
	counted_end(&c);
}

static void gso_counts_its_segments(void **state)
{
	struct counted c = counted_begin(&small_plan);
	unsigned char frame[54] = {
		[12] = 8, [14] = 0x45, [16] = 0x0e, [17] = 0xd8, [23] = 6, [46] = 0x50, [47] = 0x10
	};
	/* IP total 3800 = 40 + 3760 of payload: segments of 1448, 1448 and 864. */
	(void)state;
	native_count_gso(c.native, frame, 54, 3814, 1, WEIR_LINK_ETHERNET, WEIR_DIR_EGRESS, 3,
			 1448);
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_int_equal(c.s.store.flows[0].packets, 3);
	assert_int_equal(c.s.store.flows[0].bytes, 3814 + 2 * 54);
	assert_int_equal(c.s.store.flows[0].ip_bytes, 3800 + 2 * 40);
	assert_int_equal(c.s.ledger.seen.packets, 3);
	assert_int_equal(c.s.totals.size[1502 / 64], 2);
	assert_int_equal(c.s.totals.size[(864 + 54) / 64], 1);
	assert_true(c.s.ledger.balanced);
	/* Only the last segment has the FIN. */
	frame[47] = 0x11;
	native_count_gso(c.native, frame, 54, 3814, 1, WEIR_LINK_ETHERNET, WEIR_DIR_EGRESS, 3,
			 1448);
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_int_equal(totals_tcp(&c.s.totals, WEIR_DIR_EGRESS, 0, 0), 6);
	assert_int_equal(totals_tcp(&c.s.totals, WEIR_DIR_EGRESS, WEIR_KIND_FIN, 0), 1);
	counted_end(&c);
}

static void syn_counts_both_ends(void **state)
{
	struct counted c = counted_begin(&small_plan);
	const struct syn_sum *source, *target;
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		count(&c, &fixtures[i]);
	assert_int_equal(reader_read(c.reader, &c.s), 0);
	assert_int_equal(c.s.store.syn_count, 2);
	source = &c.s.store.syns[c.s.store.syns[0].port != 0];
	target = &c.s.store.syns[c.s.store.syns[0].port == 0];
	assert_int_equal(source->meta & WEIR_META_DIR, WEIR_ROLE_SOURCE);
	assert_int_equal(ntohs(target->port), 80);
	assert_int_equal(source->syn, 1);
	assert_int_equal(source->synack, 1);
	assert_int_equal(target->fin, 1);
	assert_int_equal(target->rst, 1);
	counted_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fixture),
		cmocka_unit_test(every_cut_of_every_fixture),
		cmocka_unit_test(gso_counts_its_segments),
		cmocka_unit_test(syn_counts_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}