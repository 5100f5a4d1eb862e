// SPDX-License-Identifier: GPL-2.0
/*
 * Templates and the records that go with them. A flow's template is a choice from one list of
 * elements: by family, by whether it is ICMP, by biflow, by unit of time. libfixbuf transcodes from
 * one struct that has them all, so its members follow the list: same order, same sizes, no holes.
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/fixbuf.h"
#include "sinks/ipfix_encode.h"
#include "sinks/ipfix_option.h"

/* What FB_ERROR_DOMAIN calls. */
#define g_quark_from_string libglib.g_quark_from_string

/* Of which templates an element is. */
#define V4 1U
#define V6 2U
#define ICMP 4U
#define BIFLOW 8U
#define MILLI 16U
#define NANO 32U
#define FLOW_KINDS 8 /* V4 or V6, ICMP, BIFLOW */

#define FLOW_TID 256
#define OPTION_TID (FLOW_TID + FLOW_KINDS)
#define ALL_TID 1000 /* the list as a whole: internal, never sent */

struct half {
	uint64_t ip_octets, l2_octets, packets, first, last;
};

struct flow {
	uint8_t src6[16], dst6[16];
	struct half ahead, back;
	uint32_t src4, dst4;
	uint32_t in, out; /* interfaces */
	uint16_t sport, dport;
	uint16_t icmp4, icmp6;
	uint8_t proto, flags, end, dir;
	uint8_t back_flags, back_end, back_dir, initiator;
};
_Static_assert(sizeof(struct flow) == 32 + 80 + 16 + 8 + 8, "no holes");

static fbInfoElementSpec_t flow_elements[] = {
	{ "sourceIPv6Address", 16, V6 },
	{ "destinationIPv6Address", 16, V6 },
	{ "octetDeltaCount", 8, 0 },
	{ "layer2OctetDeltaCount", 8, 0 },
	{ "packetDeltaCount", 8, 0 },
	{ "flowStartMilliseconds", 8, MILLI },
	{ "flowEndMilliseconds", 8, MILLI },
	{ "flowStartNanoseconds", 8, NANO },
	{ "flowEndNanoseconds", 8, NANO },
	{ "reverseOctetDeltaCount", 8, BIFLOW },
	{ "reverseLayer2OctetDeltaCount", 8, BIFLOW },
	{ "reversePacketDeltaCount", 8, BIFLOW },
	{ "reverseFlowStartMilliseconds", 8, BIFLOW | MILLI },
	{ "reverseFlowEndMilliseconds", 8, BIFLOW | MILLI },
	{ "reverseFlowStartNanoseconds", 8, BIFLOW | NANO },
	{ "reverseFlowEndNanoseconds", 8, BIFLOW | NANO },
	{ "sourceIPv4Address", 4, V4 },
	{ "destinationIPv4Address", 4, V4 },
	{ "ingressInterface", 4, 0 },
	{ "egressInterface", 4, 0 },
	{ "sourceTransportPort", 2, 0 },
	{ "destinationTransportPort", 2, 0 },
	{ "icmpTypeCodeIPv4", 2, V4 | ICMP },
	{ "icmpTypeCodeIPv6", 2, V6 | ICMP },
	{ "protocolIdentifier", 1, 0 },
	{ "tcpControlBits", 1, 0 }, /* nfacctd reads two octets of them as 0 */
	{ "flowEndReason", 1, 0 },
	{ "flowDirection", 1, 0 },
	{ "reverseTcpControlBits", 1, BIFLOW },
	{ "reverseFlowEndReason", 1, BIFLOW },
	{ "reverseFlowDirection", 1, BIFLOW },
	{ "biflowDirection", 1, BIFLOW },
	FB_IESPEC_NULL,
};

struct ipfix_encoder {
	struct ipfix_shape shape;
	fbInfoModel_t *model;
	fbSession_t *session; /* its buffer owns it, once there is one */
	fBuf_t *buf;
	fbExporter_t *exporter;
	GError *error;
	uint32_t records; /* in the message being made */
	uint8_t message[IPFIX_MESSAGE_MAX];
};

static uint32_t kind_flags(int kind)
{
	return (kind & 1 ? V6 : V4) | (kind & 2 ? ICMP : 0) | (kind & 4 ? BIFLOW : 0);
}

static int flow_kinds(const struct ipfix_encoder *e)
{
	return e->shape.biflow ? FLOW_KINDS : FLOW_KINDS / 2;
}

static bool add(struct ipfix_encoder *e, bool internal, int tid, fbInfoElementSpec_t *elements,
		uint32_t flags, uint16_t scope)
{
	fbTemplate_t *t = libfixbuf.fbTemplateAlloc(e->model);

	if (!libfixbuf.fbTemplateAppendSpecArray(t, elements, flags, &e->error)) {
		libfixbuf.fbTemplateFreeUnused(t);
		return false;
	}
	if (scope && !internal)
		libfixbuf.fbTemplateSetOptionsScope(t, scope);
	return libfixbuf.fbSessionAddTemplate(e->session, internal, (uint16_t)tid, t, &e->error);
}

static bool add_templates(struct ipfix_encoder *e)
{
	uint32_t unit = e->shape.nanoseconds ? NANO : MILLI;
	int i;

	if (!add(e, true, ALL_TID, flow_elements, V4 | V6 | ICMP | BIFLOW | unit, 0))
		return false;
	for (i = 0; i < flow_kinds(e); i++)
		if (!add(e, false, FLOW_TID + i, flow_elements, kind_flags(i) | unit, 0))
			return false;
	for (i = 0; i < IPFIX_OPTIONS; i++) {
		const struct option_kind *o = &ipfix_options[i];

		if (!add(e, true, OPTION_TID + i, o->layout ?: o->elements, 0, 0) ||
		    !add(e, false, OPTION_TID + i, o->elements, 0, o->scope))
			return false;
	}
	return true;
}

struct ipfix_encoder *ipfix_encoder_new(const struct ipfix_shape *shape, char *why, size_t size)
{
	struct ipfix_encoder *e = calloc(1, sizeof(*e));

	if (!e) {
		snprintf(why, size, "no memory");
		return NULL;
	}
	e->shape = *shape;
	e->model = libfixbuf.fbInfoModelAlloc();
	e->session = libfixbuf.fbSessionAlloc(e->model);
	libfixbuf.fbSessionSetDomain(e->session, shape->domain);
	if (!add_templates(e)) {
		snprintf(why, size, "libfixbuf: %s", ipfix_why(e));
		ipfix_encoder_free(e);
		return NULL;
	}
	e->exporter = libfixbuf.fbExporterAllocBuffer(e->message, shape->message);
	e->buf = libfixbuf.fBufAllocForExport(e->session, e->exporter);
	libfixbuf.fBufSetAutomaticMode(e->buf, FALSE);
	return e;
}

void ipfix_encoder_free(struct ipfix_encoder *e)
{
	if (!e)
		return;
	if (e->buf)
		libfixbuf.fBufFree(e->buf);
	else
		libfixbuf.fbSessionFree(e->session);
	libfixbuf.fbInfoModelFree(e->model);
	libglib.g_clear_error(&e->error);
	free(e);
}

const char *ipfix_why(const struct ipfix_encoder *e)
{
	return e->error ? e->error->message : "no reason given";
}

/* What libfixbuf's answer means here. */
static int result(struct ipfix_encoder *e, gboolean ok)
{
	if (ok)
		return 0;
	return libglib.g_error_matches(e->error, FB_ERROR_DOMAIN, FB_ERROR_EOM) ? -ENOBUFS
										: -EINVAL;
}

static int append(struct ipfix_encoder *e, int tid, int layout, void *record, size_t size)
{
	int err;

	libglib.g_clear_error(&e->error);
	err = result(
		e, libfixbuf.fBufSetExportTemplate(e->buf, (uint16_t)tid, &e->error) &&
			   libfixbuf.fBufSetInternalTemplate(e->buf, (uint16_t)layout, &e->error) &&
			   libfixbuf.fBufAppend(e->buf, record, size, &e->error));
	e->records += !err;
	return err;
}

int ipfix_add_template(struct ipfix_encoder *e, int n)
{
	int flows = flow_kinds(e);

	if (n >= flows + IPFIX_OPTIONS)
		return -ENOENT;
	libglib.g_clear_error(&e->error);
	n += n < flows ? FLOW_TID : OPTION_TID - flows;
	return result(e, libfixbuf.fbSessionExportTemplate(e->session, (uint16_t)n, &e->error));
}

int ipfix_add_option(struct ipfix_encoder *e, int n, const struct batch_iface *i,
		     const struct ipfix_self *self)
{
	int kind = n < IPFIX_OPTIONS ? n : IPFIX_OPTIONS - 1;
	struct option_source from = {
		.iface = i,
		.self = self,
		.domain = e->shape.domain,
		.first_template = FLOW_TID,
		.templates = flow_kinds(e),
		.n = n - kind,
	};
	union option_record r;
	size_t size = ipfix_options[kind].fill(&r, &from);

	return size ? append(e, OPTION_TID + kind, OPTION_TID + kind, &r, size) : -ENOENT;
}

/* ---- flows ---- */

/* NTP's format, RFC 7011 6.1.10: seconds since 1900 and 2^-32 seconds. */
static uint64_t ntp_time(uint64_t ns)
{
	return (ns / 1000000000 + 2208988800) << 32 | ((ns % 1000000000) << 32) / 1000000000;
}

static struct half half_of(const struct ipfix_encoder *e, const struct flow_record *r)
{
	bool nano = e->shape.nanoseconds;

	return (struct half){
		.ip_octets = r->ip_bytes,
		.l2_octets = r->bytes,
		.packets = r->packets,
		.first = nano ? ntp_time(r->first) : r->first / 1000000,
		.last = nano ? ntp_time(r->last) : r->last / 1000000,
	};
}

/* RFC 5102 5.11.7: 0 ingress, 1 egress. */
static uint8_t direction(const struct flow_record *r)
{
	return r->dir == WEIR_DIR_EGRESS;
}

static bool is_icmp(const struct flow_record *r)
{
	return r->proto == (r->src.ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

/* libfixbuf takes an IPv4 address as a number. */
static uint32_t ipv4(const struct addr *a)
{
	uint32_t be;

	memcpy(&be, (const uint8_t *)a->bytes + 12, sizeof(be));
	return be32toh(be);
}

static void set_addresses(struct flow *f, const struct flow_record *r)
{
	memcpy(f->src6, r->src.bytes, sizeof(f->src6));
	memcpy(f->dst6, r->dst.bytes, sizeof(f->dst6));
	f->src4 = ipv4(&r->src);
	f->dst4 = ipv4(&r->dst);
}

static void set_back(struct flow *f, const struct ipfix_encoder *e, const struct flow_record *back)
{
	f->back = half_of(e, back);
	f->back_flags = back->tcp_flags;
	f->back_end = back->end_reason;
	f->back_dir = direction(back);
	f->initiator = 1; /* RFC 5103 6.3.1: the source began, as far as is known */
}

int ipfix_add_flow(struct ipfix_encoder *e, const struct batch_iface *i,
		   const struct flow_record *r, const struct flow_record *back)
{
	int kind = (r->src.ipv6 ? 1 : 0) | (is_icmp(r) ? 2 : 0) | (back ? 4 : 0);
	struct flow f = {
		.ahead = half_of(e, r),
		.in = direction(r) ? 0 : i->index,
		.out = direction(r) ? i->index : 0,
		.sport = r->sport,
		.dport = r->dport,
		.icmp4 = r->dport,
		.icmp6 = r->dport,
		.proto = r->proto,
		.flags = r->tcp_flags,
		.end = r->end_reason,
		.dir = direction(r),
	};

	set_addresses(&f, r);
	if (back)
		set_back(&f, e, back);
	return append(e, FLOW_TID + kind, ALL_TID, &f, sizeof(f));
}

/* ---- messages ---- */

const uint8_t *ipfix_take(struct ipfix_encoder *e, size_t *size, uint32_t *records)
{
	*records = e->records;
	e->records = 0;
	e->message[1] = 0; /* of the version, 10 */
	libglib.g_clear_error(&e->error);
	/* Where there is no message this writes none. */
	if (!libfixbuf.fBufEmit(e->buf, &e->error) || !e->message[1])
		return NULL;
	*size = libfixbuf.fbExporterGetMsgLen(e->exporter);
	return e->message;
}

void ipfix_stamp(uint8_t *message, uint32_t seconds, uint32_t sequence)
{
	uint32_t be[2] = { htobe32(seconds), htobe32(sequence) };

	memcpy(message + 4, be, sizeof(be));
}

uint32_t ipfix_sequence(const uint8_t *message)
{
	uint32_t be;

	memcpy(&be, message + 8, sizeof(be));
	return be32toh(be);
}
