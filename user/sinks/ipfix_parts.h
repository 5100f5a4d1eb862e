/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A sink of IPFIX from within, for sink_ipfix.c, ipfix_stream.c and ipfix_greet.c. All that return
 * an int: 0 (ipfix_iface_of(): a number) or a negative errno.
 */
#ifndef WEIR_IPFIX_PARTS_H
#define WEIR_IPFIX_PARTS_H

#include "export/sink.h"
#include "sinks/ipfix_encode.h"
#include "sinks/outbox.h"

struct stream {
	struct ipfix_encoder *encoder;
	uint32_t domain;
	/* What waits to become a message: */
	uint64_t flows;
	struct weir_sum sum;
};

struct ipfix {
	struct sink *sink;
	struct outbox out;
	struct ipfix_shape shape;
	bool by_interface;
	bool options;
	uint64_t refresh_ns, refreshed; /* templates and options; CLOCK_MONOTONIC */
	uint64_t messages_then;
	uint64_t reach_at; /* CLOCK_MONOTONIC */
	struct ipfix_self self;
	struct stream stream[OUTBOX_STREAMS];
	unsigned int streams;
	struct {
		struct batch_iface is;
		unsigned int stream;
	} iface[OUTBOX_STREAMS];
	unsigned int ifaces;
	/* The batch in hand: */
	struct batch *batch;
	uint32_t *mate; /* by biflow_pair(), or NULL */
	uint32_t next;	/* record */
	unsigned int batch_iface;
};

/* ipfix_stream.c */
/* The number of an interface; its name and its domain's templates are said when it is new. */
int ipfix_iface_of(struct ipfix *x, const struct batch_iface *b);
/* Takes what a stream's encoder has made and puts it on its way. */
int ipfix_put(struct ipfix *x, unsigned int stream, bool first);

/* ipfix_greet.c */
/* What of a batch no record holds. */
void ipfix_count_ignored(struct ipfix *x, const struct batch *b);
/*
 * Says templates and options of every domain, before all that waits. What is begun of flows goes
 * first: libfixbuf makes one message at a time.
 */
int ipfix_greet(struct ipfix *x, bool templates);
/* Whether that was so long ago that it is to be said again. */
bool ipfix_is_stale(const struct ipfix *x);

#endif
