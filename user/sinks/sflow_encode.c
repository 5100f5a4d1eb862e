// SPDX-License-Identifier: GPL-2.0
/*
 * The encoder writes into a sample of its own first, so that a datagram never holds half of one.
 * A source whose index does not fit the 24 bits of the compact form is sent in the expanded one.
 */
#include <endian.h>
#include <string.h>

#include "sinks/sflow_encode.h"

#define VERSION 5
/* data_format of samples and of their records; enterprise 0. */
#define FLOW_SAMPLE 1
#define COUNTERS_SAMPLE 2
#define EXPANDED_FLOW_SAMPLE 3
#define EXPANDED_COUNTERS_SAMPLE 4
#define RAW_HEADER 1
#define GENERIC_COUNTERS 1
#define SOURCE_MAX 0xffffffU /* of type 0, an ifIndex, in the high byte */

struct xdr {
	uint8_t data[SFLOW_HEADER_MAX + 128];
	size_t size;
};

static void put32(struct xdr *x, uint32_t v)
{
	v = htobe32(v);
	memcpy(x->data + x->size, &v, sizeof(v));
	x->size += sizeof(v);
}

static void put64(struct xdr *x, uint64_t v)
{
	put32(x, (uint32_t)(v >> 32));
	put32(x, (uint32_t)v);
}

static void put_bytes(struct xdr *x, const void *from, size_t size)
{
	static const uint8_t zero[4];

	memcpy(x->data + x->size, from, size);
	x->size += size;
	memcpy(x->data + x->size, zero, -size & 3);
	x->size += -size & 3;
}

/* Sets the length of what was begun with a length of 0 at `at`. */
static void set_length(struct xdr *x, size_t at)
{
	uint32_t v = htobe32((uint32_t)(x->size - at - 4));

	memcpy(x->data + at, &v, sizeof(v));
}

static size_t begin(struct xdr *x, uint32_t format)
{
	put32(x, format);
	put32(x, 0);
	return x->size - 4;
}

static bool add(struct sflow_datagram *d, const struct xdr *x)
{
	if (d->size + x->size > sizeof(d->data))
		return false;
	memcpy(d->data + d->size, x->data, x->size);
	d->size += x->size;
	d->samples++;
	return true;
}

/* A source or an interface: both have the kind 0, an ifIndex, and 0 is one not known. */
static void put_index(struct xdr *x, uint32_t index, bool expanded)
{
	if (expanded)
		put32(x, 0);
	put32(x, index);
}

void sflow_begin(struct sflow_datagram *d, const struct addr *agent, uint32_t sub_agent)
{
	struct xdr x = { .size = 0 };

	put32(&x, VERSION);
	put32(&x, agent->ipv6 ? 2 : 1);
	if (agent->ipv6)
		put_bytes(&x, agent->bytes, 16);
	else
		put_bytes(&x, (const uint8_t *)agent->bytes + 12, 4);
	put32(&x, sub_agent);
	*d = (struct sflow_datagram){ .counts = x.size, .size = x.size + 12 };
	memcpy(d->data, x.data, x.size);
}

void sflow_end(struct sflow_datagram *d, uint32_t sequence, uint32_t uptime_ms)
{
	uint32_t v[3] = { htobe32(sequence), htobe32(uptime_ms), htobe32(d->samples) };

	memcpy(d->data + d->counts, v, sizeof(v));
}

static void put_raw_header(struct xdr *x, const struct sflow_flow *f)
{
	uint32_t size = f->header_size < SFLOW_HEADER_MAX ? f->header_size : SFLOW_HEADER_MAX;
	size_t record = begin(x, RAW_HEADER);

	put32(x, f->protocol);
	put32(x, f->length);
	put32(x, f->stripped);
	put32(x, size);
	put_bytes(x, f->header, size);
	set_length(x, record);
}

bool sflow_add_flow(struct sflow_datagram *d, const struct sflow_flow *f)
{
	bool expanded = f->source > SOURCE_MAX;
	struct xdr x = { .size = 0 };
	size_t sample = begin(&x, expanded ? EXPANDED_FLOW_SAMPLE : FLOW_SAMPLE);

	put32(&x, f->sequence);
	put_index(&x, f->source, expanded);
	put32(&x, f->rate);
	put32(&x, f->pool);
	put32(&x, f->drops);
	put_index(&x, f->input, expanded);
	put_index(&x, f->output, expanded);
	put32(&x, 1);
	put_raw_header(&x, f);
	set_length(&x, sample);
	return add(d, &x);
}

static void put_generic(struct xdr *x, const struct sflow_counters *c)
{
	size_t record = begin(x, GENERIC_COUNTERS);

	put32(x, c->index);
	put32(x, c->type);
	put64(x, c->speed);
	put32(x, c->direction);
	put32(x, c->status);
	put64(x, c->in_octets);
	put32(x, c->in_unicast);
	put32(x, c->in_multicast);
	put32(x, c->in_broadcast);
	put32(x, c->in_discards);
	put32(x, c->in_errors);
	put32(x, c->in_unknown);
	put64(x, c->out_octets);
	put32(x, c->out_unicast);
	put32(x, c->out_multicast);
	put32(x, c->out_broadcast);
	put32(x, c->out_discards);
	put32(x, c->out_errors);
	put32(x, c->promiscuous);
	set_length(x, record);
}

bool sflow_add_counters(struct sflow_datagram *d, const struct sflow_counters *c)
{
	bool expanded = c->index > SOURCE_MAX;
	struct xdr x = { .size = 0 };
	size_t sample = begin(&x, expanded ? EXPANDED_COUNTERS_SAMPLE : COUNTERS_SAMPLE);

	put32(&x, c->sequence);
	put_index(&x, c->index, expanded);
	put32(&x, 1);
	put_generic(&x, c);
	set_length(&x, sample);
	return add(d, &x);
}
