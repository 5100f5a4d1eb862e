/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a scrape is answered: one function a family, in the order of the table. No address is a
 * label. Totals come from the kernel's tables as they are now, and what only scans know from the
 * last scan; counters are of the tables' life, not the daemon's, but for the daemon's own.
 */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd.h"
#include "metrics.h"
#include "prometheus.h"
#include "view.h"

/* An interface as of this scrape. */
struct look {
	char name[IF_NAMESIZE];
	bool up;
	struct totals totals;
	struct weir_sum reentered;
	struct scanned scanned;
	struct kept_counts kept;
	uint64_t flow_room, syn_room, ended, memory;
	struct bpf_prog_info program[2];
};

struct sink_look {
	const char *name, *target;
	struct sink_stats stats;
};

struct scrape {
	struct metrics m;
	const struct exporter *exporter;
	struct look look[CONFIG_INTERFACES];
	int looks;
	struct sink_look sink[EXPORT_SINKS];
	int sinks;
};

static const char *const dir_names[] = {
	[WEIR_DIR_INGRESS] = "ingress", [WEIR_DIR_EGRESS] = "egress"
};

#define each_look(s, l) for (l = (s)->look; l < (s)->look + (s)->looks; l++)
#define each_dir(dir) for (dir = WEIR_DIR_INGRESS; dir <= WEIR_DIR_EGRESS; dir++)

/* ---- traffic ---- */

static void put_class(struct scrape *s, bool bytes)
{
	const struct look *l;
	int dir, class;

	each_look(s, l) if (l->up) each_dir(dir) for (class = 0; class < WEIR_CLASSES; class ++)
	{
		struct weir_sum sum = totals_class(&l->totals, dir, class);

		metric_u64(&s->m, bytes ? sum.bytes : sum.packets, "interface", l->name,
			   "direction", dir_names[dir], "class", class_names[class], NULL);
	}
}

static void put_packets(struct scrape *s)
{
	put_class(s, false);
}

static void put_bytes(struct scrape *s)
{
	put_class(s, true);
}

static const struct {
	const char *name;
	enum weir_ip_kind kind;
} protocols[] = {
	{ "tcp", WEIR_IP_TCP },	  { "udp", WEIR_IP_UDP },     { "icmp", WEIR_IP_ICMP },
	{ "sctp", WEIR_IP_SCTP }, { "other", WEIR_IP_OTHER },
};

static void put_protocol(struct scrape *s, bool bytes)
{
	const struct look *l;
	size_t i;
	int dir;

	each_look(s, l) if (l->up)
		each_dir(dir) for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
	{
		struct weir_sum sum = totals_proto(&l->totals, dir, protocols[i].kind);

		metric_u64(&s->m, bytes ? sum.bytes : sum.packets, "interface", l->name,
			   "direction", dir_names[dir], "protocol", protocols[i].name, NULL);
	}
}

static void put_protocol_packets(struct scrape *s)
{
	put_protocol(s, false);
}

static void put_protocol_bytes(struct scrape *s)
{
	put_protocol(s, true);
}

static void put_port(struct scrape *s, bool bytes)
{
	static const char *const roles[] = { "source", "destination" };
	const struct look *l;
	char port[8];
	int i, role;

	each_look(s, l) for (i = 0; l->up && i < l->scanned.port_count; i++) for (role = 0;
										  role < 2; role++)
	{
		const struct port_wanted *p = &l->scanned.port[i];
		struct weir_sum sum = l->scanned.ports[i].role[role];

		snprintf(port, sizeof(port), "%u", p->port);
		metric_u64(&s->m, bytes ? sum.bytes : sum.packets, "interface", l->name, "protocol",
			   port_protos[p->row], "port", port, "role", roles[role], NULL);
	}
}

static void put_port_packets(struct scrape *s)
{
	put_port(s, false);
}

static void put_port_bytes(struct scrape *s)
{
	put_port(s, true);
}

/* Bounds are ends of buckets of 64 bytes: a frame of `le` bytes is in. */
#define SIZE_BOUNDS 11

static void put_sizes(struct scrape *s)
{
	static const double bounds[SIZE_BOUNDS] = { 63,	  127,	255,  511,  767,  1023,
						    1279, 1535, 4095, 9215, 16383 };
	const struct look *l;
	int i, bucket;

	each_look(s, l) if (l->up)
	{
		uint64_t counts[SIZE_BOUNDS + 1] = { 0 }, bytes = 0;

		for (i = 0, bucket = 0; i < WEIR_SIZE_BUCKETS; i++) {
			while (bucket < SIZE_BOUNDS && i * 64 > bounds[bucket])
				bucket++;
			counts[bucket] += l->totals.size[i];
		}
		for (i = 0; i < WEIR_CLASSES; i++)
			bytes += l->totals.class[i].bytes;
		metric_histogram(&s->m, "interface", l->name, bounds, counts, SIZE_BOUNDS,
				 (double)bytes);
	}
}

static void put_segments(struct scrape *s)
{
	static const struct {
		const char *name;
		uint32_t with, without;
	} flags[] = {
		{ "syn", WEIR_KIND_SYN, WEIR_KIND_ACK },
		{ "synack", WEIR_KIND_SYN | WEIR_KIND_ACK, 0 },
		{ "fin", WEIR_KIND_FIN, 0 },
		{ "rst", WEIR_KIND_RST, 0 },
	};
	const struct look *l;
	int dir, i;

	each_look(s, l) if (l->up) each_dir(dir) for (i = 0; i < 4; i++) metric_u64(
		&s->m, totals_tcp(&l->totals, dir, flags[i].with, flags[i].without), "interface",
		l->name, "direction", dir_names[dir], "flag", flags[i].name, NULL);
}

static void put_handshakes(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up) metric_histogram(&s->m, "interface", l->name, handshake_bounds,
						    l->kept.handshakes.count, HANDSHAKE_BOUNDS,
						    (double)l->kept.handshakes.sum_ns / 1e9);
}

static void put_findings(struct scrape *s)
{
	const struct look *l;
	int i;

	each_look(s, l) for (i = 0; l->up && i < FINDINGS; i++)
		metric_u64(&s->m, l->scanned.findings[i], "interface", l->name, "finding",
			   finding_names[i], NULL);
}

static void put_talkers(struct scrape *s, bool bytes)
{
	const struct look *l;
	char text[64];
	uint32_t i;

	each_look(s, l) if (l->up && l->scanned.top_talkers)
	{
		const struct scanned *n = &l->scanned;

		for (i = 0; i < n->talkers; i++)
			metric_u64(&s->m,
				   bytes ? n->talker[i].sent.bytes : n->talker[i].sent.packets,
				   "interface", l->name, "address",
				   addr_text(&n->talker[i].addr, text, sizeof(text)), NULL);
		metric_u64(&s->m, bytes ? n->other_talkers.bytes : n->other_talkers.packets,
			   "interface", l->name, "address", "other", NULL);
	}
}

static void put_talker_packets(struct scrape *s)
{
	put_talkers(s, false);
}

static void put_talker_bytes(struct scrape *s)
{
	put_talkers(s, true);
}

/* ---- the books ---- */

static void put_reason(struct scrape *s, bool bytes)
{
	const struct look *l;
	int i;

	each_look(s, l) for (i = 1; l->up && i < WEIR_REASONS; i++)
		metric_u64(&s->m, bytes ? l->totals.reason[i].bytes : l->totals.reason[i].packets,
			   "interface", l->name, "reason", reason_names[i], NULL);
}

static void put_reason_packets(struct scrape *s)
{
	put_reason(s, false);
}

static void put_reason_bytes(struct scrape *s)
{
	put_reason(s, true);
}

static void put_uncounted(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
	{
		metric_u64(&s->m,
			   l->totals.filtered[WEIR_DIR_INGRESS].packets +
				   l->totals.filtered[WEIR_DIR_EGRESS].packets,
			   "interface", l->name, "reason", "filtered", NULL);
		metric_u64(&s->m, l->reentered.packets, "interface", l->name, "reason", "reentered",
			   NULL);
	}
}

static void put_records(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up) metric_u64(&s->m, l->kept.records, "interface", l->name, NULL);
}

static void put_record_packets(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->kept.exported.packets, "interface", l->name, NULL);
}

static void put_record_bytes(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->kept.exported.bytes, "interface", l->name, NULL);
}

static void put_lost_packets(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->kept.gone.packets, "interface", l->name, NULL);
}

static void put_lost_bytes(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->kept.gone.bytes, "interface", l->name, NULL);
}

static void put_pending(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->scanned.ledger.pending.packets, "interface", l->name, NULL);
}

static void put_balanced(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_u64(&s->m, l->scanned.ledger.balanced, "interface", l->name, NULL);
}

/* ---- tables ---- */

static void put_table(struct scrape *s, bool room)
{
	const struct look *l;

	each_look(s, l) if (l->up)
	{
		metric_u64(&s->m, room ? l->flow_room : l->scanned.flows, "interface", l->name,
			   "table", "flows", NULL);
		metric_u64(&s->m, room ? l->syn_room : l->scanned.syns, "interface", l->name,
			   "table", "syn", NULL);
	}
}

static void put_table_records(struct scrape *s)
{
	put_table(s, false);
}

static void put_table_room(struct scrape *s)
{
	put_table(s, true);
}

static void put_ended(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up) metric_u64(&s->m, l->ended, "interface", l->name, NULL);
}

static void put_memory(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up) metric_u64(&s->m, l->memory, "interface", l->name, NULL);
}

/* ---- what weir itself costs ---- */

static void put_run_seconds(struct scrape *s)
{
	const struct look *l;
	int i;

	each_look(s, l) for (i = 0; l->up && i < 2; i++)
		metric_double(&s->m, (double)l->program[i].run_time_ns / 1e9, "interface", l->name,
			      "direction", dir_names[WEIR_DIR_INGRESS + i], NULL);
}

static void put_runs(struct scrape *s)
{
	const struct look *l;
	int i;

	each_look(s, l) for (i = 0; l->up && i < 2; i++)
		metric_u64(&s->m, l->program[i].run_cnt, "interface", l->name, "direction",
			   dir_names[WEIR_DIR_INGRESS + i], NULL);
}

static void put_scans(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up) metric_u64(&s->m, l->scanned.scans, "interface", l->name, NULL);
}

static void put_scan_seconds(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) if (l->up)
		metric_double(&s->m, l->scanned.seconds, "interface", l->name, NULL);
}

static void put_up(struct scrape *s)
{
	const struct look *l;

	each_look(s, l) metric_u64(&s->m, l->up, "interface", l->name, NULL);
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
	metric_double(&s->m, (double)s->exporter->begun / 1e9, NULL);
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

enum sink_number { SINK_RECORDS, SINK_PACKETS, SINK_BYTES, SINK_QUEUED, SINK_ERRORS, SINK_UP };

static void put_sinks(struct scrape *s, enum sink_number what)
{
	int i;

	for (i = 0; i < s->sinks; i++) {
		const struct sink_stats *t = &s->sink[i].stats;
		const uint64_t numbers[] = { t->records,	t->packets, t->bytes,
					     t->queued_records, t->errors,  t->up };

		metric_u64(&s->m, numbers[what], "sink", s->sink[i].name, "target",
			   s->sink[i].target, NULL);
	}
}

static void put_sink_records(struct scrape *s)
{
	put_sinks(s, SINK_RECORDS);
}

static void put_sink_packets(struct scrape *s)
{
	put_sinks(s, SINK_PACKETS);
}

static void put_sink_bytes(struct scrape *s)
{
	put_sinks(s, SINK_BYTES);
}

static void put_sink_queued(struct scrape *s)
{
	put_sinks(s, SINK_QUEUED);
}

static void put_sink_errors(struct scrape *s)
{
	put_sinks(s, SINK_ERRORS);
}

static void put_sink_up(struct scrape *s)
{
	put_sinks(s, SINK_UP);
}

static void put_drops(struct scrape *s, enum sink_number what)
{
	int i, why;

	for (i = 0; i < s->sinks; i++)
		for (why = 0; why < DROPS; why++) {
			const struct sink_stats *t = &s->sink[i].stats;

			metric_u64(&s->m,
				   what == SINK_RECORDS	  ? t->dropped_records[why]
				   : what == SINK_PACKETS ? t->dropped_packets[why]
							  : t->dropped_bytes[why],
				   "sink", s->sink[i].name, "target", s->sink[i].target, "reason",
				   sink_drop_names[why], NULL);
		}
}

static void put_dropped_records(struct scrape *s)
{
	put_drops(s, SINK_RECORDS);
}

static void put_dropped_packets(struct scrape *s)
{
	put_drops(s, SINK_PACKETS);
}

static void put_dropped_bytes(struct scrape *s)
{
	put_drops(s, SINK_BYTES);
}

/* ---- the table ---- */

static const struct family {
	const char *name;
	enum metric_type type;
	const char *unit;
	void (*put)(struct scrape *s);
	const char *help;
} families[] = {
	{ "weir_packets", METRIC_COUNTER, NULL, put_packets,
	  "Packets counted, by class. A segmentation-offload packet counts as its segments." },
	{ "weir_bytes", METRIC_COUNTER, "bytes", put_bytes,
	  "Bytes of L2 frames counted, without FCS, by class." },
	{ "weir_protocol_packets", METRIC_COUNTER, NULL, put_protocol_packets,
	  "IP packets by protocol; icmp holds ICMPv6 too." },
	{ "weir_protocol_bytes", METRIC_COUNTER, "bytes", put_protocol_bytes,
	  "Bytes of L2 frames of IP packets by protocol." },
	{ "weir_port_packets", METRIC_COUNTER, NULL, put_port_packets,
	  "Packets from and to the ports of --ports, as of the last scan." },
	{ "weir_port_bytes", METRIC_COUNTER, "bytes", put_port_bytes,
	  "Bytes of L2 frames from and to the ports of --ports, as of the last scan." },
	{ "weir_frame_size_bytes", METRIC_HISTOGRAM, "bytes", put_sizes,
	  "Lengths of L2 frames, without FCS." },
	{ "weir_tcp_segments", METRIC_COUNTER, NULL, put_segments,
	  "TCP segments with a flag: syn without ACK, synack with both, fin, rst." },
	{ "weir_tcp_handshake_seconds", METRIC_HISTOGRAM, "seconds", put_handshakes,
	  "From SYN to SYN-ACK of connections seen both ways; to the kernel's tick, 1 to 10 ms." },
	{ "weir_findings", METRIC_GAUGE, NULL, put_findings,
	  "Sources that sweep or scan and targets that are flooded, in the last "
	  "--finding-window." },
	{ "weir_talker_packets", METRIC_GAUGE, NULL, put_talker_packets,
	  "IP packets that an address of --top-talkers sent in the last 10 s, and all others." },
	{ "weir_talker_bytes", METRIC_GAUGE, "bytes", put_talker_bytes,
	  "Bytes of L2 frames that an address of --top-talkers sent in the last 10 s, and all "
	  "others." },
	{ "weir_reason_packets", METRIC_COUNTER, NULL, put_reason_packets,
	  "Packets that are other, malformed, truncated or odd, by reason." },
	{ "weir_reason_bytes", METRIC_COUNTER, "bytes", put_reason_bytes,
	  "Bytes of L2 frames that are other, malformed, truncated or odd, by reason." },
	{ "weir_uncounted_packets", METRIC_COUNTER, NULL, put_uncounted,
	  "Packets seen and of no class: kept out by the filter, or met within another program." },
	{ "weir_flow_records", METRIC_COUNTER, NULL, put_records, "Flow records made." },
	{ "weir_flow_record_packets", METRIC_COUNTER, NULL, put_record_packets,
	  "IP packets in flow records made." },
	{ "weir_flow_record_bytes", METRIC_COUNTER, "bytes", put_record_bytes,
	  "Bytes of L2 frames in flow records made." },
	{ "weir_flow_lost_packets", METRIC_COUNTER, NULL, put_lost_packets,
	  "IP packets that no flow record will hold, for the ended ring was overwritten unread." },
	{ "weir_flow_lost_bytes", METRIC_COUNTER, "bytes", put_lost_bytes,
	  "Bytes of L2 frames that no flow record will hold." },
	{ "weir_flow_pending_packets", METRIC_GAUGE, NULL, put_pending,
	  "IP packets counted, whose flow record is yet to come." },
	{ "weir_ledger_balanced", METRIC_GAUGE, NULL, put_balanced,
	  "1 where the sums of the last scan came out right." },
	{ "weir_table_records", METRIC_GAUGE, NULL, put_table_records,
	  "Records in a table, as of the last scan." },
	{ "weir_table_records_max", METRIC_GAUGE, NULL, put_table_room,
	  "Records that a table has room for." },
	{ "weir_table_flows_ended", METRIC_COUNTER, NULL, put_ended,
	  "Flow records that left the table for others." },
	{ "weir_table_memory_bytes", METRIC_GAUGE, "bytes", put_memory, "Memory of all tables." },
	{ "weir_program_run_seconds", METRIC_COUNTER, "seconds", put_run_seconds,
	  "Time in the kernel programs; counted while sysctl kernel.bpf_stats_enabled is 1." },
	{ "weir_program_runs", METRIC_COUNTER, NULL, put_runs,
	  "Runs of the kernel programs; counted while sysctl kernel.bpf_stats_enabled is 1." },
	{ "weir_scans", METRIC_COUNTER, NULL, put_scans, "Scans of the tables by this daemon." },
	{ "weir_scan_cpu_seconds", METRIC_COUNTER, "seconds", put_scan_seconds,
	  "CPU time of this daemon's scans." },
	{ "weir_interface_up", METRIC_GAUGE, NULL, put_up, "1 where the interface is watched." },
	{ "weir_sink_records", METRIC_COUNTER, NULL, put_sink_records,
	  "Flow records that a sink has delivered, since the daemon began." },
	{ "weir_sink_packets", METRIC_COUNTER, NULL, put_sink_packets,
	  "IP packets in the flow records that a sink has delivered." },
	{ "weir_sink_bytes", METRIC_COUNTER, "bytes", put_sink_bytes,
	  "Bytes of L2 frames in the flow records that a sink has delivered." },
	{ "weir_sink_dropped_records", METRIC_COUNTER, NULL, put_dropped_records,
	  "Flow records that a sink had to let go, by reason." },
	{ "weir_sink_dropped_packets", METRIC_COUNTER, NULL, put_dropped_packets,
	  "IP packets in the flow records that a sink had to let go." },
	{ "weir_sink_dropped_bytes", METRIC_COUNTER, "bytes", put_dropped_bytes,
	  "Bytes of L2 frames in the flow records that a sink had to let go." },
	{ "weir_sink_queue_records", METRIC_GAUGE, NULL, put_sink_queued,
	  "Flow records that wait for a sink." },
	{ "weir_sink_errors", METRIC_COUNTER, NULL, put_sink_errors,
	  "Attempts to deliver that failed." },
	{ "weir_sink_up", METRIC_GAUGE, NULL, put_sink_up,
	  "1 where the last attempt to deliver went well." },
	{ "process_cpu_seconds", METRIC_COUNTER, "seconds", put_cpu,
	  "User and system CPU time of the daemon." },
	{ "process_start_time_seconds", METRIC_GAUGE, "seconds", put_start,
	  "When the daemon began, since the epoch." },
	{ "process_resident_memory_bytes", METRIC_GAUGE, "bytes", put_resident,
	  "Resident memory of the daemon, the tables it has mapped among it." },
	{ "weir_build", METRIC_INFO, NULL, put_build, "Version of weir and of its tables." },
};

/* ---- looking ---- */

static void look_at_program(int fd, struct bpf_prog_info *out)
{
	__u32 size = sizeof(*out);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, out, &size))
		*out = (struct bpf_prog_info){ 0 };
}

static void look_at_tables(const struct tables *t, struct look *l)
{
	uint32_t cpu;

	totals_read(t, &l->totals);
	l->reentered = totals_reentered(t);
	l->flow_room = (uint64_t)t->plan.flow_sets * WEIR_WAYS * t->plan.cpus;
	l->syn_room = (uint64_t)t->plan.syn_sets * WEIR_WAYS * t->plan.cpus;
	l->memory = plan_bytes(&t->plan);
	for (cpu = 0; cpu < t->plan.cpus; cpu++)
		l->ended += __atomic_load_n(&t->cpu[cpu].ended.head, __ATOMIC_ACQUIRE);
}

static void look_at(struct watch *w, struct look *l)
{
	int i;

	*l = (struct look){ 0 };
	pthread_mutex_lock(&w->lock);
	memcpy(l->name, w->name, sizeof(l->name));
	l->up = w->up;
	if (w->up) {
		look_at_tables(&w->live.tables, l);
		l->scanned = w->scanned;
		l->kept = *w->kept.counts;
		for (i = 0; i < 2; i++)
			look_at_program(w->program_fd[i], &l->program[i]);
	}
	pthread_mutex_unlock(&w->lock);
}

/* Under the lock of the lists: targets are the sections' own. */
static void look_round(struct scrape *s, struct exporter *e)
{
	int i;

	for (i = 0; i < e->watch_count; i++)
		look_at(e->watches[i], &s->look[s->looks++]);
	for (i = 0; i < e->sink_count; i++) {
		struct sink_look *l = &s->sink[s->sinks++];

		l->name = sink_name(e->sinks[i]);
		l->target = sink_target(e->sinks[i]);
		sink_stats_get(e->sinks[i], &l->stats);
	}
}

char *export_metrics(struct exporter *e, bool openmetrics, size_t *size)
{
	struct scrape *s = calloc(1, sizeof(*s));
	char *text = NULL;
	size_t i;

	if (!s)
		return NULL;
	s->exporter = e;
	s->m.openmetrics = openmetrics;
	s->m.to = open_memstream(&text, size);
	if (!s->m.to) {
		free(s);
		return NULL;
	}
	pthread_rwlock_rdlock(&e->lock);
	look_round(s, e);
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family *f = &families[i];

		metric_begin(&s->m, f->name, f->type, f->unit, f->help);
		f->put(s);
	}
	pthread_rwlock_unlock(&e->lock);
	metrics_end(&s->m);
	if (fclose(s->m.to)) {
		free(text);
		text = NULL;
	}
	free(s);
	return text;
}
