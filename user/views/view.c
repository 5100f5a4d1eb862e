/* SPDX-License-Identifier: GPL-2.0 */
/* The views: their rows, fields and order; see view.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include "views/rows.h"

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
/* In each window; that of 10 s is there first. Keys begin with `prefix`. */
/* clang-format off */
#define RATES(row, prefix, type, n, side, unit, rank_2, rank_40)                                   \
	{ RATE(row, prefix "rate_2s", 2, type, n, side, unit, rank_2) },                           \
	{ RATE(row, prefix "rate_10s", 10, type, n, side, unit, 1) },                              \
	{ RATE(row, prefix "rate_40s", 40, type, n, side, unit, rank_40) }
/* clang-format on */
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
	{ "packets", "PACKETS", FIELD_U64, AT(flow_row, packets), 9, FIELD_ADDS, TABLES },
	{ "bytes", "BYTES", FIELD_U64, AT(flow_row, bytes), 11, FIELD_ADDS, TABLES },
	{ "ip_bytes", "IP BYTES", FIELD_U64, AT(flow_row, ip_bytes), 0,
	  FIELD_JSON_ONLY | FIELD_ADDS, TABLES },
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
	RATES(conv_row, "sent.", FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 4, 5),
	{ "sent.packets", "SENT PKTS", FIELD_U64, CONV(sent.packets), 9, FIELD_ADDS, TABLES },
	{ "sent.bytes", "SENT BYTES", FIELD_U64, CONV(sent.bytes), 11, FIELD_OUT | FIELD_ADDS,
	  TOP(BYTES, 6, 6, "BYTES") },
	RATES(conv_row, "received.", FIELD_U64, 3, FIELD_IN, UNIT_RATE, 4, 5),
	{ "received.packets", "RCVD PKTS", FIELD_U64, CONV(received.packets), 9, FIELD_ADDS,
	  TABLES },
	{ "received.bytes", "RCVD BYTES", FIELD_U64, CONV(received.bytes), 11,
	  FIELD_IN | FIELD_ADDS, TOP(BYTES, 6, 6, "BYTES") },
	RATES(conv_row, "", FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 4, 5),
	{ "bytes", "BYTES", FIELD_SUM, CONV(sent.bytes), 0, FIELD_JSON_ONLY | FIELD_ADDS,
	  TOP(BYTES, 2, 6, "BYTES") },
	{ "packets", "PACKETS", FIELD_SUM, CONV(sent.packets), 0, FIELD_JSON_ONLY | FIELD_ADDS,
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
	RATES(host_row, "sent.", FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 4, 4),
	{ "sent.packets", "SENT PKTS", FIELD_U64, AT(host_row, sent.packets), 10, FIELD_ADDS,
	  TABLES },
	{ "sent.bytes", "SENT BYTES", FIELD_U64, AT(host_row, sent.bytes), 12,
	  FIELD_OUT | FIELD_ADDS, TOP(BYTES, 6, 6, "BYTES") },
	RATES(host_row, "received.", FIELD_U64, 3, FIELD_IN, UNIT_RATE, 4, 4),
	{ "received.packets", "RCVD PKTS", FIELD_U64, AT(host_row, received.packets), 10,
	  FIELD_ADDS, TABLES },
	{ "received.bytes", "RCVD BYTES", FIELD_U64, AT(host_row, received.bytes), 12,
	  FIELD_IN | FIELD_ADDS, TOP(BYTES, 6, 6, "BYTES") },
	RATES(host_row, "", FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 4, 4),
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
	RATES(port_row, "src.", FIELD_U64, 1, FIELD_OUT, UNIT_RATE, 4, 4),
	{ "src.packets", "FROM PKTS", FIELD_U64, AT(port_row, src.packets), 10, FIELD_ADDS,
	  TABLES },
	{ "src.bytes", "FROM BYTES", FIELD_U64, AT(port_row, src.bytes), 12, FIELD_OUT | FIELD_ADDS,
	  TOP(BYTES, 5, 6, "BYTES") },
	RATES(port_row, "dst.", FIELD_U64, 3, FIELD_IN, UNIT_RATE, 4, 4),
	{ "dst.packets", "TO PKTS", FIELD_U64, AT(port_row, dst.packets), 10, FIELD_ADDS, TABLES },
	{ "dst.bytes", "TO BYTES", FIELD_U64, AT(port_row, dst.bytes), 12, FIELD_IN | FIELD_ADDS,
	  TOP(BYTES, 5, 6, "BYTES") },
	RATES(port_row, "", FIELD_SUM, 1, FIELD_BOTH, UNIT_RATE, 4, 4),
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
	RATES(syn_row, "", FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 2, 2),
	{ "syn", "SYN", FIELD_U64, AT(syn_row, syn), 9, FIELD_ADDS, TOP(COUNT, 1, 6, "SYN") },
	{ "synack", "SYN-ACK", FIELD_U64, AT(syn_row, synack), 9, FIELD_ADDS,
	  TOP(COUNT, 4, 7, "SYN-ACK") },
	{ "rst", "RST", FIELD_U64, AT(syn_row, rst), 9, FIELD_ADDS, TOP(COUNT, 5, 6, "RST") },
	{ "fin", "FIN", FIELD_U64, AT(syn_row, fin), 9, FIELD_ADDS, TOP(COUNT, 5, 6, "FIN") },
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
	RATES(syn_row, "", FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 2, 2),
	{ "syn", "SYN", FIELD_U64, AT(syn_row, syn), 9, FIELD_ADDS, TOP(COUNT, 1, 6, "SYN") },
	{ "synack", "SYN-ACK", FIELD_U64, AT(syn_row, synack), 9, FIELD_ADDS,
	  TOP(COUNT, 4, 7, "SYN-ACK") },
	{ "rst", "RST", FIELD_U64, AT(syn_row, rst), 9, FIELD_ADDS, TOP(COUNT, 5, 6, "RST") },
	{ "fin", "FIN", FIELD_U64, AT(syn_row, fin), 9, FIELD_ADDS, TOP(COUNT, 5, 6, "FIN") },
	{ "sources_est", "~SOURCES", FIELD_U64, AT(syn_row, first_est), 9, 0,
	  TOP(COUNT, 1, 8, "~SOURCES") },
	{ BAR(UNIT_EVENTS) },
	{ 0 },
};

static const struct field size_fields[] = {
	{ INTERFACE(size_row) },
	{ "from", "FROM", FIELD_U64, AT(size_row, from), 7, 0, TOP(COUNT, 1, 6, "FROM") },
	{ "to", "TO", FIELD_U64, AT(size_row, to), 7, 0, TOP(COUNT, 1, 6, "TO") },
	RATES(size_row, "", FIELD_U64, 0, FIELD_OUT, UNIT_EVENTS, 1, 1),
	{ "packets", "PACKETS", FIELD_U64, AT(size_row, frames.packets), 12, FIELD_ADDS,
	  TOP(COUNT, 1, 7, "PACKETS") },
	{ BAR(UNIT_EVENTS) },
	{ 0 },
};

static uint32_t count_flows(const struct snapshot *s)
{
	return s->store.flow_count;
}

static bool flow_row_of(const struct snapshot *s, uint32_t i, void *to)
{
	const struct flow_sum *f = &s->store.flows[i];
	const struct weir_flow *key = (const struct weir_flow *)f;
	struct flow_row *row = to;

	memset(row, 0, sizeof(*row));
	memcpy(row->src.bytes, f->src, sizeof(f->src));
	memcpy(row->dst.bytes, f->dst, sizeof(f->dst));
	row->src.ipv6 = row->dst.ipv6 = key->meta & WEIR_META_IPV6;
	row->from.port = ntohs(key->sport);
	row->to.port = ntohs(key->dport);
	row->from.proto = row->to.proto = row->proto = key->proto;
	row->dir = key->meta & WEIR_META_DIR;
	row->tcp_flags = f->tcp_flags;
	row->packets = f->packets;
	row->bytes = f->bytes;
	row->ip_bytes = f->ip_bytes;
	row->first = f->first + (uint64_t)s->clock_step;
	row->last = f->last + (uint64_t)s->clock_step;
	return true;
}

/* Most flows are less than the first few wanted: then no row is made of them. */
static uint32_t next_flow(const struct snapshot *s, const struct field *f, uint32_t i,
			  uint64_t least)
{
	const struct store *flows = &s->store;

	if (f->offset == AT(flow_row, bytes))
		return store_next_large(flows, i, least);
	if (f->offset == AT(flow_row, packets))
		while (i < flows->flow_count && flows->flows[i].packets < least)
			i++;
	return i;
}

static int addr_compare(const struct addr *a, const struct addr *b)
{
	int order = memcmp(a->bytes, b->bytes, sizeof(a->bytes));

	return order ? order : a->ipv6 - b->ipv6;
}

static int64_t make_ports(const struct snapshot *s, void **out)
{
	struct port_row *rows;
	uint32_t i;
	size_t n = 0;

	if (!s->ports)
		return -EINVAL;
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
				.service = port_key_of(i),
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

static void set_segments(struct syn_row *row, const struct syn_sum *y)
{
	syn_row_key(row, y);
	row->syn = y->syn;
	row->synack = y->synack;
	row->rst = y->rst;
	row->fin = y->fin;
}

static void set_estimates(struct syn_row *row, const struct syn_sum *y)
{
	bool source = (y->meta & WEIR_META_DIR) == WEIR_ROLE_SOURCE;

	row->first_est = sketch_estimate(y->sketch, 0, source ? 32 : 64);
	row->second_est = sketch_estimate(y->sketch, 32, 32);
}

void syn_row_of(struct syn_row *row, const struct syn_sum *y)
{
	set_segments(row, y);
	set_estimates(row, y);
}

static uint32_t count_syns(const struct snapshot *s)
{
	return s->store.syn_count;
}

static bool syn_row_in(const struct snapshot *s, uint32_t i, void *row, enum weir_role role)
{
	const struct syn_sum *y = &s->store.syns[i];

	if ((y->meta & WEIR_META_DIR) != role)
		return false;
	set_segments(row, y);
	return true;
}

static void syn_row_rest(const struct snapshot *s, uint32_t i, void *row)
{
	set_estimates(row, &s->store.syns[i]);
}

static bool syn_source_of(const struct snapshot *s, uint32_t i, void *row)
{
	return syn_row_in(s, i, row, WEIR_ROLE_SOURCE);
}

static bool syn_target_of(const struct snapshot *s, uint32_t i, void *row)
{
	return syn_row_in(s, i, row, WEIR_ROLE_TARGET);
}

const struct view view_flows = {
	.name = "flows",
	.sort = "bytes",
	.help = "Flows",
	.fields = flow_fields,
	.row_size = sizeof(struct flow_row),
	.entries = count_flows,
	.row = flow_row_of,
	.next = next_flow,
	.sum = flows_sum,
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
	.make = hosts_make,
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
	.entries = count_syns,
	.row = syn_source_of,
	.rest = syn_row_rest,
	.rest_at = AT(syn_row, first_est),
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
	.entries = count_syns,
	.row = syn_target_of,
	.rest = syn_row_rest,
	.rest_at = AT(syn_row, first_est),
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

/* Whether the words that ", " stands between have this one. */
static bool is_among(const char *words, const char *word)
{
	size_t n = strlen(word);
	const char *at;

	for (at = words; (at = strstr(at, word)); at += n)
		if ((at == words || at[-1] == ' ') && (at[n] == ',' || !at[n]))
			return true;
	return false;
}

void view_add_keys(const struct view *v, bool top, char *to, size_t size)
{
	const struct field *f;
	size_t n = strlen(to);

	for (f = v->fields; f->key; f++) {
		if (view_field(v, f->key, top) != f || is_among(to, f->key) ||
		    n + strlen(f->key) + 3 > size)
			continue;
		n += (size_t)snprintf(to + n, size - n, "%s%s", n ? ", " : "", f->key);
	}
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
