/* SPDX-License-Identifier: GPL-2.0 */
/* Metrics of what weir itself costs, of its sinks and its process; see scrape.h. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd.h"
#include "export/scrape.h"

/* ---- what weir itself costs ---- */

static void put_run_seconds(struct scrape *s)
{
	const struct look *l;
	int i;

	each_up (s, l)
		for (i = 0; i < 2; i++)
			metric_double(&s->m, (double)number_at(&l->program[i], s->at) / 1e9,
				      "interface", l->name, "direction",
				      scrape_dirs[WEIR_DIR_INGRESS + i], NULL);
}

static void put_runs(struct scrape *s)
{
	const struct look *l;
	int i;

	each_up (s, l)
		for (i = 0; i < 2; i++)
			metric_u64(&s->m, number_at(&l->program[i], s->at), "interface", l->name,
				   "direction", scrape_dirs[WEIR_DIR_INGRESS + i], NULL);
}

static void put_scan_seconds(struct scrape *s)
{
	const struct look *l;

	each_up (s, l)
		metric_double(&s->m, l->scanned.seconds, "interface", l->name, NULL);
}

static void put_up(struct scrape *s)
{
	const struct look *l;

	each_look (s, l)
		metric_u64(&s->m, l->up, "interface", l->name, NULL);
}

static void put_cpu(struct scrape *s)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	metric_double(&s->m,
		      (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
			      (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
		      NULL);
}

static void put_start(struct scrape *s)
{
	const struct exporter *e = s->exporter;
	int64_t to_epoch = __atomic_load_n(&e->to_epoch, __ATOMIC_RELAXED);

	metric_double(&s->m, (double)((int64_t)e->begun + to_epoch) / 1e9, NULL);
}

static void put_refused(struct scrape *s)
{
	const struct auth_refused *r = &s->exporter->refused;

	metric_u64(&s->m, __atomic_load_n(&r->wrong, __ATOMIC_RELAXED), "reason", "wrong", NULL);
	metric_u64(&s->m, __atomic_load_n(&r->unseen, __ATOMIC_RELAXED), "reason", "too_many",
		   NULL);
}

static void put_resident(struct scrape *s)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (f && fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	metric_u64(&s->m, pages * (uint64_t)sysconf(_SC_PAGESIZE), NULL);
}

static void put_build(struct scrape *s)
{
	char abi[16];

	snprintf(abi, sizeof(abi), "%d", WEIR_ABI);
	metric_u64(&s->m, 1, "version", WEIR_VERSION, "abi", abi, NULL);
}

/* ---- sinks ---- */

static void put_sink(struct scrape *s)
{
	const struct sink_look *l;

	for (l = s->sink; l < s->sink + s->sinks; l++)
		metric_u64(&s->m, number_at(&l->stats, s->at), "sink", l->name, "target", l->target,
			   NULL);
}

static void put_sink_up(struct scrape *s)
{
	const struct sink_look *l;

	for (l = s->sink; l < s->sink + s->sinks; l++)
		metric_u64(&s->m, l->stats.up, "sink", l->name, "target", l->target, NULL);
}

/* A number for each reason. */
static void put_drops(struct scrape *s)
{
	const struct sink_look *l;
	int why;

	for (l = s->sink; l < s->sink + s->sinks; l++)
		for (why = 0; why < DROPS; why++)
			metric_u64(&s->m, number_at(&l->stats, s->at + why * sizeof(uint64_t)),
				   "sink", l->name, "target", l->target, "reason",
				   sink_drop_names[why], NULL);
}

#define PROGRAM(member) NUMBER(struct bpf_prog_info, member)
#define SINK(member) NUMBER(struct sink_stats, member)

const struct family scrape_daemon[] = {
	{ "weir_program_run_seconds", METRIC_COUNTER, "seconds", put_run_seconds,
	  PROGRAM(run_time_ns),
	  "Time in the kernel programs; counted while sysctl kernel.bpf_stats_enabled is 1." },
	{ "weir_program_runs", METRIC_COUNTER, NULL, put_runs, PROGRAM(run_cnt),
	  "Runs of the kernel programs; counted while sysctl kernel.bpf_stats_enabled is 1." },
	{ "weir_scans", METRIC_COUNTER, NULL, put_number, LOOK(scanned.scans),
	  "Scans of the tables by this daemon." },
	{ "weir_scan_cpu_seconds", METRIC_COUNTER, "seconds", put_scan_seconds, 0,
	  "CPU time of this daemon's scans." },
	{ "weir_interface_up", METRIC_GAUGE, NULL, put_up, 0, "1 where the interface is watched." },
	{ "weir_sink_records", METRIC_COUNTER, NULL, put_sink, SINK(records),
	  "Flow records that a sink has delivered, since the daemon began." },
	{ "weir_sink_packets", METRIC_COUNTER, NULL, put_sink, SINK(packets),
	  "IP packets in the flow records that a sink has delivered." },
	{ "weir_sink_bytes", METRIC_COUNTER, "bytes", put_sink, SINK(bytes),
	  "Bytes of L2 frames in the flow records that a sink has delivered." },
	{ "weir_sink_dropped_records", METRIC_COUNTER, NULL, put_drops, SINK(dropped_records),
	  "Flow records that a sink had to let go, by reason." },
	{ "weir_sink_dropped_packets", METRIC_COUNTER, NULL, put_drops, SINK(dropped_packets),
	  "IP packets in the flow records that a sink had to let go." },
	{ "weir_sink_dropped_bytes", METRIC_COUNTER, "bytes", put_drops, SINK(dropped_bytes),
	  "Bytes of L2 frames in the flow records that a sink had to let go." },
	{ "weir_sink_queue_records", METRIC_GAUGE, NULL, put_sink, SINK(queued_records),
	  "Flow records that wait for a sink." },
	{ "weir_sink_errors", METRIC_COUNTER, NULL, put_sink, SINK(errors),
	  "Attempts to deliver that failed." },
	{ "weir_sink_up", METRIC_GAUGE, NULL, put_sink_up, 0,
	  "1 where the last attempt to deliver went well." },
	{ "weir_logins_refused", METRIC_COUNTER, NULL, put_refused, 0,
	  "Requests for metrics with a wrong user or password, or not looked at for too many of "
	  "these." },
	{ "process_cpu_seconds", METRIC_COUNTER, "seconds", put_cpu, 0,
	  "User and system CPU time of the daemon." },
	{ "process_start_time_seconds", METRIC_GAUGE, "seconds", put_start, 0,
	  "When the daemon began, since the epoch." },
	{ "process_resident_memory_bytes", METRIC_GAUGE, "bytes", put_resident, 0,
	  "Resident memory of the daemon, the tables it has mapped among it." },
	{ "weir_build", METRIC_INFO, NULL, put_build, 0, "Version of weir and of its tables." },
	{ NULL },
};
