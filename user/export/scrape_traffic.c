/* SPDX-License-Identifier: GPL-2.0 */
/* Metrics of the traffic: totals, protocols, ports, sizes, TCP, findings, talkers; see scrape.h. */
#include <string.h>

#include "export/scrape.h"
#include "views/view.h"

const char *const scrape_dirs[] = { [WEIR_DIR_INGRESS] = "ingress", [WEIR_DIR_EGRESS] = "egress" };

#define each_dir(dir) for (dir = WEIR_DIR_INGRESS; dir <= WEIR_DIR_EGRESS; dir++)

static void put_class(struct scrape *s)
{
	const struct look *l;
	int dir, class;

	each_up (s, l)
		each_dir (dir)
			for (class = 0; class < WEIR_CLASSES; class ++) {
				struct weir_sum sum = totals_class(&l->totals, dir, class);

				metric_u64(&s->m, of_sum(s, sum), "interface", l->name, "direction",
					   scrape_dirs[dir], "class", class_names[class], NULL);
			}
}

static const struct {
	const char *name;
	enum weir_ip_kind kind;
} protocols[] = {
	{ "tcp", WEIR_IP_TCP },	  { "udp", WEIR_IP_UDP },     { "icmp", WEIR_IP_ICMP },
	{ "sctp", WEIR_IP_SCTP }, { "other", WEIR_IP_OTHER },
};

static void put_protocol(struct scrape *s)
{
	const struct look *l;
	size_t i;
	int dir;

	each_up (s, l)
		each_dir (dir)
			for (i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
				struct weir_sum sum =
					totals_proto(&l->totals, dir, protocols[i].kind);

				metric_u64(&s->m, of_sum(s, sum), "interface", l->name, "direction",
					   scrape_dirs[dir], "protocol", protocols[i].name, NULL);
			}
}

static void put_port(struct scrape *s)
{
	static const char *const roles[] = { "source", "destination" };
	const struct look *l;
	char port[8];
	int i, role;

	each_look (s, l)
		for (i = 0; l->up && i < l->scanned.port_count; i++)
			for (role = 0; role < 2; role++) {
				const struct port_wanted *p = &l->scanned.port[i];
				struct weir_sum sum = l->scanned.ports[i].role[role];

				snprintf(port, sizeof(port), "%u", p->port);
				metric_u64(&s->m, of_sum(s, sum), "interface", l->name, "protocol",
					   port_protos[p->row], "port", port, "role", roles[role],
					   NULL);
			}
}

/* Bounds are ends of buckets of 64 bytes: a frame of `le` bytes is in. */
#define SIZE_BOUNDS 11

static void put_sizes(struct scrape *s)
{
	static const double bounds[SIZE_BOUNDS] = { 63,	  127,	255,  511,  767,  1023,
						    1279, 1535, 4095, 9215, 16383 };
	const struct look *l;
	int i, bucket;

	each_up (s, l) {
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

	each_up (s, l)
		each_dir (dir)
			for (i = 0; i < 4; i++)
				metric_u64(&s->m,
					   totals_tcp(&l->totals, dir, flags[i].with,
						      flags[i].without),
					   "interface", l->name, "direction", scrape_dirs[dir],
					   "flag", flags[i].name, NULL);
}

static void put_handshakes(struct scrape *s)
{
	const struct look *l;

	each_up (s, l)
		metric_histogram(&s->m, "interface", l->name, handshake_bounds,
				 l->kept.handshakes.count, HANDSHAKE_BOUNDS,
				 (double)l->kept.handshakes.sum_ns / 1e9);
}

static void put_findings(struct scrape *s)
{
	const struct look *l;
	int i;

	each_look (s, l)
		for (i = 0; l->up && i < FINDINGS; i++)
			metric_u64(&s->m, l->scanned.findings[i], "interface", l->name, "finding",
				   finding_names[i], NULL);
}

static void put_talkers(struct scrape *s)
{
	const struct look *l;
	char text[64];
	uint32_t i;

	each_up (s, l) {
		const struct scanned *n = &l->scanned;

		if (!n->top_talkers)
			continue;
		for (i = 0; i < n->talkers; i++)
			metric_u64(&s->m, of_sum(s, n->talker[i].sent), "interface", l->name,
				   "address", addr_text(&n->talker[i].addr, text, sizeof(text)),
				   NULL);
		metric_u64(&s->m, of_sum(s, n->other_talkers), "interface", l->name, "address",
			   "other", NULL);
	}
}

const struct family scrape_traffic[] = {
	{ "weir_packets", METRIC_COUNTER, NULL, put_class, PACKETS,
	  "Packets counted, by class. A segmentation-offload packet counts as its segments." },
	{ "weir_bytes", METRIC_COUNTER, "bytes", put_class, BYTES,
	  "Bytes of L2 frames counted, without FCS, by class." },
	{ "weir_protocol_packets", METRIC_COUNTER, NULL, put_protocol, PACKETS,
	  "IP packets by protocol; icmp holds ICMPv6 too." },
	{ "weir_protocol_bytes", METRIC_COUNTER, "bytes", put_protocol, BYTES,
	  "Bytes of L2 frames of IP packets by protocol." },
	{ "weir_port_packets", METRIC_COUNTER, NULL, put_port, PACKETS,
	  "Packets from and to the ports of --ports, as of the last scan." },
	{ "weir_port_bytes", METRIC_COUNTER, "bytes", put_port, BYTES,
	  "Bytes of L2 frames from and to the ports of --ports, as of the last scan." },
	{ "weir_frame_size_bytes", METRIC_HISTOGRAM, "bytes", put_sizes, 0,
	  "Lengths of L2 frames, without FCS." },
	{ "weir_tcp_segments", METRIC_COUNTER, NULL, put_segments, 0,
	  "TCP segments with a flag: syn without ACK, synack with both, fin, rst." },
	{ "weir_tcp_handshake_seconds", METRIC_HISTOGRAM, "seconds", put_handshakes, 0,
	  "From SYN to SYN-ACK of connections seen both ways; to the kernel's tick, 1 to 10 ms." },
	{ "weir_findings", METRIC_GAUGE, NULL, put_findings, 0,
	  "Sources that sweep or scan and targets that are flooded, in the last "
	  "--finding-window." },
	{ "weir_talker_packets", METRIC_GAUGE, NULL, put_talkers, PACKETS,
	  "IP packets that an address of --top-talkers sent in the last 10 s, and all others." },
	{ "weir_talker_bytes", METRIC_GAUGE, "bytes", put_talkers, BYTES,
	  "Bytes of L2 frames that an address of --top-talkers sent in the last 10 s, and all "
	  "others." },
	{ NULL },
};
