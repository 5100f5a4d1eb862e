/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sFlow version 5 datagrams (sflow.org, sflow_version_5.txt): flow samples with a packet's raw
 * header, and counter samples of an interface. XDR: big-endian, everything a multiple of 4 bytes.
 */
#ifndef WEIR_SFLOW_ENCODE_H
#define WEIR_SFLOW_ENCODE_H

#include "views/view.h"

#define SFLOW_DATAGRAM 1400   /* the largest made */
#define SFLOW_HEADER_MAX 1024 /* of a packet; a sample with it fits an empty datagram */

struct sflow_datagram {
	uint32_t samples;
	size_t size;
	size_t counts; /* where sequence number, uptime and number of samples are */
	uint8_t data[SFLOW_DATAGRAM];
};

/* enum header_protocol of the specification. */
enum sflow_protocol {
	SFLOW_ETHERNET = 1,
	SFLOW_IPV4 = 11,
	SFLOW_IPV6 = 12,
};

/* A sampled packet. Interfaces are ifIndex, 0 where unknown: so is the one it did not come by. */
struct sflow_flow {
	uint32_t sequence; /* flow samples of this source */
	uint32_t source;   /* ifIndex */
	uint32_t rate;	   /* packets that it stands for */
	uint32_t pool;	   /* packets it was chosen from, since the beginning, modulo 2^32 */
	uint32_t drops;	   /* chosen, but lost: there was no room */
	uint32_t input, output;
	enum sflow_protocol protocol;
	uint32_t length;   /* on the wire, with what is stripped */
	uint32_t stripped; /* bytes taken off its end: the FCS */
	const uint8_t *header;
	uint32_t header_size;
};

/* Counters of an interface, as struct if_counters of the specification has them. */
struct sflow_counters {
	uint32_t sequence; /* counter samples of this source */
	uint32_t index;
	uint32_t type;	    /* ifType of RFC 2863 */
	uint64_t speed;	    /* bit/s, 0 where unknown */
	uint32_t direction; /* 1 full duplex, 2 half, 0 unknown */
	uint32_t status;    /* bit 0 administratively up, bit 1 up */
	uint64_t in_octets;
	uint32_t in_unicast, in_multicast, in_broadcast, in_discards, in_errors, in_unknown;
	uint64_t out_octets;
	uint32_t out_unicast, out_multicast, out_broadcast, out_discards, out_errors;
	uint32_t promiscuous;
};
#define SFLOW_UNKNOWN UINT32_MAX /* a counter that there is not */

/* Begins an empty datagram of an agent. */
void sflow_begin(struct sflow_datagram *d, const struct addr *agent, uint32_t sub_agent);
/* Each adds a sample; false where there is no room for it. */
bool sflow_add_flow(struct sflow_datagram *d, const struct sflow_flow *f);
bool sflow_add_counters(struct sflow_datagram *d, const struct sflow_counters *c);
/* Fills in what is known last: the datagram's own sequence number, ms since the agent started. */
void sflow_end(struct sflow_datagram *d, uint32_t sequence, uint32_t uptime_ms);

#endif
