/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options records of IPFIX: what an exporter says of its interfaces, of its sampling (none: all is
 * counted), of anonymisation (none), and of what it lost. A new one is a line in ipfix_option.c.
 */
#ifndef WEIR_IPFIX_OPTION_H
#define WEIR_IPFIX_OPTION_H

#include "sinks/fixbuf.h"
#include "sinks/ipfix_encode.h"

#define IPFIX_OPTIONS 6

struct interface_record {
	fbVarfield_t name;
	uint32_t index;
};

struct selector_record {
	uint64_t selector;
	uint16_t algorithm;
	uint32_t interval, space;
} __attribute__((packed));

struct metering_record {
	uint32_t domain;
	uint64_t messages, flows, octets;
} __attribute__((packed));

struct ignored_record {
	uint32_t domain;
	uint64_t packets, octets, first, last;
} __attribute__((packed));

struct not_sent_record {
	uint32_t process;
	uint64_t flows, packets, octets, first, last;
} __attribute__((packed));

struct anonymization_record {
	uint16_t template_id, element, technique;
};

/* Any of them. libfixbuf lays elements end to end, so there are no holes. */
union option_record {
	struct interface_record interface;
	struct selector_record selector;
	struct metering_record metering;
	struct ignored_record ignored;
	struct not_sent_record not_sent;
	struct anonymization_record anonymization;
};

struct option_source {
	const struct batch_iface *iface;
	const struct ipfix_self *self;
	uint32_t domain;
	int first_template, templates; /* of flows */
	int n;			       /* which of this kind's records */
};

struct option_kind {
	fbInfoElementSpec_t *elements;
	fbInfoElementSpec_t *layout; /* of the struct where that differs, or NULL */
	uint16_t scope;		     /* elements of it */
	/* Makes record `n` of its kind: its size, or 0 where there is none. Only the last has
	 * several. */
	size_t (*fill)(union option_record *r, const struct option_source *from);
};

extern const struct option_kind ipfix_options[IPFIX_OPTIONS];

#endif
