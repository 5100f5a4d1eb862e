/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ring full of ended records, drained into the store; see drain.h. The ring is filled by the
 * data path compiled natively, over a table far too small, so every record in it is a real one.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <weir/sketch.h>

#include "bench.h"
#include "drain.h"
#include "native.h"
#include "reader.h"

#define RECORDS (1U << 20)

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A packet of each flow from `from` on. */
static void send_flows(struct native *n, uint64_t from)
{
	unsigned char frame[64] = { [12] = 8,  [14] = 0x45, [17] = 50, [22] = 64,  [23] = 17,
				    [30] = 10, [33] = 1,    [36] = 1,  [37] = 187, [39] = 30 };

	for (uint64_t i = from; i < from + RECORDS; i++) {
		uint64_t hash = weir_mix(i);

		memcpy(frame + 26, &hash, 4);
		memcpy(frame + 34, (const char *)&hash + 4, 2);
		native_count(n, frame, sizeof(frame), sizeof(frame), 1, WEIR_LINK_ETHERNET,
			     WEIR_DIR_FILE);
	}
}

/* Million records a second of one pass. */
static double one_pass(struct native *n, struct reader *r, uint64_t from)
{
	const struct weir_cpu *c = native_tables(n)->cpu;
	uint64_t head = c->ended.head;
	double begun;

	send_flows(n, from);
	begun = now_s();
	if (reader_drain(r))
		die("the reader is out of memory");
	return (double)(c->ended.head - head) / (now_s() - begun) / 1e6;
}

/* A snapshot of a million live flows, the second one: memory is there already. */
static double one_snapshot(void)
{
	const struct plan plan = { .cpus = 1,
				   .flow_sets = RECORDS * 3 / 2,
				   .ended = 1 << 18,
				   .syn_sets = 16,
				   .syn_ended = 16 };
	struct native *n = native_new(&plan, 1);
	struct reader *r = n ? reader_new(native_tables(n), 0) : NULL;
	struct snapshot s = { 0 };
	double begun;

	if (!r)
		die("out of memory");
	send_flows(n, 0);
	native_flush(n);
	if (reader_read(r, &s))
		die("the reader is out of memory");
	begun = now_s();
	if (reader_read(r, &s) || !s.ledger.balanced)
		die("the reader's books do not balance");
	begun = now_s() - begun;
	snapshot_free(&s);
	reader_free(r);
	native_free(n);
	return RECORDS / begun / 1e6;
}

void drain_measure(struct drain_rate *rate, int rounds)
{
	const struct plan plan = {
		.cpus = 1, .flow_sets = 512, .ended = 2 * RECORDS, .syn_sets = 16, .syn_ended = 16
	};

	*rate = (struct drain_rate){ 0 };
	for (int round = 0; round < rounds; round++) {
		struct native *n = native_new(&plan, 1);
		struct reader *r = n ? reader_new(native_tables(n), 0) : NULL;

		if (!r)
			die("out of memory");
		rate->fresh = fmax(rate->fresh, one_pass(n, r, 0));
		rate->known = fmax(rate->known, one_pass(n, r, 0));
		reader_free(r);
		native_free(n);
		rate->live = fmax(rate->live, one_snapshot());
	}
}

void drain_print(const struct drain_rate *rate, const char *dir)
{
	char path[512];
	FILE *f;

	printf("\nReader, one core: %.1f million ended records/s of flows it does not know, %.1f "
	       "of "
	       "known ones\n(a million flows)\n",
	       rate->fresh, rate->known);
	snprintf(path, sizeof(path), "%s/drain.json", dir);
	f = fopen(path, "w");
	if (!f)
		die("cannot write %s: %s", path, strerror(errno));
	fprintf(f,
		"{\"fresh_records_per_s\": %.0f, \"known_records_per_s\": %.0f, "
		"\"live_records_per_s\": %.0f}\n",
		rate->fresh * 1e6, rate->known * 1e6, rate->live * 1e6);
	if (fclose(f))
		die("cannot write %s: %s", path, strerror(errno));
}
