/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `weir export` hands to its sinks: flow records, and batches of them.
 *
 * A record says what a flow did since the record before it, as IPFIX understands a flow: so all
 * records of an interface add up to what the ledger calls in_flows, and to no more. A batch is
 * made once, shared by all sinks and never changed: each drops its reference when done with it.
 */
#ifndef WEIR_RECORD_H
#define WEIR_RECORD_H

#include <net/if.h>
#include <stdatomic.h>
#include <stdint.h>
#include <weir/abi.h>

#include "views/view.h"

/* Values of IPFIX flowEndReason (136), RFC 5102 5.11.3. */
enum end_reason {
	END_IDLE = 1,	  /* no packet for the idle timeout */
	END_ACTIVE = 2,	  /* still going on: the active timeout passed */
	END_DETECTED = 3, /* TCP: FIN from both ends, or RST */
	END_FORCED = 4,	  /* the daemon stops */
	END_RESOURCES = 5 /* its place in the kernel's table was needed */
};

struct flow_record {
	struct addr src, dst;
	uint16_t sport, dport; /* host order; ICMP: dport is type * 256 + code */
	uint8_t proto;
	uint8_t dir;	   /* enum weir_dir */
	uint8_t tcp_flags; /* all that the flow has had so far, OR-ed */
	uint8_t end_reason;
	uint64_t packets, bytes, ip_bytes; /* since the flow's record before; bytes of L2 */
	uint64_t first, last;		   /* ns since the epoch: of this record's packets */
};

/* The interface a batch is of, as it was when the daemon opened it. */
struct batch_iface {
	char name[IF_NAMESIZE];
	unsigned int index;
	uint16_t number; /* among the daemon's interfaces, from 0 */
};

struct batch {
	atomic_uint refs;
	struct batch_iface iface;
	uint64_t from_ns, to_ns; /* since the epoch: what lies between this batch and the last */
	struct weir_sum sum;	 /* of the records */
	struct weir_sum lost;	 /* IP packets since the last batch that no record ever will hold */
	struct weir_sum non_ip;	 /* and those since then that are of no flow */
	uint32_t count;
	struct flow_record record[];
};

#define BATCH_MAX 4096 /* records in one */

/* Room for `count` records, one reference, all else zero. NULL where memory is short. */
struct batch *batch_new(uint32_t count);
/* Gives back the room that is not used: of a batch that nobody else has yet. */
struct batch *batch_trim(struct batch *b);
void batch_get(struct batch *b);
void batch_put(struct batch *b); /* frees it with its last reference */

#endif
