/* SPDX-License-Identifier: GPL-2.0 */
/* The views: their rows, fields and order; see view.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <weir/parse.h>
#include "view.h"

struct flow_row {
	struct addr src, dst;
	struct service from, to;
	uint8_t proto, dir, tcp_flags;
	uint64_t packets, bytes, ip_bytes, first, last;
};

struct host_row {
	struct addr addr;
	struct weir_sum sent, received;
	uint64_t flows;
};

struct port_row {
	struct service service;
	struct weir_sum src, dst;
	uint64_t bytes;
};

struct syn_row {
	struct addr addr;
	struct service service;
	uint64_t syn, synack, rst, fin, first_est, second_est;
};

#define AT(row, member) offsetof(struct row, member)

static const struct field flow_fields[] = {
	{ "src", "SOURCE", FIELD_ADDR, AT(flow_row, src), 28, 0 },
	{ "sport", "PORT", FIELD_U16, AT(flow_row, from.port), 5, 0 },
	{ "dst", "DESTINATION", FIELD_ADDR, AT(flow_row, dst), 28, 0 },
	{ "dport", "PORT", FIELD_U16, AT(flow_row, to.port), 5, 0 },
	{ "proto", "PROTO", FIELD_U8, AT(flow_row, proto), 0, FIELD_JSON_ONLY },
	{ "proto_name", "PROTO", FIELD_PROTO, AT(flow_row, proto), 6, 0 },
	{ "direction", "DIR", FIELD_DIR, AT(flow_row, dir), 7, 0 },
	{ "packets", "PACKETS", FIELD_U64, AT(flow_row, packets), 9, 0 },
	{ "bytes", "BYTES", FIELD_U64, AT(flow_row, bytes), 11, 0 },
	{ "ip_bytes", "IP BYTES", FIELD_U64, AT(flow_row, ip_bytes), 0, FIELD_JSON_ONLY },
	{ "tcp_flags", "FLAGS", FIELD_U8, AT(flow_row, tcp_flags), 0, FIELD_JSON_ONLY },
	{ "tcp_flags_text", "FLAGS", FIELD_FLAGS, AT(flow_row, tcp_flags), 6, FIELD_TEXT_ONLY },
	{ "first", "FIRST", FIELD_TIME, AT(flow_row, first), 0, FIELD_JSON_ONLY },
	{ "last", "LAST", FIELD_TIME, AT(flow_row, last), 0, FIELD_JSON_ONLY },
	{ 0 },
};

static const struct field host_fields[] = {
	{ "addr", "HOST", FIELD_ADDR, AT(host_row, addr), 39, 0 },
	{ "sent.packets", "SENT PKTS", FIELD_U64, AT(host_row, sent.packets), 10, 0 },
	{ "sent.bytes", "SENT BYTES", FIELD_U64, AT(host_row, sent.bytes), 12, 0 },
	{ "received.packets", "RCVD PKTS", FIELD_U64, AT(host_row, received.packets), 10, 0 },
	{ "received.bytes", "RCVD BYTES", FIELD_U64, AT(host_row, received.bytes), 12, 0 },
	{ "flows", "FLOWS", FIELD_U64, AT(host_row, flows), 8, 0 },
	{ 0 },
};

static const struct field port_fields[] = {
	{ "proto", "PROTO", FIELD_U8, AT(port_row, service.proto), 0, FIELD_JSON_ONLY },
	{ "proto_name", "PROTO", FIELD_PROTO, AT(port_row, service.proto), 6, 0 },
	{ "port", "PORT", FIELD_U16, AT(port_row, service.port), 6, 0 },
	{ "service", "SERVICE", FIELD_SERVICE, AT(port_row, service), 16, 0 },
	{ "src.packets", "FROM PKTS", FIELD_U64, AT(port_row, src.packets), 10, 0 },
	{ "src.bytes", "FROM BYTES", FIELD_U64, AT(port_row, src.bytes), 12, 0 },
	{ "dst.packets", "TO PKTS", FIELD_U64, AT(port_row, dst.packets), 10, 0 },
	{ "dst.bytes", "TO BYTES", FIELD_U64, AT(port_row, dst.bytes), 12, 0 },
	{ 0 },
};

static const struct field syn_source_fields[] = {
	{ "addr", "SOURCE", FIELD_ADDR, AT(syn_row, addr), 39, 0 },
	{ "syn", "SYN", FIELD_U64, AT(syn_row, syn), 9, 0 },
	{ "synack", "SYN-ACK", FIELD_U64, AT(syn_row, synack), 9, 0 },
	{ "rst", "RST", FIELD_U64, AT(syn_row, rst), 9, 0 },
	{ "fin", "FIN", FIELD_U64, AT(syn_row, fin), 9, 0 },
	{ "targets_est", "~TARGETS", FIELD_U64, AT(syn_row, first_est), 9, 0 },
	{ "ports_est", "~PORTS", FIELD_U64, AT(syn_row, second_est), 9, 0 },
	{ 0 },
};

static const struct field syn_target_fields[] = {
	{ "addr", "TARGET", FIELD_ADDR, AT(syn_row, addr), 39, 0 },
	{ "port", "PORT", FIELD_U16, AT(syn_row, service.port), 5, 0 },
	{ "syn", "SYN", FIELD_U64, AT(syn_row, syn), 9, 0 },
	{ "synack", "SYN-ACK", FIELD_U64, AT(syn_row, synack), 9, 0 },
	{ "rst", "RST", FIELD_U64, AT(syn_row, rst), 9, 0 },
	{ "fin", "FIN", FIELD_U64, AT(syn_row, fin), 9, 0 },
	{ "sources_est", "~SOURCES", FIELD_U64, AT(syn_row, first_est), 9, 0 },
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

/* Every flow twice, once at each end, as hosts yet to be merged. */
static struct host_row *host_halves(const struct snapshot *s)
{
	struct host_row *rows = calloc(s->store.flow_count * 2ULL + 1, sizeof(*rows));
	uint32_t i;

	for (i = 0; rows && i < s->store.flow_count; i++) {
		const struct flow_sum *f = &s->store.flows[i];
		bool ipv6 = ((const struct weir_flow *)f)->meta & WEIR_META_IPV6;
		struct host_row *from = &rows[2 * (size_t)i], *to = from + 1;
		bool self = f->src[0] == f->dst[0] && f->src[1] == f->dst[1];

		from->addr = (struct addr){ { f->src[0], f->src[1] }, ipv6 };
		from->sent = (struct weir_sum){ f->packets, f->bytes };
		from->flows = 1;
		to->addr = (struct addr){ { f->dst[0], f->dst[1] }, ipv6 };
		to->received = from->sent;
		to->flows = !self;
	}
	return rows;
}

static int addr_compare(const struct addr *a, const struct addr *b)
{
	int order = memcmp(a->bytes, b->bytes, sizeof(a->bytes));

	return order ? order : a->ipv6 - b->ipv6;
}

static int host_compare(const void *a, const void *b)
{
	return addr_compare(&((const struct host_row *)a)->addr,
			    &((const struct host_row *)b)->addr);
}

static int64_t make_hosts(const struct snapshot *s, void **out)
{
	struct host_row *rows = host_halves(s), *at = rows;
	size_t i, n = s->store.flow_count * 2ULL;

	if (!rows)
		return -ENOMEM;
	*out = rows;
	if (!n)
		return 0;
	qsort(rows, n, sizeof(*rows), host_compare);
	for (i = 1; i < n; i++) {
		if (addr_compare(&at->addr, &rows[i].addr)) {
			*++at = rows[i];
			continue;
		}
		at->sent.packets += rows[i].sent.packets;
		at->sent.bytes += rows[i].sent.bytes;
		at->received.packets += rows[i].received.packets;
		at->received.bytes += rows[i].received.bytes;
		at->flows += rows[i].flows;
	}
	return at - rows + 1;
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
			rows[n++] = (struct port_row){ { (uint16_t)i, protos[i >> 16] },
						       p->role[0],
						       p->role[1],
						       p->role[0].bytes + p->role[1].bytes };
	}
	return (int64_t)n;
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
		rows[n++] = (struct syn_row){
			.addr = { { y->addr[0], y->addr[1] }, y->meta & WEIR_META_IPV6 },
			.service = { ntohs(y->port), WEIR_P_TCP },
			.syn = y->syn,
			.synack = y->synack,
			.rst = y->rst,
			.fin = y->fin,
			.first_est =
				sketch_estimate(y->sketch, 0, role == WEIR_ROLE_SOURCE ? 32 : 64),
			.second_est = sketch_estimate(y->sketch, 32, 32),
		};
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

const struct view view_flows = { "flows",   "bytes", "Flows", flow_fields, sizeof(struct flow_row),
				 make_flows };
const struct view view_hosts = {
	"hosts", "sent.bytes", "Hosts", host_fields, sizeof(struct host_row), make_hosts
};
const struct view view_ports = {
	"ports", "dst.bytes", "Ports", port_fields, sizeof(struct port_row), make_ports
};
const struct view view_syn_sources = {
	"sources",	 "syn", "SYN by source", syn_source_fields, sizeof(struct syn_row),
	make_syn_sources
};
const struct view view_syn_targets = {
	"targets",	 "syn", "SYN by target", syn_target_fields, sizeof(struct syn_row),
	make_syn_targets
};

uint64_t sketch_estimate(const uint8_t *sketch, uint32_t from, uint32_t registers)
{
	const double m = registers, alpha = registers == 32 ? 0.697 : 0.709;
	double sum = 0, estimate;
	uint32_t i, empty = 0;

	for (i = from; i < from + registers; i++) {
		uint32_t rank = sketch[i >> 1] >> (i & 1) * 4 & 15;

		sum += ldexp(1, -(int)rank);
		empty += !rank;
	}
	estimate = alpha * m * m / sum;
	if (estimate <= 2.5 * m && empty)
		estimate = m * log(m / empty);
	return (uint64_t)llround(estimate);
}

static const struct field *find_field(const struct view *v, const char *key)
{
	const struct field *f;

	for (f = v->fields; f->key; f++)
		if (!strcmp(f->key, key) && !(f->only & FIELD_TEXT_ONLY))
			return f;
	return NULL;
}

bool view_has_key(const struct view *v, const char *key)
{
	return find_field(v, key) != NULL;
}

struct order {
	const struct field *field;
	size_t size;
};

/* Numbers descending, the rest ascending, then by the bytes of the row for a steady order. */
static int row_compare(const void *a, const void *b, void *arg)
{
	const struct order *o = arg;
	char x[64], y[64];

	if (o->field->type == FIELD_ADDR) {
		int order = addr_compare((const struct addr *)((const char *)a + o->field->offset),
					 (const struct addr *)((const char *)b + o->field->offset));
		if (order)
			return order;
	} else if (o->field->type >= FIELD_PROTO) {
		int order = strcmp(field_text(o->field, a, x, sizeof(x)),
				   field_text(o->field, b, y, sizeof(y)));
		if (order)
			return order;
	} else {
		uint64_t n = field_number(o->field, a), m = field_number(o->field, b);

		if (n != m)
			return n < m ? 1 : -1;
	}
	return memcmp(a, b, o->size);
}

int rows_make(struct rows *r, const struct view *v, const struct snapshot *s, const char *sort,
	      uint64_t limit)
{
	struct order order = { find_field(v, sort ? sort : v->sort), v->row_size };
	int64_t n;

	*r = (struct rows){ .view = v };
	if (!order.field)
		return -EINVAL;
	n = v->make(s, &r->data);
	if (n < 0)
		return (int)n;
	r->of = (uint64_t)n;
	r->count = limit && limit < r->of ? limit : r->of;
	qsort_r(r->data, r->of, v->row_size, row_compare, &order);
	return 0;
}

void rows_free(struct rows *r)
{
	free(r->data);
	r->data = NULL;
}
