/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A reader beside a writer that never rests: every snapshot holds of each flow at least what was
 * counted before it was begun, and at most what was by its end. A packet that is staged, on its way
 * or in a record just ended is where most of this can go wrong. No root needed.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "counted.h"
#include "files/native_path.h"
#include "tables/reader.h"

#define FLOWS_MAX 50000

/* Of each flow, packets whose counting was begun, and ended. Every fourth flow is all SYNs. */
struct writer {
	struct native *native;
	uint32_t flows, first; /* one more with every eighth packet, from `first` on */
	uint64_t begun[FLOWS_MAX], done[FLOWS_MAX];
	bool stop;
};

static bool all_syns(uint32_t flow)
{
	return flow % 4 == 0;
}

static void send_one(struct writer *w, uint32_t flow)
{
	unsigned char frame[54] = { [12] = 8, [14] = 0x45, [17] = 40, [23] = 6, [46] = 0x50 };
	struct weir_frame f = { .bytes = { frame, frame + sizeof(frame) },
				.length = sizeof(frame),
				.link = WEIR_LINK_ETHERNET,
				.dir = WEIR_DIR_FILE };

	memcpy(frame + 26, &flow, 4);
	frame[34] = (unsigned char)(flow >> 8);
	frame[35] = (unsigned char)flow;
	frame[47] = all_syns(flow) ? 0x02 : 0x10;
	__atomic_store_n(&w->begun[flow], w->begun[flow] + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	native_count_one(&native_tables(w->native)->cpu[0], &f, 1000000,
			 (struct weir_gso){ 1, 0, 0 });
	__atomic_store_n(&w->done[flow], w->done[flow] + 1, __ATOMIC_RELEASE);
}

/* At all paces: a batch may take as long as a snapshot, or a thousand of them may fit in one. */
static void *write_on(void *arg)
{
	struct writer *w = arg;
	uint64_t random = 1;
	uint32_t n, flows;
	volatile uint32_t pause;

	for (n = 0; !__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE); n++) {
		flows = w->first + n / 8 < w->flows ? w->first + n / 8 : w->flows;
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		send_one(w, (uint32_t)(random >> 33) % flows);
		for (pause = n >> 12 & 3 ? 1U << (n >> 12 & 3) * 4 : 0; pause; pause--)
			;
	}
	return NULL;
}

static void note(uint64_t *to, const uint64_t *from, uint32_t flows)
{
	uint32_t i;

	for (i = 0; i < flows; i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
}

/*
 * Packets of each flow, and SYNs in all by source and by target, lie between these two. A flow that
 * has more than in the snapshot before is marked as changed.
 */
static void check(const struct snapshot *s, const uint64_t *low, const uint64_t *high,
		  uint32_t flows)
{
	static uint64_t found[FLOWS_MAX], before[FLOWS_MAX];
	uint64_t syns_low = 0, syns_high = 0, targets = 0;
	uint32_t i;

	memset(found, 0, sizeof(found));
	for (i = 0; i < s->store.flow_count; i++) {
		const uint32_t flow = flow_number(&s->store.flows[i]);

		assert_true(flow < flows && !found[flow]);
		found[flow] = s->store.flows[i].packets;
		if (s->number > 1 && found[flow] != before[flow])
			assert_true(flow_changed(s, &s->store.flows[i]));
	}
	memcpy(before, found, sizeof(before));
	for (i = 0; i < flows; i++) {
		assert_in_range(found[i], low[i], high[i]);
		syns_low += all_syns(i) ? low[i] : 0;
		syns_high += all_syns(i) ? high[i] : 0;
	}
	for (i = 0; i < s->store.syn_count; i++)
		if ((s->store.syns[i].meta & WEIR_META_DIR) == WEIR_ROLE_TARGET)
			targets += s->store.syns[i].syn;
	assert_in_range(targets, syns_low, syns_high);
	assert_in_range(s->syn.syn, syns_low, syns_high);
	assert_true(s->ledger.balanced);
}

static void read_beside(const struct plan *plan, uint32_t first, uint32_t flows, uint32_t reads)
{
	static uint64_t low[FLOWS_MAX], high[FLOWS_MAX];
	struct writer *w = calloc(1, sizeof(*w));
	struct snapshot s = { 0 };
	struct reader *r;
	pthread_t thread;

	assert_non_null(w);
	w->native = native_new(plan, 7);
	w->first = first;
	w->flows = flows;
	assert_non_null(w->native);
	r = reader_new(native_tables(w->native), 0);
	assert_non_null(r);
	assert_int_equal(pthread_create(&thread, NULL, write_on, w), 0);
	while (reads--) {
		note(low, w->done, flows);
		assert_int_equal(reader_read(r, &s), 0);
		note(high, w->begun, flows);
		assert_true(s.ledger.unattributed.packets == 0);
		check(&s, low, high, flows);
	}
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(reader_read(r, &s), 0);
	check(&s, w->done, w->done, flows);
	snapshot_free(&s);
	reader_free(r);
	native_free(w->native);
	free(w);
}

static void flows_that_stay(void **state)
{
	const struct plan plan = { .cpus = 1,
				   .flow_sets = 8192,
				   .ended = 1 << 16,
				   .syn_sets = 8192,
				   .syn_ended = 1 << 16 };

	(void)state;
	read_beside(&plan, 64, 64, 1500);
}

/* Records of a set move in the copy as others come. */
static void flows_that_become_more(void **state)
{
	const struct plan plan = { .cpus = 1,
				   .flow_sets = 60000,
				   .ended = 1 << 16,
				   .syn_sets = 60000,
				   .syn_ended = 1 << 16 };

	(void)state;
	read_beside(&plan, 1, FLOWS_MAX, 300);
}

/* Most packets end another flow's record. */
static void flows_that_come_and_go(void **state)
{
	const struct plan plan = {
		.cpus = 1, .flow_sets = 700, .ended = 1 << 20, .syn_sets = 300, .syn_ended = 1 << 20
	};

	(void)state;
	read_beside(&plan, 2000, 2000, 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_that_stay),
		cmocka_unit_test(flows_that_become_more),
		cmocka_unit_test(flows_that_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
