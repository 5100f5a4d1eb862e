/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots and ended records; see reading.h. Tables and rings are filled by the data path
 * compiled natively, so every record in them is a real one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/sketch.h>

#include "bench.h"
#include "files/native.h"
#include "tables/reader.h"
#include "reading.h"
#include "views/view.h"

#define FLOWS (1U << 20)
#define TOP 100

/* Room as `--memory` would give them. */
static const struct plan roomy = {
	.cpus = 1, .flow_sets = FLOWS * 3 / 2, .ended = 1 << 18, .syn_sets = 16, .syn_ended = 16
};
/* No room: nearly every packet ends a record, into a ring that holds them all. */
static const struct plan tight = {
	.cpus = 1, .flow_sets = 512, .ended = 2 * FLOWS, .syn_sets = 16, .syn_ended = 16
};

/* CPU time: others on the machine take the CPU away from a long run more often than from a short.
 */
static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* What a frame of a flow differs in from others'. */
struct flow {
	uint32_t addr;
	uint16_t port;
	uint16_t bytes;
};

static struct flow random_flow(uint64_t number)
{
	const uint64_t hash = weir_mix(number);

	return (struct flow){ (uint32_t)hash, (uint16_t)(hash >> 32),
			      (uint16_t)(64 + (hash >> 48) % 1400) };
}

static void send_one(struct native *n, const struct flow *f)
{
	unsigned char frame[64] = { [12] = 8,  [14] = 0x45, [17] = 50, [22] = 64,  [23] = 17,
				    [30] = 10, [33] = 1,    [36] = 1,  [37] = 187, [39] = 30 };

	memcpy(frame + 26, &f->addr, 4);
	memcpy(frame + 34, &f->port, 2);
	native_count(n, frame, sizeof(frame), f->bytes, 1, WEIR_LINK_ETHERNET, WEIR_DIR_FILE);
}

/* A packet of each `step`th flow. */
static void send_flows(struct native *n, const struct flow *flows, uint32_t step)
{
	for (uint32_t i = 0; i < FLOWS; i += step)
		send_one(n, &flows[i]);
	native_flush(n);
}

static struct flow *random_flows(void)
{
	struct flow *flows = allocate(FLOWS, sizeof(*flows));

	for (uint32_t i = 0; i < FLOWS; i++)
		flows[i] = random_flow(i);
	return flows;
}

static void shuffle(struct flow *flows)
{
	for (uint32_t i = FLOWS - 1; i; i--) {
		const uint32_t k = (uint32_t)(weir_mix(i) % (i + 1));
		const struct flow f = flows[i];

		flows[i] = flows[k];
		flows[k] = f;
	}
}

/* Sends flows until so many are live at once, and returns those. */
static struct flow *settled_flows(struct native *n)
{
	const struct tables *t = native_tables(n);
	const struct weir_flow *record = &t->flows->way[0], *end = record + 2 * t->plan.flow_sets;
	struct flow *flows = allocate(FLOWS, sizeof(*flows)), *to = flows, f;

	for (uint64_t i = 0; i - t->cpu->ended.head < FLOWS; i++) {
		f = random_flow(i);
		send_one(n, &f);
		native_flush(n);
	}
	for (; record < end && to < flows + FLOWS; record++)
		if (record->packets)
			*to++ = (struct flow){ (uint32_t)(record->src[1] >> 32), record->sport,
					       (uint16_t)record->bytes };
	shuffle(flows);
	return flows;
}

struct bench_reader {
	struct native *native;
	struct flow *flows;
	struct tables tables;	      /* its own, without the times that only files have */
	struct reader *reader, *lean; /* the second one without ports */
	struct snapshot s, lean_s;
};

static void begin(struct bench_reader *b, const struct plan *plan)
{
	*b = (struct bench_reader){ .native = native_new(plan, 1) };
	if (!b->native)
		die("out of memory");
	b->tables = *native_tables(b->native);
	b->tables.fine = b->tables.fine_ended = NULL;
	b->reader = reader_new(&b->tables, 0);
	b->lean = reader_new(&b->tables, 0);
	if (!b->reader || !b->lean)
		die("out of memory");
	reader_threads(b->reader, 1);
	reader_threads(b->lean, 1);
	reader_without_ports(b->lean);
}

static void end(struct bench_reader *b)
{
	snapshot_free(&b->s);
	snapshot_free(&b->lean_s);
	reader_free(b->reader);
	reader_free(b->lean);
	native_free(b->native);
	free(b->flows);
}

static double scan(const struct native *n)
{
	const struct tables *t = native_tables((struct native *)n);
	const words_t *line = (const words_t *)t->flows, *end = line + t->plan.flow_sets * 8;
	double begun = now_ms();
	words_t a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };

	/* A line at once, in sums of their own: memory is waited for, and not the adding. */
	for (; line < end; line += 4) {
		a += line[0];
		b += line[1];
		c += line[2];
		d += line[3];
	}
	a += b + c + d;
	asm volatile("" : : "r"(a[0] + a[1]));
	return now_ms() - begun;
}

static double read_once(struct reader *r, struct snapshot *s)
{
	double begun = now_ms();

	if (reader_read(r, s))
		die("the reader is out of memory");
	begun = now_ms() - begun;
	if (!s->ledger.balanced || s->store.flow_count != FLOWS)
		die("a snapshot has %u of %u flows, its ledger is %s", s->store.flow_count, FLOWS,
		    s->ledger.balanced ? "balanced" : "not balanced");
	return begun;
}

/* A snapshot after a packet of every `step`th flow; 0: of none. */
static double snapshot(struct bench_reader *b, uint32_t step)
{
	if (step)
		send_flows(b->native, b->flows, step);
	return read_once(b->reader, &b->s);
}

/* One without ports, of what changed since the last of that kind. */
static double snapshot_lean(struct bench_reader *b)
{
	return read_once(b->lean, &b->lean_s);
}

/* As `weir show flows -n 100` finds them. */
static double top(const struct bench_reader *b)
{
	const struct source source = { &b->s, 1 };
	double begun = now_ms();
	struct rows rows;

	if (rows_make(&rows, &view_flows, &source, 1, NULL, TOP, NULL) || rows.count != TOP)
		die("no %d flows of %u", TOP, b->s.store.flow_count);
	begun = now_ms() - begun;
	rows_free(&rows);
	return begun;
}

/* Forgets what was ended. */
static void forget(struct reader *r)
{
	static const struct ended_visitor nobody;

	if (reader_visit(r, &nobody))
		die("the reader is out of memory");
}

/* Begins with a million records, none of which any packet of theirs will end. */
static void begin_settled(struct bench_reader *b)
{
	begin(b, &roomy);
	b->flows = settled_flows(b->native);
	forget(b->reader);
	forget(b->lean);
}

/* A snapshot after a packet each of flows of which one in seven met two others, and ended them. */
static double measure_crowded(int rounds)
{
	struct bench_reader b;
	double least = 0;

	begin(&b, &roomy);
	b.flows = random_flows();
	snapshot(&b, 1);
	for (int i = 0; i < rounds; i++) {
		const double ms = snapshot(&b, 1);

		least = i && least < ms ? least : ms;
	}
	end(&b);
	return least;
}

static void measure_snapshots(struct reading *m, int rounds)
{
	double *ms[8];
	struct bench_reader b;
	uint64_t ended;

	for (int k = 0; k < 8; k++)
		ms[k] = allocate((size_t)rounds, sizeof(double));
	begin_settled(&b);
	m->first = snapshot(&b, 0);
	ended = b.s.ended;
	snapshot_lean(&b);
	for (int i = 0; i < rounds; i++) {
		ms[0][i] = scan(b.native);
		ms[1][i] = snapshot(&b, 1);
		ms[2][i] = top(&b);
		ms[6][i] = snapshot_lean(&b);
		ms[3][i] = snapshot(&b, 100);
		ms[4][i] = snapshot(&b, 0);
		ms[5][i] = (ms[1][i] + ms[2][i]) / ms[0][i];
		ms[7][i] = (ms[6][i] + ms[2][i]) / ms[0][i];
	}
	if (b.s.ended != ended)
		die("%llu records were ended", (unsigned long long)(b.s.ended - ended));
	m->table_mib = (double)roomy.flow_sets * sizeof(struct weir_flow_set) / (1 << 20);
	m->scan = least(ms[0], rounds);
	m->snapshot = least(ms[1], rounds);
	m->top = least(ms[2], rounds);
	m->hundredth = least(ms[3], rounds);
	m->rest = least(ms[4], rounds);
	m->lean = least(ms[6], rounds);
	m->ratio = median(ms[5], rounds);
	m->lean_ratio = median(ms[7], rounds);
	for (int k = 0; k < 8; k++)
		free(ms[k]);
	end(&b);
}

/* Million ended records a second, of a packet of every flow. */
static double drain(struct bench_reader *b)
{
	const struct weir_cpu *c = native_tables(b->native)->cpu;
	uint64_t head = c->ended.head;
	double begun;

	send_flows(b->native, b->flows, 1);
	begun = now_ms();
	if (reader_drain(b->reader))
		die("the reader is out of memory");
	return (double)(c->ended.head - head) / (now_ms() - begun) / 1e3;
}

static void measure_drains(struct reading *m, int rounds)
{
	m->fresh = m->known = 0;
	for (int i = 0; i < rounds; i++) {
		struct bench_reader b;
		double fresh, known;

		begin(&b, &tight);
		b.flows = random_flows();
		fresh = drain(&b);
		known = drain(&b);
		m->fresh = fresh > m->fresh ? fresh : m->fresh;
		m->known = known > m->known ? known : m->known;
		end(&b);
	}
}

void reading_measure(struct reading *m, int rounds)
{
	measure_snapshots(m, rounds);
	m->crowded = measure_crowded(rounds);
	measure_drains(m, rounds);
}

static void write_json(const struct reading *m, const char *dir)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/reading.json", dir);
	f = fopen(path, "w");
	if (!f)
		die("cannot write %s: %s", path, strerror(errno));
	fprintf(f,
		"{\"flows\": %u, \"table_mib\": %.0f, \"scan_ms\": %.2f, \"snapshot_ms\": %.2f, "
		"\"top_100_ms\": %.2f, \"ratio\": %.2f, \"without_ports_ms\": %.2f, "
		"\"without_ports_ratio\": %.2f, \"snapshot_hundredth_ms\": %.2f, "
		"\"snapshot_rest_ms\": %.2f, \"snapshot_first_ms\": %.2f, \"snapshot_crowded_ms\": "
		"%.2f, "
		"\"ended_fresh_per_s\": %.0f, \"ended_known_per_s\": %.0f}\n",
		FLOWS, m->table_mib, m->scan, m->snapshot, m->top, m->ratio, m->lean, m->lean_ratio,
		m->hundredth, m->rest, m->first, m->crowded, m->fresh * 1e6, m->known * 1e6);
	if (fclose(f))
		die("cannot write %s: %s", path, strerror(errno));
}

void reading_print(const struct reading *m, const char *dir)
{
	printf("\nReading a million live flows in %.0f MiB of tables, one core, ms:\n"
	       "  plain scan of that memory      %7.1f\n"
	       "  snapshot, every flow changed   %7.1f\n"
	       "  top %d of it, sorted          %7.1f   both: %.2f times the scan\n"
	       "  the snapshot without ports     %7.1f   with that: %.2f times the scan\n"
	       "  snapshot, one in 7 ended too   %7.1f\n"
	       "  snapshot, one in 100 changed   %7.1f\n"
	       "  snapshot, nothing changed      %7.1f\n"
	       "  first snapshot of a reader     %7.1f\n"
	       "Ended records, one core: %.1f million/s of flows not known yet, %.1f of known "
	       "ones\n",
	       m->table_mib, m->scan, m->snapshot, TOP, m->top, m->ratio, m->lean, m->lean_ratio,
	       m->crowded, m->hundredth, m->rest, m->first, m->fresh, m->known);
	write_json(m, dir);
}
