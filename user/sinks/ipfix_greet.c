/* SPDX-License-Identifier: GPL-2.0 */
/* What an exporter says of itself, now and then: templates and options; see ipfix_parts.h. */
#include <errno.h>

#include "base/clock.h"
#include "sinks/ipfix_parts.h"

#define REFRESH_MESSAGES 4096 /* on UDP templates go again after so many, whatever the time */

/* What the sink as a whole has let go, for the options records. */
static void count_losses(struct ipfix *x)
{
	struct sink_stats st;
	uint64_t flows = 0, packets = 0, octets = 0, ms = clock_ns(CLOCK_REALTIME) / 1000000;
	int i;

	sink_stats_get(x->sink, &st);
	for (i = 0; i < DROPS; i++) {
		flows += st.dropped_records[i];
		packets += st.dropped_packets[i];
		octets += st.dropped_bytes[i];
	}
	if (flows != x->self.not_sent_flows) {
		x->self.not_sent_ms[1] = ms;
		x->self.not_sent_ms[0] = x->self.not_sent_ms[0] ?: ms;
	}
	x->self.not_sent_flows = flows;
	x->self.not_sent_packets = packets;
	x->self.not_sent_octets = octets;
}

void ipfix_count_ignored(struct ipfix *x, const struct batch *b)
{
	if (!b->lost.packets)
		return;
	x->self.ignored_packets += b->lost.packets;
	x->self.ignored_octets += b->lost.bytes;
	x->self.ignored_ms[1] = b->to_ns / 1000000;
	x->self.ignored_ms[0] = x->self.ignored_ms[0] ?: b->from_ns / 1000000;
}

static int say_templates(struct ipfix *x, unsigned int stream)
{
	int n, err;

	for (n = 0; (err = ipfix_add_template(x->stream[stream].encoder, n)) != -ENOENT;) {
		if (!err)
			n++;
		else if (err != -ENOBUFS || ipfix_put(x, stream, true))
			return err;
	}
	return ipfix_put(x, stream, true);
}

static int say_option(struct ipfix *x, unsigned int stream, int n, const struct batch_iface *i)
{
	struct ipfix_encoder *e = x->stream[stream].encoder;
	int err = ipfix_add_option(e, n, i, &x->self);

	if (err == -ENOBUFS)
		err = ipfix_put(x, stream, true) ?: ipfix_add_option(e, n, i, &x->self);
	return err;
}

/* The first of the options is of an interface, the rest of the domain. */
static int say_options(struct ipfix *x, unsigned int stream)
{
	unsigned int i;
	int n, err = 0;

	for (i = 0; i < x->ifaces && !err; i++)
		if (x->iface[i].stream == stream)
			err = say_option(x, stream, 0, &x->iface[i].is);
	for (n = 1; !err; n++)
		err = say_option(x, stream, n, NULL);
	return err == -ENOENT ? ipfix_put(x, stream, true) : err;
}

int ipfix_greet(struct ipfix *x, bool templates)
{
	unsigned int i;
	int err = 0;

	count_losses(x);
	for (i = 0; i < x->streams && !err; i++) {
		err = ipfix_put(x, i, false);
		if (!err && templates)
			err = say_templates(x, i);
		if (!err && x->options)
			err = say_options(x, i);
	}
	if (err)
		return err;
	x->out.greeted = true;
	x->refreshed = now_ns();
	x->messages_then = x->self.messages;
	return 0;
}

bool ipfix_is_stale(const struct ipfix *x)
{
	return now_ns() - x->refreshed >= x->refresh_ns ||
	       (!x->out.peer.tcp && x->self.messages - x->messages_then >= REFRESH_MESSAGES);
}
