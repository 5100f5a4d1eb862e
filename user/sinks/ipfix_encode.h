/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flow records as IPFIX messages (RFC 7011), by libfixbuf: the templates, the options records, and
 * biflows (RFC 5103). An encoder is of one observation domain. It makes messages and sends none:
 * their sequence number and export time are for who does (ipfix_stamp()).
 */
#ifndef WEIR_IPFIX_ENCODE_H
#define WEIR_IPFIX_ENCODE_H

#include "export/record.h"

#define IPFIX_HEADER 16
#define IPFIX_MESSAGE_MAX 65535

struct ipfix_shape {
	uint32_t domain;
	uint16_t message; /* the largest, in bytes */
	bool nanoseconds; /* IEs 156 and 157 instead of 152 and 153 */
	bool biflow;	  /* templates for them too */
};

/* What an exporter says of itself, all since it began. */
struct ipfix_self {
	uint64_t messages, flows, octets;			    /* sent */
	uint64_t not_sent_flows, not_sent_packets, not_sent_octets; /* RFC 7011 4.3 */
	uint64_t ignored_packets, ignored_octets;		    /* 4.2: of no record */
	uint64_t not_sent_ms[2],
		ignored_ms[2]; /* first and last, ms since the epoch; 0 for never */
};

struct ipfix_encoder;

/* By libfixbuf, loaded before. NULL with a line in `why`. */
struct ipfix_encoder *ipfix_encoder_new(const struct ipfix_shape *shape, char *why, size_t size);
void ipfix_encoder_free(struct ipfix_encoder *e);

/*
 * Each adds to the message being made: 0; -ENOBUFS when it is full and nothing was added: take it
 * and call again; anything else is libfixbuf's refusal, which ipfix_why() words.
 * ipfix_add_flow(): `back` is the other direction of a biflow, or NULL.
 * ipfix_add_template(), ipfix_add_option(): the n-th of them; -ENOENT past the last.
 */
int ipfix_add_flow(struct ipfix_encoder *e, const struct batch_iface *i,
		   const struct flow_record *r, const struct flow_record *back);
int ipfix_add_template(struct ipfix_encoder *e, int n);
int ipfix_add_option(struct ipfix_encoder *e, int n, const struct batch_iface *i,
		     const struct ipfix_self *self);
const char *ipfix_why(const struct ipfix_encoder *e);

/*
 * The finished message, its length in *size and its data records, of options too, in *records; it
 * stays where it is until the next call. NULL if there is none.
 */
const uint8_t *ipfix_take(struct ipfix_encoder *e, size_t *size, uint32_t *records);

/* Writes export time (seconds) and sequence number into a message. */
void ipfix_stamp(uint8_t *message, uint32_t seconds, uint32_t sequence);
uint32_t ipfix_sequence(const uint8_t *message);

#endif
