/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The thread of a watched interface: drains the rings, scans the tables, feeds the sinks; see
 * export.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/export.h"
#include "base/say.h"

#define DRAIN_NS 20000000ULL	    /* often enough for rings at a million new flows a second */
#define LOOK_NS 2000000000ULL	    /* between two looks whether it is still there, or back */
#define FLOWS_ENDED_MOST (4U << 20) /* remembered of flows with no record in the tables */

static uint64_t seconds_ns(double seconds)
{
	return (uint64_t)(seconds * 1e9);
}

static bool is_stopping(const struct watch *w)
{
	return __atomic_load_n(&w->stopping, __ATOMIC_RELAXED);
}

static const struct section *settings_of(const struct watch *w)
{
	return w->exporter->config->sections[0];
}

/* One look at the settings, which a reload may exchange. */
static struct feed_options options_of(struct watch *w, uint64_t *interval)
{
	struct feed_options o;
	const struct section *s;

	pthread_rwlock_rdlock(&w->exporter->lock);
	s = settings_of(w);
	o = (struct feed_options){
		.active_ns = seconds_ns(section_seconds(s, "active_timeout")),
		.idle_ns = seconds_ns(section_seconds(s, "idle_timeout")),
		.limit = FLOWS_ENDED_MOST,
		.talkers = section_count(s, "top_talkers") ? &w->talkers : NULL,
		.baseline = !w->live.held && strcmp(section_text(s, "since"), "attach") != 0,
	};
	*interval = seconds_ns(section_seconds(s, "scan_interval"));
	pthread_rwlock_unlock(&w->exporter->lock);
	return o;
}

static void push(void *arg, struct batch *b)
{
	struct watch *w = arg;
	struct exporter *e = w->exporter;
	int i;

	pthread_rwlock_rdlock(&e->lock);
	for (i = 0; i < e->sink_count; i++)
		sink_push(e->sinks[i], b);
	pthread_rwlock_unlock(&e->lock);
	batch_put(b);
}

/* Sinks that look at packets themselves, also those that a reload has made. */
static void join_sinks(struct watch *w)
{
	struct exporter *e = w->exporter;
	int i;

	pthread_rwlock_rdlock(&e->lock);
	for (i = 0; i < e->sink_count; i++)
		sink_join(e->sinks[i], &w->live);
	pthread_rwlock_unlock(&e->lock);
}

static void leave_sinks(struct watch *w)
{
	struct exporter *e = w->exporter;
	int i;

	pthread_rwlock_rdlock(&e->lock);
	for (i = 0; i < e->sink_count; i++)
		sink_leave(e->sinks[i], &w->live);
	pthread_rwlock_unlock(&e->lock);
}

/* ---- the interface ---- */

static int open_live(struct watch *w, struct live *l)
{
	const struct section *s = settings_of(w);
	static const char *const modes[] = { "auto", "native", "skb" };
	struct live_options o = {
		.memory = section_count(s, "memory") << 20,
		.flow_records = (uint32_t)section_count(s, "flows"),
		.filter = section_text(s, "filter"),
	};
	int err = live_open(l, w->name), i;

	for (i = 0; i < 3; i++)
		if (!strcmp(section_text(s, "mode"), modes[i]))
			o.mode = (enum mode)i;
	if (!err && *o.filter && strcmp(o.filter, l->meta.filter)) {
		snprintf(l->why, sizeof(l->why),
			 "%s: weir is attached and its filter is another one (%.200s): `weir "
			 "set-filter` changes that",
			 w->name, *l->meta.filter ? l->meta.filter : "none");
		return -EBUSY;
	}
	if (err != -ENOENT)
		return err;
	live_close(l);
	return live_watch(l, w->name, &o);
}

static void close_programs(struct watch *w)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (w->program_fd[i] >= 0)
			close(w->program_fd[i]);
		w->program_fd[i] = -1;
	}
}

/* Kept open, for what the programs cost is asked of them at each scrape. */
static void open_programs(struct watch *w)
{
	struct live *l = &w->live;
	int i;

	for (i = 0; i < 2; i++)
		w->program_fd[i] =
			l->held ? dup(live_program(l, i)) : live_pinned(l, i ? "tc" : "xdp");
}

static void watch_close(struct watch *w)
{
	leave_sinks(w);
	pthread_mutex_lock(&w->lock);
	w->up = false;
	feed_free(w->feed);
	w->feed = NULL;
	findings_free(&w->findings);
	talkers_free(&w->talkers);
	kept_close(&w->kept);
	close_programs(w);
	live_close(&w->live);
	w->scanned = (struct scanned){ 0 };
	pthread_mutex_unlock(&w->lock);
	snapshot_free(&w->snapshot);
}

/* ---- the tables ---- */

static int take_flow(void *arg, const struct flow_sum *f)
{
	return feed_ended(((struct watch *)arg)->feed, f);
}

static int take_syn(void *arg, const struct syn_sum *s)
{
	return findings_ended(&((struct watch *)arg)->findings, s);
}

static struct findings_options findings_of(struct watch *w, struct scanned *out)
{
	struct findings_options o;
	const struct section *s;

	pthread_rwlock_rdlock(&w->exporter->lock);
	s = settings_of(w);
	o = (struct findings_options){
		.window_ns = seconds_ns(section_seconds(s, "finding_window")),
		.sweep_targets = section_count(s, "sweep_targets"),
		.scan_ports = section_count(s, "scan_ports"),
		.flood_syns = section_count(s, "flood_syns"),
	};
	out->top_talkers = (uint32_t)section_count(s, "top_talkers");
	out->port_count = ports_of(section_text(s, "ports"), out->port);
	pthread_rwlock_unlock(&w->exporter->lock);
	return o;
}

static int read_tables(struct watch *w, const struct findings_options *o, bool last)
{
	struct ended_visitor visitor = { take_flow, take_syn, w };
	struct live *l = &w->live;
	uint64_t now;
	int err = reader_visit(l->reader, &visitor);

	if (!err)
		err = live_read(l, &w->snapshot);
	now = clock_ns(CLOCK_BOOTTIME) + (uint64_t)l->tables.clock_offset;
	if (!err)
		err = findings_scan(&w->findings, &w->snapshot, now, o);
	return err ? err : feed_scan(w->feed, &w->snapshot, now, last);
}

static struct weir_sum less(struct weir_sum a, struct weir_sum b)
{
	return (struct weir_sum){ a.packets - b.packets, a.bytes - b.bytes };
}

static void add(struct weir_sum *to, struct weir_sum more)
{
	to->packets += more.packets;
	to->bytes += more.bytes;
}

/* What has come since the last scan goes to the counts that outlast us. */
static void keep(struct kept_counts *k, const struct scanned *then, const struct scanned *now,
		 const struct handshakes *h, struct handshakes *h_then)
{
	int i;

	k->records += now->ledger.records - then->ledger.records;
	add(&k->exported, less(now->ledger.exported, then->ledger.exported));
	add(&k->gone, less(now->ledger.gone, then->ledger.gone));
	for (i = 0; i <= HANDSHAKE_BOUNDS; i++)
		k->handshakes.count[i] += h->count[i] - h_then->count[i];
	k->handshakes.sum_ns += h->sum_ns - h_then->sum_ns;
	*h_then = *h;
}

static void note_scan(struct watch *w, struct scanned *now)
{
	const struct snapshot *s = &w->snapshot;
	int i;

	now->ledger = *feed_ledger(w->feed);
	now->flows = s->live;
	now->syns = s->syn_live;
	memcpy(now->findings, w->findings.active, sizeof(now->findings));
	talkers_turn(&w->talkers, now->top_talkers, clock_ns(CLOCK_BOOTTIME));
	memcpy(now->talker, w->talkers.top, sizeof(now->talker));
	now->talkers = w->talkers.count;
	now->other_talkers = w->talkers.other;
	for (i = 0; i < now->port_count && s->ports; i++)
		now->ports[i] = s->ports[(uint32_t)now->port[i].row << 16 | now->port[i].port];
}

static void scan(struct watch *w, bool last)
{
	uint64_t begun = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct scanned now = { 0 };
	struct findings_options o = findings_of(w, &now);
	int err = read_tables(w, &o, last);

	if (err)
		say("%s: reading the tables failed: %s; trying on", w->name, strerror(-err));
	note_scan(w, &now);
	pthread_mutex_lock(&w->lock);
	keep(w->kept.counts, &w->scanned, &now, feed_handshakes(w->feed), &w->shaken);
	now.scans = w->scanned.scans + 1;
	now.seconds =
		w->scanned.seconds + (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun) / 1e9;
	w->scanned = now;
	pthread_mutex_unlock(&w->lock);
}

/* Opens it and begins a feed. What went wrong is in `why`. */
static int watch_open(struct watch *w, char why[WHY_SIZE])
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	struct batch_iface iface = { .number = w->number };
	struct feed_options o;
	uint64_t interval;
	int err;

	pthread_mutex_lock(&one_at_a_time);
	pthread_rwlock_rdlock(&w->exporter->lock);
	pthread_mutex_lock(&w->lock);
	err = open_live(w, &w->live);
	snprintf(why, WHY_SIZE, "%s", w->live.why);
	pthread_rwlock_unlock(&w->exporter->lock);
	if (!err) {
		o = options_of(w, &interval);
		memcpy(iface.name, w->name, sizeof(iface.name));
		iface.index = w->live.iface.index;
		w->feed = feed_new(&o, &iface, push, w);
		err = w->feed ? 0 : -ENOMEM;
		if (err)
			snprintf(why, WHY_SIZE, "%s: no memory to remember flows", w->name);
	}
	w->up = !err;
	if (err) {
		live_close(&w->live);
	} else {
		findings_init(&w->findings);
		talkers_init(&w->talkers);
		kept_open(&w->kept, &w->live);
		open_programs(w);
		w->shaken = (struct handshakes){ 0 };
	}
	pthread_mutex_unlock(&w->lock);
	pthread_mutex_unlock(&one_at_a_time);
	if (err)
		return err;
	if (*w->live.note)
		say("%s", w->live.note);
	/* What is nobody's is what there was before we say that we are ready. */
	scan(w, false);
	join_sinks(w);
	return 0;
}

/* Sleeps till then, or a moment longer than asked to stop. */
static void sleep_till(struct watch *w, uint64_t then)
{
	struct timespec ts = { (time_t)(then / 1000000000), (long)(then % 1000000000) };

	__atomic_store_n(&w->beat, clock_ns(CLOCK_MONOTONIC), __ATOMIC_RELAXED);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Until it is gone (why not NULL then) or we are. */
static void watch_while_there(struct watch *w, const char **gone)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), look = now + LOOK_NS, interval, next;
	struct feed_options o = options_of(w, &interval);

	next = now + interval;
	while (!is_stopping(w) && !*gone) {
		if (now >= next) {
			o = options_of(w, &interval);
			feed_set(w->feed, &o);
			scan(w, false);
			next += interval;
			now = clock_ns(CLOCK_MONOTONIC);
			if (next < now)
				next = now + interval / 2;
		}
		if (now >= look) {
			*gone = live_gone(&w->live);
			if (!*gone)
				join_sinks(w);
			look = now + LOOK_NS;
		}
		sleep_till(w, now + DRAIN_NS < next ? now + DRAIN_NS : next);
		reader_drain(w->live.reader);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	scan(w, true);
}

static void wait_till_back(struct watch *w)
{
	uint64_t look = 0, now;
	char why[WHY_SIZE];

	while (!is_stopping(w)) {
		now = clock_ns(CLOCK_MONOTONIC);
		if (now >= look && !watch_open(w, why)) {
			say("%s: watched again", w->name);
			return;
		}
		if (now >= look)
			look = now + LOOK_NS;
		sleep_till(w, now + DRAIN_NS * 5);
	}
}

static void tell_end(const struct watch *w)
{
	const struct feed_ledger *l = &w->scanned.ledger;

	say("%s: %llu records hold %llu packets, %llu bytes; lost to full tables: %llu packets%s",
	    w->name, (unsigned long long)l->records, (unsigned long long)l->exported.packets,
	    (unsigned long long)l->exported.bytes, (unsigned long long)l->gone.packets,
	    l->balanced ? "" : " (NOT BALANCED)");
}

static void tell_gone(struct watch *w, const char *gone)
{
	struct exporter *e = w->exporter;

	if (!e->dropped) {
		say("%s: %s; waiting for it to come back", w->name, gone);
		return;
	}
	say("%s: %s; it has given up the privileges to take it up again, and ends", w->name, gone);
	e->failed = true;
	kill(getpid(), SIGTERM);
}

static void *run(void *arg)
{
	struct watch *w = arg;

	while (!is_stopping(w)) {
		const char *gone = NULL;

		watch_while_there(w, &gone);
		if (gone)
			tell_gone(w, gone);
		tell_end(w);
		watch_close(w);
		wait_till_back(w);
	}
	if (w->up) {
		scan(w, true);
		tell_end(w);
		watch_close(w);
	}
	return NULL;
}

struct watch *watch_start(struct exporter *e, const char *name, char why[WHY_SIZE])
{
	static uint16_t numbers;
	struct watch *w = calloc(1, sizeof(*w));

	snprintf(why, WHY_SIZE, "%s: no memory", name);
	if (!w)
		return NULL;
	w->exporter = e;
	w->program_fd[0] = w->program_fd[1] = -1;
	w->number = numbers++;
	snprintf(w->name, sizeof(w->name), "%s", name);
	pthread_mutex_init(&w->lock, NULL);
	w->beat = clock_ns(CLOCK_MONOTONIC);
	if (!watch_open(w, why)) {
		if (!pthread_create(&w->thread, NULL, run, w))
			return w;
		snprintf(why, WHY_SIZE, "%s: no thread", name);
		watch_close(w);
	}
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

void watch_stop(struct watch *w)
{
	__atomic_store_n(&w->stopping, true, __ATOMIC_RELAXED);
}

void watch_free(struct watch *w)
{
	pthread_join(w->thread, NULL);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
