/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flow records to an IPFIX collector, RFC 7011, over UDP or TCP.
 *
 * One batch is in hand at a time: its records become messages as fast as the peer takes them, and
 * it counts as arrived, or not, message by message. An observation domain is a stream: an encoder
 * and a sequence of its own.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "export/export_config.h"
#include "sinks/fixbuf.h"
#include "sinks/ipfix_biflow.h"
#include "sinks/ipfix_parts.h"

#define WAIT_MS 250		/* for the peer to take something, in one call */
#define CONNECT_MS 2000		/* for the peer to answer */
#define REACH_NS 5000000000ULL	/* between attempts while there is nothing to send yet */
#define RECORD_BYTES 64		/* or so */
#define PACE_MOST 500000ULL	/* ns between two datagrams */
#define PACE_BATCH 500000000ULL /* ns that a batch may take, if that is less for each datagram */
#define CLOSE_NS 300000000ULL
#define UDP_FINISH_MS 100 /* for the last ICMP errors */

static void arrived(void *owner, const struct message *m)
{
	struct ipfix *x = owner;

	x->self.messages++;
	x->self.octets += m->size;
	x->self.flows += m->flows;
	if (m->flows)
		sink_delivered(x->sink, m->flows, m->sum);
}

/* ---- opening ---- */

static int set_up(struct sink *s, void *state, char *why, size_t size)
{
	struct ipfix *x = state;
	struct peer peer;

	x->sink = s;
	if (peer_parse(&peer, sink_target(s), true, why, size))
		return -EINVAL;
	outbox_init(&x->out, arrived, x);
	x->out.peer = peer;
	x->shape = (struct ipfix_shape){
		.domain = (uint32_t)sink_count(s, "domain"),
		.message = (uint16_t)sink_count(s, "message"),
		.nanoseconds = !strcmp(sink_text(s, "time"), "ns"),
		.biflow = sink_flag(s, "biflow"),
	};
	x->options = !sink_flag(s, "no_options");
	x->by_interface = sink_flag(s, "domain_by_interface");
	x->refresh_ns = (uint64_t)(sink_seconds(s, "templates") * 1e9);
	return 0;
}

static int ipfix_check(const struct section *s, bool names, char *why, size_t size)
{
	return peer_check(section_text(s, "target"), true, names, why, size);
}

static int ipfix_open(struct sink *s, void **state, char *why, size_t size)
{
	return sink_make(s, state, sizeof(struct ipfix), set_up, why, size);
}

/* ---- sending ---- */

/* A session with the peer: everything that waits is on its way, or a negative errno. */
static int send_waiting(struct ipfix *x)
{
	int err = outbox_connect(&x->out, CONNECT_MS);

	/* What came back first, so that templates are said again before it. */
	if (!err && x->out.greeted)
		err = outbox_check(&x->out);
	if (!err && (!x->out.greeted || ipfix_is_stale(x)))
		err = ipfix_greet(x, !x->out.greeted || !x->out.peer.tcp);
	if (!err)
		err = outbox_send(&x->out, WAIT_MS);
	if (!err)
		sink_well(x->sink);
	else
		sink_ill(x->sink, "%s; records wait", peer_strerror(err));
	return err;
}

/* ---- a batch ---- */

/* The other direction of record `i` that goes with it, or NULL. */
static const struct flow_record *back_of(const struct ipfix *x, uint32_t i)
{
	return x->mate && x->mate[i] != BIFLOW_NONE ? &x->batch->record[x->mate[i]] : NULL;
}

/* Whether record `i` goes with its other direction, and is counted there. */
static bool is_back(const struct ipfix *x, uint32_t i)
{
	return back_of(x, i) && !biflow_ahead(x->batch, i, x->mate[i]);
}

/* What goes when record `i` goes. */
static struct weir_sum sum_of(const struct ipfix *x, uint32_t i, uint64_t *flows)
{
	const struct flow_record *r = &x->batch->record[i], *back = back_of(x, i);

	*flows = back ? 2 : 1;
	return (struct weir_sum){
		.packets = r->packets + (back ? back->packets : 0),
		.bytes = r->bytes + (back ? back->bytes : 0),
	};
}

static struct stream *batch_stream(struct ipfix *x)
{
	return &x->stream[x->iface[x->batch_iface].stream];
}

/* Adds record `i`, with its other direction, to its stream's message. */
static int add_record(struct ipfix *x, uint32_t i)
{
	const struct batch *b = x->batch;
	struct stream *s = batch_stream(x);
	struct weir_sum sum;
	uint64_t flows;
	int err;

	if (is_back(x, i))
		return 0;
	err = ipfix_add_flow(s->encoder, &b->iface, &b->record[i], back_of(x, i));
	if (err)
		return err;
	sum = sum_of(x, i, &flows);
	s->flows += flows;
	s->sum.packets += sum.packets;
	s->sum.bytes += sum.bytes;
	return 0;
}

static void drop_record(struct ipfix *x, uint32_t i, enum sink_drop why)
{
	struct weir_sum sum;
	uint64_t flows;

	if (is_back(x, i))
		return;
	sum = sum_of(x, i, &flows);
	sink_drop(x->sink, why, flows, sum);
}

static void refused(struct ipfix *x, uint32_t i)
{
	sink_ill(x->sink, "libfixbuf: %s", ipfix_why(batch_stream(x)->encoder));
	drop_record(x, i, DROP_REFUSED);
}

static void done(struct ipfix *x)
{
	free(x->mate);
	x->mate = NULL;
	batch_put(x->batch);
	x->batch = NULL;
}

/* Makes messages of the batch in hand and sends them, as far as that goes. */
static int work(struct ipfix *x)
{
	unsigned int stream;
	int err = send_waiting(x);

	if (err || !x->batch)
		return err;
	stream = x->iface[x->batch_iface].stream;
	while (x->next < x->batch->count) {
		err = add_record(x, x->next);
		if (err == -ENOBUFS) {
			err = ipfix_put(x, stream, false) ?: send_waiting(x);
			if (err)
				return err;
			continue;
		}
		if (err)
			refused(x, x->next);
		x->next++;
	}
	ipfix_put(x, stream, false);
	done(x);
	return send_waiting(x);
}

/* A batch is spread over time, so that the collector's socket buffer holds what comes at once. */
static void set_pace(struct ipfix *x, uint32_t records)
{
	uint64_t datagrams = (uint64_t)records * RECORD_BYTES / x->shape.message + 1;
	uint64_t time = sink_stopping(x->sink) ? PACE_BATCH / 4 : PACE_BATCH;

	x->out.pace_ns = time / datagrams < PACE_MOST ? time / datagrams : PACE_MOST;
}

static int take(struct ipfix *x, const struct batch *b)
{
	int i = ipfix_iface_of(x, &b->iface);

	if (i < 0)
		return i;
	x->batch = (struct batch *)b;
	batch_get(x->batch);
	x->batch_iface = (unsigned int)i;
	x->next = 0;
	/* Without memory for pairs they go one by one. */
	if (x->shape.biflow)
		x->mate = biflow_pair(b);
	ipfix_count_ignored(x, b);
	set_pace(x, b->count);
	return 0;
}

static int ipfix_batch(struct sink *s, void *state, const struct batch *b)
{
	struct ipfix *x = state;
	int err = x->batch || !outbox_empty(&x->out) ? work(x) : 0;

	(void)s;
	if (!err)
		err = take(x, b);
	if (err)
		return err;
	work(x);
	return SINK_LATER;
}

/*
 * The first records come a minute after the start, or later: who cannot be reached is told of
 * before. A peer that ends the connection for want of anything said is none that is away.
 */
static void reach(struct ipfix *x)
{
	int err = 0;

	if (x->out.peer.fd >= 0) {
		outbox_check(&x->out);
	} else if (now_ns() >= x->reach_at) {
		x->reach_at = now_ns() + REACH_NS;
		err = outbox_connect(&x->out, CONNECT_MS);
	}
	if (err)
		sink_ill(x->sink, "%s; records wait", peer_strerror(err));
}

static void ipfix_idle(struct sink *s, void *state)
{
	struct ipfix *x = state;

	(void)s;
	if (x->streams)
		work(x);
	else
		reach(x);
}

/* ---- closing ---- */

/* A little less than there is: counting what is left takes time, too. */
static int left_ms(uint64_t deadline_ns)
{
	uint64_t now = now_ns() + CLOSE_NS;

	return now < deadline_ns ? (int)((deadline_ns - now) / 1000000) : 0;
}

/* Counts what did not get through. */
static void give_up(struct ipfix *x)
{
	struct message *m;
	uint32_t i;

	while ((m = outbox_take(&x->out))) {
		if (m->flows)
			sink_drop(x->sink, DROP_SHUTDOWN, m->flows, m->sum);
		free(m);
	}
	for (i = 0; i < x->streams; i++)
		if (x->stream[i].flows)
			sink_drop(x->sink, DROP_SHUTDOWN, x->stream[i].flows, x->stream[i].sum);
	if (!x->batch)
		return;
	for (i = x->next; i < x->batch->count; i++)
		drop_record(x, i, DROP_SHUTDOWN);
	done(x);
}

static void ipfix_close(struct sink *s, void *state, uint64_t deadline_ns)
{
	struct ipfix *x = state;
	unsigned int i;
	int err = x->streams ? work(x) : 0;

	(void)s;
	while (err && left_ms(deadline_ns) > 2 * WAIT_MS) {
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		err = work(x);
	}
	/* The last word on what was lost. */
	if (!err && x->streams && !ipfix_greet(x, false))
		outbox_send(&x->out, left_ms(deadline_ns) < WAIT_MS ? 0 : WAIT_MS);
	outbox_finish(&x->out, x->out.peer.tcp ? left_ms(deadline_ns) : UDP_FINISH_MS);
	give_up(x);
	outbox_close(&x->out);
	for (i = 0; i < x->streams; i++)
		ipfix_encoder_free(x->stream[i].encoder);
	free(x);
}

const struct sink_type sink_ipfix = {
	.name = "ipfix",
	.sends = "flow records",
	.library = &libfixbuf.library,
	.check = ipfix_check,
	.open = ipfix_open,
	.batch = ipfix_batch,
	.idle = ipfix_idle,
	.close = ipfix_close,
};
