/* SPDX-License-Identifier: GPL-2.0 */
/* The views: their rows, fields and order; see view.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include "rows.h"

#define AT(row, member) offsetof(struct row, member)

/* The last members of a field: not a column of weir top, or one. */
#define TABLES UNIT_NONE, 0, 0, 0, NULL
#define TOP(unit, rank, width, brief) UNIT_##unit, 0, rank, width, brief
/* Counter `n` of a row in one of its windows; of both sides if it is a FIELD_SUM. */
enum { IN_2, IN_10, IN_40 };
#define WINDOW(row, in, n) (sizeof(struct row) + offsetof(struct windows, sum[in][n]))
#define RATE(row, key, seconds, type, n, side, unit, rank)                                         \
	key, #seconds " s", type, WINDOW(row, IN_##seconds, n), 0, (side) | FIELD_TOP_ONLY, unit,  \
		IN_##seconds, rank, 6, #seconds "s"
#define INTERFACE(row)                                                                             \
	"interface", "IF", FIELD_INTERFACE, AT(row, iface), 10, 0, TOP(NONE, 1, 8, "IF")
#define BAR(unit) "bar", "", FIELD_BAR, 0, 0, FIELD_TOP_ONLY, unit, 0, 3, 8, ""

static const struct field flow_fields[] = {
	{ INTERFACE(flow_row) },
	{ "src", "SOURCE", FIELD_ADDR, AT(flow_row, src), 28, 0, TABLES },
	{ "sport", "PORT", FIELD_U16, AT(flow_row, from.port), 5, 0, TABLES },
	{ "dst", "DESTINATION", FIELD_ADDR, AT(flow_row, dst), 28, 0, TABLES },
	{ "dport", "PORT", FIELD_U16, AT(flow_row, to.port), 5, 0, TABLES },
	{ "proto", "PROTO", FIELD_U8, AT(flow_row, proto), 0, FIELD_JSON_ONLY, TABLES },
	{ "proto_name", "PROTO", FIELD_PROTO, AT(flow_row, proto), 6, 0, TABLES },
	{ "direction", "DIR", FIELD_DIR, AT(flow_row, dir), 7, 0, TABLES },
	{ "packets", "PACKETS", FIELD_U64, AT(flow_row, packets), 9, 0, TABLES },
	{ "bytes", "BYTES", FIELD_U64, AT(flow_row, bytes), 11, 0, TABLES },
	{ "ip_bytes", "IP BYTES", FIELD_U64, AT(flow_row, ip_bytes), 0, FIELD_JSON_ONLY, TABLES },
	{ "tcp_flags", "FLAGS", FIELD_U8, AT(flow_row, tcp_flags), 0, FIELD_JSON_ONLY, TABLES },
	{ "tcp_flags_text", "FLAGS", FIELD_FLAGS, AT(flow_row, tcp_flags), 6, FIELD_TEXT_ONLY,
	  TABLES },
	{ "first", "FIRST", FIELD_TIME, AT(flow_row, first), 0, FIELD_JSON_ONLY, TABLES },
	{ "last", "LAST", FIELD_TIME, AT(flow_row, last), 0, FIELD_JSON_ONLY, TABLES },
	{ 0 },
};

#define CONV(member) AT(conv_row, member)
static const struct field conv_fields[] = {
	{ INTERFACE(conv_row) },
	{ "host", "HOST", FIELD_ADDR, CONV(host), 28, 0, TOP(NONE, 1, 15, "HOST") },
	{ "host_port", "PORT", FIELD_U16, CONV(host_port), 5, 0, TOP(PORT, 1, 5, "PORT") },
	{ "peer", "PEER", FIELD_ADDR, CONV(peer), 28, 0, TOP(NONE, 1, 15, "PEER") },
	{ "peer_port", "PORT", FIELD_U16, CONV(peer_port), 5, 0, TOP(PORT, 1, 5, "PORT") },
	{ "proto", "PROTO", FIELD_U8, CONV(proto), 0, FIELD_JSON_ONLY, TABLES },
	{ "proto_name", "PROTO", FIELD_PROTO, CONV(proto), 6, 0, TOP(NONE, 1, 6, "PROTO") },
	{ RATE(conv_row, "sent.rate_2s", 2, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 4) },
	{ RATE(conv_row, "sent.rate_10s", 10, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 1) },
	{ RATE(conv_row, "sent.rate_40s", 40, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 5) },
	{ "sent.packets", "SENT PKTS", FIELD_U64, CONV(sent.packets), 9, 0, TABLES },
	{ "sent.bytes", "SENT BYTES", FIELD_U64, CONV(sent.bytes), 11, FIELD_OUT,
	  TOP(BYTES, 6, 6, "BYTES") },
	{ RATE(conv_row, "received.rate_2s", 2, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 4) },
	{ RATE(conv_row, "received.rate_10s", 10, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 1) },
	{ RATE(conv_row, "received.rate_40s", 40, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 5) },
	{ "received.packets", "RCVD PKTS", FIELD_U64, CONV(received.packets), 9, 0, TABLES },
	{ "received.bytes", "RCVD BYTES", FIELD_U64, CONV(received.bytes), 11, FIELD_IN,
	  TOP(BYTES, 6, 6, "BYTES") },
	{ RATE(conv_row, "rate_2s", 2, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 4) },
	{ RATE(conv_row, "rate_10s", 10, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 1) },
	{ RATE(conv_row, "rate_40s", 40, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 5) },
	{ "bytes", "BYTES", FIELD_SUM, CONV(sent.bytes), 0, FIELD_JSON_ONLY,
	  TOP(BYTES, 2, 6, "BYTES") },
	{ "packets", "PACKETS", FIELD_SUM, CONV(sent.packets), 0, FIELD_JSON_ONLY,
	  TOP(COUNT, 7, 6, "PKTS") },
	{ "tcp_flags", "FLAGS", FIELD_U8, CONV(tcp_flags), 0, FIELD_JSON_ONLY, TABLES },
	{ "tcp_flags_text", "FLAGS", FIELD_FLAGS, CONV(tcp_flags), 6, FIELD_TEXT_ONLY,
	  TOP(NONE, 8, 6, "FLAGS") },
	{ "first", "FIRST", FIELD_TIME, CONV(first), 0, FIELD_JSON_ONLY, TABLES },
	{ "last", "LAST", FIELD_TIME, CONV(last), 0, FIELD_JSON_ONLY, TABLES },
	{ BAR(UNIT_RATE) },
	{ 0 },
};

static const struct field host_fields[] = {
	{ INTERFACE(host_row) },
	{ "addr", "HOST", FIELD_ADDR, AT(host_row, addr), 39, 0, TOP(NONE, 1, 15, "HOST") },
	{ RATE(host_row, "sent.rate_2s", 2, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 4) },
	{ RATE(host_row, "sent.rate_10s", 10, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 1) },
	{ RATE(host_row, "sent.rate_40s", 40, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 4) },
	{ "sent.packets", "SENT PKTS", FIELD_U64, AT(host_row, sent.packets), 10, 0, TABLES },
	{ "sent.bytes", "SENT BYTES", FIELD_U64, AT(host_row, sent.bytes), 12, FIELD_OUT,
	  TOP(BYTES, 6, 6, "BYTES") },
	{ RATE(host_row, "received.rate_2s", 2, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 4) },
	{ RATE(host_row, "received.rate_10s", 10, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 1) },
	{ RATE(host_row, "received.rate_40s", 40, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 4) },
	{ "received.packets", "RCVD PKTS", FIELD_U64, AT(host_row, received.packets), 10, 0,
	  TABLES },
	{ "received.bytes", "RCVD BYTES", FIELD_U64, AT(host_row, received.bytes), 12, FIELD_IN,
	  TOP(BYTES, 6, 6, "BYTES") },
	{ RATE(host_row, "rate_2s", 2, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 4) },
	{ RATE(host_row, "rate_10s", 10, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 1) },
	{ RATE(host_row, "rate_40s", 40, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 4) },
	{ "bytes", "BYTES", FIELD_SUM, AT(host_row, sent.bytes), 0, FIELD_TOP_ONLY,
	  TOP(BYTES, 2, 6, "BYTES") },
	{ "packets", "PACKETS", FIELD_SUM, AT(host_row, sent.packets), 0, FIELD_TOP_ONLY,
	  TOP(COUNT, 7, 6, "PKTS") },
	{ "flows", "FLOWS", FIELD_U64, AT(host_row, flows), 8, 0, TOP(COUNT, 5, 6, "CONVS") },
	{ BAR(UNIT_RATE) },
	{ 0 },
};

static const struct field port_fields[] = {
	{ INTERFACE(port_row) },
	{ "proto", "PROTO", FIELD_U8, AT(port_row, service.proto), 0, FIELD_JSON_ONLY, TABLES },
	{ "proto_name", "PROTO", FIELD_PROTO, AT(port_row, service.proto), 6, 0,
	  TOP(NONE, 1, 6, "PROTO") },
	{ "port", "PORT", FIELD_U16, AT(port_row, service.port), 6, 0, TOP(NONE, 1, 5, "PORT") },
	{ "service", "SERVICE", FIELD_SERVICE, AT(port_row, service), 16, 0,
	  TOP(NONE, 1, 16, "SERVICE") },
	{ RATE(port_row, "src.rate_2s", 2, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 4) },
	{ RATE(port_row, "src.rate_10s", 10, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 1) },
	{ RATE(port_row, "src.rate_40s", 40, FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 4) },
	{ "src.packets", "FROM PKTS", FIELD_U64, AT(port_row, src.packets), 10, 0, TABLES },
	{ "src.bytes", "FROM BYTES", FIELD_U64, AT(port_row, src.bytes), 12, FIELD_OUT,
	  TOP(BYTES, 5, 6, "BYTES") },
	{ RATE(port_row, "dst.rate_2s", 2, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 4) },
	{ RATE(port_row, "dst.rate_10s", 10, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 1) },
	{ RATE(port_row, "dst.rate_40s", 40, FIELD_U64, 3, FIELD_IN, UNIT_RATE, 4) },
	{ "dst.packets", "TO PKTS", FIELD_U64, AT(port_row, dst.packets), 10, 0, TABLES },
	{ "dst.bytes", "TO BYTES", FIELD_U64, AT(port_row, dst.bytes), 12, FIELD_IN,
	  TOP(BYTES, 5, 6, "BYTES") },
	{ RATE(port_row, "rate_2s", 2, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 4) },
	{ RATE(port_row, "rate_10s", 10, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 1) },
	{ RATE(port_row, "rate_40s", 40, FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 4) },
	{ "bytes", "BYTES", FIELD_SUM, AT(port_row, src.bytes), 0, FIELD_TOP_ONLY,
	  TOP(BYTES, 2, 6, "BYTES") },
	{ "packets", "PACKETS", FIELD_SUM, AT(port_row, src.packets), 0, FIELD_TOP_ONLY,
	  TOP(COUNT, 6, 6, "PKTS") },
	{ BAR(UNIT_RATE) },
	{ 0 },
};

static const struct field syn_source_fields[] = {
	{ INTERFACE(syn_row) },
	{ "addr", "SOURCE", FIELD_ADDR, AT(syn_row, addr), 39, 0, TOP(NONE, 1, 15, "SOURCE") },
	{ RATE(syn_row, "rate_2s", 2, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 2) },
	{ RATE(syn_row, "rate_10s", 10, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 1) },
	{ RATE(syn_row, "rate_40s", 40, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 2) },
	{ "syn", "SYN", FIELD_U64, AT(syn_row, syn), 9, 0, TOP(COUNT, 1, 6, "SYN") },
	{ "synack", "SYN-ACK", FIELD_U64, AT(syn_row, synack), 9, 0, TOP(COUNT, 4, 7, "SYN-ACK") },
	{ "rst", "RST", FIELD_U64, AT(syn_row, rst), 9, 0, TOP(COUNT, 5, 6, "RST") },
	{ "fin", "FIN", FIELD_U64, AT(syn_row, fin), 9, 0, TOP(COUNT, 5, 6, "FIN") },
	{ "targets_est", "~TARGETS", FIELD_U64, AT(syn_row, first_est), 9, 0,
	  TOP(COUNT, 1, 8, "~TARGETS") },
	{ "ports_est", "~PORTS", FIELD_U64, AT(syn_row, second_est), 9, 0,
	  TOP(COUNT, 1, 6, "~PORTS") },
	{ BAR(UNIT_EVENTS) },
	{ 0 },
};

static const struct field syn_target_fields[] = {
	{ INTERFACE(syn_row) },
	{ "addr", "TARGET", FIELD_ADDR, AT(syn_row, addr), 39, 0, TOP(NONE, 1, 15, "TARGET") },
	{ "port", "PORT", FIELD_U16, AT(syn_row, service.port), 5, 0, TOP(PORT, 1, 5, "PORT") },
	{ RATE(syn_row, "rate_2s", 2, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 2) },
	{ RATE(syn_row, "rate_10s", 10, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 1) },
	{ RATE(syn_row, "rate_40s", 40, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 2) },
	{ "syn", "SYN", FIELD_U64, AT(syn_row, syn), 9, 0, TOP(COUNT, 1, 6, "SYN") },
	{ "synack", "SYN-ACK", FIELD_U64, AT(syn_row, synack), 9, 0, TOP(COUNT, 4, 7, "SYN-ACK") },
	{ "rst", "RST", FIELD_U64, AT(syn_row, rst), 9, 0, TOP(COUNT, 5, 6, "RST") },
	{ "fin", "FIN", FIELD_U64, AT(syn_row, fin), 9, 0, TOP(COUNT, 5, 6, "FIN") },
	{ "sources_est", "~SOURCES", FIELD_U64, AT(syn_row, first_est), 9, 0,
	  TOP(COUNT, 1, 8, "~SOURCES") },
	{ BAR(UNIT_EVENTS) },
	{ 0 },
};

static const struct field size_fields[] = {
	{ INTERFACE(size_row) },
	{ "from", "FROM", FIELD_U64, AT(size_row, from), 7, 0, TOP(COUNT, 1, 6, "FROM") },
	{ "to", "TO", FIELD_U64, AT(size_row, to), 7, 0, TOP(COUNT, 1, 6, "TO") },
	{ RATE(size_row, "rate_2s", 2, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 1) },
	{ RATE(size_row, "rate_10s", 10, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 1) },
	{ RATE(size_row, "rate_40s", 40, FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 1) },
	{ "packets", "PACKETS", FIELD_U64, AT(size_row, frames.packets), 12, 0,
	  TOP(COUNT, 1, 7, "PACKETS") },
	{ BAR(UNIT_EVENTS) },
	{ 0 },
};

static int64_t make_flows(const struct snapshot *s, void **rows)
{
	struct flow_row *out = calloc(s->store.flow_count + 1ULL, sizeof(*out));
	uint32_t i;

	if (!out)
		return -ENOMEM;
	for (i = 0; i < s->store.flow_count; i++) {
		const struct flow_sum *f = &s->store.flows[i];
		const struct weir_flow *key = (const struct weir_flow *)f;
		bool ipv6 = key->meta & WEIR_META_IPV6;

		out[i] = (struct flow_row){
			.src = { { f->src[0], f->src[1] }, ipv6 },
			.dst = { { f->dst[0], f->dst[1] }, ipv6 },
			.from = { ntohs(key->sport), key->proto },
			.to = { ntohs(key->dport), key->proto },
			.proto = key->proto,
			.dir = key->meta & WEIR_META_DIR,
			.tcp_flags = f->tcp_flags,
			.packets = f->packets,
			.bytes = f->bytes,
			.ip_bytes = f->ip_bytes,
			.first = f->first,
			.last = f->last,
		};
	}
	*rows = out;
	return s->store.flow_count;
}

static int addr_compare(const struct addr *a, const struct addr *b)
{
	int order = memcmp(a->bytes, b->bytes, sizeof(a->bytes));

	return order ? order : a->ipv6 - b->ipv6;
}

/* The row of an address, made if need be. NULL where memory is short. */
static struct host_row *host_of(struct rowset *set, const uint64_t *bytes, bool ipv6)
{
	struct host_row key;
	uint32_t number;
	bool fresh;

	memset(&key, 0, AT(host_row, sent));
	memcpy(key.addr.bytes, bytes, sizeof(key.addr.bytes));
	key.addr.ipv6 = ipv6;
	number = rowset_find(set, &key, &fresh);
	return number == ROWSET_NONE ? NULL : rowset_row(set, number);
}

/* Adds a flow to the hosts at its ends. */
static int hosts_add(struct rowset *set, const struct flow_sum *f)
{
	bool ipv6 = ((const struct weir_flow *)f)->meta & WEIR_META_IPV6;
	bool self = f->src[0] == f->dst[0] && f->src[1] == f->dst[1];
	struct host_row *row = host_of(set, f->src, ipv6);

	if (!row)
		return -ENOMEM;
	row->sent.packets += f->packets;
	row->sent.bytes += f->bytes;
	row->flows++;
	row = host_of(set, f->dst, ipv6);
	if (!row)
		return -ENOMEM;
	row->received.packets += f->packets;
	row->received.bytes += f->bytes;
	row->flows += !self;
	return 0;
}

static int64_t make_hosts(const struct snapshot *s, void **out)
{
	struct rowset set;
	uint32_t i;
	int err = 0;

	rowset_init(&set, sizeof(struct host_row), AT(host_row, sent));
	for (i = 0; i < s->store.flow_count && !err; i++)
		err = hosts_add(&set, &s->store.flows[i]);
	if (!err) {
		*out = set.rows ? (void *)set.rows : calloc(1, sizeof(struct host_row));
		set.rows = NULL;
		i = set.count;
	}
	rowset_free(&set);
	return err ? (int64_t)err : (int64_t)i;
}

static int64_t make_ports(const struct snapshot *s, void **out)
{
	static const uint8_t protos[WEIR_PORT_PROTOS] = { WEIR_P_TCP, WEIR_P_UDP, WEIR_P_SCTP };
	struct port_row *rows;
	uint32_t i;
	size_t n = 0;

	for (i = 0; i < WEIR_PORTS; i++)
		n += s->ports[i].role[0].packets || s->ports[i].role[1].packets;
	rows = calloc(n + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	*out = rows;
	for (n = 0, i = 0; i < WEIR_PORTS; i++) {
		const struct weir_port *p = &s->ports[i];

		if (p->role[0].packets || p->role[1].packets)
			rows[n++] = (struct port_row){
				.service = { (uint16_t)i, protos[i >> 16] },
				.src = p->role[0],
				.dst = p->role[1],
				.bytes = p->role[0].bytes + p->role[1].bytes,
			};
	}
	return (int64_t)n;
}

void syn_row_key(struct syn_row *row, const struct syn_sum *y)
{
	memset(row, 0, sizeof(*row));
	memcpy(row->addr.bytes, y->addr, sizeof(row->addr.bytes));
	row->addr.ipv6 = y->meta & WEIR_META_IPV6;
	row->service.port = ntohs(y->port);
	row->service.proto = WEIR_P_TCP;
}

void syn_row_of(struct syn_row *row, const struct syn_sum *y)
{
	bool source = (y->meta & WEIR_META_DIR) == WEIR_ROLE_SOURCE;

	syn_row_key(row, y);
	row->syn = y->syn;
	row->synack = y->synack;
	row->rst = y->rst;
	row->fin = y->fin;
	row->first_est = sketch_estimate(y->sketch, 0, source ? 32 : 64);
	row->second_est = sketch_estimate(y->sketch, 32, 32);
}

static int64_t make_syns(const struct snapshot *s, void **out, enum weir_role role)
{
	struct syn_row *rows = calloc(s->store.syn_count + 1ULL, sizeof(*rows));
	uint32_t i;
	int64_t n = 0;

	if (!rows)
		return -ENOMEM;
	*out = rows;
	for (i = 0; i < s->store.syn_count; i++) {
		const struct syn_sum *y = &s->store.syns[i];

		if ((y->meta & WEIR_META_DIR) != role)
			continue;
		syn_row_of(&rows[n++], y);
	}
	return n;
}

static int64_t make_syn_sources(const struct snapshot *s, void **out)
{
	return make_syns(s, out, WEIR_ROLE_SOURCE);
}

static int64_t make_syn_targets(const struct snapshot *s, void **out)
{
	return make_syns(s, out, WEIR_ROLE_TARGET);
}

const struct view view_flows = {
	.name = "flows",
	.sort = "bytes",
	.help = "Flows",
	.fields = flow_fields,
	.row_size = sizeof(struct flow_row),
	.make = make_flows,
};
const struct view view_conversations = {
	.name = "conversations",
	.sort = "bytes",
	.help = "Conversations",
	.fields = conv_fields,
	.row_size = sizeof(struct conv_row),
	.make = conversations_make,
	.top_sort = "rate_10s",
	.out = "SENT",
	.in = "RECEIVED",
	.key_size = AT(conv_row, sent),
	.counters = AT(conv_row, sent),
};
const struct view view_hosts = {
	.name = "hosts",
	.sort = "sent.bytes",
	.help = "Hosts",
	.fields = host_fields,
	.row_size = sizeof(struct host_row),
	.make = make_hosts,
	.top_sort = "rate_10s",
	.out = "SENT",
	.in = "RECEIVED",
	.key_size = AT(host_row, sent),
	.counters = AT(host_row, sent),
};
const struct view view_ports = {
	.name = "ports",
	.sort = "dst.bytes",
	.help = "Ports",
	.fields = port_fields,
	.row_size = sizeof(struct port_row),
	.make = make_ports,
	.top_sort = "rate_10s",
	.out = "FROM PORT",
	.in = "TO PORT",
	.key_size = AT(port_row, src),
	.counters = AT(port_row, src),
};
const struct view view_syn_sources = {
	.name = "sources",
	.sort = "syn",
	.help = "SYN by source",
	.fields = syn_source_fields,
	.row_size = sizeof(struct syn_row),
	.make = make_syn_sources,
	.top_sort = "rate_10s",
	.out = "SYN/s",
	.key_size = AT(syn_row, syn),
	.counters = AT(syn_row, syn),
};
const struct view view_syn_targets = {
	.name = "targets",
	.sort = "syn",
	.help = "SYN by target",
	.fields = syn_target_fields,
	.row_size = sizeof(struct syn_row),
	.make = make_syn_targets,
	.top_sort = "rate_10s",
	.out = "SYN/s",
	.key_size = AT(syn_row, syn),
	.counters = AT(syn_row, syn),
};
const struct view view_sizes = {
	.name = "sizes",
	.sort = "packets",
	.help = "Frame sizes (L2 bytes)",
	.fields = size_fields,
	.row_size = sizeof(struct size_row),
	.make = sizes_make,
	.top_sort = "-from",
	.out = "PACKETS/s",
	.key_size = AT(size_row, to),
	.counters = AT(size_row, frames),
};

static uint64_t load_word(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

uint64_t sketch_estimate(const uint8_t *sketch, uint32_t from, uint32_t registers)
{
	static const double inverse[16] = { 1,	       1 / 2.,	  1 / 4.,     1 / 8.,
					    1 / 16.,   1 / 32.,	  1 / 64.,    1 / 128.,
					    1 / 256.,  1 / 512.,  1 / 1024.,  1 / 2048.,
					    1 / 4096., 1 / 8192., 1 / 16384., 1 / 32768. };
	const double m = registers, alpha = registers == 32 ? 0.697 : 0.709;
	uint32_t i, empty = registers;
	double sum, estimate;

	/* Most sketches have seen little: a word of 16 registers without any is passed over. */
	for (sum = registers, i = from; i < from + registers; i++) {
		uint32_t rank;

		if (i % 16 == 0 && !load_word(sketch + i / 2)) {
			i += 15;
			continue;
		}
		rank = sketch[i >> 1] >> (i & 1) * 4 & 15;
		sum -= 1 - inverse[rank];
		empty -= rank != 0;
	}
	estimate = alpha * m * m / sum;
	if (estimate <= 2.5 * m && empty)
		estimate = m * log(m / empty);
	return (uint64_t)llround(estimate);
}

const struct field *view_field(const struct view *v, const char *key, bool top)
{
	const struct field *f;

	for (f = v->fields; f->key; f++)
		if (!strcmp(f->key, key) && f->type != FIELD_BAR && !(f->only & FIELD_TEXT_ONLY) &&
		    (top || !(f->only & FIELD_TOP_ONLY)))
			return f;
	return NULL;
}

bool view_has_key(const struct view *v, const char *key)
{
	return view_field(v, key, false) != NULL;
}

int field_compare(const struct field *f, const void *a, const void *b)
{
	char x[64], y[64];
	uint64_t n, m;

	if (f->type == FIELD_ADDR)
		return addr_compare((const struct addr *)((const char *)a + f->offset),
				    (const struct addr *)((const char *)b + f->offset));
	if (f->type >= FIELD_PROTO)
		return strcmp(field_text(f, a, x, sizeof(x)), field_text(f, b, y, sizeof(y)));
	n = field_number(f, a);
	m = field_number(f, b);
	return n == m ? 0 : n < m ? 1 : -1;
}

struct order {
	const struct field *field;
	size_t size;
};

#define ROW_MAX 256
_Static_assert(sizeof(struct conv_row) <= ROW_MAX, "the largest of rows");

/* Then by the bytes of the row, for a steady order. */
static int row_compare(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	int order = field_compare(o->field, a, b);

	return order ? order : memcmp(a, b, o->size);
}

/* Puts the row at `i` of a heap, whose last row is the first, where it belongs. */
static void sift(char *rows, uint64_t count, uint64_t i, struct order *o)
{
	char row[ROW_MAX];
	uint64_t child;

	memcpy(row, rows + i * o->size, o->size);
	for (; (child = 2 * i + 1) < count; i = child) {
		char *at = rows + child * o->size;

		if (child + 1 < count && row_compare(at + o->size, at, o) > 0)
			child++, at += o->size;
		if (row_compare(row, at, o) >= 0)
			break;
		memcpy(rows + i * o->size, at, o->size);
	}
	memcpy(rows + i * o->size, row, o->size);
}

/* Sorts the first `keep` of the order to the front. What becomes of the others is all one. */
static void sort_first(char *rows, uint64_t count, uint64_t keep, struct order *o)
{
	uint64_t i;

	for (i = keep / 2; keep < count && i--;)
		sift(rows, keep, i, o);
	for (i = keep; i < count; i++) {
		if (row_compare(rows + i * o->size, rows, o) >= 0)
			continue;
		memcpy(rows, rows + i * o->size, o->size);
		sift(rows, keep, 0, o);
	}
	qsort_r(rows, keep, o->size, row_compare, o);
}

/* Every view's first field is the interface. */
static void set_interface(const struct view *v, void *rows, int64_t n, uint8_t iface)
{
	unsigned char *at = (unsigned char *)rows + v->fields[0].offset;
	int64_t i;

	for (i = 0; i < n; i++)
		at[(size_t)i * v->row_size] = iface;
}

static int append(struct rows *r, const struct source *source)
{
	const size_t size = r->view->row_size;
	void *more, *all;
	int64_t n = r->view->make(source->snapshot, &more);

	if (n < 0)
		return (int)n;
	set_interface(r->view, more, n, source->iface);
	if (!r->data) {
		r->data = more;
		r->of = (uint64_t)n;
		return 0;
	}
	all = reallocarray(r->data, r->of + (uint64_t)n + 1, size);
	if (all) {
		r->data = all;
		memcpy((char *)all + r->of * size, more, (size_t)n * size);
		r->of += (uint64_t)n;
	}
	free(more);
	return all ? 0 : -ENOMEM;
}

int rows_make(struct rows *r, const struct view *v, const struct source *sources, int count,
	      const char *sort, uint64_t limit)
{
	struct order order = { view_field(v, sort ? sort : v->sort, false), v->row_size };
	int i, err = 0;

	*r = (struct rows){ .view = v, .several = count > 1 };
	if (!order.field)
		return -EINVAL;
	for (i = 0; i < count && !err; i++)
		err = append(r, &sources[i]);
	if (err) {
		rows_free(r);
		return err;
	}
	r->count = limit && limit < r->of ? limit : r->of;
	if (r->of)
		sort_first(r->data, r->of, r->count, &order);
	return 0;
}

void rows_free(struct rows *r)
{
	free(r->data);
	r->data = NULL;
}
