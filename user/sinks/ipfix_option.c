// SPDX-License-Identifier: GPL-2.0
/*
 * The options records, each by its elements and what goes into them.
 */
#include <string.h>
#include <unistd.h>

#include "sinks/ipfix_option.h"

static fbInfoElementSpec_t interface_elements[] = {
	{ "ingressInterface", 4, 0 },
	{ "interfaceName", FB_IE_VARLEN, 0 },
	FB_IESPEC_NULL,
};
/* The same in the order of the struct: a varfield needs its alignment. */
static fbInfoElementSpec_t interface_layout[] = {
	{ "interfaceName", FB_IE_VARLEN, 0 },
	{ "ingressInterface", 4, 0 },
	FB_IESPEC_NULL,
};

static fbInfoElementSpec_t selector_elements[] = {
	{ "selectorId", 8, 0 },
	{ "selectorAlgorithm", 2, 0 },
	{ "samplingPacketInterval", 4, 0 },
	{ "samplingPacketSpace", 4, 0 },
	FB_IESPEC_NULL,
};

static fbInfoElementSpec_t metering_elements[] = {
	{ "observationDomainId", 4, 0 },
	{ "exportedMessageTotalCount", 8, 0 },
	{ "exportedFlowRecordTotalCount", 8, 0 },
	{ "exportedOctetTotalCount", 8, 0 },
	FB_IESPEC_NULL,
};

static fbInfoElementSpec_t ignored_elements[] = {
	{ "observationDomainId", 4, 0 },
	{ "ignoredPacketTotalCount", 8, 0 },
	{ "ignoredOctetTotalCount", 8, 0 },
	{ "observationTimeMilliseconds", 8, 0 }, /* of the first, then of the last */
	{ "observationTimeMilliseconds", 8, 0 },
	FB_IESPEC_NULL,
};

static fbInfoElementSpec_t not_sent_elements[] = {
	{ "exportingProcessId", 4, 0 },
	{ "notSentFlowTotalCount", 8, 0 },
	{ "notSentPacketTotalCount", 8, 0 },
	{ "notSentOctetTotalCount", 8, 0 },
	{ "observationTimeMilliseconds", 8, 0 },
	{ "observationTimeMilliseconds", 8, 0 },
	FB_IESPEC_NULL,
};

static fbInfoElementSpec_t anonymization_elements[] = {
	{ "templateId", 2, 0 },
	{ "informationElementId", 2, 0 },
	{ "anonymizationTechnique", 2, 0 },
	FB_IESPEC_NULL,
};

static size_t fill_interface(union option_record *r, const struct option_source *from)
{
	if (from->n)
		return 0;
	r->interface = (struct interface_record){
		.name = { .len = strlen(from->iface->name), .buf = (uint8_t *)from->iface->name },
		.index = from->iface->index,
	};
	/* Up to the last member: libfixbuf has no trailing padding. */
	return offsetof(struct interface_record, index) + sizeof(r->interface.index);
}

/* RFC 5477 8.2.1: one packet taken, none left out. Which is to say: all are counted. */
static size_t fill_selector(union option_record *r, const struct option_source *from)
{
	r->selector = (struct selector_record){ .selector = 1, .algorithm = 1, .interval = 1 };
	return from->n ? 0 : sizeof(r->selector);
}

static size_t fill_metering(union option_record *r, const struct option_source *from)
{
	r->metering = (struct metering_record){
		.domain = from->domain,
		.messages = from->self->messages,
		.flows = from->self->flows,
		.octets = from->self->octets,
	};
	return from->n ? 0 : sizeof(r->metering);
}

static size_t fill_ignored(union option_record *r, const struct option_source *from)
{
	r->ignored = (struct ignored_record){
		.domain = from->domain,
		.packets = from->self->ignored_packets,
		.octets = from->self->ignored_octets,
		.first = from->self->ignored_ms[0],
		.last = from->self->ignored_ms[1],
	};
	return from->n ? 0 : sizeof(r->ignored);
}

static size_t fill_not_sent(union option_record *r, const struct option_source *from)
{
	r->not_sent = (struct not_sent_record){
		.process = (uint32_t)getpid(),
		.flows = from->self->not_sent_flows,
		.packets = from->self->not_sent_packets,
		.octets = from->self->not_sent_octets,
		.first = from->self->not_sent_ms[0],
		.last = from->self->not_sent_ms[1],
	};
	return from->n ? 0 : sizeof(r->not_sent);
}

/* RFC 6235 5.1: technique 1, none, said of both addresses in each template. */
static size_t fill_anonymization(union option_record *r, const struct option_source *from)
{
	static const uint16_t addresses[2][2] = { { 8, 12 }, { 27, 28 } };
	int kind = from->n / 2;

	if (kind >= from->templates)
		return 0;
	r->anonymization = (struct anonymization_record){
		.template_id = (uint16_t)(from->first_template + kind),
		.element = addresses[kind & 1][from->n & 1],
		.technique = 1,
	};
	return sizeof(r->anonymization);
}

const struct option_kind ipfix_options[IPFIX_OPTIONS] = {
	{ interface_elements, interface_layout, 1, fill_interface },
	{ selector_elements, NULL, 1, fill_selector },
	{ metering_elements, NULL, 1, fill_metering },
	{ ignored_elements, NULL, 1, fill_ignored },
	{ not_sent_elements, NULL, 1, fill_not_sent },
	{ anonymization_elements, NULL, 2, fill_anonymization },
};
