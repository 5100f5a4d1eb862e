/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's half, by BPF_PROG_TEST_RUN: the fixtures give the same tables as natively, and
 * ten million packets of a million flows through tables far too small stay exact to the packet,
 * while a reader reads without ever seeing half a record. The expected counts come from the
 * generator, not from weir.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <weir/frags.h>
#include <weir/sketch.h>
#include "bench.skel.h"
#include "fixtures.h"
#include "attach/live.h"
#include "files/native.h"
#include "weir.skel.h"

/* False where the kernel will not make a packet of so few bytes: a frame, or an skb's header. */
static bool run_once(int fd, const unsigned char *frame, uint32_t n, bool egress)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = n, .repeat = 1);
	int err = bpf_prog_test_run_opts(fd, &opts);

	if (err == -EINVAL && n < (egress ? 14U + 40 : 14U))
		return false;
	assert_int_equal(err, 0);
	assert_int_equal((int)opts.retval, egress ? TC_ACT_UNSPEC : XDP_PASS);
	return true;
}

static int compare_flows(const void *a, const void *b)
{
	return memcmp(a, b, 40);
}

static void same_flows(struct snapshot *a, struct snapshot *b)
{
	uint32_t i;

	assert_int_equal(a->store.flow_count, b->store.flow_count);
	qsort(a->store.flows, a->store.flow_count, sizeof(*a->store.flows), compare_flows);
	qsort(b->store.flows, b->store.flow_count, sizeof(*b->store.flows), compare_flows);
	for (i = 0; i < a->store.flow_count; i++) {
		const struct flow_sum *x = &a->store.flows[i], *y = &b->store.flows[i];

		assert_memory_equal(x, y, 40);
		assert_int_equal(x->packets, y->packets);
		assert_int_equal(x->bytes, y->bytes);
		assert_int_equal(x->ip_bytes, y->ip_bytes);
		assert_int_equal(x->tcp_flags, y->tcp_flags);
	}
}

static int compare_syns(const void *a, const void *b)
{
	const struct syn_sum *x = a, *y = b;
	int order = memcmp(x->addr, y->addr, sizeof(x->addr));

	return order ? order : x->port != y->port ? x->port - y->port : x->meta - y->meta;
}

static void same_syns(struct snapshot *a, struct snapshot *b)
{
	uint32_t i;

	assert_int_equal(a->store.syn_count, b->store.syn_count);
	qsort(a->store.syns, a->store.syn_count, sizeof(*a->store.syns), compare_syns);
	qsort(b->store.syns, b->store.syn_count, sizeof(*b->store.syns), compare_syns);
	for (i = 0; i < a->store.syn_count; i++) {
		const struct syn_sum *x = &a->store.syns[i], *y = &b->store.syns[i];

		assert_int_equal(compare_syns(x, y), 0);
		assert_int_equal(x->syn, y->syn);
		assert_int_equal(x->synack, y->synack);
		assert_int_equal(x->rst, y->rst);
		assert_int_equal(x->fin, y->fin);
		assert_memory_equal(x->sketch, y->sketch, sizeof(x->sketch));
	}
}

static void same_tables(struct snapshot *kernel, struct snapshot *native)
{
	assert_memory_equal(&kernel->totals, &native->totals, sizeof(kernel->totals));
	assert_memory_equal(kernel->ports, native->ports, WEIR_PORTS * sizeof(*kernel->ports));
	same_flows(kernel, native);
	same_syns(kernel, native);
	assert_true(kernel->ledger.balanced);
	assert_true(native->ledger.balanced);
}

/* Every fixture of a link type, twice, in the kernel (`egress`: by the TC program) and here. */
static void fixtures_alike(uint8_t link, bool egress)
{
	struct plan plan = { .flow_sets = 512,
			     .ended = 1024,
			     .syn_sets = 512,
			     .syn_ended = 1024,
			     .cpus = (uint32_t)libbpf_num_possible_cpus() };
	struct native *native = native_new(&plan, 1);
	struct reader *reader = reader_new(native_tables(native), 0);
	struct snapshot in_kernel = { 0 }, here = { 0 };
	unsigned char frame[2048];
	struct live l;
	int i, round, ran = 0;

	assert_int_equal(live_load(&l, &plan, link), 0);
	for (round = 0; round < 2; round++)
		for (i = 0; i < fixture_count; i++) {
			uint32_t n = fixture_bytes(&fixtures[i], frame);

			/* The kernel knows no snap length. */
			if (fixtures[i].link != link || fixtures[i].length ||
			    !run_once(live_program(&l, egress), frame, n, egress))
				continue;
			native_count(native, frame, n, n, 1, link,
				     egress ? WEIR_DIR_EGRESS : WEIR_DIR_INGRESS);
			ran++;
		}
	assert_true(ran >= (link == WEIR_LINK_ETHERNET ? 90 : 2));
	assert_int_equal(reader_read(l.reader, &in_kernel), 0);
	assert_int_equal(reader_read(reader, &here), 0);
	same_tables(&in_kernel, &here);
	snapshot_free(&in_kernel);
	snapshot_free(&here);
	live_close(&l);
	reader_free(reader);
	native_free(native);
}

static void ethernet_at_xdp(void **state)
{
	(void)state;
	fixtures_alike(WEIR_LINK_ETHERNET, false);
}

static void ethernet_at_tc(void **state)
{
	(void)state;
	fixtures_alike(WEIR_LINK_ETHERNET, true);
}

static void other_links_at_xdp(void **state)
{
	static const uint8_t links[] = { WEIR_LINK_RAW, WEIR_LINK_SLL, WEIR_LINK_SLL2,
					 WEIR_LINK_NULL, WEIR_LINK_OTHER };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(links); i++)
		fixtures_alike(links[i], false);
}

/* ---- frames of several buffers ---- */

static bool kernel_is(int major, int minor)
{
	struct utsname u;
	int x, y;

	assert_int_equal(uname(&u), 0);
	assert_int_equal(sscanf(u.release, "%d.%d", &x, &y), 2);
	return x > major || (x == major && y >= minor);
}

/* A frame's length is all of its buffers', and no helper is asked where there is but one. */
static void frames_in_fragments(void **state)
{
	const struct plan plan = { .flow_sets = 512,
				   .ended = 1024,
				   .syn_sets = 512,
				   .syn_ended = 1024,
				   .cpus = (uint32_t)libbpf_num_possible_cpus() };
	static const uint32_t lengths[] = { 60, 3000, 5000, 20000, 60000 };
	static unsigned char frame[60000] = { [12] = 8, [14] = 0x45, [17] = 46, [23] = 17 };
	struct snapshot s = { 0 };
	uint64_t bytes = 0;
	struct live l;
	size_t i;

	(void)state;
	assert_int_equal(live_load(&l, &plan, WEIR_LINK_ETHERNET), 0);
	if (kernel_is(6, 2) && !access("/sys/kernel/btf/vmlinux", R_OK))
		assert_int_equal(l.skel->rodata->weir_has_frags, WEIR_FRAGS_FLAG);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		if (lengths[i] > 3000 && l.skel->rodata->weir_has_frags == WEIR_FRAGS_NONE)
			continue;
		assert_true(run_once(live_program(&l, false), frame, lengths[i], false));
		bytes += lengths[i];
	}
	assert_int_equal(reader_read(l.reader, &s), 0);
	assert_int_equal(s.ledger.seen.bytes, bytes);
	assert_true(s.ledger.balanced);
	snapshot_free(&s);
	live_close(&l);
}

/* ---- the load ---- */

#define FLOWS (1U << 20)
#define PACKETS_EACH 10
#define BURST (1U << 16)

struct load {
	struct live live;
	struct bench_bpf *bench;
	unsigned char frame[60];
	uint32_t cpu;
	uint64_t *keys; /* source address << 16 | source port, sorted */
	int done;
};

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* What the driver makes of a counter: the same mixing, done here. */
static uint64_t key_of(uint64_t counter)
{
	uint64_t hash = weir_mix(counter);

	return (hash & 0xffffffff) << 16 | (hash >> 32 & 0xffff);
}

static void prepare_load(struct load *w, const struct plan *plan)
{
	static const unsigned char udp[60] = { [12] = 8,  [14] = 0x45, [17] = 46, [22] = 64,
					       [23] = 17, [30] = 10,   [33] = 1,  [39] = 26 };
	uint32_t zero = 0, i;
	int fd;

	*w = (struct load){ 0 };
	assert_int_equal(live_load(&w->live, plan, WEIR_LINK_ETHERNET), 0);
	w->bench = bench_bpf__open_and_load();
	assert_non_null(w->bench);
	fd = live_program(&w->live, false);
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(w->bench->maps.bench_target), &zero, &fd, 0), 0);
	w->bench->bss->bench_mask = FLOWS - 1;
	memcpy(w->frame, udp, sizeof(udp));
	w->keys = malloc(FLOWS * sizeof(*w->keys));
	for (i = 0; i < FLOWS; i++)
		w->keys[i] = key_of(i);
	qsort(w->keys, FLOWS, sizeof(*w->keys), compare_u64);
	for (i = 1; i < FLOWS; i++)
		assert_true(w->keys[i] != w->keys[i - 1]);
}

static void finish_load(struct load *w)
{
	live_close(&w->live);
	bench_bpf__destroy(w->bench);
	free(w->keys);
}

static void *send_all(void *arg)
{
	struct load *w = arg;
	uint64_t sent;

	for (sent = 0; sent < (uint64_t)FLOWS * PACKETS_EACH; sent += BURST) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = w->frame,
			    .data_size_in = sizeof(w->frame), .repeat = BURST);

		if (bpf_prog_test_run_opts(bpf_program__fd(w->bench->progs.bench_drive), &opts))
			break;
	}
	__atomic_store_n(&w->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static uint64_t row_key(const struct flow_sum *f)
{
	const struct weir_flow *key = (const struct weir_flow *)f;

	return (f->src[1] >> 32) << 16 | key->sport;
}

/* Every row is a flow that was sent, with no more than it was sent, and lengths that fit. */
static void check_rows(const struct load *w, const struct snapshot *s)
{
	uint32_t i;

	for (i = 0; i < s->store.flow_count; i++) {
		const struct flow_sum *f = &s->store.flows[i];
		uint64_t key = row_key(f), low = f->packets * 60;

		assert_non_null(bsearch(&key, w->keys, FLOWS, sizeof(key), compare_u64));
		assert_true(f->packets >= 1 && f->packets <= PACKETS_EACH);
		/* A packet being added may be in one counter and not yet in the other. */
		assert_true(f->bytes + 60 >= low && f->bytes <= low + 60);
	}
}

/*
 * The ring holds all that is ended between two reads: every flow has its ten packets, and no
 * snapshot on the way was torn or out of balance.
 */
static void a_reader_under_load_sees_whole_records(void **state)
{
	struct plan plan = { .flow_sets = 2048,
			     .ended = 1 << 23,
			     .syn_sets = 16,
			     .syn_ended = 16,
			     .cpus = (uint32_t)libbpf_num_possible_cpus(),
			     .ports_shared = true };
	struct snapshot s = { 0 };
	struct load w;
	pthread_t sender;
	uint32_t i, reads = 0;

	(void)state;
	prepare_load(&w, &plan);
	assert_int_equal(pthread_create(&sender, NULL, send_all, &w), 0);
	while (!__atomic_load_n(&w.done, __ATOMIC_ACQUIRE)) {
		assert_int_equal(reader_read(w.live.reader, &s), 0);
		assert_true(s.ledger.balanced);
		assert_int_equal(s.ledger.unattributed.packets, 0);
		if (reads++ % 4 == 0)
			check_rows(&w, &s);
	}
	pthread_join(sender, NULL);
	assert_int_equal(reader_read(w.live.reader, &s), 0);
	assert_true(s.ledger.balanced);
	assert_int_equal(s.store.flow_count, FLOWS);
	for (i = 0; i < FLOWS; i++) {
		assert_int_equal(s.store.flows[i].packets, PACKETS_EACH);
		assert_int_equal(s.store.flows[i].bytes, PACKETS_EACH * 60);
	}
	check_rows(&w, &s);
	assert_int_equal(s.ports[1 << 16 | 443].role[1].packets, FLOWS * PACKETS_EACH);
	print_message("  %u whole snapshots during the load, %lu records ended\n", reads,
		      (unsigned long)s.ended);
	assert_true(reads > 3);
	snapshot_free(&s);
	finish_load(&w);
}

/* A ring that the writer laps again and again: reads end, and their books balance all the same. */
static void a_lapped_reader_still_balances(void **state)
{
	struct plan plan = { .flow_sets = 2048,
			     .ended = 4096,
			     .syn_sets = 16,
			     .syn_ended = 16,
			     .cpus = (uint32_t)libbpf_num_possible_cpus() };
	const uint64_t all = (uint64_t)FLOWS * PACKETS_EACH;
	uint32_t reads = 0, unbalanced = 0;
	struct snapshot s = { 0 };
	struct load w;
	pthread_t sender;

	(void)state;
	prepare_load(&w, &plan);
	assert_int_equal(pthread_create(&sender, NULL, send_all, &w), 0);
	while (!__atomic_load_n(&w.done, __ATOMIC_ACQUIRE)) {
		assert_int_equal(reader_read(w.live.reader, &s), 0);
		unbalanced += !s.ledger.balanced;
		reads++;
	}
	pthread_join(sender, NULL);
	assert_int_equal(reader_read(w.live.reader, &s), 0);
	assert_true(s.ledger.balanced);
	assert_int_equal(s.ledger.in_flows.packets + s.ledger.unattributed.packets, all);
	assert_true(s.ledger.unattributed.packets > 0);
	check_rows(&w, &s);
	print_message("  %u reads, %u of them out of balance\n", reads, unbalanced);
	assert_true(reads > 3);
	assert_int_equal(unbalanced, 0);
	snapshot_free(&s);
	finish_load(&w);
}

/* A tiny table and a tiny ring that nobody reads: the loss has a name, and is exact. */
static void what_nobody_read_is_unattributed(void **state)
{
	struct plan plan = { .flow_sets = 16,
			     .ended = 64,
			     .syn_sets = 16,
			     .syn_ended = 16,
			     .cpus = (uint32_t)libbpf_num_possible_cpus() };
	const uint64_t all = (uint64_t)FLOWS * PACKETS_EACH;
	struct snapshot s = { 0 };
	struct load w;

	(void)state;
	prepare_load(&w, &plan);
	send_all(&w);
	assert_int_equal(reader_read(w.live.reader, &s), 0);
	check_rows(&w, &s);
	assert_int_equal(s.ledger.seen.packets, all);
	assert_int_equal(s.ledger.in_flows.packets + s.ledger.unattributed.packets, all);
	assert_int_equal(s.ledger.in_flows.bytes + s.ledger.unattributed.bytes, all * 60);
	assert_true(s.ledger.balanced);
	assert_int_equal(s.ports[1 << 16 | 443].role[1].packets, all);
	snapshot_free(&s);
	finish_load(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ethernet_at_xdp),
		cmocka_unit_test(ethernet_at_tc),
		cmocka_unit_test(other_links_at_xdp),
		cmocka_unit_test(frames_in_fragments),
		cmocka_unit_test(what_nobody_read_is_unattributed),
		cmocka_unit_test(a_lapped_reader_still_balances),
		cmocka_unit_test(a_reader_under_load_sees_whole_records),
	};

	libbpf_set_print(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
